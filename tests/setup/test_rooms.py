"""Data flows down the rooms: which room may import which, and no file stands in a circle."""

from __future__ import annotations

from collections.abc import Iterator

from tests.setup.sources import imported, modules, package_of

BELOW: dict[str, set[str]] = {
    # what every room may import
    "ablations.errors": set(),
    "ablations.state": set(),
    # the left half
    "ablations.rng": set(),
    "ablations.store": set(),
    "ablations.envs": {"ablations.rng"},
    "ablations.dqn": {"ablations.rng", "ablations.envs"},
    "ablations.engines": {"ablations.rng", "ablations.envs", "ablations.dqn"},
    "ablations.recorders": {"ablations.rng", "ablations.store", "ablations.envs", "ablations.dqn"},
    "ablations.studies": {"ablations.store", "ablations.envs", "ablations.dqn", "ablations.engines"},
    "ablations.runner": {
        "ablations.rng",
        "ablations.store",
        "ablations.envs",
        "ablations.dqn",
        "ablations.engines",
        "ablations.recorders",
        "ablations.studies",
    },
    "ablations.cli": {
        "ablations.store",
        "ablations.envs",
        "ablations.dqn",
        "ablations.engines",
        "ablations.studies",
        "ablations.runner",
    },
    "ablations.__main__": {"ablations.cli"},
    "ablations": {"ablations.cli"},
    # the right half
    "analysis.metrics": set(),
    "analysis.spread": {"ablations.store"},
    "analysis.fingerprint": {"ablations.store"},
    "analysis.loading": {"ablations.store"},
    "analysis.statistics": {"analysis.metrics"},
    "analysis.findings": {
        "ablations.store",
        "analysis.loading",
        "analysis.metrics",
        "analysis.spread",
        "analysis.statistics",
    },
    "analysis.tables": {
        "analysis.findings",
        "analysis.loading",
        "analysis.metrics",
        "analysis.statistics",
    },
    "analysis.figures": {
        "ablations.store",
        "analysis.findings",
        "analysis.loading",
        "analysis.metrics",
        "analysis.statistics",
        "analysis.tables",
    },
    "analysis.report": {
        "ablations.store",
        "analysis.findings",
        "analysis.loading",
        "analysis.metrics",
        "analysis.statistics",
        "analysis.tables",
    },
    "analysis.export": {
        "ablations.store",
        "analysis.findings",
        "analysis.fingerprint",
        "analysis.loading",
        "analysis.metrics",
        "analysis.statistics",
        "analysis.tables",
    },
    "analysis.__main__": {
        "ablations.store",
        "analysis.export",
        "analysis.figures",
        "analysis.findings",
        "analysis.fingerprint",
        "analysis.loading",
        "analysis.report",
        "analysis.spread",
        "analysis.tables",
    },
    "analysis": {"analysis.loading"},
}
"""Room -> the rooms that it may import, besides itself and what every room may."""
DOOR = ("ablations.cli", "analysis.findings.decide")
"""The one file of the right half that the left one knows: it judges looks."""
FOR_ALL = {"ablations.errors", "ablations.state"}
MOST_ENTRIES = 12
NOT_COUNTED = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}


def name_of(path: str) -> str:
    """``ablations.dqn`` of ``ablations/dqn/__init__.py``, ``ablations.dqn.head`` of ``ablations/dqn/head.py``."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


FILES = {name_of(path): (path, tree) for path, tree in modules("ablations", "analysis")}


def edges(name: str) -> set[str]:
    """The files that a file imports, lazily or not: ``from a.b import c`` is c's file if there is one, else b's."""
    path, tree = FILES[name]
    found = {each for each in imported(tree, package_of(path)) if each in FILES and each != name}
    deepest = {each for each in imported(tree, package_of(path)) if each in FILES}
    return {each for each in found if not any(other.startswith(f"{each}.") for other in deepest - {each})}


def room_of(name: str) -> str:
    return ".".join(name.split(".")[:2])


def circles() -> Iterator[list[str]]:
    graph = {name: edges(name) for name in FILES}
    done: set[str] = set()
    for start in graph:
        path: list[str] = []
        stack = [(start, iter(graph[start]))] if start not in done else []
        on_path = {start} if stack else set()
        path = [start] if stack else []
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                on_path.discard(path.pop())
                done.add(name)
            elif following in on_path:
                yield path[path.index(following) :]
            elif following not in done:
                stack.append((following, iter(graph[following])))
                path.append(following)
                on_path.add(following)


def test_every_file_imports_only_what_its_room_may():
    wrong = [
        f"{name} imports {other}"
        for name in FILES
        for other in edges(name)
        if room_of(other) not in {room_of(name), *FOR_ALL, *BELOW[room_of(name)]}
        and (room_of(name), other) != DOOR
    ]
    assert not wrong


def test_what_a_room_may_import_lies_above_it_and_is_imported():
    order = list(BELOW)
    used = {(room_of(name), room_of(other)) for name in FILES for other in edges(name)}
    for room, below in BELOW.items():
        assert all(order.index(each) < order.index(room) for each in below), room
        assert below <= {other for one, other in used if one == room}, room


def test_no_file_is_in_a_circle():
    assert not list(circles())


def test_both_packages_have_few_entries_at_their_top():
    for package in ("ablations", "analysis"):
        tops = {path.split("/")[1] for path, _ in modules(package)} - NOT_COUNTED
        assert len(tops) <= MOST_ENTRIES, tops
