"""The store: keys, atomic files, digests, and what it takes for a run to stand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ablations import store

CONFIG = {"env_id": "CartPole-v1", "seed": 3, "settings": {"learning_rate": 0.001, "hidden": [64, 64]}}
KEY = store.key_of(CONFIG)
PATH = store.run_path("CartPole-v1", "dqn", 3, KEY)


def episodes(count: int = 3) -> pa.Table:
    columns: dict[str, Any] = {
        "env_id": ["CartPole-v1"] * count,
        "variant": ["dqn"] * count,
        "seed": [3] * count,
        "episode": range(count),
        "global_step": [10 * (i + 1) for i in range(count)],
        "episodic_return": [10.0] * count,
        "episodic_length": [10] * count,
        "terminated": [True] * count,
        "truncated": [False] * count,
        "epsilon": [0.5] * count,
    }
    return pa.table({name: list(values) for name, values in columns.items()}, schema=store.EPISODES)


def written(folder: Path, status: str = "ok", **more: Any) -> Path:
    manifest = {"status": status, "key": KEY, "config": CONFIG, **more}
    store.write_run(folder, PATH, manifest, {"episodes": episodes()} if status in store.VALID else {})
    return folder / PATH


def test_the_key_is_the_sha256_of_the_canonical_json() -> None:
    text = json.dumps(CONFIG, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    assert hashlib.sha256(text.encode()).hexdigest()[:12] == KEY


def test_the_key_does_not_depend_on_the_order_of_the_configuration() -> None:
    assert store.key_of(dict(reversed(CONFIG.items()))) == KEY


def test_a_configuration_with_nan_has_no_key() -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.key_of({"gamma": float("nan")})


def test_a_slash_in_an_environment_id_becomes_two_underscores() -> None:
    assert store.run_path("ALE/Pong-v5", "dqn", 12, "ab") == "runs/ALE__Pong-v5/dqn/seed-0012-ab"


@pytest.mark.parametrize("status", store.VALID)
def test_a_written_run_stands(tmp_path: Path, status: str) -> None:
    standing = store.inspect(written(tmp_path, status), KEY)
    assert standing.is_valid
    assert standing.state == status


@pytest.mark.parametrize("status", store.ATTEMPTS)
def test_an_attempt_is_recorded_and_does_not_stand(tmp_path: Path, status: str) -> None:
    standing = store.inspect(written(tmp_path, status), KEY)
    assert not standing.is_valid
    assert standing.state == status


def test_equal_tables_give_equal_bytes_without_pandas_metadata_in_zstd() -> None:
    data = store.parquet_bytes(episodes())
    assert data == store.parquet_bytes(episodes())
    file = pq.ParquetFile(pa.BufferReader(data))
    assert file.schema_arrow.metadata is None
    assert file.schema_arrow.equals(store.EPISODES)
    assert {file.metadata.row_group(0).column(i).compression for i in range(10)} == {"ZSTD"}


def test_an_empty_table_keeps_the_schema(tmp_path: Path) -> None:
    store.write_run(
        tmp_path,
        PATH,
        {"status": "ok", "key": KEY, "config": CONFIG},
        {"episodes": store.EPISODES.empty_table()},
    )
    assert store.read_table(tmp_path / PATH).schema.equals(store.EPISODES)
    assert store.inspect(tmp_path / PATH, KEY).is_valid


def test_the_series_digest_covers_every_number_and_no_label() -> None:
    table = episodes()
    relabeled = table.set_column(1, store.EPISODES.field("variant"), pa.array(["other"] * 3))
    assert store.series_sha256(table) == store.series_sha256(relabeled)
    for i, field in enumerate(store.EPISODES):
        if pa.types.is_string(field.type):
            continue
        values = table.column(i).to_numpy().copy()
        values[1] = not values[1] if field.type == pa.bool_() else values[1] + 1
        changed = table.set_column(i, field, pa.array(values, type=field.type))
        assert store.series_sha256(table) != store.series_sha256(changed), field.name


def test_the_series_digest_can_be_computed_by_hand() -> None:
    digest = hashlib.sha256()
    table = episodes()
    for name in store.EPISODES.names[2:]:
        values = table.column(name).to_numpy()
        digest.update(name.encode() + values.dtype.name.encode() + np.ascontiguousarray(values).tobytes())
    assert digest.hexdigest() == store.series_sha256(table)


@pytest.mark.parametrize("place", [0, 4, 500, -1])
def test_one_flipped_bit_in_parquet_is_damage(tmp_path: Path, place: int) -> None:
    file = written(tmp_path) / "episodes.parquet"
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    assert store.inspect(tmp_path / PATH, KEY).state == "damaged"


DAMAGE = {
    "an empty manifest": b"",
    "half a manifest": b'{"schema_version": 1, "status":',
    "a list": b"[]",
    "no utf-8": b"\xff\xfe",
    "a newer schema": json.dumps({"schema_version": 99, "status": "ok"}).encode(),
    "no configuration": json.dumps({"schema_version": 1, "status": "ok"}).encode(),
    "deep nesting": b"[" * 100_000,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_manifest_is_told_and_not_trusted(tmp_path: Path, name: str) -> None:
    run = written(tmp_path)
    (run / "manifest.json").write_bytes(DAMAGE[name])
    standing = store.inspect(run, KEY)
    assert standing.state == "damaged"
    assert standing.reason


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


def test_a_manifest_without_episodes_does_not_stand(tmp_path: Path) -> None:
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
    standing = store.inspect(run, KEY)
    assert standing.state == "damaged"
    assert "link" in standing.reason


def test_a_manifest_behind_a_link_is_damage(tmp_path: Path) -> None:
    run = written(tmp_path / "study")
    (run / "manifest.json").rename(tmp_path / "elsewhere.json")
    (run / "manifest.json").symlink_to(tmp_path / "elsewhere.json")
    assert store.inspect(run, KEY).state == "damaged"


def test_a_link_to_a_study_elsewhere_stands(tmp_path: Path) -> None:
    written(tmp_path / "other disk")
    (tmp_path / "study").symlink_to(tmp_path / "other disk")
    assert store.inspect(tmp_path / "study" / PATH, KEY).is_valid


@pytest.mark.parametrize("bit", range(8))
def test_any_one_flipped_bit_of_a_manifest_is_damage(tmp_path: Path, bit: int) -> None:
    run = written(tmp_path, wall_seconds=1.5e-05, steps=30, label="dqn")
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
    assert "its own digest" in store.inspect(run, KEY).reason


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

    monkeypatch.setattr(store, "write_atomic", full)
    with pytest.raises(OSError, match="No space"):
        written(tmp_path)
    assert not (run / "manifest.json").exists()


def test_a_write_that_fails_leaves_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "study.json"
    store.write_atomic(path, b"old")

    def broken(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.replace", broken)
    with pytest.raises(OSError, match="Input/output"):
        store.write_atomic(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["study.json"]
    assert path.read_bytes() == b"old"


def test_a_write_that_fails_says_which_file_how_much_it_needs_and_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where a folder should be")
    with pytest.raises(store.Unwritten) as told:
        store.write_atomic(tmp_path / "runs" / "study.json", b"x" * 1234)
    assert str(tmp_path / "runs" / "study.json") in str(told.value)
    assert "1,234 bytes are needed" in str(told.value)
    assert "are free there" in str(told.value)


def test_only_temporary_files_of_ours_count_as_leftovers(tmp_path: Path) -> None:
    ours = [
        ".study.json.17.part",
        "runs/E-v1/dqn/seed-0000-ab/.episodes.parquet.17.part",
        ".grid/.holder.json.1.part",
        ".grid/checkpoints/E-v1/.lane.npz.2.part",
    ]
    theirs = [
        ".report.html.17.part",
        "figures/.curve.svg.17.part",
        "runs/E-v1/dqn/seed-0000-ab/.hidden.part",
        "runs/E-v1/dqn/seed-0000-ab/notes.17.part",
        ".grid/quarantine/.a.17.part",
    ]
    for name in ours + theirs:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in store.leftovers(tmp_path)] == sorted(ours)


def test_an_equal_study_file_is_left_untouched(tmp_path: Path) -> None:
    study = {"schema_version": store.STUDY_VERSION, "rows": [], "runs": []}
    store.write_study(tmp_path, study)
    before = (tmp_path / "study.json").stat().st_mtime_ns
    store.write_study(tmp_path, study)
    assert (tmp_path / "study.json").stat().st_mtime_ns == before
    assert store.read_study(tmp_path) == study


@pytest.mark.parametrize("bit", range(8))
def test_any_one_flipped_bit_of_a_study_file_is_damage(tmp_path: Path, bit: int) -> None:
    score = {"episodes": 100, "mean_return": 22.16, "std_return": 11.5}
    environments = [{"env_id": "E-v0", "args": {}, "random_policy": score}]
    study = {"schema_version": store.STUDY_VERSION, "rows": [], "runs": [], "environments": environments}
    store.write_study(tmp_path, study)
    assert store.read_study(tmp_path) == study
    data = (tmp_path / "study.json").read_bytes()
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        (tmp_path / "study.json").write_bytes(flipped)
        with pytest.raises(store.Damaged):
            store.read_study(tmp_path)


def test_a_study_file_of_the_version_that_had_no_digest_is_read(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text('{"schema_version": 1, "runs": [], "rows": []}')
    assert store.read_study(tmp_path)["schema_version"] == store.STUDY_VERSION


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"schema_version": 2, "runs": [], "rows": []}',
        '{"schema_version": 3, "runs": [], "rows": []}',
        '{"schema_version": 1}',
        '{"schema_version": true, "runs": [], "rows": []}',
        '{"schema_version": 1, "runs": [3], "rows": []}',
        '{"schema_version": 1, "runs": [{"label": "dqn"}], "rows": []}',
        '{"schema_version": 1, "runs": [], "rows": [{"label": 3}]}',
        '{"schema_version": 1, "runs": [], "rows": [], "environments": [{}]}',
        '{"schema_version": 1, "runs": [], "rows": [], "environments": '
        '[{"env_id": "E", "random_policy": {"meam_return": 1}}]}',
    ],
)
def test_a_study_file_that_cannot_be_trusted_raises_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(store.Damaged):
        store.read_study(tmp_path)
