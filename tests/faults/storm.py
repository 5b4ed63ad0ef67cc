"""A storm: a study is run by the command line, again and again, while what runs it is killed at seeded moments.

Each kill is drawn before it happens: whom it strikes, in which phase, and how long after the phase was first seen. A
kill counts where it ended a process that lived; others are counted apart and drawn anew. A study that has come to its
end is compared with the undisturbed one, and the next is begun.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.contract.outside import ablations, assert_answered, manifest_of

from .damage import damage
from .grounds import (
    FINAL,
    RUN,
    Undisturbed,
    assert_complete,
    assert_sound,
    ended_by,
    lay_out,
    start,
    status,
)
from .session import (
    ORPHAN_SECONDS,
    assert_none_left,
    lives,
    members,
    promised,
    seconds_until,
    server_of,
    strike,
    workers_of,
)

PATIENCE_SECONDS = 240.0
"""How long a phase may be waited for on a busy machine before it counts as a hang."""
POLL_SECONDS = {"starting": 0.02, "training": 0.02, "saving": 0.001, "committing": 0.003}
"""Between two looks: who waits must not take the time of those it waits for."""
MOST_DRIVERS = 60
"""Of one study: kills are bounded, so are its drivers."""

VICTIMS = ["driver"] * 4 + ["worker"] * 4 + ["server"] * 2
"""Dealt in this mix, in any order: ten kills strike four drivers, four workers and two servers."""
PHASES = {
    "starting": 2.5,  # from the start of the driver, or from when the process is first seen
    "training": 2.0,  # from when a worker is first seen
    "saving": 0.004,  # from when a checkpoint is being written
    "committing": 0.06,  # from when a result is being written
}
"""How long after it was first seen a phase may be struck, in seconds."""


@dataclass(frozen=True)
class StepRecord:
    """When a kill comes, and whom it strikes."""

    victim: str
    phase: str
    delay: float
    which: float  # of several workers

    def __str__(self) -> str:
        return f"kill -9 of a {self.victim}, {self.delay * 1000:.1f} ms into {self.phase}"


def draw(dice: random.Random, victim: str) -> StepRecord:
    phase = dice.choice(list(PHASES))
    return StepRecord(victim, phase, dice.uniform(0, PHASES[phase]), dice.random())


@dataclass
class Counts:
    """What a storm has done and seen."""

    struck: Counter[str] = field(default_factory=Counter)  # by victim
    phases: Counter[str] = field(default_factory=Counter)  # by victim and phase
    seen: Counter[str] = field(default_factory=Counter)  # everything else
    slowest: float = 0.0  # seconds from a driver's end to the end of its last process

    @property
    def kills(self) -> int:
        return self.struck.total()

    def lines(self) -> list[str]:
        told = [f"{self.kills} kills struck"]
        told += [f"  {count:4d} of a {name}" for name, count in sorted(self.struck.items())]
        told += ["by phase:"] + [f"  {count:4d} {name}" for name, count in sorted(self.phases.items())]
        told += ["seen:"] + [f"  {count:4d} {name}" for name, count in sorted(self.seen.items())]
        return [*told, f"the last process was gone {self.slowest:.2f} s after its driver, at the slowest"]


class Storm:
    """Kills until ``kills`` have struck, from the moments that ``seed`` gives."""

    def __init__(
        self,
        place: Path,
        whole: Mapping[str, Undisturbed],  # by family
        kills: int,
        seed: int,
        say: Callable[[str], None] = lambda text: None,
        damages: int = 0,  # files to damage in each study that has come to its end
    ) -> None:
        self.place, self.whole, self.kills, self.seed, self.say = place, whole, kills, seed, say
        self.damages = damages
        self.dice = random.Random(seed)
        self.deck: list[str] = []  # whom to strike; one who could not be struck stays
        self.counts = Counts()
        self.record: StepRecord | None = None

    def rage(self) -> Counts:
        """Study after study, until enough kills have struck."""
        number = 0
        while self.counts.kills < self.kills:
            family = list(self.whole)[number % len(self.whole)]
            folder = self.place / f"study-{number}"
            with self._told(folder):
                self._one_study(folder, self.whole[family])
            shutil.rmtree(folder)
            number += 1
        return self.counts

    @contextmanager
    def _told(self, folder: Path) -> Iterator[None]:
        """Whatever fails is told with what repeats it."""
        try:
            yield
        except BaseException as problem:
            said = "\n".join(
                f"--- {path.name}\n{path.read_text(errors='replace')}"
                for path in sorted(folder.glob("*.out"))[-2:]
            )
            problem.add_note(
                f"storm of seed {self.seed}, after {self.counts.kills} kills; last drawn: {self.record}\n"
                f"again: python -m tests.faults.soak --seed {self.seed} --kills {self.counts.kills + 1}\n{said}"
            )
            raise

    def _one_study(self, folder: Path, whole: Undisturbed) -> None:
        """Drivers one after another, until one has come to its end with all runs."""
        results = lay_out(folder, whole.family)
        for number in range(MOST_DRIVERS):
            kept = status(results, whole)
            if self._one_driver(folder, results, folder / f"{number:02d}.out"):
                break
            assert_sound(results, whole)
            self.counts.seen["runs that stood when a driver ended, and were kept"] += len(kept)
        else:
            raise AssertionError(f"{MOST_DRIVERS} drivers have not finished the study")
        assert_complete(results, whole)
        assert_answered(ablations("verify", "tiny.toml", cwd=folder), 0)
        self.counts.seen["studies that ended as undisturbed"] += 1
        resumed = [manifest_of(results, run)["checkpoints"]["resumed_at"] > 0 for run in whole.runs]
        self.counts.seen["results that come from a checkpoint"] += sum(resumed)
        if self.damages:
            self._damage(folder, results, whole)

    def _damage(self, folder: Path, results: Path, whole: Undisturbed) -> None:
        """Damage files of a finished study, each of another run, and see that they are found and made good."""
        told = {}
        for run in self.dice.sample(whole.runs, self.damages):
            path = results / run["path"] / self.dice.choice(sorted(FINAL))
            told[run["path"]] = damage(path, self.dice)
        told["study.json"] = damage(results / "study.json", self.dice)
        answer = ablations(*RUN, cwd=folder)
        assert_answered(answer, 0)
        for path, how in told.items():
            assert f"{path}: " in answer.stderr, how
        assert_complete(results, whole)
        self.counts.seen["files damaged, found and made again"] += len(told)

    def _one_driver(self, folder: Path, results: Path, output: Path) -> bool:
        """One call of the command line and what strikes it; whether the study is complete."""
        resuming = any((results / ".grid" / "checkpoints").glob("*.npz"))
        process = start(folder, output)
        self.counts.seen["drivers"] += 1
        before, strikes, killed = self.counts.kills, 0, False
        try:
            while self.counts.kills < self.kills and not killed:
                if not self.deck:
                    self.deck = self.dice.sample(VICTIMS, len(VICTIMS))
                self.record = draw(self.dice, self.deck[-1])
                victim = reached(process, results, self.record)
                if process.poll() is not None:
                    self.counts.seen["misses: the driver ended first"] += 1
                    break
                killed = victim is not None and self._strike(process, victim, resuming)
            strikes = self.counts.kills - before - killed
            process.wait(PATIENCE_SECONDS)
            self.counts.slowest = max(self.counts.slowest, assert_none_left(process.pid))
        finally:
            ended_by(process)
        said = output.read_text(encoding="utf-8")
        assert "Traceback" not in said
        self._count_notes(said)
        if killed:
            assert process.returncode == -9
            return False
        assert process.returncode in (0, 1)
        # A run is given up after two deaths of its process, so one death costs none.
        assert process.returncode == 0 or strikes >= 2
        return process.returncode == 0

    def _strike(self, process: subprocess.Popen[bytes], victim: int, resuming: bool) -> bool:
        """Strike; whether the driver is dead."""
        record = self.record
        assert record is not None
        served = workers_of(process.pid) if record.victim == "server" else []
        writing = strike(victim, process.pid)
        if writing is None:
            self.counts.seen["misses: the process was gone"] += 1
            return False
        self.counts.struck[self.deck.pop()] += 1
        self.counts.phases[f"{record.victim}, {record.phase}"] += 1
        for name in writing:
            what = "checkpoint" if "/checkpoints/" in name else "result" if "/runs/" in name else "other file"
            self.counts.seen[f"kills in the middle of a {what}"] += 1
        if resuming:
            self.counts.seen["kills of a study that went on from checkpoints"] += 1
        self.say(f"{self.counts.kills:4d} {record}")
        # The driver waits for none of these: a second worker at the same run would write beside the first.
        limit = promised(ORPHAN_SECONDS)
        alive = seconds_until(lambda: not set(served) & {m.pid for m in members(process.pid)}, limit)
        assert alive < limit, "workers outlive their server"
        return record.victim == "driver"

    def _count_notes(self, said: str) -> None:
        for name, pattern in NOTES.items():
            self.counts.seen[name] += len(re.findall(pattern, said))
        for count in re.findall(r"^(\d+) runs go on from checkpoints", said, re.M):
            self.counts.seen["runs that went on from checkpoints"] += int(count)


NOTES = {
    "cohorts tried again": "; trying again",
    "cohorts halved": "; trying in halves",
    "runs given up for one call": r": died: ",
    "leftovers put aside": r"moved to \.grid/quarantine",
}


def reached(process: subprocess.Popen[bytes], results: Path, record: StepRecord) -> int | None:
    """Wait for a moment; the process that it strikes, or None where there is none (any more)."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    at_work = None
    while process.poll() is None:
        at_work = _at_work(process.pid, results, record)
        if at_work is not None:
            break
        assert time.monotonic() < deadline, f"waited in vain for: {record}"
        time.sleep(POLL_SECONDS[record.phase])
    time.sleep(record.delay)
    if record.victim == "driver":
        return process.pid
    if record.victim == "server":
        return server_of(process.pid)
    workers = workers_of(process.pid)
    if at_work in workers:
        return at_work
    return workers[int(record.which * len(workers))] if workers else None


def _at_work(driver: int, results: Path, record: StepRecord) -> int | None:
    """The process that brings the phase about, once it is there."""
    match record.phase:
        case "starting" if record.victim == "driver":
            return driver
        case "starting" if record.victim == "server":
            return server_of(driver)
        case "starting" | "training":
            return next(iter(workers_of(driver)), None)
        case "saving":
            return _writer_in(results / ".grid" / "checkpoints", driver)
        case _:
            return _writer_in(results / "runs", driver)


def _writer_in(folder: Path, driver: int) -> int | None:
    """Who of a driver's session writes a file below this folder now; a temporary name ends in its writer."""
    names = (name for _, _, files in os.walk(folder) for name in files if name.endswith(".part"))
    writers = (int(name.split(".")[-2]) for name in names)
    return next((pid for pid in writers if lives(pid, driver)), None)
