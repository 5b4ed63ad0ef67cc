"""``status --watch``: how a study grows, seen from another terminal. Only looks; holds and changes nothing."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations import store
from ablations.cli.console import say
from ablations.runner import progress_file
from ablations.runner.progress import FIRST_LINE_SECONDS, LONGEST_PAUSE_SECONDS, span
from ablations.store import RunStatus

ALL_STAND, SOME_DO_NOT = 0, 1
LOOK_SECONDS = 1.0
QUIET = ("ok", "missing")  # states that the number of runs that stand says enough of
SHARE = 0.1  # of the time goes into looking, at most: reading thousands of manifests takes a while


@dataclass(frozen=True)
class Look:
    """What was seen at one time."""

    stored: Mapping[str, Any] | None  # study.json
    states: Mapping[str, RunStatus]
    runner: progress_file.Runner | None

    @property
    def stand(self) -> int:
        """How many of the listed runs stand."""
        return sum(standing.is_valid for standing in self.states.values())

    @property
    def all_stand(self) -> bool:
        """Whether the study is done."""
        return self.stored is not None and self.stand == len(self.states)

    @property
    def counts(self) -> Counter[str]:
        """How many runs are in each state."""
        return Counter(standing.state for standing in self.states.values())

    def __str__(self) -> str:
        if self.stored is None:
            text = "never run"
        else:
            told = sorted((state, count) for state, count in self.counts.items() if state not in QUIET)
            others = [f"{count} {state}" for state, count in told]
            text = ", ".join([f"{self.stand} of {len(self.states)} runs stand", *others])
        return f"{text}; {_pace(self.runner)}"


Shows = Callable[[Look], bool]
"""Shows what was seen; False where nobody looks any more."""


def watch(folder: Path, overview: Callable[[Mapping[str, Any], Mapping[str, RunStatus]], str]) -> int:
    """Look and show until the study is done, or its runner has left; 0 where all runs stand.

    ``overview`` makes the table of ``status`` from study.json and the runs' states.
    """
    look = Looking(folder)
    had_runner = False
    with _shown(overview) as show:
        while True:
            began = time.monotonic()
            seen = look()
            if not show(seen):
                break
            if seen.runner is None and (seen.all_stand or had_runner):
                break
            had_runner |= seen.runner is not None
            time.sleep(max(LOOK_SECONDS, (time.monotonic() - began) / SHARE))
    say(f"{seen.stand} of {len(seen.states)} runs stand ({folder})")
    return ALL_STAND if seen.all_stand else SOME_DO_NOT


class Looking:
    """Looks at a study again and again; a run whose manifest has not changed is not read again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, tuple[tuple[int, int], RunStatus]] = {}

    def __call__(self) -> Look:
        runner = progress_file.runner(self.folder)  # before the runs: once it has left, what is seen is final
        try:
            stored = store.read_study(self.folder)
        except (FileNotFoundError, store.Damaged):
            return Look(None, {}, runner)
        return Look(stored, {run["path"]: self._standing(run) for run in stored["runs"]}, runner)

    def _standing(self, run: Mapping[str, Any]) -> RunStatus:
        run_dir = self.folder / run["path"]
        try:
            facts = (run_dir / store.MANIFEST).stat()
        except OSError:
            return store.inspect(run_dir, run["key"])
        signature = (facts.st_mtime_ns, facts.st_size)
        if self.known.get(run["path"], (None,))[0] != signature:
            self.known[run["path"]] = signature, store.inspect(run_dir, run["key"])
        return self.known[run["path"]][1]


@contextmanager
def _shown(overview: Callable[[Mapping[str, Any], Mapping[str, RunStatus]], str]) -> Iterator[Shows]:
    """On a terminal a table that stays in its place, otherwise lines."""
    if not sys.stdout.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)
    if console.is_dumb_terminal:
        yield _Lines()
        return
    with Live(console=console, auto_refresh=False, transient=True) as screen:

        def show(seen: Look) -> bool:
            table = overview(seen.stored, seen.states) if seen.stored is not None else ""
            screen.update(Text(f"{seen}\n\n{table}"), refresh=True)
            return True

        yield show


class _Lines:
    """A line when the number of runs in a state has changed, otherwise now and then, the pauses growing."""

    def __init__(self) -> None:
        self.counts: Counter[str] | None = None
        self.pause, self.due = FIRST_LINE_SECONDS, 0.0

    def __call__(self, seen: Look) -> bool:
        now = time.monotonic()
        if seen.counts == self.counts and now < self.due:
            return True
        if seen.counts == self.counts:
            self.pause = min(1.5 * self.pause, LONGEST_PAUSE_SECONDS)
        self.counts, self.due = seen.counts, now + self.pause
        return say(f"{time.strftime('%H:%M:%S')} {seen}")


def _pace(runner: progress_file.Runner | None) -> str:
    if runner is None:
        return "nobody is running it"
    if not runner.total:
        return f"{runner} is getting ready"
    rate = runner.done / max(runner.at - runner.started, 1e-3)
    left = f", {span((runner.total - runner.done) / rate)} left" if rate > 0 else ""
    return f"{runner.done / runner.total:.0%} of what {runner} has to do, {rate:,.0f} lane-steps/s{left}"
