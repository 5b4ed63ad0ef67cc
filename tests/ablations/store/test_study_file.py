"""study.json, and what keeps it from being trusted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ablations import store


def test_an_equal_study_file_is_left_untouched(tmp_path: Path) -> None:
    study = SOUND
    store.write_study(tmp_path, study)
    before = (tmp_path / "study.json").stat().st_mtime_ns
    store.write_study(tmp_path, study)
    assert (tmp_path / "study.json").stat().st_mtime_ns == before
    assert store.read_study(tmp_path) == study


@pytest.mark.parametrize("bit", range(8))
def test_any_one_flipped_bit_of_a_study_file_is_damage(tmp_path: Path, bit: int) -> None:
    score = {"episodes": 100, "mean_return": 22.16, "std_return": 11.5}
    environments = [{"env_id": "E-v0", "args": {}, "random_policy": score}]
    study = {**SOUND, "rows": [], "runs": [], "environments": environments}
    store.write_study(tmp_path, study)
    assert store.read_study(tmp_path) == study
    data = (tmp_path / "study.json").read_bytes()
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        (tmp_path / "study.json").write_bytes(flipped)
        with pytest.raises(store.Damaged):
            store.read_study(tmp_path)


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (1, "schema version 1 is read by dqn-ablations 0.1; this is 0.2, which reads version 3"),
        (2, "schema version 2 is read by dqn-ablations 0.1; this is 0.2, which reads version 3"),
        (
            4,
            "schema version 4 is read by a newer version of dqn-ablations; this is 0.2, which reads version 3",
        ),
    ],
)
def test_a_study_file_of_another_version_is_refused_and_the_sentence_names_its_reader(
    tmp_path: Path, version: int, sentence: str
) -> None:
    store.write_study(tmp_path, {"schema_version": version, "rows": [], "runs": []})
    with pytest.raises(store.OtherVersion) as refused:
        store.read_study(tmp_path)
    assert str(refused.value) == sentence


def test_a_study_file_without_its_digest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text('{"schema_version": 3, "runs": [], "rows": []}')
    with pytest.raises(store.Damaged, match="its own digest"):
        store.read_study(tmp_path)


ROW: dict[str, Any] = {"label": "dqn", "variant": "dqn", "slots": {}, "settings": {"total_timesteps": 9}}
RUN: dict[str, Any] = {"label": "dqn", "env_id": "E", "seed": 4, "key": "0", "path": "runs/E/dqn/seed-0004-0"}
SOUND: dict[str, Any] = {
    "schema_version": store.STUDY_VERSION, "name": "s", "seeds": [4], "slots": {}, "neutral": {},
    "environments": [{"env_id": "E"}], "rows": [ROW], "runs": [RUN],
}  # fmt: skip
BROKEN: list[tuple[dict[str, Any], str]] = [
    *(({name: None}, name) for name in ("name", "seeds", "slots", "environments", "rows", "runs")),
    ({"runs": [3]}, "no object"),
    ({"runs": [{**RUN, "seed": True}]}, "'seed' of entry 0 of 'runs' is not a whole number"),
    ({"runs": [{**RUN, "seed": 5}]}, "no row, environment or seed"),
    ({"runs": [{**RUN, "label": "double"}]}, "no row, environment or seed"),
    ({"runs": [{**RUN, "path": "runs/../../x"}]}, "leads out of the folder"),
    ({"rows": [{**ROW, "settings": {}}]}, "lacks 'total_timesteps'"),
    ({"rows": [{**ROW, "slots": {"head": "linear"}}]}, "no object"),
    ({"slots": {"head": {"kind": "linear"}}}, "lacks a piece for one of its slots"),
    ({"environments": [{}]}, "lacks 'env_id'"),
    ({"environments": [{"env_id": "E", "random_policy": {"meam_return": 1}}]}, "mean_return"),
    ({"environments": [{"env_id": "E", "reward_threshold": "high"}]}, "finite number"),
    ({"environments": [{"env_id": "E", "value_bounds": [0, None]}]}, "finite number"),
]


@pytest.mark.parametrize(("broken", "says"), BROKEN)
def test_a_signed_study_that_is_not_of_its_schema_is_damaged_and_says_where(
    tmp_path: Path, broken: dict[str, Any], says: str
) -> None:
    store.write_study(tmp_path, SOUND)
    assert store.read_study(tmp_path) == SOUND
    store.write_study(tmp_path, SOUND | broken)
    with pytest.raises(store.Damaged, match=says):
        store.read_study(tmp_path)


def test_signed_decisions_that_are_not_of_their_schema_are_damaged(tmp_path: Path) -> None:
    plan = {
        "metric": "auc", "looks": [2], "alpha": 0.05, "margin": 0.05, "flips_seed": 1,
        "environments": [{"env_id": "E"}], "rows": [{"label": "dqn", "against": None}],
    }  # fmt: skip
    store.write_decisions(tmp_path, {"plan": plan, "plan_sha256": "", "looks": [], "earlier": []})
    assert store.read_decisions(tmp_path)["plan"] == plan
    every: list[dict[str, Any]] = [{"plan": {}}, {"plan": plan}, {"plan": plan, "looks": [{"env_id": "E"}]}]
    for broken in every:
        store.write_decisions(tmp_path, broken)
        with pytest.raises(store.Damaged, match="lacks"):
            store.read_decisions(tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("name", ["study.json", "decisions.json"])
def test_what_is_no_plain_file_is_damaged_and_nobody_waits_for_it(
    tmp_path: Path, name: str, make: Callable[[Path], Any]
) -> None:
    make(tmp_path / name)
    with pytest.raises(store.Damaged, match=r"is a (link|folder|pipe)"):
        (store.read_study if name == "study.json" else store.read_decisions)(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"schema_version": true, "runs": [], "rows": []}', '{"schema_version": 1}']
)
def test_a_text_that_is_no_study_file_raises_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(store.Damaged):
        store.read_study(tmp_path)
