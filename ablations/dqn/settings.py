"""The numbers that all variants of a study share. Names are CleanRL's where it has one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le

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

    def plain(self) -> dict[str, Any]:
        """The settings as JSON has them."""
        return asdict(self)

    def plain_changes(self) -> dict[str, Any]:
        """What of ``plain`` a run's configuration states: no setting that holds its default."""
        return {name: value for name, value in asdict(self).items() if value != getattr(Settings, name)}


NAMES = tuple(Settings.__dataclass_fields__)


def objections(settings: Settings) -> Iterator[tuple[str, str]]:
    """(setting to mend, sentence) for settings that cannot stand together."""
    if settings.learning_starts < settings.batch_size:
        yield (
            "learning_starts",
            f"learning_starts ({settings.learning_starts}) is below batch_size ({settings.batch_size}): "
            "the first batch could not be filled",
        )
