"""Runs: what it takes to be valid."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ablations import store
from ablations.store import runs
from tests.ablations.store.one_run import CONFIG, KEY, MANIFEST, PATH, episodes, written


@pytest.mark.parametrize("state", store.VALID)
def test_a_written_run_is_valid(tmp_path: Path, state: str) -> None:
    status = store.inspect(written(tmp_path, state), KEY)
    assert status.is_valid
    assert status.state == state


@pytest.mark.parametrize("state", store.ATTEMPTS)
def test_an_attempt_is_recorded_and_is_not_valid(tmp_path: Path, state: str) -> None:
    status = store.inspect(written(tmp_path, state), KEY)
    assert not status.is_valid
    assert status.state == state


def test_an_empty_table_keeps_the_schema(tmp_path: Path) -> None:
    store.write_run(
        tmp_path,
        PATH,
        MANIFEST,
        {"episodes": store.EPISODES.empty_table()},
    )
    assert store.read_table(tmp_path / PATH).schema.equals(store.EPISODES)
    assert store.inspect(tmp_path / PATH, KEY).is_valid


@pytest.mark.parametrize("place", [0, 4, 500, -1])
def test_one_flipped_bit_in_parquet_is_damage(tmp_path: Path, place: int) -> None:
    file = written(tmp_path) / "episodes.parquet"
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    assert store.inspect(tmp_path / PATH, KEY).state == "damaged"


DAMAGE = {
    "an empty manifest": b"",
    "half a manifest": b'{"schema_version": 3, "status":',
    "a list": b"[]",
    "no utf-8": b"\xff\xfe",
    "a newer schema": json.dumps({"schema_version": 99, "status": "ok"}).encode(),
    "no configuration": json.dumps({"schema_version": 3, "status": "ok"}).encode(),
    "deep nesting": b"[" * 100_000,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_manifest_is_told_and_not_trusted(tmp_path: Path, name: str) -> None:
    run = written(tmp_path)
    (run / "manifest.json").write_bytes(DAMAGE[name])
    status = store.inspect(run, KEY)
    assert status.state == "damaged"
    assert status.reason


def edited(run: Path, **changes: Any) -> store.RunStatus:
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_bytes(store.manifest_bytes({**manifest, **changes}))
    return store.inspect(run, KEY)


def test_an_edited_configuration_is_damage(tmp_path: Path) -> None:
    assert edited(written(tmp_path), config={**CONFIG, "seed": 4}).state == "damaged"


def test_an_unknown_status_is_damage(tmp_path: Path) -> None:
    assert edited(written(tmp_path), status="fine").state == "damaged"


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/episodes.parquet", "a/b.parquet", "x.pkl"])
def test_a_manifest_cannot_name_files_elsewhere_or_of_other_kinds(tmp_path: Path, name: str) -> None:
    files = {name: {"sha256": "", "bytes": 0, "rows": 0}}
    assert edited(written(tmp_path), files=files).state == "damaged"


def test_a_manifest_without_episodes_is_damage(tmp_path: Path) -> None:
    assert edited(written(tmp_path), files={}).state == "damaged"


def test_a_table_behind_a_link_is_damage(tmp_path: Path) -> None:
    run = written(tmp_path)
    elsewhere = tmp_path / "elsewhere.parquet"
    (run / "episodes.parquet").rename(elsewhere)
    (run / "episodes.parquet").symlink_to(elsewhere)
    assert store.inspect(run, KEY).state == "damaged"


@pytest.mark.parametrize("above", range(4))
def test_a_run_behind_a_link_is_damage(tmp_path: Path, above: int) -> None:
    run = written(tmp_path / "study")
    place = [run, *run.parents][above]
    elsewhere = tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    status = store.inspect(run, KEY)
    assert status.state == "damaged"
    assert "link" in str(status.reason)


def test_a_manifest_behind_a_link_is_damage(tmp_path: Path) -> None:
    run = written(tmp_path / "study")
    (run / "manifest.json").rename(tmp_path / "elsewhere.json")
    (run / "manifest.json").symlink_to(tmp_path / "elsewhere.json")
    assert store.inspect(run, KEY).state == "damaged"


def test_a_run_of_a_study_behind_a_link_is_valid(tmp_path: Path) -> None:
    written(tmp_path / "other disk")
    (tmp_path / "study").symlink_to(tmp_path / "other disk")
    assert store.inspect(tmp_path / "study" / PATH, KEY).is_valid


@pytest.mark.parametrize("bit", range(8))
def test_any_one_flipped_bit_of_a_manifest_is_damage(tmp_path: Path, bit: int) -> None:
    run = written(tmp_path, wall_seconds=1.5e-05, steps=30)
    data = (run / "manifest.json").read_bytes()
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        (run / "manifest.json").write_bytes(flipped)
        assert store.inspect(run, KEY).state == "damaged", data[place - 20 : place + 20]


@pytest.mark.parametrize("change", ["spaces", "an entry more", "no digest"])
def test_a_manifest_that_was_edited_does_not_vouch_for_itself(tmp_path: Path, change: str) -> None:
    run = written(tmp_path)
    manifest = json.loads((run / "manifest.json").read_text())
    if change == "an entry more":
        manifest["note"] = "better"
    if change == "no digest":
        del manifest["manifest_sha256"]
    (run / "manifest.json").write_text(json.dumps(manifest, indent=2 if change == "spaces" else 1) + "\n")
    assert "its own digest" in str(store.inspect(run, KEY).reason)


def test_the_digest_of_a_manifest_is_of_its_text_without_the_last_entry(tmp_path: Path) -> None:
    text = (written(tmp_path) / "manifest.json").read_text()
    body, _, tail = text.rpartition(',\n "manifest_sha256": "')
    assert tail == hashlib.sha256((body + "\n}\n").encode()).hexdigest() + '"\n}\n'


def test_another_runs_folder_is_damage(tmp_path: Path) -> None:
    assert store.inspect(written(tmp_path), "0123456789ab").state == "damaged"


def test_no_folder_is_missing_and_files_without_a_manifest_are_damage(tmp_path: Path) -> None:
    assert store.inspect(tmp_path / PATH, KEY).state == "missing"
    run = written(tmp_path)
    (run / "manifest.json").unlink()
    assert store.inspect(run, KEY).state == "damaged"


def test_a_new_attempt_takes_the_old_manifest_away_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = written(tmp_path, "failed")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "write_atomic", full)
    with pytest.raises(OSError, match="No space"):
        written(tmp_path)
    assert not (run / "manifest.json").exists()


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (1, "schema version 1 is read by dqn-ablations 0.1; this is 0.2, which reads version 3"),
        (2, "schema version 2 is read by dqn-ablations 0.1; this is 0.2, which reads version 3"),
        (
            4,
            "schema version 4 is read by a newer version of dqn-ablations; this is 0.2, which reads version 3",
        ),
        (True, "schema version True is not known to any release"),
        ("3", "schema version '3' is not known to any release"),
        (None, "schema version None is not known to any release"),
    ],
)
def test_a_manifest_of_another_version_is_refused_and_the_sentence_names_its_reader(
    tmp_path: Path, version: object, sentence: str
) -> None:
    assert edited(written(tmp_path), schema_version=version).reason == sentence


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("env_id", "Acrobot-v1", "another env_id"),
        ("variant", "per", "another variant"),
        ("seed", 4, "another seed"),
        ("global_step", 5, "steps that do not ascend"),
        ("episodic_return", float("nan"), "returns that are not finite"),
        ("episodic_return", float("inf"), "returns that are not finite"),
    ],
)
def test_a_table_that_does_not_hold_what_its_run_says_is_damage(
    tmp_path: Path, column: str, value: Any, reason: str
) -> None:
    table = episodes()
    values = [*table[column].to_pylist()[:-1], value]
    field = store.EPISODES.field(column)
    table = table.set_column(store.EPISODES.names.index(column), field, pa.array(values, type=field.type))
    store.write_run(tmp_path, PATH, MANIFEST, {"episodes": table})
    status = store.inspect(tmp_path / PATH, KEY)
    assert status.state == "damaged"
    assert reason in str(status.reason)


def test_a_table_with_other_columns_is_damage(tmp_path: Path) -> None:
    table = episodes()
    for wrong, reason in (
        (table.drop_columns(["epsilon"]), "lacks epsilon"),
        (table.append_column("more", table["seed"]), "has more"),
        (table.set_column(3, "episode", table["seed"]), "another type of episode"),
        (table.select(table.column_names[::-1]), "another order"),
    ):
        store.write_run(tmp_path, PATH, MANIFEST, {"episodes": wrong})
        status = store.inspect(tmp_path / PATH, KEY)
        assert status.state == "damaged"
        assert reason in str(status.reason)


def test_a_table_with_fewer_rows_than_the_manifest_says_is_damage(tmp_path: Path) -> None:
    run = written(tmp_path)
    files = json.loads((run / "manifest.json").read_text())["files"]
    files["episodes.parquet"]["rows"] = 4
    assert "number of rows" in str(edited(run, files=files).reason)


def test_several_evaluations_at_one_step_are_no_damage(tmp_path: Path) -> None:
    columns = {name: [1, 1] for name in store.EVALUATIONS.names[3:]} | {
        "terminated": [True] * 2,
        "truncated": [False] * 2,
    }
    table = store.tabulate(store.EVALUATIONS, "CartPole-v1", "dqn", 3, columns)
    store.write_run(tmp_path, PATH, MANIFEST, {"episodes": episodes(), "evaluations": table})
    assert store.inspect(tmp_path / PATH, KEY).is_valid


def test_a_run_in_another_runs_folder_is_damage(tmp_path: Path) -> None:
    run = written(tmp_path)
    other = run.parent.parent / "per" / run.name
    other.parent.mkdir()
    run.rename(other)
    assert PATH in str(store.inspect(other, KEY).reason)


@pytest.mark.parametrize("label", [None, 3])
def test_a_manifest_without_a_label_is_damage(tmp_path: Path, label: Any) -> None:
    assert "label" in str(edited(written(tmp_path), label=label).reason)
