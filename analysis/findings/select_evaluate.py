"""The 2 x 2 of who selects and who evaluates the next action (van Hasselt et al. 2018).

Without a target network the online network does both; the plain target leaves both to the target network; Double
selects with the online network, inverse double evaluates with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.findings.scores import EnvironmentScores
from analysis.findings.summary import RowSummary
from analysis.loading import BOOTSTRAP, TARGET, Piece

Networks = tuple[str | None, str | None]
"""Which network selects the action and which evaluates it."""

ONLINE: Networks = ("online", "online")
QUADRANTS: dict[Networks, str] = {
    ONLINE: "no target network",
    ("target", "target"): "target network",
    ("online", "target"): "Double",
    ("target", "online"): "inverse double",
}
"""Their names, in the order of the table."""
FEWEST = 2
"""Quadrants that make a comparison."""
VALUES = ("overestimation", "exact_overestimation")
"""Whichever of them the runs have."""
DIVERGES, CROSSES = "soft_divergence", "steps_to_soft_divergence"


@dataclass(frozen=True)
class Quadrant:
    """A row as a quadrant of a 2 x 2."""

    env_id: str
    shared: Mapping[str, Piece]
    """The pieces that the quadrants share, by slot; of the target, what those share that have a target network."""
    at: Mapping[str, Any]
    """The swept values outside the slots."""
    networks: Networks
    summary: RowSummary

    def known(self, name: str) -> int:
        """Runs that have such a score."""
        return int(np.isfinite([run[name] for run in self.summary.run_scores]).sum())

    @property
    def diverged(self) -> int:
        """Runs that diverged softly."""
        return int(np.nansum([run[DIVERGES] for run in self.summary.run_scores]))


def quadrants(scores: EnvironmentScores) -> list[Quadrant]:
    """The 2 x 2s of an environment of which at least two quadrants were run, each in the order of ``QUADRANTS``.

    A target network's numbers are shared by the quadrants that have one; the one without stands in each 2 x 2.
    """
    if not any(scores.has(name) for name in (*VALUES, DIVERGES)):
        return []
    squares: dict[tuple[str, str], dict[Networks, RowSummary]] = {}
    without_target: dict[str, RowSummary] = {}
    for summary in scores.summaries:
        row = summary.row
        slots = row.acting.slots
        others = {slot: piece for slot, piece in slots.items() if slot not in (BOOTSTRAP, TARGET)}
        shared = str([others, sorted(row.swept_settings.items())])
        if not summary.n or row.networks not in QUADRANTS:
            continue
        if row.networks == ONLINE:
            without_target.setdefault(shared, summary)
        else:
            squares.setdefault((shared, str(slots[TARGET])), {}).setdefault(row.networks, summary)
    made = []
    for (shared, _), found in squares.items():
        row = next(iter(found.values())).row
        pieces = {slot: piece for slot, piece in row.slots.items() if slot != BOOTSTRAP}
        if shared in without_target:
            found[ONLINE] = without_target[shared]
        here = [
            Quadrant(scores.env_id, pieces, row.swept_settings, networks, found[networks])
            for networks in QUADRANTS
            if networks in found
        ]
        made += here if len(here) >= FEWEST else []
    return made
