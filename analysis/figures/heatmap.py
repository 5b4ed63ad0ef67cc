"""A heat map of what a study with many combinations comes to: final return and running variance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from analysis.figures import parts
from analysis.figures.page import HEADER, NORMAL, SMALL, WIDTH, Page
from analysis.figures.style import ALERT
from analysis.findings.bands import EnvironmentBands, RowBands
from analysis.metrics import WINDOW, Floats

PLACE = 0.27
"""Inches down per line."""
LETTER = 0.058

Cells = Sequence[Sequence[RowBands | None]]


def draw_heat_map(
    data: EnvironmentBands, what: str, down: Sequence[str], across: Sequence[str], cells: Cells
) -> Page:
    """Two maps, one above the other, with a number in each place."""
    names = [name.replace("\n", ", ") for name in down]
    head = 0.3 + 0.11 * max(name.count("\n") + 1 for name in across)
    left = 0.2 + LETTER * max(map(len, names))
    width, tall = WIDTH - left - 0.6, PLACE * len(names)
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
    maps: tuple[tuple[str, str, Callable[[RowBands], float], Callable[[float], str]], ...] = (
        ("final return", "viridis", _final, lambda value: f"{value:.0f}"),
        ("running variance", "rocket_r", _deviation, lambda value: f"{value:.0f}²"),
    )
    for place, (title, colors, value, text) in enumerate(maps):
        top = place * step
        page.text(left, HEADER + top + 0.15, title, size=NORMAL, weight="bold")
        axes = page.axes(left, top + head, width, tall)
        bar = page.axes(left + width + 0.08, top + head, 0.09, tall)
        numbers = np.array([[_known(drawn, value) for drawn in line] for line in cells], dtype=np.float64)
        texts = [[_text(drawn, value, text) for drawn in line] for line in cells]
        _draw_map(axes, bar, numbers, texts, colors, names, across)
        bar.yaxis.set_major_formatter(FuncFormatter(lambda number, _, text=text: text(number)))
    return page


def _draw_map(
    axes: Axes,
    bar: Axes,
    numbers: Floats,
    texts: list[list[str]],
    colors: str,
    down: Sequence[str],
    across: Sequence[str],
) -> None:
    small = SMALL if len(across) < 10 else SMALL - 1.5
    sns.heatmap(
        numbers,
        ax=axes,
        cbar_ax=bar,
        cmap=colors,
        annot=np.array(texts, dtype=object),
        fmt="",
        annot_kws={"fontsize": small},
        linewidths=0.6,
        mask=np.isnan(numbers),
        xticklabels=list(across),
        yticklabels=list(down),
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
