"""TensorBoard's event files: they hold the stored series, and change none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ablations import store
from ablations.cli import main
from ablations.recorders import tensorboard
from tests.contract.outside import ablations, assert_answered, python, write_study


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with event files."""
    place = tmp_path_factory.mktemp("trained")
    tables = "[record]\nprobe_every = 200\neval_every = 200\neval_episodes = 2\n"
    write_study(place, {"seeds": 2}, tables=tables)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", "--tensorboard", cwd=place), 0)
    return place


@pytest.fixture
def done(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "done"))


def test_event_files_hold_the_stored_series(trained: Path) -> None:
    folder = trained / "results" / "tiny"
    for run in store.read_study(folder)["runs"]:
        seen = EventAccumulator(str(folder / tensorboard.FOLDER / run["path"].removeprefix("runs/"))).Reload()
        episodes = store.read_table(folder / run["path"])
        shown = seen.Scalars("episodes/episodic_return")
        assert [event.step for event in shown] == episodes.column("global_step").to_pylist()
        assert [event.value for event in shown] == episodes.column("episodic_return").to_pylist()
        probes = store.read_table(folder / run["path"], "probes")
        at = [event.step for event in seen.Scalars("probes/q_mean")]
        assert at == probes.column("global_step").to_pylist()
        returns = store.read_table(folder / run["path"], "evaluations").column("episodic_return").to_pylist()
        means = [(a + b) / 2 for a, b in zip(returns[::2], returns[1::2], strict=True)]
        assert [event.value for event in seen.Scalars("evaluations/episodic_return")] == pytest.approx(means)


def test_where_no_row_is_new_none_is_written(trained: Path, tmp_path: Path) -> None:
    run = store.read_study(trained / "results" / "tiny")["runs"][0]
    probes = store.read_table(trained / "results" / "tiny" / run["path"], "probes")
    files = tensorboard.EventFiles(tmp_path, "dqn", [{**run, "config": {"env_id": "", "seed": 0}}])
    for shown in (probes.slice(0, 0), probes, probes):
        files.write({"probes": lambda *_, shown=shown: shown})
    files.close()
    seen = EventAccumulator(str(tmp_path / tensorboard.FOLDER / run["path"].removeprefix("runs/"))).Reload()
    at = [event.step for event in seen.Scalars("probes/q_mean")]
    assert at == probes.column("global_step").to_pylist()


def test_event_files_change_no_result_and_are_never_read_as_one(
    done: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(done)
    folder = done / "results" / "tiny"
    with_events = {path: path.read_bytes() for path in folder.glob("runs/**/*.parquet")}
    for path in (folder / tensorboard.FOLDER).rglob("events*"):
        path.write_bytes(b"nonsense")
    assert main(["verify", "tiny.toml"]) == 0
    assert main(["run", "tiny.toml"]) == 0
    assert "(0 trained now)" in capsys.readouterr().out
    shutil.rmtree(folder)
    assert main(["run", "tiny.toml", "--jobs", "1"]) == 0
    assert {path: path.read_bytes() for path in folder.glob("runs/**/*.parquet")} == with_events
    assert not (folder / tensorboard.FOLDER).exists()


def test_event_files_that_cannot_be_written_cost_no_run(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(done)
    shutil.rmtree(done / "results/tiny/runs")
    shutil.rmtree(done / "results/tiny" / tensorboard.FOLDER)
    (done / "results/tiny" / tensorboard.FOLDER).write_text("a file is in the way")
    assert main(["run", "tiny.toml", "--jobs", "1", "--tensorboard"]) == 0


def test_without_tensorboard_the_option_names_the_line_that_installs_it(tmp_path: Path) -> None:
    write_study(tmp_path)
    program = (
        "import sys, importlib.util as u\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'tensorboard' else found(name, *rest)\n"
        "from ablations.cli import main\n"
        "sys.exit(main(['run', 'tiny.toml', '--tensorboard']))\n"
    )
    answer = python("-c", program, cwd=tmp_path)
    assert_answered(answer, 2)
    assert (
        "--tensorboard: needs the package 'tensorboard', which is not installed: pip install tensorboard"
        in answer.stderr
    )
    assert not (tmp_path / "results").exists()
