"""The command line, called in this process; tests/contract calls it from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ablations import store
from ablations.cli import main
from ablations.cli.new import study_name
from ablations.cli.parser import COMMANDS
from ablations.cli.verify import differences
from ablations.studies import load
from ablations.studies.study import LOOKS
from tests.ablations.documents import tiny
from tests.setup.sources import REPO

TINY = tiny("dqn", "no-target")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(TINY)
    return tmp_path


@pytest.fixture
def said(capsys):
    """Calls the command line: (exit code, standard output, standard error)."""

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


# ---- grammar ----


def refused(said, *words):
    code, out, err = said(*words)
    assert code == 2
    assert out == ""
    return err.splitlines()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "COMMAND: missing"),
        (["rnu"], "did you mean 'run'?"),
        (["run"], "STUDY: missing"),
        (["new"], "FILE: missing"),
        (["run", "mine.toml", "core"], "unexpected argument 'core'"),
        (["list", "core"], "unexpected argument 'core'"),
        (["run", "mine.toml", "--sedes", "3"], "--sedes: unknown option; did you mean '--seeds'?"),
        (["run", "mine.toml", "--sedes=3"], "--sedes: unknown option; did you mean '--seeds'?"),
        (["status", "mine.toml", "--seeds", "3"], "--seeds: unknown option"),
        (["run", "mine.toml", "--seeds"], "--seeds: needs a value"),
        (["run", "mine.toml", "--variants"], "--variants: needs a value"),
        (["run", "mine.toml", "--seeds", "0"], "--seeds: expected a whole number, 1 or more, got '0'"),
        (["run", "mine.toml", "--seeds", "-2"], "got '-2'"),
        (["run", "mine.toml", "--seeds", "1e3"], "got '1e3'"),
        (["run", "mine.toml", "--seeds", "1000000"], "--seeds: seeds: expected 1 to"),
        (["run", "mine.toml", "--steps", "0.5"], "--steps: expected a whole number"),
        (["plan", "mine.toml", "--jobs", "many"], "--jobs: expected a whole number"),
        (
            ["run", "mine.toml", "--variants", "dqn", "no-taget"],
            "'no-taget' is no row or variant of this study",
        ),
        (["run", "mine.toml", "--envs", "Acrobot-v1"], "'Acrobot-v1' is no environment of this study"),
        (["run", "mine.toml", "--results", "mine.toml"], "--results: 'mine.toml' is not a folder"),
        (["where", "mine.toml", "--results", "mine.toml/below"], "is not a folder"),
        (["run", "mine.toml", "--executor", "locl"], "got 'locl'; did you mean 'local'?"),
        (["run", "mine.toml", "--executor", "native"], "--executor: 'native' says what computes"),
        (["run", "mine.toml", "--engine", "natvie"], "got 'natvie'; did you mean 'native'?"),
        (["run", "mine.toml", "--engine", "dask"], "--engine: 'dask' says where cohorts run"),
        (["run", "mine.toml", "--engine", "auto"], "--engine: expected native, reference, cuda, got 'auto'"),
        (["run", "mine.toml", "--device", "cuda"], "--device: unknown option"),
        (["status", "mine.toml", "--watch"], "--watch: unknown option"),
        (["run", "mine.toml", "--scheduler", "tcp://h:1"], "--scheduler: is for --executor dask alone"),
        (["run", "absent.toml"], "absent.toml: STUDY: no such file"),
        (["run", "cor"], "did you mean 'core'?"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_a_bad_command_line_is_refused_with_one_line(said, here, words, expected):
    (line,) = refused(said, *words)
    assert expected in line
    assert os.listdir(here) == ["mine.toml"]


def test_all_mistakes_of_options_and_study_are_shown_together(said):
    Path("mine.toml").write_text(TINY.replace("[settings]", "[settings]\ngama = 1"))
    lines = refused(
        said,
        "run",
        "--seeds",
        "0",
        "mine.toml",
        "--sedes",
        "4",
        "--jobs",
        "x",
        "--variants",
        "dnq",
        "--envs",
        "Cart",
        "--engine",
        "nativ",
        "--scheduler",
        "nowhere",
    )
    for expected in (
        "--sedes",
        "settings.gama",
        "--jobs",
        "--seeds",
        "'dnq'",
        "'Cart'",
        "'nativ'",
        "--scheduler",
    ):
        assert any(expected in line for line in lines)
    assert len(lines) == 8


def test_the_study_may_stand_after_the_options(said):
    assert said("where", "--results", "else", "mine.toml")[:2] == (0, f"else{os.sep}mine\n")


def test_own_variants_of_a_bad_study_may_be_chosen_without_a_second_complaint(said):
    Path("mine.toml").write_text(TINY + "gama = 1\n[variant.slow]\ntarget = 'soft'\n")
    assert len(refused(said, "plan", "mine.toml", "--variants", "slow", "per")) == 1


def test_control_codes_in_a_file_never_reach_the_terminal(said):
    Path("mine.toml").write_text('"\\u001b[31mred" = 1\n' + TINY)
    (line,) = refused(said, "run", "mine.toml")
    assert "\x1b" not in line
    assert "\\x1b[31mred" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_its_options(said, command):
    code, out, _ = said(command, "--help")
    assert code == 0
    assert out.startswith(f"usage: python -m ablations {command}")
    assert ("--index I" if command == "cohort" else "--results DIR") in out


def test_help_of_run_shows_examples_and_exit_codes(said):
    out = said("run", "--help")[1]
    for words in ("--variants NAME ...", "examples:", "exit codes:", "130, 143"):
        assert words in out


def test_the_overview_names_every_command(said):
    for words in (["--help"], ["-h"], ["help"]):
        out = said(*words)[1]
        assert all(command in out for command in COMMANDS)


# ---- list ----


def cpu_of_children() -> float:
    """Seconds that other processes do not lengthen, as they do those of a clock."""
    spent = os.times()
    return spent.children_user + spent.children_system


def assert_imports_none_of(heavy, *words):
    """The command goes well in a process of its own, which has imported none of these."""
    program = (
        f"import sys; from ablations.cli import main; code = main({list(words)}); "
        f"heavy = {heavy} & set(sys.modules); sys.exit(f'imported {{heavy}}' if heavy else code)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(store.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_list_is_quick_and_imports_nothing_heavy(here):
    took = []
    for _ in range(3):
        started = cpu_of_children()
        assert_imports_none_of(
            {"torch", "pydantic", "gymnasium", "numpy", "pyarrow", "pandas", "rich"}, "list"
        )
        took.append(cpu_of_children() - started)
    assert min(took) < 0.5


def test_what_trains_nothing_imports_no_torch(here):
    assert_imports_none_of({"torch"}, "where", "mine.toml")
    assert_imports_none_of({"torch"}, "status", "reference", "--results", str(REPO / "results"))


# ---- new ----


def uncommented(text: str) -> str:
    """A new study with everything that is commented out taken in."""
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    return "\n".join(line for line in lines if " = " in line or line.startswith("["))


TRICK = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Half:
    slot, kind = "loss", "half"
    outputs_per_action = 1

    def values(self, outputs):
        return outputs.squeeze(-1)

    def error(self, outputs, action, y):
        raise NotImplementedError
"""


