"""Compiled bodies of functions of pieces: each is made of the piece and of the function that it stands for."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ablations.dqn import ops
from ablations.dqn.replay.ring import Ring
from ablations.dqn.replay.rows import Rows
from ablations.dqn.types import Batch, Clock
from ablations.engines.native import library
from ablations.engines.native.network import empty, function_of

if TYPE_CHECKING:
    from ablations.dqn.types import Values

Function = Callable[..., Any]


def epsilon_greedy(exploration: Any, _: Function) -> Function:
    """``EpsilonGreedy.act``."""

    def act(values: Tensor, u: Tensor, clock: Clock) -> Tensor:
        lanes, actions = values.shape
        values, u = values.contiguous(), u.contiguous()
        if u.dtype != torch.float64:
            raise TypeError(f"draws of {u.dtype}; they are of float64")
        action = empty((lanes,), torch.int64)
        function_of("epsilon_greedy", values.dtype)(
            values.data_ptr(), lanes, actions, u.data_ptr(), exploration.rate(clock), action.data_ptr()
        )
        return action

    return act


def n_step(returns: Any, in_torch: Function) -> Function:
    """``NStep.batch``, of a ring of vectors."""

    def batch(memory: Any, index: Tensor, weight: Tensor) -> Batch:
        if getattr(type(memory), "rows", None) is not Ring.rows or type(memory.stored) is not Rows:
            made: Batch = in_torch(memory, index, weight)
            return made
        rows, features = memory.stored.block, memory.stored.features
        lanes, capacity, width = rows.shape
        shape, index, dtype = index.shape, index.contiguous(), rows.dtype
        obs, next_obs = empty((*shape, features), dtype), empty((*shape, features), dtype)
        action, reward, discount = empty(shape, torch.int64), empty(shape, dtype), empty(shape, dtype)
        done = function_of("ring_windows", dtype)(
            rows.data_ptr(), lanes, capacity, width, index.data_ptr(), shape[1], features, returns.n,
            (memory.position - 1) % capacity, obs.data_ptr(), next_obs.data_ptr(), action.data_ptr(),
            reward.data_ptr(), discount.data_ptr(),
        )  # fmt: skip
        if not done:
            raise IndexError(f"a replay index is outside 0 ... {capacity - 1}")
        return Batch(obs, action, reward, discount, next_obs, weight, index)

    return batch


def greedy(bootstrap: Any, _: Function) -> Function:
    """``__call__`` of ``Max``, ``Double`` and ``InverseDouble``: which network selects and which evaluates."""
    facts = bootstrap.facts()

    def target(batch: Batch, q: Values, q_target: Values) -> Tensor:
        networks = {"online": q, "target": q_target}
        select = evaluate = networks[facts.selects](batch.next_obs).contiguous()  # (L, B, A)
        if facts.selects != facts.evaluates:
            evaluate = networks[facts.evaluates](batch.next_obs).contiguous()
        reward, discount = _numbers(batch, select.shape[:2], select.dtype)
        y = empty(reward.shape, select.dtype)
        function_of("greedy", y.dtype)(
            y.numel(), select.shape[-1], select.data_ptr(), evaluate.data_ptr(), reward.data_ptr(),
            discount.data_ptr(), y.data_ptr(),
        )  # fmt: skip
        return y

    return target


def munchausen(bootstrap: Any, _: Function) -> Function:
    """``Munchausen.__call__``."""
    numbers = library.MunchausenArguments(bootstrap.alpha, bootstrap.tau, bootstrap.clip)
    by = ctypes.byref(numbers)

    def target(batch: Batch, q: Values, q_target: Values) -> Tensor:
        values = q_target(torch.cat((batch.obs, batch.next_obs), dim=1)).contiguous()  # (L, 2 B, A)
        (lanes, samples), actions = batch.action.shape, values.shape[-1]
        action = batch.action.contiguous()
        reward, discount = _numbers(batch, action.shape, values.dtype)
        y = empty((lanes, samples), values.dtype)
        done = function_of("munchausen", y.dtype)(
            by, lanes, samples, actions, values.data_ptr(), action.data_ptr(), reward.data_ptr(),
            discount.data_ptr(), y.data_ptr(),
        )  # fmt: skip
        if not done:
            raise IndexError(f"an action is outside 0 ... {actions - 1}")
        return y

    return target


def _numbers(batch: Batch, shape: torch.Size, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Rewards and discounts (L, B), contiguous, of the values' type; one that stands for several is repeated."""
    reward, discount = (
        (part if part.shape == shape else part.expand(shape)).contiguous()
        for part in (batch.reward, batch.discount)
    )
    if not reward.dtype == discount.dtype == dtype:
        raise TypeError(f"rewards of {reward.dtype} and discounts of {discount.dtype} for values of {dtype}")
    return reward, discount


BODIES: Mapping[ops.Body, Callable[[Any, Function], Function]] = {
    ops.Body.EPSILON_GREEDY: epsilon_greedy,
    ops.Body.N_STEP: n_step,
    ops.Body.GREEDY: greedy,
    ops.Body.MUNCHAUSEN: munchausen,
}


def body(piece: Any, function: Function) -> Function:
    """The function of a piece, or its compiled body."""
    found = BODIES.get(ops.op_of(piece))
    return found(piece, function) if found else function
