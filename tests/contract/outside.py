"""What an outsider has: a study file, the command line, and the files it leaves.

A command is called in this process, which has imported torch already; by ``python`` in one of its own, where the test
is about the process: its streams, imports, environment variables, or another copy of the packages.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from ablations import cli
from analysis.__main__ import main as analysis_main

REPO = Path(__file__).resolve().parents[2]

# A budget that trains, in well under a second: 500 updates of a small network.
SMALL: dict[str, Any] = {
    "total_timesteps": 600,
    "learning_starts": 100,
    "batch_size": 32,
    "buffer_size": 500,
}
SMALL_SLOTS: dict[str, Any] = {"trunk": {"hidden": [16]}}

# Nothing is stored but the series, unless a test says so.
PLAIN = "[record]\nprobe_every = 0\neval_every = 0\n"

# A variant of the user's own, built from the pieces.
SLOW_SOFT = (
    '[variant.slow-soft]\nbase = "dqn"\ntarget = { kind = "soft", tau = 0.001 }\nlabel = "Soft, slowly"\n'
)

QUESTION = "How softly may a target follow?"

Answer = subprocess.CompletedProcess[str]

# For ``preexec_fn``: a shell's background job ignores SIGINT, and its children would inherit that.
HEAR_CTRL_C = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)


def surroundings(folder: Path, **more: str) -> dict[str, str]:
    """Environment of a call from `folder`: our packages and its modules import, no colour is asked for."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if k not in {"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS"}
    }
    return kept | {"PYTHONPATH": os.pathsep.join([str(REPO), str(folder)])} | more


def python(*args: str, cwd: Path, **more: str) -> Answer:
    """Run this interpreter from `cwd`, its output through pipes; `more` are environment variables."""
    return subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        env=surroundings(cwd, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
    )


def ablations(*args: str, cwd: Path) -> Answer:
    return _here(cli.main, args, cwd)


def analysis(*args: str, cwd: Path) -> Answer:
    return _here(analysis_main, args, cwd)


def _here(main: Callable[[Sequence[str]], int], args: Sequence[str], cwd: Path) -> Answer:
    """What `main` answers in this process, as if it had been started in `cwd`."""
    with (
        _importing_from(cwd),
        chdir(cwd),
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
    ):
        try:
            code = main(args)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return subprocess.CompletedProcess(args, code, out.getvalue(), err.getvalue())


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Modules of `folder` can be imported; afterwards they are forgotten, since other tests' have the same names."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(f"{folder}{os.sep}"):
                del sys.modules[name]


def imported(answer: Answer) -> set[str]:
    """The top-level packages that a call under `python -X importtime` brought in."""
    lines = [line for line in answer.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


def toml(value: Any) -> str:
    """One TOML value; tables inline. Python's repr of a number is TOML's, nan and inf included."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(toml, value)) + "]"
    return repr(value)


def study_text(
    top: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    tables: str = "",
    without: Sequence[str] = (),
    slots: Mapping[str, Any] | None = None,
) -> str:
    """A small good study: `top`, `settings`, `slots` add or replace keys, `tables` follow, `without` is left out."""
    keys: dict[str, Any] = {
        "name": "tiny",
        "envs": ["CartPole-v1"],
        "seeds": 2,
        "baseline": "dqn",
        "variants": ["dqn"],
    } | dict(top or {})
    lines = [f"{key} = {toml(value)}" for key, value in keys.items() if key not in without]
    for name, values in (
        ("settings", SMALL | dict(settings or {})),
        ("slots", SMALL_SLOTS | dict(slots or {})),
    ):
        lines += [f"[{name}]"] + [f"{key} = {toml(value)}" for key, value in values.items()]
    record = "" if "[record]" in tables else PLAIN
    return "\n".join(lines) + "\n" + tables + record


def write_study(
    folder: Path,
    top: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    tables: str = "",
    without: Sequence[str] = (),
    file: str = "tiny.toml",
    slots: Mapping[str, Any] | None = None,
) -> Path:
    path = folder / file
    path.write_text(study_text(top, settings, tables, without, slots), encoding="utf-8")
    return path


def begin(folder: Path, *options: str) -> Path:
    """Run tiny.toml, or the part of it that `options` ask for, in one process; gives the results folder."""
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", *options, cwd=folder), 0)
    return folder / "results" / "tiny"


def read_json(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def rows_in(folder: Path) -> dict[str, dict[str, Any]]:
    """The rows that study.json lists, by label, in its order."""
    return {row["label"]: row for row in read_json(folder / "study.json")["rows"]}


def runs_in(folder: Path) -> list[dict[str, Any]]:
    """The runs that study.json lists, in its order."""
    found: list[dict[str, Any]] = read_json(folder / "study.json")["runs"]
    return found


def manifest_of(folder: Path, run: Mapping[str, Any]) -> dict[str, Any]:
    return read_json(folder / run["path"] / "manifest.json")


def digest_of(config: Mapping[str, Any]) -> str:
    """The key of a config, as the contract spells it."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def committed(folder: Path) -> set[str]:
    """Run folders that hold a manifest, relative to the study's folder."""
    return {path.parent.relative_to(folder).as_posix() for path in folder.glob("runs/*/*/*/manifest.json")}


def fingerprint(folder: Path) -> dict[str, tuple[int, str]]:
    """Time of change and digest of study.json and of every stored run's file."""
    files = [folder / "study.json", *(path for path in (folder / "runs").rglob("*") if path.is_file())]
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in files
    }


def episodes_bytes(folder: Path) -> dict[tuple[str, str, int], bytes]:
    """The bytes of every listed run's series, by environment, label and seed."""
    return {
        (run["env_id"], run["label"], run["seed"]): (folder / run["path"] / "episodes.parquet").read_bytes()
        for run in runs_in(folder)
    }


def names_in(folder: Path) -> set[str]:
    """What lies in a folder, Python's own byte code aside."""
    return {path.name for path in folder.iterdir()} - {"__pycache__"}


def assert_answered(answer: Answer, code: int) -> None:
    """The exit code is `code`, and nothing on either stream is a traceback."""
    assert answer.returncode == code, f"exit {answer.returncode}\n{answer.stdout}\n{answer.stderr}"
    assert "Traceback (most recent call last)" not in answer.stdout + answer.stderr, answer.stderr


def assert_refused(answer: Answer, *mentions: str) -> None:
    """Exit 2, and one line of standard error holds all `mentions`: file, key, nearest valid name."""
    assert_answered(answer, 2)
    lines = answer.stderr.splitlines()
    assert any(all(word in line for word in mentions) for line in lines), (
        f"no line with {mentions}:\n{answer.stderr}"
    )
