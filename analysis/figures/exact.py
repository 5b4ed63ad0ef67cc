"""Learned against exact values, for environments that know their own: error, overestimation and regret over steps;
and, where a study has worlds of several sizes, how many steps to a good policy each size takes.

Formulas are in ``docs/exact.md``, columns in ``store.EXACT``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ablations import store
from analysis.figures import parts, style
from analysis.figures.data import Band, Drawn, Scene
from analysis.figures.layout import Member, base_slots, sheet
from analysis.figures.page import HEADER, NORMAL, SMALL, WIDTH, Page
from analysis.figures.parts import named
from analysis.figures.style import ALERT, BASELINE, Look
from analysis.intervals import Waiting, curve_interval, generator, waiting_time
from analysis.metrics import Floats, Ints
from analysis.results import Results, Run

TABLE = "exact"
QUANTITIES = {
    "q_error_max": "max |Q - Q*|",
    "overestimation": "overestimation, mean of max Q - V*",
    "regret": "regret, V* - V of the greedy policy",
}
UNIT = "discounted return"
GOOD = 0.05
"""A greedy policy with at most this regret is good enough."""
LINEAR = 0.01
"""Axes of values are linear up to here and logarithmic beyond: errors of diverging runs span many powers of ten."""
LARGEST = float(np.finfo(np.float32).max)
"""What a value beyond single precision counts as, lest its run drop out of a mean."""

LEFT = 0.5
GAP = 0.5
TALL = 1.15
KEY_LINE = 0.135
KEY_COLUMNS = 3
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Compared:
    """What a row's runs stored of the comparison with exact values."""

    drawn: Drawn
    seeds: tuple[int, ...]
    at: Ints
    """Environment steps of the comparisons, (G,)."""
    states: int
    """States that are not terminal."""
    bands: Mapping[str, Band]


# ---- reading ----


def read(scene: Scene) -> dict[str, Compared]:
    """{label: comparison} of the rows whose runs stored one."""
    found = {}
    for drawn in scene.drawn:
        tables = [(run, _table(scene.results, run)) for run in drawn.row.standing]
        stored = [(run, table) for run, table in tables if table is not None]
        if stored:
            found[drawn.row.label] = _compared(drawn, stored)
    return found


def _table(results: Results, run: Run) -> Mapping[str, Floats] | None:
    """The columns of a run's comparison, None where it made none."""
    if f"{TABLE}.parquet" not in run.manifest.get("files", {}):
        return None
    table = store.read_table(results.folder / run.path, TABLE)
    if not table.num_rows or not table.schema.equals(store.EXACT):
        return None
    names = ("global_step", "states", *QUANTITIES)
    return {name: np.asarray(table.column(name).to_numpy(), dtype=np.float64) for name in names}


def _compared(drawn: Drawn, stored: Sequence[tuple[Run, Mapping[str, Floats]]]) -> Compared:
    """The runs of a row share their settings, hence their steps."""
    first = stored[0][1]
    bands = {}
    for name in QUANTITIES:
        lines = np.stack([table[name] for _, table in stored])  # (n, G)
        lines = np.nan_to_num(lines, nan=np.nan, posinf=LARGEST, neginf=-LARGEST)
        bands[name] = Band(lines, *curve_interval(lines, generator()))
    seeds = tuple(run.seed for run, _ in stored)
    return Compared(drawn, seeds, first["global_step"].astype(np.int64), int(first["states"][0]), bands)


# ---- learned against exact ----


