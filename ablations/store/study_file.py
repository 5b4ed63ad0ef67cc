"""study.json, the resolved study, and decisions.json, what its looks found: written whole, checked when read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ablations.store.files import Damaged, check_document, read_json, with_digest, write_atomic
from ablations.store.schema import DECISIONS, DECISIONS_VERSION, STUDY, STUDY_VERSION
from ablations.store.shapes import DECISIONS_SHAPE, STUDY_SHAPE, misfit

STUDY_DIGEST = "study_sha256"
DECISIONS_DIGEST = "decisions_sha256"


def write_study(folder: Path, study: Mapping[str, Any]) -> None:
    """Store the resolved study; an equal file is left untouched."""
    _write(folder / STUDY, with_digest(study, STUDY_DIGEST))


def read_study(folder: Path) -> dict[str, Any]:
    """The resolved study of a results folder. Raises FileNotFoundError or Damaged."""
    return _read(folder / STUDY, STUDY_VERSION, STUDY_DIGEST, _problem)


def write_decisions(folder: Path, decisions: Mapping[str, Any]) -> None:
    """Store a study's plan and what its looks found so far; an equal file is left untouched."""
    document = {"schema_version": DECISIONS_VERSION, **decisions}
    _write(folder / DECISIONS, with_digest(document, DECISIONS_DIGEST))


def read_decisions(folder: Path) -> dict[str, Any]:
    """A study's plan and what its looks found. Raises FileNotFoundError or Damaged."""
    return _read(
        folder / DECISIONS, DECISIONS_VERSION, DECISIONS_DIGEST, lambda found: misfit(found, DECISIONS_SHAPE)
    )


def _read(
    path: Path, version: int, digest: str, problem_of: Callable[[Mapping[str, Any]], str | None]
) -> dict[str, Any]:
    """A document that is what its digest and its schema say, without the digest."""
    document, data = read_json(path)
    check_document(document, data, version, digest)
    problem = problem_of(document)
    if problem is not None:
        raise Damaged(problem)
    return {name: value for name, value in document.items() if name != digest}


def _write(path: Path, data: bytes) -> None:
    if not path.is_file() or path.read_bytes() != data:
        write_atomic(path, data)


def _problem(study: Mapping[str, Any]) -> str | None:
    """Why a stored study can't be relied on."""
    found = misfit(study, STUDY_SHAPE)
    if found is not None:
        return found
    labels, env_ids = ({one[key] for one in study[part]} for part, key in _NAMED)
    for run in study["runs"]:
        if run["label"] not in labels or run["env_id"] not in env_ids or run["seed"] not in study["seeds"]:
            return f"a run of 'runs' is of no row, environment or seed of the study: {run['path']!r}"
        if run["path"].startswith("/") or ".." in run["path"].split("/"):
            return f"a run's path leads out of the folder: {run['path']!r}"
    for slots in (study["neutral"], *(row["slots"] for row in study["rows"])):
        if not study["slots"].keys() <= slots.keys():
            return "a row lacks a piece for one of its slots"
    return None


_NAMED = (("rows", "label"), ("environments", "env_id"))
