"""Everything that the statistics say of a study, collected once for the tables and for the report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from analysis.findings.against_baseline import RowComparison, compare_all
from analysis.findings.aggregates import Aggregate, aggregate_all
from analysis.findings.bands import EnvironmentBands, environment_bands
from analysis.findings.claims import Claim, JudgedClaim, judge, read_claims
from analysis.findings.factorial_effects import EstimatedEffect, estimate_all
from analysis.findings.hard_vs_soft import SoftMinusHard, compare_hard_soft
from analysis.findings.normalized import NormalizedScores, RowCurves, efficiency, normalized_scores, profiles
from analysis.findings.scores import EnvironmentScores, environment_scores
from analysis.findings.select_evaluate import Quadrant, quadrants
from analysis.findings.summary import RowSummary, summarize
from analysis.findings.tuned import TunedComparison, compare_tuned
from analysis.findings.world_sizes import Line, world_sizes
from analysis.loading import Results, Row
from analysis.spread import Spread, in_turn


@dataclass(frozen=True)
class Evidence:
    """All findings that the valid runs carry; empty where they carry nothing."""

    results: Results
    summaries: list[RowSummary]
    """Every row in every environment."""
    scores: list[EnvironmentScores]
    """One per environment in which a run stands."""
    comparisons: list[RowComparison]
    """Every row against the baseline."""
    soft_minus_hard: list[SoftMinusHard]
    """Soft targets against hard ones of the same lag."""
    quadrants: list[Quadrant]
    tuned: list[TunedComparison]
    aggregates: list[Aggregate]
    effects: list[EstimatedEffect]
    spread: Spread = in_turn
    """How what costs is computed: here, or over the cores."""

    @cached_property
    def judged(self) -> list[tuple[Claim, list[JudgedClaim]]]:
        """Findings of the literature, each judged in every environment in which a run stands."""
        return [(claim, [judge(scores, claim) for scores in self.scores]) for claim in read_claims()]

    @cached_property
    def bands(self) -> list[EnvironmentBands]:
        """Learning curves and running variances of each environment in which a run stands."""
        return [environment_bands(self.results, scores, self.spread) for scores in self.scores]

    @cached_property
    def world_sizes(self) -> list[Line]:
        """Steps to a good policy as worlds grow."""
        return world_sizes(self.scores)

    @cached_property
    def normalized(self) -> NormalizedScores | None:
        """Scores and curves on one scale; None where no environment has one."""
        return normalized_scores(self.scores, self.results.study)

    @cached_property
    def profiles(self) -> RowCurves | None:
        """Performance profiles of the normalised final return."""
        return profiles(self.normalized) if self.normalized else None

    @cached_property
    def efficiency(self) -> RowCurves | None:
        """Sample-efficiency curves."""
        return efficiency(self.normalized) if self.normalized else None

    @property
    def is_replanned(self) -> bool:
        """True if the study's plan was changed after its first look."""
        return bool((self.results.decisions or {}).get("earlier"))

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.results.study["name"])

    @property
    def rows(self) -> list[Row]:
        """The rows of the study, of one environment or another."""
        return list({summary.row.label: summary.row for summary in self.summaries}.values())

    @property
    def soft_compared(self) -> list[RowComparison]:
        """Soft targets against hard ones of the same lag, as comparisons of rows."""
        return [one.compared for one in self.soft_minus_hard]


def collect(results: Results, spread: Spread = in_turn) -> Evidence:
    """Every comparison, aggregate and effect that the stored runs allow."""
    summaries = summarize(results, spread)
    found = environment_scores(results, summaries)
    baseline, aliases = str(results.study.get("baseline", "")), results.study.get("aliases", [])
    return Evidence(
        results=results,
        summaries=summaries,
        scores=found,
        comparisons=[one for scores in found for one in compare_all(scores)],
        soft_minus_hard=[one for scores in found for one in compare_hard_soft(scores)],
        quadrants=[one for scores in found for one in quadrants(scores)],
        tuned=[one for scores in found for one in compare_tuned(scores, baseline)],
        aggregates=aggregate_all(found),
        effects=[one for scores in found for one in estimate_all(scores, aliases)],
        spread=spread,
    )
