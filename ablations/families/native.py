"""The native family: compiled code, a lane at a time while its parameters are in the cache.

Sums run in one fixed order per lane, so a run's bits depend neither on the lanes beside it nor on the instruction set.
What the compiled network does not know (a head of a user's own) is computed by the reference.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ablations.envs.choose import lanes_of
from ablations.envs.gym import Lanes
from ablations.families import Optimiser, Update, compiles, reference
from ablations.head import Dueling
from ablations.native import library
from ablations.network import NARROW, Network
from ablations.optimiser import Trainable, put_back, state_of
from ablations.replay.ring import Batch, Transition
from ablations.settings import Settings
from ablations.state import State

RULES = {"adam": 0, "rmsprop": 1, "sgd": 2}
LOSSES = {"squared": 0, "huber": 1}
SUFFIX = {torch.float32: "f32", torch.float64: "f64"}

device, finish, draws = reference.device, reference.finish, reference.draws
captured, counter, advance = reference.captured, reference.counter, reference.advance


def lanes(env_id: str, args: Mapping[str, Any], entropy: int, seeds: Sequence[int]) -> Lanes:
    """All at once where that is known to give Gymnasium's bits."""
    return lanes_of(env_id, args, entropy, seeds, fast=True)


def put(rows: Tensor, slot: int, transition: Transition) -> None:
    lanes, capacity, width = rows.shape
    t = [part.contiguous() for part in transition]
    if [part.dtype for part in t] != [rows.dtype, torch.int64, rows.dtype, rows.dtype, rows.dtype]:
        raise TypeError(f"rows of {rows.dtype} take actions of int64 and all else of {rows.dtype}")
    _function("ring_put", rows.dtype)(
        rows.data_ptr(), lanes, capacity, width, slot, t[0].shape[-1],
        t[0].data_ptr(), t[4].data_ptr(), t[1].data_ptr(), t[2].data_ptr(), t[3].data_ptr(),
    )  # fmt: skip


def take(rows: Tensor, index: Tensor) -> Tensor:
    lanes, capacity, width = rows.shape
    out = rows.new_empty((*index.shape, width))
    index, size = index.contiguous(), rows.element_size()
    done = library.load().ring_take(
        rows.data_ptr(), lanes, capacity, width * size, index.data_ptr(), index.shape[1], out.data_ptr()
    )
    if not done:
        raise IndexError(f"a replay index is outside 0 ... {capacity - 1}")
    return out


def tree_put(nodes: Tensor, slot: int, value: Tensor) -> None:
    tree_set(nodes, torch.full((len(nodes), 1), slot), value[:, None])


def tree_set(nodes: Tensor, index: Tensor, value: Tensor) -> None:
    lanes, width = nodes.shape
    index, value = index.contiguous(), value.contiguous()
    done = library.load().tree_set_many(
        nodes.data_ptr(), lanes, width.bit_length() - 2, index.data_ptr(), index.shape[1], value.data_ptr()
    )
    if not done:
        raise IndexError(f"a leaf is outside 0 ... {width // 2 - 1}")


def tree_find(nodes: Tensor, mass: Tensor) -> Tensor:
    lanes, width = nodes.shape
    slot = torch.empty(mass.shape, dtype=torch.int64)
    mass = mass.contiguous()
    library.load().tree_find_many(
        nodes.data_ptr(), lanes, width.bit_length() - 2, mass.data_ptr(), mass.shape[1], slot.data_ptr()
    )
    return slot


def evaluator(network: Network, flat: Tensor) -> Callable[[Tensor], Tensor]:
    if not compiles(network.head):
        return reference.evaluator(network, flat)
    return Compiled(network, flat.dtype).evaluator(flat)


def optimiser(online: Trainable, settings: Settings) -> Optimiser:
    if not compiles(online.network.head):
        return reference.optimiser(online, settings)
    return NativeOptimiser(online, settings)


