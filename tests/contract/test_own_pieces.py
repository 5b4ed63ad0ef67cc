"""Tricks in files beside a study, carried out as the documents show them, changed, and lost."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from .once import once
from .outside import (
    REPO,
    Answer,
    ablations,
    analysis,
    assert_answered,
    assert_refused,
    manifest_of,
    names_in,
    read_json,
    rows_in,
    runs_in,
)


def shown(document: str, title: str) -> tuple[str, str, list[list[str]]]:
    """What a document shows under a heading: the piece, the study, and each command with lines of its output."""
    text = (REPO / document).read_text(encoding="utf-8")
    (section,) = [part for part in re.split(r"^## ", text, flags=re.MULTILINE) if part.startswith(title)]
    blocks = dict(re.findall(r"```(python|toml|)\n(.*?)```", section, re.DOTALL))
    calls = [call.splitlines() for call in blocks.get("", "").split("$ ")[1:]]
    return blocks["python"], blocks["toml"], calls


PIECE, STUDY, CALLS = shown("README.md", "A trick of your own")


@pytest.fixture(scope="module")
def carried_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where README's trick was planned and run; what the commands printed lies in said.json."""

    def make(folder: Path) -> None:
        (folder / "mean.py").write_text(PIECE, encoding="utf-8")
        (folder / "uniform.toml").write_text(STUDY, encoding="utf-8")
        answers = [call_as_shown(call[0], folder) for call in CALLS]
        (folder / "said.json").write_text(
            json.dumps([[each.returncode, each.stdout + each.stderr] for each in answers]), encoding="utf-8"
        )

    return once(tmp_path_factory, "own-pieces", make)


