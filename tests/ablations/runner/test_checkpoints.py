"""Checkpoints as files: what is in them, what is refused and why, when one is written, and what becomes of it."""

from __future__ import annotations

import json
import random
import shutil
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ablations import store
from ablations.runner import checkpoints, grid, resume
from ablations.runner.checkpoints import Refused, Saver
from ablations.runner.cohort import train
from ablations.runner.executors import ExecutorConfig, make
from ablations.runner.machine import bit_maker
from ablations.runner.self_test import conclude
from ablations.runner.tasks import CohortJob, self_tests
from ablations.runner.training import Training
from ablations.studies import load
from ablations.studies.study import Study
from tests.laws import worlds
from tests.laws.cut import TOTAL, cohort, go_on, resumed, saved, whole
from tests.laws.worlds import ENGINE

from .test_grid import document, run, tables, world

CUT = 70


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[CohortJob, Path]:
    """A cohort and its checkpoint; tests leave it as it is."""
    torch.set_num_threads(1)
    job = cohort(tmp_path_factory.mktemp("written"), "per", "tests/Walk-v0")
    return job, saved(job, go_on(Training(job), 0, CUT), CUT)


@pytest.fixture
def copy(tmp_path: Path, written: tuple[CohortJob, Path]) -> tuple[CohortJob, Path]:
    """The same, to be damaged."""
    job: CohortJob = {**written[0], "folder": str(tmp_path)}
    path = tmp_path / checkpoints.FOLDER / written[1].name
    path.parent.mkdir(parents=True)
    shutil.copy(written[1], path)
    return job, path


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a header and store it with a check sum that fits."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = json.loads(arrays[checkpoints.HEADER].tobytes())
    change(header)
    arrays[checkpoints.HEADER] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    with open(path, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


# ---- what is in them ------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_arrays_that_lead_with_the_lanes_and_a_header_in_json(
    written: tuple[CohortJob, Path],
) -> None:
    job, path = written
    with np.load(path, allow_pickle=False) as archive:
        header = json.loads(archive[checkpoints.HEADER].tobytes())
        arrays = {name: archive[name] for name in archive.files if name != checkpoints.HEADER}
    assert header["keys"] == [lane["key"] for lane in job["lanes"]]
    assert header["step"] == CUT
    assert set(header["arrays"]) == set(arrays)
    assert all(len(array) == 3 and array.dtype != object for array in arrays.values())
    assert {name.split("/")[0] for name in arrays} == {
        *("learner", "optimizer", "memory", "exploration", "sampling", "resets", "envs"),
        *("episodes", "probes", "evaluations"),
    }


def test_replay_is_stored_up_to_its_fill(tmp_path: Path) -> None:
    sizes = []
    for cut in (10, 40, 60):
        job = cohort(tmp_path, "per", buffer_size=10_000)
        with np.load(saved(job, go_on(Training(job), 0, cut), cut), allow_pickle=False) as archive:
            assert archive["memory/rows"].shape == (3, cut, 2 * 4 + 4)
            assert archive["memory/priorities"].shape == (3, cut)
            sizes.append(sum(archive[name].nbytes for name in archive.files))
    assert sizes[2] < 100_000


def test_equal_states_give_equal_files(tmp_path: Path) -> None:
    job = cohort(tmp_path)
    bytes_of = [saved(job, go_on(Training(job), 0, 40), 40).read_bytes() for _ in range(2)]
    assert bytes_of[0] == bytes_of[1]


class Large:
    """A part of a training with much to keep, some of it in pieces."""

    def __init__(self, number: int) -> None:
        self.frames = np.full((3, 2000, 100, 100), number, np.uint8)
        self.rows = np.full((3, 200_000, 32), number, np.float32)

    def state(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "rows": self.rows[:, :, :20],
            "none": self.rows[:, :0],
            "one": self.rows[:, 0, 0],
        }

    def restore(self, state: Any) -> None:
        self.frames[:], self.rows[:, :, :20] = state["frames"], state["rows"]
        assert (state["none"].shape, state["one"].shape) == ((3, 0, 32), (3,))


