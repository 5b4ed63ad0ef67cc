"""The command line. Each command is a module here, imported only when it is asked for, so that ``list`` is quick."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from ablations.cli.console import OutputLost, say, say_problems, speak_any_locale, warn
from ablations.cli.parser import parse
from ablations.errors import BadInput, Problem

FAILED = OUTPUT_LOST = 1
BAD_INPUT = 2
INTERRUPTED = 130
WITH_TORCH = 900 * 2**20
"""Bytes of address space without which torch can't even be loaded."""
TRAINS = ("plan", "run", "play", "cohort")


def command() -> NoReturn:
    """A process's whole life: what environments have left behind, threads and processes, ends with it."""
    try:
        code = main()
    except Exception:
        traceback.print_exc()
        code = FAILED
    started = sys.modules.get("multiprocessing")
    left = started.active_children() if started else []
    if not left and all(
        thread.daemon or thread is threading.main_thread() for thread in threading.enumerate()
    ):
        sys.exit(code)
    for process in left:
        process.kill()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # nobody reads any more, or it was closed before
            stream.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line; the exit code is the one the contract gives."""
    speak_any_locale()
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
        return carry_out(arguments)
    except BadInput as bad:
        say_problems(bad)
        return BAD_INPUT
    except OutputLost as problem:
        warn(str(problem))
        return OUTPUT_LOST
    except KeyboardInterrupt:
        return INTERRUPTED


def carry_out(arguments: Namespace) -> int:
    """Import the command's module and call it."""
    if arguments.help_text:
        say(arguments.help_text)
        return 0
    if arguments.module not in TRAINS:
        return _call(arguments)
    from ablations.store import too_little_memory  # pyarrow with it, which `list` does without

    limited = too_little_memory(WITH_TORCH)
    try:
        if limited is None:
            return _call(arguments)
    except (ImportError, MemoryError) as problem:
        limited = too_little_memory(WITH_TORCH, problem)
        if limited is None:
            raise
    raise BadInput([Problem("command line", "ulimit -v", limited)])


def _call(arguments: Namespace) -> int:
    command = import_module(f"ablations.cli.{arguments.module}")
    return int(command.main(arguments))
