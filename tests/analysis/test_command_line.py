"""``python -m analysis`` as a user meets it: exit codes, messages, nothing made without need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ablations import store
from analysis.__main__ import main
from tests.analysis.made_up import make_study, row

ROOT = Path(__file__).parents[2]

Captured = pytest.CaptureFixture[str]


def analysis(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "analysis", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, **more},
        check=False,
    )


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )


def call(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


def content(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose figures were drawn through a pipe; tests leave it as it is."""
    folder = make_study(tmp_path_factory.mktemp("drawn") / "with space é", [row("dqn"), row("per")], seeds=2)
    answer = analysis("figures", folder, FORCE_COLOR="1", TERM="xterm-256color")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    assert "made-up, CartPole-v1: 4 runs" in answer.stdout
    assert "\x1b" not in answer.stdout
    return folder


def test_figures_that_are_up_to_date_are_told_of_in_under_two_seconds(drawn: Path):
    before = content(drawn / "figures")
    begin = os.times()
    answer = analysis("figures", drawn)
    end = os.times()  # of the processor: a clock would count other processes, too
    assert end.children_user + end.children_system - begin.children_user - begin.children_system < 2
    assert answer.returncode == 0
    assert "up to date" in answer.stdout
    assert content(drawn / "figures") == before


def test_all_reads_the_runs_once_and_makes_what_the_three_commands_make(small_study: Path, capsys: Captured):
    assert call("all", small_study) == 0
    said = capsys.readouterr().out
    assert said.count("made-up, CartPole-v1: 6 runs") == 1
    made = content(small_study)
    assert {"figures/CartPole-v1-curves.svg", "tables/summary.csv", "report.html"} <= set(made)
    assert [call(command, small_study, "--force") for command in ("figures", "tables", "report")] == [0, 0, 0]
    assert content(small_study) == made


def test_a_copied_folder_is_still_up_to_date(drawn: Path, tmp_path: Path, capsys: Captured):
    for name, data in content(drawn).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert call("figures", tmp_path) == 0
    assert "up to date" in capsys.readouterr().out


def test_what_was_changed_by_hand_or_lost_is_made_again(small_study: Path, capsys: Captured):
    call("tables", small_study)
    before = content(small_study / "tables")
    (small_study / "tables" / "summary.csv").write_text("changed")
    (small_study / "tables" / "summary.md").unlink()
    capsys.readouterr()
    assert call("tables", small_study) == 0
    assert "up to date" not in capsys.readouterr().out
    assert content(small_study / "tables") == before


def test_a_run_that_is_lost_makes_the_tables_again(small_study: Path, capsys: Captured):
    call("tables", small_study)
    next(small_study.glob("runs/*/dqn/seed-0001-*/manifest.json")).unlink()
    capsys.readouterr()
    assert call("tables", small_study) == 0
    assert "5 of 6 runs (1 damaged)" in capsys.readouterr().out


def test_a_series_that_is_lost_makes_the_tables_again(small_study: Path, capsys: Captured):
    call("tables", small_study)
    next(small_study.glob("runs/*/dqn/seed-0001-*/episodes.parquet")).unlink()
    capsys.readouterr()
    assert call("tables", small_study) == 0
    assert "episodes.parquet is missing" in capsys.readouterr().out


def test_files_that_no_longer_belong_go_and_strange_ones_stay(tmp_path: Path):
    folder = make_study(tmp_path / "s", [row("dqn"), row("double")], seeds=1)
    call("tables", folder)
    assert (folder / "tables" / "comparisons.csv").is_file()
    (folder / "tables" / "mine.txt").write_text("mine")
    make_study(folder, [row("dqn")], seeds=1)
    assert call("tables", folder) == 0
    assert not (folder / "tables" / "comparisons.csv").exists()
    assert (folder / "tables" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("kind", ["figures", "tables", "report"])
def test_nothing_to_draw_is_said_with_exit_1_and_nothing_is_made(tmp_path: Path, kind: str, capsys: Captured):
    states = {("dqn", seed): "missing" for seed in range(3)}
    folder = make_study(tmp_path / "s", [row("dqn")], states=states)
    assert call(kind, folder) == 1
    assert "nothing to draw: 0 of 3 runs (3 missing)" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["study.json"]


@pytest.mark.parametrize("kind", ["figures", "tables", "report"])
@pytest.mark.parametrize("name", ["nowhere", "empty", "file", "broken"])
def test_a_bad_folder_is_refused_with_exit_2_one_line_and_nothing_made(
    tmp_path: Path, kind: str, name: str, capsys: Captured
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "study.json").write_text("{")
    before = sorted(tmp_path.rglob("*"))
    assert call(kind, tmp_path / name) == 2
    answer = capsys.readouterr()
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert name in answer.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_wrong_command_is_refused_with_exit_2():
    assert analysis("figure", "x").returncode == 2
    assert analysis().returncode == 2


def test_stored_runs_that_are_not_listed_are_counted_and_named(small_study: Path, capsys: Captured):
    study = json.loads((small_study / "study.json").read_text())
    gone = study["runs"].pop()
    store.write_study(small_study, study)
    assert call("tables", small_study) == 0
    said = capsys.readouterr().out
    assert "not listed in study.json, left out: 1 run" in said
    assert gone["path"] in said


def test_a_reader_that_goes_away_stops_nothing(small_study: Path):
    command = f"{sys.executable} -m analysis tables {small_study} | head -n 0"
    answer = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0
    assert answer.stderr == ""
    assert (small_study / "tables" / "summary.csv").is_file()


def test_nothing_of_analysis_imports_torch(small_study: Path):
    answer = python(
        "import sys, pkgutil, importlib, analysis\n"
        "from analysis.__main__ import main\n"
        "for found in pkgutil.walk_packages(analysis.__path__, 'analysis.'):\n"
        "    importlib.import_module(found.name)\n"
        f"assert main(['report', {str(small_study)!r}]) == 0\n"
        f"analysis.load({str(small_study)!r})\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('torch', 'gymnasium')]\n"
        "others = {name for name in sys.modules if name.startswith('ablations.')}\n"
        "assert all(f'{name}.'.startswith('ablations.store.') for name in others), others\n"
    )
    assert answer.returncode == 0, answer.stderr


def test_what_is_up_to_date_needs_no_pandas_and_no_matplotlib(small_study: Path):
    assert call("tables", small_study) == 0
    answer = python(
        "import sys\nfrom analysis.__main__ import main\n"
        f"assert main(['tables', {str(small_study)!r}]) == 0\n"
        "assert not {'pandas', 'matplotlib', 'scipy', 'seaborn'} & set(sys.modules)\n"
    )
    assert answer.returncode == 0, answer.stderr
