"""``pack`` and ``unpack``: the runs of a study in a few archives, or each in a folder of its own."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ablations.cli import compose
from ablations.cli.console import printable, say, stored_study, warn
from ablations.runner import lock
from ablations.store import packing

DONE, NOT_DONE, HELD = 0, 1, 3
MOST_NAMED = 10


def main(arguments: Namespace) -> int:
    """Move valid runs into packs, or packed ones back into folders."""
    pack = arguments.command == "pack"
    _, folder = compose.locate(arguments.study, arguments.results, arguments.problems)
    stored = stored_study(folder, f"there is nothing to {'pack' if pack else 'unpack'}")
    if stored is None:
        return NOT_DONE
    order = [run["path"] for run in stored["runs"]]
    try:
        with lock.hold(folder):
            moved = packing.pack(folder, order) if pack else packing.unpack(folder)
    except lock.Held as held:
        warn(f"{folder}: the study is held by {held}; nothing was changed")
        return HELD
    except OSError as problem:
        warn(f"{folder}: {problem}; every run is still where it was, and valid; the same command goes on")
        return NOT_DONE
    _report(folder, moved, pack)
    return NOT_DONE if moved.left and not pack else DONE


def _report(folder: Path, moved: packing.PackResult, pack: bool) -> None:
    for path, reason in list(moved.left.items())[:MOST_NAMED]:
        say(f"  left as it is: {path} ({printable(reason)})")
    if len(moved.left) > MOST_NAMED:
        say(f"  and {len(moved.left) - MOST_NAMED} more")
    packs = ", ".join(moved.packs) or "no pack"
    files = f"{moved.files_before:,} files before, {packing.count_files(folder):,} now"
    say(f"{moved.runs} runs moved {'into' if pack else 'out of'} {packs}; {files} ({folder})")
