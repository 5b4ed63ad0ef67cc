"""How fast networks of convolutions are: ours beside a plain loop in torch, and beside torch over lanes.

The work: a made-up world of images, batch 32, one update per frame, Adam, hard target every 100 updates. Each side acts
on one frame, draws a batch of a memory that lies ready, bootstraps, descends; stepping and storing cost nothing here.
"""

from __future__ import annotations

import statistics
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ablations import engines
from ablations.dqn.head import Linear
from ablations.dqn.network import Network, Trainable
from ablations.dqn.settings import Settings
from ablations.dqn.trunk import MinAtarCnn, NatureCnn
from ablations.dqn.types import Batch
from ablations.dqn.variants import DQN
from ablations.engines.native import library
from scripts.bench.cohorts import products
from scripts.bench.turns import Turn, ratio, take_turns, timed

ACTIONS, BATCH, FRAMES, PERIOD, GAMMA, RATE = 3, 32, 500, 100, 0.99, 1e-3
SHOWS = {"minatar-cnn": torch.bool, "nature-cnn": torch.uint8}
LANES = {"minatar-cnn": (1, 10, 16), "nature-cnn": (1, 10)}
SECONDS = 1.0
PLAIN, PEAK = "a plain loop in torch", "peak"


class Memory(NamedTuple):
    """Frames of a made-up world, of every lane: (L, N, *shape), and what became of each (L, N)."""

    frames: Tensor
    action: Tensor
    reward: Tensor
    rng: torch.Generator

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """obs, action, reward and next_obs, drawn with replacement, (L, B, ...)."""
        lanes, count = self.action.shape
        index = torch.randint(count - 1, (lanes, BATCH), generator=self.rng)
        at = index + torch.arange(lanes)[:, None] * count
        frames = self.frames.flatten(0, 1)
        return frames[at], self.action.view(-1)[at], self.reward.view(-1)[at], frames[at + 1]


def memory(kind: str, lanes: int, shape: tuple[int, ...]) -> Memory:
    """The same for every side."""
    rng = torch.Generator().manual_seed(0)
    frames = (torch.rand((lanes, FRAMES, *shape), generator=rng) * 1.3).mul_(
        200 if SHOWS[kind] == torch.uint8 else 1
    )
    action = torch.randint(ACTIONS, (lanes, FRAMES), generator=rng)
    return Memory(frames.to(SHOWS[kind]), action, torch.rand((lanes, FRAMES), generator=rng), rng)


def network(kind: str) -> Network:
    """A paper's trunk and a linear head."""
    trunk = {"minatar-cnn": MinAtarCnn(), "nature-cnn": NatureCnn()}[kind]
    return Network(trunk.usual, ACTIONS, trunk, Linear())


def engine(kind: str, lanes: int, name: str) -> Turn:
    """Ours: the ops of an engine, as the kernel calls them."""
    torch.set_num_threads(1)
    net, ops = network(kind), engines.of(name)
    seen = memory(kind, lanes, net.observation)
    flat = net.initial(0, range(lanes), torch.float32)
    target, online = flat.clone(), Trainable(net, flat)
    optimizer = ops.optimizer(
        online, replace(DQN, trunk=net.trunk), Settings(batch_size=BATCH, learning_rate=RATE)
    )
    q, q_target = ops.evaluator(net, flat), ops.evaluator(net, target)
    ones, nothing = torch.ones(lanes, BATCH), torch.zeros(lanes, BATCH, dtype=torch.int64)

    def update(done: int) -> None:
        q(seen.frames[:, done % FRAMES]).argmax(-1)
        obs, action, reward, next_obs = seen.batch()
        y = reward + GAMMA * q_target(next_obs).amax(-1)
        optimizer.descend(Batch(obs, action, reward, ones, next_obs, ones, nothing), y)
        if done % PERIOD == 0:
            target.copy_(flat)

    return turn(update, lanes)


