"""A results folder as records: the study, its rows with their pieces and facts, the state of every run it lists."""

from analysis.loading.pieces import BOOTSTRAP, TARGET, Facts, Piece, Pieces, Slots, replaced_slots
from analysis.loading.reading import BadFolder, load, load_runs, read, read_run, read_study, unlisted
from analysis.loading.records import Results, Row, Run, reference, running_statistics, runs_text

__all__ = [
    "BOOTSTRAP",
    "TARGET",
    "BadFolder",
    "Facts",
    "Piece",
    "Pieces",
    "Results",
    "Row",
    "Run",
    "Slots",
    "load",
    "load_runs",
    "read",
    "read_run",
    "read_study",
    "reference",
    "replaced_slots",
    "running_statistics",
    "runs_text",
    "unlisted",
]
