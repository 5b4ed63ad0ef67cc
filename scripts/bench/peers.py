"""How fast lanes are, against other people's DQN on the same work, in turns on one core.

Each side is a process of its own (``peer`` says what its work is), all are held to the same core, and they take turns.
Printed are medians over the turns, by processor time; ratios are taken within a turn. A side that cannot be
installed or fails is named, and the rest goes on.
"""

from __future__ import annotations

import json
import math
import os
import select
import statistics
import subprocess
import sys
import tempfile
import venv
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ablations.runner.machine import cpu_model
from scripts.bench.turns import Turn, ratio, take_turns

REPO = Path(__file__).resolve().parents[2]
VENV = REPO / ".venv-peers"
READY_LIMIT, TURN_LIMIT = 900.0, 300.0
"""Seconds that a side may take to get ready, and for a turn."""


@dataclass(frozen=True)
class Side:
    """One process: its name in ``peer``, its title, how many lanes it is timed with, what it needs from pip."""

    name: str
    title: str
    lanes: tuple[int, ...]
    requirements: tuple[str, ...] = ()


OURS = Side("dqn", "dqn", (10, 16, 32, 64))
SIDES = (
    Side("lessons", "the lessons' loop", (1,)),
    Side("sb3", "Stable-Baselines3", (1,), ("torch", "stable-baselines3")),
    Side("rejax", "rejax", (16,), ("jax", "jaxlib", "gymnax", "rejax")),
    Side("purejaxrl", "PureJaxRL", (1, 8, 16, 64), ("jax", "jaxlib", "gymnax", "flashbax")),
    OURS,
)
ON_FRAMES = {"lessons": (1,), "sb3": (1,), "rejax": (16,), "purejaxrl": (16,), "dqn": (10,)}
WORKS = {
    "vectors": SIDES,
    "frames": tuple(replace(side, lanes=ON_FRAMES[side.name]) for side in SIDES),
}
"""Who is timed on which work of ``peer``."""


class SideFailed(Exception):
    """Why a side is not, or no longer, measured."""


