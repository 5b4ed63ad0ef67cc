"""The kernel: deep Q-learning (Mnih et al. 2015, Algorithm 1) over lanes, whatever the pieces.

It never asks which variant it runs. Recording observes it from outside: ``learn`` yields a ``StepRecord`` after each
environment step, and whatever looks on between two moments must not draw from the learner's streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ablations import engines
from ablations.dqn.network import Network
from ablations.dqn.optimizer import Trainable
from ablations.dqn.replay.ring import Space, Transition
from ablations.dqn.settings import Settings
from ablations.dqn.variants import Variant
from ablations.engines import Update
from ablations.envs.gym import Lanes, Steps
from ablations.rng.streams import Role
from ablations.state import Part, State

if TYPE_CHECKING:
    from ablations.dqn.replay.ring import Number


@dataclass
class Learner:
    """Everything that a cohort's training holds: the lanes differ in their seeds alone."""

    variant: Variant
    settings: Settings
    envs: Lanes
    entropy: int
    seeds: Sequence[int]
    dtype: torch.dtype = torch.float32
    family: str = "reference"
    updates: int = 0  # finished gradient updates
    diverged_at: dict[int, int] = field(default_factory=dict)  # lane -> environment step

    def __post_init__(self) -> None:
        s, lanes, family = self.settings, len(self.seeds), engines.of(self.family)
        self.network = Network(self.envs.features, tuple(s.hidden), self.envs.actions, self.variant.head)
        initial = self.network.initial(self.entropy, self.seeds, self.dtype)
        self.online = Trainable(self.network, initial.to(family.device()))
        self.epsilon_greedy = family.epsilon_greedy
        self.tensor = partial(family.tensor, dtype=self.dtype)
        self.evaluator = partial(family.evaluator, self.network)
        self.q = self.evaluator(self.online.flat)  # Q(s, .) of the online network: (L, B, D) -> (L, B, A)
        self.use_target(self.online.flat.clone())
        self.optimizer = family.optimizer(self.online, s)
        self.memory = self.variant.replay.init(
            Space(
                lanes=lanes,
                capacity=s.buffer_size,
                batch_size=s.batch_size,
                features=self.envs.features,
                zeros=partial(torch.zeros, dtype=self.dtype, device=family.device()),
                family=family,
            )
        )
        self.exploration = family.draws(self.entropy, self.seeds, Role.EXPLORATION, width=2)
        self.sampling = family.draws(self.entropy, self.seeds, Role.REPLAY, width=s.batch_size)
        self.act_and_store = family.compile(act_and_store, self.envs)

    def use_target(self, flat: Tensor) -> None:
        """Take theta- (L, P) as what ``q_minus`` evaluates: (L, B, D) -> (L, B, A)."""
        self.target_params, self.q_target = flat, self.evaluator(flat)
        self.correct = engines.of(self.family).compile(correct)

    def parts(self) -> dict[str, Part]:
        """Everything that a checkpoint holds of a training, by name."""
        return {
            "learner": self,
            "optimiser": self.optimizer,
            "memory": self.memory,
            "exploration": self.exploration,
            "sampling": self.sampling,
            "envs": self.envs,
        }

    def state(self) -> State:
        """Both networks, how many updates made them, and who diverged when (-1: never)."""
        diverged_at = [self.diverged_at.get(lane, -1) for lane in range(len(self.seeds))]
        return {
            "online": self.online.flat,
            "minus": self.target_params,
            "one_network": self.target_params is self.online.flat,
            "updates": self.updates,
            "diverged_at": np.array(diverged_at, dtype=np.int64),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        self.online.flat.copy_(torch.from_numpy(state["online"]))
        if state["one_network"]:
            self.use_target(self.online.flat)
        else:
            self.target_params.copy_(torch.from_numpy(state["minus"]))
        self.updates = state["updates"]
        steps = enumerate(state["diverged_at"].tolist())
        self.diverged_at = {lane: step for lane, step in steps if step >= 0}


@dataclass(frozen=True)
class StepRecord:
    """The state of affairs after an environment step (1 = after the first)."""

    step: int
    epsilon: float
    steps: Steps
    updates: tuple[Update, ...]  # made at this step


def learn(a: Learner, done: int = 0) -> Iterator[StepRecord]:
    """Train all lanes to ``settings.total_timesteps`` environment steps, of which ``done`` lie behind them."""
    s = a.settings
    for step in range(done + 1, s.total_timesteps + 1):
        epsilon = epsilon_at(s, step - 1, a.updates)
        steps = a.act_and_store(a, a.exploration.next(), epsilon)
        rounds = s.gradient_steps if step >= s.learning_starts and step % s.train_frequency == 0 else 0
        updates = tuple(train_step(a, step) for _ in range(rounds))
        yield StepRecord(step, epsilon, steps, updates)
    mark_diverged(a)


def act_and_store(a: Learner, u: Tensor, epsilon: Number) -> Steps:
    """One environment step of every lane: act, and store what came of it. ``u`` are uniform draws (L, 2)."""
    obs = a.tensor(a.envs.obs)  # (L, D)
    action = act(a, obs, u, epsilon)
    steps = a.envs.step(action)
    a.variant.replay.add(a.memory, transition(a.settings, obs, action, steps, a.tensor))
    return steps


def act(a: Learner, obs: Tensor, u: Tensor, epsilon: Number) -> Tensor:
    """Epsilon-greedy actions (L,). A coin and a pick are drawn for each lane whatever the action."""
    with torch.no_grad():
        values = a.q(obs[:, None]).squeeze(1)  # (L, 1, A) -> (L, A)
    return a.epsilon_greedy(values, u, epsilon)


def transition(
    s: Settings, obs: Tensor, action: Tensor, steps: Steps, tensor: Callable[[Any], Tensor]
) -> Transition:
    """What is stored of a step. Only termination cuts the bootstrap (Pardo et al. 2018), unless the study says so."""
    ended = steps.terminated if s.bootstrap_truncated else steps.terminated | steps.truncated
    return Transition(
        obs=obs,
        action=action,
        reward=tensor(steps.reward),
        discount=s.gamma * tensor(~ended),
        next_obs=tensor(steps.next_obs),
    )


def train_step(a: Learner, step: int) -> Update:
    """One gradient update of every lane, and the target follows."""
    update: Update = a.correct(a, a.sampling.next(), step / a.settings.total_timesteps)
    if update.froze:
        frozen = (~a.optimizer.alive).nonzero().flatten().tolist()
        a.diverged_at = {lane: a.diverged_at.get(lane, step) for lane in frozen}
    a.updates += 1
    target_params = a.variant.target.follow(a.target_params, a.online.flat, a.updates)
    if target_params is not a.target_params:
        a.use_target(target_params)
    return update


def correct(a: Learner, u: Tensor, progress: Number) -> Update:
    """Correct Q by a batch: sample with uniform draws ``u`` (L, B), bootstrap, descend, feed the errors back."""
    v = a.variant
    batch = v.replay.sample(a.memory, u, progress)
    with torch.no_grad():
        y = v.bootstrap(batch, a.q, a.q_target)  # (L, B)
    update = a.optimizer.descend(batch, y)
    v.replay.feedback(a.memory, batch, update.delta)
    return update


def mark_diverged(a: Learner) -> None:
    """Name at the end the lanes that diverged and that no update has told of."""
    if a.optimizer.frozen_at is not None:
        frozen = enumerate(a.optimizer.frozen_at.tolist())
        a.diverged_at = {lane: step_of(a.settings, update) for lane, update in frozen if update}
    # parameters that an update takes out of range show in the next one's loss; after the last there is none
    for lane, finite in enumerate(a.online.flat.isfinite().all(-1).tolist()):
        if not finite:
            a.diverged_at.setdefault(lane, step_of(a.settings, a.updates))


def step_of(s: Settings, update: int) -> int:
    """The environment step that gradient update number ``update`` (1 = the first) follows."""
    first = -(-s.learning_starts // s.train_frequency) * s.train_frequency
    return first + (update - 1) // s.gradient_steps * s.train_frequency


def epsilon_at(s: Settings, steps: int, updates: int) -> float:
    """The exploration rate after ``steps`` environment steps and ``updates`` gradient updates."""
    match s.epsilon_schedule:
        case "linear":
            slope = (s.end_e - s.start_e) / (s.exploration_fraction * s.total_timesteps)
            return max(s.end_e, s.start_e + slope * steps)
        case "exponential":
            return max(s.end_e, s.start_e * s.epsilon_decay**updates)
        case _:  # constant
            return s.start_e
