"""The parts that panels are drawn with: means with their intervals, single seeds, axes, keys, captions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from analysis.figures import units
from analysis.figures.lettering import fitted, width_of, wrapped
from analysis.figures.page import DPI, SMALL
from analysis.figures.style import ALERT, BASELINE, GRAY, PALE, Look
from analysis.findings.bands import Band, EnvironmentBands, RowBands
from analysis.loading import running_statistics
from analysis.metrics import WINDOW, Floats, Ints
from analysis.statistics.draws import LEVEL
from analysis.tables.spelling import range_text, row_name, value_text

PERCENT = f"{LEVEL * 100:g} %"
THRESHOLD = "#6b6b6b"
ROOM = 0.42
"""Inches to the left of an axis for its numbers and its name."""
NAME_BEYOND = 0.2
"""Inches by which the name of an axis may be longer than the axis."""
MOST_NAMED = 6
"""Rows that are left out and named."""
KEY_HANDLE = 0.3
"""Inches of a key's line sample."""


# ---- lines ----


def draw_mean(axes: Axes, at: Ints, band: Band, look: Look, *, front: int = 3, shade: float = 0.18) -> None:
    """The mean over seeds and its interval."""
    if len(band.runs):
        draw_band(axes, at, band.mean, (band.low, band.high), look, front=front, shade=shade)


def draw_band(
    axes: Axes,
    at: Floats | Ints,
    line: Floats,
    ends: tuple[Floats, Floats],
    look: Look,
    *,
    front: int = 3,
    shade: float = 0.18,
) -> None:
    """A line and what lies between two ends."""
    axes.fill_between(at, *ends, color=look.color, alpha=shade, linewidth=0, zorder=front - 1)
    axes.plot(
        at, line, color=look.color, linewidth=look.width, dashes=look.dash or (None, None), zorder=front
    )


def draw_seeds(axes: Axes, at: Ints, band: Band, color: str, *, among: int = 1) -> None:
    """One thin line per seed; the more there are (``among`` so many rows in the panel), the paler."""
    count = len(band.runs)
    if not count:
        return
    opacity = float(np.clip(5 / (count * among), 0.04, 0.45))
    thin = slice((len(at) - 1) % 2, None, 2)  # every other grid step and the last: finer than the paper
    lines = [np.column_stack([at, run])[thin][np.isfinite(run[thin])] for run in band.runs]
    axes.add_collection(
        LineCollection(lines, colors=[color], linewidths=0.4, alpha=opacity, zorder=1.5), autolim=False
    )


def mark_diverged(axes: Axes, at: Ints, drawn: RowBands) -> None:
    """A cross on each seed's line where it diverged."""
    for place, step in drawn.diverged:
        line = drawn.bands["curve"].runs[place]
        where = min(int(np.searchsorted(at, step)), len(at) - 1)
        known = np.flatnonzero(np.isfinite(line))
        if len(known):
            height = line[max(where, known[0])]
            axes.plot([step], [height], marker="x", color=ALERT, markersize=4, markeredgewidth=1.1, zorder=5)


def draw_threshold(axes: Axes, threshold: float | None) -> None:
    """The return at which the environment counts as solved."""
    if threshold is not None:
        axes.axhline(threshold, color=THRESHOLD, linewidth=0.7, dashes=(1, 2), zorder=1)


# ---- axes ----


def set_steps(axes: Axes, at: Ints, *, numbers: bool = True, label: bool = True, ticks: int = 3) -> None:
    """The horizontal axis: environment steps from 0 to the budget."""
    end = float(at[-1])
    axes.set_xlim(0, end)
    places = np.asarray(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]).tick_values(0, end))
    axes.xaxis.set_major_locator(FixedLocator(places[(places >= 0) & (places <= end)].tolist()))
    if numbers and end in places:  # or it would run into the next panel's 0
        axes.get_xticklabels()[-1].set_horizontalalignment("right")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: steps_text(step)))
    axes.tick_params(axis="x", labelbottom=numbers)
    if label and numbers:
        axes.set_xlabel("environment steps", labelpad=1.5)