def test_a_new_study_loads_and_so_does_everything_that_it_offers_in_comments(said):
    code, out, _ = said("new", "fresh.toml")
    assert code == 0
    assert "plan fresh.toml" in out
    assert [row.label for row in load.load("fresh.toml").rows] == ["dqn", "no-target", "slow-soft"]
    fresh = Path("fresh.toml").read_text()
    swept, factors = fresh.split("# Or a full factorial")
    Path("my_trick.py").write_text(TRICK)
    swept, looking = uncommented(swept), 'seeds = "until-decided"'
    Path("swept.toml").write_text(re.sub(r"^seeds = .*$", looking, swept, flags=re.MULTILINE))
    assert load.load("swept.toml").decide.looks == LOOKS
    assert {row.variant for row in load.load("swept.toml").rows} == {"dqn", "no-target", "slow-soft"}
    crossed = uncommented(fresh.partition("# How verdicts")[0] + factors)
    crossed = re.sub(r"^variants = .*$", "variants = []", crossed, flags=re.MULTILINE)
    Path("crossed.toml").write_text(crossed)
    assert len(load.load("crossed.toml").rows) == 5


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("fresh", "fresh"),
        ("core", "my-core"),
        ("My Study!", "my-study"),
        ("ÄÖ", "my-study"),
        ("..x", "x"),
        ("a" * 90, "a" * 60),
    ],
)
def test_a_new_study_is_named_like_its_file_where_that_is_a_name(stem, name):
    assert study_name(stem) == name


