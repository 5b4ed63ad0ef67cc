"""Factorial analysis: which trick does what, over all combinations. Every effect is a weighted sum of cell means.

A cell is a tuple of levels, one per factor; only cells that were run are here. Without a target network the bootstrap
has no effect, so those cells are aliases of others: contrasts never use an alias, and so Double's effect is estimated
over cells that have a target network. In a Shapley game an alias has the value of the cell that was run, which is what
it is worth. An effect is tested as what it is at each seed that all of its cells have (``contrasts``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import factorial

Cell = tuple[str, ...]


@dataclass(frozen=True)
class Factor:
    """A slot and its levels. The level that stands for 'the trick is off' comes first where there is one."""

    name: str
    levels: tuple[str, ...]
    off: str | None
    """The level without the trick; None where the study has none: the factor is then no player."""

    @property
    def tricks(self) -> tuple[str, ...]:
        """The levels with a trick."""
        return tuple(level for level in self.levels if level != self.off)


@dataclass(frozen=True)
class Effect:
    """A named sum of cell means with these weights."""

    kind: str
    """main, interaction, shapley, add-one, leave-one-out."""
    name: str
    game: str
    """Of a Shapley game, the tricks that are played for: 'uniform + hard + double + dueling'; otherwise ''."""
    weights: Mapping[Cell, float]
    contrasts: int
    """How many differences of cells it is the mean of."""


def effects(factors: Sequence[Factor], cells: set[Cell], aliases: Mapping[Cell, Cell]) -> list[Effect]:
    """Every effect that the cells that were run allow."""
    return [
        *main_effects(factors, cells),
        *interactions(factors, cells),
        *shapley_games(factors, cells, aliases),
    ]


# ---- main effects and interactions ---------------------------------------------------------------------------------


def main_effects(factors: Sequence[Factor], cells: set[Cell]) -> Iterator[Effect]:
    """For each pair of levels: mean of y(b) - y(a) over all settings of the other factors at which both were run."""
    for place, factor in enumerate(factors):
        for a, b in combinations(factor.levels, 2):
            pairs = [
                (low, high)
                for low in sorted(cells)
                if low[place] == a and (high := _with(low, {place: b})) in cells
            ]
            if pairs:
                terms = [term for low, high in pairs for term in ((high, 1.0), (low, -1.0))]
                yield Effect("main", f"{factor.name}: {b} - {a}", "", _weights(terms, len(pairs)), len(pairs))


def interactions(factors: Sequence[Factor], cells: set[Cell]) -> Iterator[Effect]:
    """For each two pairs of levels: mean of [y(b, d) - y(a, d)] - [y(b, c) - y(a, c)] where all four were run.

    Positive: the second change makes the first one worth more. There is no factor of one half.
    """
    for (p, first), (q, second) in combinations(enumerate(factors), 2):
        for (a, b), (c, d) in product(combinations(first.levels, 2), combinations(second.levels, 2)):
            squares = []
            for cell in sorted(cells):
                if (cell[p], cell[q]) == (a, c):
                    square = [_with(cell, {p: x, q: y}) for x, y in ((b, d), (a, d), (b, c), (a, c))]
                    if all(corner in cells for corner in square):
                        squares.append(square)
            if squares:
                terms = [term for s in squares for term in zip(s, (1.0, -1.0, -1.0, 1.0), strict=True)]
                name = f"({first.name}: {b} - {a}) x ({second.name}: {d} - {c})"
                yield Effect("interaction", name, "", _weights(terms, len(squares)), len(squares))


# ---- Shapley games -------------------------------------------------------------------------------------------------


def shapley_games(
    factors: Sequence[Factor], cells: set[Cell], aliases: Mapping[Cell, Cell]
) -> Iterator[Effect]:
    """One game for each choice of tricks, in which each player brings its trick or leaves it off.

    phi_i = sum over S without i of |S|! (k - |S| - 1)! / k! (v(S with i) - v(S)); the phi of a game sum to the value of
    all tricks minus that of none (Shapley 1953). Beside them: what a trick adds alone, v({i}) - v({}), and what is lost
    without it, v(all) - v(all but i). A factor without an off level is fixed at each of its levels in turn.
    """
    players = [place for place, factor in enumerate(factors) if factor.off is not None and factor.tricks]
    choices = [factor.tricks if place in players else factor.levels for place, factor in enumerate(factors)]
    for chosen in product(*choices):

        def cell(present: frozenset[int], chosen: Cell = chosen) -> Cell:
            found = tuple(
                level if place not in players or place in present else str(factors[place].off)
                for place, level in enumerate(chosen)
            )
            return aliases.get(found, found)

        coalitions = [
            frozenset(some) for size in range(len(players) + 1) for some in combinations(players, size)
        ]
        if not players or any(cell(coalition) not in cells for coalition in coalitions):
            continue
        everyone, game = frozenset(players), " + ".join(chosen)
        for player in players:
            name = f"{factors[player].name}: {chosen[player]}"
            terms: list[tuple[Cell, float]] = []
            for coalition in coalitions:
                if player not in coalition:
                    size, k = len(coalition), len(players)
                    share = factorial(size) * factorial(k - size - 1) / factorial(k)
                    terms += [(cell(coalition | {player}), share), (cell(coalition), -share)]
            yield Effect("shapley", name, game, _weights(terms), len(terms) // 2)
            alone = [(cell(frozenset({player})), 1.0), (cell(frozenset()), -1.0)]
            yield Effect("add-one", name, game, _weights(alone), 1)
            last = [(cell(everyone), 1.0), (cell(everyone - {player}), -1.0)]
            yield Effect("leave-one-out", name, game, _weights(last), 1)


def _with(cell: Cell, levels: Mapping[int, str]) -> Cell:
    return tuple(levels.get(place, level) for place, level in enumerate(cell))


def _weights(terms: Sequence[tuple[Cell, float]], contrasts: int = 1) -> dict[Cell, float]:
    """The weights of cells in a mean of contrasts; what cancels is no part of it."""
    found: dict[Cell, float] = {}
    for cell, weight in terms:
        found[cell] = found.get(cell, 0.0) + weight / contrasts
    return {cell: weight for cell, weight in found.items() if abs(weight) > 1e-12}
