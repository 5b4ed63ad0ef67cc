"""The component matrix: what each row is made of, and what rows cannot share with each other.

A comparison is fair where rows differ in what they are meant to differ in. What a variant cannot share (no replay
learns from one sample per update) is printed here, in every plan and report. Everything is from pieces' own facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ablations.dqn.settings import NAMES
from ablations.dqn.variants import DQN, Variant, acting, ignored_settings
from ablations.errors import few
from ablations.studies.pieces import piece_label
from ablations.studies.study import Row, Study


def by_environment(study: Study) -> list[tuple[list[str], list[Row]]]:
    """(environments, rows as they are there): one pair unless overrides change what the matrix shows."""
    groups: dict[tuple[Any, ...], tuple[list[str], list[Row]]] = {}
    for environment in study.environments:
        rows = [study.row_in(environment, row) for row in study.rows]
        shown = tuple((row.slots, tuple(_effort(row).values())) for row in rows)
        groups.setdefault(shown, ([], rows))[0].append(environment.env_id)
    return list(groups.values())


def component_matrix(rows: Sequence[Row]) -> list[dict[str, str]]:
    """One {column: text} per row, "row" being its label.

    The slots that differ among the rows or from the neutral pieces, gradient updates per environment step (from
    learning_starts on), samples per update and per step, the network whose argmax chooses the next action in the
    bootstrap, and the network whose value of that action is taken.
    """
    shared = shared_pieces(rows)
    slots = [slot for slot, _ in DQN if slot not in shared]
    return [
        {
            "row": row.label,
            **{slot: piece_label(getattr(row.slots, slot)) for slot in slots},
            **_effort(row),
            **dict(zip(("selects", "evaluates"), selects_and_evaluates(row.slots), strict=True)),
        }
        for row in rows
    ]


def shared_pieces(rows: Sequence[Row]) -> dict[str, str]:
    """{slot: piece} of the slots in which every row holds the neutral piece."""
    return {
        slot: piece_label(piece)
        for slot, piece in DQN
        if all(getattr(row.slots, slot) == piece for row in rows)
    }


def caveats(rows: Sequence[Row]) -> Iterator[str]:
    """What the matrix does not show: where a setting or a piece means something else, or nothing, for a row."""
    concerned: dict[str, list[str]] = {}
    for row in rows:
        for sentence in _caveats_of(row):
            concerned.setdefault(sentence, []).append(row.label)
    return (f"{few(labels)}: {sentence}" for sentence, labels in concerned.items())


def selects_and_evaluates(variant: Variant) -> tuple[str, str]:
    """(network that selects the next action, network that evaluates it): van Hasselt et al. 2018, the 2 x 2."""
    facts = {slot: piece.facts() for slot, piece in acting(variant)}
    irrelevant = {slot for each in facts.values() for slot in each.makes_irrelevant}
    for slot, each in facts.items():
        if each.selects is not None and each.evaluates is not None:
            return ("online", "online") if slot in irrelevant else (each.selects, each.evaluates)
    return "-", "-"


def _effort(row: Row) -> dict[str, str]:
    settings = row.settings
    own = [piece.facts().samples for _, piece in row.slots]
    samples = next((number for number in own if number is not None), settings.batch_size)
    updates = settings.gradient_steps / settings.train_frequency
    return {
        "updates/step": f"{updates:g}",
        "samples/update": f"{samples}",
        "samples/step": f"{samples * updates:g}",
    }


def _caveats_of(row: Row) -> Iterator[str]:
    if ignored := [name for name in NAMES if name in ignored_settings(row.slots)]:
        yield f"{' and '.join(ignored)} do not apply"
    if any(piece.facts().once for _, piece in row.slots):
        if row.settings.train_frequency > 1:
            yield "skips transitions, as train_frequency is above 1"
        if row.settings.gradient_steps > 1:
            yield "repeats transitions, as gradient_steps is above 1"
    trains_as = acting(row.slots)
    for slot, piece in row.slots:
        if piece.facts().equals is None and piece != getattr(trains_as, slot):
            yield f"without a target network the {slot} has no effect"
