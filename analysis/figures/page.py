"""A page to draw on: placed in inches, so that nothing moves or overlaps when the number of panels changes."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from fontTools import subset
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from analysis.figures.lettering import FAMILY, fitted, width_of, wrapped
from analysis.figures.style import ALERT, shaded

WIDTH = 7.0
"""Inches: the text width of a two-column paper."""
MARGIN = 0.08
FORMATS = ("png", "pdf", "svg")
DPI = 200

SMALL = 6.5
NORMAL = 7.5
LARGE = 9.5

HEADER = 0.62
"""Inches above the first panel: title, counts and key."""
CAPTION_LINE = 0.125
KEY_LINE, KEY_PAD, KEY_GAP = 2.4, 0.5, 1.4
"""Of a key, in heights of its type: a line's sample, from it to its name, from column to column."""
LAYOUT_TABLES = ("GDEF", "GPOS", "GSUB", "kern")
"""Of a font: rules that a program which sets text would follow; a PDF has each letter at its place."""


@contextmanager
def drawing(fonts: Sequence[str] = (FAMILY,)) -> Iterator[None]:
    """Matplotlib's own defaults and the suite's, whatever the user's configuration says."""
    with mpl.rc_context(), warnings.catch_warnings(), _letters_alone():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # said once, by label: lettering.fonts_for
        logging.getLogger("matplotlib.font_manager").setLevel(
            logging.ERROR
        )  # of helping fonts that are not bold
        mpl.rcdefaults()
        theme: Any = sns.axes_style("ticks")
        mpl.rcParams.update(theme)
        mpl.rcParams.update(
            {
                "font.family": "sans-serif",
                "font.sans-serif": list(fonts),
                "font.size": NORMAL,
                "axes.titlesize": NORMAL,
                "axes.labelsize": SMALL,
                "xtick.labelsize": SMALL,
                "ytick.labelsize": SMALL,
                "legend.fontsize": SMALL,
                "axes.linewidth": 0.6,
                "xtick.major.width": 0.6,
                "ytick.major.width": 0.6,
                "xtick.major.size": 2.5,
                "ytick.major.size": 2.5,
                "xtick.major.pad": 2.0,
                "ytick.major.pad": 2.0,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.edgecolor": "#444444",
                "text.parse_math": False,  # a name may hold a dollar sign
                "lines.solid_capstyle": "butt",
                "lines.dash_capstyle": "butt",
                "lines.scale_dashes": True,
                "pdf.fonttype": 42,
                "svg.fonttype": "path",
                "svg.hashsalt": "ablations",
                "savefig.dpi": DPI,
                "figure.dpi": DPI,
            }
        )
        yield


