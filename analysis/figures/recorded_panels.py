"""Figures of recorded quantities: a line of panels for each panel of the layout, a column for each quantity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.figures import parts, style, units
from analysis.figures.layout import Layout, Panel, PanelLine, lay_out
from analysis.figures.lettering import fitted
from analysis.figures.page import HEADER, NORMAL, WIDTH, Page
from analysis.figures.parts import key_name
from analysis.figures.style import ALERT, BASELINE
from analysis.findings.bands import EnvironmentBands
from analysis.findings.recorded import Recorded

LEFT = 0.5
GAP = 0.5
TALL = 1.15
KEY_LINE = 0.135
KEY_COLUMNS = 3
TICKS = 4
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Lines:
    """The places of lines of panels, in inches from the end of the header. Each has a key, and of several a title."""

    tops: Sequence[float]
    heads: Sequence[float]
    """Above the axes of each line: its title and key."""
    key: float
    """From the top of a line to its key."""
    headings: float
    """The baseline of what the columns are called: above the titles; of a single line between its key and its axes."""

    @property
    def height(self) -> float:
        """Down to the last axes."""
        return self.tops[-1] + self.heads[-1]


def lines(panels: Sequence[Panel], tall: float) -> Lines:
    """Lines of panels of this height."""
    keys = [KEY_LINE * -(-len(panel.members) // KEY_COLUMNS) for panel in panels]
    if not any(panel.title for panel in panels):
        return Lines([0.0], [keys[0] + 0.25], 0.02, keys[0] + 0.21)
    heads = [0.17 + key for key in keys]
    tops = [0.2 + sum(heads[:place]) + place * (tall + 0.26) for place in range(len(panels))]
    return Lines(tops, heads, 0.19, 0.13)


# ---- drawing ----


def draw(
    data: EnvironmentBands,
    recorded: Mapping[str, Recorded],
    headings: Mapping[str, str],
    what: str,
    caption: Sequence[str],
    set_axes: Callable[[Axes, str], None],
) -> Page:
    """Means with their intervals; ``headings`` names the quantities drawn, ``set_axes`` sets the axis of one."""
    width = (WIDTH - LEFT - 0.1 - GAP * (len(headings) - 1)) / len(headings)
    columns = Columns(headings, [LEFT + place * (width + GAP) for place in range(len(headings))], width)

    def draw_panel(axes: Axes, quantity: str, layout: Layout, panel: Panel) -> None:
        reference = recorded.get(layout.reference.row.label) if layout.reference else None
        _draw_panel(axes, quantity, panel.members, recorded, reference)
        set_axes(axes, quantity)

    return draw_lines(data, what, " ".join(caption), columns, TALL, draw_panel)


@dataclass(frozen=True)
class Columns:
    """What stands side by side in each line of panels: quantities with their headings, and where."""

    headings: Mapping[str, str]
    lefts: Sequence[float]
    width: float


def draw_lines(
    data: EnvironmentBands,
    what: str,
    caption: str,
    columns: Columns,
    tall: float,
    draw_panel: Callable[[Axes, str, Layout, Panel], None],
    threshold: bool = False,
) -> Page:
    """A line of panels for each panel of the layout, with its key above."""
    layout = lay_out(data)
    panels = [panel for panel in layout.panels if panel is not None]
    placed = lines(panels, tall)
    page = Page(
        placed.height + tall + 0.34,
        parts.title(data, what),
        parts.counts_text(data),
        " ".join(text for text in (caption, layout.note, parts.rows_without_runs_text(data)) if text),
    )
    key = parts.general_key(data, layout.reference, seeds=False, threshold=threshold)
    page.key(columns.lefts[0], -0.19, *key, columns=5)
    for heading, left in zip(columns.headings.values(), columns.lefts, strict=True):
        heading, size = fitted(heading, columns.width, NORMAL - 0.7)
        page.text(left, HEADER + placed.headings, heading, size=size, color="#444444")
    for place, (panel, top, head) in enumerate(zip(panels, placed.tops, placed.heads, strict=True)):
        left = columns.lefts[0]
        page.text(left, HEADER + top + 0.14, panel.title, size=NORMAL, weight="bold", color=panel.color)
        handles = [parts.line_handle(member.look) for member in panel.members]
        wide = (WIDTH - left) / KEY_COLUMNS - 0.2
        names = [key_name(member.name, member.drawn, wide) for member in panel.members]
        page.key(left, top + placed.key, handles, names, columns=KEY_COLUMNS)
        watched = data.places(layout.reference, *(member.drawn for member in panel.members))
        for quantity, left in zip(columns.headings, columns.lefts, strict=True):
            axes = page.axes(left, top + head + 0.04, columns.width, tall)
            draw_panel(axes, quantity, layout, panel)
            page.name_axes(axes, quantity, watched)
            parts.set_steps(axes, data.at, label=place == len(panels) - 1)
    return page


def _draw_panel(
    axes: Axes,
    quantity: str,
    members: Sequence[PanelLine],
    recorded: Mapping[str, Recorded],
    reference: Recorded | None,
) -> None:
    axes.axhline(0, color=style.PALE, linewidth=0.6, zorder=1)
    if reference is not None and quantity in reference.bands:
        parts.draw_mean(axes, reference.at[quantity], reference.bands[quantity], BASELINE, shade=0.12)
    for member in members:
        one = recorded.get(member.drawn.row.label)
        if one is not None and quantity in one.bands:
            parts.draw_mean(axes, one.at[quantity], one.bands[quantity], member.look, front=4)
            _mark_diverged(axes, quantity, one)


def _mark_diverged(axes: Axes, quantity: str, one: Recorded) -> None:
    """A cross on each seed's line where it diverged."""
    at = one.at[quantity]
    for place, step in one.summary.diverged:
        seed = one.summary.row.valid_runs[place].seed
        if seed in one.seeds:
            where = min(int(np.searchsorted(at, step)), len(at) - 1)
            height = one.bands[quantity].runs[one.seeds.index(seed), where]
            axes.plot(
                [step], [height], marker="x", color=ALERT, markersize=3.5, markeredgewidth=0.9, zorder=5
            )


