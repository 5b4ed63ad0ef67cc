"""Figures: learning curves, running variance, small multiples and sweeps, each with the CSV behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

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
Drawing = Callable[[], Figure | None]
"""What makes a figure; None where there is nothing to show."""


def draw(found: Evidence) -> Iterator[Figure]:
    """Every figure, environment by environment; one in which no run stands has none."""
    drawings = [one for data in found.bands for one in _of_environment(found, data)]
    drawings += _over_environments(found)
    with drawing(fonts(found)[0]):
        for figure in found.spread(lambda place: drawings[place](), len(drawings)):
            if figure is not None:
                yield figure


def fonts(found: Evidence) -> tuple[list[str], list[str]]:
    """The fonts that the names of a study need, and a line for each name that no font here has the letters of."""
    env_ids = [str(environment["env_id"]) for environment in found.results.environments]
    return fonts_for(dict.fromkeys([found.name, *env_ids, *map(row_name, found.rows)]))


# ---- of an environment ----


def _of_environment(found: Evidence, data: EnvironmentBands) -> Iterator[Drawing]:
    here = [one for one in found.comparisons if one.env_id == data.env_id]
    yield lambda: _forest(data, here)
    for kind in kinds(data):
        yield partial(_bands, data, kind)
    yield lambda: _inside(data)
    yield lambda: _exact(data)


def _forest(data: EnvironmentBands, comparisons: Sequence[RowComparison]) -> Figure | None:
    page = verdicts.draw(data, comparisons)
    text = csv_text(verdict_records(comparisons))
    return _files(f"{env_folder(data.env_id)}-verdicts", page, text) if page else None


KINDS: dict[str, tuple[Callable[[EnvironmentBands], Page], Sequence[str]]] = {
    "curves": (curves.draw, curves.QUANTITIES),
    "variance": (variance.draw, QUANTITIES),
    "small-multiples": (small_multiples.draw, QUANTITIES[:1]),
    "sweep": (sweep.draw, QUANTITIES[:2]),
}
"""What draws the bands of an environment, and the quantities on it."""


def kinds(data: EnvironmentBands) -> list[str]:
    """Those of ``KINDS`` that an environment has."""
    return [kind for kind in KINDS if kind != "sweep" or sweep.applies(data)]


def _bands(data: EnvironmentBands, kind: str) -> Figure:
    text = csv_text(band_table(data, KINDS[kind][1]), DIGITS)
    return _files(f"{env_folder(data.env_id)}-{kind}", page_of(data, kind), text)


def page_of(data: EnvironmentBands, kind: str) -> Page:
    """The page of one of ``KINDS``."""
    return KINDS[kind][0](data)


def _inside(data: EnvironmentBands) -> Figure | None:
    found = recorded([drawn.summary for drawn in data.drawn], INSIDE)
    if not diagnostics.shown(found):
        return None
    text = csv_text(recorded_table(data, found, diagnostics.UNITS), DIGITS)
    return _files(f"{env_folder(data.env_id)}-diagnostics", diagnostics.draw(data, found), text)


def _exact(data: EnvironmentBands) -> Figure | None:
    found = recorded([drawn.summary for drawn in data.drawn], EXACT)
    if not found:
        return None
    text = csv_text(recorded_table(data, found, dict.fromkeys(EXACT, exact.UNIT)), DIGITS)
    return _files(f"{env_folder(data.env_id)}-exact", exact.draw(data, found), text)


# ---- of all environments ----


def _over_environments(found: Evidence) -> list[Drawing]:
    """How much a world asks for as it grows; profiles and sample efficiency where environments have a scale."""
    made: list[Drawing] = [lambda: _sample_efficiency(found)] if found.world_sizes else []
    scores, shares, middles = found.normalized, found.profiles, found.efficiency
    first = next((data for data in found.bands if scores and data.env_id in scores.env_ids), None)
    if first and scores and shares and middles:
        data, scale, over, middle = first, scores, shares, middles
        made += [
            lambda: _files(
                "performance-profiles",
                aggregates.draw_profiles(data, scale, over),
                csv_text(curve_table(over)),
            ),
            lambda: _files(
                "sample-efficiency-curves",
                aggregates.draw_efficiency(data, scale, middle),
                csv_text(curve_table(middle)),
            ),
        ]
    return made


def _sample_efficiency(found: Evidence) -> Figure:
    page = sample_efficiency.draw(found.results, found.bands, found.world_sizes)
    return _files("sample-efficiency", page, csv_text(numbers(found.world_sizes), DIGITS))


def _files(name: str, page: Page, text: str) -> Figure:
    """A figure in each format, and the numbers behind it."""
    files = {f"{name}.{format_}": data for format_, data in page.save().items()}
    return name, {**files, f"{name}.csv": text.encode("utf-8")}


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
