"""The native engine: compiled code, a lane at a time while its parameters are in the cache.

Sums run in one fixed order per lane, so a run's bits depend neither on the lanes beside it nor on the instruction set.
What the compiled network does not know (a head of a user's own) is computed by the reference.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ablations.dqn import ops
from ablations.dqn.network import Network, Trainable
from ablations.dqn.settings import Settings
from ablations.dqn.types import Batch, Clock, Transition, Update
from ablations.dqn.variants import Variant
from ablations.engines import reference
from ablations.engines.descent import moments_of, put_back, state_of
from ablations.engines.native import library
from ablations.engines.native.network import Compiled, compiled_network, empty, function_of, in_rows
from ablations.engines.native.stepping import Interaction
from ablations.engines.selection import compiles
from ablations.envs.gym import Lanes
from ablations.envs.make import lanes_of
from ablations.envs.vectorized import ArrayLanes
from ablations.state import State

if TYPE_CHECKING:
    from ablations.dqn.types import Number

device, synchronize, draws, tensor = (
    reference.device,
    reference.synchronize,
    reference.draws,
    reference.tensor,
)
counter, advance = reference.counter, reference.advance


def lanes(env_id: str, args: Mapping[str, Any], entropy: int, seeds: Sequence[int]) -> Lanes:
    """All at once where that is known to give Gymnasium's bits."""
    return lanes_of(env_id, args, entropy, seeds, fast=True)


def compile(function: Callable[..., Any], envs: object = None) -> Callable[..., Any]:
    """As it is, but for stepping environments over arrays."""
    return Interaction(function, envs) if isinstance(envs, ArrayLanes) else function


def put(rows: Tensor, slot: int, transition: Transition) -> None:
    lanes, capacity, width = rows.shape
    t = [part.contiguous() for part in transition]
    if [part.dtype for part in t] != [rows.dtype, torch.int64, rows.dtype, rows.dtype, rows.dtype]:
        raise TypeError(f"rows of {rows.dtype} take actions of int64 and all else of {rows.dtype}")
    function_of("ring_put", rows.dtype)(
        rows.data_ptr(), lanes, capacity, width, slot, t[0].shape[-1],
        t[0].data_ptr(), t[4].data_ptr(), t[1].data_ptr(), t[2].data_ptr(), t[3].data_ptr(),
    )  # fmt: skip


def take(rows: Tensor, index: Tensor, features: int) -> Transition:
    lanes, capacity, width = rows.shape
    _, batch = shape = index.shape
    index, dtype = index.contiguous(), rows.dtype
    obs = empty((lanes, batch, features), dtype)
    next_obs = empty((lanes, batch, features), dtype)
    action = empty(shape, torch.int64)
    reward, discount = empty(shape, dtype), empty(shape, dtype)
    done = function_of("ring_take", dtype)(
        rows.data_ptr(), lanes, capacity, width, index.data_ptr(), batch, features,
        obs.data_ptr(), next_obs.data_ptr(), action.data_ptr(), reward.data_ptr(), discount.data_ptr(),
    )  # fmt: skip
    if not done:
        raise IndexError(f"a replay index is outside 0 ... {capacity - 1}")
    return Transition(obs, action, reward, discount, next_obs)


def tree_put(nodes: Tensor, slot: int, value: Tensor) -> None:
    lanes, width = nodes.shape
    value = value.contiguous()
    if not library.load().tree_put_one(
        nodes.data_ptr(), lanes, width.bit_length() - 2, slot, value.data_ptr()
    ):
        raise IndexError(_outside(width))


def tree_set(nodes: Tensor, index: Tensor, value: Tensor) -> None:
    lanes, width = nodes.shape
    index, value = index.contiguous(), value.contiguous()
    done = library.load().tree_set_many(
        nodes.data_ptr(), lanes, width.bit_length() - 2, index.data_ptr(), index.shape[1], value.data_ptr()
    )
    if not done:
        raise IndexError(_outside(width))


def _outside(width: int) -> str:
    return f"a leaf is outside 0 ... {width // 2 - 1}"


def tree_find(nodes: Tensor, mass: Tensor) -> Tensor:
    lanes, width = nodes.shape
    slot = empty(mass.shape, torch.int64)
    mass = mass.contiguous()
    library.load().tree_find_many(
        nodes.data_ptr(), lanes, width.bit_length() - 2, mass.data_ptr(), mass.shape[1], slot.data_ptr()
    )
    return slot


