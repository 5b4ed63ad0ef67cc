"""The registry of a study: the pieces that ship, and those of its own files.

A study names files beside it as ``pieces``. Every class in them that has a kind is a piece, known to this study alone:
the registry is handed on, never stored in the package. Reading such a study runs the files' code, from the bytes that
the digest is of; no byte code is written.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, replace
from dataclasses import fields as fields_of
from hashlib import sha256
from importlib.abc import SourceLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from ablations.dqn import fields
from ablations.dqn.facts import Facts
from ablations.dqn.settings import Settings
from ablations.dqn.variants import DQN, PIECES, SLOTS, Kinds, Variant, objections
from ablations.errors import Findings, hint, shown
from ablations.studies.pieces import NAME, NAME_RULE

FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.py", re.ASCII)
"""The name of a file beside a study."""
DIGITS = 16
"""How many hex digits of the sha256 of a file's bytes stand for them."""
LAST = 1000
"""``order`` of a piece that says nothing of itself: more elaborate than those that ship."""
OPTIONAL = {"facts", "objections", "op", "layers", "streams"}
"""What a piece may offer and need not, even where all that ship do."""


class Registry(NamedTuple):
    """Pieces by slot and kind, and the files {name: digest} that some of them come from."""

    kinds: Kinds = PIECES
    files: Mapping[str, str] = MappingProxyType({})

    def config_of(self, variant: Variant) -> dict[str, dict[str, str]]:
        """What a run's configuration says of files: those that its pieces come from, nothing where there are none."""
        modules = {type(piece).__module__ for _, piece in variant}
        held = {name: digest for name, digest in self.files.items() if _module_name(digest) in modules}
        return {"pieces": held} if held else {}

    def differs_from(self, stored: Mapping[str, str]) -> str | None:
        """A sentence on the first of the stored {file: digest} that is another one here, or not listed; None: none."""
        for name, digest in stored.items():
            if name not in self.files:
                return f"the study does not list '{name}' in pieces"
            if self.files[name] != digest:
                return f"'{name}'{_changed(digest, self.files[name])}"
        return None

    def blamed_for(self, problem: BaseException) -> str | None:
        """The sentence for an exception that came through one of the files; None where none had a part in it."""
        for name, digest in self.files.items():
            module = sys.modules.get(_module_name(digest))
            if module is not None and (line := _line(problem, str(module.__file__))):
                return f"'{name}', line {line}: raised {_text(problem)}"
        return None


SHIPPED = Registry()


def read(
    paths: Iterable[Path], found: Findings, digests: Mapping[str, str] | None = None, key: str = "pieces"
) -> Registry:
    """The registry with the pieces of these files; every mistake in them goes to ``found``, as one of ``key``.

    ``digests`` {name: digest} say which files are meant: another one is a mistake, and its code is not run.
    """
    kinds = {slot: dict(known) for slot, known in PIECES.items()}
    files: dict[str, str] = {}
    for path in map(Path.absolute, paths):
        for mistake in _read(path, kinds, files, digests):
            found.add(key, f"'{path.name}'{mistake}")
    return Registry(kinds, files)


def _read(
    path: Path, kinds: dict[str, dict[str, type]], files: dict[str, str], digests: Mapping[str, str] | None
) -> Iterator[str]:
    """Put a file's pieces into ``kinds`` and its digest into ``files``; gives its mistakes."""
    try:
        source = path.read_bytes()
    except OSError as problem:
        others = sorted(each.name for each in path.parent.glob("*.py"))
        missing = isinstance(problem, FileNotFoundError)
        yield (
            f": no such file{hint(path.name, others)}" if missing else f": cannot be read: {problem.strerror}"
        )
        return
    files[path.name] = digest = sha256(source).hexdigest()[:DIGITS]
    if digests is not None and digests.get(path.name) != digest:
        then = digests.get(path.name)
        yield ": no run's pieces are of this file" if then is None else _changed(then, digest)
        return
    try:
        module = _imported(path, source, _module_name(digest))
    except (Exception, SystemExit) as problem:  # whatever a foreign file raises is the user's to read
        yield _raised(problem, path)
        return
    classes = dict.fromkeys(each for each in vars(module).values() if isinstance(each, type))
    pieces = [each for each in classes if each.__module__ == module.__name__ and hasattr(each, "kind")]
    for piece in pieces:
        mistakes = [f": {piece.__name__}: {mistake}" for mistake in _mistakes(piece, kinds)]
        yield from mistakes
        if not mistakes:
            kinds[piece.slot][piece.kind] = piece  # type: ignore[attr-defined]
    if not pieces:
        yield ": holds no piece: a frozen dataclass with the class variables slot and kind"


def _changed(then: str, now: str) -> str:
    return f" has changed: its digest was {then} and is {now}"


# ---- importing ----


