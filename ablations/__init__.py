"""Which of DQN's stabilisation tricks does what, by how much, and how sure are we?

``run(study)`` carries out a study and returns the folder of its results, for ``analysis.load``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

__all__ = ["run"]

# Read by the matrix library at its first product, so it is set before torch is imported: one code path whatever the
# processor or the alignment of a lane in memory. Without it a run's last bits depend on the lanes beside it.
os.environ["MKL_CBWR"] = "AVX2,STRICT"

# Inherited by workers: an environment that goes through a set of texts goes through it in the same order everywhere.
os.environ.setdefault("PYTHONHASHSEED", "0")


def run(
    study: str | os.PathLike[str],
    results: str | os.PathLike[str] = "results",
    *,
    jobs: int | None = None,
    lanes: int | None = None,
    envs: Sequence[str] = (),
    variants: Sequence[str] = (),
    seeds: int | None = None,
    steps: int | None = None,
    engine: str | None = None,
    executor: str | None = None,
    scheduler: str | None = None,
    timeout: float | None = None,
    memory: int | str | None = None,
    strict: bool = False,
    replan: bool = False,
    tensorboard: bool = False,
) -> Path:
    """Run what is missing of a study, a shipped name or a file, and return its results folder.

    The arguments are those of ``python -m ablations run``. Where runs are not valid afterwards, a warning says so.
    Raises ``ablations.errors.BadInput`` for bad input, ``ablations.runner.lock.Held`` where another runner holds the
    study, and what else ``ablations.runner.grid.run`` does.
    """
    values = dict(locals())
    from ablations.cli import compose, options

    request = compose.resolve(*options.read_options(values))
    outcome = compose.run_study(request)
    if outcome.valid < outcome.chosen:
        message = f"{outcome.valid} of {outcome.chosen} runs are valid in {request.folder}"
        warnings.warn(message, stacklevel=2)
    return request.folder