def draw(scene: Scene, compared: Mapping[str, Compared]) -> Page:
    """One line of panels for each panel of the layout: a quantity in each."""
    plan = sheet(scene)
    panels = [panel for panel in plan.panels if panel is not None]
    quantities = shown(compared)
    width = (WIDTH - LEFT - 0.1 - GAP * (len(quantities) - 1)) / len(quantities)
    heads = [0.17 + KEY_LINE * -(-len(panel.members) // KEY_COLUMNS) for panel in panels]
    tops = [0.2 + sum(heads[:place]) + place * (TALL + 0.26) for place in range(len(panels))]
    states = next(iter(compared.values())).states
    page = Page(
        tops[-1] + heads[-1] + TALL + 0.34,
        parts.title(scene, "learned against exact values"),
        parts.counts_text(scene),
        f"Mean over seeds with {parts.PERCENT} percentile bootstrap interval ({parts.n_text(scene.drawn)}; seeds are "
        f"resampled), over {states} states that are not terminal and all actions. Q* by value iteration; the greedy "
        "policy is evaluated exactly, and a time limit is bootstrapped through. Axes of values are linear up to "
        f"{LINEAR:g} and logarithmic beyond. {plan.note}"
        + "".join(
            f" Not shown, as it is 0 throughout: {name}." for name in QUANTITIES if name not in quantities
        ),
    )
    page.key(LEFT, -0.19, *parts.general_key(scene, plan.reference, seeds=False), columns=5)
    lefts = [LEFT + place * (width + GAP) for place in range(len(quantities))]
    for name, left in zip(quantities, lefts, strict=True):
        page.text(left, HEADER + 0.13, QUANTITIES[name], size=NORMAL - 0.7, colour="#444444")
    reference = compared.get(plan.reference.row.label) if plan.reference else None
    for place, (panel, top, head) in enumerate(zip(panels, tops, heads, strict=True)):
        page.text(LEFT, HEADER + top + 0.14, panel.title, size=NORMAL, weight="bold", colour=panel.colour)
        handles = [parts.line_handle(member.look) for member in panel.members]
        names = [named(member.name, member.drawn, WIDTH) for member in panel.members]
        page.key(LEFT, top + 0.19, handles, names, columns=KEY_COLUMNS)
        for name, left in zip(quantities, lefts, strict=True):
            axes = page.axes(left, top + head + 0.04, width, TALL)
            _draw_panel(axes, name, panel.members, compared, reference)
            rows = scene.places(plan.reference, *(member.drawn for member in panel.members))
            page.watch(axes, name, rows)
            _set_values(axes, name, compared.values())
            parts.set_steps(axes, scene.at, label=place == len(panels) - 1)
    return page


def shown(compared: Mapping[str, Compared]) -> list[str]:
    """The quantities that are not 0 throughout; the first in any case."""
    first, *others = QUANTITIES
    return [first, *(name for name in others if any(one.bands[name].runs.any() for one in compared.values()))]


def _draw_panel(
    axes: Axes,
    name: str,
    members: Sequence[Member],
    compared: Mapping[str, Compared],
    reference: Compared | None,
) -> None:
    axes.axhline(0, color=style.PALE, linewidth=0.6, zorder=1)
    if reference is not None:
        parts.draw_mean(axes, reference.at, reference.bands[name], BASELINE, shade=0.12)
    for member in members:
        one = compared.get(member.drawn.row.label)
        if one is not None:
            parts.draw_mean(axes, one.at, one.bands[name], member.look, front=4)
            _mark_diverged(axes, name, one)


def _mark_diverged(axes: Axes, name: str, one: Compared) -> None:
    """A cross on each seed's line where it diverged."""
    for place, step in one.drawn.diverged:
        seed = one.drawn.row.standing[place].seed
        if seed in one.seeds:
            where = min(int(np.searchsorted(one.at, step)), len(one.at) - 1)
            height = one.bands[name].runs[one.seeds.index(seed), where]
            axes.plot(
                [step], [height], marker="x", color=ALERT, markersize=3.5, markeredgewidth=0.9, zorder=5
            )


def _set_values(axes: Axes, name: str, compared: Iterable[Compared]) -> None:
    """Common limits for a quantity: from the least to the largest mean or end of an interval, and zero."""
    values = [np.zeros(1)]
    for one in compared:
        band = one.bands[name]
        values += [band.mean, band.low, band.high]
    known = np.concatenate(values)
    low, high = float(np.nanmin(known)), float(np.nanmax(known))
    if name == "regret":
        axes.set_ylim(low - 0.04 * (high - low or 1), high + 0.04 * (high - low or 1))
        return
    # errors are at least 0; a little below shows the line that lies on it
    low, high = min(1.5 * low, -LINEAR / 2), max(1.5 * high, LINEAR)
    axes.set_yscale("symlog", linthresh=LINEAR, linscale=0.6)
    axes.set_ylim(low, high)
    places = powers(low, high)
    axes.yaxis.set_major_locator(FixedLocator(places))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power_text(value)))


