"""Packs: a few files instead of thousands, and nothing that reads results notices."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
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


def pack(folder: Path) -> packing.PackResult:
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
    frame, runs = analysis.load(study), analysis.runs(study)
    moved = pack(study)
    assert (moved.runs, moved.packs) == (7, ["packs/pack-0001.zip"])
    assert moved.files_before == 7 * 5 + 1
    assert packing.count_files(study) == 1 + 1  # and the manifest of the run that failed
    assert contents(study) == before
    assert analysis.load(study).equals(frame)
    assert analysis.runs(study).equals(runs)
    assert fingerprint.of_inputs(study, store.read_study(study), ()) == facts
    assert read(study).unlisted == ()


def test_any_program_that_reads_zip_gives_the_runs_back(study: Path) -> None:
    before = tree(study)
    pack(study)
    with ZipFile(study / "packs" / "pack-0001.zip") as archive:
        archive.extractall(study)
    (study / "packs" / "pack-0001.zip").unlink()
    assert tree(study) == before


def test_unpacking_gives_back_every_byte(study: Path) -> None:
    before = tree(study)
    pack(study)
    assert tree(study) != before
    moved = packing.unpack(study)
    assert (moved.runs, moved.left) == (7, {})
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
    assert (moved.runs, moved.packs) == (1, ["packs/pack-0002.zip"])
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


def test_packs_end_at_a_number_of_runs(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(study)
    monkeypatch.setattr(packing, "MOST_RUNS", 3)
    assert len(pack(study).packs) == 3
    assert contents(study) == before


# ---- damage ----


def rewrite(file: Path, data: bytes) -> None:
    """Other bytes at a later time: clocks of file systems are coarse, and readers go by size and time."""
    later = file.stat().st_mtime_ns + 1_000_000_000
    file.write_bytes(data)
    os.utime(file, ns=(later, later))


def test_one_flipped_bit_costs_the_run_it_lies_in_or_is_told_of_the_pack(study: Path) -> None:
    before = contents(study)
    pack(study)
    file = study / "packs" / "pack-0001.zip"
    good = file.read_bytes()
    draw = random.Random(1)
    lost = []
    for _ in range(40):
        place, bit = draw.randrange(len(good)), draw.randrange(8)
        rewrite(file, good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :])
        after = contents(study)
        hurt = [path for path in after if after[path] != before[path]]
        assert {after[path][0] for path in hurt} <= {"damaged", "missing"}
        lost.append(7 if archives.unreadable(study) else len(hurt))
    assert set(lost) <= {0, 1, 7}
    assert lost.count(1) > 30
    rewrite(file, good)
    assert contents(study) == before


@pytest.mark.parametrize("damage", ["empty", "cut", "a link", "a folder of an earlier version"])
def test_a_pack_whose_list_of_runs_is_damaged_is_told_and_can_be_put_aside(study: Path, damage: str) -> None:
    pack(study)
    file = study / "packs" / "pack-0001.zip"
    data = file.read_bytes()
    file.unlink()
    if damage == "a link":
        (study / "elsewhere").write_bytes(data)
        file.symlink_to(study / "elsewhere")
    elif damage in ("cut", "empty"):
        file.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    else:
        file = file.with_suffix("")
        file.mkdir()
    name = f"packs/{file.name}"
    assert list(archives.unreadable(study)) == [name]
    assert {store.inspect(study / path).state for path in order(study)} == {"missing", "failed"}
    assert quarantine(study, name) == f".grid/quarantine/{name}"
    assert archives.unreadable(study) == {}


def damage_member(pack: Path, path: str, name: str) -> None:
    """Flip a bit in the middle of what a pack holds of a file."""
    with ZipFile(pack) as archive:
        member = archive.getinfo(f"{path}/{name}")
    data = bytearray(pack.read_bytes())
    data[member.header_offset + len(member.filename) + 30 + member.compress_size // 2] ^= 1
    rewrite(pack, bytes(data))


def test_a_damaged_file_in_a_pack_is_damage_to_its_run(study: Path) -> None:
    pack(study)
    path = order(study)[0]
    damage_member(study / "packs" / "pack-0001.zip", path, "evaluations.parquet")
    status = store.inspect(study / path)
    assert status.state == "damaged"
    assert "packs/pack-0001.zip: evaluations.parquet can't be read" in str(status.reason)
    assert store.peek(study / path)[1] is True


def test_unpacking_leaves_what_it_cannot_trust_in_its_pack(study: Path) -> None:
    pack(study)
    path = order(study)[0]
    damage_member(study / "packs" / "pack-0001.zip", path, "weights.npz")
    moved = packing.unpack(study)
    assert (moved.runs, list(moved.left), moved.packs) == (6, [path], [])
    assert sum(store.inspect(study / each).is_valid for each in order(study)) == 6


def test_what_does_not_read_back_stays_in_its_folder(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that gives other bytes than it was given."""
    before = tree(study)
    path = order(study)[0]
    write = packing._write

    def badly(folder: Path, batch: Mapping[str, Mapping[str, Any]]) -> str:
        name = write(folder, batch)
        damage_member(folder / name, path, "episodes.parquet")
        return name

    monkeypatch.setattr(packing, "_write", badly)
    moved = pack(study)
    assert (moved.runs, list(moved.left)[-1]) == (6, path)
    assert "does not read back" in moved.left[path]
    assert {name: data for name, data in tree(study).items() if name.startswith(path)} == {
        name: data for name, data in before.items() if name.startswith(path)
    }
    assert store.inspect(study / path).is_valid


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

    def carry_out(folder: Path) -> packing.PackResult:
        return pack(folder) if act == "pack" else packing.unpack(folder)

    for changes in range(100):
        folder = Path(shutil.copytree(start, tmp_path / f"at-{changes}"))
        try:
            with disk.dies_after(changes):
                carry_out(folder)
        except Killed:
            assert contents(folder) == before
        else:
            assert changes > 12
            break
        carry_out(folder)
        assert contents(folder) == before
        assert list(folder.glob("packs/.*")) == []
        assert packing.count_files(folder) == (1 if act == "pack" else 4)
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
    outcome = grid.run(study, folder, executor_config=ExecutorConfig(2), progress=Progress())
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
    assert "6 runs moved into packs/pack-0001.zip; 30 files before, 1 now" in capsys.readouterr().out
    assert not (place / "results/mine/runs").exists()
    assert answers() == before
    assert main(["unpack", "mine.toml"]) == 0
    assert "6 runs moved out of packs/pack-0001.zip; 1 files before, 30 now" in capsys.readouterr().out
    assert answers() == before


