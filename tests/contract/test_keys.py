"""A run's key: the digest of what decides its bits, in which nothing neutral and no default stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .defaults import in_config, settings_in_config
from .outside import (
    PLAIN,
    SMALL,
    begin,
    digest_of,
    manifest_of,
    read_json,
    rows_in,
    runs_in,
    write_study,
)


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def key_of(results: Path, label: str, seed: int = 0) -> str:
    (key,) = [run["key"] for run in runs_in(results) if (run["label"], run["seed"]) == (label, seed)]
    assert isinstance(key, str)
    return key


@pytest.mark.parametrize("study", ["finished", "swept", "factorial"])
def test_the_key_is_the_digest_of_the_manifests_config(study: str, request: pytest.FixtureRequest) -> None:
    results = request.getfixturevalue(study) / "results" / "tiny"
    for run in runs_in(results):
        manifest = manifest_of(results, run)
        assert digest_of(manifest["config"]) == manifest["key"] == run["key"]
    assert len({run["key"] for run in runs_in(results)}) == len(runs_in(results))


@pytest.mark.parametrize("study", ["finished", "swept", "factorial"])
def test_config_holds_pieces_and_settings_where_they_are_not_the_default(
    study: str, request: pytest.FixtureRequest
) -> None:
    results = request.getfixturevalue(study) / "results" / "tiny"
    rows = rows_in(results)
    for run in runs_in(results):
        config, row = manifest_of(results, run)["config"], rows[run["label"]]
        assert config.get("slots", {}) == in_config(row["slots"])
        assert config.get("settings", {}) == settings_in_config(row["settings"])


def test_the_configs_of_a_small_study_are_as_short_as_this(results: Path) -> None:
    slots = {run["label"]: manifest_of(results, run)["config"]["slots"] for run in runs_in(results)}
    trunk = {"kind": "mlp", "hidden": [16]}
    assert slots == {
        "dqn": {"trunk": trunk},
        "per": {"trunk": trunk, "replay": {"kind": "prioritized"}},
        "slow-soft": {"trunk": trunk, "target": {"kind": "soft", "tau": 0.001}},
    }
    for run in runs_in(results):
        assert manifest_of(results, run)["config"]["settings"] == SMALL


def test_config_holds_what_decides_the_bits_and_nothing_else(results: Path) -> None:
    engine = read_json(results / "study.json")["engine"]
    for run in runs_in(results):
        config = manifest_of(results, run)["config"]
        assert (config["seed"], config["entropy"], config["engine"]) == (run["seed"], 0, engine)
        words = set(strings(config))
        assert run["env_id"] in words
        assert any("algorithm" in word for word in words)
        foreign = {"schema_version", "label", "labels", "jobs", "lanes", "path", "paths", "host"}
        assert not words & (foreign | {"checkpoint_minutes", "seeds", "facts", run["label"]})


DEFAULTS = """
name = "tiny"
envs = ["CartPole-v1", "CartPole-v0"]
seeds = 1
baseline = "dqn"
variants = ["dqn", "per"]
engine = "reference"
[env."CartPole-v1"]
settings = { total_timesteps = 100, learning_starts = 64 }
"""


def test_a_study_without_settings_has_the_keys_that_follow_from_leaving_all_defaults_out(
    tmp_path: Path,
) -> None:
    (tmp_path / "tiny.toml").write_text(DEFAULTS + PLAIN, encoding="utf-8")
    results = begin(tmp_path, "--envs", "CartPole-v1")
    trained = [run for run in runs_in(results) if run["env_id"] == "CartPole-v1"]
    listed = {run["label"]: run["key"] for run in runs_in(results) if run["env_id"] == "CartPole-v0"}
    assert set(listed) == {"dqn", "per"}
    for run in trained:
        config = manifest_of(results, run)["config"]
        assert config["settings"] == {"total_timesteps": 100, "learning_starts": 64}
        assert config.get("slots", {}) == (
            {} if run["label"] == "dqn" else {"replay": {"kind": "prioritized"}}
        )
        other = json.loads(json.dumps(config).replace("CartPole-v1", "CartPole-v0"))
        # Whether a table that has become empty stays in its place is left open.
        expected = {digest_of({**other, "settings": {}})}
        expected.add(digest_of({name: value for name, value in other.items() if name != "settings"}))
        assert listed[run["label"]] in expected


def test_a_default_that_is_spelled_out_changes_no_key(finished: Path, tmp_path: Path) -> None:
    mine = (
        '[variant.mine]\nbase = "dqn"\nlabel = "Quite another name"\ntarget = { kind = "hard", period = 100 }\n'
        'replay = { kind = "uniform" }\nexploration = { start_e = 1.0 }\n'
        '[variant.copy]\nbase = "mine"\nreplay = { kind = "prioritized", alpha = 0.6 }\n'
        '[variant.other]\nbase = "mine"\nreplay = { kind = "prioritized", alpha = 0.61 }\n'
    )
    top = {"baseline": "mine", "variants": ["mine", "copy", "other"], "seeds": [2, 0]}
    settings = {"gamma": 0.99, "train_frequency": 1, "bootstrap_truncated": True}
    slots = {"bootstrap": "max", "loss": {"kind": "squared"}, "optimizer": {"eps": 1e-8}}
    write_study(tmp_path, top | {"question": "And now?"}, settings, mine, slots=slots)
    results, stored = begin(tmp_path, "--variants", "mine"), finished / "results" / "tiny"
    for seed in (0, 2):
        assert key_of(results, "mine", seed) == key_of(stored, "dqn", seed)
        assert key_of(results, "copy", seed) == key_of(stored, "per", seed)
        assert key_of(results, "other", seed) != key_of(stored, "per", seed)


def test_one_piece_has_one_key_however_a_study_comes_to_it(finished: Path, tmp_path: Path) -> None:
    top = {"baseline": "plain", "variants": ["plain", "hard"], "seeds": 1}
    tables = '[variant.plain]\nbase = "dqn"\n[variant.hard]\nbase = "dqn"\ntarget = { kind = "hard" }\n'
    soft = {"target": {"kind": "soft", "tau": 0.001}}
    write_study(tmp_path, top, tables=tables, slots=soft)
    results, stored = begin(tmp_path, "--variants", "plain"), finished / "results" / "tiny"
    assert key_of(results, "plain") == key_of(stored, "slow-soft")
    assert key_of(results, "hard") == key_of(stored, "dqn")
