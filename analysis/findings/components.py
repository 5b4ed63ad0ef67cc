"""The component matrix: what each row of a study is made of, and what its updates see.

A comparison is fair only as far as this table says: variants share steps, updates, batch size and settings, and what
one of them cannot share stands here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.loading import Row, value_text

Slots = Mapping[str, Mapping[str, Any]]

SLOTS = ("replay", "target", "bootstrap", "head")
COLUMNS = (
    "variant",
    *SLOTS,
    "replaces",
    "selects the action",
    "evaluates it",
    "samples per update",
    "updates per environment step",
)


def matrix(study: Mapping[str, Any]) -> list[list[str]]:
    """One line per row of the study, in the order of ``COLUMNS``."""
    rows = study["rows"]
    base = next((row["slots"] for row in rows if row["variant"] == study.get("baseline")), None)
    return [_line(row, base) for row in rows]


def _line(row: Mapping[str, Any], base: Mapping[str, Any] | None) -> list[str]:
    slots, settings = row["slots"], row["settings"]
    replaced = [slot for slot in SLOTS if base is not None and slots.get(slot) != base.get(slot)]
    latest = slots["replay"]["kind"] == "latest"
    updates = settings.get("gradient_steps", 1) / settings.get("train_frequency", 1)
    return [
        str(row["label"]),
        *(piece_text(slots[slot]) for slot in SLOTS),
        ", ".join(replaced) or "nothing",
        *who(slots["target"], slots["bootstrap"]),
        "1" if latest else str(settings.get("batch_size", "")),
        f"{updates:g}",
    ]


def piece_text(piece: Mapping[str, Any]) -> str:
    """A piece with all its numbers: 'hard (period 100)'."""
    numbers = [f"{key} {_number(value)}" for key, value in piece.items() if key != "kind"]
    return f"{piece['kind']} ({', '.join(numbers)})" if numbers else str(piece["kind"])


def brief_text(piece: Mapping[str, Any]) -> str:
    """A piece in short: its kind, and its number where it has just one: 'hard 100', 'prioritized', 'dueling 64'."""
    numbers = [number for name, number in piece.items() if name != "kind"]
    one = len(numbers) == 1 and numbers[0] != []
    return f"{piece['kind']} {value_text(numbers[0])}" if one else str(piece["kind"])


def is_online(target: Mapping[str, Any]) -> bool:
    """Whether a target is the online network at every update: none, or copied at every update."""
    return target["kind"] == "none" or target.get("period") == 1 or target.get("tau") == 1


def behaving(slots: Slots) -> Slots:
    """The slots as they act: a target copied at every update is none, and without one the bootstrap has no effect."""
    if is_online(slots["target"]):
        return {**slots, "target": {"kind": "none"}, "bootstrap": {"kind": "max"}}
    return slots


def elsewhere(row: Row) -> Mapping[str, Any]:
    """What a sweep sets outside the slots."""
    return {key: value for key, value in row.swept.items() if key.partition(".")[0] not in SLOTS}


def who(target: Mapping[str, Any], bootstrap: Mapping[str, Any]) -> tuple[str, str]:
    """Which network selects the next action and which evaluates it. Without a target network, always the online."""
    if is_online(target):
        return "online", "online"
    return {
        "max": ("target", "target"),
        "double": ("online", "target"),
        "inverse-double": ("target", "online"),
    }.get(str(bootstrap["kind"]), ("?", "?"))


def settings_table(study: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """The settings that all rows share, and what a sweep or an environment puts in their place."""
    swept = {key for row in study["rows"] for key in row.get("swept", {})}
    lines = [
        (key, "swept" if key in swept else _number(value)) for key, value in sorted(study["settings"].items())
    ]
    for environment in study["environments"]:
        for key, value in sorted(environment.get("settings", {}).items()):
            lines.append((f"{key} on {environment['env_id']}", _number(value)))
    return lines


def _number(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_number(item) for item in value) + "]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
