"""Environments as lanes, and Gymnasium's own: one environment per lane, stepped one by one, reset by hand.

Vector environments' autoreset would store a junk transition between episodes, so none is used. An environment that
raises freezes its own lane and no other.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import gymnasium
import numpy as np
import numpy.typing as npt

from ablations.envs import action_log, preprocessing, registry, running_statistics, surroundings
from ablations.envs.action_log import ActionLog
from ablations.envs.checked import CheckedEnv
from ablations.envs.global_generators import GlobalGenerators
from ablations.envs.namespace import NUMPY, Namespace
from ablations.envs.observations import Observation
from ablations.errors import is_refusal
from ablations.rng.streams import POSITION, Role, stream
from ablations.state import State, packed, unpacked


class Steps(NamedTuple):
    """What one step of every lane gave: arrays, or tensors where environments live on a device."""

    next_obs: Any  # (L, *shape): true successors
    reward: Any  # (L,) float64
    terminated: Any  # (L,) bool
    truncated: Any  # (L,) bool


@dataclass(frozen=True)
class Failure:
    """An exception that an environment raised: what the manifest of a failed run keeps."""

    step: int
    type: str
    message: str
    frames: tuple[traceback.FrameSummary, ...]


def failure_of(step: int, problem: Exception) -> Failure:
    """What is kept of an exception that was raised after ``step`` environment steps."""
    frames = tuple(traceback.extract_tb(problem.__traceback__))
    return Failure(step, type(problem).__name__, str(problem), frames)


def make(env_id: str, args: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """One environment, with Gymnasium's own wrappers (time limit, order enforcement; preprocessing where asked for).

    Its arguments are its own.
    """
    registry.register(env_id)
    own, recipe = preprocessing.parted(env_id, args)
    with surroundings.kept():
        env = gymnasium.make(env_id, disable_env_checker=True, **deepcopy(dict(own)))
        return env if recipe is None else recipe.wrapped(env)


def opened(env_id: str, args: Mapping[str, Any], seed: int, own_generators: bool) -> CheckedEnv:
    """One environment, watched over. With ``own_generators`` the global ones are its own while it is at work."""
    generators = GlobalGenerators(seed) if own_generators else None
    with generators or nullcontext():
        env = make(env_id, args)
    return CheckedEnv(env, generators)


def why_no_checkpoints(env_id: str, args: Mapping[str, Any]) -> str:
    """Why the state of such environments can't be stored, or an empty text: a self-test, some hundred steps long."""
    try:
        used, fresh = make(env_id, args), make(env_id, args)
        reason = action_log.why_not_brought_back(CheckedEnv(used), CheckedEnv(fresh))
        used.close()
        fresh.close()
    except Exception as problem:
        return f"it could not be tried out: {type(problem).__name__}: {problem}"
    return reason


def reset_seed(entropy: int, seed: int, role: Role) -> int:
    """What the environment of a run's role is seeded with: the first draw of that stream."""
    return int(stream(entropy, seed, role).integers(2**31))


class Episodes(Protocol):
    """N episodes from given reset seeds, played side by side to their ends and never reset: what evaluations need."""

    obs: Any  # (N, *shape): what is seen now, in one place
    going: Any  # (N,) bool: which go on
    elapsed: Any  # (N,) int64: steps of each
    raised: dict[int, Exception]  # since ``begin``, by episode

    def begin(self, without: npt.NDArray[np.intp]) -> None:
        """Begin all, again, but these numbers (n,)."""
        ...

    def step(self, actions: Any) -> Steps:
        """Step those that go on; the others stand still and give nothing. Actions (N,) count from 0."""
        ...


