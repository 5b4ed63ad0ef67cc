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
    device: str | None = None,
    timeout: float | None = None,
    memory: int | str | None = None,
    strict: bool = False,
    tensorboard: bool = False,
    scheduler: str | None = None,
) -> Path:
    """Run what is missing of a study, a shipped name or a file, and return its results folder.

    The arguments are those of ``python -m ablations run``. Runs that don't stand afterwards are told in a warning.
    Raises ``ablations.errors.BadInput`` for bad input, ``ablations.runner.lock.Held`` where another runner holds the
    study, and what else ``ablations.runner.grid.run`` does.
    """
    from ablations.cli import options
    from ablations.runner import grid
    from ablations.runner.progress import on_stderr
    from ablations.runner.progress_file import ProgressFile

    wanted = options.resolve(
        study,
        results,
        jobs=jobs,
        lanes=lanes,
        envs=envs,
        variants=variants,
        seeds=seeds,
        steps=steps,
        engine=engine,
        device=device,
        timeout=timeout,
        memory=memory,
        strict=strict,
        tensorboard=tensorboard,
        scheduler=scheduler,
    )
    options.refuse_unwritable(wanted.folder)
    outcome = grid.run(
        wanted.study,
        wanted.folder,
        executor_config=wanted.executor_config,
        chosen=wanted.chosen,
        progress=ProgressFile(on_stderr(), wanted.folder),
        strict=wanted.strict,
    )
    if outcome.stand < outcome.asked:
        warnings.warn(f"{outcome.stand} of {outcome.asked} runs stand in {wanted.folder}", stacklevel=2)
    return wanted.folder
