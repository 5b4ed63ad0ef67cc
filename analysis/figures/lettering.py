"""Lettering: how wide a text is, so that it is placed where it fits; which fonts have its letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import matplotlib as mpl
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontEntry, FontProperties, fontManager, get_font

FAMILY = "DejaVu Sans"
"""What every figure is lettered in; other fonts only help out with letters that it lacks."""
BOXES = "Last Resort"
"""How fonts are named that have a box for every letter, as matplotlib brings one along: legible in none."""
SMALLEST = 4.0
"""Points: type is made no smaller; what still doesn't fit ends in an ellipsis."""
POINTS = 72.0


def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Inches that the longest line of a text takes."""
    fonts = tuple(mpl.rcParams["font.sans-serif"])
    return max((_line_width(line, size, weight, fonts) for line in text.split("\n")), default=0.0)


@lru_cache(maxsize=20_000)
def _line_width(line: str, size: float, weight: str, fonts: tuple[str, ...]) -> float:
    font = FontProperties(family=list(fonts), size=size, weight=weight)
    return float(_renderer().get_text_width_height_descent(line, font, ismath=False)[0]) / (4 * POINTS)


@lru_cache(maxsize=1)
def _renderer() -> RendererAgg:
    return RendererAgg(8, 8, 4 * POINTS)


def wrapped(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """The text in lines of at most so many inches, broken between words, and within those that are wider."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, size, weight) <= width:
            lines[-1] = longer
            continue
        parts = list(_broken(word, width, size, weight))
        lines += parts
    return lines


def _broken(word: str, width: float, size: float, weight: str) -> Iterator[str]:
    """A word in pieces that fit, of one letter at least."""
    start = 0
    while start < len(word):
        end = len(word)
        while end > start + 1 and width_of(word[start:end], size, weight) > width:
            end -= 1
        yield word[start:end]
        start = end


def fitted(text: str, width: float, size: float, weight: str = "normal") -> tuple[str, float]:
    """A line of text and the size of type, at most ``size``, at which it takes at most so many inches."""
    natural = width_of(text, size, weight)
    if natural <= width:
        return text, size
    smaller = 0.98 * size * width / natural  # widths don't shrink quite as the type does
    if smaller >= SMALLEST:
        return text, smaller
    kept = text
    while len(kept) > 1 and width_of(kept, SMALLEST, weight) > width:
        kept = kept.rstrip("…")[:-1] + "…"
    return kept, SMALLEST


# ---- fonts ----


def fonts_for(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """The fonts that together have the letters of these texts, and a line for each text of which none has all."""
    upright = {entry.name: entry.fname for entry in fontManager.ttflist if _is_upright(entry)}
    upright = {name: file for name, file in upright.items() if not name.startswith(BOXES)}
    own = _lettered(upright[FAMILY])
    by_text = {text: {one for one in set(text) - own if _is_seen(one)} for text in texts}
    missing, fonts = set[str]().union(*by_text.values()), [FAMILY]
    for name in sorted(upright) if missing else ():
        found = missing & _lettered(upright[name])
        if found:
            fonts.append(name)
            missing -= found
    lacking = [text for text, letters in by_text.items() if letters & missing]
    return fonts, [
        f"no glyph for {text!r} in {_named(fonts)}: boxes stand for it in figures" for text in lacking
    ]


def _named(fonts: Sequence[str]) -> str:
    return f"{' or '.join(fonts)}, nor in any other font here"


def _is_upright(entry: FontEntry) -> bool:
    return entry.style == "normal" and entry.weight in (400, "normal", "regular", "book")


def _is_seen(letter: str) -> bool:
    """False for blanks and for marks that only choose how another letter is drawn."""
    return not (
        letter.isspace() or unicodedata.category(letter) in ("Cf", "Cc") or "\ufe00" <= letter <= "\ufe0f"
    )


@lru_cache(maxsize=1000)
def _lettered(file: str) -> frozenset[str]:
    """The letters of a font; none of one that is made of pictures, which can't be scaled."""
    try:
        font = get_font(file)
        return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()
    except (RuntimeError, ValueError, OSError):
        return frozenset()
