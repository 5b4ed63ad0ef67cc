"""Provenance: the code that made a stored run, and how it has changed since."""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ablations import store
from ablations.envs.source import digest_of, version_of


def git_facts() -> dict[str, Any]:
    """Commit and dirty flag of the checkout that this code runs from, ``diff`` a digest of what is not committed.

    Nulls outside of a checkout.
    """
    here = Path(__file__).parent
    try:
        commit = _git(here, "rev-parse", "HEAD").decode("ascii").strip()
        _git(here, "ls-files", "--error-unmatch", Path(__file__).name)  # fails in somebody else's checkout
        dirty = bool(_git(here, "status", "--porcelain", "--untracked-files=no").strip())
        diff = hashlib.sha256(_git(here, "diff", "--binary", "HEAD")).hexdigest()[:12] if dirty else None
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None, "diff": None}
    return {"commit": commit, "dirty": dirty, "diff": diff}


def changes(manifests: Iterable[Mapping[str, Any]], now: Mapping[str, Any]) -> list[str]:
    """How the code of stored runs differs from the code of ``now`` (``git_facts``); a sentence for each kind."""
    manifests = list(manifests)
    versions = Counter(_algorithm_version(manifest) for manifest in manifests)
    sources = Counter(_source(_git_of(manifest)) for manifest in manifests)
    sentences = [
        f"{_runs(count)} algorithm version {version}; this code has version {store.ALGORITHM_VERSION}, under which "
        "they are other runs"
        for version, count in versions.items()
        if version != store.ALGORITHM_VERSION
    ]
    here = _source(now)
    sentences += [
        f"{_runs(count)} {source}; this code is {here}"
        for source, count in sources.items()
        if source != here or UNKNOWN_CHANGES in source
    ]
    return sentences


def environment_changes(manifests: Iterable[Mapping[str, Any]]) -> list[str]:
    """How the environments of stored runs differ from what would be made now; a sentence for each kind.

    What can't be found here, from another working folder say, is not compared.
    """
    digest, installed = cache(digest_of), cache(version_of)
    differing: Counter[tuple[str, str]] = Counter()
    for manifest in manifests:
        stored, env_id = manifest.get("environment"), str(manifest["config"]["env_id"])
        if not isinstance(stored, dict):
            continue
        package, before, now = stored["package"], stored["version"], installed(stored["package"])
        differing.update(
            (env_id, f"the source of '{name}' has changed since")
            for name, before in stored["modules"].items()
            if digest(name) not in (before, None)
        )
        if now not in (before, None):
            differing[env_id, f"{package} was {before or 'not installed'}, and is {now} here"] += 1
    return [
        f"{'1 stored run was' if count == 1 else f'{count} stored runs were'} trained on another {env_id}: {words}"
        for (env_id, words), count in differing.items()
    ]


UNKNOWN_CHANGES = "with uncommitted changes that were not recorded"


def _source(git: Mapping[str, Any]) -> str:
    """The state of a checkout in words; equal words mean equal code."""
    commit, diff = git.get("commit"), git.get("diff")
    if not commit:
        return "code outside of a git checkout"
    name = f"commit {str(commit)[:12]}"
    if not git.get("dirty"):
        return name
    return f"{name} with uncommitted changes ({diff})" if diff else f"{name} {UNKNOWN_CHANGES}"


def _runs(count: int) -> str:
    return "1 stored run was made by" if count == 1 else f"{count} stored runs were made by"


def _algorithm_version(manifest: Mapping[str, Any]) -> Any:
    config = manifest.get("config")
    return config.get("algorithm_version") if isinstance(config, dict) else None


def _git_of(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    git = manifest.get("git")
    return git if isinstance(git, dict) else {}


def _git(folder: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, timeout=10, check=True).stdout
