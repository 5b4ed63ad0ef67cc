"""Checks values against the annotated fields of a frozen record (settings, a piece), by pydantic models made from them.

Strict: nothing is coerced, except that an integer is accepted where a float is asked for and becomes one, so
that ``gamma = 1`` and ``gamma = 1.0`` are the same run. NaN and infinity are refused. Pydantic
is imported only when something is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_origin, get_type_hints

from ablations.errors import Findings, hint, nearest, shown

if TYPE_CHECKING:
    from pydantic import BaseModel, ConfigDict, TypeAdapter
    from pydantic_core import ErrorDetails

TOO_BIG = 2**63
"""Integers are stored as 64 bits."""

STRICT: ConfigDict = {"strict": True, "extra": "forbid", "allow_inf_nan": False}


@cache
def types(record: type) -> dict[str, Any]:
    """{field: annotated type} of a record, in order, without its class variables."""
    hints = get_type_hints(record, include_extras=True)
    return {name: hint_ for name, hint_ in hints.items() if get_origin(hint_) is not ClassVar}


@cache
def model(record: Any, tagged: bool = False) -> type[BaseModel]:
    """The model of a record's fields; ``tagged``: with the kind of the record, which must be given."""
    tag = {"kind": (Literal[record.kind], ...)} if tagged else {}
    values = {name: (_fitting(type_), getattr(record, name)) for name, type_ in types(record).items()}
    return strict_model(record.__name__, tag | values)


def strict_model(name: str, values: Mapping[str, tuple[Any, Any]]) -> type[BaseModel]:
    """A model of these {field: (type, default)}."""
    from pydantic import create_model

    create: Any = create_model
    made: type[BaseModel] = create(name, __config__=STRICT, **values)
    return made


def given(checked: BaseModel) -> dict[str, Any]:
    """The values that a document gave of a model, in order."""
    return {name: value for name, value in checked if name in checked.model_fields_set}


def check_table(
    record: type,
    table: Mapping[str, Any],
    found: Findings,
    key: str,
    unknown: Callable[[str], str] | None = None,
) -> dict[str, Any]:
    """The values of ``table`` in canonical form; none where one is wrong: every mistake goes to ``found``.

    ``unknown`` gives the sentence for a name that the record lacks.
    """
    from pydantic import ValidationError

    try:
        return given(model(record).model_validate(canonical(table)))
    except ValidationError as error:
        for each in error.errors(include_url=False):
            name = str(each["loc"][0])
            if each["type"] == "extra_forbidden":
                message = unknown(name) if unknown else f"unknown key{hint(name, types(record))}"
            else:
                message = sentence(each)
            found.add(f"{key}.{name}", message)
        return {}


def check(annotation: Any, value: Any) -> tuple[Any, str | None]:
    """(canonical value, None) or (None, what is wrong with it)."""
    from pydantic import ValidationError

    try:
        return _adapter(annotation).validate_python(canonical(value)), None
    except ValidationError as error:
        return None, sentence(error.errors(include_url=False)[0])


def canonical(value: Any) -> Any:
    """A document's value with lists as tuples and -0.0 as 0.0, so that equal values are one."""
    if isinstance(value, dict):
        return {key: canonical(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(canonical(each) for each in value)
    return value + 0.0 if isinstance(value, float) else value


def plain(value: Any) -> Any:
    """A canonical value as JSON has it."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, tuple) else value


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(_fitting(annotation), config=STRICT)


def _fitting(annotation: Any) -> Any:
    from pydantic import BeforeValidator

    return Annotated[annotation, BeforeValidator(_refuse_too_big)]


def _refuse_too_big(value: Any) -> Any:
    from pydantic_core import PydanticCustomError

    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, int) and abs(number) >= TOO_BIG:
            raise PydanticCustomError("too_big", "the number does not fit into 64 bits")
    return value


_EXPECTED = {
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list of integers",
    "string_type": "a string",
    "finite_number": "a finite number",
}


def sentence(error: ErrorDetails) -> str:
    """Pydantic's finding in the words of the study file."""
    position = next((part for part in error["loc"] if isinstance(part, int)), None)
    inside = "" if position is None else f", at position {position}"
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    if kind == "too_big":
        return error["msg"]
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}{inside}, got {shown(value)}"
    if kind == "literal_error":
        near = nearest(value, _literals(context)) if isinstance(value, str) else None
        meant = f"; did you mean '{near}'?" if near else ""
        return f"expected {context['expected']}, got {shown(value)}{meant}"
    return f"{error['msg'].replace('Input should', 'must')}{inside}, got {shown(value)}"


def _literals(context: dict[str, Any]) -> list[str]:
    return [part.strip().strip("'") for part in context["expected"].replace(" or ", ",").split(",")]
