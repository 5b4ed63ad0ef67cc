"""An environment of which nothing is believed: what it hands over is looked at before anybody uses it.

Training lanes, evaluations, probe states, random policies, self-tests and ``play`` reach environments through
``CheckedEnv`` alone. Harmless habits are taken (lists, rewards and flags as numbers or arrays of one); all else raises
``ValueError`` with a sentence that names the thing, the step, what was found and what was expected.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from functools import partial
from math import isfinite
from typing import Any, NamedTuple, NoReturn

import gymnasium
import numpy as np
import numpy.typing as npt

from ablations.envs import unpacking
from ablations.envs.global_generators import GlobalGenerators
from ablations.envs.observations import FLOAT32, Array, Env, Stack, actions_of, observation_of
from ablations.envs.surroundings import ENDED

LARGEST = float(np.finfo(np.float32).max)
"""The largest number that the learner's own kind of numbers holds."""
NUMBERS, FLAGS, ARRAY = "biuf", (0, 1), np.ndarray
SEQUENCES = (tuple, list)
PAIR = "a pair (observation, info)"
FIVE = "five things (observation, reward, terminated, truncated, info)"
FINITE = "finite numbers that float32 holds"
LONGEST = 60
"""Characters of a value that is shown as it is."""
FEW = 32
"""Numbers of an observation that are added up faster than looked at."""


class Step(NamedTuple):
    """What a step handed over, once it has been looked at."""

    obs: Array  # of the observation's shape and type; the environment's own memory, perhaps
    reward: float
    terminated: bool
    truncated: bool


