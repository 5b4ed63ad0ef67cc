"""Every metric by name: its unit, its direction and the function that gives it. A new one is a function and a line.

A score is one number per run (``score``); a row of the study then has its mean, its share or its median. What is a
number of several runs together (``parts``, ``across_runs``) has no score of a single one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.metrics.learning import (
    FINAL_PARTS,
    auc,
    final_return,
    solved_over_100,
)
from analysis.metrics.reliability import (
    dispersion_across_runs,
    dispersion_across_time,
    filtered,
    largest_drawdown,
    long_term_risk,
    risk_across_runs,
    short_term_risk,
)
from analysis.metrics.run_data import RunData
from analysis.metrics.series import WINDOW, Floats, Form, running_variance, time_average
from analysis.metrics.values import (
    finite_mean,
    largest,
    overestimation,
    overestimation_tail,
    share_outside,
    value_excess,
)

Summary = Literal["mean", "share", "wait"]
Scale = Literal["return", "share", "steps", "value"]
RETURN, VALUE, STEPS, SHARE = "return per episode", "value", "environment steps", "share of runs"


@dataclass(frozen=True)
class Metric:
    """The meaning of a number, and how it comes about."""

    name: str
    title: str
    unit: str
    bigger_is_better: bool | None
    """None: neither."""
    score: Callable[[RunData], float] | None = None
    """The score of one run; NaN: not defined for it."""
    summary: Summary = "mean"
    """A row's number: mean over runs, share of runs, or median of right-censored waiting times."""
    censored_at: Callable[[RunData], float] | None = None
    """Of a waiting time: when looking stopped; NaN where nothing was waited for."""
    parts: Callable[[Sequence[RunData]], Floats] | None = None
    """What several runs bring to a number of theirs together, (n, P): one line per run that has it."""
    across_runs: Callable[[Floats], Floats] | None = None
    """That number: (..., n, P) -> (...)."""
    scale: Scale | None = None
    """What a margin is a share of; None: nothing, and no effect is called small."""

    @property
    def is_compared(self) -> bool:
        """True if runs have a score of their own that can be paired; waiting times need a budget to be cut at."""
        return self.score is not None and (self.summary != "wait" or self.scale == "steps")

    def known(self, run: RunData) -> tuple[float, bool]:
        """A run's score for comparisons, and True where it is one; a waiting time that did not end is the budget."""
        assert self.score is not None
        score = self.score(run)
        if self.censored_at is None or np.isfinite(score):
            return score, bool(np.isfinite(score))
        return self.censored_at(run), False


# ---- learning ------------------------------------------------------------------------------------------------------

LEARNING = (
    Metric("curve", "Return", RETURN, True),
    Metric(
        "final_return", "Final return", RETURN, True,
        lambda run: final_return(run.ends, run.returns, run.steps), scale="return",
    ),
    Metric(
        "auc", "Mean of the curve", RETURN, True,
        lambda run: auc(run.ends, run.returns, run.steps), scale="return",
    ),
    Metric(
        "solved", "Solved", SHARE, True,
        lambda run: np.nan if run.threshold is None else float(run.solved_at is not None),
        summary="share", scale="share",
    ),
    Metric(
        "solved_100", "Solved over 100 episodes", SHARE, True,
        lambda run: np.nan if run.threshold is None else solved_over_100(run.returns, run.threshold, run.steps),
        summary="share", scale="share",
    ),
    Metric(
        "steps_to_threshold", "Steps to threshold", STEPS, False,
        lambda run: np.nan if run.solved_at is None else float(run.ends[run.solved_at]),
        summary="wait", scale="steps",
        censored_at=lambda run: np.nan if run.threshold is None else float(run.steps),
    ),
    Metric(
        "episodes_to_threshold", "Episodes to threshold", "episodes", False,
        lambda run: np.nan if run.solved_at is None else float(run.solved_at + 1),
        summary="wait",
        censored_at=lambda run: np.nan if run.threshold is None else float(len(run.returns)),
    ),
)  # fmt: skip


# ---- running variance ----------------------------------------------------------------------------------------------


def _variance(form: Form) -> Callable[[RunData], float]:
    """The running variance averaged over environment steps."""
    return lambda run: time_average(run.ends, running_variance(run.returns, WINDOW, form), run.steps)


