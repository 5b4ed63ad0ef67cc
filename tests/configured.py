"""A variant and settings from one flat list of numbers, so that a test says in a word what it changes.

Numbers of pieces that most tests touch have names of their own here, beside those of ``Settings``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ablations import engines
from ablations.dqn.learner import Learner
from ablations.dqn.settings import Settings
from ablations.dqn.variants import DQN, PIECES, Variant, changed, plain_value
from ablations.envs.gym import Lanes

NUMBERS = {
    "hidden": ("trunk", "hidden"),
    "layer_norm": ("trunk", "layer_norm"),
    "start_e": ("exploration", "start_e"),
    "end_e": ("exploration", "end_e"),
    "epsilon_schedule": ("exploration", "schedule"),
    "exploration_fraction": ("exploration", "exploration_fraction"),
    "epsilon_decay": ("exploration", "epsilon_decay"),
    "adam_eps": ("optimizer", "eps"),
    "max_grad_norm": ("optimizer", "max_grad_norm"),
}
"""Name here -> slot and number of its piece."""
KINDS = ("loss", "optimizer")
"""Slots that are named with a kind."""


def split(numbers: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """({slot: its kind, if that is given, and numbers}, settings), as the tables [slots] and [settings] have them."""
    slots: dict[str, dict[str, Any]] = {}
    settings = {}
    for name, value in numbers.items():
        if name in NUMBERS:
            slot, number = NUMBERS[name]
            slots.setdefault(slot, {})[number] = plain_value(value)
        elif name in KINDS:
            slots.setdefault(name, {})["kind"] = value
        else:
            settings[name] = value
    return slots, settings


def configured(variant: Variant = DQN, /, **numbers: Any) -> tuple[Variant, Settings]:
    """The variant with these numbers of its pieces, and the settings."""
    slots, settings = split(numbers)
    for slot, given in slots.items():
        kind = given.pop("kind", None)
        if kind is not None:
            variant = changed(variant, {slot: PIECES[slot][kind]()})
        whole = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        variant = changed(variant, {slot: whole})
    return variant, Settings(**settings)


def learner(
    variant: Variant,
    envs: Lanes,
    seeds: Sequence[int],
    engine: str = "reference",
    dtype: torch.dtype = torch.float32,
    entropy: int = 0,
    **numbers: Any,
) -> Learner:
    """The learner of a cohort before its first step."""
    torch.set_num_threads(1)
    made = configured(variant, **numbers)
    return Learner(*made, envs, entropy, seeds, engine=engines.of(engine), dtype=dtype)