def steps_text(steps: float) -> str:
    """'0', '500', '20k', '1.5M'."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(steps) >= size:
            return f"{steps / size:g}{letter}"
    return f"{steps:g}"


def set_returns(
    axes: Axes,
    limits: tuple[float, float],
    *,
    numbers: bool = True,
    ticks: int = 4,
    room: float = ROOM,
    name: str = "",
) -> None:
    """The vertical axis of a learning curve, with ``room`` inches to its left for numbers and name, if any."""
    axes.set_ylim(*limits)
    unit = units.number(axes.yaxis, *limits, ticks)
    set_name(axes, unit.of(name) if name else "", numbers, room)


def set_name(axes: Axes, name: str, numbers: bool, room: float) -> None:
    """What stands to the left of an axis."""
    axes.tick_params(axis="y", labelleft=numbers)
    if numbers:
        units.fit_numbers(axes, room, is_named=bool(name))
    if name:
        box = axes.get_window_extent()
        text, size = fitted(name, box.height / DPI + NAME_BEYOND, SMALL)
        axes.set_ylabel(text, fontsize=size)


def variance_unit(top: float, ticks: int = 4) -> units.Unit:
    """The unit of the standard deviations by which variances are written."""
    return units.tick_unit(0.0, float(np.sqrt(top)), ticks)


def set_variance(
    axes: Axes, top: float, *, numbers: bool = True, ticks: int = 4, room: float = ROOM, name: str = ""
) -> None:
    """The vertical axis of a variance: spaced by its square root, so that heights compare as standard deviations.

    Tick labels are squares (100² is a standard deviation of 100 points of return).
    """
    axes.set_yscale("function", functions=(_root, np.square))
    unit, places = variance_unit(top, ticks), np.asarray(units.places(0.0, float(np.sqrt(top)), ticks))
    axes.yaxis.set_major_locator(FixedLocator((places**2).tolist()))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{unit.text(np.sqrt(value))}²" if value else "0")
    )
    axes.minorticks_off()
    axes.set_ylim(0, top)
    set_name(axes, unit.squared(name) if name else "", numbers, room)


def _root(values: Floats) -> Floats:
    return np.asarray(np.sqrt(np.clip(values, 0, None)))


def return_limits(drawn: Iterable[RowBands], threshold: float | None, *, seeds: bool) -> tuple[float, float]:
    """Limits that hold every curve (every single seed with ``seeds``).

    They hold the threshold too, unless it is so far from all curves that these would fill less than a third.
    """
    values = [np.zeros(0)]
    for one in drawn:
        band = one.bands["curve"]
        values += [band.mean, band.low, band.high] + ([band.runs.ravel()] if seeds else [])
    low, high = _padded(np.concatenate(values))
    if threshold is None or 3 * (high - low) < max(high, threshold) - min(low, threshold):
        return low, high
    return _padded(np.array([low, high, threshold]))


def variance_top(drawn: Iterable[RowBands], quantities: Sequence[str] = ("running_variance",)) -> float:
    """The upper limit that holds the means and intervals of the variances."""
    values = [np.zeros(1)]
    for one in drawn:
        for name in quantities:
            values += [one.bands[name].mean, one.bands[name].high]
    top = float(np.nanmax(np.concatenate(values)))
    return top * 1.08 if top > 0 else 1.0


def _padded(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    room = 0.04 * (high - low) or 0.05 * abs(high) or 0.5
    return low - room, high + room


# ---- keys and words ----


def line_handle(look: Look) -> Line2D:
    """A line as the key shows it."""
    return Line2D([], [], color=look.color, linewidth=look.width, dashes=look.dash or (None, None))


def general_key(
    data: EnvironmentBands,
    reference: RowBands | None,
    *,
    seeds: bool = True,
    threshold: bool = True,
    of: str = "of the mean",
) -> tuple[list[Artist], list[str]]:
    """The key of what is alike in all panels: baseline, interval (of what), single seeds, threshold, crosses."""
    handles: list[Artist] = []
    names: list[str] = []
    if reference is not None:
        handles.append(line_handle(BASELINE))
        names.append(f"{reference.row.title} (baseline)")
    if _has_intervals(data):
        handles.append(Patch(color=GRAY, alpha=0.35, linewidth=0))
        names.append(f"{PERCENT} interval {of}")
    if seeds and _has_intervals(data):
        handles.append(Line2D([], [], color=GRAY, linewidth=0.5))
        names.append("single seeds")
    if threshold and data.threshold is not None:
        handles.append(Line2D([], [], color=THRESHOLD, linewidth=0.8, dashes=(1, 2)))
        low, high = return_limits(data.drawn, data.threshold, seeds=seeds)
        beyond = "" if low <= data.threshold <= high else " (beyond the axis)"
        names.append(f"solved: {value_text(float(data.threshold))}{beyond}")
    if any(drawn.diverged for drawn in data.drawn):
        handles.append(Line2D([], [], color=ALERT, linewidth=0, marker="x", markersize=4))
        names.append("diverged")
    return handles, names


def title(data: EnvironmentBands, what: str) -> str:
    """The figure's title, with n."""
    return f"{data.env_id}: {what} ({n_text(data.drawn)})"