def layer_specs(network: Network) -> tuple[list[library.LayerSpec], int]:
    """The layers as the compiled network takes them, and the index of the advantage's last layer (-1: no streams)."""
    trunk = len(network.hidden)
    specs: list[library.LayerSpec] = []
    start, advantage = 0, -1
    for i, (name, inputs, outputs, _, has_bias) in enumerate(network.layers):
        weights = inputs * outputs
        first_of_stream = i >= trunk and (i == trunk or (name.startswith("value") and i == advantage + 1))
        source = trunk - 1 if first_of_stream else i - 1
        last_of_stream = name in ("advantage", "value")
        if name == "advantage" and isinstance(network.head, Dueling):
            advantage = i
        bias = start + weights if has_bias else -1
        specs.append(
            library.LayerSpec(
                source, inputs, outputs, not last_of_stream, outputs < NARROW, start, bias
            )
        )  # fmt: skip
        start += weights + (outputs if has_bias else 0)
    return specs, advantage


class Compiled:
    """A network of the compiled kind and its scratch memory, freed with it."""

    def __init__(self, network: Network, dtype: torch.dtype) -> None:
        specs, advantage = layer_specs(network)
        make = _function("network_new", dtype)
        self.handle = ctypes.c_void_p(
            make(
                (library.LayerSpec * len(specs))(*specs), len(specs), network.actions, advantage, network.size
            )
        )
        weakref.finalize(self, _function("network_free", dtype), self.handle)
        self.actions, self.dtype = network.actions, dtype

    def evaluator(self, flat: Tensor) -> Callable[[Tensor], Tensor]:
        """Q(s, .) by ``flat`` (L, P)."""
        values = _function("network_values", self.dtype)
        lanes, stride = flat.shape
        parameters = flat.data_ptr()

        def q(obs: Tensor, keep: object = (self, flat)) -> Tensor:
            obs = _in_rows(obs, self.dtype)
            batch = obs.shape[1]
            out = torch.empty((lanes, batch, self.actions), dtype=self.dtype)
            by_lane, by_row, _ = obs.stride()
            values(
                self.handle, lanes, batch, parameters, stride, obs.data_ptr(), by_lane, by_row, out.data_ptr()
            )
            return out

        return q


class NativeOptimiser:
    """Forward, backward and the optimiser's step in one call. The rules are those of ``ReferenceOptimiser``."""

    frozen_at: Tensor | None = None

    def __init__(self, online: Trainable, settings: Settings) -> None:
        self.online = online
        self.compiled = Compiled(online.network, online.flat.dtype)
        self.first = torch.zeros_like(online.flat)
        self.second = torch.zeros_like(online.flat)
        self.count = torch.zeros((), dtype=torch.float32)
        self.alive = torch.ones(len(online.flat), dtype=torch.bool)
        self._norm = online.flat.new_zeros(len(online.flat))
        self._descend = _function("network_descend", online.flat.dtype)
        lanes, stride = online.flat.shape
        self._arguments = library.DescentArguments(
            lanes=lanes,
            stride=stride,
            theta=online.flat.data_ptr(),
            first=self.first.data_ptr(),
            second=self.second.data_ptr(),
            alive=self.alive.data_ptr(),
            norm=self._norm.data_ptr(),
            rule=RULES[settings.optimizer],
            huber=LOSSES[settings.loss],
            learning_rate=settings.learning_rate,
            eps=settings.adam_eps,
            max_norm=settings.max_grad_norm,
        )

    def descend(self, batch: Batch, y: Tensor) -> Update:
        """One update towards the targets y (L, B)."""
        dtype, (lanes, samples) = self.online.flat.dtype, y.shape
        obs = _in_rows(batch.obs, dtype)
        action, y, weight = batch.action.contiguous(), y.contiguous(), batch.weight.contiguous()
        if not y.dtype == weight.dtype == dtype:
            raise TypeError(f"targets of {y.dtype} and weights of {weight.dtype} for a network of {dtype}")
        q = torch.empty((lanes, samples, self.compiled.actions), dtype=dtype)
        delta = torch.empty((lanes, samples), dtype=dtype)
        loss, largest = torch.empty((2, lanes), dtype=dtype)
        self.count += 1
        steps = self.count.item()
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
        return state_of(self)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        put_back(self, state)


def _in_rows(obs: Tensor, dtype: torch.dtype) -> Tensor:
    """Observations (L, B, D) whose last axis is contiguous."""
    if obs.dtype != dtype:
        raise TypeError(f"observations of {obs.dtype} for a network of {dtype}")
    return obs if obs.stride(-1) == 1 or obs.shape[-1] == 1 else obs.contiguous()


def _function(name: str, dtype: torch.dtype) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(library.load(), f"{name}_{SUFFIX[dtype]}")
    return function
