"""Progress: plain lines through a pipe, a bar on a terminal, silence where nobody listens."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from ablations.runner.progress import Bar, Lines, Progress, on_stderr, span

COLOR = re.compile(r"\x1b\[[0-9;]*m")


def drive(shown, advances=(400, 600)):
    shown.start(1000, "core")
    for steps in advances:
        shown.advance(steps)
    shown.note("a note")
    shown.finish()


@contextmanager
def terminal():
    """A stream to a pseudo-terminal, and a list that holds what was written once it is left."""
    ours, theirs = pty.openpty()
    written: list[str] = []

    def collect():
        parts = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            parts += part
        written.append(parts.decode())

    reader = threading.Thread(target=collect)
    reader.start()
    with open(theirs, "w", encoding="utf-8") as stream:
        yield stream, written
    reader.join(10)
    os.close(ours)


def test_lines_hold_no_control_codes_and_end_with_what_it_took():
    stream = io.StringIO()
    drive(Lines(stream))
    first, *_, note, last = stream.getvalue().splitlines()
    assert first == "core: 1,000 lane-steps to do"
    assert note == "a note"
    assert last.startswith("core: 100%, ")
    assert "lane-steps/s, took" in last
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", stream.getvalue())


def test_lines_come_at_intervals_whatever_is_reported_and_none_after_the_end(monkeypatch):
    monkeypatch.setattr("ablations.runner.progress.SILENT_SECONDS", 0.2)
    stream = io.StringIO()
    lines = Lines(stream)
    lines.start(100_000, "core")
    for _ in range(600):
        lines.advance(100)
    time.sleep(1.1)  # nothing is reported, and it is said all the same
    lines.finish()
    percentages = [line for line in stream.getvalue().splitlines() if "%" in line]
    assert len(percentages) >= 3
    assert all(line.startswith("core: 60%, ") for line in percentages)
    time.sleep(0.5)
    assert len(stream.getvalue().splitlines()) == 1 + len(percentages)


def test_lines_outlive_their_reader():
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    drive(Lines(stream))
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_advances_from_many_threads_all_count():
    shown = Lines(io.StringIO())
    shown.start(8 * 2000, "core")

    def report():
        for _ in range(2000):
            shown.advance(1)

    threads = [threading.Thread(target=report) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shown.pace is not None
    assert shown.pace.done == 16_000


def test_a_bar_shows_share_rate_and_time_and_keeps_notes(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with terminal() as (stream, written):
        drive(Bar(stream))
    assert "100%" in written[0]
    assert "lane-steps/s" in written[0]
    assert "a note" in written[0]
    assert COLOR.search(written[0])


def test_a_bar_honours_no_color(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    with terminal() as (stream, written):
        drive(Bar(stream))
    assert "100%" in written[0]
    assert not COLOR.search(written[0])


@pytest.mark.parametrize("make", [lambda: Lines(io.StringIO()), lambda: Bar(io.StringIO()), Progress])
def test_finishing_and_notes_before_the_start_are_fine(make):
    shown = make()
    shown.note("early")
    shown.advance(1)
    shown.finish()
    shown.finish()


def test_a_terminal_gets_a_bar_a_pipe_lines_a_dumb_terminal_lines_and_nothing_silence(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert isinstance(on_stderr(), Progress)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(on_stderr(), Lines)
    with terminal() as (stream, _):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        assert isinstance(on_stderr(), Bar)
        monkeypatch.setenv("TERM", "dumb")
        assert isinstance(on_stderr(), Lines)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0s"), (59, "59s"), (61, "1m 01s"), (3600, "1h 00m"), (7_325, "2h 02m"), (-1, "0s")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds, text):
    assert span(seconds) == text
