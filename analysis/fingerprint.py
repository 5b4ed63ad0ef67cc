"""Fingerprints: is what was made from a results folder still true? Digests alone answer, without reading a series.

A fingerprint lies beside the products: the digest of everything they were made from, and of each of them. It holds no
date, so equal results have equal fingerprints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from ablations import store

FINGERPRINT = ".fingerprint.json"
LIBRARIES = ("matplotlib", "numpy", "pandas", "pyarrow", "scipy", "seaborn", "jinja2")
"""Libraries another version of which may draw or compute another byte."""
DECIDES = ("status", "key", "files", "steps", "diverged_at", "error", "versions", "git")
"""What of a manifest reaches figures, tables and the report; times and hosts don't."""


def of_inputs(folder: Path, study: Mapping[str, Any], unlisted: Iterable[str]) -> str:
    """The digest of a study and what it decided, of its runs' manifests, and of this package with its libraries."""
    digest = hashlib.sha256()
    digest.update((folder / store.STUDY).read_bytes())
    if (folder / store.DECISIONS).is_file():
        digest.update((folder / store.DECISIONS).read_bytes())
    for run in study["runs"]:
        digest.update(json.dumps(_facts(folder / run["path"]), sort_keys=True).encode("ascii"))
    digest.update(json.dumps(sorted(unlisted)).encode("ascii"))
    digest.update(_program().encode("ascii"))
    return digest.hexdigest()


def is_current(products: Path, inputs: str) -> bool:
    """True if the products of these inputs lie there, each as it was written."""
    fingerprint = _read(products)
    return fingerprint["inputs"] == inputs and all(
        _is(products / name, digest) for name, digest in fingerprint["files"].items()
    )


def write(products: Path, inputs: str, files: Mapping[str, bytes]) -> None:
    """Write products and then their fingerprint; products of an earlier one that are no longer made go."""
    replace_files(products, _read(products)["files"], files)
    fingerprint = {"inputs": inputs, "files": digests(files)}
    store.write_atomic(products / FINGERPRINT, (json.dumps(fingerprint, indent=1) + "\n").encode("ascii"))


def replace_files(folder: Path, earlier: Mapping[str, str], files: Mapping[str, bytes]) -> None:
    """Write files; those written earlier, by name with their digests, go where they are unchanged and made no more."""
    for name, digest in earlier.items():
        if name not in files and _is(folder / name, digest):
            (folder / name).unlink()
    for name, data in files.items():
        store.write_atomic(folder / name, data)


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """The digest of each file by name."""
    return {name: sha256(data) for name, data in sorted(files.items())}


def sha256(data: bytes) -> str:
    """The digest as text."""
    return hashlib.sha256(data).hexdigest()


def _facts(run_dir: Path) -> list[Any]:
    """The facts that decide how a run is drawn: its manifest's, and whether its files have the sizes stated there."""
    manifest, sizes_match = store.peek(run_dir)
    return [run_dir.name, sizes_match, *((manifest or {}).get(name) for name in DECIDES)]


def _program() -> str:
    """The digest of this package's source, and the versions of the libraries it stands on."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".toml", ".j2") and path.is_file():
            digest.update(path.relative_to(root).as_posix().encode("utf-8") + path.read_bytes())
    versions = [f"{name} {_version(name)}" for name in LIBRARIES]
    return f"{digest.hexdigest()} {', '.join(versions)}"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def _read(products: Path) -> dict[str, Any]:
    """The fingerprint beside the products; one that is missing or unreadable says nothing."""
    try:
        fingerprint = store.json_or_empty(products / FINGERPRINT)
        files = {str(name): str(digest) for name, digest in fingerprint["files"].items() if "/" not in name}
        return {"inputs": fingerprint["inputs"], "files": files}
    except (TypeError, KeyError, AttributeError):
        return {"inputs": None, "files": {}}


def _is(path: Path, digest: str) -> bool:
    try:
        return sha256(store.read_plain(path)) == digest
    except (OSError, store.Damaged):
        return False
