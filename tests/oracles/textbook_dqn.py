"""A textbook DQN: one agent, one environment, lists and loops, in float64.

Algorithm 1 of Mnih et al. 2015, with every trick of the suite, written to be read and not to be fast. The
fast code must equal it along hundreds of updates, so it draws its random numbers from the same streams in
the same order; they are derived here again from their definition.

A transition is the tuple (state, action, reward, discount, next state, whether its episode ended). The gradient is
torch's, through matrices of shape (fan_in, fan_out); the optimisers are torch's own.
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
    bins,
    clip_scale,
    discount_of,
    drawn_from,
    epsilon_of,
    first_maximum,
    follow,
    gauss_bins,
    munchausen_target,
    reset_layers,
    softmax,
    target_of,
    weight_bound,
    window,
)
from .list_per import ListPER

# The fixed integer of each stream of random numbers.
ENVIRONMENT, WEIGHTS, HEAD, VALUE, ADVANTAGE_HIDDEN, EXPLORATION, REPLAY = 0, 1, 2, 3, 4, 5, 6
RESETS = 10

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
    "trunk": {
        "mlp": {"hidden": [64, 64], "layer_norm": False},
        "minatar-cnn": {
            "filters": [16],
            "kernels": [3],
            "strides": [1],
            "hidden": [128],
            "layer_norm": False,
        },
    },
    "head": {"linear": {}, "bias-free": {}, "dueling": {"hidden": []}},
    "exploration": {
        "epsilon-greedy": {
            "start_e": 1.0,
            "end_e": 0.05,
            "schedule": "linear",
            "exploration_fraction": 0.2,
            "epsilon_decay": 0.995,
        },
        "softmax": {"temperature": 1.0},
    },
    "replay": {
        "uniform": {},
        "latest": {},
        "consecutive": {},
        "prioritized": {"alpha": 0.6, "beta_start": 0.4, "beta_end": 1.0, "eps": 1e-6, "stratified": True},
    },
    "returns": {"one-step": {}, "n-step": {"n": 3}},
    "target": {"hard": {"period": 100}, "soft": {"tau": 0.005}, "none": {}},
    "bootstrap": {
        "max": {},
        "double": {},
        "inverse-double": {},
        "munchausen": {"alpha": 0.9, "tau": 0.03, "clip": -1.0},
        "soft-q": {"tau": 0.03},
    },
    "loss": {
        "squared": {},
        "huber": {},
        "hl-gauss": {"atoms": 51, "sigma": 0.75, "v_min": None, "v_max": None},
    },
    "optimizer": {
        "adam": {"eps": 1e-8, "max_grad_norm": 0.0, "reset_at_sync": False},
        "rmsprop": {"eps": 1e-8, "max_grad_norm": 0.0, "decay": 0.99, "centered": False},
        "sgd": {"max_grad_norm": 0.0},
    },
    "maintenance": {"none": {}, "reset": {"every": 10_000, "layers": 1}},
}
"""Kinds and their numbers by slot; the first kind stands where a slot is not given."""

Parameters = dict[str, torch.Tensor]
Transition = tuple[torch.Tensor, int, float, float, torch.Tensor, bool]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Step:
    """What happened at one environment step."""

    action: int
    reward: float
    terminated: bool
    truncated: bool
    epsilon: float  # NaN where exploration has no rate


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
    if set(whole["trunk"].get("strides", [])) - {1}:
        raise ValueError("convolutions of the oracle have strides of 1")
    return whole


def initial_parameters(
    slots: dict[str, Any], shape: tuple[int, ...], actions: int, seed: int, entropy: int
) -> Arrays:
    """Initial weights (fan_in, fan_out) and biases (fan_out,), float64, by layer of a network for states of a shape:

    `trunk.0`, `trunk.1`, ...   the hidden layers of the trunk
    `head`                      the linear head; for dueling the output layer of the A stream
    `advantage_hidden.0`, ...   dueling: the hidden layers of the A stream
    `value_hidden.0`, ...       dueling: the hidden layers of the V stream
    `value`                     dueling: the output layer of the V stream

    each with `.weight` and `.bias`, but for the bias-free head. A convolution, which comes before the dense layers of a
    trunk, has a weight (k, k, channels, filters). With layer norm each hidden layer of the trunk has
    `.gain` (1) and `.shift` (0) too, which draw nothing. Under hl-gauss an output layer has `atoms` outputs for
    each of its own, those of one action side by side.
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

    def norm(name: str, units: int) -> None:
        if slots["trunk"]["layer_norm"]:
            parameters[f"{name}.gain"], parameters[f"{name}.shift"] = np.ones(units), np.zeros(units)

    outputs = slots["loss"].get("atoms", 1)
    kernels = slots["trunk"].get("kernels", [])
    for i, kernel in enumerate(kernels):
        (height, width, channels), filters = shape, slots["trunk"]["filters"][i]
        layer(f"trunk.{i}", weights, kernel * kernel * channels, filters)
        drawn = parameters[f"trunk.{i}.weight"]
        parameters[f"trunk.{i}.weight"] = drawn.reshape(kernel, kernel, channels, filters)
        shape = (height - kernel + 1, width - kernel + 1, filters)
        norm(f"trunk.{i}", math.prod(shape))
    features = math.prod(shape)
    for i, width in enumerate(slots["trunk"]["hidden"], len(kernels)):
        layer(f"trunk.{i}", weights, features, width)
        norm(f"trunk.{i}", width)
        features = width

    if slots["head"]["kind"] != "dueling":
        layer("head", head, features, actions * outputs, bias=slots["head"]["kind"] == "linear")
    else:
        stream_width = features
        for i, width in enumerate(slots["head"]["hidden"]):
            layer(f"advantage_hidden.{i}", advantage_hidden, stream_width, width)
            stream_width = width
        layer("head", head, stream_width, actions * outputs)
        stream_width = features
        for i, width in enumerate(slots["head"]["hidden"]):
            layer(f"value_hidden.{i}", value, stream_width, width)
            stream_width = width
        layer("value", value, stream_width, outputs)
    return parameters


