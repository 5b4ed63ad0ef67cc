"""Figures: learning curves, running variance, small multiples and sweeps, each with the CSV behind it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ablations.store import env_folder
from analysis.figures import (
    aggregates,
    curves,
    diagnostics,
    exact,
    sample_efficiency,
    small_multiples,
    sweep,
    variance,
)
from analysis.figures.data import QUANTITIES, FigureData, figure_data
from analysis.figures.page import Page, drawing
from analysis.findings.normalized import efficiency, normalized_scores, profiles
from analysis.loading import Results
from analysis.metrics import METRICS
from analysis.tables.aggregates import curves_as_csv


def draw(results: Results) -> Iterator[tuple[str, dict[str, bytes]]]:
    """(name, {file name: bytes}) of every figure, environment by environment.

    An environment in which no run stands has no figure; ``drawable`` says which have.
    """
    with drawing():
        worlds, by_env_id = [], {}
        for env_id in drawable(results):
            shown, stem = figure_data(results, env_id), env_folder(env_id)
            by_env_id[env_id] = shown
            for kind, page, quantities in pages(shown):
                yield _files(f"{stem}-{kind}", page, as_csv(shown, quantities))
            inside = diagnostics.read(shown)
            if diagnostics.shown(inside):
                page = diagnostics.draw(shown, inside)
                yield _files(f"{stem}-diagnostics", page, diagnostics.as_csv(shown, inside))
            compared = exact.read(shown)
            if compared:
                worlds.append((shown, compared))
                yield _files(f"{stem}-exact", exact.draw(shown, compared), exact.as_csv(shown, compared))
        lines = sample_efficiency.lines(worlds)
        if lines:
            yield _files(
                "sample-efficiency", sample_efficiency.draw(results, lines), sample_efficiency.as_csv(lines)
            )
        yield from _over_environments(results, by_env_id)


def _over_environments(
    results: Results, found: Mapping[str, FigureData]
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Performance profiles and sample-efficiency curves over the environments that have a scale."""
    pooled = normalized_scores(results)
    first = next((found[env_id] for env_id in pooled.env_ids if env_id in found), None) if pooled else None
    if pooled is None or first is None:
        return
    shares, middles = profiles(pooled), efficiency(pooled)
    yield _files(
        "performance-profiles", aggregates.draw_profiles(first, pooled, shares), curves_as_csv(shares)
    )
    yield _files(
        "sample-efficiency-curves", aggregates.draw_efficiency(first, pooled, middles), curves_as_csv(middles)
    )


def _files(name: str, page: Page, numbers: str) -> tuple[str, dict[str, bytes]]:
    """A figure in each format, and the numbers behind it."""
    files = {f"{name}.{format_}": data for format_, data in page.save().items()}
    return name, {**files, f"{name}.csv": numbers.encode("utf-8")}


def drawable(results: Results) -> list[str]:
    """The environments in which at least one run stands."""
    valid_runs = {run.env_id for run in results.runs if run.is_valid}
    return [e["env_id"] for e in results.environments if e["env_id"] in valid_runs]


def pages(shown: FigureData) -> Iterator[tuple[str, Page, Sequence[str]]]:
    """Kind, page and the quantities on it."""
    yield "curves", curves.draw(shown), curves.QUANTITIES
    yield "variance", variance.draw(shown), QUANTITIES
    yield "small-multiples", small_multiples.draw(shown), QUANTITIES[:1]
    if sweep.applies(shown):
        yield "sweep", sweep.draw(shown), QUANTITIES[:2]


def as_csv(shown: FigureData, quantities: Sequence[str]) -> str:
    """The numbers behind a figure: one line per row, quantity and grid step, with a column per seed."""
    seeds = [int(seed) for seed in shown.results.study["seeds"]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["env_id", "variant", "quantity", "unit", "step", "n", "mean", "low", "high"]
    writer.writerow([*head, *(f"seed_{seed}" for seed in seeds)])
    for drawn in shown.drawn:
        places = {run.seed: place for place, run in enumerate(drawn.row.valid_runs)}
        for quantity in quantities:
            band = drawn.bands[quantity]
            alive = np.isfinite(band.runs).sum(axis=0)
            unit = METRICS[quantity].unit
            columns = [band.runs[places[seed]] if seed in places else None for seed in seeds]
            for g, step in enumerate(shown.at.tolist()):
                numbers = [band.mean[g], band.low[g], band.high[g]]
                numbers += [np.nan if column is None else column[g] for column in columns]
                writer.writerow(
                    [shown.env_id, drawn.row.label, quantity, unit, step, alive[g], *map(_number, numbers)]
                )
    return text.getvalue()


def _number(value: float) -> str:
    return "" if value != value else f"{value:.6g}"
