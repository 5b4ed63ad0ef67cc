"""study.json: the resolved study, from which figures, tables and other programs read what was asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .defaults import PIECES, RETIRED, SETTINGS, slots_with, told
from .outside import SMALL, manifest_of, read_json, rows_in, runs_in
from .test_keys import strings


def test_rows_stand_in_the_studys_order_with_all_slots_and_settings(results: Path) -> None:
    study = read_json(results / "study.json")
    assert isinstance(study["schema_version"], int)
    assert study["name"] == "tiny"
    rows = rows_in(results)
    assert list(rows) == ["dqn", "per", "slow-soft"]
    for row in rows.values():
        assert set(row["slots"]) == set(PIECES)
        assert row["settings"] == row["settings"] | SETTINGS | SMALL
        assert not set(row["settings"]) & set(RETIRED)
        assert row["swept"] == {}
    small = {"trunk": {"kind": "mlp", "hidden": [16]}}
    assert told(rows["dqn"]["slots"]) == slots_with(**small)
    assert told(rows["per"]["slots"]) == slots_with(**small, replay={"kind": "prioritized"})
    assert told(rows["slow-soft"]["slots"]) == slots_with(**small, target={"kind": "soft", "tau": 0.001})


@pytest.mark.parametrize("study", ["finished", "swept", "factorial"])
def test_each_piece_carries_its_facts(study: str, request: pytest.FixtureRequest) -> None:
    for row in rows_in(request.getfixturevalue(study) / "results" / "tiny").values():
        facts = {slot: piece["facts"] for slot, piece in row["slots"].items()}
        assert {"selects", "evaluates"} <= set(facts["bootstrap"])
        assert any("order" in each for each in facts.values())


def test_every_run_asked_for_is_listed_once(results: Path) -> None:
    runs = runs_in(results)
    assert {(run["label"], run["env_id"], run["seed"]) for run in runs} == {
        (label, "CartPole-v1", seed) for label in ("dqn", "per", "slow-soft") for seed in (0, 1, 2)
    }
    assert len(runs) == 9
    for run in runs:
        assert {"label", "env_id", "seed", "key", "path"} <= set(run)
        assert manifest_of(results, run)["key"] == run["key"]


def test_environments_stand_with_threshold_bounds_and_the_random_policys_score(results: Path) -> None:
    (environment,) = read_json(results / "study.json")["environments"]
    assert environment["env_id"] == "CartPole-v1"
    assert environment["reward_threshold"] == 475.0
    assert "value_bounds" in environment
    policy = environment["random_policy"]
    assert policy["episodes"] >= 100
    # The random policy's mean on CartPole is 22; a hundred episodes put it well inside these.
    assert 17 < policy["mean_return"] < 28


def test_the_engine_is_stored_as_resolved(results: Path) -> None:
    assert read_json(results / "study.json")["engine"] in {"reference", "native"}


@pytest.mark.parametrize("study", ["finished", "swept", "factorial"])
def test_nothing_stored_holds_an_absolute_path(study: str, request: pytest.FixtureRequest) -> None:
    absolute = re.compile(r"(?:^|[\s\"'(=:])/[\w.-]+/")
    results = request.getfixturevalue(study) / "results" / "tiny"
    for path in [results / "study.json", *(results / "runs").rglob("manifest.json")]:
        assert [text for text in strings(read_json(path)) if absolute.search(text)] == []
