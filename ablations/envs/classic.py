"""Which environments can be stepped all at once, and whether that gives the bits of Gymnasium's own ``step`` here."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.utils.seeding import np_random
from gymnasium.wrappers import OrderEnforcing, TimeLimit

from ablations.envs.acrobot import Acrobot
from ablations.envs.cartpole import CartPole
from ablations.envs.dynamics import Dynamics
from ablations.envs.gym import make
from ablations.envs.mountain_car import MountainCar
from ablations.envs.namespace import NUMPY, Namespace

Env = gymnasium.Env[Any, Any]

CONTROL = "gymnasium.envs.classic_control"
CLASSIC_CONTROL: Mapping[str, tuple[type[CartPole | Acrobot | MountainCar], str]] = {
    "CartPole-v1": (CartPole, f"{CONTROL}.cartpole:CartPoleEnv"),
    "Acrobot-v1": (Acrobot, f"{CONTROL}.acrobot:AcrobotEnv"),
    "MountainCar-v0": (MountainCar, f"{CONTROL}.mountain_car:MountainCarEnv"),
}
"""By id: the physics over arrays, and the class that Gymnasium must have registered."""

WALK, SPREAD = 100, 200
"""Steps that the self-test compares: of a random walk, and from states spread over all that can be reached."""
LIMIT = 3
"""The time limit that the self-test tries."""
NEVER = np.iinfo(np.int64).max


class ClassicEnvironment(NamedTuple):
    """An environment that can be stepped all at once."""

    dynamics: CartPole | Acrobot | MountainCar
    limit: int  # environment steps after which an episode is truncated; NEVER where there is none


def classic_environment(env_id: str, args: Mapping[str, Any]) -> ClassicEnvironment | None:
    """The environment over numpy's arrays, or None where Gymnasium's own must be used.

    None for other environments, arguments that are not known here, other wrappers than Gymnasium's time limit, and
    where the self-test finds another bit than Gymnasium's; the last is warned of, once per process.
    """
    if env_id not in CLASSIC_CONTROL:
        return None
    kind = CLASSIC_CONTROL[env_id][0]
    if any(type(value) not in kind.arguments.get(name, ()) for name, value in _of_physics(args).items()):
        return None
    found = as_registered(env_id, args, NUMPY)
    return found if found is not None and _agrees(env_id, found.dynamics) else None


def as_registered(env_id: str, args: Mapping[str, Any], xp: Namespace) -> ClassicEnvironment | None:
    """The environment over a namespace's arrays, or None where Gymnasium would make something else by this id."""
    kind, entry_point = CLASSIC_CONTROL[env_id]
    env = make(env_id, args)
    if env.spec is None or env.spec.entry_point != entry_point or not _plain(env):
        return None
    limit = env.spec.max_episode_steps if isinstance(env, TimeLimit) else None
    return ClassicEnvironment(kind(**_of_physics(args), xp=xp), NEVER if limit is None else limit)


def _of_physics(args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an environment but for its time limit."""
    return {name: value for name, value in args.items() if name != "max_episode_steps"}


def _plain(env: Env) -> bool:
    """Whether nothing but Gymnasium's time limit changes what the physics gives."""
    inner = env.env if isinstance(env, TimeLimit) else env
    return type(inner) is OrderEnforcing and inner.env is env.unwrapped


@cache
def _agrees(env_id: str, dynamics: CartPole | Acrobot | MountainCar) -> bool:
    own = {name: getattr(dynamics, name) for name in dynamics.arguments}
    found = agrees(make(env_id, own), dynamics) and limits_agree(
        make(env_id, {**own, "max_episode_steps": LIMIT})
    )
    if not found:
        warnings.warn(
            f"{env_id}: on this machine, or with this version of Gymnasium, stepping all lanes at once gives other "
            "bits than Gymnasium's own step; lanes are stepped one by one, which is slower",
            RuntimeWarning,
            stacklevel=2,
        )
    return found


def drawn(dynamics: Dynamics, generator: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """What the next ``count`` starts are made of, as Gymnasium's resets draw it: (draws, n)."""
    return generator.uniform(*dynamics.start_range, (count, dynamics.draws)).T


def agrees(env: Env, dynamics: Dynamics) -> bool:
    """Whether starts, steps, rewards, terminations and observations are Gymnasium's to the last bit, where tried."""
    rng = np.random.default_rng(0)
    low, high = np.array(dynamics.state_bounds).T
    first, tried = [env.reset(seed=0)[0]], []
    for number in range(WALK + SPREAD):
        if number >= WALK:
            env.unwrapped.state = rng.uniform(low, high)  # type: ignore[attr-defined]
        before, action = _state(env), int(rng.integers(dynamics.actions))
        obs, reward, terminated, _, _ = env.step(action)
        tried.append((before, action, _state(env), obs, reward, terminated))
        if terminated:
            first.append(env.reset()[0])
    befores, actions, afters, seen, rewards, ends = map(np.array, zip(*tried, strict=True))
    starts = dynamics.starts(drawn(dynamics, np_random(0)[0], len(first)))
    moved = dynamics.step(np.ascontiguousarray(befores.T), actions)
    return (
        _same(dynamics.obs(starts), np.array(first))
        and _same(starts[:, 0], befores[0])
        and _same(moved.states.T, afters)
        and _same(dynamics.obs(moved.states), seen)
        and _same(moved.reward, rewards)
        and _same(moved.terminated, ends)
    )


def limits_agree(env: Env) -> bool:
    """Whether an environment made with the time limit ``LIMIT`` is truncated at that step and not before."""
    env.reset(seed=0)
    return [env.step(0)[3] for _ in range(LIMIT)] == [False] * (LIMIT - 1) + [True]


def _state(env: Env) -> npt.NDArray[np.float64]:
    return np.array(env.unwrapped.state, dtype=np.float64)  # type: ignore[attr-defined]


def _same(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> bool:
    """To the bit: equal numbers, with equal signs of 0."""
    return np.array_equal(ours, theirs) and np.array_equal(np.signbit(ours), np.signbit(theirs))
