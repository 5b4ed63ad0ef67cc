"""Statistics of a whole study as tables: comparisons, stability, aggregates, effects; and what is missing for them."""

from __future__ import annotations

from collections.abc import Sequence

from analysis import aggregated, comparisons, effects, selection, stability
from analysis.board import Board, boards
from analysis.results import Results
from analysis.summary import Line

VERDICTS = "verdicts.txt"


def render(results: Results, lines: list[Line]) -> dict[str, str]:
    """The table files by name, as far as the stored runs carry them."""
    found = boards(results, lines)
    study, name = results.study, str(results.study["name"])
    baseline, aliases = str(study.get("baseline", "")), study.get("aliases", [])
    compared = [one for board in found for one in comparisons.compare_all(board, baseline)]
    pooled = aggregated.aggregate_all(found, baseline)
    sized = [one for board in found for one in effects.size_all(board, aliases)]
    lacks = [*idle(results, found), *missing(found)]
    files = {
        "stability.csv": stability.as_csv(found),
        "stability.md": stability.as_markdown(name, found, lacks),
        "stability.tex": stability.as_latex(name, found),
    }
    if compared:
        files["comparisons.csv"] = comparisons.as_csv(compared)
        files["comparisons.md"] = comparisons.as_markdown(name, compared, lacks)
    chosen = [one for board in found for one in selection.select_all(board, baseline)]
    if chosen:
        files["selection.csv"] = selection.as_csv(chosen)
        files["selection.md"] = selection.as_markdown(name, chosen)
    if pooled:
        files["aggregates.csv"] = aggregated.as_csv(pooled)
        files["profiles.csv"] = aggregated.profiles(found)
        files["sample-efficiency.csv"] = aggregated.efficiency(found)
        files["aggregates.md"] = aggregated.as_markdown(name, pooled, aggregated.left_out(found))
    if sized:
        files["effects.csv"] = effects.as_csv(sized)
        files["effects.md"] = effects.as_markdown(name, sized, lacks)
    nothing = [] if compared else [f"{name}: nothing to compare, as no row has a baseline beside it."]
    aside = [] if pooled else aggregated.left_out(found)
    files[VERDICTS] = comparisons.verdicts(name, compared, [*nothing, *lacks, *aside])
    return files


def idle(results: Results, found: Sequence[Board]) -> list[str]:
    """The environments in which no run stands."""
    here = {board.env_id for board in found}
    env_ids = [str(environment["env_id"]) for environment in results.environments]
    return [f"{env_id}: no run stands, so it is in no table." for env_id in env_ids if env_id not in here]


def missing(found: Sequence[Board]) -> list[str]:
    """What the stored runs or the study lack, and what therefore can't be said."""
    lacks = []
    for board in found:
        without = [
            what
            for what, name in (("probes", "mean_q"), ("evaluations", "evaluation_return"))
            if not board.has(name)
        ]
        if without:
            lacks.append(
                f"{board.env_id}: no {' and no '.join(without)} stored, so nothing is said of "
                + " or ".join(
                    {
                        "probes": "soft divergence, churn and values",
                        "evaluations": "overestimation and greedy returns",
                    }[w]
                    for w in without
                )
                + "."
            )
        if board.threshold is None:
            lacks.append(f"{board.env_id}: no reward threshold, so nothing is said of solving or collapse.")
        if board.random is None:
            lacks.append(
                f"{board.env_id}: no random policy stored, so returns have no scale and no effect can be called small."
            )
        if not board.environment.get("value_bounds"):
            lacks.append(f"{board.env_id}: no value bounds, so nothing is said of soft divergence.")
    return lacks