class _Bytes(SourceLoader):
    """Loads a module from bytes that were read before; Python then neither reads nor writes byte code."""

    def __init__(self, path: Path, source: bytes) -> None:
        self.path, self.source = path, source

    def get_filename(self, fullname: str) -> str:
        return str(self.path)

    def get_data(self, path: str | bytes) -> bytes:
        return self.source


def _module_name(digest: str) -> str:
    """One name for equal bytes, wherever they lie: a study that is read twice has equal pieces."""
    return f"ablations_pieces_{digest}"


def _imported(path: Path, source: bytes, name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    loader = _Bytes(path, source)
    spec = spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = sys.modules[name] = module_from_spec(spec)  # dataclasses look their module up there
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _raised(problem: BaseException, path: Path) -> str:
    """The line of the file that a problem comes from, and what it says."""
    if isinstance(problem, SyntaxError) and problem.filename == str(path):
        return f", line {problem.lineno}: {type(problem).__name__}: {problem.msg}"
    line = _line(problem, str(path))
    return f", line {line}: raised {_text(problem)}" if line else f": cannot be imported: {_text(problem)}"


def _line(problem: BaseException, filename: str) -> int | None:
    """The last line of a file that a problem came through."""
    frames = reversed(extract_tb(problem.__traceback__))
    return next((frame.lineno for frame in frames if frame.filename == filename), None)


def _text(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:200]}"


# ---- checking ----


def needed(slot: str) -> list[str]:
    """What the pieces of a slot must offer: what all do that ship, but for what is optional."""
    offered = (
        {name for name in dir(piece) if name == "__call__" or not name.startswith("_")} - _fields(piece)
        for piece in PIECES[slot].values()
    )
    return sorted(set.intersection(*offered) - OPTIONAL - {"slot", "kind"})


def _fields(piece: Any) -> set[str]:
    return {field.name for field in fields_of(piece)}


def _mistakes(piece: Any, kinds: Kinds) -> Iterator[str]:
    """What is wrong with a class that has a kind; each kind of mistake is looked for once the earlier ones are out."""
    for check in (_wrong_form, _wrong_name, _wrong_methods, _wrong_fields, _wrong_facts):
        mistakes = list(check(piece, kinds))
        yield from mistakes
        if mistakes:
            return


def _wrong_form(piece: Any, kinds: Kinds) -> Iterator[str]:
    made = vars(piece).get("__dataclass_params__")  # of this class, not of one that it derives from
    if made is None or not made.frozen or not made.eq:
        yield "not a frozen dataclass: put @dataclass(frozen=True) before it"
        return
    for name in ("slot", "kind"):
        if name in _fields(piece):
            yield f"'{name}' is a field; a class variable is written {name}: ClassVar[str] = ..."
    for field in fields_of(piece):
        if field.default is MISSING:
            yield f"the field '{field.name}' has no default"


def _wrong_name(piece: Any, kinds: Kinds) -> Iterator[str]:
    slot, kind = getattr(piece, "slot", None), piece.kind
    if slot not in SLOTS:
        text = "has a kind and no slot" if slot is None else f"unknown slot {shown(slot)}"
        yield text + hint(slot if isinstance(slot, str) else "", SLOTS)
    elif not isinstance(kind, str) or not NAME.fullmatch(kind):
        yield f"{NAME_RULE}, got the kind {shown(kind)}"
    elif kind in kinds[slot]:
        yield f"the {slot} has a kind '{kind}' already; choose another name"


def _wrong_methods(piece: Any, kinds: Kinds) -> Iterator[str]:
    if missing := [name for name in needed(piece.slot) if not hasattr(piece, name)]:
        yield f"a piece of the {piece.slot} needs {', '.join(missing)}"
    if not hasattr(piece, "facts"):
        piece.facts = lambda self: Facts(order=LAST)


def _wrong_fields(piece: Any, kinds: Kinds) -> Iterator[str]:
    try:
        types = fields.types(piece)
    except Exception as problem:  # of an annotation
        yield f"the types of its fields are not known: {_text(problem)}"
        return
    for field in fields_of(piece):
        try:
            mistake = fields.check(types[field.name], field.default)[1]
            json.dumps(field.default)
            hash(field.default)
        except Exception as problem:  # pydantic's, of a type that it can't check
            mistake = f"a number, text, boolean or tuple of them is needed: {_text(problem)}"
        if mistake:
            yield f"the field '{field.name}': {mistake}"


def _wrong_facts(piece: Any, kinds: Kinds) -> Iterator[str]:
    try:
        if not isinstance(piece().facts(), Facts):
            yield "facts() does not give Facts"
        else:
            list(objections(replace(DQN, **{piece.slot: piece()}), Settings()))
    except Exception as problem:
        yield f"its facts() or objections() raised {_text(problem)}"
