"""Aggregates of normalised scores as text: tables/aggregates, tables/profiles, tables/sample-efficiency."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.findings.aggregates import Aggregate
from analysis.findings.normalized import RowCurves
from analysis.findings.scores import EnvironmentScores
from analysis.metrics import METRICS
from analysis.tables.spelling import lowered
from analysis.tables.table import Table, csv_text, latex, markdown_page

TITLES = {
    "iqm": "IQM",
    "mean": "mean",
    "median": "median",
    "optimality_gap": "optimality gap",
    "improvement": "P(better than baseline)",
}


def as_markdown(name: str, found: Sequence[Aggregate], missing: Sequence[str]) -> str:
    """A table per metric."""
    return markdown_page(f"{name}: aggregates of normalised scores", tables(found), [*notes(found), *missing])


def as_latex(name: str, found: Sequence[Aggregate], facts: str) -> str:
    """The same for a paper."""
    return latex(f"Study {name}: aggregates. {facts} {' '.join(notes(found))}", tables(found))


def tables(found: Sequence[Aggregate]) -> list[Table]:
    """A table per metric: a line per row of the study, a column per aggregate."""
    made = []
    for metric in dict.fromkeys(one.metric for one in found):
        here = {(one.label, one.aggregate): one for one in found if one.metric == metric}
        names = list(dict.fromkeys(aggregate for _, aggregate in here))
        body = []
        for label in dict.fromkeys(label for label, _ in here):
            ones = [here.get((label, name)) for name in names]
            body.append([label, str(here[label, names[0]].n), *map(_cell, ones)])
        head = ["variant", "runs", *(TITLES[name] for name in names)]
        made.append(Table(f"{lowered(METRICS[metric].title)}, normalised", head, body))
    return made


def _cell(one: Aggregate | None) -> str:
    if one is None:
        return "-"
    number = one.number
    text = "n/a" if np.isnan(number.point) else f"{number.point:.2f}"
    if np.isfinite(number.low):
        text += f" [{number.low:.2f}, {number.high:.2f}]"
    return f"{text} ({one.at_worst:.2f} to {one.at_best:.2f})" if one.failed else text


def notes(found: Sequence[Aggregate]) -> list[str]:
    """Notes on how to read the table."""
    environments = max((one.environments for one in found), default=0)
    return [
        f"Scores: (x - random) / (threshold - random) over {environments} environment"
        f"{'' if environments == 1 else 's'}; 0 is the random policy, 1 the threshold. Runs of all environments are "
        "taken together.",
        "IQM: the 25 % trimmed mean (of ten runs the middle six). Optimality gap: what is missing to the threshold; "
        "smaller is better. Brackets: 95 % stratified percentile bootstrap, the same resampled seeds for all rows.",
        *(
            [
                "P(better than baseline): Mann and Whitney's U over the pairs, ties one half, mean over environments."
            ]
            if any(one.aggregate == "improvement" for one in found)
            else []
        ),
        "Round brackets: if failed runs had scored the worst to the best of any run here.",
    ]


def left_out_environments(found: Sequence[EnvironmentScores]) -> list[str]:
    """Environments that are in no aggregate, each with the reason."""
    texts = []
    for scores in found:
        if not scores.is_normalized:
            lacks = (
                "threshold" if scores.threshold is None else "score of the random policy below its threshold"
            )
            texts.append(f"{scores.env_id} has no stored {lacks}: it is left out of aggregates.")
    return texts


def curves_as_csv(found: RowCurves) -> str:
    """Performance profiles or sample-efficiency curves: one line per row and place."""
    return csv_text(
        [
            {"variant": label, found.x: float(x), "value": float(found.point[v, g])}
            | {"low": float(found.low[v, g]), "high": float(found.high[v, g])}
            for v, label in enumerate(found.labels)
            for g, x in enumerate(found.at)
        ]
    )
