"""What a study may say of an environment: its arguments, its preprocessing, where its values lie."""

from __future__ import annotations

import math
from typing import Annotated, Any

from annotated_types import Predicate
from pydantic import AfterValidator, BeforeValidator

from ablations.dqn import fields
from ablations.envs.preprocessing import Nature
from ablations.errors import shown
from ablations.studies.mistakes import mistake, table, worded


def is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(is_json, value.values()))
    if isinstance(value, tuple):
        return all(map(is_json, value))
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _as_table(value: Any) -> Any:
    """A kind alone is a table with nothing else in it."""
    named = {"kind": value} if isinstance(value, str) else value
    if not isinstance(named, dict) or named.get("kind") != Nature.kind:
        example = f'{{ kind = "{Nature.kind}", life_loss = true }}'
        raise mistake(f'expected "{Nature.kind}" or a table such as {example}, got {shown(value)}')
    return named


Arguments = Annotated[
    dict[str, Any],
    Predicate(is_json),
    AfterValidator(fields.plain),
    worded("expected a table of strings, finite numbers, booleans and lists"),
]
Preprocessing = Annotated[
    dict[str, Any] | None, table(fields.model(Nature, tagged=True)), BeforeValidator(_as_table)
]
"""``"nature"`` or ``{ kind = "nature", life_loss = true }``."""
Bounds = Annotated[
    tuple[float, float] | None,
    Predicate(lambda bounds: bounds[0] < bounds[1]),
    worded("expected [lowest, highest] of two finite numbers"),
]
