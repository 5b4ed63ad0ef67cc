"""study.json, the resolved study, and decisions.json, what its looks found: written whole, checked when read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablations.store.files import Damaged, check_document, read_json, with_digest, write_atomic
from ablations.store.schema import DECISIONS, DECISIONS_VERSION, STUDY, STUDY_VERSION

STUDY_DIGEST = "study_sha256"
DECISIONS_DIGEST = "decisions_sha256"


def write_study(folder: Path, study: Mapping[str, Any]) -> None:
    """Store the resolved study; an equal file is left untouched."""
    _write(folder / STUDY, with_digest(study, STUDY_DIGEST))


def read_study(folder: Path) -> dict[str, Any]:
    """The resolved study of a results folder. Raises FileNotFoundError or Damaged."""
    study, data = read_json(folder / STUDY)
    check_document(study, data, STUDY_VERSION, STUDY_DIGEST)
    problem = _problem(study)
    if problem is not None:
        raise Damaged(problem)
    return {name: value for name, value in study.items() if name != STUDY_DIGEST}


def write_decisions(folder: Path, decisions: Mapping[str, Any]) -> None:
    """Store a study's plan and what its looks found so far; an equal file is left untouched."""
    document = {"schema_version": DECISIONS_VERSION, **decisions}
    _write(folder / DECISIONS, with_digest(document, DECISIONS_DIGEST))


def read_decisions(folder: Path) -> dict[str, Any]:
    """A study's plan and what its looks found. Raises FileNotFoundError or Damaged."""
    decisions, data = read_json(folder / DECISIONS)
    check_document(decisions, data, DECISIONS_VERSION, DECISIONS_DIGEST)
    return {name: value for name, value in decisions.items() if name != DECISIONS_DIGEST}


def _write(path: Path, data: bytes) -> None:
    if not path.is_file() or path.read_bytes() != data:
        write_atomic(path, data)


_ENTRIES: dict[str, dict[str, type]] = {
    "runs": {"label": str, "env_id": str, "seed": int, "key": str, "path": str},
    "rows": {"label": str},
    "environments": {"env_id": str},
}
"""What every entry of study.json's lists has."""
_SCORE = {"episodes", "mean_return", "std_return"}
"""What the score of a random policy may hold."""


def _problem(study: Mapping[str, Any]) -> str | None:
    """Why a stored study can't be relied on."""
    if not isinstance(study.get("runs"), list) or not isinstance(study.get("rows"), list):
        return "the file lists no runs or no rows"
    for part, needed in _ENTRIES.items():
        for entry in study.get(part, ()):
            if not isinstance(entry, dict) or not all(isinstance(entry.get(k), v) for k, v in needed.items()):
                return f"an entry of '{part}' lacks one of {', '.join(needed)}"
    scores = (env.get("random_policy") for env in study.get("environments", ()))
    if not all(score is None or _is_score(score) for score in scores):
        return "the score of a random policy is none"
    return None


def _is_score(score: Any) -> bool:
    return (
        isinstance(score, dict)
        and set(score) <= _SCORE
        and all(isinstance(number, int | float) and math.isfinite(number) for number in score.values())
    )