def powers(low: float, high: float, most: int = 6) -> list[float]:
    """0 and powers of ten between two limits, at even distances, not too many and none too near to 0."""
    first = round(np.log10(LINEAR))
    last = int(np.floor(np.log10(max(high, -low, LINEAR))))
    stride = -(-(last - first + 1) // most)
    sizes = [10.0**power for power in range(first + stride, last + 1, stride)]
    return [-size for size in reversed(sizes) if -size >= low] + [0.0] + [s for s in sizes if s <= high]


def power_text(value: float) -> str:
    """'0', '0.1', '-10', and from a thousand on '10³'."""
    if abs(value) < 1000:
        return f"{value:g}"
    power = str(round(np.log10(abs(value)))).translate(SUPERSCRIPTS)
    return f"{'-' if value < 0 else ''}10{power}"


def as_csv(scene: Scene, compared: Mapping[str, Compared]) -> str:
    """The numbers behind the figure, with a column per seed."""
    every = [int(seed) for seed in scene.results.study["seeds"]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["env_id", "variant", "quantity", "unit", "step", "n", "mean", "low", "high"]
    writer.writerow([*head, *(f"seed_{seed}" for seed in every)])
    for label, one in compared.items():
        for name, band in one.bands.items():
            for g, step in enumerate(one.at.tolist()):
                runs = dict(zip(one.seeds, band.runs[:, g].tolist(), strict=True))
                numbers = [band.mean[g], band.low[g], band.high[g], *(runs.get(s, np.nan) for s in every)]
                n = int(np.isfinite(band.runs[:, g]).sum())
                writer.writerow([scene.env_id, label, name, UNIT, step, n, *map(_number, numbers)])
    return text.getvalue()


# ---- sample efficiency ----


class Point(NamedTuple):
    """How long a row takes in a world of one size."""

    env_id: str
    states: int
    waiting: Waiting
    last: float
    """When the last run got there, or was given up."""


@dataclass(frozen=True)
class Line:
    """A row as the world grows, with a table or with a network."""

    label: str
    kind: str
    title: str
    look: Look
    points: tuple[Point, ...]


def lines(scenes: Sequence[tuple[Scene, Mapping[str, Compared]]]) -> list[Line]:
    """A line per row and kind of function; none unless there are worlds of several sizes."""
    if len({one.states for _, compared in scenes for one in compared.values()}) < 2:
        return []
    found: dict[tuple[str, str], list[Point]] = {}
    drawn: dict[str, tuple[Scene, Drawn]] = {}
    for scene, compared in scenes:
        for label, one in compared.items():
            row = one.drawn.row
            kind = "network" if row.settings.get("hidden") else "table"
            drawn[label] = scene, one.drawn
            point = Point(scene.env_id, one.states, *steps_to_good(one))
            found.setdefault((label, kind), []).append(point)
    return [
        Line(
            label,
            kind,
            f"{kind}: {drawn[label][1].row.name}",
            _look(*drawn[label], kind),
            tuple(sorted(points, key=lambda point: point.states)),
        )
        for (label, kind), points in found.items()
    ]


def steps_to_good(one: Compared) -> tuple[Waiting, float]:
    """The first comparison at which regret is at most ``GOOD``, censored at the last one; and the latest time."""
    good = one.bands["regret"].runs <= GOOD  # (n, G)
    reached = np.asarray(good.any(axis=1))
    times = np.where(reached, one.at[good.argmax(axis=1)], one.at[-1]).astype(np.float64)
    return waiting_time(times, reached), float(times.max())


def draw_efficiency(results: Results, found: Sequence[Line]) -> Page:
    """Steps to a good policy against the number of states, both logarithmic."""
    counts = sorted({point.waiting.of for line in found for point in line.points})
    n = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    head, tall = KEY_LINE * len(found) - 0.1, 2.4
    page = Page(
        head + tall + 0.4,
        f"Sample efficiency as the world grows ({n})",
        f"Study {results.study['name']}, {results.standing_text()}",
        f"Environment steps until the greedy policy's regret, V* - V at the start, is at most {GOOD:g} for the first "
        f"time: median over seeds by Kaplan and Meier with its {parts.PERCENT} log-log interval ({n}). A table is a "
        "network without hidden layers on one-hot states. An interval without an upper end is drawn to the latest run. "
        "An open triangle at the budget: too few seeds got there for a median.",
    )
    handles = [_handle(line) for line in found]
    page.key(LEFT, -0.19, handles, [line.title + _missed(line) for line in found])
    axes = page.axes(LEFT + 0.1, head, WIDTH - LEFT - 0.3, tall)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for place, line in enumerate(found):
        _draw_line(axes, line, shift=1 + 0.012 * (place - (len(found) - 1) / 2))
    sizes = sorted({point.states for line in found for point in line.points})
    axes.set_xlim(sizes[0] / 1.2, sizes[-1] * 1.2)
    for axis, places in ((axes.xaxis, [float(size) for size in sizes]), (axes.yaxis, _nice(axes))):
        axis.set_major_locator(FixedLocator(places))
        axis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: parts.steps_text(value)))
    axes.set_xlabel("states that are not terminal", labelpad=1.5)
    axes.set_ylabel(f"steps to regret {GOOD:g}", fontsize=SMALL)
    return page


