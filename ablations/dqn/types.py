"""The records that learner, pieces, engines and recorders pass to each other. Imports no torch.

Shapes: L lanes, B samples of a batch, A actions. An observation has the shape *S and the type that the environment's
``Observation`` says: (D,) numbers of the training's type, or an image, channels last, of uint8 or bool.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.ops import Engine
    from ablations.envs.gym import Steps
    from ablations.envs.observations import Observation

    Count = int | Tensor
    Number = float | Tensor
    """A number of the host, or one on a device, where it can change without the host: a tensor without axes."""
    Values = Callable[[Tensor], Tensor]
    """States (L, B, *S) -> values (L, B, A)."""


class Clock(NamedTuple):
    """How far a run is."""

    step: Number  # environment steps so far
    updates: Number  # gradient updates so far
    total: Number  # environment steps of the whole run


class Space(NamedTuple):
    """What a replay memory, or what else a piece keeps, is to hold, and how to get storage for it."""

    lanes: int
    capacity: int  # settings.buffer_size
    batch_size: int
    observation: Observation  # what one is
    parameters: int  # numbers in one network: P
    lookahead: int  # rows after a sampled one that its return is made from
    zeros: Callable[..., Tensor]  # torch.zeros in the training dtype unless told otherwise
    engine: Engine  # moves rows, climbs trees


class Transition(NamedTuple):
    """One environment step of every lane; or several of each, then everything is (L, B, ...)."""

    obs: Tensor  # (L, *S)
    action: Tensor  # (L,) int64
    reward: Tensor  # (L,)
    discount: Tensor  # (L,): gamma * (1 - terminated)
    next_obs: Tensor  # (L, *S): the true successor, never the next episode's first observation
    ended: Tensor  # (L,): 1 where the episode ended with it, by termination or a time limit, else 0


@dataclass(slots=True)
class Batch:
    """B transitions of every lane, or windows of several steps: what each counts, and where it lies."""

    obs: Tensor  # (L, B, *S)
    action: Tensor  # (L, B) int64
    reward: Tensor  # (L, B)
    discount: Tensor  # (L, B): of the value of next_obs
    next_obs: Tensor  # (L, B, *S)
    weight: Tensor  # (L, B): importance of each sample's loss
    index: Tensor  # (L, B) int64: slots of the memory


class Errors(NamedTuple):
    """What a loss says of a batch, before weighting."""

    loss: Tensor  # (L, B)
    delta: Tensor  # (L, B): the TD error y - Q(s, a)
    priority: Tensor  # (L, B): what a replay ranks samples by is its size


@dataclass(slots=True)
class Update:
    """What a gradient update saw, for those who look on."""

    batch: Batch
    q: Tensor  # (L, B, A): Q(s, .) before the update
    delta: Tensor  # (L, B): y - Q(s, a), before weighting
    priority: Tensor  # (L, B)
    loss: Tensor  # (L,)
    largest_q: Tensor  # (L,): max |Q| over the batch


class StepRecord(NamedTuple):
    """What an environment step did (step 1 is the first), for recorders."""

    step: int
    epsilon: float  # the exploration rate; NaN where there is none
    steps: Steps
    updates: tuple[Update, ...]  # made at this step


@dataclass(frozen=True)
class Moments:
    """What an optimizer remembers of past gradients; a rule uses what it needs."""

    first: Tensor  # (L, P): Adam's m
    second: Tensor  # (L, P): Adam's v, RMSprop's mean square
    count: Tensor  # steps taken, a tensor without axes


Plain = dict[str, Any]
"""A piece as JSON has it: its kind and its numbers."""