def n_text(drawn: Sequence[RowBands]) -> str:
    """'n = 10', or 'n = 3 to 10' of the rows of which any run was made."""
    return f"n = {range_text([one.n for one in drawn if one.row.is_tried] or [0])}"


def counts_text(data: EnvironmentBands) -> str:
    """The study and how many of its runs in this environment are drawn."""
    name = data.results.study["name"]
    return f"Study {name}, {data.results.runs_text(data.env_id)}"


def rows_without_runs_text(data: EnvironmentBands) -> str:
    """The rows of which no run was made, which have no panel; '' where there are none."""
    names = [row_name(drawn.row) for drawn in data.drawn if not drawn.row.is_tried]
    if not names:
        return ""
    some = "; ".join(names[:MOST_NAMED]) + (
        f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    )
    return f"No run was made yet of: {some}."


def missing_text(drawn: RowBands) -> str:
    """'' where all runs stand and none diverged, otherwise '8 of 10 runs, 1 diverged'."""
    listed, diverged = len(drawn.row.runs), len(drawn.diverged)
    texts = [f"{drawn.n} of {listed} runs"] if drawn.n < listed else []
    texts += [f"{diverged} diverged"] if diverged else []
    return ", ".join(texts)


def key_name(name: str, drawn: RowBands, width: float) -> str:
    """A line's name in a key of so many inches, with what is missing of it, on as many lines as it takes."""
    missing = missing_text(drawn)
    text, free = f"{name}: {missing}" if missing else name, width - KEY_HANDLE
    texts = [text] if width_of(text, SMALL) <= free else [name, missing]
    return "\n".join(line for text in texts for line in wrapped(text, free, SMALL))


def _has_intervals(data: EnvironmentBands) -> bool:
    return any(drawn.n > 1 for drawn in data.drawn)


def caption(data: EnvironmentBands, *sentences: str) -> str:
    """The caption: what every figure says of its numbers, and more."""
    n = n_text(data.drawn)
    interval = f"Mean over seeds with {PERCENT} percentile bootstrap interval ({n}; seeds are resampled)."
    if not _has_intervals(data):
        interval = f"{n}: a single seed has no interval."
    general = (
        f"{interval} Return: mean of the last {WINDOW} finished training episodes, at {len(data.at)} evenly "
        f"spaced steps. Budget: {data.budget} environment steps per run."
    )
    return " ".join([general, *sentences])


def variance_sentence(form: str = "full windows") -> str:
    """A sentence on how the running variance is made and drawn."""
    return (
        f"Running variance of the last {WINDOW} episode returns ({form}, ddof 0), in squared return, on an axis "
        "spaced by its square root: 100² is a standard deviation of 100. It shrinks at a floor or a ceiling: "
        "read it with the level."
    )


def eyes_text(drawn: Iterable[RowBands]) -> str:
    """Through whose eyes greedy returns and probes were seen, where wrappers normalize by what they have seen."""
    kept = running_statistics(one.row for one in drawn)
    return (
        "Wrappers keep running statistics: evaluations see through the training's, probes do not."
        if kept
        else ""
    )


def write_no_data(axes: Axes, shown: Sequence[RowBands]) -> None:
    """Say so in a panel in which there is no curve to see."""
    runs = [run_data for drawn in shown for run_data in drawn.summary.run_data]
    if any(len(run_data.ends) for run_data in runs):
        return
    text = "no episode finished" if runs else "no run stands"
    axes.text(0.97, 0.06, text, transform=axes.transAxes, ha="right", color=ALERT, fontsize=SMALL, zorder=6)


def draw_row(axes: Axes, at: Ints, drawn: RowBands, look: Look) -> None:
    """A row alone in its panel: its seeds, its mean, and where runs diverged."""
    draw_seeds(axes, at, drawn.bands["curve"], look.color)
    draw_mean(axes, at, drawn.bands["curve"], look, front=4)
    mark_diverged(axes, at, drawn)
    write_no_data(axes, [drawn])


def draw_others(axes: Axes, at: Ints, others: Iterable[RowBands]) -> None:
    """The means of other rows, pale, for comparison."""
    for other in others:
        if other.n:
            axes.plot(at, other.bands["curve"].mean, color=PALE, linewidth=0.6, zorder=1.2)