VARIANCE = (
    Metric("running_variance", "Running variance", "squared return", False, _variance("full")),
    Metric(
        "running_variance_growing", "Running variance, growing window", "squared return", False,
        _variance("growing"),
    ),
    Metric(
        "running_variance_trend", "Running variance around the trend", "squared return", False, _variance("trend")
    ),
)  # fmt: skip


# ---- reliability ---------------------------------------------------------------------------------------------------


def _known(curve: Floats) -> Floats:
    return curve[np.isfinite(curve)]


def _evaluated(run: RunData) -> Floats:
    return _known(run.evaluated[1])


def _trained(run: RunData) -> Floats:
    return _known(run.training_curve)


def _end(run: RunData) -> float:
    """Mean of the evaluations in the last tenth of the run's steps."""
    at, returns = run.evaluated
    return finite_mean(returns[at * FINAL_PARTS > run.steps * (FINAL_PARTS - 1)])


def _evaluations(runs: Sequence[RunData]) -> Floats:
    """The filtered evaluation curves of the runs that were evaluated, (n, P)."""
    curves = [run.evaluated for run in runs if len(run.evaluated[0])]
    points = np.unique(np.concatenate([at for at, _ in curves])) if curves else np.empty(0)
    aligned = np.full((len(curves), len(points)), np.nan)
    for line, (at, returns) in zip(aligned, curves, strict=True):
        line[np.searchsorted(points, at)] = returns
    return filtered(aligned)


def _trainings(runs: Sequence[RunData]) -> Floats:
    """The filtered training curves, (n, P)."""
    return filtered(np.array([run.training_curve for run in runs]).reshape(len(runs), -1))


def _each(score: Callable[[RunData], float]) -> Callable[[Sequence[RunData]], Floats]:
    """A score of every run that has it, (n, 1)."""
    return lambda runs: _known(np.array([score(run) for run in runs], dtype=np.float64))[:, None]


def _reliability(prefix: str, of: str, curve: Callable[[RunData], Floats], interval: str) -> list[Metric]:
    """The measures within a run, of the greedy evaluations or of the training curve."""
    return [
        Metric(
            f"{prefix}dispersion_across_time", f"Dispersion across time ({of})", f"return per {interval}", False,
            lambda run: dispersion_across_time(curve(run)),
        ),
        Metric(
            f"{prefix}short_term_risk", f"Short-term risk ({of})", f"return per {interval}", True,
            lambda run: short_term_risk(curve(run)),
        ),
        Metric(
            f"{prefix}long_term_risk", f"Long-term risk ({of})", RETURN, False,
            lambda run: long_term_risk(curve(run)), scale="return",
        ),
        Metric(
            f"{prefix}largest_drawdown", f"Largest drawdown ({of})", RETURN, False,
            lambda run: largest_drawdown(curve(run)), scale="return",
        ),
    ]  # fmt: skip


RELIABILITY = (
    Metric("evaluation_return", "Final return (evaluations)", RETURN, True, _end, scale="return"),
    *_reliability("", "evaluations", _evaluated, "evaluation"),
    Metric(
        "dispersion_across_runs", "Dispersion across runs (evaluations)", RETURN, False,
        parts=_evaluations, across_runs=dispersion_across_runs,
    ),
    Metric(
        "risk_across_runs", "Risk across runs (evaluations)", RETURN, True,
        parts=_each(_end), across_runs=risk_across_runs,
    ),
    *_reliability("training_", "training", _trained, "fiftieth of the run"),
    Metric(
        "training_dispersion_across_runs", "Dispersion across runs (training)", RETURN, False,
        parts=_trainings, across_runs=dispersion_across_runs,
    ),
    Metric(
        "training_risk_across_runs", "Risk across runs (training)", RETURN, True,
        parts=_each(lambda run: final_return(run.ends, run.returns, run.steps)), across_runs=risk_across_runs,
    ),
)  # fmt: skip


# ---- collapse and divergence ---------------------------------------------------------------------------------------

