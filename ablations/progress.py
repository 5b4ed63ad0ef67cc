"""How far a grid is: a bar with time left on a terminal, plain lines through a pipe."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from ablations.grid import Progress

FIRST_LINE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 300.0


class Silent:
    """Says nothing: for callers from Python, and where there is no standard error."""

    def start(self, total_steps: int, text: str) -> None: ...
    def advance(self, steps: int) -> None: ...
    def note(self, text: str) -> None: ...
    def finish(self) -> None: ...


class Lines:
    """Plain lines without control codes, the pauses between them growing from seconds to minutes."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.lock = threading.Lock()
        self.total = self.done = 0
        self.text = ""
        self.pause = FIRST_LINE_SECONDS
        self.started = self.due = 0.0

    def start(self, total_steps: int, text: str) -> None:
        self.total, self.text, self.started = total_steps, text, time.monotonic()
        self.due = self.started + self.pause
        self.note(f"{text}: {total_steps:,} lane-steps to do")

    def advance(self, steps: int) -> None:
        with self.lock:
            self.done += steps
            now = time.monotonic()
            if now < self.due:
                return
            self.pause = min(1.5 * self.pause, LONGEST_PAUSE_SECONDS)
            self.due = now + self.pause
        self.note(self._line(now - self.started))

    def note(self, text: str) -> None:
        with suppress(OSError, ValueError):  # nobody listens any more; the grid goes on
            print(text, file=self.stream, flush=True)

    def finish(self) -> None:
        if self.started and self.done:
            self.note(self._line(time.monotonic() - self.started))
        self.started = 0.0

    def _line(self, seconds: float) -> str:
        rate = self.done / max(seconds, 1e-9)
        left = "" if self.done >= self.total else f", {span((self.total - self.done) / max(rate, 1e-9))} left"
        return f"{self.text}: {self.done / max(self.total, 1):.0%}, {rate:,.0f} lane-steps/s{left}"


class Bar:
    """A bar on a terminal. rich keeps it in one place and honours NO_COLOR."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self.console = Console(file=stream, highlight=False)
        self.bar: RichProgress | None = None
        self.task: TaskID | None = None

    def start(self, total_steps: int, text: str) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("left"),
            console=self.console,
            speed_estimate_period=60.0,
        )
        self.task = self.bar.add_task(text, total=total_steps, rate="")
        self.bar.start()

    def advance(self, steps: int) -> None:
        if self.bar is None or self.task is None:
            return
        self.bar.advance(self.task, steps)
        speed = self.bar.tasks[0].speed
        self.bar.update(self.task, rate=f"{speed:,.0f} lane-steps/s" if speed else "")

    def note(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def finish(self) -> None:
        if self.bar is not None:
            self.bar.stop()
        self.bar = None


def span(seconds: float) -> str:
    """A duration in the two largest units that matter."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def on_stderr() -> Progress:
    """The progress that suits standard error: it leaves standard output to results."""
    stream = sys.stderr
    if stream is None:
        return Silent()
    if not stream.isatty():
        return Lines(stream)
    bar = Bar(stream)
    return Lines(stream) if bar.console.is_dumb_terminal else bar