def plain(kind: str) -> Turn:
    """One seed, torch.nn and torch.optim, as a lesson writes it."""
    torch.set_num_threads(1)
    net = network(kind)
    seen = memory(kind, 1, net.observation)
    online, target = module(net), module(net)
    target.load_state_dict(online.state_dict())
    adam = torch.optim.Adam(online.parameters(), RATE)

    def numbers(frames: Tensor) -> Tensor:  # (B, H, W, C) -> (B, C, H, W)
        scaled = frames.float() / 255 if frames.dtype == torch.uint8 else frames.float()
        return scaled.permute(0, 3, 1, 2)

    def update(done: int) -> None:
        with torch.no_grad():
            online(numbers(seen.frames[0, done % FRAMES][None])).argmax(-1)
        obs, action, reward, next_obs = (part[0] for part in seen.batch())
        with torch.no_grad():
            y = reward + GAMMA * target(numbers(next_obs)).amax(-1)
        value = online(numbers(obs)).gather(1, action[:, None])[:, 0]
        loss = functional.mse_loss(value, y)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        if done % PERIOD == 0:
            target.load_state_dict(online.state_dict())

    return turn(update, 1)


def module(net: Network) -> torch.nn.Module:
    """The same network of torch's own layers, channels first."""
    layers: list[torch.nn.Module] = []
    for of in net.convolutions.values():
        layers += [torch.nn.Conv2d(of.channels, of.filters, of.kernel, of.stride), torch.nn.ReLU()]
    (width,) = net.trunk.hidden
    return torch.nn.Sequential(
        *layers,
        torch.nn.Flatten(),
        torch.nn.Linear(of.units, width),
        torch.nn.ReLU(),
        torch.nn.Linear(width, ACTIONS),
    )


def lanes_in_torch(kind: str, lanes: int) -> Turn:
    """Many seeds in torch as well as we know how: patches, batched products, torch's fused Adam on all at once."""
    torch.set_num_threads(1)
    net = network(kind)
    seen = memory(kind, lanes, net.observation)
    flat = net.initial(0, range(lanes), torch.float32)
    params = {name: part.clone().requires_grad_() for name, part in net.views(flat).items()}
    target = {name: part.detach().clone() for name, part in params.items()}
    adam = torch.optim.Adam(params.values(), RATE, fused=True)

    def update(done: int) -> None:
        with torch.no_grad():
            net.values(params, seen.frames[:, done % FRAMES][:, None]).argmax(-1)
        obs, action, reward, next_obs = seen.batch()
        with torch.no_grad():
            y = reward + GAMMA * net.values(target, next_obs).amax(-1)
        value = net.values(params, obs).gather(-1, action[..., None])[..., 0]
        loss = (value - y).square().mean(-1).sum()
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        if done % PERIOD == 0:
            for name, part in params.items():
                target[name].copy_(part.detach())

    return turn(update, lanes)


def turn(update: Callable[[int], None], lanes: int) -> Turn:
    """Updates of all lanes, past the first few, for about a second."""
    done = 0

    def advance() -> int:
        nonlocal done
        done += 1
        update(done)
        return lanes

    for _ in range(3):
        advance()
    return lambda: timed(advance, SECONDS)


def flops(net: Network) -> float:
    """Multiplications and additions of a frame: acting, Q and Q- on a batch, and the way back, as ``cohorts.flops``."""
    every, inner = products(net)
    return 2.0 * (every * (1 + 3 * BATCH) + inner * BATCH)


def by_frames(name: str, options: Namespace) -> None:
    """``minatar-cnn`` and ``nature-cnn`` by their number of lanes, beside loops in torch and the core's peak."""
    from scripts.bench.speeds import peak

    for kind, counts in LANES.items():
        made = {PLAIN: plain(kind)} | ({} if library.missing() else {PEAK: peak})
        made |= {f"torch, {lanes} lanes": lanes_in_torch(kind, lanes) for lanes in counts}
        made |= {f"{name}, {lanes} lanes": engine(kind, lanes, name) for lanes in counts}
        speeds, work = take_turns(made, options.repeats), flops(network(kind))
        print(f"\n{kind:24}{'updates/s':>14}{'x plain':>11}{'x torch':>11}{'of peak':>9}")
        for label, values in speeds.items():
            if label == PEAK:
                continue
            line = f"{label:24}{statistics.median(values):14,.0f}{ratio(speeds, label, PLAIN):11.2f}"
            if label.startswith(name):
                line += f"{ratio(speeds, label, label.replace(name, 'torch', 1)):11.2f}"
                line += f"{ratio(speeds, label, PEAK) * work:9.0%}" if PEAK in speeds else ""
            print(line)
