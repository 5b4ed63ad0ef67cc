"""The recipes for a trick, a slot, an environment and a metric of one's own, carried out as documents spell them."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ablations.studies import load

from .once import once
from .outside import REPO, assert_answered, manifest_of, python, runs_in, write_study

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
CARTPOLE, CORRIDOR = "CartPole-v1", "corridor:Corridor-v0"


def blocks(document: str, title: str) -> list[str]:
    """The code under the heading that begins like this."""
    text = (REPO / document).read_text(encoding="utf-8")
    (section,) = [part for part in re.split(r"^## ", text, flags=re.MULTILINE) if part.startswith(title)]
    return BLOCK.findall(section)


def put(path: Path, code: str, before: str) -> None:
    """Write code into a file, before the first line that begins like this."""
    text = path.read_text(encoding="utf-8")
    head, found, tail = text.partition(f"\n{before}")
    assert found, f"no line of {path} begins with {before!r}"
    path.write_text(f"{head}\n{code}{found[1:]}{tail}", encoding="utf-8")


def add(path: Path, code: str) -> None:
    path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{code}", encoding="utf-8")


def carry_out_all_recipes(folder: Path) -> None:
    """Both packages, copied to a folder, with all that the recipes add."""
    for package in ("ablations", "analysis"):
        shutil.copytree(REPO / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    dqn, metrics = folder / "ablations" / "dqn", folder / "analysis" / "metrics"
    variants = dqn / "variants.py"

    piece, lines = blocks("CONTRIBUTING.md", "Add a trick")
    imported, named = lines.split("\n\n")
    add(dqn / "bootstrap.py", piece)
    put(variants, f"{imported}\n", "from ablations.dqn.bootstrap")
    put(variants, named, "    # combinations")

    file, lines, call = blocks("CONTRIBUTING.md", "Add a slot")
    imported, field, named = lines.split("\n\n")
    (dqn / "rewards.py").write_text(file, encoding="utf-8")
    put(variants, f"{imported}\n", "from ablations.dqn.target")
    put(variants, f"{field}\n\n", "    def __iter__")
    put(variants, named, "    # combinations")
    learner = dqn / "learner.py"
    sampled = re.search(r"^    batch = .*\n", learner.read_text(encoding="utf-8"), re.MULTILINE)
    assert sampled is not None
    learner.write_text(
        learner.read_text(encoding="utf-8").replace(sampled[0], sampled[0] + call, 1), encoding="utf-8"
    )

    (module,) = blocks("CONTRIBUTING.md", "Add an environment")
    (folder / "corridor.py").write_text(module, encoding="utf-8")

    function, lines = blocks("CONTRIBUTING.md", "Add a metric")
    imported, line = lines.split("\n\n")
    add(metrics / "learning.py", function)
    put(metrics / "registry.py", f"{imported}\n", "from analysis.metrics.learning")
    put(metrics / "registry.py", line, ")  # fmt: skip")


@pytest.fixture
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a small study was run and tabulated by the packages with all that the recipes add."""

    def make(folder: Path) -> None:
        carry_out_all_recipes(folder)
        page = (REPO / "CONTRIBUTING.md").read_text(encoding="utf-8")
        (allowed,) = re.findall(r"^allow_modules = .*", page, re.MULTILINE)
        top = {"envs": [CARTPOLE, CORRIDOR], "variants": "all", "seeds": 1}
        path = write_study(folder, top, {"total_timesteps": 400})
        path.write_text(f"{allowed}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
        words = ("run", "tiny.toml", "--variants", "dqn", "mean", "scaled-rewards")
        assert_answered(python("-m", "ablations", *words, cwd=folder), 0)
        assert_answered(python("-m", "analysis", "tables", "results/tiny", cwd=folder), 0)

    return once(tmp_path_factory, "recipes", make)


def slots_and_series(made: Path, env_id: str) -> dict[str, tuple[dict[str, object], bytes]]:
    """By row that was run: what its configuration says of slots, and the bytes of its series."""
    results = made / "results" / "tiny"
    return {
        run["label"]: (
            manifest_of(results, run)["config"]["slots"],
            (results / run["path"] / "episodes.parquet").read_bytes(),
        )
        for run in runs_in(results)
        if run["env_id"] == env_id and (results / run["path"]).exists()
    }


def test_a_trick_is_run_drawn_and_compared(made: Path) -> None:
    found = slots_and_series(made, CARTPOLE)
    assert found["mean"][0]["bootstrap"] == {"kind": "mean"}
    assert found["mean"][1] != found["dqn"][1]
    summary = (made / "results" / "tiny" / "tables" / "summary.csv").read_text(encoding="utf-8")
    assert "\nCartPole-v1,mean,1," in summary


def test_a_slot_takes_part_and_changes_no_key_of_those_who_do_not_use_it(made: Path, tmp_path: Path) -> None:
    found = slots_and_series(made, CARTPOLE)
    assert found["scaled-rewards"][0]["rewards"] == {"kind": "scaled"}
    assert found["scaled-rewards"][1] != found["dqn"][1]
    without = load.load(str(write_study(tmp_path, {"seeds": 1}, {"total_timesteps": 400})))
    (key,) = {run.key for run in without.runs()}
    assert key in {run["key"] for run in runs_in(made / "results" / "tiny") if run["label"] == "dqn"}


def test_an_environment_ends_where_its_world_does_and_is_cut_where_its_time_does(made: Path) -> None:
    results = made / "results" / "tiny"
    (run,) = [run for run in runs_in(results) if (run["env_id"], run["label"]) == (CORRIDOR, "dqn")]
    episodes = pq.read_table(results / run["path"] / "episodes.parquet").to_pydict()
    assert any(episodes["terminated"])
    for ended, score, length in zip(
        episodes["terminated"], episodes["episodic_return"], episodes["episodic_length"], strict=True
    ):
        assert (score, length >= 4) == (1.0, True) if ended else (0.0, length == 50)


def test_a_metric_is_a_column_with_its_interval_and_is_compared_with_the_baseline(made: Path) -> None:
    tables = made / "results" / "tiny" / "tables"
    with (tables / "summary.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["n"] == "1"]
    assert len(rows) == 6
    assert all(float(row["worst_return"]) > 0 for row in rows if row["env_id"] == CARTPOLE)
    assert {"worst_return_low", "worst_return_high"} <= set(rows[0])
    with (tables / "comparisons.csv").open(encoding="utf-8", newline="") as file:
        assert "worst_return" in {row["metric"] for row in csv.DictReader(file)}
