"""The component matrix: what each row of a study is made of, and what its updates see.

A comparison is fair only as far as this table says: variants share steps, updates, batch size and settings, and what
one of them cannot share stands here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.loading import Slots
from analysis.loading.pieces import acting, read_pieces, without_facts
from analysis.tables.spelling import piece_text, setting_text
from analysis.tables.table import Table


def component_table(study: Mapping[str, Any]) -> Table:
    """One line per row of the study, a column per slot in which rows differ."""
    rows = [read_pieces(study, row["slots"]).slots for row in study["rows"]]
    shared = {
        slot: rows[0][slot] for slot in study["slots"] if all(row[slot] == rows[0][slot] for row in rows)
    }
    slots = [slot for slot in study["slots"] if slot not in shared]
    seen = [
        "replaces",
        "selects the action",
        "evaluates it",
        "samples per update",
        "updates per environment step",
    ]
    columns = ["variant", *slots, *seen]
    body = [_cells(study, row, slots) for row in study["rows"]]
    return Table("Component matrix", columns, body, columns, _notes(study, shared))


def _notes(study: Mapping[str, Any], shared: Slots) -> list[str]:
    """Sentences on what all rows share, what an environment changes, and what is not run for which reason."""
    same = [f"{slot} {piece_text(piece)}" for slot, piece in shared.items()]
    notes = [f"All rows share {', '.join(same)}."] if same else []
    for environment in study["environments"]:
        found: dict[tuple[str, str], list[str]] = {}
        texts = {}
        for label, slots in environment.get("row_slots", {}).items():
            for slot, piece in slots.items():
                plain = without_facts(piece)
                found.setdefault((slot, str(plain)), []).append(label)
                texts[slot, str(plain)] = f"{slot} {piece_text(plain)}"
        for piece, labels in found.items():
            rows = "all rows have" if len(labels) == len(study["rows"]) else f"{', '.join(labels)}:"
            notes.append(f"On {environment['env_id']}, {rows} {texts[piece]}.")
    return [*notes, *not_run(study)]


def not_run(study: Mapping[str, Any]) -> list[str]:
    """The rows that are aliases of others, and those that were left out, each with the reason."""
    return [
        *(
            f"{alias['label']} is not run: it trains exactly as {alias['of']}."
            for alias in study.get("aliases", [])
        ),
        *(f"{row['label']} is left out: {row['reason'].rstrip('.')}." for row in study.get("left_out", [])),
    ]


def settings_table(study: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The settings that all rows share, and what a sweep or an environment puts in their place."""
    swept = {key for row in study["rows"] for key in row.get("swept", {})}
    lines = [
        (key, "swept" if key in swept else setting_text(value))
        for key, value in sorted(study["settings"].items())
    ]
    for environment in study["environments"]:
        for key, value in sorted(environment.get("settings", {}).items()):
            lines.append((f"{key} on {environment['env_id']}", setting_text(value)))
    return lines


def _cells(study: Mapping[str, Any], row: Mapping[str, Any], slots: Sequence[str]) -> list[str]:
    pieces, settings = read_pieces(study, row["slots"]), row["settings"]
    base = _compared_with(study, row)
    replaced = [slot for slot, piece in pieces.slots.items() if base is not None and piece != base[slot]]
    seen = [facts for facts in acting(study, pieces).facts.values() if "selects" in facts]
    networks = [seen[0]["selects"], seen[0].get("evaluates", "?")] if seen else ["?", "?"]
    updates = settings.get("gradient_steps", 1) / settings.get("train_frequency", 1)
    return [
        str(row["label"]),
        *(piece_text(pieces.slots[slot]) for slot in slots),
        ", ".join(replaced) or "nothing",
        *networks,
        _samples(pieces.facts.values(), settings),
        f"{updates:g}",
    ]


def _compared_with(study: Mapping[str, Any], row: Mapping[str, Any]) -> Slots | None:
    """The pieces of the row that a row is compared with; of the baseline's first row where it is with none."""
    rows = {one["label"]: one for one in study["rows"]}
    first = next((one for one in study["rows"] if one["variant"] == study.get("baseline")), None)
    found = rows.get(row.get("against") or "", first)
    return None if found is None else read_pieces(study, found["slots"]).slots


def _samples(facts: Any, settings: Mapping[str, Any]) -> str:
    """Samples per update, and what becomes of transitions that a piece learns from once."""
    own = next((one["samples"] for one in facts if "samples" in one), settings.get("batch_size", ""))
    once = any(one.get("once") for one in facts)
    skips = ", skips transitions" if once and settings.get("train_frequency", 1) > 1 else ""
    repeats = ", repeats them" if once and settings.get("gradient_steps", 1) > 1 else ""
    return f"{own}{skips}{repeats}"