# ---- axes ----


def limits(quantity: str, recorded: Iterable[Recorded]) -> tuple[float, float]:
    """From the least to the largest mean or end of an interval, and zero: the same for all panels of a quantity."""
    values = [np.zeros(1)]
    for one in recorded:
        if quantity in one.bands:
            shown = one.bands[quantity]
            values += [shown.mean, shown.low, shown.high]
    known = np.concatenate(values)
    return float(np.nanmin(known)), float(np.nanmax(known))


def linear_limits(low: float, high: float) -> tuple[float, float]:
    """Limits with a little room at both ends."""
    room = 0.04 * (high - low or 1)
    return low - room, high + room


def linear_unit(low: float, high: float) -> units.Unit:
    """The unit in which ``set_linear`` numbers an axis."""
    return units.tick_unit(*linear_limits(low, high), TICKS)


def set_linear(axes: Axes, low: float, high: float) -> None:
    """An axis with a little room at both ends; what its numbers are written in stands in the heading."""
    parts.set_returns(axes, linear_limits(low, high), ticks=TICKS, room=GAP)


def set_powers(axes: Axes, low: float, high: float, linear: float) -> None:
    """An axis that is linear up to a number and logarithmic beyond, as what diverges spans many powers of ten.

    A little room below shows the line that lies on zero.
    """
    low, high = min(1.5 * low, -linear / 2), max(1.5 * high, linear)
    axes.set_yscale("symlog", linthresh=linear, linscale=0.6)
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(FixedLocator(powers(low, high, linear)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power_text(value)))


def powers(low: float, high: float, linear: float, most: int = 6) -> list[float]:
    """0 and powers of ten between two limits, at even distances, not too many and none too near to 0."""
    first = round(np.log10(linear))
    last = int(np.floor(np.log10(max(high, -low, linear))))
    stride = -(-(last - first + 1) // most)
    sizes = [10.0**power for power in range(first + stride, last + 1, stride)]
    return [-size for size in reversed(sizes) if -size >= low] + [0.0] + [s for s in sizes if s <= high]


def power_text(value: float) -> str:
    """'0', '0.1', '-10', and from a thousand on '10³'."""
    if abs(value) < 1000:
        return f"{value:g}"
    power = str(round(np.log10(abs(value)))).translate(SUPERSCRIPTS)
    return f"{'-' if value < 0 else ''}10{power}"
