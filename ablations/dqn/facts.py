"""What a piece says of itself: the one place from which studies, tables and figures know it. Imports no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Network = Literal["online", "target"]


@dataclass(frozen=True)
class Facts:
    """Facts of one piece with its numbers; every piece offers them as ``facts()``. Defaults mean: not so, not known."""

    order: int = 0
    """Place among the pieces of its slot, from plain to elaborate: differences read as what a trick adds."""
    off: bool = False
    """Stands for the slot without its trick where a factorial asks what the trick does."""
    control: bool = False
    """A trick switched off from inside by its numbers: no finding of the literature speaks of it."""
    equals: Any = None
    """The piece of the same slot that trains exactly alike, if these numbers make it one."""
    makes_irrelevant: tuple[str, ...] = ()
    """Slots that no longer matter, as far as their pieces ``only_choose``."""
    only_chooses: bool = False
    """A bootstrap that does nothing but choose which network selects and which evaluates."""
    lookahead: int = 0
    """Rows after a sampled one that its return is made from."""
    no_return: bool = False
    """Q estimates something else than the discounted return: bounds on returns and overestimation do not apply."""
    selects: Network | None = None
    evaluates: Network | None = None
    samples: int | None = None
    """Samples per update; None: batch_size."""
    once: bool = False
    """Learns from each transition once, as it comes: rarer updates skip some, more frequent ones repeat them."""
    ignores: tuple[str, ...] = ()
    """Settings that have no effect beside this piece."""
    lag: float | None = None
    """Mean age of the target's parameters in updates."""
    moves: Literal["copies", "blends"] | None = None
    """How a target that lags follows."""
    tabular: bool = False
    """A trunk without layers: on one-hot observations the values are a table."""
    # looks within the slot's color: the second hue, -1 (white) to 1 (black), the dash; of a target by its lag
    hue: int = 0
    shade: float = 0.0
    dash: Literal["solid", "dashed", "dashdot", "dotted", "long"] | None = None

    def plain(self) -> dict[str, Any]:
        """The facts as JSON, ``equals`` apart; what holds its default is left out."""
        default = asdict(Facts())
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
            if name != "equals" and value != default[name]
        }
