"""Pieces with their facts, as studies store them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Piece = Mapping[str, Any]

NEUTRAL: dict[str, Piece] = {
    "trunk": {"kind": "mlp", "hidden": [64, 64], "layer_norm": False},
    "head": {"kind": "linear"},
    "exploration": {"kind": "epsilon-greedy", "start_e": 1.0, "end_e": 0.05, "schedule": "linear"},
    "replay": {"kind": "uniform"},
    "returns": {"kind": "one-step"},
    "target": {"kind": "hard", "period": 100},
    "bootstrap": {"kind": "max"},
    "loss": {"kind": "squared"},
    "optimizer": {"kind": "adam", "eps": 1e-8, "reset_at_sync": False},
    "maintenance": {"kind": "none"},
}
"""The slots in their order, each with its neutral piece."""

PRIORITIZED: Piece = {
    "kind": "prioritized",
    "alpha": 0.6,
    "beta_start": 0.4,
    "beta_end": 1.0,
    "eps": 1e-6,
    "stratified": True,
}
KNOWN: dict[str, dict[str, Piece]] = {
    "replay": {
        "latest": {"kind": "latest"},
        "consecutive": {"kind": "consecutive"},
        "uniform": NEUTRAL["replay"],
        "prioritized": PRIORITIZED,
    },
    "target": {
        "none": {"kind": "none"},
        "hard": NEUTRAL["target"],
        "soft": {"kind": "soft", "tau": 0.005},
    },
    "bootstrap": {
        kind: {"kind": kind} for kind in ("max", "double", "inverse-double", "munchausen", "soft-q")
    },
    "head": {"linear": NEUTRAL["head"], "dueling": {"kind": "dueling", "hidden": []}},
    "loss": {kind: {"kind": kind} for kind in ("squared", "huber", "hl-gauss")},
    "optimizer": {"adam": NEUTRAL["optimizer"], "rmsprop": {"kind": "rmsprop", "centered": False}},
}
"""Pieces by slot and kind, with their default numbers."""

NAMED: dict[str, tuple[str, dict[str, Piece]]] = {
    "dqn": ("DQN", {}),
    "no-replay": ("No replay", {"replay": KNOWN["replay"]["latest"]}),
    "consecutive": ("Consecutive batch", {"replay": KNOWN["replay"]["consecutive"]}),
    "no-target": ("No target network", {"target": KNOWN["target"]["none"]}),
    "soft-target": ("Soft target", {"target": KNOWN["target"]["soft"]}),
    "double": ("Double", {"bootstrap": KNOWN["bootstrap"]["double"]}),
    "inverse-double": ("Inverse double", {"bootstrap": KNOWN["bootstrap"]["inverse-double"]}),
    "dueling": ("Dueling", {"head": KNOWN["head"]["dueling"]}),
    "dueling-deep": ("Dueling, deep streams", {"head": {"kind": "dueling", "hidden": [64]}}),
    "per": ("Prioritised replay", {"replay": PRIORITIZED}),
    "layer-norm": ("Layer norm", {"trunk": {**NEUTRAL["trunk"], "layer_norm": True}}),
    "softmax-exploration": ("Softmax exploration", {"exploration": {"kind": "softmax", "temperature": 1.0}}),
    "n-step": ("3-step returns", {"returns": {"kind": "n-step", "n": 3}}),
    "munchausen": ("Munchausen", {"bootstrap": KNOWN["bootstrap"]["munchausen"]}),
    "soft-q": ("Soft Q", {"bootstrap": KNOWN["bootstrap"]["soft-q"]}),
    "huber": ("Huber loss", {"loss": KNOWN["loss"]["huber"]}),
    "hl-gauss": ("HL-Gauss", {"loss": KNOWN["loss"]["hl-gauss"]}),
    "adam-reset": ("Adam reset at sync", {"optimizer": {**NEUTRAL["optimizer"], "reset_at_sync": True}}),
    "rmsprop": ("RMSprop", {"optimizer": KNOWN["optimizer"]["rmsprop"]}),
    "rmsprop-centered": ("RMSprop, centered", {"optimizer": {"kind": "rmsprop", "centered": True}}),
    "reset": ("Last layer reset", {"maintenance": {"kind": "reset", "every": 10000}}),
    "per-flat": ("Prioritised, alpha 0", {"replay": {**PRIORITIZED, "alpha": 0.0}}),
    "naive": (
        "Naive (no replay, no target)",
        {"replay": KNOWN["replay"]["latest"], "target": KNOWN["target"]["none"]},
    ),
    "combined": (
        "Double + Dueling + PER",
        {
            "replay": PRIORITIZED,
            "bootstrap": KNOWN["bootstrap"]["double"],
            "head": KNOWN["head"]["dueling"],
        },
    ),
}
"""{variant: (title, what it changes)}."""

FACTS: dict[tuple[str, str], dict[str, Any]] = {
    ("head", "linear"): {"off": True},
    ("head", "dueling"): {"order": 2, "dash": "solid"},
    ("exploration", "epsilon-greedy"): {"off": True},
    ("replay", "latest"): {
        "off": True,
        "samples": 1,
        "once": True,
        "ignores": ["buffer_size", "batch_size"],
        "shade": 0.3,
    },
    ("exploration", "softmax"): {"order": 1, "dash": "solid"},
    ("replay", "consecutive"): {"order": 1, "off": True, "shade": -0.2, "dash": "dashed"},
    ("replay", "uniform"): {"order": 2},
    ("returns", "one-step"): {"off": True},
    ("returns", "n-step"): {"order": 1, "lookahead": 2, "dash": "solid"},
    ("target", "none"): {
        "off": True,
        "makes_irrelevant": ["bootstrap"],
        "lag": 0.0,
        "shade": 0.15,
        "dash": "solid",
    },
    ("bootstrap", "max"): {"off": True, "only_chooses": True, "selects": "target", "evaluates": "target"},
    ("bootstrap", "double"): {
        "order": 1,
        "only_chooses": True,
        "selects": "online",
        "evaluates": "target",
        "dash": "solid",
    },
    ("bootstrap", "inverse-double"): {
        "order": 2,
        "only_chooses": True,
        "selects": "target",
        "evaluates": "online",
        "shade": -0.15,
        "dash": "dashed",
    },
    ("bootstrap", "soft-q"): {"order": 3, "control": True, "no_return": True, "dash": "dotted"},
    ("bootstrap", "munchausen"): {"order": 4, "no_return": True, "dash": "dashdot"},
    ("loss", "squared"): {"off": True},
    ("loss", "huber"): {"order": 1},
    ("loss", "hl-gauss"): {"order": 2, "shade": 0.35, "dash": "dotted"},
    ("maintenance", "reset"): {"order": 1, "dash": "solid"},
    ("maintenance", "none"): {"off": True},
}
"""Facts that no number of the piece decides."""


def facts(slot: str, piece: Piece) -> dict[str, Any]:
    """A piece's facts with its numbers."""
    kind = piece["kind"]
    if (slot, kind) == ("target", "hard"):
        period = piece.get("period", 100)
        lags = {"lag": (period - 1) / 2, "moves": "copies"}
        return {"order": 1, **(lags if period > 1 else {"lag": 0.0, "equals": {"kind": "none"}})}
    if (slot, kind) == ("target", "soft"):
        tau = piece.get("tau", 0.005)
        lags = {"lag": 1 / tau - 1, "moves": "blends"}
        return {"order": 2, "hue": 1, **(lags if tau < 1 else {"lag": 0.0, "equals": {"kind": "none"}})}
    if (slot, kind) == ("replay", "prioritized"):
        flat = not piece.get("alpha", 0.6)
        shade = (piece.get("alpha", 0.6) - 0.6) * 0.6
        return {"order": 3, "shade": shade, "dash": "dotted" if flat else "dashdot", "control": flat}
    if (slot, kind) == ("head", "dueling") and piece.get("hidden"):
        return {"order": 2, "shade": 0.3, "dash": "dashed"}
    if (slot, kind) == ("optimizer", "adam") and piece.get("reset_at_sync"):
        return {"order": 1, "dash": "solid"}
    if (slot, kind) == ("optimizer", "rmsprop"):
        centered = {"order": 3, "shade": 0.4, "dash": "dotted"}
        return centered if piece.get("centered") else {"order": 2, "shade": 0.2, "dash": "dashed"}
    if slot == "trunk":
        normed = {"order": 1, "dash": "solid"} if piece.get("layer_norm") else {}
        return normed if piece.get("hidden") else {**normed, "tabular": True}
    return FACTS.get((slot, kind), {})


def described(slot: str, piece: Piece) -> dict[str, Any]:
    """A piece with its facts, as study.json has it; the equal one of a piece has its own."""
    found = facts(slot, piece)
    if "equals" in found:
        found = {**found, "equals": described(slot, found["equals"])}
    return {**piece, "facts": found}
