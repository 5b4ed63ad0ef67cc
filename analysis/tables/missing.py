"""Sentences on what runs or a study lack, and what therefore can't be said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.findings.evidence import Evidence
from analysis.findings.margins import why_not_normalized
from analysis.findings.repeatability import why_not_independent, why_not_repeatable
from analysis.findings.scores import EnvironmentScores
from analysis.loading import Results, running_statistics

MOST_NAMED = 4
"""Rows that are named where no run of theirs was made; others are counted."""
RECORDED = (
    ("probes", "mean_q", "soft divergence, churn and values"),
    ("evaluations", "evaluation_return", "overestimation and greedy returns"),
)
"""(what is recorded, a metric that has it, what it tells)."""


def missing_evidence(found: Evidence) -> list[str]:
    """The environments without a run, the rows without one, and what the stored runs or the study lack."""
    return [*without_runs(found), *rows_without_runs(found.scores), *missing_facts(found.scores)]


def without_runs(found: Evidence) -> list[str]:
    """The environments in which no run stands."""
    here = {scores.env_id for scores in found.scores}
    env_ids = [str(environment["env_id"]) for environment in found.results.environments]
    return [f"{env_id}: no run stands, so it is in no table." for env_id in env_ids if env_id not in here]


def rows_without_runs(found: Sequence[EnvironmentScores]) -> list[str]:
    """The rows of which no run was made, in environments in which others were."""
    texts = []
    for scores in found:
        labels = [line.row.label for line in scores.summaries if not line.row.is_tried]
        if labels:
            more = len(labels) - MOST_NAMED
            rest = f" and {more} more" if more > 0 else ""
            texts.append(f"{scores.env_id}: no run was made yet of {', '.join(labels[:MOST_NAMED])}{rest}.")
    return texts


def missing_facts(found: Sequence[EnvironmentScores]) -> list[str]:
    """Sentences on what was not recorded, and what the study does not know of an environment."""
    texts = []
    for scores in found:
        env_id = scores.env_id
        without = [(what, tells) for what, _, tells in RECORDED if not scores.stores(what)]
        if without:
            what, tells = (list(side) for side in zip(*without, strict=True))
            texts.append(
                f"{env_id}: no {' and no '.join(what)} stored, so nothing is said of {' or '.join(tells)}."
            )
        texts += [
            f"{env_id}: {what} are stored and hold no finite number, so nothing is said of {tells}."
            for what, name, tells in RECORDED
            if scores.stores(what) and not scores.has(name)
        ]
        if scores.threshold is None:
            texts.append(f"{env_id}: no reward threshold, so nothing is said of solving or collapse.")
        texts += _repeatability(env_id, scores.environment)
        texts += _running_statistics(scores)
        why = why_not_normalized(scores.environment)
        if why is not None:
            texts.append(f"{env_id}: returns have no scale of their own, as {why}.")
        if not scores.environment.get("value_bounds"):
            texts.append(f"{env_id}: no value bounds, so nothing is said of soft divergence.")
        if others := [summary.row.label for summary in scores.summaries if summary.row.no_return]:
            texts.append(
                f"{env_id}: Q of {', '.join(others)} is no return, so nothing is said of soft divergence or "
                "overestimation there."
            )
    return texts


def _repeatability(env_id: str, environment: Mapping[str, Any]) -> Iterator[str]:
    """What follows where runs share state, or where two with one seed differ."""
    shared, differ = why_not_independent(environment), why_not_repeatable(environment)
    if shared is not None:
        yield f"{env_id}: runs are no independent samples ({shared}), so no difference is tested."
    if differ is not None:
        yield (
            f"{env_id}: runs can't be repeated ({differ}), so equal seeds share no luck: pairing gains nothing, and "
            "a difference at a seed is one of two independent runs."
        )


def _running_statistics(scores: EnvironmentScores) -> Iterator[str]:
    """Through whose eyes the numbers were seen, where wrappers normalize by what they have seen so far."""
    found = running_statistics(line.row for line in scores.summaries)
    if found:
        yield (
            f"{scores.env_id}: wrappers keep running statistics ({', '.join(found)}): evaluations see through those "
            "of the training at that step, held still; the random policy's score and what is said of probe states "
            "are seen through their own."
        )
    if any("reward" in name.lower() for name in found):
        yield f"{scores.env_id}: returns are of rewards as a wrapper scaled them, not of the environment's own."


def invalid_runs(results: Results, most: int = 20) -> list[str]:
    """One sentence for each run that doesn't stand or diverged, and for what study.json doesn't list."""
    found = []
    for run in results.runs:
        if run.state == "ok":
            continue
        where = f"{run.env_id}, {run.label}, seed {run.seed}"
        if run.state == "diverged":
            found.append(f"{where}: diverged at step {run.diverged_at}; its series is complete and counts.")
        elif run.state != "missing":
            error = run.manifest.get("error") or {}
            reason = run.reason or ": ".join(str(error[k]) for k in ("type", "message") if error.get(k))
            found.append(f"{where}: {run.state}" + (f" ({reason})" if reason else "") + "; not counted.")
    if len(found) > most:
        found = [*found[:most], f"... and {len(found) - most} more runs that diverged or failed."]
    missing = sum(run.state == "missing" for run in results.runs)
    if missing:
        found.append(f"{missing} of {len(results.runs)} listed runs are missing; nothing stands in for them.")
    if results.unlisted:
        named = ", ".join(results.unlisted[:most])
        more = len(results.unlisted) - most
        rest = f" and {more} more" if more > 0 else ""
        found.append(f"Stored runs that study.json doesn't list, left out: {named}{rest}.")
    return found