def test_new_refuses_a_file_a_folder_a_dangling_link_and_a_missing_folder(said):
    Path("folder").mkdir()
    Path("link.toml").symlink_to("nowhere")
    for name in ("mine.toml", "folder", "link.toml", "absent/fresh.toml"):
        (line,) = refused(said, "new", name)
        assert line.startswith(name)
    assert Path("mine.toml").read_text() == TINY
    assert not Path("nowhere").exists()


def test_a_new_study_without_a_suffix_is_told_to_be_run_by_its_path(said):
    assert "plan ./fresh" in said("new", "fresh")[1]


# ---- plan ----


def test_plan_shows_matrix_notes_runs_and_estimate_and_makes_nothing(said, here):
    code, out, _ = said("plan", "mine.toml", "--jobs", "2")
    assert code == 0
    assert "COMPONENTS on CartPole-v1" in out
    assert "4 runs asked for: 0 done, 4 to do" in out
    assert "with 2 jobs" in out
    assert "nothing can be called different below 6 seeds; this study has 2" in out
    assert os.listdir(here) == ["mine.toml"]


def test_plan_counts_only_what_is_chosen_and_knows_other_seeds_and_steps(said):
    _, out, _ = said("plan", "mine.toml", "--variants", "dqn", "--seeds", "7", "--steps", "60")
    assert "7 runs asked for" in out
    assert "60" in out


# ---- run, status, verify ----


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The tiny study, run once."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "mine.toml").write_text(TINY)
    assert main(["run", str(folder / "mine.toml"), "--results", str(folder / "results"), "--jobs", "1"]) == 0
    return folder


@pytest.fixture
def finished(trained, here):
    """A copy of its results that a test may damage."""
    for path in sorted((trained / "results").rglob("*")):
        copy = here / path.relative_to(trained)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            copy.write_bytes(path.read_bytes())
    return here / "results" / "mine"


def edit_study(folder: Path, change) -> None:
    """Change study.json and have it vouch for the change."""
    stored = store.read_study(folder)
    change(stored)
    store.write_study(folder, stored)


def edit_manifest(run_dir: Path, change) -> None:
    """Change a manifest and have it vouch for the change."""
    stored = json.loads((run_dir / "manifest.json").read_text())
    change(stored)
    (run_dir / "manifest.json").write_bytes(store.manifest_bytes(stored))


def run_dirs(folder: Path) -> list[Path]:
    return [folder / run["path"] for run in store.read_study(folder)["runs"]]


def test_run_says_what_stands_and_where_the_results_lie(said, finished):
    code, out, _ = said("run", "mine.toml")
    assert code == 0
    assert "4 of 4 runs are valid (0 trained now)" in out
    assert "results: results/mine" in out


def test_status_and_verify_are_content_with_a_finished_study(said, finished):
    assert said("status", "mine.toml")[0] == 0
    code, out, _ = said("verify", "mine.toml")
    assert code == 0
    assert "4 stored runs of 4 checked" in out


