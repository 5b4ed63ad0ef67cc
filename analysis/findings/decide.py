"""decisions.json: each look judged once, when its runs are finished, from these runs and the stored plan alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ablations import store
from analysis.findings.margins import margin_of, without_scale
from analysis.findings.measured import measured
from analysis.findings.repeatability import why_not_independent
from analysis.findings.unequal import unequal
from analysis.loading import Results, Row, read_run
from analysis.metrics import METRICS, Metric
from analysis.statistics.contrasts import differences, minus
from analysis.statistics.flips import EXACT_UP_TO
from analysis.statistics.sequential import Design, Judged, judge_look, least_seeds

__all__ = [
    "PRIMARY_METRICS",
    "decide",
    "judged_row",
    "least_seeds",
    "newly_decided",
    "recompute",
    "without_scale",
]

Document = dict[str, Any]
Look = dict[str, Any]

PRIMARY_METRICS = tuple(
    name for name, metric in METRICS.items() if metric.is_compared and metric.bigger_is_better is not None
)
"""What a study may decide by: scores of single runs that have a better side."""
NUMBERS = ("look", "n", *(name for name in store.JUDGED if "mean" not in name))


class Stored(NamedTuple):
    """A listed run as a look reads it."""

    key: str
    state: str
    files: dict[str, str]
    """Each stored file's sha256; empty unless valid."""
    score: float = np.nan
    is_known: bool = False
    """False where a waiting time was cut at the budget, or where there is no score."""


Valid = Mapping[tuple[str, int], Stored]
"""Valid runs by label and seed."""


