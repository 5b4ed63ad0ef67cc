"""Packs: a few files instead of thousands, and nothing that reads results notices."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import analysis
from ablations import store
from ablations.cli import main
from ablations.runner import grid, lock
from ablations.runner.executors import ExecutorConfig
from ablations.runner.progress import Progress
from ablations.runner.quarantine import quarantine
from ablations.store import archives, packing
from ablations.studies import load
from analysis import fingerprint
from analysis.loading import read
from tests.ablations.documents import tiny
from tests.analysis.made_up import make_study, row, see

COMPUTED = ("schema_version", "files", "series_sha256", store.MANIFEST_DIGEST)
"""What the store adds to a manifest."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with probes, evaluations, weights, a run without an episode, one that failed and one that is missing."""
    folder = make_study(
        tmp_path_factory.mktemp("made") / "made-up",
        [row("dqn"), row("no-target"), row("per")],
        states={("per", 0): "failed", ("per", 1): "missing", ("dqn", 2): "diverged"},
        look=see,
    )
    for number, path in enumerate(sorted(folder.glob("runs/*/*/*"))):
        manifest = json.loads((path / "manifest.json").read_text())
        if manifest["status"] == "failed":
            continue
        tables = {name: store.read_table(path, name) for name in ("episodes", "probes", "evaluations")}
        if number == 1:
            tables["episodes"] = store.EPISODES.empty_table()
        weights = {"head.weight": np.random.default_rng(number).normal(size=(3, 2)).astype(np.float32)}
        kept = {name: manifest[name] for name in manifest if name not in COMPUTED}
        store.write_run(folder, path.relative_to(folder).as_posix(), kept, tables, weights)
    return folder


@pytest.fixture
def study(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "results" / "made-up"))


def order(folder: Path) -> list[str]:
    return [run["path"] for run in store.read_study(folder)["runs"]]


def pack(folder: Path) -> packing.Moved:
    return packing.pack(folder, order(folder))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def contents(folder: Path) -> dict[str, Any]:
    """Everything that a reader can learn of each listed run."""
    found = {}
    for run in store.read_study(folder)["runs"]:
        status = store.inspect(folder / run["path"], run["key"])
        files = status.manifest["files"] if status.manifest else {}
        held = {
            name: store.read_table(folder / run["path"], name.removesuffix(".parquet")).to_pydict()
            if name.endswith(".parquet")
            else store.read_file(folder / run["path"], name)
            for name in (files if status.is_valid else ())
        }
        found[run["path"]] = (status.state, status.manifest, repr(held))
    return found


def test_many_runs_become_few_files_and_readers_see_what_they_saw(study: Path) -> None:
    before, facts = contents(study), fingerprint.of_inputs(study, store.read_study(study), ())
    frame = analysis.load(study)
    moved = pack(study)
    assert (moved.runs, moved.packs) == (7, ["packs/pack-0001"])
    assert moved.files_before == 7 * 5 + 1
    names = {path.name for path in (study / "packs" / "pack-0001").iterdir()}
    tables = {"episodes.parquet", "probes.parquet", "evaluations.parquet"}
    assert names == tables | {"files.parquet", "runs.parquet", "pack.json"}
    assert moved.files_after == 6 + 1  # and the manifest of the run that failed
    assert contents(study) == before
    assert analysis.load(study).equals(frame)
    assert analysis.load(study).attrs == frame.attrs
    assert fingerprint.of_inputs(study, store.read_study(study), ()) == facts
    assert read(study).unlisted == ()


def test_a_packs_table_is_the_rows_of_its_runs_for_any_reader_of_parquet(study: Path) -> None:
    expected = analysis.load(study)
    pack(study)
    table = pq.read_table(study / "packs" / "pack-0001" / "episodes.parquet")
    assert table.schema.equals(store.EPISODES)
    assert table.to_pandas().equals(expected)


def test_unpacking_gives_back_every_byte(study: Path) -> None:
    before = tree(study)
    pack(study)
    assert tree(study) != before
    moved = packing.unpack(study)
    assert (moved.runs, moved.left, moved.renewed) == (7, {}, [])
    assert tree(study) == before
    assert not (study / "packs").exists()


def test_packing_again_moves_only_what_is_new(study: Path) -> None:
    late = next(study.glob("runs/*/dqn/seed-0001-*"))
    shutil.move(late, study.parent / "late")
    assert pack(study).runs == 6
    assert pack(study).packs == []
    late.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(study.parent / "late", late)
    moved = pack(study)
    assert (moved.runs, moved.packs) == (1, ["packs/pack-0002"])
    assert sum(store.inspect(study / path).is_valid for path in order(study)) == 7


def test_a_run_that_was_trained_again_comes_before_its_pack_and_a_later_pack_before_an_earlier(
    study: Path,
) -> None:
    path = next(path for path in order(study) if "/dqn/" in path)
    pack(study)
    old = store.inspect(study / path).manifest
    assert old is not None
    renewed = {name: old[name] for name in old if name not in COMPUTED}
    tables = {"episodes": store.read_table(study / path)}
    store.write_run(study, path, {**renewed, "attempts": 2}, tables)
    for _ in range(2):
        found = store.inspect(study / path).manifest
        assert found is not None
        assert (found["attempts"], list(found["files"])) == (2, ["episodes.parquet"])
        pack(study)
    assert not (study / path).exists()
    packing.unpack(study)
    assert json.loads((study / path / "manifest.json").read_text())["attempts"] == 2