def efficiency_csv(found: Iterable[Line]) -> str:
    """The numbers behind the figure: one line per row and world."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["env_id", "variant", "function", "states", "level", "n", "missed", "median", "low", "high"]
    )
    for line in found:
        for point in line.points:
            waiting, median = point.waiting, point.waiting.median
            writer.writerow(
                [point.env_id, line.label, line.kind, point.states, GOOD, waiting.of, waiting.missed]
                + [_number(value) for value in (median.point, median.low, median.high)]
            )
    return text.getvalue()


def _look(scene: Scene, drawn: Drawn, kind: str) -> Look:
    """The row's own colour; a table's line is dashed."""
    look = style.look(drawn.row.slots, base_slots(scene))
    return Look(look.colour, style.DASHED if kind == "table" else style.SOLID)


def _draw_line(axes: Axes, line: Line, shift: float) -> None:
    """Medians with intervals; where there is no median, an open triangle at the budget."""
    known = [point for point in line.points if np.isfinite(point.waiting.median.point)]
    at = [point.states * shift for point in known]
    medians = [point.waiting.median for point in known]
    axes.plot(
        at,
        [median.point for median in medians],
        color=line.look.colour,
        linewidth=line.look.width,
        dashes=line.look.dash or (None, None),
        marker=_marker(line),
        markersize=4,
        zorder=4,
    )
    for x, median, point in zip(at, medians, known, strict=True):
        low = median.low if np.isfinite(median.low) else median.point
        high = median.high if np.isfinite(median.high) else point.last
        if point.waiting.of > 1:
            axes.plot([x, x], [low, high], color=line.look.colour, linewidth=0.8, zorder=3)
    for point in line.points:
        if point not in known:
            axes.plot(
                [point.states * shift],
                [point.last],
                marker="^",
                markersize=5,
                markerfacecolor="white",
                color=line.look.colour,
                zorder=5,
            )


def _handle(line: Line) -> Artist:
    dashes = line.look.dash or (None, None)
    return Line2D([], [], color=line.look.colour, dashes=dashes, marker=_marker(line), markersize=4)


def _marker(line: Line) -> str:
    return "s" if line.kind == "table" else "o"


def _missed(line: Line) -> str:
    """What the key adds of runs that never got there."""
    missed, of = sum(p.waiting.missed for p in line.points), sum(p.waiting.of for p in line.points)
    return f" (not reached by {missed} of {of} runs)" if missed else ""


def _nice(axes: Axes) -> list[float]:
    """1, 2, 5, 10, ... within the axis."""
    low, high = axes.get_ylim()
    places = [lead * 10.0**power for power in range(10) for lead in (1, 2, 5)]
    return [place for place in places if low <= place <= high]


def _number(value: float) -> str:
    return "" if value != value else f"{value:.6g}"
