"""The studies that come with the package, found without importing anything heavy."""

from __future__ import annotations

import tomllib
from pathlib import Path

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The names of the shipped studies; ``core``, the default, first."""
    return sorted((path.stem for path in FOLDER.glob("*.toml")), key=lambda name: (name != "core", name))


def path_of(name: str) -> Path:
    """The file of a shipped study."""
    return FOLDER / f"{name}.toml"


def questions() -> dict[str, str]:
    """{name: the question it asks}."""
    return {name: tomllib.loads(path_of(name).read_text("utf-8")).get("question", "") for name in names()}