def test_packs_end_at_a_number_of_runs_and_rows_and_where_columns_differ(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(study)
    monkeypatch.setattr(packing, "MOST_RUNS", 3)
    monkeypatch.setattr(packing, "RUNS_PER_GROUP", 2)
    assert len(pack(study).packs) == 3
    assert contents(study) == before
    packing.unpack(study)
    monkeypatch.setattr(packing, "MOST_ROWS", 1)
    assert len(pack(study).packs) == 7
    assert contents(study) == before


def test_not_a_number_keeps_its_bits(study: Path) -> None:
    """Two runs, whose NaN differ: arithmetic gives one with a sign, NumPy one without."""
    paths = [path for path in order(study) if "/dqn/" in path][:2]
    place = store.PROBES.get_field_index("loss")
    for path, bits in zip(paths, (0x7FF8_0000_0000_0000, 0xFFF8_0000_0000_0001), strict=True):
        manifest = store.inspect(study / path).manifest
        assert manifest is not None
        probes = store.read_table(study / path, "probes")
        odd = np.full(probes.num_rows, bits, dtype=np.uint64).view(np.float64)
        tables = {
            "episodes": store.read_table(study / path),
            "probes": probes.set_column(place, store.PROBES.field(place), [odd]),
        }
        kept = {name: manifest[name] for name in manifest if name not in COMPUTED}
        store.write_run(study, path, kept, tables)

    def stored() -> list[int]:
        losses = [store.read_table(study / path, "probes").column("loss").to_numpy() for path in paths]
        return [bits for loss in losses for bits in loss.view(np.uint64).tolist()]

    before = stored()
    assert len(set(before)) == 2
    pack(study)
    assert stored() == before


# ---- damage ----


def rewrite(file: Path, data: bytes) -> None:
    """Other bytes at a later time: clocks of file systems are coarse, and readers go by size and time."""
    later = file.stat().st_mtime_ns + 1_000_000_000
    file.write_bytes(data)
    os.utime(file, ns=(later, later))


@pytest.mark.parametrize("name", ["episodes.parquet", "probes.parquet", "files.parquet"])
def test_one_flipped_bit_costs_the_runs_it_lies_in_and_no_other(
    study: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "RUNS_PER_GROUP", 2)
    before = contents(study)
    pack(study)
    file = study / "packs" / "pack-0001" / name
    good = file.read_bytes()
    draw = random.Random(1)
    hurt = []
    for _ in range(20):
        place, bit = draw.randrange(4, len(good)), draw.randrange(8)
        rewrite(file, good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :])
        after = contents(study)
        hurt.append(sum(after[path][0] == "damaged" for path in after))
        assert all(after[path] == before[path] for path in after if after[path][0] != "damaged")
    assert 0 < min(filter(None, hurt)) <= 2
    rewrite(file, good)
    assert contents(study) == before


@pytest.mark.parametrize("name", ["pack.json", "runs.parquet"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "a link"])
def test_a_pack_whose_list_of_runs_is_damaged_is_told_and_can_be_put_aside(
    study: Path, name: str, damage: str
) -> None:
    pack(study)
    file = study / "packs" / "pack-0001" / name
    data = file.read_bytes()
    file.unlink()
    if damage == "a link":
        (study / "elsewhere").write_bytes(data)
        file.symlink_to(study / "elsewhere")
    elif damage != "gone":
        file.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    assert list(archives.unreadable(study)) == ["packs/pack-0001"]
    assert {store.inspect(study / path).state for path in order(study)} == {"missing", "failed"}
    assert quarantine(study, "packs/pack-0001") == ".grid/quarantine/packs/pack-0001"
    assert archives.unreadable(study) == {}


def test_a_pack_without_one_of_its_tables_is_damage_to_the_runs_that_had_one(study: Path) -> None:
    pack(study)
    (study / "packs" / "pack-0001" / "evaluations.parquet").unlink()
    states = [store.inspect(study / path) for path in order(study)]
    assert [status.state for status in states].count("damaged") == 7
    assert "evaluations.parquet is missing" in str(states[0].reason)
    assert store.peek(study / order(study)[0])[1] is False


def test_unpacking_leaves_what_it_cannot_trust_in_its_pack(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "RUNS_PER_GROUP", 1)
    pack(study)
    path = order(study)[0]
    file = study / "packs" / "pack-0001" / "files.parquet"
    column = pq.ParquetFile(file).metadata.row_group(0).column(2)
    data = bytearray(file.read_bytes())
    data[column.data_page_offset + column.total_compressed_size - 20] ^= 1
    rewrite(file, bytes(data))
    moved = packing.unpack(study)
    assert (moved.runs, list(moved.left), moved.packs) == (6, [path], [])
    assert sum(store.inspect(study / each).is_valid for each in order(study)) == 6


