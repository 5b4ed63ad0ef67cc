"""The kernel: deep Q-learning (Mnih et al. 2015, Algorithm 1) over lanes, whatever the pieces.

It never asks which variant it runs. Recording observes it from outside: ``learn`` yields a ``StepRecord`` after each
environment step, and whatever looks on between two moments must not draw from the learner's streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ablations.dqn.network import Network, Trainable
from ablations.dqn.settings import Settings
from ablations.dqn.types import Clock, Space, StepRecord, Transition, Update
from ablations.dqn.variants import Variant
from ablations.envs.gym import Lanes, Steps
from ablations.rng.streams import Role
from ablations.state import Part, State

if TYPE_CHECKING:
    from ablations.dqn.ops import Engine
    from ablations.dqn.types import Number


@dataclass
class Learner:
    """Everything that a cohort's training holds: the lanes differ in their seeds alone."""

    variant: Variant
    settings: Settings
    envs: Lanes
    entropy: int
    seeds: Sequence[int]
    engine: Engine
    dtype: torch.dtype = torch.float32
    updates: int = 0  # finished gradient updates

    def __post_init__(self) -> None:
        s, v, engine, lanes = self.settings, self.variant, self.engine, len(self.seeds)
        self.network = Network((self.envs.features,), self.envs.actions, v.trunk, v.head, v.loss)
        initial = self.network.initial(self.entropy, self.seeds, self.dtype)
        self.online = Trainable(self.network, initial.to(engine.device()))
        self.tensor = partial(engine.tensor, dtype=self.dtype)
        self.q = engine.evaluator(self.network, self.online.flat)  # Q(s, .): (L, B, D) -> (L, B, A)
        self.use_target(self.online.flat.clone())
        self.optimizer = engine.optimizer(self.online, v, s)
        zeros = partial(torch.zeros, dtype=self.dtype, device=engine.device())
        size, lookahead = self.network.size, v.returns.facts().lookahead
        space = Space(lanes, s.buffer_size, s.batch_size, self.envs.features, size, lookahead, zeros, engine)
        self.memory = v.replay.init(space)
        self.own = {
            slot: piece.init(space) for slot, piece in v if slot != "replay" and hasattr(piece, "init")
        }
        self.explore = self.bound("exploration", engine.body(v.exploration, v.exploration.act))
        self.batch = self.bound("returns", engine.body(v.returns, v.returns.batch))
        self.bootstrap = self.bound("bootstrap", engine.body(v.bootstrap, v.bootstrap))
        self.follow = self.bound("target", v.target.follow)
        self.maintain = self.bound("maintenance", v.maintenance.maintain)
        self.exploration = engine.draws(self.entropy, self.seeds, Role.EXPLORATION, width=2)
        self.sampling = engine.draws(self.entropy, self.seeds, Role.REPLAY, width=s.batch_size)
        fresh = v.maintenance.draws(self.network)
        self.resets = engine.draws(self.entropy, self.seeds, Role.RESETS, width=fresh)
        self.syncs = getattr(v.target, "syncs", lambda update: False)
        self.act_and_store = engine.compile(act_and_store, self.envs)

    def use_target(self, flat: Tensor) -> None:
        """Take theta- (L, P) as what ``q_target`` evaluates: (L, B, D) -> (L, B, A)."""
        self.target_params, self.q_target = flat, self.engine.evaluator(self.network, flat)
        self.update = self.engine.compile(update)

    def bound(self, slot: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function of a slot's piece; with what that piece keeps, {name: (L, ...)}, as ``state``."""
        return partial(function, state=self.own[slot]) if slot in self.own else function

    @property
    def diverged_at(self) -> dict[int, int]:
        """Lane -> the environment step at which its loss, gradient or parameters ceased to be finite."""
        frozen = enumerate(self.optimizer.frozen_at.tolist())
        found = {lane: step_of(self.settings, update) for lane, update in frozen if update}
        # parameters that an update takes out of range show in the next one's loss; after the last there is none
        for lane, finite in enumerate(self.online.flat.isfinite().all(-1).tolist()):
            if not finite:
                found.setdefault(lane, step_of(self.settings, self.updates))
        return found

    def parts(self) -> dict[str, Part]:
        """Everything that a checkpoint holds of a training, by name."""
        return {
            "learner": self,
            "optimizer": self.optimizer,
            "memory": self.memory,
            "exploration": self.exploration,
            "sampling": self.sampling,
            "envs": self.envs,
            "resets": self.resets,
        }

    def state(self) -> State:
        """Both networks, how many updates made them, and what pieces keep."""
        own = {f"{slot}.{name}": kept for slot, names in self.own.items() for name, kept in names.items()}
        return {
            **own,
            "online": self.online.flat,
            "target_params": self.target_params,
            "one_network": self.target_params is self.online.flat,
            "updates": self.updates,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        self.online.flat.copy_(torch.from_numpy(state["online"]))
        if state["one_network"]:
            self.use_target(self.online.flat)
        else:
            self.target_params.copy_(torch.from_numpy(state["target_params"]))
        self.updates = state["updates"]
        for slot, names in self.own.items():
            for name, kept in names.items():
                kept.copy_(torch.from_numpy(state[f"{slot}.{name}"]))


def learn(a: Learner, done: int = 0) -> Iterator[StepRecord]:
    """Train all lanes to ``settings.total_timesteps`` environment steps, of which ``done`` lie behind them."""
    s, rate = a.settings, a.variant.exploration.rate
    for step in range(done + 1, s.total_timesteps + 1):
        clock = Clock(step - 1, a.updates, s.total_timesteps)
        steps = a.act_and_store(a, a.exploration.next(), clock)
        rounds = s.gradient_steps if step >= s.learning_starts and step % s.train_frequency == 0 else 0
        updates = tuple(train_step(a, step) for _ in range(rounds))
        yield StepRecord(step, rate(clock), steps, updates)


def act_and_store(a: Learner, u: Tensor, clock: Clock) -> Steps:
    """One environment step of every lane: act, and store what came of it. ``u`` are uniform draws (L, 2)."""
    obs = a.tensor(a.envs.obs)  # (L, D)
    action = a.explore(a.q(obs), u, clock)  # (L, A) -> (L,)
    steps = a.envs.step(action)
    a.variant.replay.add(a.memory, transition(a.settings, obs, action, steps, a.tensor))
    return steps


def transition(
    s: Settings, obs: Tensor, action: Tensor, steps: Steps, tensor: Callable[[Any], Tensor]
) -> Transition:
    """What is stored of a step. Only termination cuts the bootstrap (Pardo et al. 2018), unless the study says so."""
    ended = steps.terminated | steps.truncated
    cut = steps.terminated if s.bootstrap_truncated else ended
    return Transition(
        obs=obs,
        action=action,
        reward=tensor(steps.reward),
        discount=tensor(~cut).mul_(s.gamma),
        next_obs=tensor(steps.next_obs),
        ended=tensor(ended),
    )


def train_step(a: Learner, step: int) -> Update:
    """One gradient update of every lane; the target follows, and the networks are maintained."""
    made: Update = a.update(a, a.sampling.next(), step / a.settings.total_timesteps)
    a.updates += 1
    target_params = a.follow(a.target_params, a.online.flat, a.updates)
    if target_params is not a.target_params:
        a.use_target(target_params)
    if a.syncs(a.updates):
        a.optimizer.synced()
    if a.variant.maintenance.due(a.updates):
        a.maintain(a.online, a.target_params, a.optimizer, a.resets.next())
    return made


def update(a: Learner, u: Tensor, progress: Number) -> Update:
    """Correct Q by a batch: sample with uniform draws ``u`` (L, B), bootstrap, descend, feed the errors back."""
    replay = a.variant.replay
    index, weight = replay.sample(a.memory, u, progress)
    batch = a.batch(a.memory, index, weight)
    y = a.bootstrap(batch, a.q, a.q_target)  # (L, B)
    made = a.optimizer.descend(batch, y)
    replay.feedback(a.memory, index, made.priority)
    return made


def step_of(s: Settings, update: int) -> int:
    """The environment step that gradient update number ``update`` (1 = the first) follows."""
    first = -(-s.learning_starts // s.train_frequency) * s.train_frequency
    return first + (update - 1) // s.gradient_steps * s.train_frequency
