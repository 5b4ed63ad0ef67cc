"""Factorial analysis on cells whose effects are known because they were put there."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from analysis.metrics.series import Floats
from analysis.statistics.factorial import (
    Cell,
    Effect,
    Factor,
    effects,
    estimate,
    interactions,
    main_effects,
    p_values,
    shapley_games,
)
from analysis.statistics.paired import sign_flip

FACTORS = (
    Factor("replay", ("consecutive", "uniform", "prioritized"), "consecutive"),
    Factor("target", ("none", "hard", "soft"), "none"),
    Factor("bootstrap", ("max", "double"), "max"),
    Factor("head", ("linear", "dueling"), "linear"),
)
EVERY = list(product(*(factor.levels for factor in FACTORS)))
ALIASES = {cell: (*cell[:2], "max", cell[3]) for cell in EVERY if cell[1:3] == ("none", "double")}
CELLS = [cell for cell in EVERY if cell not in ALIASES]
WORTH = {"uniform": 30.0, "prioritized": 50.0, "hard": 20.0, "soft": 25.0, "double": 8.0, "dueling": 4.0}


def value(cell: Cell) -> float:
    """Additive worths, but Double is worth something only with a target network."""
    found = sum(WORTH.get(level, 0.0) for level in cell)
    return found - (WORTH["double"] if cell[1:3] == ("none", "double") else 0.0)


def scored(cells: list[Cell], seeds: int = 4) -> Floats:
    luck = np.arange(seeds) * 10.0  # what a seed does to all cells
    return np.array([[value(cell) + one for one in luck] for cell in cells])


def sizes(found: list[Effect]) -> dict[tuple[str, str, str], float]:
    numbers = estimate(found, CELLS, scored(CELLS), 200)
    return {
        (effect.kind, effect.name, effect.game): number.point
        for effect, number in zip(found, numbers, strict=True)
    }


def test_of_36_cells_30_are_run_and_6_are_aliases():
    assert (len(EVERY), len(CELLS), len(ALIASES)) == (36, 30, 6)


def test_main_effects_are_what_was_put_there():
    found = sizes(list(main_effects(FACTORS, set(CELLS))))
    assert found["main", "replay: uniform - consecutive", ""] == pytest.approx(30)
    assert found["main", "replay: prioritized - uniform", ""] == pytest.approx(20)
    assert found["main", "target: hard - none", ""] == pytest.approx(20)
    assert found["main", "target: soft - hard", ""] == pytest.approx(5)
    assert found["main", "bootstrap: double - max", ""] == pytest.approx(8)
    assert found["main", "head: dueling - linear", ""] == pytest.approx(4)


def test_doubles_effect_rests_on_cells_with_a_target_network_and_no_contrast_on_an_alias():
    by_name = {effect.name: effect for effect in main_effects(FACTORS, set(CELLS))}
    double = by_name["bootstrap: double - max"]
    assert {cell[1] for cell in double.weights} == {"hard", "soft"}
    assert double.contrasts == 3 * 2 * 2
    target = by_name["target: hard - none"]
    assert {cell[2] for cell in target.weights} == {"max"}
    assert target.contrasts == 3 * 2
    assert by_name["target: soft - hard"].contrasts == 3 * 2 * 2


def test_additive_worths_do_not_interact():
    found = sizes(list(interactions(FACTORS, set(CELLS))))
    assert found
    assert all(size == pytest.approx(0, abs=1e-9) for size in found.values())


def test_an_interaction_is_the_difference_of_differences():
    factors = (Factor("replay", ("a", "b"), "a"), Factor("target", ("c", "d"), "c"))
    cells: list[Cell] = [("a", "c"), ("b", "c"), ("a", "d"), ("b", "d")]
    scores = np.array([[1.0, 1.0], [3.0, 3.0], [6.0, 6.0], [15.0, 15.0]])
    (effect,) = interactions(factors, set(cells))
    (number,) = estimate([effect], cells, scores, 100)
    assert number.point == (15 - 6) - (3 - 1)


def test_there_is_no_interaction_of_double_with_the_absence_of_a_target():
    names = [effect.name for effect in interactions(FACTORS, set(CELLS))]
    assert "(target: soft - hard) x (bootstrap: double - max)" in names
    assert not any("- none) x (bootstrap" in name for name in names)


def test_there_is_a_game_for_each_replay_and_target_and_its_values_sum_to_all_minus_none():
    found = sizes(list(shapley_games(FACTORS, set(CELLS), ALIASES)))
    names = sorted({game for _, _, game in found})
    assert len(names) == 4
    assert names[0] == "prioritized + hard + double + dueling"
    for game in names:
        total = sum(size for (kind, _, of), size in found.items() if (kind, of) == ("shapley", game))
        cell = tuple(game.split(" + "))
        assert total == pytest.approx(value(cell) - value(("consecutive", "none", "max", "linear")))


def test_shapley_shares_the_worth_of_double_with_the_target_it_needs():
    found = sizes(list(shapley_games(FACTORS, set(CELLS), ALIASES)))
    game = "uniform + hard + double + dueling"
    # Double adds 8 only after the target: in half of all orders; the target gets the other half
    assert found["shapley", "bootstrap: double", game] == pytest.approx(4)
    assert found["shapley", "target: hard", game] == pytest.approx(24)
    assert found["shapley", "head: dueling", game] == pytest.approx(4)
    assert found["add-one", "bootstrap: double", game] == 0
    assert found["leave-one-out", "bootstrap: double", game] == pytest.approx(8)
    assert found["leave-one-out", "target: hard", game] == pytest.approx(28)


def test_seeds_are_blocks_so_that_their_luck_cancels():
    found = list(main_effects(FACTORS, set(CELLS)))
    for number in estimate(found, CELLS, scored(CELLS), 500):
        assert number.low == pytest.approx(number.point)
        assert number.high == pytest.approx(number.point)


def test_a_cell_without_runs_takes_its_effects_with_it_and_one_run_their_intervals():
    found = list(main_effects(FACTORS, set(CELLS)))
    scores = scored(CELLS)
    scores[CELLS.index(("uniform", "hard", "double", "linear"))] = np.nan
    scores[CELLS.index(("consecutive", "none", "max", "linear")), 1:] = np.nan
    numbers = dict(zip([e.name for e in found], estimate(found, CELLS, scores, 200), strict=True))
    assert np.isnan(numbers["bootstrap: double - max"].point)
    assert np.isfinite(numbers["target: hard - none"].point)
    assert np.isnan(numbers["target: hard - none"].low)


def test_a_factorial_of_one_factor_has_its_main_effect_alone():
    factors = (
        Factor("replay", ("consecutive", "uniform"), "consecutive"),
        Factor("head", ("linear",), "linear"),
    )
    cells: set[Cell] = {("consecutive", "linear"), ("uniform", "linear")}
    found = effects(factors, cells, {})
    assert [effect.kind for effect in found] == ["main", "shapley", "add-one", "leave-one-out"]
    assert all(
        effect.weights == {("uniform", "linear"): 1, ("consecutive", "linear"): -1} for effect in found
    )


def test_no_effects_have_no_sizes():
    assert estimate([], CELLS, scored(CELLS)) == []


def test_an_effects_p_is_the_sign_flip_test_of_what_it_is_at_each_seed():
    cells = [("none", "linear"), ("hard", "linear"), ("none", "dueling"), ("hard", "dueling")]
    scores = np.array([[1.0, 2, 3], [4, 4, 9], [0, 1, 5], [1, 5, np.nan]])
    factors = (Factor("target", ("none", "hard"), "none"), Factor("head", ("linear", "dueling"), "linear"))
    (target, head) = main_effects(factors, set(cells))
    assert target.name == "target: hard - none"
    # per seed: mean of hard - none over both heads, at the two seeds that all four cells have: (3 + 1) / 2, (2 + 4) / 2
    expected = sign_flip(np.array([2.0, 3.0]))[0]
    assert p_values([target, head], cells, scores)[0] == expected == 0.5


def test_an_effect_that_is_nowhere_whole_has_no_p_and_one_that_cancels_has_a_p_of_one():
    cells = [("none",), ("hard",)]
    (target,) = main_effects((Factor("target", ("none", "hard"), "none"),), set(cells))
    assert np.isnan(p_values([target], cells, np.array([[1.0, np.nan], [np.nan, 2.0]])))
    assert p_values([target], cells, np.array([[0.3] * 5, [0.1 + 0.2] * 5])) == [1]
