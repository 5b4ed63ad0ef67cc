"""How an environment that has no say in it is brought back in another process: by what it holds, or by what it did.

What it holds is written down where all of it can be reached (``snapshot``). Where something lies behind compiled code
it is what the environment did since its last reset: the seed of its first reset, where its generator stood before the
last one, and the actions since. That brings one back only if a reset makes it forget everything else.
``why_not_brought_back`` tries out whichever it is.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.envs import snapshot
from ablations.envs.checked import CheckedEnv, Step
from ablations.envs.observations import Array, Env
from ablations.envs.state_diff import difference
from ablations.rng.streams import position, put

Generator = npt.NDArray[np.uint64]

WARMING = 300
"""Steps of the self-test before its last reset, over as many episodes as they make."""
STEPS = 50
"""Steps of the self-test from that reset to the snapshot, from there on, and after one more reset."""


@dataclass
class ActionLog:
    """An environment and what it takes to bring it back."""

    env: CheckedEnv
    seed: int  # of the first reset
    resets: int = 0
    before: Mapping[str, Any] | None = (
        None  # the generator's state at the last reset, None if that was the first
    )
    actions: array[int] = field(default_factory=lambda: array("q"))  # since the last reset

    def reset(self) -> Array:
        """The first reset, by the seed, or a later one, which goes on in the same stream. Gives the observation."""
        self.resets += 1
        if self.resets > 1:
            self.before = _generator_state(self.env.env)
            del self.actions[:]
        return self.env.reset(self.seed if self.resets == 1 else None)

    def step(self, action: int) -> Step:
        """Take an action, and note it."""
        self.actions.append(action)
        return self.env.step(action)

    def generator(self) -> Generator | None:
        """Where the generator stood at the last reset (6,), None if that was the first. Raises ValueError."""
        return None if self.before is None else position(self.before)

    def snapshot(self) -> str | None:
        """All that the environment holds; None where that can't be written down."""
        try:
            return snapshot.taken(self.env.env)
        except snapshot.Opaque:
            return None

    def put_back(self, text: str) -> None:
        """Begin again and hold what another one held. Raises ValueError where it then holds something else."""
        self.resets = 0
        self.reset()
        snapshot.put_back(self.env.env, text)
        self.env.frames = None  # what it showed last was shown elsewhere
        if self.snapshot() != text:
            raise ValueError("an environment that was given what another held holds something else")

    def replay(self, generator: Generator | None, actions: Iterable[int]) -> Array:
        """Begin again and go where another log led; gives the observation."""
        self.resets = 0
        seen = self.reset()
        if generator is not None:
            put(self.env.env.unwrapped.np_random, generator)
            seen = self.reset()
        for action in actions:
            seen = self.step(action).obs
        return seen


def _generator_state(env: Env) -> Mapping[str, Any]:
    """Nothing where it has no generator of Gymnasium's kind: a reset must not fail for that."""
    try:
        return env.unwrapped.np_random.bit_generator.state
    except Exception:
        return {}


def why_not_brought_back(used: CheckedEnv, fresh: CheckedEnv) -> str:
    """Why environments of this kind could not be brought back, or an empty text. Both are new, of one kind.

    One is played for a while, then the other is brought to where it is. There both must hold equal numbers, and from
    there on they must give equal bits, through a reset too.
    """
    draws = np.random.default_rng(0)
    chosen = draws.integers(used.actions, size=WARMING + 3 * STEPS).tolist()
    try:
        one, other = ActionLog(used, seed=1), ActionLog(fresh, seed=1)
        one.reset()
        other.reset()
        _played(one, chosen[:WARMING])
        one.reset()
        _played(one, chosen[WARMING : WARMING + STEPS])
        if (text := one.snapshot()) is not None:
            other.put_back(text)
        else:
            other.replay(one.generator(), one.actions)
            if outlives := difference(used.env, fresh.env):
                return f"its '{_own(outlives)}' outlives a reset"
        rest = chosen[WARMING + STEPS : WARMING + 2 * STEPS], chosen[WARMING + 2 * STEPS :]
        if _goes_on(one, *rest) != _goes_on(other, *rest):
            return "brought back to where it was, it goes on in another way"
    except Exception as problem:
        return f"trying to bring it back raised {type(problem).__name__}: {problem}"
    return ""


def _own(attribute: str) -> str:
    """An attribute as its environment names it, without the wrappers around."""
    return re.sub(r"^(\.env(?=\.))*\.", "", attribute)


def _goes_on(log: ActionLog, actions: Sequence[int], after_reset: Sequence[int]) -> list[bytes]:
    steps = _played(log, actions)
    return [*steps, _bits(log.reset()), *_played(log, after_reset)]


def _played(log: ActionLog, actions: Sequence[int]) -> list[bytes]:
    """What each step gave, and each reset where an episode was over."""
    given = []
    for action in actions:
        step = log.step(action)
        given.append(_bits(*step))
        if step.terminated or step.truncated:
            given.append(_bits(log.reset()))
    return given


def _bits(*values: Any) -> bytes:
    return b"|".join(np.asarray(value).tobytes() for value in values)