def test_status_shows_counts_by_row_and_names_what_does_not_stand(said, finished):
    (run_dirs(finished)[0] / "manifest.json").unlink()
    (run_dirs(finished)[3] / "episodes.parquet").write_bytes(b"PAR1")
    code, out, _ = said("status", "mine.toml")
    assert code == 1
    assert "2 of 4 runs are valid" in out
    assert "damaged" in out
    assert run_dirs(finished)[3].name in out


def test_status_says_when_the_file_asks_for_other_runs_than_those_stored(said, finished):
    Path("mine.toml").write_text(TINY.replace("seeds = 2", "seeds = 3"))
    assert "asks for other runs" in said("status", "mine.toml")[1]


def test_a_study_never_run_and_a_damaged_study_file_are_told_and_exit_1(said, here):
    for command in ("status", "verify"):
        assert "never run" in said(command, "mine.toml")[1]
    folder = here / "results" / "mine"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{")
    for command in ("status", "verify"):
        code, out, _ = said(command, "mine.toml")
        assert code == 1
        assert "damaged" in out


def test_verify_finds_a_configuration_that_study_json_does_not_have(said, finished):
    edit_study(finished, lambda stored: stored["rows"][0]["settings"].update(gamma=0.5))
    code, out, _ = said("verify", "mine.toml")
    assert code == 1
    assert "differ in settings.gamma" in out
    assert "2 fail" in out


def test_verify_finds_a_series_that_is_not_the_manifests(said, finished):
    def lie(manifest: dict[str, Any]) -> None:
        manifest["series_sha256"] = "0" * 64

    edit_manifest(run_dirs(finished)[1], lie)
    assert "series_sha256" in said("verify", "mine.toml")[1]


def test_verify_finds_an_edited_key_of_study_json(said, finished):
    edit_study(finished, lambda stored: stored["runs"][0].update(key="0" * 12))
    code, out, _ = said("verify", "mine.toml")
    assert code == 1
    assert "has the key" in out


def test_verify_counts_a_failed_attempt_and_says_why(said, finished):
    def fail(manifest: dict[str, Any]) -> None:
        manifest.update(
            status="failed", files={}, error={"type": "ValueError", "message": "snap\x1b[0m", "traceback": []}
        )

    edit_manifest(run_dirs(finished)[1], fail)
    code, out, _ = said("verify", "mine.toml")
    assert code == 1
    assert "failed (ValueError: snap" in out
    assert "\x1b" not in out


def test_runs_not_made_yet_do_not_fail_verification(said, finished):
    edit_study(
        finished,
        lambda stored: stored["runs"].append({**stored["runs"][0], "path": "runs/x/y/z"}),
    )
    code, out, _ = said("verify", "mine.toml")
    assert code == 0
    assert "1 not run yet" in out


def test_a_stored_engine_that_this_version_lacks_is_bad_input(said, finished):
    edit_study(finished, lambda stored: stored.update(engine="cuda"))
    assert "engine 'cuda'" in refused(said, "run", "mine.toml")[0]


def test_differences_are_named_by_dotted_key():
    assert differences({"a": 1, "b": {"c": [1], "d": 2}}, {"a": 1, "b": {"c": [2]}, "e": 5}) == ["b.c", "b.d"]


def test_the_handler_of_sigterm_is_put_back_after_a_run(said, finished):
    before = signal.getsignal(signal.SIGTERM)
    said("run", "mine.toml")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_closed_standard_output_stops_nothing(finished, here):
    env = {**os.environ, "PYTHONPATH": str(Path(store.__file__).parents[2])}
    command = 'exec "$0" -m ablations status mine.toml >&- 2>&-'
    closed = subprocess.run(["/bin/sh", "-c", command, sys.executable], cwd=here, env=env, check=False)
    assert closed.returncode == 0