@dataclass(frozen=True)
class Environment:
    """An environment of a plan, with what its looks need: rows, design, and the runs as far as they were asked for."""

    folder: Path
    study: Mapping[str, Any]
    plan: Mapping[str, Any]
    env_id: str
    read: dict[tuple[str, int], Stored] = field(default_factory=dict)

    @property
    def metric(self) -> Metric:
        """The primary metric."""
        return METRICS[self.plan["metric"]]

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """The study's entry of the environment, with the plan's margin."""
        planned = next(one for one in self.plan["environments"] if one["env_id"] == self.env_id)
        known: Mapping[str, Any] = next(
            (one for one in self.study["environments"] if one["env_id"] == self.env_id), {}
        )
        return {**known, "env_id": self.env_id, "margin": planned.get("margin")}

    @cached_property
    def rows(self) -> Mapping[str, Row]:
        """The study's rows by label."""
        return {row.label: row for row in Results(self.folder, self.study, (), ()).rows(self.env_id)}

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """(label, label that it is compared with) of every hypothesis."""
        return [(row["label"], row["against"]) for row in self.plan["rows"] if row.get("against")]

    @cached_property
    def design(self) -> Design:
        """What was fixed before the first look."""
        budget = max(row.budget for row in self.rows.values())
        return Design(
            looks=tuple(self.plan["looks"]),
            hypotheses=len(self.pairs),
            margin=margin_of(self.metric, self.facts, budget, self.plan),
            alpha=self.plan["alpha"],
            seed=self.plan["flips_seed"],
            answers=self.metric.summary == "share",
        )

    @cached_property
    def listed(self) -> Mapping[tuple[str, int], Mapping[str, Any]]:
        """The runs that the study asks for by label and seed."""
        return {
            (run["label"], run["seed"]): run for run in self.study["runs"] if run["env_id"] == self.env_id
        }

    def stored(self, label: str, seed: int) -> Stored | None:
        """A run as it is stored; None where the study doesn't ask for it."""
        at = (label, seed)
        if at not in self.read and at in self.listed:
            self.read[at] = self._read(self.listed[at])
        return self.read.get(at)

    def _read(self, listed: Mapping[str, Any]) -> Stored:
        run = read_run(self.folder, listed)
        if not run.is_valid:
            return Stored(listed["key"], run.state, {})
        files = {name: facts["sha256"] for name, facts in sorted(run.manifest["files"].items())}
        score, known = self.metric.known(measured(self.rows[listed["label"]], run, self.facts))
        return Stored(listed["key"], run.state, files, score, known)

    def seeds(self, k: int) -> list[int]:
        """The first n_k seeds, or as many as there are so far."""
        return list(self.study["seeds"][: self.design.looks[k - 1]])

    def needed(self, k: int, before: Look | None) -> list[str]:
        """The labels of the rows that look k tests, and of their baselines; none where all are decided."""
        asked = [
            pair for pair, one in zip(self.pairs, self.judged(before), strict=True) if not one.is_decided
        ]
        wanted = {label for pair in asked for label in pair}
        return [row["label"] for row in self.plan["rows"] if row["label"] in wanted]

    def finished(self, k: int, before: Look | None) -> Valid | None:
        """The valid runs that look k rests on; None unless each run that it needs is finished, and all independent."""
        labels, seeds = self.needed(k, before), self.seeds(k)
        if not labels or len(seeds) < self.design.looks[k - 1] or why_not_independent(self.facts) is not None:
            return None
        valid = {}
        for label in labels:
            for seed in seeds:
                one = self.stored(label, seed)
                if one is None or one.state not in store.VALID + store.ATTEMPTS:
                    return None
                if one.state in store.VALID:
                    valid[label, seed] = one
        return valid

    def judged(self, look: Look | None) -> list[Judged]:
        """What a look, or none, says of every hypothesis."""
        return [judged_row(row) for row in look["rows"]] if look else [Judged()] * len(self.pairs)

    def look(self, k: int, before: Look | None, valid: Valid) -> Look:
        """Look k, from the one before and these runs."""
        design, seeds, labels = self.design, self.seeds(k), list(self.rows)
        values = np.full((len(labels), len(seeds)), np.nan)
        known = np.zeros(values.shape, dtype=bool)
        for (label, seed), one in valid.items():
            at = labels.index(label), seeds.index(seed)
            values[at], known[at] = one.score, one.is_known
        pairs = [(labels.index(row), labels.index(base)) for row, base in self.pairs]
        tested = differences(values, [minus(*pair) for pair in pairs])
        if self.metric.summary == "wait":  # two budgets are equal anyway
            tested[[not known[list(pair)].any() for pair in pairs]] = np.nan
        previous = self.judged(before)
        is_open = [not one.is_decided for one in previous]
        found = judge_look(tested, design, k, previous, is_open)
        rows = []
        for place, (row, base) in enumerate(pairs):
            both = np.isfinite(tested[place])
            means = {name: _mean(values[at][both]) for name, at in (("mean", row), ("baseline_mean", base))}
            if before and not is_open[place]:
                means = {name: before["rows"][place][name] for name in means}
            rows.append(_row(*self.pairs[place], means, found[place], self.metric))
        return {
            "env_id": self.env_id,
            "look": k,
            "seeds": design.looks[k - 1],
            "share": design.shares[k - 1],
            "margin": _plain(design.margin),
            "flips": "exact" if design.looks[k - 1] <= EXACT_UP_TO else design.flips(k),
            "runs": [
                {
                    "label": label,
                    "seed": seed,
                    "key": valid[label, seed].key,
                    "files": valid[label, seed].files,
                }
                for label in labels
                for seed in seeds
                if (label, seed) in valid
            ],
            "rows": rows,
        }


def decide(folder: Path) -> Document:
    """decisions.json with every look that is ready judged; equal to the stored one where none is."""
    study, stored = store.read_study(folder), store.read_decisions(folder)
    looks: list[Look] = []
    for environment in _environments(folder, study, stored["plan"]):
        here = _of(stored["looks"], environment.env_id)
        while len(here) < len(environment.design.looks):
            k, before = len(here) + 1, here[-1] if here else None
            valid = environment.finished(k, before)
            if valid is None:
                break
            here.append(environment.look(k, before, valid))
        looks += here
    return {**stored, "looks": looks}