def test_what_is_damaged_in_a_pack_is_told_and_trained_again_with_the_same_bits(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place / "results/mine"
    before = analysis.load(folder)
    main(["pack", "mine.toml"])
    file = folder / "packs/pack-0001.zip"
    damage_member(file, order(folder)[2], "episodes.parquet")
    capsys.readouterr()
    assert main(["verify", "mine.toml"]) == 1
    assert "packs/pack-0001.zip: episodes.parquet can't be read" in capsys.readouterr().out
    assert main(["run", "mine.toml"]) == 0
    told = capsys.readouterr()
    assert "trained again beside its pack" in told.err
    assert "6 of 6 runs are valid (1 trained now)" in told.out
    assert analysis.load(folder).equals(before)
    file.write_bytes(file.read_bytes()[:-1])
    assert main(["status", "mine.toml"]) == 1
    assert "damaged: packs/pack-0001.zip" in capsys.readouterr().out
    assert main(["run", "mine.toml"]) == 0
    assert "packs/pack-0001.zip: its list of runs can't be read" in capsys.readouterr().err
    assert (folder / ".grid/quarantine/packs/pack-0001.zip").exists()
    assert analysis.load(folder).equals(before)


def test_a_study_that_another_runner_holds_is_not_packed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with lock.hold(place / "results/mine"):
        assert main(["pack", "mine.toml"]) == 3
    assert f"held by pid {os.getpid()}" in capsys.readouterr().err
    assert archives.packs_of(place / "results/mine") == []


def test_there_is_nothing_to_pack_where_nothing_was_run(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pack", "mine.toml", "--results", "elsewhere"]) == 1
    assert "never run" in capsys.readouterr().out
    assert not (place / "elsewhere").exists()
