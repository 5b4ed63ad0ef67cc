"""Engine families: what lies under the kernel and the tricks, in torch or in compiled code.

A family gives storage and arithmetic over lanes and knows no trick: rows of a ring, sum trees, the values of a network,
and its descent on weighted errors. ``reference`` is plain torch; ``native`` is compiled and answers to it. Numbers
differ in their last digits from family to family, so the family is part of a run's key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from ablations.dqn.head import BiasFree, Dueling, Head, Linear
from ablations.engines.native import library
from ablations.errors import few

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ablations.dqn.network import Network
    from ablations.dqn.optimizer import Trainable
    from ablations.dqn.replay.ring import Batch, Count, Number, Transition
    from ablations.dqn.settings import Settings
    from ablations.envs.gym import Lanes
    from ablations.rng.streams import Role
    from ablations.state import State

FAMILIES = ("native", "reference")
"""Those of a processor, best first: ``engine = "auto"`` takes the first that works here."""

ALL = (*FAMILIES, "cuda")

MODULES = {
    "reference": "ablations.engines.reference",
    "native": "ablations.engines.native.ops",
    "cuda": "ablations.engines.cuda.ops",
}
"""Name -> what has its functions, imported only when it is asked for."""

COMPILED_HEADS = (Linear, BiasFree, Dueling)
"""Heads that the native family knows; it leaves networks with any other to the reference."""


@dataclass(slots=True)
class Update:
    """What a gradient update saw, for those who look on."""

    batch: Batch
    q: Tensor  # (L, B, A): Q(s, .) before the update
    delta: Tensor  # (L, B): y - Q(s, a), before weighting
    loss: Tensor  # (L,)
    largest_q: Tensor  # (L,): max |Q| over the batch
    froze: bool  # whether a lane was frozen by this update; False where nobody looks before the end


class Optimizer(Protocol):
    """Steps the online parameters down the gradient of mean_b weight_b error(y_b - Q(s_b, a_b)), lane by lane."""

    first: Tensor  # (L, P): Adam's m
    second: Tensor  # (L, P): Adam's v, RMSprop's mean square
    count: Tensor  # steps taken
    alive: Tensor  # (L,) bool: lanes that still learn
    frozen_at: (
        Tensor | None
    )  # (L,): the update that froze a lane, 0 where none did; None where ``Update`` told

    def descend(self, batch: Batch, y: Tensor) -> Update:
        """One update towards the targets y (L, B)."""
        ...

    def gradient_norm(self) -> Tensor:
        """The Euclidean norm of the latest gradient before clipping: (L,)."""
        ...

    def state(self) -> State:
        """What the coming updates depend on."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        ...


class Draws(Protocol):
    """Uniform doubles in [0, 1) of one role of each lane."""

    def next(self) -> Tensor:
        """The next of each lane: (L, W) float64, to be used before the next call."""
        ...

    def state(self) -> State:
        """What the coming draws depend on."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        ...


class Family(Protocol):
    """The small interface between the tricks and what computes; ``reference`` and ``native`` are its modules."""

    @staticmethod
    def device() -> str:
        """Where tensors live."""
        ...

    @staticmethod
    def finish() -> None:
        """Wait until all that was begun is done: for those who time it."""
        ...

    @staticmethod
    def draws(entropy: int, seeds: Sequence[int], role: Role, width: int) -> Draws:
        """Where a role's random numbers come from."""
        ...

    @staticmethod
    def lanes(env_id: str, args: Mapping[str, Any], entropy: int, seeds: Sequence[int]) -> Lanes:
        """An environment for each seed."""
        ...

    @staticmethod
    def tensor(numbers: Any, dtype: torch.dtype) -> Tensor:
        """What environments give, as a tensor of this type. It may share their memory."""
        ...

    @staticmethod
    def compile(function: Callable[..., Any], envs: object = None) -> Callable[..., Any]:
        """The same function of tensors and numbers, by the fastest way to call it again and again.

        It must not ask a tensor for its value. With ``envs``, the environments that it steps, it is the kernel's
        ``interact``, of which a family may have its own version that gives the same numbers.
        """
        ...

    @staticmethod
    def counter(value: int = 0) -> Count:
        """A number that a captured function can change."""
        ...

    @staticmethod
    def advance(position: Count, size: Count, capacity: int) -> tuple[Count, Count]:
        """Position and size of a ring that has got one more row."""
        ...

    @staticmethod
    def put(rows: Tensor, slot: Count, transition: Transition) -> None:
        """Write a transition into slot ``slot`` of every lane's rows (L, N, W)."""
        ...

    @staticmethod
    def take(rows: Tensor, index: Tensor, features: int) -> Transition:
        """The transitions of rows (L, N, W) at index (L, B), each part (L, B) or (L, B, D)."""
        ...

    @staticmethod
    def tree_put(nodes: Tensor, slot: Count, value: Tensor) -> None:
        """Leaf ``slot`` of every tree (L, 2 M) becomes ``value`` (L,); sums follow."""
        ...

    @staticmethod
    def tree_set(nodes: Tensor, index: Tensor, value: Tensor) -> None:
        """Leaves ``index`` (L, B) of trees (L, 2 M) become ``value``, of duplicates the last; sums follow."""
        ...

    @staticmethod
    def tree_find(nodes: Tensor, mass: Tensor) -> Tensor:
        """The leaf under each mass (L, B) of the cumulated leaves: (L, B) int64."""
        ...

    @staticmethod
    def evaluator(network: Network, flat: Tensor) -> Callable[[Tensor], Tensor]:
        """Q(s, .) by the parameters ``flat`` (L, P), whatever they become: (L, B, D) -> (L, B, A)."""
        ...

    @staticmethod
    def epsilon_greedy(values: Tensor, u: Tensor, epsilon: Number) -> Tensor:
        """Of each lane's values (L, A) the first largest, or a uniform pick: (L,) int64.

        Of its two draws ``u`` (L, 2) the first is the coin, which falls below epsilon for a pick; the second picks.
        """
        ...

    @staticmethod
    def optimizer(online: Trainable, settings: Settings) -> Optimizer:
        """What trains these parameters."""
        ...


def of(name: str) -> Family:
    """The family of this name."""
    module: Any = import_module(MODULES[name])
    return module  # type: ignore[no-any-return]


def available() -> tuple[str, ...]:
    """The families that work here, best first."""
    return tuple(name for name in FAMILIES if not why_not(name))


def why_not(name: str) -> str:
    """Why a family does not work here, or an empty text."""
    match name:
        case "native":
            return f"no compiled library: {library.missing()}" if library.missing() else ""
        case "cuda":
            return str(import_module("ablations.engines.cuda.ops").missing())
        case "reference":
            return ""
        case _:
            return "this version does not have it"


def compiles(head: Head) -> bool:
    """Whether the native family has this head compiled. A subclass may do anything, so types must be these."""
    return type(head) in COMPILED_HEADS


def notes(name: str, heads: Mapping[str, Head]) -> list[str]:
    """What is worth knowing of training these rows ({label: head}) with a family."""
    if name == "reference":
        reason = library.missing()
        return [f"engine: {name}; the native one is several times faster but {reason}"] if reason else []
    strange = [] if name != "native" else [label for label, head in heads.items() if not compiles(head)]
    if not strange:
        return []
    return [
        f"{few(strange)}: a head that the native engine has not compiled; its network runs on the reference"
    ]