def outputs_of(parameters: Parameters, states: torch.Tensor, outputs: int = 1) -> torch.Tensor:
    """What the network says of states (B, *shape): (B, actions, outputs per action).

    Whether the head is dueling and the trunk has layer norm is seen from the names, a convolution from its weight.
    """

    def hidden_layers(name: str, h: torch.Tensor) -> torch.Tensor:
        i = 0
        while f"{name}.{i}.weight" in parameters:
            weight, bias = parameters[f"{name}.{i}.weight"], parameters[f"{name}.{i}.bias"]
            if weight.dim() == 4:  # torch has channels first
                filters = weight.permute(3, 2, 0, 1).contiguous()
                h = torch.nn.functional.conv2d(h.permute(0, 3, 1, 2), filters, bias).permute(0, 2, 3, 1)
            else:
                h = h.flatten(1) @ weight + bias
            if f"{name}.{i}.gain" in parameters:
                gain, shift = parameters[f"{name}.{i}.gain"], parameters[f"{name}.{i}.shift"]
                h = layer_norm(h.flatten(1), gain, shift).reshape(h.shape)
            h = torch.relu(h)
            i += 1
        return h.flatten(1)

    def affine(name: str, h: torch.Tensor) -> torch.Tensor:
        product = h @ parameters[f"{name}.weight"]
        product = product + parameters[f"{name}.bias"] if f"{name}.bias" in parameters else product
        return product.reshape(len(states), -1, outputs)

    h = hidden_layers("trunk", states)
    if "value.weight" not in parameters:
        return affine("head", h)
    a = affine("head", hidden_layers("advantage_hidden", h))  # (B, actions, outputs)
    v = affine("value", hidden_layers("value_hidden", h))  # (B, 1, outputs)
    return v + a - a.mean(dim=1, keepdim=True)  # Wang et al. 2016, eq. 9: the mean is per state


