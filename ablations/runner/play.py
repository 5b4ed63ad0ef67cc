"""A stored run played again: its final weights act greedily. Nothing is learned and nothing is stored."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from ablations import store
from ablations.dqn.network import Network
from ablations.dqn.variants import PIECES, Kinds, from_plain
from ablations.envs import running_statistics
from ablations.envs.checked import CheckedEnv, UnsupportedSpace, sizes
from ablations.envs.running_statistics import PREFIX
from ablations.recorders.evaluations import MOST_STEPS, start_seeds

ACTING = ("trunk", "head", "loss")
"""The slots whose pieces a network is made of; nothing else is needed to act greedily."""
RECORDED = 5
"""Episodes of a run that says nothing of evaluations."""


class Unplayable(Exception):
    """This run can't be played; the text says why in one sentence."""


@dataclass(frozen=True)
class StoredRun:
    """Inputs of playing a valid run: its manifest, its final weights, what its environment's wrappers had learned."""

    manifest: Mapping[str, Any]
    weights: Mapping[str, store.Array]
    statistics: Mapping[str, store.Array]

    @property
    def config(self) -> Mapping[str, Any]:
        """What the run was trained on."""
        config: Mapping[str, Any] = self.manifest["config"]
        return config

    @property
    def evaluated(self) -> int:
        """How many episodes each of its evaluations had."""
        return int(self.config.get("record", {}).get("eval_episodes") or RECORDED)

    def start_seeds(self, episodes: int) -> list[int]:
        """What its evaluations were reset with, or would have been."""
        return start_seeds(self.config["entropy"], self.config["seed"], episodes)


@dataclass(frozen=True)
class Played:
    """A greedy episode from its start to its end. ``cut``: it had no end, and ours came first."""

    start_seed: int
    total: float
    length: int
    terminated: bool
    truncated: bool
    cut: bool


class Greedy:
    """argmax_a Q(s, a) of a run's final network, the first of equals."""

    def __init__(self, run: StoredRun, env: gymnasium.Env[Any, Any], kinds: Kinds = PIECES) -> None:
        self.network, self.params = network_of(run, env, kinds)
        try:
            running_statistics.put(env, run.statistics)
        except (KeyError, ValueError) as problem:
            raise Unplayable(
                f"{store.WEIGHTS} lacks what wrappers of the environment keep: {problem}"
            ) from None

    def __call__(self, seen: Any) -> int:
        """An action, counted from 0, for what the environment shows."""
        obs = torch.from_numpy(np.array(seen, dtype=np.float32).reshape(1, 1, -1))  # (1, 1, D)
        with torch.no_grad():
            return int(self.network.values(self.params, obs).argmax())  # of (1, 1, A)


def open_run(run_dir: Path) -> StoredRun:
    """The run of a folder, once it is certain that it is valid and has its weights. Raises Unplayable."""
    status = store.inspect(run_dir)
    if status.manifest is None and not run_dir.is_dir():
        raise Unplayable("a file, not a run's folder" if run_dir.exists() else "no such folder")
    if status.manifest is None and not (run_dir / store.MANIFEST).is_file():
        raise Unplayable(f"holds no run (no {store.MANIFEST}){_example(run_dir)}")
    if not status.is_valid or status.manifest is None:
        raise Unplayable(
            f"the run is not valid: {status.state}{f', {status.reason}' if status.reason else ''}"
        )
    if store.WEIGHTS not in status.manifest["files"]:
        raise Unplayable(
            "the run was stored without its weights; set `weights = true` under [record] in its study, and "
            "`python -m ablations run` trains it again with them"
        )
    missing = {"env_id", "env_args", "slots", "settings", "seed", "entropy"} - status.manifest[
        "config"
    ].keys()
    if missing:
        raise Unplayable(f"its manifest's configuration lacks {', '.join(sorted(missing))}")
    arrays = _arrays(run_dir)
    statistics = {name for name in arrays if name.startswith(PREFIX)}
    return StoredRun(
        status.manifest,
        {name: array for name, array in arrays.items() if name not in statistics},
        {name: arrays[name] for name in statistics},
    )


def network_of(
    run: StoredRun, env: gymnasium.Env[Any, Any], kinds: Kinds = PIECES
) -> tuple[Network, dict[str, torch.Tensor]]:
    """The network of a run's configuration with its final weights in its only lane. Raises Unplayable."""
    try:
        slots = {slot: piece for slot, piece in run.config["slots"].items() if slot in ACTING}
        own = [piece["kind"] for slot, piece in slots.items() if piece["kind"] not in kinds[slot]]
        if own and (files := run.config.get("pieces")):
            raise Unplayable(
                f"'{own[0]}' is a piece of {' or '.join(files)}, whose code would run; if you trust it, add "
                f"--pieces FOLDER/{next(iter(files))}"
            )
        features, actions = sizes(env)
        variant = from_plain(slots, kinds)
        network = Network((features,), actions, variant.trunk, variant.head, variant.loss)
    except UnsupportedSpace as problem:
        raise Unplayable(f"{run.config['env_id']} can't be played: {problem}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise Unplayable(f"this version does not know its configuration ({problem!r})") from None
    params = network.views(torch.zeros(1, network.size))
    if params.keys() != run.weights.keys():
        raise Unplayable(f"{store.WEIGHTS} holds {', '.join(run.weights)}; expected {', '.join(params)}")
    for name, part in params.items():
        array, shape = run.weights[name], tuple(part.shape[1:])
        if array.shape != shape or array.dtype.kind != "f":
            raise Unplayable(f"{store.WEIGHTS}: {name} is {array.dtype} {array.shape}; expected {shape}")
        part.copy_(torch.from_numpy(array.astype(np.float32)))
    return network, params


def play(
    env: gymnasium.Env[Any, Any], act: Callable[[Any], int], start_seed: int, see: Callable[[], None]
) -> Played:
    """One episode. ``see`` is called at its start and after each step, for those who draw it."""
    checked = CheckedEnv(env)
    obs = checked.reset(start_seed)
    see()
    total, length, terminated, truncated = 0.0, 0, False, False
    while not (terminated or truncated) and length < MOST_STEPS:
        obs, reward, terminated, truncated = checked.step(act(obs))
        total += reward
        length += 1
        see()
    cut = not (terminated or truncated)
    return Played(start_seed, total, length, terminated, truncated, cut)


def _arrays(run_dir: Path) -> dict[str, store.Array]:
    """The arrays of a run's ``.npz``; nothing in it is unpickled."""
    try:
        with np.load(io.BytesIO(store.read_file(run_dir, store.WEIGHTS)), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (
        OSError,
        ValueError,
        EOFError,
        TypeError,
        MemoryError,
        AttributeError,
        zipfile.BadZipFile,
        store.Damaged,
    ) as problem:
        raise Unplayable(f"{store.WEIGHTS} can't be read: {problem}") from None


def _example(folder: Path) -> str:
    """A run below this folder, where there is one."""
    below = (path.parent for depth in range(1, 5) for path in folder.glob("*/" * depth + store.MANIFEST))
    example = min(below, default=None)
    return f"; a run's folder below it is {example}" if example else ""
