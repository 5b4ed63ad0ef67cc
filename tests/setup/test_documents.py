"""The documents say what the code does: generated tables, defaults, links, commands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablations.dqn.settings import Settings
from ablations.dqn.variants import DQN
from scripts.docs import DOCUMENTS as GENERATED
from scripts.docs import filled
from tests.setup.sources import REPO

DOCUMENTS = [path for pattern in ("*.md", "docs/*.md") for path in sorted(REPO.glob(pattern))]
PAGE = (REPO / "docs/what-dqn-means.md").read_text("utf-8")


@pytest.mark.parametrize("name", GENERATED)
def test_the_generated_tables_of_the_documents_are_up_to_date(name):
    text = (REPO / name).read_text("utf-8")
    assert "<!-- generated" in text
    assert text == filled(text), "run: .venv/bin/python -m scripts.docs"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_link_inside_the_repository_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_make_command_is_a_target(path):
    targets = re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text("utf-8"), re.M)
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text("utf-8"), re.M):
        assert target in targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_file_named_in_backticks_exists(path):
    for name in re.findall(
        r"`((?:ablations|analysis|docs|scripts|tests)/[\w./-]+)`", path.read_text("utf-8")
    ):
        assert (REPO / name).exists(), name


@pytest.mark.parametrize(
    ("row", "ours"),
    [
        ("budget", f"{Settings.total_timesteps:,} steps"),
        ("optimiser", DQN.optimizer.kind.capitalize()),
        ("learning rate", f"{Settings.learning_rate}"),
        ("Adam's epsilon", f"{DQN.optimizer.eps:.0e}".replace("e-0", "e-")),
        ("buffer", f"{Settings.buffer_size:,}"),
        ("batch", f"{Settings.batch_size}"),
        ("discount", f"{Settings.gamma}"),
        ("learning starts at step", f"{Settings.learning_starts:,}"),
        ("steps between updates", f"{Settings.train_frequency}"),
        ("epsilon from, to", f"{DQN.exploration.start_e}, {DQN.exploration.end_e}"),
        (
            "epsilon falls",
            f"{DQN.exploration.schedule}ly, over {DQN.exploration.exploration_fraction:.0%} of the steps",
        ),
        ("hidden layers", ", ".join(map(str, DQN.trunk.hidden))),
        ("loss", f"{DQN.loss.kind}, with the half"),
        (
            "gradient clipping",
            "none" if DQN.optimizer.max_grad_norm == 0 else f"norm {DQN.optimizer.max_grad_norm}",
        ),
    ],
)
def test_the_page_on_defaults_says_what_settings_and_pieces_say(row, ours):
    cell = re.search(rf"^\| {re.escape(row)} \| ([^|]+) \|", PAGE, re.M)
    assert cell is not None
    assert cell[1].replace(" %", "%") == ours


def studies_in(path: Path) -> Iterator[tuple[str, str]]:
    """Each study, and the Python block that stands last before it."""
    code = ""
    for language, block in re.findall(r"```(python|toml)\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
        if language == "toml":
            yield block, code
        else:
            code = block


STUDIES = {tomllib.loads(text)["name"]: (text, code) for path in DOCUMENTS for text, code in studies_in(path)}


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_in_the_documents_is_a_valid_one(name, tmp_path):
    from ablations.studies.load import load

    text, code = STUDIES[name]
    for file in tomllib.loads(text).get("pieces", ()):  # its code stands before it on the page
        (tmp_path / file).write_text(code)
    (tmp_path / "study.toml").write_text(text)
    assert load(str(tmp_path / "study.toml")).name == tomllib.loads(text)["name"]