def q_values(
    parameters: Parameters, states: torch.Tensor, loss: dict[str, Any] | None = None
) -> torch.Tensor:
    """Q(s, .) of states (B, *shape): (B, actions); under hl-gauss the mean of each action's distribution."""
    if loss is None or loss["kind"] != "hl-gauss":
        return outputs_of(parameters, states)[:, :, 0]
    centers, _ = bins(loss["atoms"], loss["v_min"], loss["v_max"])
    p = torch.softmax(outputs_of(parameters, states, loss["atoms"]), dim=2)
    return (p * torch.tensor(centers, dtype=p.dtype)).sum(dim=2)


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
        return torch.optim.RMSprop(
            tensors, lr=lr, alpha=piece["decay"], eps=piece["eps"], centered=piece["centered"], foreach=False
        )
    return torch.optim.SGD(tensors, lr=lr, foreach=False)


def follow_all(
    target: dict[str, Any], target_params: Parameters, online: Parameters, update: int
) -> Parameters:
    """The target network after `update` finished updates; with target `none` the online one's equal."""
    now = copy_of(online)
    return {name: follow(target, target_params[name], now[name], update) for name in target_params}


def reset(
    numbers: dict[str, Any],
    networks: list[Parameters],
    optimizer: torch.optim.Optimizer,
    uniforms: np.random.Generator,
) -> None:
    """Put one fresh draw into the last layers of each stream of all networks; zero what the optimizer knows of them.

    Nikishin et al. 2022. Its count of steps stays.
    """
    online = networks[0]
    layers = [name.removesuffix(".weight") for name in online if name.endswith(".weight")]
    trunk = [name for name in layers if name.startswith("trunk.")]
    advantage = [name for name in layers if name.startswith("advantage_hidden.")]
    value = [name for name in layers if name.startswith("value")]
    streams = [[*trunk, *advantage, "head"], *([[*trunk, *value]] if value else [])]
    for name in reset_layers(streams, numbers["layers"]):
        k = weight_bound(math.prod(online[f"{name}.weight"].shape[:-1]))
        for part in (part for part in online if part.rpartition(".")[0] == name):
            shape = tuple(online[part].shape)
            if part.endswith((".weight", ".bias")):
                fresh = torch.tensor(uniforms.uniform(-k, k, shape))
            else:  # of a norm: as at the start
                fresh = torch.full(shape, 1.0 if part.endswith(".gain") else 0.0)
            with torch.no_grad():
                for parameters in networks:
                    parameters[part].copy_(fresh)
                for moment in optimizer.state[online[part]].values():
                    if torch.is_tensor(moment) and moment.shape == fresh.shape:
                        moment.zero_()


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
    replay, distribution = slots["replay"], slots["loss"]
    n = slots["returns"].get("n", 1)
    batch_size = 1 if replay["kind"] == "latest" else settings["batch_size"]

    env = gym.make(env_id, disable_env_checker=True, **env_args)
    space = env.action_space
    assert isinstance(space, gym.spaces.Discrete)
    assert isinstance(env.observation_space, gym.spaces.Box)
    actions, first_action = int(space.n), int(space.start)
    shape = env.observation_space.shape
    if "kernels" not in slots["trunk"]:
        shape = (math.prod(shape),)

    exploration = stream(entropy, seed, EXPLORATION)
    replay_stream = stream(entropy, seed, REPLAY)
    resets = stream(entropy, seed, RESETS)
    environment_seed = int(stream(entropy, seed, ENVIRONMENT).integers(2**31))

    initial = initial_parameters(slots, shape, actions, seed, entropy)
    online = {name: torch.tensor(array, dtype=dtype, requires_grad=True) for name, array in initial.items()}
    target_params = copy_of(online)
    optimizer = torch_optimizer(slots["optimizer"], settings["learning_rate"], online)

    history: list[Transition] = []  # all transitions, oldest first
    ring: list[int] = []  # by slot: the place in `history` of the transition that it holds
    per = None
    if replay["kind"] == "prioritized":
        per = ListPER(settings["buffer_size"], replay["alpha"], replay["eps"])

    def as_state(observation: Any) -> torch.Tensor:
        return torch.tensor(np.asarray(observation, dtype=np.float32).reshape(shape)).to(dtype)

    def act(state: torch.Tensor, epsilon: float) -> int:
        coin, pick = exploration.random(2)
        with torch.no_grad():
            values = q_values(online, state[None], distribution)[0].tolist()
        if slots["exploration"]["kind"] == "softmax":
            return drawn_from(softmax(values, slots["exploration"]["temperature"]), pick)
        return int(pick * actions) if coin < epsilon else first_maximum(values)

    def store(transition: Transition) -> None:
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
        whole = len(history) - (n - 1)  # transitions with a whole window, as long as no episode ends in it
        if replay["kind"] == "latest":
            return [whole - 1], None, ones
        if replay["kind"] == "consecutive":
            if whole < batch_size:
                raise ValueError("fewer transitions than a batch of consecutive ones needs")
            return list(range(whole - batch_size, whole)), None, ones
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
        taken = [history[place][1] for place in places]
        states = torch.stack([history[place][0] for place in places])  # (B, *shape)
        ahead = [window(history, place, n, settings["gamma"]) for place in places]
        next_states = torch.stack([next_state for *_, next_state in ahead])  # (B, *shape)

        with torch.no_grad():
            q_next = q_values(online, next_states, distribution).tolist()
            q_minus_next = q_values(target_params, next_states, distribution).tolist()
            q_minus = q_values(target_params, states, distribution).tolist()
        y = []
        for b, (reward, discount, _) in enumerate(ahead):
            if slots["bootstrap"]["kind"] in ("munchausen", "soft-q"):
                known = (reward, discount, taken[b], q_minus[b], q_minus_next[b])
                y.append(munchausen_target(slots["bootstrap"], *known))
            else:
                y.append(target_of(slots["bootstrap"]["kind"], reward, discount, q_next[b], q_minus_next[b]))

        q = q_values(online, states, distribution)  # (B, actions)
        q_taken = torch.stack([q[b, action] for b, action in enumerate(taken)])  # (B,)
        delta = torch.tensor(y, dtype=dtype) - q_taken  # (B,)
        if distribution["kind"] == "squared":
            each = delta**2 / 2
        elif distribution["kind"] == "huber":
            each = torch.where(delta.abs() <= 1, delta**2 / 2, delta.abs() - 0.5)
        else:  # hl-gauss: the cross-entropy of the taken action's distribution from y's
            numbers = {name: value for name, value in distribution.items() if name != "kind"}
            p = torch.tensor([gauss_bins(value, **numbers) for value in y], dtype=dtype)  # (B, atoms)
            logits = outputs_of(online, states, numbers["atoms"])  # (B, actions, atoms)
            log_q = torch.stack([torch.log_softmax(logits[b, action], 0) for b, action in enumerate(taken)])
            each = -(p * log_q).sum(dim=1)
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
        done = len(trace.updates)
        if slots["optimizer"].get("reset_at_sync") and done % slots["target"]["period"] == 0:
            optimizer.state.clear()  # Asadi et al. 2023: both moments and the count
        if slots["maintenance"]["kind"] == "reset" and done % slots["maintenance"]["every"] == 0:
            reset(slots["maintenance"], [online, target_params], optimizer, resets)
        if per is not None and drawn is not None:
            per.update(drawn, deltas)

    observation, _ = env.reset(seed=environment_seed)
    state = as_state(observation)
    episode_return, episode_length = 0.0, 0
    for t in range(1, steps + 1):
        epsilon = math.nan
        if slots["exploration"]["kind"] == "epsilon-greedy":
            known = (slots["exploration"], settings["total_timesteps"], t)
            epsilon = epsilon_of(*known, updates=len(trace.updates))
        action = act(state, epsilon)

        observation, given_reward, terminated, truncated, _ = env.step(first_action + action)
        reward = float(given_reward)
        next_state = as_state(observation)
        discount = discount_of(settings["gamma"], terminated, truncated, settings["bootstrap_truncated"])
        store((state, action, reward, discount, next_state, bool(terminated or truncated)))
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