DIVERGENCE = (
    Metric(
        "collapses", "Collapses after solving", "collapses per solved run", False,
        lambda run: np.nan if run.collapses is None else float(len(run.collapses)),
    ),
    Metric(
        "recoveries", "Recoveries", "recoveries per solved run", None,
        lambda run: np.nan if run.collapses is None else float(sum(c.recovered_at is not None for c in run.collapses)),
    ),
    Metric(
        "steps_to_recovery", "Steps to recovery", STEPS, False,
        lambda run: run.recovery[0], summary="wait", censored_at=lambda run: run.recovery[1],
    ),
    Metric(
        "soft_divergence", "Soft divergence", SHARE, False,
        lambda run: float(np.isfinite(run.crossing)) if run.can_soft_diverge else np.nan,
        summary="share", scale="share",
    ),
    Metric(
        "steps_to_soft_divergence", "Steps to soft divergence", STEPS, True,
        lambda run: run.crossing, summary="wait",
        censored_at=lambda run: float(run.steps) if run.can_soft_diverge else np.nan,
    ),
    Metric(
        "value_excess", "Value excess", "powers of ten of the bounds' width", False,
        lambda run: value_excess(run.probes, run.bounds, run.diverged_at)
        if run.bounds and run.can_soft_diverge else np.nan,
    ),
    Metric(
        "share_outside", "Time outside the bounds", "share of the budget", False,
        lambda run: share_outside(run.probes, run.bounds) if run.bounds and run.can_soft_diverge else np.nan,
        scale="share",
    ),
    Metric(
        "unbounded_divergence", "Unbounded divergence", SHARE, False,
        lambda run: float(run.diverged_at is not None), summary="share", scale="share",
    ),
)  # fmt: skip


# ---- values and what the networks look like from inside ------------------------------------------------------------


def _probe(name: str) -> Callable[[RunData], float]:
    """A diagnostic averaged over the probes of a run; they are equally spaced, so this is its time average."""
    return lambda run: finite_mean(run.probe(name))


def _exact(name: str) -> Callable[[RunData], float]:
    """A distance from exact values averaged over a run."""
    return lambda run: finite_mean(run.against_exact(name))


VALUES = (
    Metric(
        "overestimation", "Overestimation", VALUE, None,  # below 0 it is underestimation, which is no better
        lambda run: overestimation(run.evaluation("predicted_q"), run.evaluation("discounted_return")),
        scale="value",
    ),
    Metric(
        "overestimation_tail", "Bound on the cut tails", VALUE, None,
        lambda run: np.nan if run.bounds is None
        else overestimation_tail(run.evaluation("tail_discount"), run.bounds),
    ),
    Metric("q_error", "Mean |Q - Q*|", VALUE, False, _exact("q_error_mean")),
    Metric("largest_q_error", "Largest |Q - Q*|", VALUE, False, lambda run: largest(run.against_exact("q_error_max"))),
    Metric("exact_overestimation", "Overestimation of V*", VALUE, None, _exact("overestimation")),
    Metric("regret", "Regret", "return per episode, discounted", False, _exact("regret")),
    Metric("largest_q", "Largest Q", VALUE, None, lambda run: largest(run.probe("q_max"))),
    Metric("smallest_q", "Smallest Q", VALUE, None, lambda run: -largest(-run.probe("q_min"))),
    Metric("largest_batch_q", "Largest |Q| in batches", VALUE, None, lambda run: largest(run.probe("batch_q_abs_max"))),
    Metric("mean_q", "Mean Q", VALUE, None, _probe("q_mean")),
    Metric("churn", "Churn", "share of probe states", False, _probe("churn"), scale="share"),
    Metric("action_gap", "Action gap", VALUE, None, _probe("action_gap")),
    Metric("dormant_share", "Dormant units", "share of units", False, _probe("dormant_share"), scale="share"),
    Metric("effective_rank", "Effective rank", "dimensions", None, _probe("effective_rank")),
    Metric("target_lag", "Target lag", "share of |theta|", None, _probe("target_lag")),
    Metric("terminal_share", "Terminal transitions in the buffer", "share of transitions", None,
           _probe("terminal_share")),
    Metric("per_health", "PER health", "share of the batch", None, _probe("per_health")),
    Metric("loss", "Loss", "loss", None, _probe("loss")),
    Metric("abs_td_error", "Mean |TD error|", VALUE, None, _probe("abs_td_error")),
    Metric("gradient_norm", "Gradient norm", "norm", None, _probe("gradient_norm")),
)  # fmt: skip


METRICS = {metric.name: metric for metric in (*LEARNING, *VARIANCE, *RELIABILITY, *DIVERGENCE, *VALUES)}
"""Every metric by name, in the order of tables."""


def score_run(run: RunData) -> Mapping[str, float]:
    """Every score of one run by the metric's name; NaN: not defined for it."""
    return {name: metric.score(run) for name, metric in METRICS.items() if metric.score is not None}
