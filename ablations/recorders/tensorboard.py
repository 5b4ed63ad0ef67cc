"""Event files for TensorBoard: the series of runs while they train, below ``.grid/tb``. Nothing of ours reads them.

Tags are ``episodes/episodic_return`` and so on: the table and the column of the results, at their global step.
Evaluations, of which there are several at a step, are averaged over it. What is not a number is left out.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

FOLDER = ".grid/tb"
FIRST_SECONDS = 5.0
SHARE = 0.05  # of the time goes into event files, at most
WHERE = ("env_id", "variant", "seed", "episode", "global_step", "start_seed", "updates", "states")
"""Columns that say where a number belongs and are no series themselves."""


TableOf = Callable[[int, str, str, int], pa.Table]
"""Makes the table of a lane so far, of (lane, env_id, label, seed)."""


class EventFiles:
    """The event files of a cohort, a folder per run. A new attempt begins anew.

    They are for looking only: where they can't be written, training goes on without them.
    """

    def __init__(self, folder: Path, label: str, lanes: Sequence[Mapping[str, Any]]) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow, and not everybody has its package

        self.label, self.lanes = label, lanes
        self.shown: dict[tuple[int, str], int] = {}  # (lane, table) -> rows that are in the files
        self.due = time.monotonic() + FIRST_SECONDS
        self.writers: list[SummaryWriter] = []  # of the lanes in order, as many as could be opened
        with suppress(OSError):
            for lane in lanes:
                place = folder / FOLDER / str(lane["path"]).removeprefix("runs/")
                shutil.rmtree(place, ignore_errors=True)
                self.writers.append(SummaryWriter(place, max_queue=1_000))

    def write_if_due(self, tables: Mapping[str, TableOf]) -> None:
        """Write new rows, now and then."""
        if time.monotonic() >= self.due:
            self.write(tables)

    def write(self, tables: Mapping[str, TableOf]) -> None:
        """Write new rows."""
        began = time.monotonic()
        with suppress(OSError):
            for number, writer in enumerate(self.writers):
                config = self.lanes[number]["config"]
                for name, table_of in tables.items():
                    table = table_of(number, config["env_id"], self.label, config["seed"])
                    first = self.shown.get((number, name), 0)
                    self.shown[number, name] = table.num_rows
                    for tag, mean, step in _scalars(name, table.slice(first)):
                        writer.add_scalar(tag, mean, step)
                writer.flush()
        took = time.monotonic() - began
        self.due = began + took + max(FIRST_SECONDS, took / SHARE)

    def close(self) -> None:
        """End the writers, of which each has a thread."""
        for writer in self.writers:
            with suppress(OSError):
                writer.close()


def _scalars(name: str, table: pa.Table) -> list[tuple[str, float, int]]:
    """(tag, mean, step) of each series of a table at each of its steps."""
    steps = table.column("global_step").to_numpy()
    starts = np.flatnonzero(np.diff(steps, prepend=-1))  # rows of a step stand together
    scalars = []
    for column in (column for column in table.column_names if column not in WHERE):
        values = table.column(column).to_numpy().astype(np.float64)
        means = [float(part.mean()) for part in np.split(values, starts)[1:]]
        scalars += [
            (f"{name}/{column}", mean, int(steps[start])) for mean, start in zip(means, starts, strict=True)
        ]
    return [scalar for scalar in scalars if np.isfinite(scalar[1])]
