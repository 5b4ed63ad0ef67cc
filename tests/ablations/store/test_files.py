"""Files: written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ablations import store
from tests.ablations.store.one_run import episodes


def test_equal_tables_give_equal_bytes_without_pandas_metadata_in_zstd() -> None:
    data = store.parquet_bytes(episodes())
    assert data == store.parquet_bytes(episodes())
    file = pq.ParquetFile(pa.BufferReader(data))
    assert file.schema_arrow.metadata is None
    assert file.schema_arrow.equals(store.EPISODES)
    assert {file.metadata.row_group(0).column(i).compression for i in range(10)} == {"ZSTD"}


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