# ---- killed at any moment ----

CHANGES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link"}


class Killed(BaseException):
    """Stands for SIGKILL: from its moment on nothing reaches the disk any more."""


class Disk:
    """Counts changes to files through Python's audit events; after ``left`` of them each further one is refused."""

    def __init__(self) -> None:
        self.left: int | None = None
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.left is None or event not in CHANGES or (event == "open" and not _writes(arguments)):
            return
        if self.left == 0:
            raise Killed
        self.left -= 1

    @contextmanager
    def dies_after(self, changes: int) -> Iterator[None]:
        self.left = changes
        try:
            yield
        finally:
            self.left = None


def _writes(arguments: tuple[Any, ...]) -> bool:
    return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR)) if isinstance(arguments[2], int) else False


@pytest.fixture(scope="module")
def disk() -> Disk:
    return Disk()


@pytest.mark.parametrize("act", ["pack", "unpack"])
def test_killed_at_any_moment_no_run_is_lost_and_the_next_call_goes_on(
    tmp_path: Path, disk: Disk, act: str
) -> None:
    start = make_study(tmp_path / "start", [row("dqn")], seeds=2)
    before = contents(start)
    if act == "unpack":
        pack(start)

    def carry_out(folder: Path) -> packing.Moved:
        return pack(folder) if act == "pack" else packing.unpack(folder)

    for changes in range(100):
        folder = Path(shutil.copytree(start, tmp_path / f"at-{changes}"))
        try:
            with disk.dies_after(changes):
                carry_out(folder)
        except Killed:
            assert contents(folder) == before
        else:
            assert changes > 15
            break
        carry_out(folder)
        assert contents(folder) == before
        assert list(folder.glob("packs/.*")) == []
        assert packing.count_files(folder) == (3 if act == "pack" else 4)
    else:
        pytest.fail("it never came to its end")


# ---- the command line ----

TINY = tiny("dqn", "no-target", seeds=3, record="weights = true")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trained")
    (place / "mine.toml").write_text(TINY)
    study = load.load(place / "mine.toml")
    folder = place / "results" / "mine"
    outcome = grid.run(
        study, folder, executor_config=ExecutorConfig(2), chosen=study.runs(), progress=Progress()
    )
    assert outcome.valid == 6
    return place


@pytest.fixture
def place(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = Path(shutil.copytree(trained, tmp_path / "place"))
    monkeypatch.chdir(copy)
    return copy


def test_every_command_answers_for_a_packed_study_as_before(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def answers() -> list[tuple[int, str]]:
        found = []
        for words in (["status", "mine.toml"], ["verify", "mine.toml"], ["run", "mine.toml"], ["play", run]):
            code = main(words)
            found.append((code, capsys.readouterr().out))
        return found

    run = f"results/mine/{order(place / 'results/mine')[0]}"
    before = answers()
    assert [code for code, _ in before] == [0, 0, 0, 0]
    assert main(["pack", "mine.toml"]) == 0
    assert "6 runs moved into packs/pack-0001; 30 files before, 6 now" in capsys.readouterr().out
    assert not (place / "results/mine/runs").exists()
    assert answers() == before
    assert main(["unpack", "mine.toml"]) == 0
    assert "6 runs moved out of packs/pack-0001; 6 files before, 30 now" in capsys.readouterr().out
    assert answers() == before


def test_what_is_damaged_in_a_pack_is_told_and_trained_again_with_the_same_bits(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place / "results/mine"
    before = analysis.load(folder)
    main(["pack", "mine.toml"])
    file = folder / "packs/pack-0001/episodes.parquet"
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    capsys.readouterr()
    assert main(["verify", "mine.toml"]) == 1
    assert "packs/pack-0001/episodes.parquet can't be read" in capsys.readouterr().out
    assert main(["run", "mine.toml"]) == 0
    told = capsys.readouterr()
    assert "trained again beside its pack" in told.err
    assert "6 of 6 runs are valid (6 trained now)" in told.out
    assert analysis.load(folder).equals(before)
    (folder / "packs/pack-0001/pack.json").write_text("{")
    assert main(["status", "mine.toml"]) == 0
    assert "damaged: packs/pack-0001" in capsys.readouterr().out
    assert main(["run", "mine.toml"]) == 0
    assert "packs/pack-0001: pack.json can't be read" in capsys.readouterr().err
    assert (folder / ".grid/quarantine/packs/pack-0001/pack.json").exists()


def test_a_study_that_another_runner_holds_is_not_packed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with lock.hold(place / "results/mine"):
        assert main(["pack", "mine.toml"]) == 3
    assert f"held by pid {os.getpid()}" in capsys.readouterr().err
    assert archives.packs_of(place / "results/mine") == ()


def test_there_is_nothing_to_pack_where_nothing_was_run(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pack", "mine.toml", "--results", "elsewhere"]) == 1
    assert "never run" in capsys.readouterr().out
    assert not (place / "elsewhere").exists()
