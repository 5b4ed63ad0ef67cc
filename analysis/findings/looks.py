"""How many seeds of each row count: all of them, or as many as the looks of a study asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.findings.margins import DECIDE, decided_by
from analysis.findings.repeatability import why_not_independent
from analysis.statistics.sequential import SEED


@dataclass(frozen=True)
class Looks:
    """The plan of a study, and what became of it in one environment."""

    decide: Mapping[str, Any]
    """metric, alpha, margin."""
    planned: tuple[int, ...] = ()
    """n_1 < ... < n_K; empty: the seeds are fixed."""
    last: Mapping[str, int] = field(default_factory=dict)
    """By label, the look up to which a row was tested; a baseline as far as its rows. Not there: not at all."""
    decided: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By label, what the last look says of a row on the primary metric, as decisions.json has it."""
    hypotheses: int = 0
    """Rows that the plan corrects for."""
    seed: int = SEED
    """Of the flips."""

    def of_row(self, *labels: str) -> int:
        """The last look at which all of these rows were tested; the one look of fixed seeds."""
        if not self.planned:
            return 1
        return min((self.last.get(label, 0) for label in labels), default=len(self.planned))


FIXED = Looks(DECIDE)
"""All seeds, as studies that don't say otherwise have them."""


def looks_of(study: Mapping[str, Any], decisions: Mapping[str, Any] | None, env_id: str) -> Looks:
    """The looks at an environment, as far as they are judged."""
    decide = decided_by(study)
    known: Mapping[str, Any] = {}
    environment = next((one for one in study.get("environments", ()) if one["env_id"] == env_id), known)
    if decisions is None or why_not_independent(environment) is not None:
        return Looks(decide, tuple(decide["looks"] or ()))
    plan = decisions["plan"]
    judged = [look for look in decisions["looks"] if look["env_id"] == env_id]
    rows = judged[-1]["rows"] if judged else []
    last = {row["label"]: 1 for row in plan["rows"]} if judged else {}
    last |= {row["label"]: row["look"] for row in rows}
    for row in rows:
        last[row["against"]] = max(last.get(row["against"], 1), row["look"])
    return Looks(
        decide={name: plan[name] for name in ("metric", "alpha", "margin")},
        planned=tuple(plan["looks"]),
        last=last,
        decided={row["label"]: row for row in rows},
        hypotheses=sum(bool(row.get("against")) for row in plan["rows"]),
        seed=plan["flips_seed"],
    )
