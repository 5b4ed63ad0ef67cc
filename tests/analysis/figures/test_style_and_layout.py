"""Colour tells the slot, dash and shade the member; no panel holds more than can be told apart."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from analysis.figures import layout, small_multiples, style, sweep
from analysis.figures.recorded_panels import KEY_LINE, lines
from analysis.findings.bands import EnvironmentBands
from analysis.loading.pieces import Pieces, read_pieces
from analysis.tables.spelling import row_name
from tests.analysis.made_up import bands, cell, make_study, row
from tests.analysis.pieces import NAMED, NEUTRAL, Piece, described

STUDY = {"slots": NEUTRAL, "neutral": NEUTRAL}


def pieces(name: str = "dqn", **changes: Piece) -> Pieces:
    """The pieces of a named variant, with others in place of some."""
    slots = {**NEUTRAL, **NAMED[name][1], **changes}
    return read_pieces(STUDY, {slot: described(slot, piece) for slot, piece in slots.items()})


def look_of(name: str = "dqn", base: str = "dqn", **changes: Piece) -> style.Look:
    return style.look(*pieces(name, **changes), pieces(base).slots)


def scene_of(folder: Path) -> EnvironmentBands:
    return bands(folder)


def panels(found: EnvironmentBands) -> list[layout.Panel]:
    return [panel for panel in layout.lay_out(found).panels if panel is not None]


@pytest.mark.parametrize(
    ("name", "replaced_slot"),
    [
        ("dqn", ""),
        ("per", "replay"),
        ("soft-target", "target"),
        ("inverse-double", "bootstrap"),
        ("dueling-deep", "head"),
        ("naive", style.SEVERAL),
    ],
)
def test_a_variant_is_known_by_the_slot_it_replaces(name: str, replaced_slot: str):
    assert style.replaced_slot(pieces(name).slots, pieces().slots) == replaced_slot


def test_all_named_variants_look_different():
    looks = [look_of(name) for name in NAMED]
    assert len(set(looks)) == len(looks)


def test_the_baseline_is_black_and_solid_whatever_it_is():
    for name in NAMED:
        assert look_of(name, base=name) == style.BASELINE


def test_periods_of_the_lessons_look_different():
    looks = {look_of(target={"kind": "hard", "period": period}) for period in (10, 50, 200)}
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
    placed = layout.lay_out(found)
    assert [panel.title for panel in panels(found)] == [*NEUTRAL, style.SEVERAL]
    assert placed.reference is not None
    assert placed.reference.row.label == "dqn"
    drawn = [member.drawn.row.label for panel in panels(found) for member in panel.members]
    assert sorted(drawn) == sorted(set(NAMED) - {"dqn"})


def test_no_panel_has_more_than_four_lines_besides_the_baseline(tmp_path: Path):
    many = [row(f"period-{period}", target={"kind": "hard", "period": period}) for period in range(2, 11)]
    found = scene_of(make_study(tmp_path / "many", [row("dqn"), *many], seeds=1))
    assert all(len(panel.members) <= layout.MOST_LINES for panel in panels(found))
    assert sum(len(panel.members) for panel in panels(found)) == 9


def test_a_factorial_has_a_panel_per_replay_and_target_and_every_cell_in_one(tmp_path: Path):
    levels = {
        "replay": ["consecutive", "uniform", "prioritized"],
        "target": ["none", "hard", "soft"],
        "bootstrap": ["max", "double"],
        "head": ["linear", "dueling"],
    }
    cells = [
        cell(**dict(zip(levels, kinds, strict=True)))
        for kinds in product(*levels.values())
        if not (kinds[1] == "none" and kinds[2] == "double")
    ]
    cells.sort(key=lambda one: one["label"] != "uniform+hard+max+linear")
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
        row("dueling", {"trunk.hidden": [8], "head.hidden": hidden, "target.period": 10})
        for hidden in ([], [64, 64])
    ]
    found = scene_of(make_study(tmp_path / "widths", rows, seeds=1))
    names = [row_name(drawn.row) for drawn in found.drawn]
    assert names == [
        "Dueling, trunk hidden 8, head hidden none, period 10",
        "Dueling, trunk hidden 8, head hidden 64x64, period 10",
    ]


@pytest.mark.parametrize("keys", [("trunk.hidden", "target.period"), ("target.period", "trunk.hidden")])
def test_a_sweep_through_the_baselines_pieces_leaves_a_variant_its_slots_colour(
    keys: tuple[str, str], tmp_path: Path
):
    values: dict[str, list[Any]] = {"trunk.hidden": [[8], [16]], "target.period": [10, 50]}
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


def test_a_piece_without_a_look_of_its_own_has_long_dashes_and_the_neutral_one_is_plain():
    assert look_of(loss={"kind": "huber"}) == style.Look(style.COLORS["loss"], style.LONG)
    assert look_of(base="per") == style.Look(style.COLORS["replay"])


def test_a_target_that_is_copied_at_every_update_still_differs_from_none():
    assert look_of(target={"kind": "hard", "period": 1}) != look_of("no-target")


def test_colors_of_slots_are_apart_also_for_those_who_see_less_red_or_green():
    sight = {
        "all": np.eye(3),
        "little green": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
        "little red": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    }
    colors = [np.array(to_rgb(color)) for color in style.COLORS.values()]
    for name, matrix in sight.items():
        seen = [np.clip(matrix @ color**2.2, 0, 1) ** (1 / 2.2) for color in colors]
        distances = [np.linalg.norm(one - other) for one, other in combinations(seen, 2)]
        assert min(distances) > 0.1, name
