"""Numbers fit their size, texts fit where they are placed, lines of a panel are told apart, letters have a font."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from analysis.figures import fonts, kinds, lettering, page_of, style, units, verdicts
from analysis.figures.layout import lay_out
from analysis.figures.page import Page, drawing
from analysis.statistics.intervals import Interval
from analysis.tables.spelling import interval_text, number_texts
from tests.analysis.figures.test_identities import crossed
from tests.analysis.made_up import Episodes, evidence, learn, make_study, row

SIZES = {
    "tiny": (3e-9, 0.0),
    "small": (1.0, -1.7e-3),
    "losses": (-7e6, 0.0),
    "fractions": (2e-3, 0.0),
    "hundreds": (2.0, -20.0),
    "far": (2e-4, 3e9),
    "none": (0.0, 4e8),
}
"""By name, what made-up returns (some 10 to 500) are multiplied with, and what is added."""
NAME = "a label of many words, which says at length what would have been said as well in two"


def sized(size: str) -> Any:
    scale, offset = SIZES[size]

    def play(one: Mapping[str, Any], seed: int, steps: int) -> Episodes:
        return [(at, value * scale + offset) for at, value in learn(one, seed, steps)]

    return play


def drawn_pages(folder: Path) -> dict[str, Page]:
    found = evidence(folder)
    made = {kind: page_of(found.bands[0], kind) for kind in kinds(found.bands[0])}
    forest = verdicts.draw(found.bands[0], found.comparisons)
    return made | ({"verdicts": forest} if forest else {})


def texts_of(page: Page) -> list[tuple[str, Any]]:
    """Every text that is seen, with its box in shares of the page."""
    canvas = FigureCanvasAgg(page.figure)
    canvas.draw()
    renderer, found = canvas.get_renderer(), []
    for text in page.figure.findobj(Text):
        if text.get_visible() and text.get_text().strip():
            box = text.get_window_extent(renderer).transformed(page.figure.transFigure.inverted())
            found.append((text.get_text(), box))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["named", "crossed"])
def test_no_text_leaves_the_page_and_no_number_needs_many_digits(size: str, kind: str, tmp_path: Path):
    scale, offset = SIZES[size]
    rows = crossed({"alpha": 0.2}, {"alpha": 0.9})
    if kind == "named":
        rows = [
            row("dqn"),
            row("no-replay"),
            row("soft-target") | {"title": NAME},
            row("per") | {"title": "W" * 90},
        ]
    threshold = scale * 475 + offset
    folder = make_study(
        tmp_path / "s", rows, seeds=2, envs=["a.module.of.many.names:AnEnvironmentOfALongName-v0"],
        threshold=threshold, play=sized(size), states={(rows[1]["label"], 0): "failed"},
    )  # fmt: skip
    with drawing():
        for name, page in drawn_pages(folder).items():
            for text, box in texts_of(page):
                assert box.x0 > -1e-3, (name, text)
                assert box.x1 < 1 + 1e-3, (name, text)
            for axes in page.figure.axes:
                assert axes.yaxis.get_offset_text().get_text() == "", name
                assert axes.xaxis.get_offset_text().get_text() == "", name
                numbers = [one.get_text() for one in axes.get_yticklabels() if one.get_visible()]
                shown = [one for one in numbers if one and one.strip("-.²0123456789") == ""]
                assert len(set(shown)) == len(shown), (name, shown)
                assert all(len(one) <= 8 for one in shown), (name, shown)


@pytest.mark.parametrize(
    ("low", "high", "texts", "name"),
    [
        (0.0, 500.0, ["0", "200", "400"], "return"),
        (-0.31, 0.97, ["0.0", "0.5"], "return"),
        (-1.4e9, 0.0, ["-1.0", "-0.5", "0.0"], "return / 1e9"),
        (2e-7, 9e-7, ["200", "400", "600", "800"], "return / 1e-9"),
        (3e9 - 0.1, 3e9 + 0.3, ["0.0", "0.2"], "return - 3000000000"),
        (-3e9, -3e9 + 2, ["0.0", "0.5", "1.0", "1.5", "2.0"], "return + 3000000000"),
    ],
)
def test_an_axis_is_numbered_in_few_digits_and_named_by_their_unit(
    low: float, high: float, texts: list[str], name: str
):
    unit = units.tick_unit(low, high, 4)
    assert [unit.text(place) for place in units.places(low, high, 4)] == texts
    assert unit.of("return") == name


def test_zero_has_no_minus_and_cells_tell_apart_what_differs():
    unit = units.unit_of(-0.04, 0.96)
    assert [unit.text(value) for value in (0.552, 0.96, -0.004)] == ["0.55", "0.96", "0.00"]
    assert units.unit_of(-0.5, 480.0).text(-0.4) == "0"


def test_lines_are_wrapped_and_fitted_by_what_they_measure():
    with drawing():
        for text in (NAME, "W" * 90, "i" * 300, "\u53cc\u91cd\u7f51\u7edc" * 30):
            lines = lettering.wrapped(text, 1.3, 6.5)
            assert "".join(lines).replace(" ", "") == text.replace(" ", "")
            assert all(lettering.width_of(line, 6.5) <= 1.3 for line in lines)
            kept, size = lettering.fitted(text, 1.3, 6.5)
            assert lettering.width_of(kept, size) <= 1.3
            assert size >= lettering.SMALLEST
    assert lettering.fitted("short", 1.3, 6.5) == ("short", 6.5)


@pytest.mark.parametrize("count", [3, 5, 12, 22])
def test_no_panel_has_two_lines_of_one_dash_whose_colors_are_near(count: int, tmp_path: Path):
    taus = [0.0011 * 1.13**place for place in range(count)]
    rows = [row("dqn"), *(row(f"soft-{i}", target={"kind": "soft", "tau": t}) for i, t in enumerate(taus))]
    swept = [row("dqn", {"target.period": period}) for period in range(2, 2 + count)]
    for name, some in (("rows", rows), ("swept", swept), ("cells", crossed({"alpha": 0.2}, {"alpha": 0.9}))):
        found = evidence(make_study(tmp_path / name, some, seeds=1)).bands[0]
        placed = lay_out(found)
        reference = [style.BASELINE] if placed.reference else []
        for panel in filter(None, placed.panels):
            looks = [
                *(reference if name == "rows" else []),
                *(member.look for member in panel.members),
            ]
            for one, other in combinations(looks, 2):
                assert one.dash != other.dash or style.color_distance(one.color, other.color) >= 10


def test_color_distances_are_those_of_the_standard():
    assert style.color_distance("#ffffff", "#000000") == pytest.approx(100, abs=0.01)
    assert style.color_distance("#ff0000", "#00ff00") == pytest.approx(170.58, abs=0.1)
    assert style.color_distance("#808080", "#808080") == 0


def test_a_label_that_no_font_has_is_said_once_by_its_name_and_others_are_not(tmp_path: Path):
    titles = {
        "per": "\u041f\u0440\u0438\u043e\u0440\u0438\u0442\u0435\u0442",
        "double": "rune \U0010fff0",  # for private use: of no script
    }
    rows = [row("dqn"), *(row(name) | {"title": title} for name, title in titles.items())]
    said = fonts(evidence(make_study(tmp_path / "s", rows, seeds=1)))
    assert said[0] == ["DejaVu Sans"]
    assert len(said[1]) == 1  # though matplotlib brings a font along that has a box for everything
    assert repr(titles["double"]) in said[1][0]
    assert "DejaVu Sans" in said[1][0]


@pytest.mark.parametrize(
    ("point", "ends", "text"),
    [
        (412.34, (380.1, 440.2), "412.3 [380.1, 440.2]"),
        (3e9, (3e9 - 2, 3e9 + 2), "3000000000 [2999999998, 3000000002]"),
        (-1.5e9, (-1.9e9, -1.1e9), "-1.5e9 [-1.9e9, -1.1e9]"),
        (0.00123, (0.00119, 0.00127), "0.0012 [0.0012, 0.0013]"),
    ],
)
def test_a_number_has_the_digits_that_its_interval_needs(point: float, ends: tuple[float, float], text: str):
    assert interval_text("final_return", Interval(point, *ends)) == text


def test_means_are_written_so_that_their_difference_is_seen():
    assert number_texts("auc", (3e9, 3e9 + 4), 4.0) == ["3000000000", "3000000004"]


def test_a_pdf_holds_the_letters_of_a_font_and_none_of_its_rules_of_layout():
    options = subset.Options
    with drawing():
        data = Page(1.0, "AV fi", "", "").save(["pdf"])["pdf"]
    assert subset.Options is options
    streams = [zlib.decompressobj().decompress(one) for one in data.split(b"stream\n")[1:] if one[:1] == b"x"]
    fonts_in = [TTFont(BytesIO(one)) for one in streams if one.startswith(b"\0\1\0\0")]
    assert fonts_in
    for font in fonts_in:
        assert "glyf" in font
        assert not {"GDEF", "GPOS", "GSUB", "kern"} & set(font.keys())