def test_what_is_large_is_written_and_read_without_a_second_copy(tmp_path: Path) -> None:
    job = cohort(tmp_path)
    keys = [lane["key"] for lane in job["lanes"]]
    path, maker = tmp_path / "large.npz", bit_maker(worlds.ENGINE)
    configs = [lane["config"] for lane in job["lanes"]]
    kept, fresh = Large(7), Large(0)
    tracemalloc.start()
    checkpoints.write(path, configs, [0, 1, 2], 5, {"large": kept}, maker)
    written = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    checkpoints.resume(path, keys, {"large": fresh}, maker)
    read = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(written, read) < kept.frames.nbytes / 2
    assert (fresh.frames == 7).all()
    assert (fresh.rows[:, :, :20] == 7).all()
    assert (fresh.rows[:, :, 20:] == 0).all()


# ---- what is refused ------------------------------------------------------------------------------------------------


def test_one_flipped_bit_anywhere_is_refused_or_changes_nothing(
    tmp_path: Path, written: tuple[CohortJob, Path]
) -> None:
    job, path = written
    data = path.read_bytes()
    before = whole(job, resumed(job, path)[0])
    dice = random.Random(0)
    refused = 0
    for at in sorted(dice.randrange(len(data)) for _ in range(60)):
        damaged = tmp_path / "damaged.npz"
        damaged.write_bytes(data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :])
        try:
            after = whole(job, resumed(job, damaged)[0])
        except Refused:
            refused += 1
        else:
            assert after == before, f"byte {at} of {len(data)}"
    assert refused > 40


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99, -1])
def test_a_truncated_file_is_refused(copy: tuple[CohortJob, Path], kept: float) -> None:
    job, path = copy
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises(Refused, match="damaged"):
        resumed(job, path)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x04N.", b"x" * 1000, b"\x93NUMPY\x01\x00"])
def test_what_is_no_checkpoint_is_refused(copy: tuple[CohortJob, Path], data: bytes) -> None:
    job, path = copy
    path.write_bytes(data)
    with pytest.raises(Refused, match="damaged"):
        resumed(job, path)


def test_objects_in_an_array_are_not_unpickled(copy: tuple[CohortJob, Path]) -> None:
    job, path = copy
    with np.load(path, allow_pickle=False) as archive:
        arrays: dict[str, Any] = {name: archive[name] for name in archive.files}
    arrays["learner/online"] = np.array([{"an": "object"}] * 3, dtype=object)
    with open(path, "wb") as file:
        np.savez(file, allow_pickle=True, **arrays)
    with pytest.raises(Refused, match="damaged: ValueError: Object arrays cannot be loaded"):
        resumed(job, path)


