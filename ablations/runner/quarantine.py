"""Quarantine: what can't be trusted is moved out of the way, under the lock. Nothing is ever deleted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ablations.studies.study import Run

FOLDER = Path(".grid", "quarantine")


def quarantine(folder: Path, path: str) -> str:
    """Move a damaged run or file out of the way; gives its new place."""
    target = folder / FOLDER / path
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{Path(path).name}.{number}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder / path, target)
    return target.relative_to(folder).as_posix()


def make_room(folder: Path, path: str) -> str:
    """Make room for a damaged run's next attempt; says what became of it. A run in a pack stays there."""
    if (folder / path).exists():
        return f"moved to {quarantine(folder, path)}"
    return "trained again beside its pack"


def links(folder: Path, runs: Sequence[Run]) -> list[str]:
    """Folders of these runs, or above them, that are links: what lies behind a link is not this study's."""
    above = (part for run in runs for part in (run.path, *map(str, PurePosixPath(run.path).parents)))
    places = sorted({place for place in above if place != "."})
    linked = [place for place in places if (folder / place).is_symlink()]
    return [link for link in linked if not any(link.startswith(f"{other}/") for other in linked)]