def epsilon_greedy(values: Tensor, u: Tensor, epsilon: Number) -> Tensor:
    lanes, actions = values.shape
    values, u = values.contiguous(), u.contiguous()
    if u.dtype != torch.float64:
        raise TypeError(f"draws of {u.dtype}; they are of float64")
    action = empty((lanes,), torch.int64)
    function_of("epsilon_greedy", values.dtype)(
        values.data_ptr(), lanes, actions, u.data_ptr(), epsilon, action.data_ptr()
    )
    return action


def evaluator(network: Network, flat: Tensor) -> Callable[[Tensor], Tensor]:
    if not compiled_network(network):
        return reference.evaluator(network, flat)
    return Compiled(network, flat.dtype).evaluator(flat)


def explorer(exploration: Any) -> Callable[[Tensor, Tensor, Clock], Tensor]:
    if ops.op_of(exploration) is not ops.Exploration.EPSILON_GREEDY:
        return reference.explorer(exploration)
    return lambda values, u, clock: epsilon_greedy(values, u, exploration.rate(clock))


def optimizer(online: Trainable, variant: Variant, settings: Settings) -> ops.Optimizer:
    if not compiles(variant):
        return reference.optimizer(online, variant, settings)
    return NativeOptimizer(online, variant, settings)


class NativeOptimizer:
    """Forward, backward and the optimiser's step in one call. The rules are those of ``ReferenceOptimizer``."""

    frozen_at: Tensor | None = None

    def __init__(self, online: Trainable, variant: Variant, settings: Settings) -> None:
        self.online = online
        self.compiled = Compiled(online.network, online.flat.dtype)
        self.moments = moments_of(online.flat)
        self._count = self.moments.count.numpy()  # the same memory: numpy counts faster
        self.alive = torch.ones(len(online.flat), dtype=torch.bool)
        self._norm = online.flat.new_zeros(len(online.flat))
        self._descend = function_of("network_descend", online.flat.dtype)
        lanes, stride = online.flat.shape
        rule = variant.optimizer
        self._arguments = library.DescentArguments(
            lanes=lanes,
            stride=stride,
            theta=online.flat.data_ptr(),
            first=self.moments.first.data_ptr(),
            second=self.moments.second.data_ptr(),
            alive=self.alive.data_ptr(),
            norm=self._norm.data_ptr(),
            rule=ops.op_of(rule),
            huber=ops.op_of(variant.loss) is ops.Loss.HUBER,
            learning_rate=settings.learning_rate,
            eps=getattr(rule, "eps", 0.0),
            max_norm=rule.max_grad_norm,
        )

    def descend(self, batch: Batch, y: Tensor) -> Update:
        """One update towards the targets y (L, B)."""
        dtype, (lanes, samples) = self.online.flat.dtype, y.shape
        obs = in_rows(batch.obs, dtype)
        action, y, weight = batch.action.contiguous(), y.contiguous(), batch.weight.contiguous()
        if not y.dtype == weight.dtype == dtype:
            raise TypeError(f"targets of {y.dtype} and weights of {weight.dtype} for a network of {dtype}")
        q = empty((lanes, samples, self.compiled.actions), dtype)
        delta = empty((lanes, samples), dtype)
        loss, largest = empty((lanes,), dtype), empty((lanes,), dtype)
        self._count += 1
        steps = self._count.item()
        a = self._arguments
        a.batch = samples
        a.obs, (a.obs_lane, a.obs_row, _) = obs.data_ptr(), obs.stride()
        a.action, a.y, a.weight = action.data_ptr(), y.data_ptr(), weight.data_ptr()
        a.q, a.delta, a.loss, a.largest = q.data_ptr(), delta.data_ptr(), loss.data_ptr(), largest.data_ptr()
        a.correction_1, a.correction_2 = 1 - 0.9**steps, 1 - 0.999**steps
        frozen = self._descend(self.compiled.handle, ctypes.byref(a))
        if frozen < 0:
            raise IndexError(f"an action is outside 0 ... {self.compiled.actions - 1}")
        return Update(batch, q, delta, loss, largest, frozen > 0)

    def gradient_norm(self) -> Tensor:
        """The Euclidean norm of the latest gradient before clipping: (L,)."""
        return self._norm.clone()

    def state(self) -> State:
        """Moments, the number of updates, and who is alive. The latest gradient is not part of it."""
        return {**state_of(self.moments), "alive": self.alive}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        put_back(self.moments, state)
        self.alive.copy_(torch.from_numpy(state["alive"]))
