"""Event files for TensorBoard: the series of runs while they train, below ``.grid/tb``. Nothing of ours reads them.

Tags are ``episodes/episodic_return`` and so on: the table and the column of the results, at their global step.
Evaluations, of which there are several at a step, are averaged over it. What is not a number is left out.
"""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

FOLDER = ".grid/tb"
NAME = "events.out.tfevents.0.run"
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
        self.folder, self.label, self.lanes = folder, label, lanes
        self.shown: dict[tuple[int, str], int] = {}  # (lane, table) -> rows that are in the files
        self.due = time.monotonic() + FIRST_SECONDS
        with suppress(OSError):
            for lane in lanes:
                place = self._place(lane)
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
                (place / NAME).write_bytes(_records([_event(file_version="brain.Event:2")]))

    def write_if_due(self, tables: Mapping[str, TableOf]) -> None:
        """Write new rows, now and then."""
        if time.monotonic() >= self.due:
            self.write(tables)

    def write(self, tables: Mapping[str, TableOf]) -> None:
        """Write new rows."""
        began = time.monotonic()
        with suppress(OSError):
            for number, lane in enumerate(self.lanes):
                new = [
                    event
                    for name, table_of in tables.items()
                    for event in self._new(number, lane, name, table_of)
                ]
                with (self._place(lane) / NAME).open("ab") as file:
                    file.write(_records(new))
        took = time.monotonic() - began
        self.due = began + took + max(FIRST_SECONDS, took / SHARE)

    def _new(self, number: int, lane: Mapping[str, Any], name: str, table_of: TableOf) -> list[bytes]:
        config = lane["config"]
        table = table_of(number, config["env_id"], self.label, config["seed"])
        first = self.shown.get((number, name), 0)
        self.shown[number, name] = table.num_rows
        return _events(name, table.slice(first))

    def _place(self, lane: Mapping[str, Any]) -> Path:
        return self.folder / FOLDER / str(lane["path"]).removeprefix("runs/")


def _records(events: Sequence[bytes]) -> bytes:
    """Events as an event file holds them, each with its length and their check sums."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    for event in events:
        writer.write(event)
    return buffer.getvalue()


def _events(name: str, table: pa.Table) -> list[bytes]:
    """An event for each step of a table, with the mean of each of its series at that step."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    steps = table.column("global_step").to_numpy()
    starts = np.flatnonzero(np.diff(steps, prepend=-1))  # rows of a step stand together
    series = {
        column: table.column(column).to_numpy().astype(np.float64)
        for column in table.column_names
        if column not in WHERE
    }
    events = []
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        means = {column: float(values[start:end].mean()) for column, values in series.items()}
        values = [
            Summary.Value(tag=f"{name}/{column}", simple_value=mean)
            for column, mean in means.items()
            if np.isfinite(mean)
        ]
        if values:
            events.append(_event(step=int(steps[start]), summary=Summary(value=values)))
    return events


def _event(**content: Any) -> bytes:
    from tensorboard.compat.proto.event_pb2 import Event

    serialized: bytes = Event(wall_time=time.time(), **content).SerializeToString()
    return serialized