class Lanes(Protocol):
    """L environments of one kind, stepped together."""

    @property
    def fast(self) -> bool:
        """Whether all are stepped at once, over arrays."""
        ...

    @property
    def xp(self) -> Namespace:
        """Of what a step gives."""
        ...

    @property
    def first_action(self) -> int:
        """What the environment calls action 0."""
        ...

    @property
    def own_generators(self) -> bool:
        """Whether each environment has states of its own for the global generators."""
        ...

    @property
    def clips_rewards(self) -> bool:
        """Whether what is learned from is the reward clipped to [-1, 1] (Mnih et al. 2015)."""
        ...

    observation: Observation  # what one is: its shape and type
    actions: int
    steps: int  # environment steps so far
    failures: dict[int, Failure]  # by lane
    obs: Any  # (L, *shape): what the agents see now; ``step`` puts another array, or tensor, here

    def step(self, actions: Any) -> Steps:
        """Step every lane that has not failed; finished episodes are reset and ``obs`` moves on.

        Actions (L,), a list, array or tensor of integers, count from 0. A lane that failed stands still.
        """
        ...

    def episodes(self, seeds: Sequence[int]) -> Episodes:
        """Episodes of such environments, one per reset seed."""
        ...

    def state(self) -> State:
        """All that the coming steps depend on but failures."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken. Raises ValueError where that is not possible."""
        ...

    def close(self) -> None:
        """Release what the environments hold."""
        ...


