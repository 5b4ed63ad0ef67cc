"""What computes (--engine) and where (--executor): the first is stored with a study, the second changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from .outside import (
    QUESTION,
    SLOW_SOFT,
    ablations,
    assert_answered,
    assert_refused,
    begin,
    fingerprint,
    manifest_of,
    read_json,
    runs_in,
    write_study,
)


def another_than(engine: str) -> str:
    return "native" if engine == "reference" else "reference"


def test_another_engine_on_a_study_that_has_begun_is_refused_and_the_way_out_named(copied: Path) -> None:
    results = copied / "results" / "tiny"
    stored = read_json(results / "study.json")["engine"]
    before = fingerprint(results)
    for command in ("run", "plan"):
        answer = ablations(command, "tiny.toml", "--engine", another_than(stored), cwd=copied)
        assert_refused(answer, "--engine", "--results")
    top = {"variants": ["dqn", "per", "slow-soft"], "seeds": 3, "question": QUESTION}
    write_study(copied, top | {"engine": another_than(stored)}, tables=SLOW_SOFT)
    assert_refused(ablations("run", "tiny.toml", cwd=copied), "engine", "--results")
    assert fingerprint(results) == before
    # The option overrides the study's.
    assert_answered(ablations("run", "tiny.toml", "--engine", stored, cwd=copied), 0)
    assert {name for name, found in fingerprint(results).items() if found != before[name]} <= {"study.json"}


def test_a_study_that_has_begun_with_one_engine_stays_with_it_under_auto(tmp_path: Path) -> None:
    write_study(tmp_path, {"engine": "native", "seeds": 2}, {"total_timesteps": 120})
    results = begin(tmp_path, "--engine", "reference", "--seeds", "1")
    assert read_json(results / "study.json")["engine"] == "reference"
    write_study(tmp_path, {"engine": "auto", "seeds": 2}, {"total_timesteps": 120})
    begin(tmp_path)
    assert read_json(results / "study.json")["engine"] == "reference"
    assert [manifest_of(results, run)["config"]["engine"] for run in runs_in(results)] == ["reference"] * 2


def test_an_engine_is_part_of_the_key_and_an_executor_is_not(copied: Path) -> None:
    results = copied / "results" / "tiny"
    before, listed = fingerprint(results), {run["key"] for run in runs_in(results)}
    assert_answered(ablations("run", "tiny.toml", "--executor", "local", cwd=copied), 0)
    assert fingerprint(results) == before

    engine = another_than(read_json(results / "study.json")["engine"])
    options = ["--engine", engine, "--results", "other", "--variants", "dqn", "--seeds", "1", "--jobs", "1"]
    assert_answered(ablations("run", "tiny.toml", *options, cwd=copied), 0)
    other = copied / "other" / "tiny"
    assert read_json(other / "study.json")["engine"] == engine
    assert not listed & {run["key"] for run in runs_in(other)}


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_a_named_engine_is_stored_and_stands_in_the_config(engine: str, tmp_path: Path) -> None:
    write_study(tmp_path, {"engine": engine, "seeds": 1}, {"total_timesteps": 120})
    results = begin(tmp_path)
    assert read_json(results / "study.json")["engine"] == engine
    (run,) = runs_in(results)
    assert manifest_of(results, run)["config"]["engine"] == engine
