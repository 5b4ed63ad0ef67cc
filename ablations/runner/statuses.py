"""Statuses of a study's runs: of those that it lists, and of stored ones that it doesn't."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablations import store
from ablations.runner import provenance
from ablations.store import RunStatus


@dataclass(frozen=True)
class Statuses:
    """The status of each listed run and of stored runs that are not listed, by path."""

    listed: dict[str, RunStatus] = field(default_factory=dict)
    unlisted: dict[str, RunStatus] = field(default_factory=dict)

    @property
    def valid(self) -> int:
        """How many of the listed runs are valid."""
        return sum(status.is_valid for status in self.listed.values())


def read_statuses(study: Mapping[str, Any], folder: Path) -> Statuses:
    """Inspect every run that a stored study lists, and the stored runs that it doesn't."""
    listed = {run["path"]: store.inspect(folder / run["path"], run["key"]) for run in study["runs"]}
    return Statuses(listed, {path: store.inspect(folder / path) for path in unlisted(listed, folder)})


def unlisted(listed: Collection[str], folder: Path) -> list[str]:
    """Stored runs below a study's folder that are not among those listed."""
    return [path for path in store.stored_runs(folder) if path not in listed]


def code_changes(statuses: Statuses, git: Mapping[str, Any] | None = None) -> list[str]:
    """How the code that made stored runs differs from this code: sentences, none where it doesn't."""
    valid = [status.manifest for status in statuses.listed.values() if status.is_valid]
    others = [status.manifest for status in statuses.unlisted.values() if status.is_valid]
    outdated = [
        manifest
        for manifest in others
        if manifest and manifest["config"].get("algorithm_version") != store.ALGORITHM_VERSION
    ]
    manifests = [manifest for manifest in [*valid, *outdated] if manifest]
    return provenance.changes(manifests, git or provenance.git_facts())


def environment_changes(statuses: Iterable[RunStatus]) -> list[str]:
    """How the environments of valid runs differ from what would be made now: sentences, none where they don't."""
    return provenance.environment_changes(
        status.manifest for status in statuses if status.is_valid and status.manifest
    )