def test_a_link_is_refused(copy: tuple[CohortJob, Path], written: tuple[CohortJob, Path]) -> None:
    job, path = copy
    path.unlink()
    path.symlink_to(written[1])
    with pytest.raises(Refused, match="a link"):
        resumed(job, path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda h: h.update(format=2), "has the format 2, this version writes 1"),
        (lambda h: h["config"].update(algorithm_version=0), "of algorithm version 0, this is"),
        (lambda h: h["config"]["settings"].update(gamma=0.5), "belongs to other runs than its keys"),
        (lambda h: h.update(seeds=[5, 6, 7]), "belongs to other runs than its keys"),
        (lambda h: h["config"].update(engine="another"), "belongs to other runs than its keys"),
        (lambda h: h["maker"].update(torch="1.0"), "written elsewhere, with torch 1.0 \\(here "),
        (lambda h: h["maker"].update(instruction_set="SSE"), "elsewhere, with instruction_set SSE"),
        (lambda h: h["shared"].pop("memory"), "damaged: KeyError"),
        (lambda h: h["arrays"].append("learner/more"), "damaged: KeyError"),
        (lambda h: h["arrays"].remove("learner/online"), "could not be resumed: KeyError: 'online'"),
        (lambda h: h["shared"].update(more={}), "holds other parts than this version"),
        (lambda h: h.pop("step"), "damaged: KeyError: 'step'"),
        (lambda h: h["shared"]["envs"].update(kind="stones"), "environments were kept as stones"),
    ],
    ids=range(13),
)
def test_what_is_foreign_or_outdated_is_refused_with_the_reason(
    copy: tuple[CohortJob, Path], change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    job, path = copy
    rewritten(path, change)
    with pytest.raises(Refused, match=reason):
        resumed(job, path)


# ---- which one, and when --------------------------------------------------------------------------------------------


def test_of_several_checkpoints_of_a_run_the_one_that_is_furthest_counts(tmp_path: Path) -> None:
    job = cohort(tmp_path)
    early = saved(job, go_on(Training(job), 0, 20), 20)
    half: CohortJob = {**job, "lanes": job["lanes"][1:]}
    late = saved(half, go_on(Training(half), 0, 50), 50)
    keys = [lane["key"] for lane in job["lanes"]]
    assert checkpoints.index(tmp_path).best([*keys, "another"]) == {
        keys[0]: early,
        keys[1]: late,
        keys[2]: late,
    }
    rewritten(late, lambda h: h["maker"].update(torch="1.0"))
    assert set(checkpoints.index(tmp_path).best(keys, bit_maker(ENGINE)).values()) == {early}
    assert checkpoints.index(tmp_path).best(keys)[keys[1]] == late


def test_swept_is_what_is_complete_in_all_its_lanes(tmp_path: Path) -> None:
    job = cohort(tmp_path)
    path = saved(job, go_on(Training(job), 0, 20), 20)
    keys = [lane["key"] for lane in job["lanes"]]
    checkpoints.remove_complete(tmp_path, keys[1:])
    assert path.exists()
    checkpoints.remove_complete(tmp_path, [*keys, "another"])
    assert not path.exists()


def saver(job: CohortJob, training: Training, minutes: float, failed: tuple[int, ...] = ()) -> Saver:
    configs = [lane["config"] for lane in job["lanes"]]
    made = bit_maker(configs[0]["engine"])
    return Saver(Path(job["folder"]), configs, minutes, made, training.parts(), failed, lambda: (1.0, 2.0))


def test_one_is_written_when_it_is_due_and_not_before(tmp_path: Path) -> None:
    job = cohort(tmp_path)
    training = go_on(Training(job), 0, 10)
    never, soon = saver(job, training, 1000.0), saver(job, training, 1e-9)
    never.save_if_due(10)
    assert not list(tmp_path.rglob("*.npz"))
    soon.save_if_due(10)
    assert (never.written, soon.written) == (0, 1)
    header = checkpoints.read_header(soon.path)
    assert (header.step, header.seconds) == (10, (1.0, 2.0))


def test_however_slow_the_disk_a_hundredth_of_the_time_goes_into_checkpoints(tmp_path: Path) -> None:
    job = cohort(tmp_path)
    training = go_on(Training(job), 0, 10)
    soon = saver(job, training, 1e-9)
    before = time.monotonic()
    soon.save_if_due(10)
    took = time.monotonic() - before
    assert soon.due - time.monotonic() > 0.5 * 99 * took
    soon.save_if_due(10)
    assert soon.written == 1


def test_one_that_cannot_be_written_is_told_and_stops_nothing(tmp_path: Path) -> None:
    job = cohort(tmp_path)
    (tmp_path / ".grid").mkdir()
    (tmp_path / ".grid" / "checkpoints").write_text("in the way")
    told: list[int] = []
    notes = train({**job, "checkpoint_minutes": 1e-9}, told.append)
    assert len(notes) == 1
    assert notes[0].startswith("a checkpoint could not be written, training went on without: ")
    assert sum(told) == 3 * TOTAL
    assert all(store.inspect(tmp_path / lane["path"], lane["key"]).is_valid for lane in job["lanes"])


def test_nothing_is_written_of_a_cohort_all_of_whose_environments_raised(tmp_path: Path) -> None:
    job = cohort(tmp_path)
    idle = saver(job, go_on(Training(job), 0, 10), 1e-9, failed=(0, 1, 2))
    idle.save_if_due(10)
    assert not list(tmp_path.rglob("*.npz"))


# ---- a cohort that resumes ------------------------------------------------------------------------------------------


def outcome(folder: Path) -> dict[str, Any]:
    """What a study's runs left, besides what depends on time and place."""
    files = {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.glob("runs/**/*.parquet"))
    }
    weights = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.glob("runs/**/*.npz"))}
    facts = {}
    for path in sorted(folder.glob("runs/**/manifest.json")):
        manifest = json.loads(path.read_text())
        kept = ("status", "series_sha256", "unfinished", "diverged_at", "steps", "files")
        facts[path.relative_to(folder).as_posix()] = {name: manifest[name] for name in kept}
    return {**files, **weights, **facts}


def checkpoints_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(p.read_text())["checkpoints"] for p in sorted(folder.glob("runs/**/manifest.json"))]


