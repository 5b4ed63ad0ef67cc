"""The schema of a study file as pydantic models, and pydantic's errors in the words of the file.

A model checks what can be said of a section alone; what sections say of each other is for ``rows`` and ``load``. The
context of validation is the study's pieces by slot and kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache, reduce
from itertools import pairwise
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, Predicate
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WrapValidator,
)

from ablations import engines
from ablations.dqn import fields, settings
from ablations.dqn.settings import Settings
from ablations.dqn.variants import SLOTS, Change, Kinds
from ablations.envs import checks
from ablations.envs.preprocessing import Nature
from ablations.errors import Findings, hint, shown
from ablations.studies import pieces
from ablations.studies.environments import Arguments, Bounds, Preprocessing
from ablations.studies.mistakes import mistake, mistakes, table, worded
from ablations.studies.pieces import NAME, NAME_RULE
from ablations.studies.registry import FILE
from ablations.studies.study import LOOKS, Decide, Record

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MOST_SEEDS = 100_000
ENGINE: TypeAdapter[str] = TypeAdapter(Literal["auto", *engines.ALL])  # type: ignore[arg-type]
SHARED = (
    "a variant carries no settings: settings are shared by all variants; "
    "set it under [settings] or vary it under [sweep]"
)
ALL = "all"
UNTIL_DECIDED = "until-decided"

# ---- values ----


def _seeds(value: Any) -> Any:
    """A number of seeds means from zero on."""
    counts = type(value) is int and 1 <= value <= MOST_SEEDS
    return tuple(range(value)) if counts else value


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if twice := [value for value, times in Counter(values).items() if times > 1]:
        raise mistakes((((), f"{value!r} stands there twice") for value in twice), values)
    return values


def _sweep(value: Any, info: ValidationInfo) -> dict[str, tuple[Any, ...]]:
    """{setting or "slot.number": values}; the values are checked where it is known whose they are."""
    if not isinstance(value, dict):
        raise mistake(f"expected a section, got {shown(value)}")
    kinds: Any = info.context
    sweep: dict[str, tuple[Any, ...]] = {}
    wrong: list[tuple[tuple[str, ...], str]] = []
    for key, values in value.items():
        if values == {}:
            wrong.append(((key,), "the section is empty"))
        nested = values if isinstance(values, dict) else {"": values}
        for number, listed in nested.items():
            dotted = f"{key}.{number}" if number else key
            if dotted in sweep:
                wrong.append(((dotted,), "given twice"))
            elif problem := pieces.wrong_swept_key(dotted, kinds):
                wrong.append(((dotted,), problem))
            elif not isinstance(listed, tuple):
                wrong.append(((dotted,), f"expected a list of values, got {shown(listed)}"))
            elif not listed:
                wrong.append(((dotted,), "the list of values is empty"))
            sweep[dotted] = listed
    if wrong:
        raise mistakes(wrong, value)
    return sweep


def _piece(slot: str) -> Callable[[Any, ValidationInfo], Change]:
    """A piece from ``"soft"`` or ``{ kind = "soft", tau = 0.001 }``; a table without kind is numbers to change."""

    def validate(value: Any, info: ValidationInfo) -> Change:
        kinds: Any = info.context
        named = {"kind": value} if isinstance(value, str) else value
        if not isinstance(named, dict):
            raise mistake(
                f'expected a kind such as "{next(iter(kinds[slot]))}" or a table, got {shown(value)}'
            )
        if "kind" not in named:
            return named
        try:
            checked: Any = _union(tuple(kinds[slot].values())).validate_python(named)
        except ValidationError as error:
            problems = (_piece_problem(slot, named, each, kinds) for each in error.errors())
            raise mistakes(problems, value) from None
        values = fields.given(checked)
        return kinds[slot][values.pop("kind")](**values)

    return validate


@cache
def _union(of_slot: tuple[type, ...]) -> TypeAdapter[Any]:
    """The pieces of a slot, told apart by their kind."""
    union: Any = reduce(or_, (fields.model(piece, tagged=True) for piece in of_slot))
    told_apart: Any = Annotated[union, Field(discriminator="kind")]
    return TypeAdapter(told_apart if len(of_slot) > 1 else union)


def _piece_problem(
    slot: str, value: Mapping[str, Any], error: ErrorDetails, kinds: Kinds
) -> tuple[tuple[str, ...], str]:
    names = tuple(part for part in error["loc"] if isinstance(part, str) and part in value)
    kind = value["kind"]
    if not isinstance(kind, str) or kind not in kinds[slot]:
        return (), pieces.wrong_kind(slot, kind, kinds)
    if error["type"] == "extra_forbidden":
        return names, pieces.wrong_number(slot, kinds[slot][kind], names[0])
    return names, fields.sentence(error)


def _is_label(value: str) -> bool:
    return bool(value.strip()) and value.isprintable() and len(value) <= 80


# ---- sections ----

_PIECES = {slot: Annotated[Any, PlainValidator(_piece(slot))] for slot in SLOTS}
_LEVELS = {
    slot: Annotated[
        tuple[Annotated[Any, PlainValidator(_piece(slot))], ...],
        Predicate(bool),
        worded("expected a list of pieces", whole=True),
    ]
    for slot in SLOTS
}
Label = Annotated[str, Predicate(_is_label), worded("expected 1 to 80 printable characters")]
Slots = fields.strict_model("Slots", {slot: (piece, None) for slot, piece in _PIECES.items()})
Factors = fields.strict_model("Factors", {slot: (levels, ()) for slot, levels in _LEVELS.items()})
VariantTable = fields.strict_model(
    "VariantTable",
    {"base": (Any, "dqn"), **{slot: (piece, None) for slot, piece in _PIECES.items()}, "label": (Label, "")},
)
Given = dict[str, Any]


class Section(BaseModel):
    """A section of a study: strict, with no other keys."""

    model_config = fields.STRICT


class EnvTable(Section):
    """``[env.X]``: overrides, arguments, facts."""

    args: Arguments = Field(default_factory=dict)
    settings: Annotated[Given, table(fields.model(Settings))] = Field(default_factory=dict)
    slots: Annotated[Given, table(Slots)] = Field(default_factory=dict)
    preprocessing: Preprocessing = None
    value_bounds: Bounds = None
    reward_threshold: float | None = None
    margin: Annotated[float, Gt(0)] | None = None


LookSizes = Annotated[
    tuple[Annotated[int, Ge(2), Le(MOST_SEEDS)], ...],
    Predicate(lambda looks: looks and all(a < b for a, b in pairwise(looks))),
    worded(f"expected rising numbers of seeds, 2 to {MOST_SEEDS:,}, such as {list(LOOKS)}"),
]
_DECIDE = {name: (type_, getattr(Decide, name)) for name, type_ in fields.types(Decide).items()}
DecideTable = fields.strict_model("DecideTable", _DECIDE | {"looks": (LookSizes, LOOKS)})


class Document(Section):
    """A study file."""

    name: Annotated[str, Predicate(lambda name: NAME.fullmatch(name)), worded(NAME_RULE)] = ""
    question: Annotated[
        str,
        Predicate(lambda text: text.isprintable() and len(text) <= 500),
        worded("expected one line of text"),
    ] = ""
    envs: Annotated[
        tuple[str, ...],
        Predicate(bool),
        AfterValidator(_distinct),
        worded("expected a list of environment ids", whole=True),
    ] = ()
    further_envs: Annotated[
        tuple[str, ...],
        AfterValidator(_distinct),
        worded("expected a list of environment ids", whole=True),
    ] = ()
    """Those that ``--envs`` may ask for besides."""
    seeds: Annotated[
        tuple[
            Annotated[int, Ge(0), Lt(fields.TOO_BIG), worded("a seed is an integer from 0 to 2^63 - 1")], ...
        ],
        Predicate(bool),
        AfterValidator(_distinct),
        worded(f'expected 1 to {MOST_SEEDS:,} seeds, a list of integers or "{UNTIL_DECIDED}"', whole=True),
        BeforeValidator(_seeds),
        WrapValidator(lambda value, check: None if value == UNTIL_DECIDED else check(value)),
    ] = tuple(range(10))
    """None: until decided."""
    baseline: Annotated[str, worded("expected the name of a variant")] = "dqn"
    variants: Annotated[
        tuple[str, ...],
        AfterValidator(_distinct),
        worded('expected a list of variants (or "all")', whole=True),
        BeforeValidator(lambda value: (ALL,) if value == ALL else value),
    ] = ()
    entropy: Annotated[int, Ge(0), Lt(2**128), worded("expected an integer from 0 to 2^128 - 1")] = 0
    engine: Annotated[str, PlainValidator(ENGINE.validate_python)] = "auto"
    allow_modules: Annotated[
        tuple[Annotated[str, Predicate(lambda name: checks.MODULE.fullmatch(name))], ...],
        worded("expected a list of names of modules"),
    ] = ()
    pieces: Annotated[
        tuple[Annotated[str, Predicate(lambda name: FILE.fullmatch(name))], ...],
        AfterValidator(_distinct),
        worded('expected a list of names of files beside the study, such as ["my_trick.py"]'),
    ] = ()
    settings: Annotated[Given, table(fields.model(Settings))] = Field(default_factory=dict)
    slots: Annotated[Given, table(Slots)] = Field(default_factory=dict)
    env: Annotated[
        dict[str, EnvTable], worded('expected sections such as [env."CartPole-v1"]', whole=True)
    ] = Field(default_factory=dict)
    variant: Annotated[
        dict[str, Annotated[Given, table(VariantTable)]],
        worded("expected sections such as [variant.my-own]", whole=True),
    ] = Field(default_factory=dict)
    sweep: Annotated[Given, PlainValidator(_sweep)] = Field(default_factory=dict)
    factors: Annotated[
        Given, table(Factors), Predicate(bool), worded("expected lists of pieces by slot", whole=True)
    ] = Field(default_factory=dict)
    decide: Annotated[Given, table(DecideTable)] = Field(default_factory=dict)
    record: Annotated[Given, table(fields.model(Record))] = Field(default_factory=dict)


KEYS = tuple(Document.model_fields)
ENV_KEYS = tuple(EnvTable.model_fields)
_VALID: dict[str, Sequence[str]] = {
    "": KEYS,
    "env": ENV_KEYS,
    "variant": ("base", *SLOTS, "label"),
    "settings": settings.NAMES,
    "slots": SLOTS,
    "factors": SLOTS,
    "decide": tuple(fields.types(Decide)),
    "record": tuple(fields.types(Record)),
    "preprocessing": ("kind", *fields.types(Nature)),
}


def read(document: Mapping[str, Any], kinds: Kinds, found: Findings) -> Document:
    """What of the file holds no mistake; every mistake goes to ``found``."""
    sections = fields.canonical(dict(document))
    # a kind that no piece has may be one of a file with a mistake, which is told already
    may_be_known = (pieces.UNKNOWN_KIND, pieces.UNKNOWN_NUMBER) if found.below("pieces") else ()
    while True:
        try:
            return Document.model_validate(sections, context=kinds)
        except ValidationError as error:
            for each in error.errors(include_url=False):
                names = tuple(part for part in each["loc"] if isinstance(part, str))
                sentence = _sentence(names, each, kinds)
                if not sentence.startswith(may_be_known):
                    found.add(dotted(names), sentence)
                _leave_out(sections, names)


def _leave_out(sections: dict[str, Any], names: Sequence[str]) -> None:
    """Take the key that a mistake is in out of the sections: the deepest one that the file has.

    A table that is left without a key goes, too: its emptiness is no mistake of the file's.
    """
    place: Any = sections
    path: list[tuple[dict[str, Any], str]] = []
    for name in names:
        for part in [name] if name in place else name.split("."):  # the file may nest a dotted key
            if not isinstance(place, dict) or part not in place:
                break
            path.append((place, part))
            place = place[part]
    for at, key in reversed(path):
        del at[key]
        if at:
            break


def dotted(names: Sequence[str]) -> str:
    """A key as the file spells it."""
    return ".".join(f'"{name}"' if names[0] == "env" and i == 1 else name for i, name in enumerate(names))


def _sentence(names: Sequence[str], error: ErrorDetails, kinds: Kinds) -> str:
    match error["type"]:
        case "study":
            return error["msg"]
        case "extra_forbidden":
            return _unknown(names[:-1], names[-1], error["input"], kinds)
        case "model_type" | "dict_type":
            what = "a table" if len(names) > 2 else "a section"
            return f"expected {what}, got {shown(error['input'])}"
    return fields.sentence(error)


def _unknown(place: Sequence[str], name: str, value: Any, kinds: Kinds) -> str:
    """The sentence for a key that a section lacks."""
    section = "" if not place else place[0] if len(place) == 2 else place[-1]
    if section == "variant" and name in (*settings.NAMES, "settings"):
        return SHARED
    if section in ("", "env") and name in settings.NAMES:
        return f"unknown key; a setting belongs {'into settings = { ... }' if place else 'under [settings]'}"
    if section in ("", "env", "variant", "settings") and (home := pieces.home(name, value, kinds)):
        said, example = home
        if place[:1] == ("env",):
            return f"{said}: slots = {{ {example} }}"
        return f"{said}: {example}" if section == "variant" else f"{said}: [slots] {example}"
    return f"unknown key{hint(name, _VALID[section])}"
