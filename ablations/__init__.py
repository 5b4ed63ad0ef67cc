"""Which of DQN's stabilisation tricks does what, by how much, and how sure are we?

``run(study)`` carries out a study and returns the folder of its results, for ``analysis.load``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

__all__ = ["run"]


def run(
    study: str | os.PathLike[str],
    results: str | os.PathLike[str] = "results",
    *,
    jobs: int | None = None,
    envs: Sequence[str] = (),
    variants: Sequence[str] = (),
    seeds: int | None = None,
    steps: int | None = None,
) -> Path:
    """Run what is missing of a study, a shipped name or a file, and return its results folder.

    The arguments are those of ``python -m ablations run``. Raises ``ablations.problems.BadInput`` for bad input,
    ``ablations.grid.Held`` where another runner holds the study, ``ablations.grid.Incomplete`` where runs failed.
    """
    from ablations.door import run_study

    return run_study(study, Path(results), jobs=jobs, envs=envs, variants=variants, seeds=seeds, steps=steps)
