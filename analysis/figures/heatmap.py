"""A heat map of what a study with many combinations comes to: final return and running variance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes

from analysis.figures import parts
from analysis.figures.lettering import fitted, width_of, wrapped
from analysis.figures.page import DPI, HEADER, NORMAL, SMALL, WIDTH, Page
from analysis.figures.style import ALERT
from analysis.figures.units import unit_of
from analysis.findings.bands import EnvironmentBands, RowBands
from analysis.metrics import WINDOW, Floats

PLACE = 0.27
"""Inches down per line."""
WIDEST = 2.4
"""Inches at most of the names at the left."""
Text = Callable[[float], str]

Cells = Sequence[Sequence[RowBands | None]]


def draw_heat_map(
    data: EnvironmentBands, what: str, down: Sequence[str], across: Sequence[str], cells: Cells
) -> Page:
    """Two maps, one above the other, with a number in each place."""
    small = SMALL if len(across) < 10 else SMALL - 1.5
    fit = [fitted(name.replace("\n", ", "), WIDEST, small) for name in down]
    names, small = [text for text, _ in fit], min(size for _, size in fit)
    left = 0.2 + max(width_of(name, small) for name in names)
    width, tall = WIDTH - left - 0.6, PLACE * len(names)
    place_wide = width / len(across)
    across = [
        "\n".join(p for part in name.split("\n") for p in wrapped(part, place_wide, small)) for name in across
    ]
    head = 0.3 + 0.11 * max(name.count("\n") + 1 for name in across)
    step = head + tall + 0.2
    marked = any(parts.missing_text(drawn) for line in cells for drawn in line if drawn is not None)
    holes = any(drawn is None for line in cells for drawn in line)
    page = Page(
        2 * step,
        parts.title(data, "all combinations"),
        parts.counts_text(data),
        " ".join(
            [
                f"Panels: {what}. Final return: mean over seeds ({parts.n_text(data.drawn)}) of the episodes "
                "ending in the last tenth of the steps. Running variance: window "
                f"{WINDOW}, full windows, ddof 0, averaged over environment steps and seeds, written as the "
                f"square of a standard deviation. Budget: {data.budget} environment steps per run.",
                "White: no such row (it trains as another one, or was left out)." if holes else "",
                "*: some of its runs diverged or do not stand." if marked else "",
            ]
        ),
    )
    maps: tuple[tuple[str, Callable[[RowBands], float], bool], ...] = (
        ("viridis", _final, False),
        ("rocket_r", _deviation, True),
    )
    for place, (colors, value, is_deviation) in enumerate(maps):
        top = place * step
        numbers = np.array([[_known(drawn, value) for drawn in line] for line in cells], dtype=np.float64)
        title, text = _written(numbers, is_deviation)
        page.text(left, HEADER + top + 0.15, title, size=NORMAL, weight="bold")
        axes = page.axes(left, top + head, width, tall)
        bar = page.axes(left + width + 0.08, top + head, 0.09, tall)
        texts = [[_text(drawn, value, text) for drawn in line] for line in cells]
        _draw_map(axes, bar, numbers, texts, colors, small)
        axes.set_yticks(axes.get_yticks(), names, fontsize=small)
        axes.set_xticks(axes.get_xticks(), across, fontsize=small)
        ends = sorted(bar.get_ylim())
        ticks = {text(tick): float(tick) for tick in bar.get_yticks() if ends[0] <= tick <= ends[1]}
        bar.set_yticks(list(ticks.values()), list(ticks))
    return page


def _written(numbers: Floats, is_deviation: bool) -> tuple[str, Text]:
    """The title of a map, with its unit, and how its numbers are written."""
    known = numbers[np.isfinite(numbers)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    unit = unit_of(low, high, shifted=not is_deviation)
    if is_deviation:
        return unit.squared("running variance"), lambda value: f"{unit.text(value)}²"
    return unit.of("final return"), unit.text


def _draw_map(
    axes: Axes,
    bar: Axes,
    numbers: Floats,
    texts: list[list[str]],
    colors: str,
    small: float,
) -> None:
    box = axes.get_window_extent()
    widest = max(width_of(text, small) for line in texts for text in line)
    written = small * min(1.0, 0.94 * box.width / DPI / numbers.shape[1] / max(widest, 1e-9))
    sns.heatmap(
        numbers,
        ax=axes,
        cbar_ax=bar,
        cmap=colors,
        annot=np.array(texts, dtype=object),
        fmt="",
        annot_kws={"fontsize": written},
        linewidths=0.6,
        mask=np.isnan(numbers),
        xticklabels=1,
        yticklabels=1,
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=small, rotation=0)
    bar.tick_params(labelsize=SMALL - 0.5)
    for r, line in enumerate(texts):
        for c, text in enumerate(line):
            if text and np.isnan(numbers[r, c]):
                axes.text(c + 0.5, r + 0.5, text, ha="center", va="center", color=ALERT, fontsize=small)


def _known(drawn: RowBands | None, value: Callable[[RowBands], float]) -> float:
    return np.nan if drawn is None or not drawn.n else value(drawn)


def _text(drawn: RowBands | None, value: Callable[[RowBands], float], text: Callable[[float], str]) -> str:
    """A place's number, * where some of its runs diverged or don't stand, 'none' where none stands.

    'n/a' where runs stand and have no such number.
    """
    if drawn is None:
        return ""
    number = _known(drawn, value)
    if np.isnan(number):
        return "n/a" if drawn.n else "none"
    return text(number) + ("*" if parts.missing_text(drawn) else "")


def _final(drawn: RowBands) -> float:
    return drawn.summary.numbers["final_return"].point


def _deviation(drawn: RowBands) -> float:
    """The square root of the running variance averaged over steps and seeds."""
    return float(np.sqrt(drawn.summary.numbers["running_variance"].point))
