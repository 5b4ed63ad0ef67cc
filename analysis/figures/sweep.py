"""A sweep as a matrix of small panels, a factorial as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import seaborn as sns

from analysis.figures import parts, style
from analysis.figures.data import Drawn, Scene
from analysis.figures.layout import base_slots, is_factorial, panel_slots, piece_text, values_of
from analysis.figures.page import HEADER, NORMAL, SMALL, WIDTH, Page
from analysis.figures.style import SLOTS, Look
from analysis.metrics import final_return
from analysis.results import key_text, swept_text, value_text

LEFT = 0.45
GAP = 0.12
RIGHT = 0.28
MOST_PANELS = 60
"""A sweep with more places than this is a heat map."""


@dataclass(frozen=True)
class Matrix:
    """Rows of the study arranged by what varies down and across; None where there is no such row."""

    down: tuple[str, ...]
    across: tuple[str, ...]
    across_key: str
    cells: tuple[tuple[Drawn | None, ...], ...]


def applies(scene: Scene) -> bool:
    """Is there anything swept to show?"""
    return scene.is_swept or is_factorial(scene)


def draw(scene: Scene) -> Page:
    """The matrix of small panels, or the heat map where panels would be too many or too small."""
    if not scene.is_swept:
        return _heat_map(scene, _crossed(scene))
    matrix = _swept(scene)
    places = len(matrix.down) * len(matrix.across)
    if places > MOST_PANELS or len(matrix.across) > 8:
        return _heat_map(scene, matrix)
    return _panels(scene, matrix)


# ---- arranging ----


def _swept(scene: Scene) -> Matrix:
    """Down: the variant and all swept values but the last; across: the values of the last key."""
    down: list[str] = []
    across: list[str] = []
    keys: list[str] = []
    cells: dict[tuple[str, str], Drawn] = {}
    several = len({drawn.row.variant for drawn in scene.drawn}) > 1
    for drawn in scene.drawn:
        items = list(drawn.row.swept.items())
        fixed = [swept_text(key, value) for key, value in items[:-1]]
        vertical = "\n".join(([drawn.row.title] if several else []) + fixed)
        horizontal = f"{key_text(items[-1][0])} {value_text(items[-1][1])}" if items else "not swept"
        keys += [items[-1][0]] if items else []
        down += [vertical] if vertical not in down else []
        across += [horizontal] if horizontal not in across else []
        cells[vertical, horizontal] = drawn
    return Matrix(
        tuple(down),
        tuple(across),
        ", ".join(key_text(key) for key in dict.fromkeys(keys)),
        tuple(tuple(cells.get((vertical, horizontal)) for horizontal in across) for vertical in down),
    )


def _crossed(scene: Scene) -> Matrix:
    """A factorial: down the first varied slot with the last ones, across the second varied slot with the third."""
    first, second = panel_slots(scene)
    rest = [slot for slot in SLOTS if slot not in (first, second)]
    down_slots, across_slots = (first, rest[1]), (second, rest[0])
    down, across = _pairs(scene, down_slots), _pairs(scene, across_slots)
    found = {(_pair(drawn, down_slots), _pair(drawn, across_slots)): drawn for drawn in scene.drawn}
    return Matrix(
        tuple(down),
        tuple(across),
        " x ".join(across_slots),
        tuple(tuple(found.get((vertical, horizontal)) for horizontal in across) for vertical in down),
    )


def _pairs(scene: Scene, slots: tuple[str, str]) -> list[str]:
    """Every pair of pieces that occurs, the first slot slowest, in the study's order."""
    present = {_pair(drawn, slots) for drawn in scene.drawn}
    names = [
        f"{piece_text(a)}\n{piece_text(b)}"
        for a in values_of(scene, slots[0])
        for b in values_of(scene, slots[1])
    ]
    return [name for name in names if name in present]


def _pair(drawn: Drawn, slots: Sequence[str]) -> str:
    return "\n".join(piece_text(drawn.row.slots[slot]) for slot in slots)


# ---- drawing ----


