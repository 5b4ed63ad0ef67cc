"""Colour tells the slot, dash and shade the member; no panel holds more than can be told apart."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ablations.dqn.variants import NAMED, plain
from analysis.figures import layout, small_multiples, style, sweep
from analysis.figures.recorded_panels import KEY_LINE, lines
from analysis.figures.data import FigureData, data
from analysis.loading import read
from tests.analysis.made_up import make_study, row

DQN = plain(NAMED["dqn"].variant)


def scene_of(folder: Path) -> FigureData:
    return data(read(folder), "CartPole-v1")


def panels(found: FigureData) -> list[layout.Panel]:
    return [panel for panel in layout.lay_out(found).panels if panel is not None]


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("dqn", ""),
        ("per", "replay"),
        ("soft-target", "target"),
        ("inverse-double", "bootstrap"),
        ("dueling-deep", "head"),
        ("naive", style.SEVERAL),
    ],
)
def test_a_variants_family_is_the_slot_it_replaces(name: str, replaced_slot: str):
    assert style.replaced_slot(plain(NAMED[name].variant), DQN) == replaced_slot


def test_all_named_variants_look_different():
    looks = [style.look(plain(named.variant), DQN) for named in NAMED.values()]
    assert len(set(looks)) == len(looks)


def test_the_baseline_is_black_and_solid_whatever_it_is():
    for named in NAMED.values():
        assert style.look(plain(named.variant), plain(named.variant)) == style.BASELINE


def test_periods_of_the_lessons_look_different():
    looks = {style.look({**DQN, "target": {"kind": "hard", "period": p}}, DQN) for p in (10, 50, 200)}
    assert len(looks) == 3


def test_equal_looks_in_one_panel_are_told_apart():
    one = style.Look("#000000")
    assert len(set(style.distinguished([one, one, one]))) == 3


def test_a_variant_looks_the_same_in_a_small_and_in_a_large_study(tmp_path: Path):
    small = scene_of(make_study(tmp_path / "small", [row("dqn"), row("per")], seeds=1))
    large = scene_of(make_study(tmp_path / "large", [row(name) for name in NAMED], seeds=1))
    looks = []
    for found in (small, large):
        members = [member for panel in panels(found) for member in panel.members]
        looks.append(next(member.look for member in members if member.drawn.row.label == "per"))
    assert looks[0] == looks[1]


def test_all_named_variants_take_one_panel_per_slot_with_the_baseline_in_each(tmp_path: Path):
    found = scene_of(make_study(tmp_path / "core", [row(name) for name in NAMED], seeds=1))
    lay_out = layout.lay_out(found)
    assert [panel.title for panel in panels(found)] == [*style.COLORS]
    assert lay_out.reference is not None
    assert lay_out.reference.row.label == "dqn"
    drawn = [member.drawn.row.label for panel in panels(found) for member in panel.members]
    assert sorted(drawn) == sorted(set(NAMED) - {"dqn"})


def test_no_panel_has_more_than_four_lines_besides_the_baseline(tmp_path: Path):
    many = [
        row(f"period-{period}", **{**DQN, "target": {"kind": "hard", "period": period}})
        for period in range(2, 11)
    ]
    found = scene_of(make_study(tmp_path / "many", [row("dqn"), *many], seeds=1))
    assert all(len(panel.members) <= layout.MOST_LINES for panel in panels(found))
    assert sum(len(panel.members) for panel in panels(found)) == 9


def test_a_factorial_has_a_panel_per_replay_and_target_and_every_cell_in_one(tmp_path: Path):
    pieces = {
        "replay": ["consecutive", "uniform", "prioritized"],
        "target": ["none", "hard", "soft"],
        "bootstrap": ["max", "double"],
        "head": ["linear", "dueling"],
    }
    cells = [
        row("+".join(kinds), **{slot: {"kind": kind} for slot, kind in zip(pieces, kinds, strict=True)})
        for kinds in product(*pieces.values())
        if not (kinds[1] == "none" and kinds[2] == "double")
    ]
    cells.sort(key=lambda cell: cell["label"] != "uniform+hard+max+linear")
    found = scene_of(make_study(tmp_path / "factorial", cells, seeds=1))
    assert layout.is_factorial(found)
    assert layout.lay_out(found).columns == 3
    assert len(panels(found)) == 9
    assert sum(len(panel.members) for panel in panels(found)) == len(cells) == 30
    assert all(
        len({member.look for member in panel.members}) == len(panel.members) for panel in panels(found)
    )


def test_a_sweep_has_a_panel_per_variant_and_all_keys_but_the_last(tmp_path: Path):
    rows = [
        row("dqn", {"buffer_size": size, "target.period": period})
        for size in (1000, 5000)
        for period in (10, 50, 200)
    ]
    found = scene_of(make_study(tmp_path / "sweep", rows, seeds=1))
    assert [panel.title for panel in panels(found)] == ["DQN, buffer size 1000", "DQN, buffer size 5000"]
    assert [member.name for member in panels(found)[0].members] == ["period 10", "period 50", "period 200"]


def test_two_swept_keys_of_one_name_are_told_apart(tmp_path: Path):
    rows = [
        row("dueling", {"hidden": [8], "head.hidden": hidden, "target.period": 10})
        for hidden in ([], [64, 64])
    ]
    found = scene_of(make_study(tmp_path / "widths", rows, seeds=1))
    names = [drawn.row.name for drawn in found.drawn]
    assert names == [
        "Dueling, hidden 8, head hidden none, period 10",
        "Dueling, hidden 8, head hidden 64x64, period 10",
    ]


@pytest.mark.parametrize("keys", [("hidden", "target.period"), ("target.period", "hidden")])
def test_a_sweep_through_the_baselines_pieces_leaves_a_variant_its_slots_colour(
    keys: tuple[str, str], tmp_path: Path
):
    values: dict[str, list[Any]] = {"hidden": [[8], [16]], "target.period": [10, 50]}
    points = list(product(*(values[key] for key in keys)))
    rows = [row(name, dict(zip(keys, point, strict=True))) for name in ("dqn", "double") for point in points]
    found = scene_of(make_study(tmp_path / "periods", rows, seeds=1))
    double = [drawn for drawn in found.drawn if drawn.row.variant == "double"]
    assert len(double) == 4
    green = {style.COLORS["bootstrap"]}
    assert {small_multiples._look(found, drawn).color for drawn in double} == green
    assert {sweep._look(found, drawn).color for drawn in double} == green
    assert {panel.color for panel in panels(found) if panel.title.startswith("Double")} == green


def test_a_swept_row_is_compared_with_the_baseline_at_the_same_point(tmp_path: Path):
    rows = [row(name, {"learning_rate": rate}) for name in ("dqn", "double") for rate in (1e-3, 4e-3)]
    found = scene_of(make_study(tmp_path / "rates", rows, seeds=1))
    by_label = {drawn.row.label: drawn.row for drawn in found.drawn}
    beside = found.reference(by_label["double@learning_rate=0.004"])
    assert beside is not None
    assert beside.row.label == "dqn@learning_rate=0.004"
    assert found.reference(by_label["dqn@learning_rate=0.004"]) is None


def test_the_baseline_is_black_in_a_sweep_with_other_variants_and_has_the_settings_colour_alone():
    assert style.baseline_look(["dqn", "double"], "dqn") == style.BASELINE
    assert style.baseline_look(["dqn", "dqn"], "dqn").color == style.SETTINGS


def test_what_a_column_is_called_stands_between_the_key_and_the_axes_of_a_single_line_of_panels():
    members = (layout.PanelLine(None, style.BASELINE, "x"),) * 4  # type: ignore[arg-type] # keys of two lines
    (top,), (head,) = (placed := lines([layout.Panel("", "black", members)], 1.0)).tops, placed.heads
    assert top + placed.key + 2 * KEY_LINE < placed.headings < head
    two = lines([layout.Panel("replay", "black", members), layout.Panel("target", "black", members)], 1.0)
    assert two.headings < two.tops[0]
    assert two.tops[1] > two.tops[0] + two.heads[0] + 1.0
