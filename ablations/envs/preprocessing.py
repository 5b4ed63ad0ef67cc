"""Atari frames as Mnih et al. (2015) gave them to a network: Gymnasium's own wrappers, by one word in a study.

``[env."ALE/Pong-v5"] preprocessing = "nature"``. It lies among the environment's arguments, so it is part of a run's
configuration and reaches whoever makes the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import gymnasium

KEY = "preprocessing"
NAMESPACE = "ALE/"
FRAMES = 4
"""Frames per step of the agent, and frames that a network sees at once."""
RAM = "ram"


@dataclass(frozen=True)
class Nature:
    """Mnih et al. (2015, Methods): a step is four frames, the last two of them by their maximum; 84 x 84 in grey; the
    last four of those; up to 30 no-ops at a reset; rewards clipped to [-1, 1] for learning alone.

    With ``life_loss`` a lost life is a termination. Actions stick as the environment has it (0.25 in version 5 of ALE).
    """

    life_loss: bool = False
    kind: ClassVar[str] = "nature"

    def plain(self) -> dict[str, Any]:
        """As JSON has it; numbers at their default are left out."""
        return {"kind": self.kind, **({"life_loss": True} if self.life_loss else {})}

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Nature:
        """What ``plain``, or a study, says."""
        return cls(**{name: value for name, value in table.items() if name != "kind"})

    def wrapped(self, env: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
        """What a network sees of a game whose steps are single frames: (4, 84, 84) uint8, the oldest frame first."""
        from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation

        one = AtariPreprocessing(env, frame_skip=FRAMES, terminal_on_life_loss=self.life_loss)
        return FrameStackObservation(one, FRAMES)


def parted(env_id: str, args: Mapping[str, Any]) -> tuple[Mapping[str, Any], Nature | None]:
    """The arguments of the environment itself, and what stands between it and a network."""
    if not is_atari(env_id) or KEY not in args:
        return args, None
    own = {name: value for name, value in args.items() if name != KEY}
    return {**own, "frameskip": 1}, Nature.of(args[KEY])


def clips_rewards(env_id: str, args: Mapping[str, Any]) -> bool:
    """Whether a learner sees rewards clipped to [-1, 1]; what is recorded as a return never is."""
    return parted(env_id, args)[1] is not None


def is_atari(env_id: str) -> bool:
    """Whether this is one of the Arcade Learning Environment's games."""
    return env_id.startswith(NAMESPACE)


def objection(env_id: str, args: Mapping[str, Any], given: Nature | None) -> str | None:
    """What is wrong with an environment's preprocessing, if anything is."""
    if given is not None:
        if not is_atari(env_id):
            return f"'{env_id}' is no Atari game: '{given.kind}' is for ids that begin with {NAMESPACE}"
        if unfit := [name for name in ("frameskip", "obs_type", "render_mode") if name in args]:
            return f"'{given.kind}' sets {' and '.join(unfit)} itself; leave it out of args"
        return None
    if is_atari(env_id) and args.get("obs_type") != RAM:
        return (
            f"'{env_id}' shows raw frames of 210 x 160 in color, which none of these networks learns from in time; "
            f'write [env."{env_id}"] {KEY} = "{Nature.kind}"'
        )
    return None
