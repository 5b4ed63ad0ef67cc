"""A textbook DQN: one agent, one environment, lists and loops, in float64.

Algorithm 1 of Mnih et al. 2015, with every trick of the suite, written to be read and not to be fast. The
fast code must equal it along hundreds of updates, so it draws its random numbers from the same streams in
the same order; they are derived here again from their definition.

A transition is the tuple (state, action, reward, discount, next state). The gradient is torch's, through
matrices of shape (fan_in, fan_out); the optimisers are torch's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch

from .equations import (
    beta_of,
    clip_scale,
    discount_of,
    epsilon_of,
    first_maximum,
    follow,
    target_of,
    weight_bound,
)
from .list_per import ListPER

# The fixed integer of each stream of random numbers.
ENVIRONMENT, WEIGHTS, HEAD, VALUE, ADVANTAGE_HIDDEN, EXPLORATION, REPLAY = 0, 1, 2, 3, 4, 5, 6

SETTINGS: dict[str, Any] = {
    "total_timesteps": 50_000,
    "learning_rate": 1e-3,
    "buffer_size": 10_000,
    "batch_size": 64,
    "gamma": 0.99,
    "learning_starts": 1_000,
    "train_frequency": 1,
    "gradient_steps": 1,
    "bootstrap_truncated": True,
}

PIECES: dict[str, dict[str, dict[str, Any]]] = {
    "trunk": {"mlp": {"hidden": [64, 64], "layer_norm": False}},
    "head": {"linear": {}, "bias-free": {}, "dueling": {"hidden": []}},
    "exploration": {
        "epsilon-greedy": {
            "start_e": 1.0,
            "end_e": 0.05,
            "schedule": "linear",
            "exploration_fraction": 0.2,
            "epsilon_decay": 0.995,
        },
    },
    "replay": {
        "uniform": {},
        "latest": {},
        "consecutive": {},
        "prioritized": {"alpha": 0.6, "beta_start": 0.4, "beta_end": 1.0, "eps": 1e-6, "stratified": True},
    },
    "returns": {"one-step": {}},
    "target": {"hard": {"period": 100}, "soft": {"tau": 0.005}, "none": {}},
    "bootstrap": {"max": {}, "double": {}, "inverse-double": {}},
    "loss": {"squared": {}, "huber": {}},
    "optimizer": {
        "adam": {"eps": 1e-8, "max_grad_norm": 0.0},
        "rmsprop": {"eps": 1e-8, "max_grad_norm": 0.0},
        "sgd": {"max_grad_norm": 0.0},
    },
    "maintenance": {"none": {}},
}
"""Kinds and their numbers by slot; the first kind stands where a slot is not given."""

Parameters = dict[str, torch.Tensor]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Step:
    """What happened at one environment step."""

    action: int
    reward: float
    terminated: bool
    truncated: bool
    epsilon: float


@dataclass(frozen=True)
class Update:
    """One gradient update. Lists have one entry per sample of the batch, in the order of the batch."""

    step: int  # the environment step (1-based) after which it was made
    uniforms: list[float]  # the numbers drawn from the replay stream, used or not
    stored_at: list[int]  # the environment step (1-based) at which each sample was stored
    slots: list[int] | None  # the ring slot of each sample; None for `latest` and `consecutive`
    weights: list[float]
    y: list[float]
    delta: list[float]  # y - Q(s, a), unweighted, with its sign
    loss: float
    gradient_norm: float  # before clipping


@dataclass(frozen=True)
class Episode:
    """One finished episode; the fields are the columns of episodes.parquet."""

    global_step: int
    episodic_return: float
    episodic_length: int
    terminated: bool
    truncated: bool
    epsilon: float


@dataclass
class Trace:
    """Everything a run did.

    Parameters by name as in `initial_parameters`. `unfinished` is length and return of the episode that the
    last step cut. `priorities` holds p by ring slot, before the power of alpha; None without prioritised
    replay.
    """

    initial: Arrays
    steps: list[Step] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    unfinished: tuple[int, float] = (0, 0.0)
    online: Arrays = field(default_factory=dict)
    target: Arrays = field(default_factory=dict)
    priorities: list[float] | None = None


def stream(entropy: int, seed: int, role: int) -> np.random.Generator:
    """The generator of one role of one seed; the variant has no part in it."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy, spawn_key=(seed, role))))


