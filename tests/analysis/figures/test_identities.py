"""What people read is the key of nothing: rows of one title, of one kind, of nearly one number are all drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.figures import layout, sweep
from analysis.findings.bands import RowBands
from analysis.tables.components import component_table
from analysis.tables.pages import pages
from analysis.tables.spelling import brief_text, setting_text, value_text
from tests.analysis.made_up import bands, evidence, make_study, row, see
from tests.analysis.pieces import NEUTRAL, PRIORITIZED

RATES = (0.0123456, 0.01234561)
"""Equal in six digits."""


def shown(cells: tuple[tuple[RowBands | None, ...], ...]) -> list[str]:
    return [drawn.row.label for line in cells for drawn in line if drawn is not None]


def crossed(*numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """A factorial of prioritized replays that differ in numbers alone, two targets and two heads."""
    replays = [NEUTRAL["replay"], *({**PRIORITIZED, **some} for some in numbers)]
    targets = [NEUTRAL["target"], {"kind": "hard", "period": 7}]
    heads = [NEUTRAL["head"], {"kind": "dueling", "hidden": []}]
    cells = [(r, t, h) for r in range(len(replays)) for t in range(2) for h in range(2)]
    return [
        row(f"cell-{r}{t}{h}", replay=replays[r], target=targets[t], head=heads[h])
        | {"cell": {"replay": str(r), "target": str(t), "head": str(h)}}
        for r, t, h in cells
    ]


def test_two_variants_of_one_title_have_each_their_line_of_panels(tmp_path: Path):
    rows = [
        row(name, {"learning_rate": rate}, target={"kind": "soft", "tau": tau}) | {"title": "Same title"}
        for name, tau in (("one", 0.3), ("other", 0.7))
        for rate in RATES
    ]
    found = bands(make_study(tmp_path / "s", [row("dqn"), *rows], seeds=1))
    matrix = sweep._swept(found)
    assert sorted(shown(matrix.cells)) == sorted(one.row.label for one in found.drawn)
    assert matrix.across[-1] == tuple(f"learning rate {rate}" for rate in RATES)


@pytest.mark.parametrize(
    ("numbers", "names"),
    [
        (({"alpha": 0.2}, {"alpha": 0.25}), ["uniform", "prioritized 0.2", "prioritized 0.25"]),
        (
            ({"alpha": 0.2}, {"eps": 0.5}),
            ["uniform", "prioritized alpha 0.2, eps 1e-06", "prioritized alpha 0.6, eps 0.5"],
        ),
        (({"eps": RATES[0]}, {"eps": RATES[1]}), ["uniform", *(f"prioritized {rate}" for rate in RATES)]),
    ],
)
def test_pieces_of_one_kind_stand_in_places_of_their_own(
    numbers: tuple[dict[str, Any], ...], names: list[str], tmp_path: Path
):
    found = bands(make_study(tmp_path / "s", crossed(*numbers), seeds=1))
    assert layout.is_factorial(found)
    matrix = sweep._crossed(found)
    assert list(matrix.down) == names
    assert sorted(shown(matrix.cells)) == sorted(one.row.label for one in found.drawn)
    titles = [panel.title for panel in layout.lay_out(found).panels if panel]
    assert len(set(titles)) == len(titles) == 6


def test_squares_that_differ_in_a_number_of_one_piece_are_tables_of_their_own(tmp_path: Path):
    rows = [
        row(f"{name}-{place}", replay={**PRIORITIZED, "eps": rate})
        for place, rate in enumerate(RATES)
        for name in ("dqn", "double")
    ]
    for one, name in zip(rows, ("dqn", "double") * 2, strict=True):
        one["slots"] = {**one["slots"], "bootstrap": row(name)["slots"]["bootstrap"]}
    found = evidence(
        make_study(tmp_path / "s", rows, facts={"value_bounds": [0.0, 500.0]}, look=see, seeds=2)
    )
    square = next(page for page in pages(found) if page.name == "who-selects")
    assert [len(table.rows) for table in square.paper] == [2, 2]
    assert len({table.title for table in square.paper}) == 2


def test_an_environment_that_changes_pieces_by_a_hair_names_each(tmp_path: Path):
    slots = {
        name: {"target": {"kind": "soft", "tau": rate}}
        for name, rate in zip(("dqn", "double"), RATES, strict=True)
    }
    folder = make_study(tmp_path / "s", [row("dqn"), row("double")], facts={"row_slots": slots})
    notes = component_table(evidence(folder).results.study).notes
    assert [note for note in notes if "On CartPole" in note] == [
        f"On CartPole-v1, {name}: target soft (tau {rate})."
        for name, rate in zip(("dqn", "double"), RATES, strict=True)
    ]


@pytest.mark.parametrize("value", [1e-5, 0.1, 10.0, 123456789.0, RATES[1], 1 / 3])
def test_the_text_of_a_number_reads_back_as_it(value: float):
    assert float(value_text(value)) == float(setting_text(value)) == value


def test_a_piece_alone_is_named_by_its_kind_and_its_only_number():
    assert brief_text(PRIORITIZED, [PRIORITIZED]) == "prioritized"
    assert brief_text({"kind": "hard", "period": 100}, [{"kind": "none"}]) == "hard 100"
    assert brief_text({"kind": "dueling", "hidden": []}, []) == "dueling"
