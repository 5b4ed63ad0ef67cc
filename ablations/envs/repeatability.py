"""Whether environments of one seed go one way: asked before the first training, answered in study.json.

Two of one seed are compared over some hundred steps: one after the other, in turns with a third, and against one in
another process. Everything that a run's bits could depend on besides its seed shows in one of the three.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any, NamedTuple

import numpy as np

from ablations.envs import global_generators
from ablations.envs.checked import CheckedEnv
from ablations.envs.gym import make, opened, why_no_checkpoints
from ablations.envs.running_statistics import names_of

STEPS = 200
SEED, IN_TURNS = 1, (1, 2)
STEPS_HERE, STEPS_ELSEWHERE = 4 * STEPS, STEPS
"""Environment steps that the two tasks take, for who plans."""

_checksum = zlib.crc32
Heartbeat = Callable[[], None]
Trace = list[int]
"""A checksum of what each call gave."""


class Repeatability(NamedTuple):
    """What study.json has of an environment."""

    repeats: bool  # a seed decides what a run sees
    reason: str | None = None  # why not
    shares_state: bool = False  # instances in one process see each other: runs depend on those beside them
    global_generators: bool = False  # it draws from Python's or numpy's, and gets states of its own


def tried_here(
    env_id: str, args: Mapping[str, Any], checkpoints: bool, heartbeat: Heartbeat = lambda: None
) -> dict[str, Any]:
    """The comparisons of one process, as plain JSON; with ``checkpoints`` also why there can't be any.

    ``heartbeat`` is called at every step.
    """
    own, first = _first_trace(env_id, args, heartbeat)
    again = _parting(first, _trace(env_id, args, own, heartbeat))
    turns = None if again is not None else _parting(first, _trace(env_id, args, own, heartbeat, IN_TURNS))
    sound = again is None and turns is None
    reason = None
    if checkpoints and sound:
        drawn = "it draws from global generators, whose states no checkpoint holds"
        reason = drawn if own else why_no_checkpoints(env_id, args) or None
    found = {
        "running_statistics": _statistics_of(env_id, args),
        "first": first,
        "again": again,
        "turns": turns,
        "global_generators": own,
    }
    return {**found, "process": os.getpid(), "no_checkpoints": reason}


def tried_elsewhere(
    env_id: str, args: Mapping[str, Any], heartbeat: Heartbeat = lambda: None
) -> dict[str, Any]:
    """What the first environment of another process gives."""
    return {"first": _first_trace(env_id, args, heartbeat)[1], "process": os.getpid()}


def judged(here: Mapping[str, Any], elsewhere: Mapping[str, Any]) -> Repeatability:
    """What follows from what the two processes saw."""
    own = bool(here["global_generators"])
    apart = _parting(here["first"], elsewhere["first"])
    if here["process"] == elsewhere["process"]:  # an executor whose workers serve on: it says nothing more
        apart = here["again"]
    if apart is not None and (here["again"] is not None or here["turns"] is None):
        where = "two environments" if here["again"] is not None else "environments of two processes"
        return Repeatability(False, f"{where} with one seed part at step {apart}", False, own)
    if here["again"] is not None:
        reason = f"its instances share state: a later one with the same seed parts at step {here['again']}"
        return Repeatability(False, reason, True, own)
    if here["turns"] is not None:
        reason = f"its instances share state: beside another one it parts at step {here['turns']}"
        return Repeatability(False, reason, True, own)
    return Repeatability(True, None, False, own)


def consequence(env_id: str, found: Repeatability) -> str:
    """A sentence for people on what follows for an environment that can't be repeated."""
    follows = (
        "runs depend on those that train beside them, so no verdict on them stands"
        if found.shares_state
        else "seeds are matched by number alone, so tests stay valid but pairing gains nothing"
    )
    promises = "no checkpoints, no promise of bits"
    return f"{env_id}: its runs can't be repeated, because {found.reason}: {promises}; {follows}"


def _statistics_of(env_id: str, args: Mapping[str, Any]) -> list[str]:
    with suppress(Exception), closing(make(env_id, args)) as env:  # the runs of this environment will tell
        return names_of(env)
    return []


def _first_trace(env_id: str, args: Mapping[str, Any], heartbeat: Heartbeat) -> tuple[bool, Trace]:
    """Whether an environment draws from global generators, and the trace of one that has states of its own then."""
    with suppress(Exception):  # it is told below
        make(env_id, args).close()  # imports may draw, too
    before = global_generators.states()
    trace = _trace(env_id, args, False, heartbeat)
    drew = global_generators.differ(before, global_generators.states())
    global_generators.put(before)
    return drew, _trace(env_id, args, True, heartbeat) if drew else trace


def _trace(
    env_id: str, args: Mapping[str, Any], own: bool, heartbeat: Heartbeat, seeds: Sequence[int] = (SEED,)
) -> Trace:
    """What the first of environments with these seeds gives, all of them played in turns by the same actions."""
    trace: Trace = []
    envs: list[CheckedEnv] = []
    try:
        envs += [opened(env_id, args, seed, own) for seed in seeds]
        actions = np.random.default_rng(0).integers(envs[0].actions, size=STEPS).tolist()
        given, *_ = [env.reset(seed).tobytes() for env, seed in zip(envs, seeds, strict=True)]
        trace.append(_checksum(given))
        for left, action in enumerate(actions, 1 - STEPS):
            # the last step ends in a reset, whatever an episode's length: a later one may draw otherwise than the first
            of_first, *_ = [_played(env, action, then_reset=not left) for env in envs]
            trace.append(of_first)
            heartbeat()
    except Exception as problem:  # the runs of this environment will tell
        trace.append(_checksum(f"{type(problem).__name__}: {problem}".encode()))
    for env in envs:
        env.close()
    return trace


def _played(env: CheckedEnv, action: int, then_reset: bool) -> int:
    """A checksum of what a step gave, and the reset where the episode was over, or where one is asked for."""
    obs, *rest = env.step(action)
    seen = obs.tobytes() + repr(rest).encode()
    _, terminated, truncated = rest
    return _checksum(seen + env.reset().tobytes() if terminated or truncated or then_reset else seen)


def _parting(one: Trace, other: Trace) -> int | None:
    """The first step at which two traces differ, 0 for the reset; None where they are the same."""
    if one == other:
        return None
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    return min(len(one), len(other)) if same is None else same