def whole_settings(given: dict[str, Any]) -> dict[str, Any]:
    """The settings with defaults filled in; an unknown one is an error, so that none is ignored silently."""
    unknown = sorted(set(given) - set(SETTINGS))
    if unknown:
        raise ValueError(f"settings that the oracle does not know: {unknown}")
    return {**SETTINGS, **given}


def whole_slots(given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The slots in their plain form with what is not given filled in; an unknown slot or number is an error."""
    unknown = sorted(set(given) - set(PIECES))
    if unknown:
        raise ValueError(f"slots that the oracle does not know: {unknown}")
    whole = {}
    for slot, kinds in PIECES.items():
        piece = given.get(slot, {"kind": next(iter(kinds))})
        numbers = PIECES[slot][piece["kind"]]
        unknown = sorted(set(piece) - set(numbers) - {"kind"})
        if unknown:
            raise ValueError(f"numbers that the oracle does not know: {slot}.{unknown}")
        whole[slot] = {**numbers, **piece}
    return whole


def initial_parameters(slots: dict[str, Any], inputs: int, actions: int, seed: int, entropy: int) -> Arrays:
    """Initial weights (fan_in, fan_out) and biases (fan_out,), float64, by layer:

    `trunk.0`, `trunk.1`, ...   the hidden layers of the trunk
    `head`                      the linear head; for dueling the output layer of the A stream
    `advantage_hidden.0`, ...   dueling: the hidden layers of the A stream
    `value_hidden.0`, ...       dueling: the hidden layers of the V stream
    `value`                     dueling: the output layer of the V stream

    each with `.weight` and `.bias`, but for the bias-free head; a layer of the trunk that is normalized has
    `.gain` and `.shift` (fan_out,) too, ones and zeros.
    """
    slots = whole_slots(slots)
    weights = stream(entropy, seed, WEIGHTS)
    head = stream(entropy, seed, HEAD)
    value = stream(entropy, seed, VALUE)
    advantage_hidden = stream(entropy, seed, ADVANTAGE_HIDDEN)
    parameters: Arrays = {}

    def layer(name: str, rng: np.random.Generator, fan_in: int, fan_out: int, bias: bool = True) -> None:
        k = weight_bound(fan_in)
        parameters[f"{name}.weight"] = rng.uniform(-k, k, (fan_in, fan_out))
        if bias:
            parameters[f"{name}.bias"] = rng.uniform(-k, k, (fan_out,))

    features = inputs
    for i, width in enumerate(slots["trunk"]["hidden"]):
        layer(f"trunk.{i}", weights, features, width)
        if slots["trunk"]["layer_norm"]:
            parameters[f"trunk.{i}.gain"], parameters[f"trunk.{i}.shift"] = np.ones(width), np.zeros(width)
        features = width

    if slots["head"]["kind"] != "dueling":
        layer("head", head, features, actions, bias=slots["head"]["kind"] == "linear")
    else:
        stream_width = features
        for i, width in enumerate(slots["head"]["hidden"]):
            layer(f"advantage_hidden.{i}", advantage_hidden, stream_width, width)
            stream_width = width
        layer("head", head, stream_width, actions)
        stream_width = features
        for i, width in enumerate(slots["head"]["hidden"]):
            layer(f"value_hidden.{i}", value, stream_width, width)
            stream_width = width
        layer("value", value, stream_width, 1)
    return parameters


def q_values(parameters: Parameters, states: torch.Tensor) -> torch.Tensor:
    """Q(s, .) of states (B, inputs): (B, actions). Dueling and layer norm are seen from the names."""

    def hidden_layers(name: str, h: torch.Tensor) -> torch.Tensor:
        i = 0
        while f"{name}.{i}.weight" in parameters:
            h = h @ parameters[f"{name}.{i}.weight"] + parameters[f"{name}.{i}.bias"]
            if f"{name}.{i}.gain" in parameters:
                h = layer_norm(h, parameters[f"{name}.{i}.gain"], parameters[f"{name}.{i}.shift"])
            h = torch.relu(h)
            i += 1
        return h

    def affine(name: str, h: torch.Tensor) -> torch.Tensor:
        product = h @ parameters[f"{name}.weight"]
        return product + parameters[f"{name}.bias"] if f"{name}.bias" in parameters else product

    h = hidden_layers("trunk", states)
    if "value.weight" not in parameters:
        return affine("head", h)
    a = affine("head", hidden_layers("advantage_hidden", h))  # (B, actions)
    v = affine("value", hidden_layers("value_hidden", h))  # (B, 1)
    return v + a - a.mean(dim=1, keepdim=True)  # Wang et al. 2016, eq. 9: the mean is per state


def layer_norm(x: torch.Tensor, gain: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Each row of x (B, width) alone: its units less their mean, by their deviation (Ba et al. 2016, eq. 4)."""
    rows = []
    for row in x:
        deviations = row - row.sum() / len(row)
        variance = (deviations * deviations).sum() / len(row)
        rows.append(gain * deviations / torch.sqrt(variance + 1e-5) + shift)
    return torch.stack(rows)


def torch_optimizer(piece: dict[str, Any], lr: float, parameters: Parameters) -> torch.optim.Optimizer:
    """The optimizer of the slot, as torch has it."""
    tensors = list(parameters.values())
    if piece["kind"] == "adam":
        return torch.optim.Adam(tensors, lr=lr, betas=(0.9, 0.999), eps=piece["eps"], foreach=False)
    if piece["kind"] == "rmsprop":
        return torch.optim.RMSprop(tensors, lr=lr, alpha=0.99, eps=piece["eps"], foreach=False)
    return torch.optim.SGD(tensors, lr=lr, foreach=False)


def follow_all(
    target: dict[str, Any], target_params: Parameters, online: Parameters, update: int
) -> Parameters:
    """The target network after `update` finished updates; with target `none` the online one's equal."""
    now = copy_of(online)
    return {name: follow(target, target_params[name], now[name], update) for name in target_params}


def copy_of(parameters: Parameters) -> Parameters:
    return {name: tensor.detach().clone() for name, tensor in parameters.items()}


def arrays_of(parameters: Parameters) -> Arrays:
    return {name: tensor.detach().clone().numpy() for name, tensor in parameters.items()}


def train(
    env_id: str,
    env_args: dict[str, Any],
    slots: dict[str, Any],
    settings: dict[str, Any],
    seed: int,
    entropy: int,
    steps: int,
    dtype: torch.dtype = torch.float64,
) -> Trace:
    """Train for `steps` environment steps of a run whose schedules are made for settings['total_timesteps'].

    `slots` in the plain form ({"replay": {"kind": "uniform"}, ...}) may leave out slots, and both it and
    `settings` numbers that have their defaults. Raises FloatingPointError where a loss is not finite: the oracle is
    no reference from there on.
    """
    slots, settings = whole_slots(slots), whole_settings(settings)
    replay = slots["replay"]
    batch_size = 1 if replay["kind"] == "latest" else settings["batch_size"]

    env = gym.make(env_id, disable_env_checker=True, **env_args)
    space = env.action_space
    assert isinstance(space, gym.spaces.Discrete)
    assert isinstance(env.observation_space, gym.spaces.Box)
    actions, first_action = int(space.n), int(space.start)
    inputs = math.prod(env.observation_space.shape)

    exploration = stream(entropy, seed, EXPLORATION)
    replay_stream = stream(entropy, seed, REPLAY)
    environment_seed = int(stream(entropy, seed, ENVIRONMENT).integers(2**31))

    initial = initial_parameters(slots, inputs, actions, seed, entropy)
    online = {name: torch.tensor(array, dtype=dtype, requires_grad=True) for name, array in initial.items()}
    target_params = copy_of(online)
    optimizer = torch_optimizer(slots["optimizer"], settings["learning_rate"], online)

    history: list[tuple[torch.Tensor, int, float, float, torch.Tensor]] = []  # all transitions, oldest first
    ring: list[int] = []  # by slot: the place in `history` of the transition that it holds
    per = None
    if replay["kind"] == "prioritized":
        per = ListPER(settings["buffer_size"], replay["alpha"], replay["eps"])

    def as_state(observation: Any) -> torch.Tensor:
        return torch.tensor(np.asarray(observation, dtype=np.float32).reshape(-1)).to(dtype)

    def greedy(state: torch.Tensor) -> int:
        with torch.no_grad():
            return first_maximum(q_values(online, state.reshape(1, -1))[0].tolist())

    def store(transition: tuple[torch.Tensor, int, float, float, torch.Tensor]) -> None:
        slot = len(history) % settings["buffer_size"]
        history.append(transition)
        if slot == len(ring):
            ring.append(len(history) - 1)
        else:
            ring[slot] = len(history) - 1
        if per is not None:
            per.add()

    def sample(uniforms: list[float], beta: float) -> tuple[list[int], list[int] | None, list[float]]:
        """Places in history, ring slots, importance weights."""
        ones = [1.0] * batch_size
        if replay["kind"] == "latest":
            return [len(history) - 1], None, ones
        if replay["kind"] == "consecutive":
            if len(history) < batch_size:
                raise ValueError("fewer transitions than a batch of consecutive ones needs")
            return list(range(len(history) - batch_size, len(history))), None, ones
        if per is None:
            drawn = [int(u * len(ring)) for u in uniforms]
            return [ring[slot] for slot in drawn], drawn, ones
        drawn = per.sample(uniforms, replay["stratified"])
        return [ring[slot] for slot in drawn], drawn, per.weights(drawn, beta)

    trace = Trace(initial=arrays_of(online))

    def learn(t: int) -> None:
        nonlocal target_params
        beta = 1.0
        if per is not None:
            beta = beta_of(replay["beta_start"], replay["beta_end"], t, settings["total_timesteps"])
        uniforms = [float(u) for u in replay_stream.random(batch_size)]
        places, drawn, weights = sample(uniforms, beta)
        batch = [history[place] for place in places]
        next_states = torch.stack([next_state for *_, next_state in batch])  # (B, inputs)

        with torch.no_grad():
            q_next = q_values(online, next_states).tolist()
            q_minus_next = q_values(target_params, next_states).tolist()
        y = []
        for b, (_, _, reward, discount, _) in enumerate(batch):
            y.append(target_of(slots["bootstrap"]["kind"], reward, discount, q_next[b], q_minus_next[b]))

        states = torch.stack([state for state, *_ in batch])  # (B, inputs)
        q = q_values(online, states)  # (B, actions)
        q_taken = torch.stack([q[b, action] for b, (_, action, *_) in enumerate(batch)])  # (B,)
        delta = torch.tensor(y, dtype=dtype) - q_taken  # (B,)
        if slots["loss"]["kind"] == "squared":
            each = delta**2 / 2
        else:  # huber
            each = torch.where(delta.abs() <= 1, delta**2 / 2, delta.abs() - 0.5)
        loss = (torch.tensor(weights, dtype=dtype) * each).sum() / batch_size
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss is {loss.item()} at environment step {t}")

        optimizer.zero_grad()
        loss.backward()
        gradients = [tensor.grad for tensor in online.values() if tensor.grad is not None]
        norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients))
        scale = clip_scale(norm, slots["optimizer"]["max_grad_norm"])
        for gradient in gradients:
            gradient.mul_(scale)
        optimizer.step()

        deltas = delta.tolist()
        stored_at = [place + 1 for place in places]
        trace.updates.append(Update(t, uniforms, stored_at, drawn, weights, y, deltas, loss.item(), norm))
        target_params = follow_all(slots["target"], target_params, online, update=len(trace.updates))
        if per is not None and drawn is not None:
            per.update(drawn, deltas)

    observation, _ = env.reset(seed=environment_seed)
    state = as_state(observation)
    episode_return, episode_length = 0.0, 0
    for t in range(1, steps + 1):
        epsilon = epsilon_of(slots["exploration"], settings["total_timesteps"], t, updates=len(trace.updates))
        coin, pick = exploration.random(2)
        action = int(pick * actions) if coin < epsilon else greedy(state)

        observation, given_reward, terminated, truncated, _ = env.step(first_action + action)
        reward = float(given_reward)
        next_state = as_state(observation)
        discount = discount_of(settings["gamma"], terminated, truncated, settings["bootstrap_truncated"])
        store((state, action, reward, discount, next_state))
        trace.steps.append(Step(action, reward, bool(terminated), bool(truncated), epsilon))

        if t >= settings["learning_starts"] and t % settings["train_frequency"] == 0:
            for _ in range(settings["gradient_steps"]):
                learn(t)

        state = next_state
        episode_return += reward
        episode_length += 1
        if terminated or truncated:
            ended = Episode(t, episode_return, episode_length, bool(terminated), bool(truncated), epsilon)
            trace.episodes.append(ended)
            observation, _ = env.reset()
            state = as_state(observation)
            episode_return, episode_length = 0.0, 0
    env.close()

    trace.unfinished = (episode_length, episode_return)
    trace.online, trace.target = arrays_of(online), arrays_of(target_params)
    trace.priorities = None if per is None else list(per.priorities)
    return trace
