"""The numbers that all variants of a study share. Names are CleanRL's where it has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from ablations.dqn import fields

Count = Annotated[int, Ge(1), Le(2**53)]
Share = Annotated[float, Ge(0.0), Le(1.0)]


@dataclass(frozen=True)
class Settings:
    """Settings of a run. Steps are environment steps, updates are gradient updates."""

    total_timesteps: Count = 50_000
    learning_rate: Annotated[float, Gt(0.0)] = 1e-3
    buffer_size: Count = 10_000  # transitions
    batch_size: Count = 64
    gamma: Share = 0.99
    learning_starts: Count = 1_000  # the first update follows this step
    train_frequency: Count = 1  # steps between two rounds of updates
    gradient_steps: Count = 1  # updates per round
    bootstrap_truncated: bool = True  # false: time limits cut the bootstrap, as in the lessons
    start_e: Share = 1.0
    end_e: Share = 0.05
    epsilon_schedule: Literal["linear", "exponential", "constant"] = "linear"
    exploration_fraction: Annotated[float, Gt(0.0), Le(1.0)] = 0.2  # linear: share of the steps until end_e
    epsilon_decay: Annotated[float, Gt(0.0), Le(1.0)] = 0.995  # exponential: factor per update
    hidden: tuple[Annotated[int, Ge(1), Le(2**20)], ...] = (64, 64)
    loss: Literal["squared", "huber"] = "squared"  # both with the half: delta^2 / 2
    optimizer: Literal["adam", "rmsprop", "sgd"] = "adam"
    adam_eps: Annotated[float, Gt(0.0)] = 1e-8
    max_grad_norm: Annotated[float, Ge(0.0)] = 0.0  # 0 = no clipping

    def plain(self) -> dict[str, Any]:
        """The settings as JSON has them."""
        return fields.plain_table(asdict(self))


def from_plain(values: Mapping[str, Any]) -> Settings:
    """The inverse of ``plain``, for data that has been validated before."""
    return Settings(**{**values, "hidden": tuple(values["hidden"])})


NAMES = tuple(Settings.__dataclass_fields__)


def disagreements(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """((setting, other setting), sentence) for every pair of settings that cannot stand together."""
    if values["learning_starts"] < values["batch_size"]:
        yield (
            ("learning_starts", "batch_size"),
            f"learning_starts ({values['learning_starts']}) is below batch_size ({values['batch_size']}): "
            "the first batch could not be filled",
        )
    if values["epsilon_schedule"] != "constant" and values["end_e"] > values["start_e"]:
        yield (
            ("end_e", "start_e"),
            f"end_e ({values['end_e']}) is above start_e ({values['start_e']}): epsilon would grow",
        )
