"""Looks in the grid: the plan is stored first, runs come look by look, and a changed plan is refused or recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ablations import store
from ablations.runner import grid, looks
from ablations.runner.executors import ExecutorConfig
from ablations.runner.looks import Judge
from ablations.studies import load
from ablations.studies.study import Run, Study
from tests.ablations.documents import document
from tests.ablations.runner.test_grid import Notes

LOOKS = [2, 3, 5]
LAST = {"no-target": 1, "per": 2, "double": 3}
"""The look at which the made-up judge decides each row."""


def small(**changes: Any) -> Study:
    given = document(
        seeds="until-decided",
        variants=["dqn", *LAST],
        decide={"looks": LOOKS},
        settings={"total_timesteps": 60, "learning_starts": 20, "batch_size": 8},
        slots={"trunk": {"hidden": [4]}},
        record={"probe_every": 0, "eval_every": 0, "checkpoint_minutes": 0.0},
    )
    return load.from_document(given | changes, "mine.toml")


@dataclass
class Recorder:
    """A judge that decides by ``LAST`` once a look's runs are there, and remembers what it saw."""

    saw: list[list[int]]

    def decide(self, folder: Path) -> Mapping[str, Any]:
        study, decisions = store.read_study(folder), store.read_decisions(folder)
        self.saw.append([sum(run["label"] == label for run in study["runs"]) for label in ("dqn", *LAST)])
        number = len(decisions["looks"]) + 1
        if number > len(LOOKS) or not self._ready(study["runs"], folder, number):
            return decisions
        numbers = dict.fromkeys(store.JUDGED), dict.fromkeys(store.ENDS)
        rows = [
            {
                "label": label,
                "against": "dqn",
                "verdict": "worse" if number >= last else "undecided",
                "look": min(number, last),
                "n": LOOKS[number - 1],
                "within_margin": False,
                **numbers[0],
                "interval": numbers[1],
            }
            for label, last in LAST.items()
        ]
        return {
            **decisions,
            "looks": [
                *decisions["looks"],
                {"env_id": "CartPole-v1", "look": number, "runs": [], "rows": rows},
            ],
        }

    @staticmethod
    def _ready(runs: list[dict[str, Any]], folder: Path, number: int) -> bool:
        finished = {
            (run["label"], run["seed"]) for run in runs if store.inspect(folder / run["path"]).is_valid
        }
        needed = ["dqn", *(label for label, last in LAST.items() if last >= number)]
        return all((label, seed) in finished for label in needed for seed in range(LOOKS[number - 1]))

    def newly_decided(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
        return [f"look {look['look']}" for look in after["looks"][len(before["looks"]) :]]


def run(
    study: Study, folder: Path, select: Callable[[Study], list[Run]] = Study.runs
) -> tuple[grid.Outcome, Recorder, Notes]:
    judge, notes = Recorder([]), Notes()
    outcome = grid.run(
        looks.at_stored(study, folder),
        folder,
        executor_config=ExecutorConfig(1),
        progress=notes,
        select=select,
        judge=Judge(judge.decide, judge.newly_decided),
    )
    return outcome, judge, notes


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """The study, run in one go."""
    folder = tmp_path_factory.mktemp("looks") / "mine"
    return folder, *run(small(), folder)


def test_each_look_lists_its_runs_before_they_are_judged(decided):
    _, outcome, judge, notes = decided
    assert judge.saw == [[2, 2, 2, 2], [3, 2, 3, 3], [5, 2, 3, 5], [5, 2, 3, 5]]
    assert (outcome.new, outcome.chosen, outcome.valid) == (15, 15, 15)
    assert notes.notes == ["look 1", "look 2", "look 3"]
    assert notes.total == 15 * 60


def test_a_second_call_judges_and_trains_nothing(decided):
    folder = decided[0]
    before = (folder / store.DECISIONS).read_bytes()
    outcome, judge, _ = run(small(), folder)
    assert (outcome.new, outcome.valid, len(judge.saw)) == (0, 15, 1)
    assert (folder / store.DECISIONS).read_bytes() == before


def test_lost_decisions_are_made_again_to_the_same_bytes(decided):
    folder = decided[0]
    before = (folder / store.DECISIONS).read_bytes()
    (folder / store.DECISIONS).write_bytes(before[:-40])
    outcome, _, notes = run(small(), folder)
    assert (folder / store.DECISIONS).read_bytes() == before
    assert outcome.new == 0
    assert any("looks are judged again" in note for note in notes.notes)


def test_a_part_of_the_rows_ends_before_a_look_that_waits_for_others(tmp_path):
    study, folder = small(), tmp_path / "mine"
    outcome, _, _ = run(study, folder, lambda now: now.select(variants=["dqn", "per"]))
    assert (outcome.new, store.read_decisions(folder)["looks"]) == (4, [])
    assert looks.waiting(study, outcome.statuses, folder) == [
        "CartPole-v1: the next look waits for no-target, double"
    ]
    outcome, _, _ = run(study, folder)
    assert outcome.valid == 15


def test_without_the_first_looks_seeds_nothing_is_judged(tmp_path):
    study, folder = load.with_seeds(small(), 1), tmp_path / "mine"
    outcome, _, _ = run(study, folder)
    assert (outcome.new, store.read_decisions(folder)["looks"]) == (4, [])
    assert "no look of 3 was judged yet" in looks.state_lines(study, folder)[0]


def test_seeds_stop_after_the_last_look_that_they_reach(tmp_path):
    study, folder = load.with_seeds(small(), 4), tmp_path / "mine"
    outcome, _, _ = run(study, folder)
    assert (outcome.new, len(store.read_decisions(folder)["looks"])) == (11, 2)
    assert looks.state_lines(study, folder) == [
        "CartPole-v1: look 2 of 3 was judged, 2 of 3 rows are decided; the next look, at 5 seeds, is for double"
    ]
    assert run(small(), folder)[0].new == 4


def test_before_the_first_look_another_plan_replaces_the_stored_one(tmp_path):
    folder = tmp_path / "mine"
    run(load.with_seeds(small(), 1), folder)
    changed = small(decide={"looks": LOOKS, "margin": 0.1})
    looks.check_plan(changed, folder)
    _, _, notes = run(changed, folder)
    assert (
        "the plan changed (margin): it replaces the stored one, by which nothing was judged yet"
        in notes.notes
    )
    assert store.read_decisions(folder)["plan"]["margin"] == 0.1
    assert store.read_decisions(folder)["earlier"] == []


def test_after_a_look_another_plan_is_refused_and_recorded_where_it_is_meant(tmp_path):
    folder = tmp_path / "mine"
    run(load.with_seeds(small(), 2), folder)
    changed = small(decide={"looks": LOOKS, "alpha": 0.1}, variants=["dqn", *LAST, "dueling"])
    with pytest.raises(looks.PlanChanged, match="alpha, environments, rows"):
        looks.check_plan(changed, folder)
    assert looks.at_stored(changed, folder).counts == changed.counts  # its own first look's
    before = store.read_decisions(folder)
    _, _, notes = run(changed, folder)
    after = store.read_decisions(folder)
    assert any("voids the guarantee" in note for note in notes.notes)
    assert after["earlier"] == [{name: before[name] for name in ("plan", "plan_sha256", "looks")}]
    assert after["plan"]["alpha"] == 0.1


def test_a_plan_that_nobody_judges_is_stored_before_the_first_run(tmp_path):
    class Stop(Notes):
        def start(self, total_steps: int, text: str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grid.run(small(), tmp_path / "mine", executor_config=ExecutorConfig(1), progress=Stop())
    stored = store.read_decisions(tmp_path / "mine")
    assert stored["plan"]["looks"] == LOOKS
    assert stored["looks"] == []
