"""Progress of a grid: a bar with time left on a terminal, plain lines through a pipe."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TextIO

QUICK_SECONDS, SILENT_SECONDS = 3.0, 9.0
"""What takes no longer is not worth a word; how long nothing may be said while something is being done."""


class Progress:
    """Progress that is shown to nobody: for callers from Python, and where there is no standard error."""

    def start(self, total_steps: int, text: str) -> None:
        """Begin to count to so many lane-steps."""

    def advance(self, steps: int) -> None:
        """Count lane-steps; from any thread."""

    def note(self, text: str) -> None:
        """Show a line."""

    def finish(self) -> None:
        """Show the end of what was begun, if anything was."""


@contextmanager
def announced(progress: Progress, text: str) -> Iterator[None]:
    """Say what is being done, and that it still is, unless it is done at once."""
    started = time.monotonic()

    def texts() -> Iterator[str]:
        yield text
        while True:
            yield f"{text}, for {span(time.monotonic() - started)} so far"

    said = texts()
    ticker = Ticker(lambda: progress.note(next(said)), QUICK_SECONDS)
    try:
        yield
    finally:
        ticker.stop()


class Ticker:
    """Says something after a first pause, and then again and again, until it is stopped."""

    def __init__(self, say: Callable[[], None], first: float) -> None:
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(say, first), daemon=True)
        self.thread.start()

    def _run(self, say: Callable[[], None], pause: float) -> None:
        while not self.stopped.wait(pause):
            say()
            pause = SILENT_SECONDS

    def stop(self) -> None:
        """Nothing is said any more once this returns."""
        self.stopped.set()
        self.thread.join()


class Pace:
    """Rate of lane-steps since the start. Counts from several threads."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.started = time.monotonic()
        self.lock = threading.Lock()

    def add(self, steps: int) -> None:
        """Count lane-steps as done."""
        with self.lock:
            self.done += steps

    def __str__(self) -> str:
        seconds = time.monotonic() - self.started
        rate = self.done / max(seconds, 1e-3)
        if self.done >= self.total:
            return f"{rate:,.0f} lane-steps/s, took {span(seconds)}"
        left = f"{span((self.total - self.done) / rate)} left" if rate else "..."
        return f"{rate:,.0f} lane-steps/s, {left}"


class Lines(Progress):
    """Plain lines without control codes, one every few seconds, whether anything is done or not."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.pace: Pace | None = None
        self.text = ""
        self.ticker: Ticker | None = None

    def start(self, total_steps: int, text: str) -> None:
        self._stop_ticker()  # of an earlier look
        self.pace, self.text = Pace(total_steps), text
        self.note(f"{text}: {total_steps:,} lane-steps to do")
        self.ticker = Ticker(partial(self._tell, self.pace), SILENT_SECONDS)

    def _tell(self, pace: Pace) -> None:
        done = pace.done >= pace.total
        self.note(f"{self.text}: all steps are done, results are written" if done else self._line(pace))

    def _stop_ticker(self) -> None:
        if self.ticker is not None:
            self.ticker.stop()
            self.ticker = None

    def advance(self, steps: int) -> None:
        if self.pace is not None:
            self.pace.add(steps)

    def note(self, text: str) -> None:
        with suppress(OSError, ValueError):  # nobody listens any more; the grid goes on
            print(text, file=self.stream, flush=True)

    def finish(self) -> None:
        self._stop_ticker()
        if self.pace is not None:
            self.note(self._line(self.pace))
        self.pace = None

    def _line(self, pace: Pace) -> str:
        return f"{self.text}: {pace.done / max(pace.total, 1):.0%}, {pace}"


class Bar(Progress):
    """A bar on a terminal. rich keeps it in one place and honours NO_COLOR."""

    def __init__(self, stream: TextIO) -> None:
        from rich import progress
        from rich.console import Console

        self.console = Console(file=stream, highlight=False)
        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TextColumn("{task.fields[pace]}"),
            console=self.console,
        )
        self.pace = Pace(0)

    def start(self, total_steps: int, text: str) -> None:
        self.pace = Pace(total_steps)
        for ended in self.bar.task_ids:  # of an earlier look
            self.bar.remove_task(ended)
        self.bar.add_task(text, total=total_steps, pace="starting")
        self.bar.start()

    def advance(self, steps: int) -> None:
        self.pace.add(steps)
        for task in self.bar.task_ids:
            self.bar.update(task, advance=steps, pace=str(self.pace))

    def note(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def finish(self) -> None:
        self.bar.stop()


def span(seconds: float) -> str:
    """A duration in the two largest units that matter."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def on_stderr() -> Progress:
    """Progress on standard error, as suits it: standard output is left to results."""
    stream = sys.stderr
    if stream is None:
        return Progress()
    if not stream.isatty():
        return Lines(stream)
    bar = Bar(stream)
    return Lines(stream) if bar.console.is_dumb_terminal else bar