class GymLanes:
    """L environments of one kind, any that Gymnasium makes."""

    fast: ClassVar[bool] = False
    xp: ClassVar[Namespace] = NUMPY

    def __init__(
        self,
        env_id: str,
        args: Mapping[str, Any],
        entropy: int,
        seeds: Sequence[int],
        role: Role = Role.ENVIRONMENT,
        own_generators: bool = False,
    ) -> None:
        self.failures: dict[int, Failure] = {}
        self.steps = 0
        self.env_id, self.args, self.own_generators = env_id, args, own_generators
        self.clips_rewards = preprocessing.clips_rewards(env_id, args)
        first = [reset_seed(entropy, seed, role) for seed in seeds]
        checked = [opened(env_id, args, seed, own_generators) for seed in first]
        self.envs = [each.env for each in checked]
        self.further: list[CheckedEnv] = []  # of evaluations
        self.observation, self.actions = checked[0].observation, checked[0].actions
        self.first_action = checked[0].first_action
        self.obs = np.zeros((len(seeds), *self.observation.shape), self.observation.dtype)
        self.action_logs = [ActionLog(env, seed) for env, seed in zip(checked, first, strict=True)]
        for lane in range(len(seeds)):
            self._reset(lane)

    def step(self, actions: Any) -> Steps:
        """Step every lane that has not failed, one after the other."""
        self.steps += 1
        chosen = np.asarray(actions).tolist()  # Python's own integers, as environments expect them
        lanes = len(self.envs)
        self.obs = self.obs.copy()
        next_obs = self.obs.copy()
        reward = np.zeros(lanes)
        terminated = np.zeros(lanes, dtype=bool)
        truncated = np.zeros(lanes, dtype=bool)
        for lane, env in enumerate(self.action_logs):
            if lane in self.failures:
                continue
            try:
                given = env.step(chosen[lane])
            except Exception as problem:
                self._fail(lane, problem)
                continue
            next_obs[lane], reward[lane], terminated[lane], truncated[lane] = given
            if given.terminated or given.truncated:
                self._reset(lane)
            else:
                self.obs[lane] = given.obs
        return Steps(next_obs, reward, terminated, truncated)

    def episodes(self, seeds: Sequence[int]) -> GymEpisodes:
        """One per reset seed, an environment for each: as many for every lane, lane by lane."""
        trained = [log.env for log in self.action_logs]
        made = GymEpisodes(self.env_id, self.args, seeds, trained, self.own_generators)
        self.further += made.envs
        return made

    def state(self) -> State:
        """What an agent sees, and what it takes to bring each environment back; nothing of lanes that have failed."""
        common: State = {"obs": self.obs, "steps": self.steps}
        lanes = [lane for lane in range(len(self.envs)) if lane not in self.failures]
        texts = ["" if i in self.failures else log.snapshot() for i, log in enumerate(self.action_logs)]
        if None not in texts:
            held, counts = packed(
                (np.frombuffer((text or "").encode(), np.uint8) for text in texts), np.uint8
            )
            return {**common, "kind": "snapshots", "held": held, "counts": counts}
        generators = np.zeros((len(self.envs), POSITION), dtype=np.uint64)
        later = np.zeros(len(self.envs), dtype=bool)  # whether a lane is past its first episode
        for lane in lanes:
            found = self.action_logs[lane].generator()
            if found is not None:
                generators[lane], later[lane] = found, True
        actions, counts = packed((each.actions for each in self.action_logs), np.int64)
        return {
            **common, "kind": "journals", "generators": generators, "later": later, "actions": actions, "counts": counts
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken. Raises ValueError where an environment doesn't get there."""
        if state["kind"] not in ("snapshots", "journals"):
            raise ValueError(f"its environments were kept as {state['kind']}")
        histories = unpacked(state["held" if state["kind"] == "snapshots" else "actions"], state["counts"])
        for lane, (each, history) in enumerate(zip(self.action_logs, histories, strict=True)):
            if state["kind"] == "snapshots":
                if history:
                    each.put_back(bytes(history).decode())
            else:
                later = state["generators"][lane] if state["later"][lane] else None
                self.obs[lane] = each.replay(later, history)
                if self.obs[lane].tobytes() != state["obs"][lane].tobytes():
                    raise ValueError("an environment, taken through the same steps, shows something else")
            each.env.steps = state["steps"]
        self.obs[:] = state["obs"]
        self.steps = state["steps"]

    def close(self) -> None:
        """Release what the environments hold."""
        for each in [*(log.env for log in self.action_logs), *self.further]:
            each.close()

    def _reset(self, lane: int) -> None:
        try:
            self.obs[lane] = self.action_logs[lane].reset()
        except Exception as problem:
            self._fail(lane, problem)

    def _fail(self, lane: int, problem: Exception) -> None:
        if is_refusal(problem):
            raise problem  # all lanes together asked for too much
        self.failures[lane] = failure_of(self.steps, problem)


class GymEpisodes:
    """``Episodes``, an environment of Gymnasium's own for each. One that raises goes on no longer."""

    def __init__(
        self,
        env_id: str,
        args: Mapping[str, Any],
        seeds: Sequence[int],
        trained: Sequence[CheckedEnv] = (),
        own_generators: bool = False,
    ) -> None:
        """``trained``: environments whose wrappers' running statistics are taken over, as many episodes for each."""
        self.seeds, self.trained = seeds, trained
        self.envs = [opened(env_id, args, seed, own_generators) for seed in seeds]
        shown = self.envs[0].observation
        self.obs = np.zeros((len(seeds), *shown.shape), shown.dtype)
        self.going = np.zeros(len(seeds), dtype=bool)
        self.elapsed = np.zeros(len(seeds), dtype=np.int64)
        self.raised: dict[int, Exception] = {}
        self.normalized = bool(trained and running_statistics.names_of(trained[0].env))

    def begin(self, without: npt.NDArray[np.intp]) -> None:
        """Reset all but these numbers (n,)."""
        self.raised = {}
        if self.normalized:
            found = [running_statistics.numbers_of(each.env) for each in self.trained]
            for number, episode in enumerate(self.envs):
                running_statistics.put(episode.env, found[number * len(found) // len(self.envs)])
        self.going[:], self.elapsed[:] = True, 0
        self.going[without] = False
        for number in np.flatnonzero(self.going).tolist():
            try:
                self.obs[number] = self.envs[number].reset(seed=self.seeds[number])
            except Exception as problem:
                self._raise(number, problem)

    def step(self, actions: Any) -> Steps:
        """Step those that go on, one after the other."""
        chosen = np.asarray(actions).tolist()
        self.elapsed += self.going
        reward, (terminated, truncated) = np.zeros(len(chosen)), np.zeros((2, len(chosen)), dtype=bool)
        for number in np.flatnonzero(self.going).tolist():
            try:
                given = self.envs[number].step(chosen[number])
            except Exception as problem:
                self._raise(number, problem)
                continue
            self.obs[number], reward[number], terminated[number], truncated[number] = given
        self.going &= ~(terminated | truncated)
        return Steps(self.obs, reward, terminated, truncated)

    def _raise(self, number: int, problem: Exception) -> None:
        if is_refusal(problem):
            raise problem
        self.raised[number], self.going[number] = problem, False