class CheckedEnv:
    """One environment. Actions count from 0, observations are as ``observation`` says."""

    def __init__(self, env: Env, generators: GlobalGenerators | None = None) -> None:
        self.env, self.generators = env, generators
        self._step: Callable[..., Any] = env.step if generators is None else generators.around(env.step)
        self._reset: Callable[..., Any] = env.reset if generators is None else generators.around(env.reset)
        self.spaces = _own_spaces(env)
        self.observation, self.actions = observation_of(env), actions_of(env)
        self.first_action = int(env.action_space.start)  # type: ignore[attr-defined]
        self.shape, self.dtype = env.observation_space.shape, self.observation.dtype
        self.as_given = self.shape == self.observation.shape and self.observation.stack is None
        few = self.as_given and self.observation.is_vector and self.observation.numbers <= FEW
        self.few = FLOAT32 if few else None  # the type of observations that are looked at quickly
        self.frames: Array | None = None  # (K, *frame): the stack that was shown last
        self.steps = 0  # since it was made; who brings one back sets it

    def reset(self, seed: int | None = None) -> Array:
        """Begin an episode: the first observation. A seed decides all that is drawn from there on."""
        given: Any
        if seed is not None:
            for number, space in enumerate(self.spaces):
                space.seed(_derived(seed, number))
            if self.generators is not None:
                self.generators.seed(_derived(seed, len(self.spaces)))
        try:
            first = seed is not None and not self.steps
            again = partial(self._reset, seed=seed)
            given = unpacking.first_reset(self.env, again) if first else again()
        except (ValueError, SystemExit) as problem:
            self._blame(problem, "reset", PAIR)
            raise
        if not isinstance(given, SEQUENCES) or len(given) != 2:
            self._refuse(f"reset gave {_brief(given)}", PAIR, self._at_reset())
        if not isinstance(given[1], Mapping | None):
            found = f"reset gave {_brief(given)}, the second of which is {_brief(given[1])},"
            self._refuse(found, f"{PAIR}, info a dict", self._at_reset())
        return self._observation(given[0], after_reset=True)

    def step(self, action: int) -> Step:
        """Take an action, 0 to ``actions`` - 1."""
        given: Any
        self.steps += 1
        try:
            given = self._step(self.first_action + action)
        except (ValueError, SystemExit) as problem:
            self._blame(problem, "step", FIVE)
            raise
        if not isinstance(given, SEQUENCES) or len(given) != 5:
            self._refuse(f"step gave {_brief(given)}", FIVE)
        obs, reward, terminated, truncated, _ = given
        if not (
            type(obs) is ARRAY
            and obs.dtype is self.few
            and obs.shape == self.shape
            # a sum of few floats is finite where they are, and costs a sixth of looking at each
            and isfinite(sum(obs.tolist(), 0.0))
        ):
            obs = self._observation(obs)
        if not (isinstance(reward, float) and abs(reward) <= LARGEST):
            reward = self._reward(reward)
        if terminated is not False and terminated is not True:
            terminated = self._flag("terminated", terminated)
        if truncated is not False and truncated is not True:
            truncated = self._flag("truncated", truncated)
        return Step(obs, reward, terminated, truncated)

    def close(self) -> None:
        """Release what it holds."""
        with suppress(Exception):  # one that can't be closed has nothing more to give
            self.env.close()

    def _observation(self, seen: Any, after_reset: bool = False) -> Array:
        """An observation as networks see it: of the space's shape, and finite."""
        if not (type(seen) is ARRAY and seen.dtype is self.dtype and seen.shape == self.shape):
            seen = self._converted(seen, after_reset)
        if self.dtype is FLOAT32 and not (finite := np.isfinite(seen)).all():
            self._refuse_first(seen, ~finite, FINITE, self._at_reset() if after_reset else None)
        if self.as_given:
            given: Array = seen
            return given
        if self.observation.stack is not None:
            self._check_stack(seen, self.observation.stack, after_reset)
        return self.observation.seen(seen)

    def _check_stack(self, frames: Array, stack: Stack, after_reset: bool) -> None:
        """Are the older frames (K, *frame) those that were shown before? The memory keeps each one once."""
        before = self.frames
        if after_reset:
            before = np.broadcast_to(frames[-1] if stack.padding is None else stack.padding, frames.shape)
        self.frames = frames
        if before is not None and not np.array_equal(frames[:-1], before[1:]):
            found = "FrameStackObservation shows older frames that are not those it showed before"
            expected = "an environment that gives each frame in an array of its own, and a wrapper as it is"
            self._refuse(found, expected, self._at_reset() if after_reset else None)

    def _converted(self, seen: Any, after_reset: bool) -> Array:
        place = self._at_reset() if after_reset else None
        expected = f"numbers of the shape {self.shape}"
        try:
            array = np.asarray(seen)
        except Exception:  # lists of unequal lengths, say
            self._refuse(f"the observation is {_brief(seen)}, which makes no array", expected, place)
        if array.dtype.kind not in NUMBERS:
            self._refuse(f"the observation is {_brief(seen)}", expected, place)
        if array.shape != self.shape and not (array.size == self.observation.numbers == 1):
            self._refuse(f"the observation has the shape {array.shape}", f"the shape {self.shape}", place)
        with np.errstate(over="ignore", invalid="ignore"):  # infinite then, which is looked for
            kept = array.astype(self.dtype, copy=False)
        if self.dtype is not FLOAT32 and not np.array_equal(kept, array):
            self._refuse_first(array, kept != array, f"numbers that {self.dtype} holds", place)
        return kept.reshape(self.shape)

    def _reward(self, reward: Any) -> float:
        """A reward that is not plainly a float, or one that is too large."""
        array = _array_of(reward)
        if array is None:
            self._refuse(f"the reward is {_brief(reward)}", "one number")
        if array.size != 1:
            self._refuse(f"the reward has the shape {array.shape}", "one number")
        number = float(array.item())
        if not -LARGEST <= number <= LARGEST:
            self._refuse(f"the reward is {_number(number)}", "a finite number that float32 holds")
        return number

    def _flag(self, name: str, value: Any) -> bool:
        """A flag that is not plainly a bool."""
        array = _array_of(value)
        if array is None or array.size != 1 or array.item() not in FLAGS:
            self._refuse(f"{name} is {_brief(value)}", "a bool")
        return bool(array.item())

    def _refuse_first(self, seen: Array, wrong: Array, expected: str, place: str | None) -> NoReturn:
        """Name the first number of an observation that is wrong."""
        number = int(np.flatnonzero(wrong)[0])
        self._refuse(
            f"the observation holds {_number(seen.reshape(-1)[number])} in place {number}", expected, place
        )

    def _at_reset(self) -> str:
        return f"at the reset after step {self.steps}" if self.steps else "at the first reset"

    def _refuse(self, found: str, expected: str, place: str | None = None) -> NoReturn:
        raise ValueError(f"{found} {place or f'at step {self.steps}'}; expected {expected}")

    def _blame(self, problem: BaseException, name: str, expected: str) -> None:
        """Say it in our words where a wrapper of Gymnasium's failed to unpack, and where the program was to end."""
        if isinstance(problem, SystemExit):
            raise RuntimeError(ENDED.format(problem.code)) from problem
        where = traceback.extract_tb(problem.__traceback__)[-1]
        if "to unpack" in str(problem) and where.name == name and "gymnasium" in where.filename:
            place = self._at_reset() if name == "reset" else None
            self._refuse(f"{name} gave another number of things ({problem})", expected, place)


def _own_spaces(env: Env) -> list[gymnasium.Space[Any]]:
    """The spaces of an environment and its wrappers, from which it may sample: its own, not its class's."""
    base = env.unwrapped
    with suppress(AttributeError):  # properties are what they are
        base.observation_space, base.action_space = deepcopy((base.observation_space, base.action_space))
    layers = [env]
    while isinstance(layers[-1], gymnasium.Wrapper):
        layers.append(layers[-1].env)
    found = [space for layer in layers for space in (layer.observation_space, layer.action_space)]
    return list({id(space): space for space in found}.values())


def _derived(seed: int, number: int) -> int:
    """A seed of its own for something that an environment draws from besides its generator."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _array_of(value: Any) -> npt.NDArray[Any] | None:
    """A value as an array of numbers or bools, if it is one."""
    try:
        array = np.asarray(value)
    except Exception:
        return None
    return array if array.dtype.kind in NUMBERS else None


def _number(value: Any) -> str:
    number = float(value)
    return "NaN" if number != number else f"{number:g}"


def _brief(value: Any) -> str:
    """A value in few words: its kind, with its shape or length, or itself where it is short."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} and the shape {value.shape}"
    if isinstance(value, SEQUENCES) and len(value) != 1:
        return f"a {type(value).__name__} of {len(value)}"
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"a {type(value).__name__}"
