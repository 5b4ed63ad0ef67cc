"""Our own Python files as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """(path inside the repository, tree) of every Python file of these folders."""
    for folder in folders:
        for path in sorted((REPO / folder).rglob("*.py")):
            yield path.relative_to(REPO).as_posix(), ast.parse(path.read_text("utf-8"), filename=str(path))


def imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function, in full: ``from ablations import store`` is
    both ``ablations`` and ``ablations.store``. ``package`` is what a relative import is relative to. What stands under
    ``if TYPE_CHECKING:`` is never imported.
    """
    skipped = {id(node) for branch in ast.walk(tree) if _for_types(branch) for node in _inside(branch)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, package)
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def package_of(path: str) -> str:
    """``ablations.dqn.replay`` of ``ablations/dqn/replay/ring.py`` and of ``ablations/dqn/replay/__init__.py``."""
    return path.rpartition("/")[0].replace("/", ".")


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _inside(branch: ast.AST) -> Iterator[ast.AST]:
    assert isinstance(branch, ast.If)
    for statement in branch.body:
        yield from ast.walk(statement)


def _origin(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)
