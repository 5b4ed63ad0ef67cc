"""Factorial analysis on cells whose effects are known because they were put there."""

from __future__ import annotations

from itertools import product

import pytest

from analysis.statistics.factorial import (
    Cell,
    Effect,
    Factor,
    effects,
    interactions,
    main_effects,
    shapley_games,
)

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


def size(effect: Effect) -> float:
    return sum(weight * value(cell) for cell, weight in effect.weights.items())


def sizes(found: list[Effect]) -> dict[tuple[str, str, str], float]:
    return {(effect.kind, effect.name, effect.game): size(effect) for effect in found}


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
    (effect,) = interactions(factors, {("a", "c"), ("b", "c"), ("a", "d"), ("b", "d")})
    assert effect.weights == {("b", "d"): 1, ("a", "d"): -1, ("b", "c"): -1, ("a", "c"): 1}


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