class Worker:
    """A side's process, ready for its turns; raises SideFailed when it does not get ready."""

    def __init__(self, command: list[str]) -> None:
        self.failed: str | None = None  # why, during a turn
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        self.process = subprocess.Popen(
            command, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        try:
            self.versions: dict[str, str] = self._answer(READY_LIMIT)["versions"]
        except BaseException:
            self.close()
            raise

    def turn(self, lanes: int) -> float:
        """One turn's lane-steps per second; NaN once it has failed."""
        assert self.process.stdin is not None
        try:
            if self.failed is None:
                print(lanes, file=self.process.stdin, flush=True)
                return float(self._answer(TURN_LIMIT)["lane_steps_per_second"])
        except BrokenPipeError:
            self.failed = self._last_words()
        except SideFailed as error:
            self.failed = str(error)
        return math.nan

    def close(self) -> None:
        """End the process, whatever it is at."""
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def _answer(self, limit: float) -> dict[str, Any]:
        stdout = self.process.stdout
        assert stdout is not None
        if not select.select([stdout], [], [], limit)[0]:
            self.process.kill()  # or it would take time from the others
            raise SideFailed(f"no answer in {limit:.0f} s")
        line = stdout.readline()
        if not line:
            raise SideFailed(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise SideFailed(answer["failed"])
        return answer

    def _last_words(self) -> str:
        status = self.process.wait()
        self.errors.seek(0)
        words = self.errors.read().decode(errors="replace").split("\n")
        return f"ended with status {status}: {next((w for w in reversed(words) if w.strip()), 'no word')}"


def install(python: Path, requirements: tuple[str, ...], torch_index: str = "") -> None:
    """Have pip put the pinned versions into the environment of ``python``, which is made if need be."""
    if not (python.parent / "pip").exists():  # what a new environment gets last
        try:
            venv.create(python.parents[1], clear=True, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SideFailed(f"no environment for it: {error}") from None
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "-qq", "install"]
    pins = ["-c", "constraints.txt", "-c", "scripts/peers.txt"]
    if "torch" in requirements and torch_index:
        # the CPU build where one can be had; where not, pip's usual index has what comes below
        few = ["--no-deps", "--timeout", "5", "--retries", "0", "--extra-index-url", torch_index]
        subprocess.run([*pip, *pins, *few, "torch"], cwd=REPO, capture_output=True, check=False)
    done = subprocess.run(
        [*pip, *pins, *requirements], cwd=REPO, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith("ERROR: ")] or lines or ["pip said nothing"]
        raise SideFailed(f"not installed: {told[-1].removeprefix('ERROR: ')}")


def label(side: Side, lanes: int) -> str:
    """What a configuration is called in the table."""
    if side.lanes == (1,):
        return side.title
    unit = "lane" if side.name == OURS.name else "seed"
    return f"{side.title}, {lanes} {unit}{'' if lanes == 1 else 's'}"


def measure(workers: dict[Side, Worker], repeats: int) -> tuple[dict[str, list[float]], dict[str, str]]:
    """The speeds of every configuration whose side lasted to the end, and why the others did not."""
    turns: dict[str, Turn] = {
        label(side, lanes): partial(worker.turn, lanes)
        for side, worker in workers.items()
        for lanes in side.lanes
    }
    speeds = take_turns(turns, repeats)
    failed = {side: worker.failed for side, worker in workers.items() if worker.failed is not None}
    for side in failed:
        for lanes in side.lanes:
            del speeds[label(side, lanes)]
    return speeds, {side.title: reason for side, reason in failed.items()}


def rows(speeds: dict[str, list[float]]) -> list[dict[str, Any]]:
    """A row per configuration: median, range, speed over the lessons' loop, and our fastest's speed over its own."""
    lessons, best = SIDES[0].title, our_fastest(speeds)
    return [
        {
            "name": name,
            "median": statistics.median(values),
            "lowest": min(values),
            "highest": max(values),
            "over_lessons": ratio(speeds, name, lessons) if lessons in speeds else None,
            "best_dqn_over_it": ratio(speeds, best, name) if best else None,
            "turns": values,
        }
        for name, values in speeds.items()
    ]


def our_fastest(speeds: dict[str, list[float]]) -> str | None:
    """The configuration of `dqn` with the highest median, if there is any."""
    ours = [name for lanes in OURS.lanes if (name := label(OURS, lanes)) in speeds]
    return max(ours, key=lambda name: statistics.median(speeds[name]), default=None)


def table(measured: list[dict[str, Any]], missing: dict[str, str]) -> str:
    """The rows for people, then who is missing and why."""
    columns = ("lane-steps/s", "lowest", "highest", "x lessons", "best dqn / it")
    lines = [f"{'':26}" + "".join(f"{column:>14}" for column in columns)]
    for row in measured:
        counts = "".join(f"{row[key]:14,.0f}" for key in ("median", "lowest", "highest"))
        ratios = (row["over_lessons"], row["best_dqn_over_it"])
        lines.append(f"{row['name']:26}{counts}" + "".join(f"{_two_places(r):>14}" for r in ratios))
    return "\n".join(lines + [f"not measured: {title}: {reason}" for title, reason in missing.items()])


def main(options: Namespace) -> int:
    """A table for each work. 1 where `dqn` itself was asked for and not measured."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None  # macOS knows no such thing
    core = max(cores) if cores else None
    told = {work: compare(work, core, options) for work in options.works}
    if options.json is not None:
        options.json.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    ours = [any(row["best_dqn_over_it"] for row in each["rows"]) for each in told.values()]
    return int(OURS.name in options.sides and not all(ours))


def compare(work: str, core: int | None, options: Namespace) -> dict[str, Any]:
    """Install, get ready, take turns, print: what there is to tell of one work."""
    missing: dict[str, str] = {}
    workers: dict[Side, Worker] = {}
    with ExitStack() as stack:
        for side in (side for side in WORKS[work] if side.name in options.sides):
            print(f"getting ready: {side.title}, {work}", file=sys.stderr)
            try:
                workers[side] = stack.enter_context(closing(_worker(side, work, core, options)))
            except SideFailed as error:
                missing[side.title] = str(error)
        speeds, failed = measure(workers, options.repeats)
    missing |= failed
    measured = rows(speeds)
    facts = {
        "cpu": cpu_model(),
        "core": core,
        "load": os.getloadavg()[0],
        "repeats": options.repeats,
        "versions": {side.title: worker.versions for side, worker in workers.items()},
    }

    held = "no core in particular" if core is None else f"core {core}"
    print(
        f"{work}: {facts['cpu']}, {held}, one thread; medians of {options.repeats} alternating turns; ",
        end="",
    )
    print(f"load average {facts['load']:.1f}")
    for title, versions in facts["versions"].items():
        print(f"  {title}: {', '.join(f'{name} {number}' for name, number in versions.items())}")
    print("\n" + table(measured, missing) + "\n")
    return facts | {"rows": measured, "not_measured": missing}


def add_options(parser: ArgumentParser) -> None:
    """What can be asked for."""
    names, length = (
        [side.name for side in SIDES],
        "a turn's length, where it is not a number of steps (default 1)",
    )
    parser.add_argument("--seconds", type=float, default=1.0, help=length)
    parser.add_argument("--sides", nargs="+", choices=names, default=names, help="only these")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS), help="only these")
    parser.add_argument("--purejaxrl", type=Path, help="a checkout of PureJaxRL")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    parser.add_argument("--venv", type=Path, default=VENV, help="where the peers live (default .venv-peers)")


def _two_places(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _worker(side: Side, work: str, core: int | None, options: Namespace) -> Worker:
    """The side's process, in the project's own environment or in that of the peers."""
    python = Path(sys.executable)
    own = ["--work", work, "--seconds", str(options.seconds), "--lanes", *map(str, side.lanes)]
    own += [] if core is None else ["--core", str(core)]
    if side.name == "purejaxrl":
        if options.purejaxrl is None or not (options.purejaxrl / "purejaxrl" / "dqn.py").is_file():
            what = f"PUREJAXRL={options.purejaxrl or ''} names no checkout of it"
            raise SideFailed(f"{what} (docs/performance.md, Peers, says what it needs)")
        own += ["--checkout", str(options.purejaxrl.resolve())]
    if side.requirements:
        python = options.venv.absolute() / "bin" / "python"
        install(python, side.requirements, os.environ.get("TORCH_INDEX", ""))
    return Worker([str(python), "-m", "scripts.bench.peer", side.name, *own])
