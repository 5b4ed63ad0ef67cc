"""The component matrix: what each row is made of, and what rows cannot share with each other.

A comparison is fair where rows differ in what they are meant to differ in. What a variant cannot share (no replay
learns from one sample per update) is printed here, in every plan and report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ablations.dqn.variants import SLOTS, Variant, behavior, pieces
from ablations.errors import few
from ablations.studies.expand import Row
from ablations.studies.pieces import piece_label
from ablations.studies.study import Environment, Study

COLUMNS = (
    *SLOTS,
    "updates/step",  # gradient updates per environment step, from learning_starts on
    "samples/update",
    "samples/step",
    "selects",  # the network whose argmax chooses the next action in the bootstrap
    "evaluates",  # the network whose value of that action is taken
)


_SHOWN_SETTINGS = ("batch_size", "train_frequency", "gradient_steps")


def by_environment(study: Study) -> list[tuple[list[str], list[Row]]]:
    """(environments, rows with their overrides applied): one pair unless overrides change what the matrix shows."""
    groups: dict[tuple[Any, ...], list[Environment]] = {}
    for environment in study.environments:
        overrides = tuple(environment.settings.get(name) for name in _SHOWN_SETTINGS)
        groups.setdefault(overrides, []).append(environment)
    return [
        (
            [environment.env_id for environment in group],
            [replace(row, settings=study.run_settings(group[0], row)) for row in study.rows],
        )
        for group in groups.values()
    ]


def component_matrix(rows: Sequence[Row]) -> list[dict[str, str]]:
    """One {column: text} per row, "row" being its label."""
    return [{"row": row.label, **_cells(row)} for row in rows]


def caveats(rows: Sequence[Row]) -> list[str]:
    """What the matrix does not show: where a setting means something else, or nothing, for a row."""
    notes = []
    latest = [row for row in rows if row.slots.replay.kind == "latest"]
    for condition, sentence in (
        (
            lambda row: True,
            "learns from the newest transition alone: buffer_size and batch_size do not apply",
        ),
        (lambda row: row.settings.train_frequency > 1, "skips transitions, as train_frequency is above 1"),
        (lambda row: row.settings.gradient_steps > 1, "repeats transitions, as gradient_steps is above 1"),
    ):
        affected = [row.label for row in latest if condition(row)]
        if affected:
            notes.append(f"{few(affected)}: {sentence}")
    idle = [row.label for row in rows if _bootstrap_is_idle(row.slots)]
    if idle:
        notes.append(f"{few(idle)}: without a target network the bootstrap has no effect")
    return notes


def selects_and_evaluates(variant: Variant) -> tuple[str, str]:
    """(network that selects the next action, network that evaluates it): van Hasselt et al. 2018, the 2 x 2."""
    effective = behavior(variant)
    if effective.target.kind == "none":
        return "online", "online"
    known = {
        "max": ("target", "target"),
        "double": ("online", "target"),
        "inverse-double": ("target", "online"),
    }
    return known.get(effective.bootstrap.kind, ("see its piece", "see its piece"))


def _cells(row: Row) -> dict[str, str]:
    settings = row.settings
    samples = 1 if row.slots.replay.kind == "latest" else settings.batch_size
    updates = settings.gradient_steps / settings.train_frequency
    selects, evaluates = selects_and_evaluates(row.slots)
    values = (f"{updates:g}", f"{samples}", f"{samples * updates:g}", selects, evaluates)
    return dict(zip(COLUMNS, (*map(piece_label, pieces(row.slots).values()), *values), strict=True))


def _bootstrap_is_idle(variant: Variant) -> bool:
    return behavior(variant).bootstrap != variant.bootstrap
