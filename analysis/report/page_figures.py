"""The figures of a results folder as the page shows them: inlined, described, and with their numbers for hovering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from markupsafe import Markup

from ablations.store import env_folder
from analysis.findings.evidence import Evidence
from analysis.findings.summary import RowSummary
from analysis.report.hover import Numbers, values
from analysis.report.svg import inline
from analysis.tables import summary
from analysis.tables.spelling import number_text, range_text, row_name

NAMED = 12
"""Rows beyond which a figure's description doesn't list their numbers."""
STEPS = "environment step"
CURVES = Numbers(
    STEPS,
    "step",
    "mean",
    {
        "curve": "return, mean of 10 episodes",
        "running_variance": "running variance, full windows",
        "running_variance_growing": "running variance, growing window",
        "running_variance_trend": "running variance around the trend",
    },
)
EXACT = Numbers(
    STEPS,
    "step",
    "mean",
    {"q_error_max": "max |Q - Q*|", "overestimation": "mean of max Q - V*", "regret": "regret"},
)


INSIDE = Numbers(
    STEPS,
    "step",
    "mean",
    {
        "q_max": "largest Q of the probe states",
        "overestimation": "overestimation",
        "churn": "churn, share of probe states",
        "effective_rank": "effective rank",
    },
)
PROFILES = Numbers("normalised score", "score", "value", {"": "share of runs above"})
EFFICIENCY = Numbers("share of the budget", "share_of_budget", "value", {"": "IQM of the normalised return"})


@dataclass(frozen=True)
class FigureKind:
    """A figure of an environment: its title, and which CSV its numbers are read from."""

    title: str
    numbers: Numbers | None = None
    file: str = ""


KINDS = {
    "curves": FigureKind("Learning curves above running variance", CURVES, "variance"),
    "small-multiples": FigureKind("Each variant against the baseline", CURVES, "variance"),
    "sweep": FigureKind("The sweep", CURVES, "variance"),
    "variance": FigureKind("Running variance in three forms", CURVES, "variance"),
    "exact": FigureKind("Learned against exact values", EXACT, "exact"),
    "diagnostics": FigureKind("Values and networks from inside", INSIDE, "diagnostics"),
}
"""The figures of an environment in the order of the page."""
FOREST = FigureKind("Each row minus the baseline")
OVERALL = {
    "table-against-network": {
        "sample-efficiency": FigureKind("Sample efficiency as the world grows: table against network"),
    },
    "aggregates": {
        "performance-profiles": FigureKind("Performance profiles", PROFILES, "performance-profiles"),
        "sample-efficiency-curves": FigureKind(
            "Sample-efficiency curves", EFFICIENCY, "sample-efficiency-curves"
        ),
    },
}
"""Those of all environments, by the section of the page that they stand in."""


@dataclass(frozen=True)
class Figure:
    """A drawing on the page."""

    id: str
    title: str
    svg: Markup
    values: str
    """Which of ``Drawings.values`` its panels tell; '' where it has none."""


@dataclass
class PageFigures:
    """Collects what several figures share: the shapes of letters, and the numbers behind."""

    found: Evidence
    glyphs: dict[str, str] = field(default_factory=dict)
    values: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def environments(self) -> list[dict[str, Any]]:
        """The page's entry of each environment."""
        return [self._environment(environment["env_id"]) for environment in self.found.results.environments]

    def forests(self) -> dict[str, Figure | None]:
        """The forest plot of each environment, where one was drawn."""
        return {
            env_id: self._figure(f"{env_folder(env_id)}-verdicts", FOREST, "", env_id, here)
            for env_id in dict.fromkeys(line.row.env_id for line in self.found.summaries)
            if (here := [line for line in self.found.summaries if line.row.env_id == env_id])
        }

    def overall(self) -> dict[str, list[Figure]]:
        """The figures of all environments together, as far as they were drawn, by their section."""
        return {
            section: [
                figure
                for name, kind in kinds.items()
                if (figure := self._figure(name, kind, kind.file, "", self.found.summaries))
            ]
            for section, kinds in OVERALL.items()
        }

    def _environment(self, env_id: str) -> dict[str, Any]:
        stem = env_folder(env_id)
        here = [line for line in self.found.summaries if line.row.env_id == env_id]
        figures = []
        if any(line.n for line in here):
            for name, kind in KINDS.items():
                if name == "sweep" and not any(line.row.swept for line in here):
                    kind = replace(kind, title="All combinations")
                figure = self._figure(f"{stem}-{name}", kind, f"{stem}-{kind.file}", env_id, here)
                figures += [figure] if figure is not None else []
        return {
            "id": env_id,
            "anchor": stem,
            "runs_text": self.found.results.runs_text(env_id),
            "figures": figures,
            "lines": [summary.cells(line) for line in here],
        }

    def _figure(
        self, name: str, kind: FigureKind, file: str, env_id: str, lines: Sequence[RowSummary]
    ) -> Figure | None:
        """A figure if it was drawn; its numbers are read once for all figures that share them."""
        path = self.found.results.folder / "figures" / f"{name}.svg"
        if not path.is_file():
            return None
        numbers = f"values-{file}" if kind.numbers else ""
        if kind.numbers and numbers not in self.values:
            rows = [line.row for line in lines]
            self.values[numbers] = values(path.with_name(f"{file}.csv"), kind.numbers, rows)
        svg = inline(path, name, described(env_id, kind.title, lines if env_id else []), self.glyphs)
        return Figure(name, kind.title, svg, numbers)


def described(env_id: str, title: str, lines: Sequence[RowSummary]) -> str:
    """A figure in words: what it shows, of which rows, and where they end."""
    known = [line for line in lines if np.isfinite(line.numbers["final_return"].point)]
    text = f"{env_id}: {title.lower()}." if env_id else f"{title}."
    if not known:
        return text
    ordered = sorted(known, key=lambda line: -line.numbers["final_return"].point)
    chosen = ordered if len(ordered) <= NAMED else [ordered[0], ordered[-1]]
    ends = ", ".join(f"{row_name(line.row)} {_final(line)}" for line in chosen)
    n = f"n = {range_text([line.n for line in known])}"
    which = "" if chosen is ordered else ", highest and lowest"
    return f"{text} {len(lines)} rows, {n}; mean final return{which}: {ends}."


def _final(line: RowSummary) -> str:
    return number_text("final_return", line.numbers["final_return"].point)