def test_a_cohort_goes_on_from_its_checkpoint_and_removes_it(tmp_path: Path) -> None:
    straight, cut = cohort(tmp_path / "straight", "per"), cohort(tmp_path / "cut", "per")
    train(straight, lambda steps: None)
    path = saved(cut, go_on(Training(cut), 0, CUT), CUT)
    told: list[int] = []
    for lane in cut["lanes"]:
        lane["done"] = CUT
    assert train({**cut, "checkpoint_minutes": 5.0}, told.append) == []
    assert sum(told) == 3 * (TOTAL - CUT)
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "straight")
    assert checkpoints_of(tmp_path / "cut") == [{"written": 0, "resumed_at": CUT, "none_because": None}] * 3
    assert not path.exists()


def test_lanes_of_different_checkpoints_train_apart_and_give_the_same_bits(tmp_path: Path) -> None:
    straight, cut = cohort(tmp_path / "straight", seeds=range(5)), cohort(tmp_path / "cut", seeds=range(5))
    train(straight, lambda steps: None)
    saved({**cut, "lanes": cut["lanes"][:3]}, go_on(Training({**cut, "lanes": cut["lanes"][:3]}), 0, 90), 90)
    saved(
        {**cut, "lanes": cut["lanes"][1:4]}, go_on(Training({**cut, "lanes": cut["lanes"][1:4]}), 0, 40), 40
    )
    told: list[int] = []
    train({**cut, "checkpoint_minutes": 5.0}, told.append)
    assert sum(told) == 5 * TOTAL
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "straight")
    assert [each["resumed_at"] for each in checkpoints_of(tmp_path / "cut")] == [90, 90, 90, 40, 0]


def test_where_checkpoints_are_off_none_is_read(tmp_path: Path) -> None:
    job = cohort(tmp_path)
    saved(job, go_on(Training(job), 0, CUT), CUT)
    train({**job, "checkpoint_minutes": 0.0}, lambda steps: None)
    assert [each["resumed_at"] for each in checkpoints_of(tmp_path)] == [0, 0, 0]


def test_a_cohort_whose_checkpoint_is_refused_starts_over_and_says_so(tmp_path: Path) -> None:
    straight, cut = cohort(tmp_path / "straight"), cohort(tmp_path / "cut")
    train(straight, lambda steps: None)
    path = saved(cut, go_on(Training(cut), 0, CUT), CUT)
    rewritten(path, lambda h: h["maker"].update(torch="1.0"))
    for lane in cut["lanes"]:
        lane["done"] = CUT
    told: list[int] = []
    (note,) = train({**cut, "checkpoint_minutes": 5.0}, told.append)
    assert note.startswith(f".grid/checkpoints/{path.name}: it was written elsewhere, with torch 1.0 (here ")
    assert note.endswith("); its runs start over")
    assert sum(told) == 3 * (TOTAL - CUT)
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "straight")


def test_time_is_counted_from_the_first_process_on(tmp_path: Path) -> None:
    job = cohort(tmp_path)
    path = saved(job, go_on(Training(job), 0, CUT), CUT)
    rewritten(path, lambda h: h.update(seconds=[1000.0, 900.0]))
    train({**job, "checkpoint_minutes": 5.0}, lambda steps: None)
    manifest = json.loads(next(tmp_path.glob("runs/**/manifest.json")).read_text())
    assert 1000 < manifest["wall_seconds"] < 1100
    assert 900 < manifest["cpu_seconds"] < 1000


# ---- a grid that resumes --------------------------------------------------------------------------------------------