def newly_decided(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """A line for each row that was decided: 'CartPole-v1: no-replay is worse: auc -145 [-152, -139] of 291, ...'."""
    return [
        _told(environment["env_id"], row, after["plan"])
        for environment in after["plan"]["environments"]
        for row in _last(after, environment["env_id"]).values()
        if row["verdict"] != "undecided"
        and _last(before, environment["env_id"]).get(row["label"], {}).get("verdict", "undecided")
        == "undecided"
    ]


def recompute(folder: Path) -> list[str]:
    """What in decisions.json is not what its listed runs give, a sentence each."""
    study, stored = store.read_study(folder), store.read_decisions(folder)
    problems, checked = [], 0
    for environment in _environments(folder, study, stored["plan"]):
        before: Look | None = None
        for k, look in enumerate(_of(stored["looks"], environment.env_id), 1):
            where, checked = f"{environment.env_id}, look {k}", checked + 1
            valid, wrong = _listed(environment, look, where)
            if wrong or k > len(environment.design.looks):
                problems += wrong or [f"{where}: the plan has no such look."]
                break
            again = environment.look(k, before, valid)
            problems += [f"{where}: {problem}." for problem in unequal(look, again)]
            before = again
        else:
            continue
        problems.append(f"{environment.env_id}: what rests on this look was not recomputed.")
    if checked < len(stored["looks"]) and not problems:
        problems.append("decisions.json has looks at environments that its plan doesn't have.")
    return problems


def _environments(folder: Path, study: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[Environment]:
    for one in plan["environments"]:
        yield Environment(folder, study, plan, one["env_id"])


def _of(looks: Sequence[Look], env_id: str) -> list[Look]:
    return [look for look in looks if look["env_id"] == env_id]


def _last(document: Mapping[str, Any], env_id: str) -> Mapping[str, Mapping[str, Any]]:
    """The rows of an environment's last look by label; nothing before its first."""
    looks = _of(document["looks"], env_id)
    return {row["label"]: row for row in looks[-1]["rows"]} if looks else {}


def _mean(values: Any) -> float | None:
    return math.fsum(values) / len(values) if len(values) else None


def _plain(number: float | None) -> Any:
    """A number as JSON has it: None where it isn't defined."""
    return None if number is None or not math.isfinite(number) else number


def _row(label: str, against: str, means: Mapping[str, Any], one: Judged, metric: Metric) -> dict[str, Any]:
    """A hypothesis as an entry of a look."""
    return {
        "label": label,
        "against": against,
        **means,
        **{name: _plain(getattr(one, name)) for name in NUMBERS},
        "verdict": one.verdict(metric.bigger_is_better),
        "within_margin": one.same,
        "interval": {name: _plain(getattr(one, name)) for name in store.ENDS},
    }


def judged_row(row: Mapping[str, Any]) -> Judged:
    """The hypothesis that an entry of a look tells of."""
    numbers = {**{name: row[name] for name in NUMBERS}, **row["interval"]}
    known: dict[str, Any] = {name: np.nan if value is None else value for name, value in numbers.items()}
    return Judged(
        **known,
        is_within=row["within_margin"] and row["p_same"] is None,
        differs=row["verdict"] not in ("same", "undecided"),
        same=row["within_margin"],
    )


def _listed(environment: Environment, look: Look, where: str) -> tuple[Valid, list[str]]:
    """The runs that a look lists, and what is wrong with them."""
    valid, problems = {}, []
    for listed in look["runs"]:
        label, seed = listed["label"], listed["seed"]
        one = environment.stored(label, seed)
        name = f"{where}: {label}, seed {seed},"
        if one is None or one.key != listed["key"]:
            problems.append(f"{name} is no run of study.json with the key {listed['key']}.")
        elif one.state not in store.VALID:
            problems.append(f"{name} is {one.state}.")
        elif one.files != listed["files"]:
            problems.append(f"{name} has other digests than those listed.")
        else:
            valid[label, seed] = one
    return valid, problems


def _told(env_id: str, row: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    word = "within the margin" if row["verdict"] == "same" else row["verdict"]
    if row["within_margin"] and row["verdict"] != "same":
        word += " by less than the margin"
    ends = [row["interval"][name] for name in ("low", "high")]
    interval = "" if None in ends else f" [{', '.join(map(_short, ends))}]"
    return (
        f"{env_id}: {row['label']} is {word}: {plan['metric']} {_short(row['difference'])}{interval} of "
        f"{_short(row['baseline_mean'])}, {row['n']} seeds (look {row['look']} of {len(plan['looks'])})"
    )


def _short(number: float) -> str:
    """Three digits: '-145', '0.123'."""
    return f"{float(f'{number:.3g}'):.10g}"
