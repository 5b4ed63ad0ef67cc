"""Looks: which seeds of which rows a study that runs until it is decided asks for, and the plan that it holds to.

The plan is fixed before the first run (docs/metrics.md, "Looks"): what is compared with what, on which metric, at which
numbers of seeds. A row that is decided gets no more seeds, and the baseline goes as far as the longest row that is
compared with it. Each environment is a family of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ablations import store
from ablations.dqn import variants
from ablations.dqn.fields import plain
from ablations.studies.study import Study

FLIPS_SEED = 2015
"""From which the signs are drawn; a part of the plan."""
UNDECIDED = "undecided"
Looks = Sequence[Mapping[str, Any]]
"""The looks that were judged, as decisions.json has them."""


class Family(NamedTuple):
    """How far an environment's family of rows is."""

    env_id: str
    judged: int  # looks that were judged
    decided: Mapping[str, int]  # rows with the look at which each was
    undecided: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many have a hypothesis."""
        return len(self.decided) + len(self.undecided)


def plan_of(study: Study) -> dict[str, Any]:
    """All that decisions rest on, before anything is known: what the plan's digest covers."""
    tables = study.document.get("env", {})
    return {
        "metric": study.decide.metric,
        "looks": list(study.decide.looks or ()),
        "alpha": study.decide.alpha,
        "margin": study.decide.margin,
        "flips_seed": FLIPS_SEED,
        "entropy": study.entropy,
        "baseline": study.baseline,
        "settings": study.settings.plain(),
        "environments": [
            {
                "env_id": each.env_id,
                "args": dict(each.args),
                "settings": dict(each.settings),
                "slots": {row.label: variants.plain(study.row_in(each, row).slots) for row in study.rows},
                "value_bounds": None if each.value_bounds is None else list(each.value_bounds),
                # as the file gives it: what Gymnasium registers may be known only once a module is imported
                "reward_threshold": tables.get(each.env_id, {}).get("reward_threshold"),
                "margin": each.margin,
            }
            for each in study.environments
        ],
        "rows": [
            {"label": row.label, "against": row.against, "swept": plain(row.swept)} for row in study.rows
        ],
        **({"pieces": dict(study.registry.files)} if study.registry.files else {}),
    }


def digest_of(plan: Mapping[str, Any]) -> str:
    """The sha256 of a plan."""
    return hashlib.sha256(store.canonical(plan).encode("ascii")).hexdigest()


def at_looks(study: Study, looks: Looks, longest: bool = False) -> Study:
    """The study with the seeds that it asks for once these looks were judged; fixed seeds stay.

    ``longest``: with all that it may ask for, if nothing more is decided.
    """
    if not study.decide.looks:
        return study
    sizes, counts = study.decide.looks, dict[tuple[str, str], int]()
    for family in families(study, looks):
        following = _following(study, family.judged, longest)
        asked = {row.label: min(sizes[0], following) for row in study.rows}
        asked |= dict.fromkeys(family.undecided, following)
        asked |= {label: sizes[look - 1] for label, look in family.decided.items()}
        for row in study.rows:
            for label in (row.label, row.against) if row.against else (row.label,):
                place = family.env_id, label
                counts[place] = max(counts.get(place, 0), asked[row.label])
    return replace(study, counts=counts)


def families(study: Study, looks: Looks) -> list[Family]:
    """How far each environment's rows are."""
    found = []
    tested = [row.label for row in study.rows if row.against is not None]
    for environment in study.environments:
        judged = [look for look in looks if look["env_id"] == environment.env_id]
        rows = judged[-1]["rows"] if judged else ()
        decided = {row["label"]: int(row["look"]) for row in rows if row["verdict"] != UNDECIDED}
        undecided = tuple(label for label in tested if label not in decided)
        found.append(Family(environment.env_id, len(judged), decided, undecided))
    return found


def _following(study: Study, judged: int, longest: bool) -> int:
    """Seeds of a row that is undecided after so many looks: the next look's, as far as the study is to go now."""
    looks = study.decide.looks or ()
    last = len(looks) if longest else min(judged + 1, len(looks))
    most = looks[-1] if study.most_seeds is None else study.most_seeds
    return max((n for n in looks[:last] if n <= most or looks.index(n) < judged), default=most)
