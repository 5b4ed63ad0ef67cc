"""Two documents compared: everything in which a stored one differs from what its runs give."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

CLOSE = 1e-9
"""Numbers that another machine recomputes may differ by this share."""


def unequal(stored: Any, again: Any, name: str = "") -> Iterator[str]:
    """Everything in which two documents differ, in words."""
    if isinstance(stored, dict) and isinstance(again, dict):
        for key in sorted({*stored, *again}):
            yield from unequal(stored.get(key), again.get(key), f"{name} {key}".lstrip())
    elif isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        for one, other in zip(stored, again, strict=True):
            label = other["label"] if isinstance(other, dict) and "verdict" in other else ""
            yield from unequal(one, other, label or name)
    elif not _equal(stored, again):
        yield f"{name} is {stored!r} in decisions.json, and {again!r} by its runs"


def _equal(stored: Any, again: Any) -> bool:
    if isinstance(stored, float) and isinstance(again, float):
        return math.isclose(stored, again, rel_tol=CLOSE, abs_tol=1e-300)
    return type(stored) is type(again) and bool(stored == again)
