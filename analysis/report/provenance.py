"""The provenance of a study's runs, and how to make them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from analysis.loading import Results


def provenance(results: Results) -> list[tuple[str, str]]:
    """Sources of the runs: versions, commit, platform; with counts where runs differ."""
    manifests = [run.manifest for run in results.runs if run.is_valid]
    found = [("versions", _counted(_words(manifest.get("versions")) for manifest in manifests))]
    found.append(("git", _counted(_git(manifest.get("git")) for manifest in manifests)))
    found.append(("platform", _counted(_words(manifest.get("platform")) for manifest in manifests)))
    seconds = sum(float(manifest.get("cpu_seconds") or 0) for manifest in manifests)
    found.append(("processor time", f"{seconds / 60:.1f} minutes for {len(manifests)} runs"))
    return found


def command(study: Mapping[str, Any]) -> str:
    """The command that runs this study: with its seeds and its steps, which may not be those of the study's file."""
    seeds, words = list(study["seeds"]), ["python -m ablations run", str(study["name"])]
    if seeds == list(range(len(seeds))):
        words.append(f"--seeds {len(seeds)}")
    if not any("total_timesteps" in environment.get("settings", {}) for environment in study["environments"]):
        words.append(f"--steps {study['settings']['total_timesteps']}")
    return " ".join(words)


def _words(facts: Any) -> str:
    if not isinstance(facts, Mapping):
        return str(facts or "not recorded")
    return ", ".join(f"{key} {value}" for key, value in facts.items())


def _git(facts: Any) -> str:
    if not isinstance(facts, Mapping) or not facts.get("commit"):
        return "not recorded"
    return f"commit {facts['commit']}" + (" with uncommitted changes" if facts.get("dirty") else "")


def _counted(texts: Iterable[str]) -> str:
    counts = Counter(texts)
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{text} ({count} runs)" for text, count in sorted(counts.items()))
