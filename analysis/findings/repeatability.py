"""What a study found of an environment when it was made twice with one seed: do runs repeat, do they share state?

Runs that share state are no independent samples, so nothing is tested there. Runs that don't repeat share no luck at a
common seed: differences are still of pairs, but pairing gains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def why_not_independent(environment: Mapping[str, Any]) -> str | None:
    """Why the runs of an environment are no independent samples; None where they are, as far as is known."""
    found = environment.get("repeatability") or {}
    return (found.get("reason") or "its runs share state") if found.get("shares_state") else None


def why_not_repeatable(environment: Mapping[str, Any]) -> str | None:
    """Why two runs with one seed differ; None where they don't, as far as is known."""
    found = environment.get("repeatability") or {}
    return None if found.get("repeats", True) else (found.get("reason") or "two runs with one seed differ")
