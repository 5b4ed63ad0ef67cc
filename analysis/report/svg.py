"""Our SVG files as parts of a page, in as few letters as will do."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from markupsafe import Markup

_STRAIGHT = frozenset("MLz")
_GLYPH = re.compile(r'<path id="(DejaVuSans[\w-]*)"(?: d="([^"]*)")? transform="scale\(0\.015625\)"/>')
_WRITTEN = re.compile(
    r'<use xlink:href="#(DejaVuSans[\w-]*)"(?: transform="translate\((-?[\d.]+) (-?[\d.]+)\)")?/>'
)


def inline(path: Path, prefix: str, name: str, glyphs: dict[str, str]) -> Markup:
    """An SVG of ours as part of a page: identifiers made unique, scaled to the page's width, named for readers.

    Lines are written in fewer letters: the page holds one per seed, row and panel. Shapes of letters, which all figures
    share, are taken out of it and put into ``glyphs``, to be drawn once (``letters``).
    """
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'(?<= d=")[^"]*', lambda path: shorter(path.group()), text)
    text = _GLYPH.sub(lambda found: _kept(found, glyphs), text)
    text = re.sub(r"<defs>\s*</defs>", "", text)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'(xlink:href="|url\()#(?!DejaVuSans)', rf"\1#{prefix}-", text)
    text = _WRITTEN.sub(lambda found: _placed(found, glyphs), text)
    text = re.sub(r">\s+<", "><", text)
    label = Markup.escape(name)
    text = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", text, count=1)
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))


def letters(glyphs: dict[str, str]) -> Markup:
    """The shapes of letters that inlined figures refer to, in a drawing of no size."""
    shapes = "".join(
        f'<path id="{glyph}" d="{shape}" transform="scale(.015625)"/>' for glyph, shape in glyphs.items()
    )
    return Markup(f'<svg class="letters" width="0" height="0" aria-hidden="true"><defs>{shapes}</defs></svg>')


def _kept(found: re.Match[str], glyphs: dict[str, str]) -> str:
    """Keep a letter's shape; a blank has none."""
    name, shape = found.groups()
    if shape:
        glyphs[_short(name)] = " ".join(shape.split())
    return ""


def _placed(found: re.Match[str], glyphs: dict[str, str]) -> str:
    """A letter at its place: '<use href="#g13" x="63.6"/>'; nothing for a blank."""
    glyph, x, y = found.groups()
    if _short(glyph) not in glyphs:
        return ""
    place = "".join(
        f' {axis}="{float(value):.4g}"' for axis, value in (("x", x), ("y", y)) if value and float(value)
    )
    return f'<use href="#{_short(glyph)}"{place}/>'


def _short(glyph: str) -> str:
    """A glyph's name on the page: 'DejaVuSans-Bold-4c' is 'gB4c'."""
    return glyph.replace("DejaVuSans", "g").replace("Bold", "B").replace("Oblique", "O").replace("-", "")


def shorter(path: str) -> str:
    """Straight lines with every point relative to the one before, in tenths of a point: less than half the text.

    Each difference is one of rounded places, so that rounding doesn't add up. Curves and letters stay as they are.
    """
    words = path.split()
    if any(word not in _STRAIGHT for word in words if word.isalpha()):
        return path
    text, place, x, y, x_start, y_start = [], 0, 0, 0, 0, 0
    while place < len(words):
        if words[place] == "z":
            text.append("z")
            x, y, place = x_start, y_start, place + 1
            continue
        x_next, y_next = round(10 * float(words[place + 1])), round(10 * float(words[place + 2]))
        if words[place] == "M":
            text.append(f"M{_tenths(x_next)} {_tenths(y_next)}")
            x_start, y_start = x_next, y_next
        else:
            text.append(f"l{_tenths(x_next - x)} {_tenths(y_next - y)}")
        x, y, place = x_next, y_next, place + 3
    return "".join(text).replace(" -", "-")


@cache  # differences between neighbours are few
def _tenths(number: int) -> str:
    """25 is 2.5, -5 is -.5, 30 is 3."""
    whole, tenth = divmod(abs(number), 10)
    size = f"{whole or ''}.{tenth}" if tenth else str(whole)
    return f"-{size}" if number < 0 else size