@pytest.fixture
def place(carried_out: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to change things in."""
    return shutil.copytree(carried_out, tmp_path / "place")


def call_as_shown(command: str, folder: Path) -> Answer:
    words = command.split()
    assert words[:3] == ["python", "-m", "ablations"]
    return ablations(*words[3:], cwd=folder)


def test_commands_print_what_the_readme_shows(carried_out: Path) -> None:
    said = json.loads((carried_out / "said.json").read_text(encoding="utf-8"))
    assert [call[0].split()[3] for call in CALLS] == ["plan", "run"]
    for (code, text), (_, *lines) in zip(said, CALLS, strict=True):
        assert code == 0, text
        assert [line for line in lines if line != "..." and line not in text.splitlines()] == []


def test_what_is_stored_names_the_file_where_its_piece_is_held_and_nowhere_else(carried_out: Path) -> None:
    folder = carried_out / "results" / "uniform"
    (digest,) = read_json(folder / "study.json")["pieces"].values()
    configs = {run["label"]: manifest_of(folder, run)["config"] for run in runs_in(folder)}
    assert "pieces" not in configs["dqn"]
    assert configs["mean"]["pieces"] == {"mean.py": digest}
    assert configs["mean"]["slots"] == {"bootstrap": {"kind": "mean"}}
    assert names_in(carried_out) == {"mean.py", "uniform.toml", "results", "said.json", "made"}


def test_it_verifies_to_the_bit_and_is_tabulated_without_its_file(place: Path) -> None:
    answer = ablations("verify", "uniform.toml", "--rerun", "6", "--jobs", "1", cwd=place)
    assert_answered(answer, 0)
    assert "0 fail" in answer.stdout
    assert "7 same bits" in answer.stdout
    (place / "mean.py").unlink()
    assert_answered(analysis("tables", "results/uniform", cwd=place), 0)
    summary = (place / "results" / "uniform" / "tables" / "summary.csv").read_text(encoding="utf-8")
    assert "\nCartPole-v1,mean,3," in summary


def test_a_changed_file_is_other_runs_and_everybody_says_so(place: Path) -> None:
    with (place / "mean.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    plan, status = (ablations(command, "uniform.toml", cwd=place) for command in ("plan", "status"))
    assert_answered(plan, 0)
    assert "note: 'mean.py' has changed: its digest was " in plan.stdout
    assert "6 runs asked for: 3 done, 3 to do" in plan.stdout
    assert_answered(status, 0)
    assert "\n'mean.py' has changed: its digest was " in status.stdout
    verify = ablations("verify", "uniform.toml", "--rerun", "6", "--jobs", "1", cwd=place)
    assert_answered(verify, 0)
    assert "not checked" in verify.stdout
    assert "4 same bits; 3 not repeated" in verify.stdout


@pytest.mark.parametrize("command", ["plan", "run", "status", "verify", "where"])
def test_without_the_file_a_study_is_bad_input(place: Path, command: str) -> None:
    (place / "mean.py").rename(place / "means.py")
    answer = ablations(command, "uniform.toml", "--results", "elsewhere", cwd=place)
    assert_refused(answer, "uniform.toml: pieces: 'mean.py': no such file; did you mean 'means.py'?")
    assert len(answer.stderr.splitlines()) == 1
    assert not (place / "elsewhere").exists()


def test_the_trick_of_contributing_is_run_with_its_numbers_and_facts(tmp_path: Path) -> None:
    piece, study, _ = shown("CONTRIBUTING.md", "A trick beside a study")
    (tmp_path / "stepwise.py").write_text(piece, encoding="utf-8")
    (tmp_path / "stepwise.toml").write_text(study, encoding="utf-8")
    assert_answered(ablations("run", "stepwise.toml", "--seeds", "2", "--jobs", "1", cwd=tmp_path), 0)
    folder = tmp_path / "results" / "stepwise"
    rows = rows_in(folder)
    assert list(rows) == ["hard", "soft", "stepwise", "stepwise.period=100,tau=0.5"]
    lag = rows["stepwise.period=100,tau=0.5"]["slots"]["target"]["facts"]["lag"]
    assert lag == 100 * (1 / 0.5 - 1) + 49.5  # the mean wait for a blend comes on top of the blends' own lag
    configs = [manifest_of(folder, run)["config"] for run in runs_in(folder)]
    assert [config["slots"].get("target") for config in configs[-2:]] == [
        {"kind": "stepwise", "period": 100, "tau": 0.5}
    ] * 2


def test_a_piece_that_raises_fails_its_own_runs_and_plan_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "mean.py").write_text(PIECE.replace("batch.reward", "batch.rewards"), encoding="utf-8")
    (tmp_path / "uniform.toml").write_text(STUDY, encoding="utf-8")
    raised = "AttributeError: 'Batch' object has no attribute 'rewards'"
    assert_refused(ablations("plan", "uniform.toml", cwd=tmp_path), f"'mean.py', line 11: raised {raised}")
    run = ablations("run", "uniform.toml", "--seeds", "1", "--jobs", "1", cwd=tmp_path)
    assert_answered(run, 1)
    assert "1 of 2 runs are valid" in run.stdout
    assert raised in run.stdout
    folder = tmp_path / "results" / "uniform"
    (failed,) = [run for run in runs_in(folder) if run["label"] == "mean"]
    assert manifest_of(folder, failed)["error"]["traceback"][-1] == "mean.py:11 __call__"


HEAD = """
from dataclasses import dataclass
from ablations.dqn.head import Linear

@dataclass(frozen=True)
class Twice(Linear):
    slot, kind = "head", "twice"

    def outputs(self, params, h):
        return 2 * super().outputs(params, h)
"""


def test_a_network_of_a_piece_of_ones_own_is_played_with_its_file_alone(tmp_path: Path) -> None:
    (tmp_path / "twice.py").write_text(HEAD, encoding="utf-8")
    study = STUDY.replace("mean.py", "twice.py").replace('bootstrap = "mean"', 'head = "twice"')
    (tmp_path / "uniform.toml").write_text(study + "[record]\nweights = true\n", encoding="utf-8")
    assert_answered(ablations("run", "uniform.toml", "--seeds", "1", "--jobs", "1", cwd=tmp_path), 0)
    own = next(str(path.relative_to(tmp_path)) for path in tmp_path.glob("results/uniform/runs/*/mean/*"))
    refused = ablations("play", own, cwd=tmp_path)
    assert_refused(refused, "RUN", "'twice' is a piece of twice.py", "add --pieces FOLDER/twice.py")
    assert_answered(ablations("play", own, "--pieces", "twice.py", "--episodes", "2", cwd=tmp_path), 0)
    (tmp_path / "twice.py").write_text(HEAD.replace("2 *", "3 *"), encoding="utf-8")
    refused = ablations("play", own, "--pieces", "twice.py", cwd=tmp_path)
    assert_refused(refused, "--pieces", "'twice.py' has changed: its digest was ")
