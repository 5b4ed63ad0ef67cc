"""The shapes of stored documents: what a reader may rely on once a document vouches for itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple


class Each(NamedTuple):
    """An object whose keys are names, with values of one shape."""

    shape: Any


class Maybe(NamedTuple):
    """Null, or a value of a shape."""

    shape: Any


NUMBER = float
"""Finite, whole or not."""
KINDS = {
    int: "a whole number",
    NUMBER: "a finite number",
    str: "a text",
    bool: "true or false",
    dict: "an object",
}

SCORE = {"mean_return": NUMBER, "std_return?": NUMBER, "episodes?": NUMBER}
PIECES = Each({"kind": str})
STUDY_SHAPE = {
    "name": str,
    "seeds": [int],
    "slots": PIECES,
    "neutral": PIECES,
    "baseline?": str,
    "settings?": dict,
    "decide?": dict,
    "pieces?": Each(str),
    "environments": [
        {
            "env_id": str,
            "args?": dict,
            "settings?": dict,
            "row_slots?": Each(PIECES),
            "reward_threshold?": Maybe(NUMBER),
            "value_bounds?": Maybe([NUMBER]),
            "margin?": Maybe(NUMBER),
            "random_policy?": Maybe(SCORE),
            "repeatability?": Maybe({"repeats": bool, "shares_state": bool, "reason?": Maybe(str)}),
        }
    ],
    "rows": [
        {
            "label": str,
            "variant": str,
            "slots": PIECES,
            "settings": {"total_timesteps": int},
            "swept?": dict,
            "against?": Maybe(str),
            "title?": str,
            "cell?": Maybe(Each(str)),
        }
    ],
    "runs": [{"label": str, "env_id": str, "seed": int, "key": str, "path": str}],
    "aliases?": [{"label": str, "of": str, "cell?": Maybe(Each(str))}],
    "left_out?": [{"label": str, "reason": str}],
}
"""study.json."""
JUDGED = (
    "mean", "baseline_mean", "difference", "vectors", "hits", "hits_same", "p", "p_same", "sequential_p",
    "sequential_p_same", "p_adjusted", "p_same_adjusted",
)  # fmt: skip
ENDS = ("low", "high", "own_low", "own_high", "all_low", "all_high")
DECISIONS_SHAPE = {
    "plan": {
        "metric": str,
        "looks": [int],
        "alpha": NUMBER,
        "margin": NUMBER,
        "flips_seed": int,
        "environments": [{"env_id": str, "margin?": Maybe(NUMBER)}],
        "rows": [{"label": str, "against?": Maybe(str)}],
    },
    "looks": [
        {
            "env_id": str,
            "look": int,
            "runs": [{"label": str, "seed": int, "key": str, "files": Each(str)}],
            "rows": [
                {
                    "label": str,
                    "against": str,
                    "look": int,
                    "n": int,
                    "verdict": str,
                    "within_margin": bool,
                    **dict.fromkeys(JUDGED, Maybe(NUMBER)),
                    "interval": dict.fromkeys(ENDS, Maybe(NUMBER)),
                }
            ],
        }
    ],
    "plan_sha256": str,
    "earlier": [dict],
}
"""decisions.json."""
ATTEMPT_SHAPE = {
    "label": str,
    "config": {"env_id": str, "seed": int},
    "files": Each({"sha256": str, "bytes": int, "rows": int}),
    "attempts?": int,
    "error?": Maybe({"type?": str, "message?": str}),
}
"""manifest.json of any attempt."""
RESULT_SHAPE = {**ATTEMPT_SHAPE, "steps": int, "diverged_at?": Maybe(int), "cpu_seconds?": Maybe(NUMBER)}
"""manifest.json of a run that counts."""


def misfit(value: Any, shape: Any, place: str = "it") -> str | None:
    """The first thing in which a value is not of a shape, in words; None where it is.

    A shape is a type, a list of one shape, or an object of keys with their shapes; a key with ``?`` may be left out,
    and keys that no shape names are free.
    """
    if isinstance(shape, Maybe):
        return None if value is None else misfit(value, shape.shape, place)
    if isinstance(shape, Each):
        shape = dict.fromkeys(value, shape.shape) if isinstance(value, dict) else {}
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{place} is no list"
        return _first(misfit(one, shape[0], f"entry {i} of {place}") for i, one in enumerate(value))
    if isinstance(shape, dict):
        return _object_misfit(value, shape, place)
    return None if _is(value, shape) else f"{place} is not {KINDS[shape]}"


def _object_misfit(value: Any, shape: Mapping[str, Any], place: str) -> str | None:
    if not isinstance(value, dict):
        return f"{place} is no object"
    for key, expected in shape.items():
        name = key.removesuffix("?")
        if name not in value and key.endswith("?"):
            continue
        if name not in value:
            return f"{place} lacks {name!r}"
        found = misfit(value[name], expected, f"{name!r}" if place == "it" else f"{name!r} of {place}")
        if found is not None:
            return found
    return None


def _first(found: Any) -> str | None:
    return next((one for one in found if one is not None), None)


def _is(value: Any, kind: type) -> bool:
    if kind is NUMBER:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