def cut_grid(folder: Path, at: int = 120, **changes: Any) -> tuple[Study, Path]:
    """A study, and the checkpoint that its first row left at a step when it was killed."""
    study = load.from_document(document(**changes))
    runs = [run for run in study.runs() if run.label == "dqn"]
    job: CohortJob = {
        "folder": str(folder),
        "label": "dqn",
        "weights": False,
        "lanes": [{"path": r.path, "key": r.key, "config": dict(r.config), "attempts": 1} for r in runs],
        "git": {},
    }
    return study, saved(job, go_on(Training(job), 0, at), at)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study, never disturbed."""
    folder = tmp_path_factory.mktemp("straight") / "small"
    run(load.from_document(document()), folder)
    return folder


def test_a_grid_goes_on_where_it_was_cut(tmp_path: Path, straight: Path) -> None:
    study, path = cut_grid(tmp_path)
    done, notes = run(study, tmp_path)
    assert (done.valid, done.new) == (6, 6)
    assert "3 runs go on from checkpoints" in notes.notes
    assert notes.total == notes.done == 6 * 200 - 3 * 120
    assert tables(tmp_path) == tables(straight)
    assert [each["resumed_at"] for each in checkpoints_of(tmp_path)] == [120] * 3 + [0] * 3
    assert not path.exists()


def test_runs_of_one_checkpoint_are_cut_into_as_many_jobs_as_there_are(tmp_path: Path) -> None:
    study, path = cut_grid(tmp_path)
    dqn = [run for run in study.runs() if run.label == "dqn"]
    assert [len(each) for each in grid.cohorts(dqn, 2, paths={each.key: path for each in dqn})] == [2, 1]
    apart = {dqn[1].key: path}
    assert [[each.seed for each in piece] for piece in grid.cohorts(dqn, 1, paths=apart)] == [[0, 2], [1]]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "damaged: BadZipFile: "),
        (
            lambda path: rewritten(path, lambda h: h.update(format=0)),
            "it has the format 0, this version writes 1",
        ),
        (
            lambda path: rewritten(path, lambda h: h.update(seeds=[7, 8, 9])),
            "its configuration belongs to other runs than its keys",
        ),
    ],
    ids=["damaged", "outdated", "foreign"],
)
def test_what_a_grid_refuses_is_put_aside_and_its_runs_start_over(
    tmp_path: Path, straight: Path, damage: Callable[[Path], object], reason: str
) -> None:
    study, path = cut_grid(tmp_path)
    damage(path)
    done, notes = run(study, tmp_path)
    aside = f".grid/quarantine/.grid/checkpoints/{path.name}"
    (note,) = (note for note in notes.notes if "checkpoint" in note)
    assert note.startswith(f".grid/checkpoints/{path.name}: ")
    assert reason in note
    assert note.endswith(f"; moved to {aside}; its runs start over")
    assert (tmp_path / aside).is_file()
    assert done.valid == 6
    assert notes.total == notes.done == 6 * 200
    assert tables(tmp_path) == tables(straight)


def test_a_checkpoint_of_runs_that_the_study_does_not_list_stays_and_is_named(tmp_path: Path) -> None:
    _, path = cut_grid(tmp_path)
    changed = load.from_document(document(settings={**document()["settings"], "gamma": 0.5}))
    _, notes = run(changed, tmp_path)
    assert f"not used: .grid/checkpoints/{path.name}, of runs that this study does not list" in notes.notes
    assert path.exists()


def test_leftovers_of_a_writer_that_was_killed_and_of_complete_runs_are_cleared_away(tmp_path: Path) -> None:
    study, path = cut_grid(tmp_path)
    left = path.with_name(f".{path.name}.12345.part")
    run(study, tmp_path)
    cut_grid(tmp_path)
    left.write_bytes(b"half")
    done, _ = run(study, tmp_path)
    assert done.new == 0
    assert list(path.parent.iterdir()) == []


def test_plan_says_how_many_runs_go_on(tmp_path: Path) -> None:
    study, _ = cut_grid(tmp_path)
    points = resume.resume_points(study, tmp_path, study.runs())[0]
    assert sorted(points.steps.values()) == [120, 120, 120]
    assert sum(map(points.steps_left, study.runs())) == 6 * 200 - 3 * 120


def test_an_environment_without_checkpoints_is_said_once_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = world(tmp_path, monkeypatch, "none", record={"probe_every": 0, "checkpoint_minutes": 1e-9})
    done, notes = run(study, tmp_path / "results")
    assert done.valid == 12
    why = "its 'steps' outlives a reset"
    note = (
        f"faulty:World-v0: no checkpoints, because {why}; a run that is cut off starts over, to the same bits"
    )
    assert notes.notes.count(note) == 1
    assert checkpoints_of(tmp_path / "results") == [{"written": 0, "resumed_at": 0, "none_because": why}] * 12


def test_an_environment_whose_self_test_dies_has_no_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = world(tmp_path, monkeypatch, "exit", record={"probe_every": 0, "eval_every": 0})
    tried = replace(
        study, environments=(replace(study.environments[0], args={"fault": "exit", "one_in": 1}),)
    )
    executor = make(ExecutorConfig(1), tmp_path)
    tests = {
        ended.task["kind"]: ended
        for ended in executor.run(self_tests(tried, ["faulty:World-v0"]), lambda steps: None)
    }
    executor.stop()
    found = conclude("faulty:World-v0", tests)
    assert found.repeatability is None
    assert found.no_checkpoints == "its self-test ended early: exit code 7"
    (note,) = found.notes
    assert "to the same bits" not in note
