"""The contract's settings, slots, kinds and numbers with their defaults, copied from its words by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SETTINGS: dict[str, Any] = {
    "total_timesteps": 50_000,
    "learning_rate": 1e-3,
    "buffer_size": 10_000,
    "batch_size": 64,
    "gamma": 0.99,
    "learning_starts": 1000,
    "train_frequency": 1,
    "gradient_steps": 1,
    "bootstrap_truncated": True,
}

# What settings were before there were slots for it: {setting: slot}.
RETIRED = {
    "hidden": "trunk",
    "loss": "loss",
    "optimizer": "optimizer",
    "adam_eps": "optimizer",
    "max_grad_norm": "optimizer",
    "start_e": "exploration",
    "end_e": "exploration",
    "epsilon_schedule": "exploration",
    "exploration_fraction": "exploration",
    "epsilon_decay": "exploration",
}

# {slot: {kind: {number: default}}}, the neutral piece first.
PIECES: dict[str, dict[str, dict[str, Any]]] = {
    "trunk": {
        "mlp": {"hidden": [64, 64], "layer_norm": False},
        "minatar-cnn": {
            "filters": [16],
            "kernels": [3],
            "strides": [1],
            "hidden": [128],
            "layer_norm": False,
        },
        "nature-cnn": {
            "filters": [32, 64, 64],
            "kernels": [8, 4, 3],
            "strides": [4, 2, 1],
            "hidden": [512],
            "layer_norm": False,
        },
    },
    "head": {"linear": {}, "bias-free": {}, "dueling": {"hidden": []}},
    "exploration": {
        "epsilon-greedy": {
            "start_e": 1.0,
            "end_e": 0.05,
            "schedule": "linear",
            "exploration_fraction": 0.2,
            "epsilon_decay": 0.995,
        },
        "softmax": {"temperature": 1.0},
    },
    "replay": {
        "uniform": {},
        "latest": {},
        "consecutive": {},
        "prioritized": {
            "alpha": 0.6,
            "beta_start": 0.4,
            "beta_end": 1.0,
            "eps": 1e-6,
            "stratified": True,
        },
    },
    "returns": {"one-step": {}, "n-step": {"n": 3}},
    "target": {"hard": {"period": 100}, "soft": {"tau": 0.005}, "none": {}},
    "bootstrap": {
        "max": {},
        "double": {},
        "inverse-double": {},
        "munchausen": {"alpha": 0.9, "tau": 0.03, "clip": -1.0},
        "soft-q": {"tau": 0.03},
    },
    "loss": {
        "squared": {},
        "huber": {},
        "hl-gauss": {"atoms": 51, "sigma": 0.75, "v_min": None, "v_max": None},
    },
    "optimizer": {
        "adam": {"eps": 1e-8, "max_grad_norm": 0, "reset_at_sync": False},
        "rmsprop": {"eps": 1e-8, "max_grad_norm": 0, "decay": 0.99, "centered": False},
        "sgd": {"max_grad_norm": 0},
    },
    "maintenance": {"none": {}, "reset": {"every": 10_000, "layers": 1}},
}

Piece = dict[str, Any]


def neutral(slot: str) -> str:
    return next(iter(PIECES[slot]))


def slots_with(**pieces: Piece) -> dict[str, Piece]:
    """All ten slots as study.json has them, facts aside: these pieces, each with its defaults, and neutral ones."""
    held = {slot: {"kind": neutral(slot)} for slot in PIECES} | pieces
    return {slot: PIECES[slot][piece["kind"]] | piece for slot, piece in held.items()}


def told(slots: Mapping[str, Piece]) -> dict[str, Piece]:
    """The kinds and those numbers of a row's pieces that the contract has today: additions are free."""
    return {
        slot: {name: piece[name] for name in ("kind", *PIECES[slot][piece["kind"]])}
        for slot, piece in slots.items()
    }


def in_config(slots: Mapping[str, Piece]) -> dict[str, Piece]:
    """What `config` keeps of a row's pieces: no neutral piece as it is, no number at its default."""
    kept = {}
    for slot, piece in told(slots).items():
        defaults = PIECES[slot][piece["kind"]]
        changed = {name: value for name, value in piece.items() if value != defaults.get(name)}
        if changed != {"kind": neutral(slot)}:
            kept[slot] = changed
    return kept


def settings_in_config(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in SETTINGS if settings[name] != SETTINGS[name]}
