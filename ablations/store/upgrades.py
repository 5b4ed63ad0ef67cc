"""What earlier versions stored, as this version has it: one pure function from each version of a schema to the next.

Only what is read is upgraded; files stay as they were written. A new version raises the number in ``store``, adds its
function here, and leaves a folder of files as the old one wrote them in ``tests/ablations/stored``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Upgrades = Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]


def manifest_1_to_2(manifest: dict[str, Any]) -> dict[str, Any]:
    """Version 2 added ``manifest_sha256``, by which a manifest vouches for itself; one of version 1 can't."""
    return {**manifest, "schema_version": 2}


def study_1_to_2(study: dict[str, Any]) -> dict[str, Any]:
    """Version 2 added ``study_sha256``, by which study.json vouches for itself; one of version 1 can't."""
    return {**study, "schema_version": 2}


MANIFEST: Upgrades = {1: manifest_1_to_2}
STUDY: Upgrades = {1: study_1_to_2}


def upgraded(document: dict[str, Any], version: int, upgrades: Upgrades) -> dict[str, Any] | None:
    """The document as ``version`` of its schema has it; None where no chain of upgrades leads there."""
    found = document.get("schema_version")
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= version:
        return None
    for step in range(found, version):
        document = upgrades[step](document)
    return document
