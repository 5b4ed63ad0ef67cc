"""The meaning of stored runs: metrics, intervals, figures, tables, a report, from a results folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def load(folder: str | Path) -> pd.DataFrame:
    """The finished episodes of every listed run that is valid; see ``analysis.loading.load``."""
    from analysis.loading import load as load_episodes  # pandas only where it is wanted

    return load_episodes(folder)


def runs(folder: str | Path) -> pd.DataFrame:
    """Every listed run with its state; see ``analysis.loading.load_runs``."""
    from analysis.loading import load_runs

    return load_runs(folder)
