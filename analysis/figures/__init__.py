"""Figures: learning curves, running variance, small multiples and sweeps, each with the CSV behind it."""

from __future__ import annotations

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
    verdicts,
)
from analysis.figures.lettering import fonts_for
from analysis.figures.page import Page, drawing
from analysis.findings.against_baseline import RowComparison
from analysis.findings.bands import QUANTITIES, Band, EnvironmentBands
from analysis.findings.evidence import Evidence
from analysis.findings.recorded import EXACT, INSIDE, Recorded, recorded
from analysis.metrics import METRICS, Floats, Ints
from analysis.tables.aggregates import curve_table
from analysis.tables.spelling import row_name
from analysis.tables.table import Table, csv_text
from analysis.tables.verdicts import verdict_records
from analysis.tables.world_sizes import numbers

DIGITS = 6
"""Of the numbers behind curves."""
Figure = tuple[str, dict[str, bytes]]
"""A figure's name, and its files by name."""


def draw(found: Evidence) -> Iterator[Figure]:
    """Every figure, environment by environment; one in which no run stands has none."""
    with drawing(fonts(found)[0]):
        for data in found.bands:
            yield from _of_environment(data, [one for one in found.comparisons if one.env_id == data.env_id])
        if found.world_sizes:
            page = sample_efficiency.draw(found.results, found.bands, found.world_sizes)
            yield _files("sample-efficiency", page, csv_text(numbers(found.world_sizes), DIGITS))
        yield from _over_environments(found)


def fonts(found: Evidence) -> tuple[list[str], list[str]]:
    """The fonts that the names of a study need, and a line for each name that no font here has the letters of."""
    env_ids = [str(environment["env_id"]) for environment in found.results.environments]
    return fonts_for(dict.fromkeys([found.name, *env_ids, *map(row_name, found.rows)]))


def _of_environment(data: EnvironmentBands, comparisons: Sequence[RowComparison]) -> Iterator[Figure]:
    stem = env_folder(data.env_id)
    forest = verdicts.draw(data, comparisons)
    if forest:
        yield _files(f"{stem}-verdicts", forest, csv_text(verdict_records(comparisons)))
    for kind, page, quantities in pages(data):
        yield _files(f"{stem}-{kind}", page, csv_text(band_table(data, quantities), DIGITS))
    lines = [drawn.summary for drawn in data.drawn]
    inside = recorded(lines, INSIDE)
    if diagnostics.shown(inside):
        text = csv_text(recorded_table(data, inside, diagnostics.UNITS), DIGITS)
        yield _files(f"{stem}-diagnostics", diagnostics.draw(data, inside), text)
    compared = recorded(lines, EXACT)
    if compared:
        text = csv_text(recorded_table(data, compared, dict.fromkeys(EXACT, exact.UNIT)), DIGITS)
        yield _files(f"{stem}-exact", exact.draw(data, compared), text)


def _over_environments(found: Evidence) -> Iterator[Figure]:
    """Performance profiles and sample-efficiency curves over the environments that have a scale."""
    scores, shares, middles = found.normalized, found.profiles, found.efficiency
    first = next((data for data in found.bands if scores and data.env_id in scores.env_ids), None)
    if first and scores and shares and middles:
        page = aggregates.draw_profiles(first, scores, shares)
        yield _files("performance-profiles", page, csv_text(curve_table(shares)))
        page = aggregates.draw_efficiency(first, scores, middles)
        yield _files("sample-efficiency-curves", page, csv_text(curve_table(middles)))


def _files(name: str, page: Page, text: str) -> Figure:
    """A figure in each format, and the numbers behind it."""
    files = {f"{name}.{format_}": data for format_, data in page.save().items()}
    return name, {**files, f"{name}.csv": text.encode("utf-8")}


def pages(data: EnvironmentBands) -> Iterator[tuple[str, Page, Sequence[str]]]:
    """Kind, page and the quantities on it."""
    yield "curves", curves.draw(data), curves.QUANTITIES
    yield "variance", variance.draw(data), QUANTITIES
    yield "small-multiples", small_multiples.draw(data), QUANTITIES[:1]
    if sweep.applies(data):
        yield "sweep", sweep.draw(data), QUANTITIES[:2]


# ---- the numbers behind ----


def band_table(data: EnvironmentBands, quantities: Sequence[str]) -> Table:
    """A line per row, quantity and grid step, with a column per seed."""
    lines = []
    for drawn in data.drawn:
        seeds = [run.seed for run in drawn.row.valid_runs]
        for name in quantities:
            about = (data.env_id, drawn.row.label, name, METRICS[name].unit)
            lines += _lines(data, about, data.at, drawn.bands[name], seeds)
    return _table(data, lines)


def recorded_table(data: EnvironmentBands, found: Mapping[str, Recorded], units: Mapping[str, str]) -> Table:
    """The same of what runs recorded."""
    lines = []
    for label, one in found.items():
        for name, band in one.bands.items():
            lines += _lines(data, (data.env_id, label, name, units[name]), one.at[name], band, one.seeds)
    return _table(data, lines)


def _table(data: EnvironmentBands, lines: list[list[object]]) -> Table:
    head = ["env_id", "variant", "quantity", "unit", "step", "n", "mean", "low", "high"]
    return Table("", [*head, *(f"seed_{seed}" for seed in data.results.study["seeds"])], lines)


def _lines(
    data: EnvironmentBands, about: Sequence[str], at: Ints, band: Band, seeds: Sequence[int]
) -> list[list[object]]:
    """A line per step; a number of a seed that isn't among ``seeds`` is not known."""
    every = list(data.results.study["seeds"])
    runs = np.full((len(every), len(at)), np.nan)
    runs[[every.index(seed) for seed in seeds]] = band.runs
    columns: Floats = np.vstack([band.mean, band.low, band.high, runs])
    known = np.isfinite(band.runs).sum(axis=0).tolist()
    return [
        [*about, step, n, *values]
        for step, n, values in zip(at.tolist(), known, columns.T.tolist(), strict=True)
    ]
