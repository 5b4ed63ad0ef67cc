"""What lies under the kernel and the pieces: the interface that engines implement, and names of compiled bodies.

An engine gives storage and arithmetic over lanes and knows no trick: rows of a memory, sum trees, the values of a
network, and its descent on weighted errors. Engines' numbers differ in their last digits, so the engine is part of a
run's key. A piece whose body engines may have compiled names it as ``op`` in its own class; engines map ops, never
kinds. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, IntEnum, auto
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ablations.dqn.network import Network, Trainable
    from ablations.dqn.replay.frames import Frames
    from ablations.dqn.settings import Settings
    from ablations.dqn.types import Batch, Count, Moments, Transition, Update
    from ablations.dqn.variants import Variant
    from ablations.envs.gym import Lanes
    from ablations.rng.streams import Role
    from ablations.state import State


class Trunk(IntEnum):
    """Compiled bodies of trunks."""

    MLP = 0
    CONVOLUTIONAL = 1


class Head(IntEnum):
    """Compiled bodies of heads."""

    LINEAR = 0
    DUELING = 1


class Loss(IntEnum):
    """Compiled bodies of losses."""

    SQUARED = 0
    HUBER = 1
    HL_GAUSS = 2


class Rule(IntEnum):
    """Compiled bodies of optimizers."""

    ADAM = 0
    RMSPROP = 1
    SGD = 2


class Body(Enum):
    """Compiled bodies of a piece's function, of whatever slot."""

    EPSILON_GREEDY = auto()
    N_STEP = auto()
    GREEDY = auto()
    MUNCHAUSEN = auto()


def op_of(piece: Any) -> Any:
    """The compiled body that a piece names in its own class, or None: a subclass may do anything."""
    return vars(type(piece)).get("op")


class Optimizer(Protocol):
    """Steps the online parameters down the gradient of mean_b weight_b loss_b, lane by lane."""

    moments: Moments
    frozen_at: Tensor
    """(L,) int64: the update that froze a lane, 0 where it still learns."""
    gradient_norm: Tensor
    """(L,): the Euclidean norm of the latest gradient before clipping, overwritten by the next update."""

    def descend(self, batch: Batch, y: Tensor) -> Update:
        """One update towards the targets y (L, B)."""
        ...

    def synced(self) -> None:
        """The target has copied theta."""
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


class Engine(Protocol):
    """The ops of an engine; its modules are ``engines.reference``, ``engines.native.ops`` and ``engines.cuda.ops``."""

    @staticmethod
    def device() -> str:
        """Where tensors live."""
        ...

    @staticmethod
    def synchronize() -> None:
        """Wait until all that was begun is done: for those who time it."""
        ...

    @staticmethod
    def draws(entropy: int, seeds: Sequence[int], role: Role, width: int) -> Draws:
        """Where a role's random numbers come from."""
        ...

    @staticmethod
    def lanes(
        env_id: str, args: Mapping[str, Any], entropy: int, seeds: Sequence[int], own_generators: bool = ...
    ) -> Lanes:
        """An environment for each seed; with ``own_generators`` the global ones are each one's own while it acts."""
        ...

    @staticmethod
    def tensor(numbers: Any, dtype: torch.dtype) -> Tensor:
        """What environments give, as a tensor of this type. It may share their memory."""
        ...

    @staticmethod
    def compile(function: Callable[..., Any], envs: object = None) -> Callable[..., Any]:
        """The same function of tensors and numbers, by the fastest way to call it again and again.

        It must not ask a tensor for its value. With ``envs``, the environments that it steps, it is the kernel's
        ``act_and_store``, of which an engine may have its own version that gives the same numbers.
        """
        ...

    @staticmethod
    def counter(value: int = 0) -> Count:
        """A number that a compiled function can change."""
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
    def take_frames(stored: Frames, index: Tensor, after: bool) -> Tensor:
        """What was seen at index (L, B) of a memory of images, or ``after`` it: (L, B, *S), stacks made."""
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
        """Q(s, .) by the parameters ``flat`` (L, P), whatever they become, without a gradient.

        (L, B, *shape) -> (L, B, A), and of one state per lane (L, *shape) -> (L, A).
        """
        ...

    @staticmethod
    def body(piece: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of a piece: itself, or the compiled body that the piece names."""
        ...

    @staticmethod
    def optimizer(online: Trainable, variant: Variant, settings: Settings) -> Optimizer:
        """What trains these parameters, by the variant's loss and optimizer."""
        ...