class _LettersAlone(subset.Options):  # type: ignore[misc]
    """How a font is cut for a PDF: without its rules of layout, which take longer to cut than a figure to draw."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.drop_tables += LAYOUT_TABLES


@contextmanager
def _letters_alone() -> Iterator[None]:
    """Matplotlib asks for these options by their name, and has no setting for them."""
    before = subset.Options
    subset.Options = _LettersAlone
    try:
        yield
    finally:
        subset.Options = before


class Page:
    """A figure of fixed width, whose panels are placed in inches from its upper left corner."""

    def __init__(self, height: float, title: str, counts: str, caption: str) -> None:
        lines = wrapped(caption, WIDTH - 2 * MARGIN, SMALL)
        self.height = HEADER + height + CAPTION_LINE * len(lines) + 2 * MARGIN
        self.figure = Figure(figsize=(WIDTH, self.height))
        self.text(MARGIN, 0.17, title, size=LARGE, weight="bold")
        self.text(MARGIN, 0.345, counts, size=NORMAL, color="#444444")
        top = HEADER + height + MARGIN
        for place, line in enumerate(lines):
            self.text(MARGIN, top + CAPTION_LINE * (place + 0.75), line, size=SMALL, color="#444444")

    def text(
        self,
        left: float,
        top: float,
        text: str,
        *,
        size: float = NORMAL,
        weight: str = "normal",
        color: str = "black",
        align: str = "left",
        turn: float = 0.0,
    ) -> None:
        """Write text whose baseline begins at a place; smaller, or cut, where the page would end before it does."""
        if turn:
            room = self.height - top
        else:
            room = {"left": WIDTH - left, "right": left, "center": 2 * min(left, WIDTH - left)}[align]
        text, size = fitted(text, room - 0.04, size, weight)
        self.figure.text(
            left / WIDTH,
            1 - top / self.height,
            text,
            fontsize=size,
            fontweight=weight,
            color=color,
            horizontalalignment=align,
            rotation=turn,
            rotation_mode="anchor",
        )

    def axes(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        *,
        sharex: Axes | None = None,
        sharey: Axes | None = None,
    ) -> Axes:
        """Add axes whose data area has this size; ``top`` counts from the end of the header."""
        bottom = self.height - HEADER - top - height
        return self.figure.add_axes(
            (left / WIDTH, bottom / self.height, width / WIDTH, height / self.height),
            sharex=sharex,
            sharey=sharey,
        )

    def name_axes(self, axes: Axes, quantity: str, places: Iterable[int]) -> None:
        """Name axes for the report's script: a quantity of its CSV, and the places of the rows in the study's order."""
        rows = ",".join(map(str, sorted(set(places))))
        axes.set_gid(f"panel:{self.figure.axes.index(axes) + 1}:{quantity}:{rows}")

    def key(
        self, left: float, top: float, handles: Sequence[Artist], names: Sequence[str], *, columns: int = 1
    ) -> None:
        """A key whose upper left corner is at a place (from the end of the header), no wider than the page."""
        if not names:  # one run of one row
            return
        shape = -(-len(names) // columns)  # lines of a column
        wide = [
            max(width_of(name, SMALL) for name in names[at : at + shape])
            for at in range(0, len(names), shape)
        ]
        blanks = (len(wide) * (KEY_LINE + KEY_PAD) + (len(wide) - 1) * KEY_GAP) * SMALL / 72
        size = SMALL * min(1.0, (WIDTH - MARGIN - left) / (sum(wide) + blanks))
        self.figure.legend(
            handles,
            list(names),
            loc="upper left",
            bbox_to_anchor=(left / WIDTH, 1 - (HEADER + top) / self.height),
            ncols=columns,
            frameon=False,
            borderpad=0.0,
            borderaxespad=0.0,
            handlelength=KEY_LINE,
            handletextpad=KEY_PAD,
            labelspacing=0.25,
            columnspacing=KEY_GAP,
            fontsize=size,
        )

    def save(self, formats: Sequence[str] = FORMATS) -> dict[str, bytes]:
        """The page in each format, without a date, so that equal pages have equal bytes."""
        return {format_: self._save(format_) for format_ in formats}

    def _save(self, format_: str) -> bytes:
        if format_ == "png":
            return self._png()
        undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
        target = io.BytesIO()
        self.figure.savefig(target, format=format_, metadata=undated[format_])
        data = target.getvalue()
        return _PATH.sub(_shortened, data) if format_ == "svg" else data

    def _png(self) -> bytes:
        """256 colors are enough for lines and bands, and take a third of the bytes."""
        canvas: Any = FigureCanvasAgg(self.figure)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        target = io.BytesIO()
        _with_few_colors(image).save(target, "png", dpi=(DPI, DPI))
        return target.getvalue()


def _with_few_colors(image: Image.Image) -> Image.Image:
    """The image in 256 colors: the alert's shades and white as they are, the others by median cut."""
    shades = [to_rgb(shaded(ALERT, -part / 8)) for part in range(8)] + [(1.0, 1.0, 1.0)]
    reserved = [round(255 * channel) for shade in shades for channel in shade]
    most = 256 - len(shades)
    common = image.quantize(most, method=Image.Quantize.MEDIANCUT).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*common, *reserved * (256 // len(shades))][: 3 * most] + reserved)
    found = np.array(image.quantize(palette=palette, dither=Image.Dither.NONE))
    found[(np.asarray(image) == 255).all(axis=2)] = 255  # the search is coarse, and paper must stay white
    few = Image.fromarray(found).convert("P")
    few.putpalette(palette.getpalette() or [])
    return few


_PATH = re.compile(rb' d="[^"]*"')
_DECIMALS = re.compile(rb"(\.\d)\d+")


def _shortened(path: re.Match[bytes]) -> bytes:
    """A path's coordinates to a tenth of a point, which halves the file and which nobody sees."""
    return _DECIMALS.sub(rb"\1", path.group())
