"""Names: a configuration's key, and the folder of a run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any


def canonical(value: Any) -> str:
    """The one JSON text of a value, on which keys rest."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def key_of(config: Mapping[str, Any]) -> str:
    """The first 12 hex digits of sha256 over the canonical JSON of a run's configuration."""
    return hashlib.sha256(canonical(config).encode("ascii")).hexdigest()[:12]


def env_folder(env_id: str) -> str:
    """An environment's id as the name of one folder or the beginning of a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", env_id)


def row_folder(label: str) -> str:
    """A row's label as the name of its folder; a label that is no such name ends in digits of its sha256."""
    plain = re.sub(r"[^A-Za-z0-9._+-]", "_", label)
    return plain if plain == label else f"{plain}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"


def run_path(env_id: str, label: str, seed: int, key: str) -> str:
    """The path of a run below its study's folder, with forward slashes."""
    return f"runs/{env_folder(env_id)}/{row_folder(label)}/seed-{seed:04d}-{key}"