def _panels(scene: Scene, matrix: Matrix) -> Page:
    """Learning curves, one panel per place, the other means in grey behind."""
    columns, rows = len(matrix.across), len(matrix.down)
    labelled = any(matrix.down)
    right = 0.12 + (0.4 if labelled else 0.0)
    width = (WIDTH - LEFT - right - GAP * (columns - 1)) / columns
    tall = min(0.75 * width, 1.7)
    step = tall + 0.13
    head = 0.22
    page = Page(
        head + rows * step + 0.26,
        parts.title(scene, f"sweep of {matrix.across_key}"),
        parts.counts_text(scene),
        parts.caption(scene, "Grey: the means of all other panels."),
    )
    page.key(LEFT, -0.19, *parts.general_key(scene, None), columns=5)
    limits = parts.return_limits(scene.drawn, scene.threshold, seeds=True)
    base = base_slots(scene)
    for r, line in enumerate(matrix.cells):
        for c, drawn in enumerate(line):
            left, top = LEFT + c * (width + GAP), head + r * step
            if r == 0:
                page.text(left, HEADER + 0.15, matrix.across[c], size=NORMAL, weight="bold")
            if drawn is None:
                continue
            axes = page.axes(left, top, width, tall)
            parts.draw_threshold(axes, scene.threshold)
            for other in scene.drawn:
                if other is not drawn and other.n:
                    axes.plot(
                        scene.at, other.bands["curve"].mean, color=style.PALE, linewidth=0.5, zorder=1.2
                    )
            look = _look(scene, drawn, base)
            parts.draw_seeds(axes, scene.at, drawn.bands["curve"], look.colour)
            parts.draw_mean(axes, scene.at, drawn.bands["curve"], look, front=4)
            parts.mark_diverged(axes, scene.at, drawn, parts.ALERT)
            missing = parts.missing_text(drawn)
            if missing:
                axes.set_title(missing, fontsize=SMALL - 1, color=parts.ALERT, loc="left", pad=1)
            if not drawn.n:
                parts.write_nothing(axes)
            below = any(matrix.cells[k][c] is not None for k in range(r + 1, rows))
            before = any(one is not None for one in line[:c])
            parts.set_returns(axes, limits, numbers=not before, ticks=3)
            parts.set_steps(axes, scene.at, numbers=not below, ticks=2)
            if not before:
                axes.set_ylabel("return")
        if labelled:
            page.text(
                WIDTH - right + 0.1,
                HEADER + head + r * step,
                matrix.down[r],
                size=SMALL,
                weight="bold",
                turn=-90,
            )
    return page


def _look(scene: Scene, drawn: Drawn, base: style.Pieces) -> Look:
    if drawn.row.variant == scene.baseline:
        return (
            Look(style.FAMILIES["replay"])
            if len({d.row.variant for d in scene.drawn}) == 1
            else Look("#333333")
        )
    name = style.family(drawn.row.slots, base)
    return Look(style.FAMILIES.get(name, style.BLACK))


def _heat_map(scene: Scene, matrix: Matrix) -> Page:
    """Final return and mean running variance of each place, as colours and numbers."""
    values = {"final return": _final, "running variance": _variance}
    columns, rows = len(matrix.across), len(matrix.down)
    left = 0.15 + 0.062 * max(len(part) for name in matrix.down for part in name.split("\n"))
    width, tall = WIDTH - left - 0.75, 0.27 * rows
    step = tall + 0.75
    page = Page(
        len(values) * step,
        parts.title(scene, "all combinations"),
        parts.counts_text(scene),
        parts.caption(
            scene,
            "Final return: mean over seeds of the episodes ending in the last tenth of the steps.",
            "Running variance: full windows, mean over seeds and grid steps, as a standard deviation squared.",
            "White: no such row (without a target network the bootstrap has no effect)."
            if _holes(matrix)
            else "",
        ),
    )
    for place, (words, value) in enumerate(values.items()):
        top = place * step + 0.42
        page.text(left, HEADER + top - 0.33, words, size=NORMAL, weight="bold")
        numbers = np.array(
            [[np.nan if d is None or not d.n else value(d) for d in line] for line in matrix.cells]
        )
        axes = page.axes(left, top, width, tall)
        bar = page.axes(left + width + 0.1, top, 0.09, tall)
        sns.heatmap(
            numbers if words == "final return" else np.sqrt(numbers),
            ax=axes,
            cbar_ax=bar,
            cmap="viridis" if words == "final return" else "rocket_r",
            annot=_annotations(matrix, numbers, words),
            fmt="",
            annot_kws={"fontsize": SMALL if columns < 10 else SMALL - 1.5},
            linewidths=0.6,
            mask=np.isnan(numbers),
            xticklabels=list(matrix.across),
            yticklabels=[name.replace("\n", ", ") for name in matrix.down],
        )
        axes.xaxis.tick_top()
        axes.tick_params(length=0, labelsize=SMALL, rotation=0)
        bar.tick_params(labelsize=SMALL - 0.5)
        if words != "final return":
            bar.yaxis.set_major_formatter(lambda value, _: f"{value:g}²")
        for r, line in enumerate(matrix.cells):
            for c, drawn in enumerate(line):
                if drawn is not None and not drawn.n:
                    axes.text(
                        c + 0.5, r + 0.5, "none", ha="center", va="center", color=parts.ALERT, fontsize=SMALL
                    )
    return page


def _holes(matrix: Matrix) -> bool:
    return any(drawn is None for line in matrix.cells for drawn in line)


def _annotations(matrix: Matrix, numbers: Any, words: str) -> Any:
    """The number in each place, with * where some of its runs diverged or don't stand."""
    texts = np.full(numbers.shape, "", dtype=object)
    for r, line in enumerate(matrix.cells):
        for c, drawn in enumerate(line):
            if drawn is not None and drawn.n:
                mark = "*" if parts.missing_text(drawn) else ""
                number = numbers[r, c]
                texts[r, c] = (
                    f"{number:.0f}" if words == "final return" else f"{np.sqrt(number):.0f}²"
                ) + mark
    return texts


def _final(drawn: Drawn) -> float:
    values = [final_return(run.ends, run.returns, run.steps) for run in drawn.row.standing]
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else np.nan


def _variance(drawn: Drawn) -> float:
    mean = drawn.bands["running_variance"].mean
    known = mean[np.isfinite(mean)]
    return float(known.mean()) if len(known) else np.nan
