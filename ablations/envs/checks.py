"""Environment ids: what may be named in a study, and whether this suite can train on it.

``check_id`` looks ids up without making anything. ``check_made`` makes each environment once, which may
import code by name, so it is called only after a study holds no other mistake.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Mapping
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ablations.errors import Findings, hint

if TYPE_CHECKING:
    from ablations.envs.observations import Observation


class Made(NamedTuple):
    """What making an environment once showed."""

    reward_threshold: float | None
    observation: Observation | None  # None: it could not be made, or can't be trained on
    actions: int | None


NOT_MADE = Made(None, None, None)


ELSEWHERE = "one that a package or a file of yours registers when it is imported is written module:Name-v0"
WRAP = "register it with a wrapper of yours that {}, in a module that allow_modules names"
FLATTEN = WRAP.format("makes a Box of it (gymnasium.wrappers.FlattenObservation)")
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_AFTER_MODULE = re.compile(r"([\w-]+/)?[A-Za-z0-9][\w.-]*", re.ASCII)


def check_id(env_id: str, allow_modules: Collection[str], found: Findings, key: str) -> None:
    """Is this id registered with Gymnasium, or is its module allowed? Imports nothing by name."""
    if ":" in env_id:
        module, _, name = env_id.partition(":")
        if module not in allow_modules:
            found.add(
                key,
                f"'{env_id}' would import the module '{module}'; if you trust it, add "
                f'allow_modules = ["{module}"] to the study{hint(module, allow_modules)}',
            )
        elif not _AFTER_MODULE.fullmatch(name):
            found.add(key, f"'{env_id}' is not an environment id of the form module:Name-v0")
        return
    registered, lacking = _registered(env_id), _missing(env_id)
    if lacking is not None:
        found.add(key, f"'{env_id}' {lacking}")
    elif env_id not in registered:
        found.add(
            key,
            f"'{env_id}' is not registered with Gymnasium{hint(env_id, list(registered))}; {ELSEWHERE}",
        )


def registered_threshold(env_id: str) -> float | None:
    """The ``reward_threshold`` that Gymnasium registers; None where there is none without an import."""
    spec = _registered(env_id).get(env_id)
    return None if spec is None or spec.reward_threshold is None else float(spec.reward_threshold)


def check_made(env_id: str, args: Mapping[str, Any], found: Findings) -> Made:
    """Make the environment once and refuse spaces other than Box -> Discrete; what there is to be said of it."""
    import gymnasium

    from ablations.envs.gym import make
    from ablations.envs.observations import actions_of, observation_of

    try:
        with (
            warnings.catch_warnings(),
            chdir(Path.cwd()),
        ):  # a simulator may go elsewhere
            warnings.simplefilter("ignore")
            env = make(env_id, args)
    except Exception as error:  # whatever a foreign environment raises is the user's to read
        found.add("envs", f"'{env_id}' {_why_not_made(error)}")
        return NOT_MADE
    observations, actions = env.observation_space, env.action_space
    boxes, counts = (
        isinstance(observations, gymnasium.spaces.Box),
        isinstance(actions, gymnasium.spaces.Discrete),
    )
    if not boxes:
        way = FLATTEN if _can_be_flattened(observations) else WRAP.format("makes a Box of it")
        found.add(
            "envs",
            f"'{env_id}' has the observation space {_space(observations)}; only Box is supported: {way}",
        )
    if not counts:
        way = WRAP.format("numbers some of its actions")
        found.add(
            "envs", f"'{env_id}' has the action space {_space(actions)}; only Discrete is supported: {way}"
        )
    threshold = env.spec.reward_threshold if env.spec is not None else None
    env.close()
    threshold = None if threshold is None else float(threshold)
    if not (boxes and counts):
        return Made(threshold, None, None)
    return Made(threshold, observation_of(env), actions_of(env))


def _registered(env_id: str) -> Mapping[str, Any]:
    import gymnasium

    from ablations.envs import registry

    registry.register(env_id)
    return gymnasium.registry


def _missing(env_id: str) -> str | None:
    from ablations.envs import registry

    return registry.missing(env_id)


def _space(space: Any) -> str:
    text = " ".join(str(space).split())
    return text if len(text) <= 60 else f"{type(space).__name__}(...)"


def _can_be_flattened(space: Any) -> bool:
    try:
        return bool(space.is_np_flattenable)
    except (AttributeError, NotImplementedError):  # none at all, or a space of somebody's own
        return False


def _why_not_made(error: BaseException) -> str:
    reason = " ".join(str(error).split())[:300] or "no reason given"
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return f"needs the package '{package}', which is not installed: pip install {package}"
    if type(error).__name__ in ("NamespaceNotFound", "NameNotFound"):
        return f"is not registered when its module is imported ({reason}); name a file of yours that does it"
    if type(error).__name__ == "DependencyNotInstalled":
        return f"needs a package that is not installed: {reason}"
    return f"could not be made: {type(error).__name__}: {reason}"
