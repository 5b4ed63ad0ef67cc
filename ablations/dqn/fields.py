"""Checks the fields of a frozen record (settings, a piece) against their annotated types and ranges.

Strict: nothing is coerced, except that an integer is accepted where a float is asked for and becomes one, so
that ``gamma = 1`` and ``gamma = 1.0`` are the same run. NaN and infinity are refused. Pydantic checks and
is imported only when something is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, get_origin, get_type_hints

from ablations.errors import Findings, hint, nearest, shown

if TYPE_CHECKING:
    from pydantic import TypeAdapter

TOO_BIG = 2**63
"""Integers are stored as 64 bits."""


@cache
def types(record: type) -> dict[str, Any]:
    """{field: annotated type} of a record, in order, without its class variables."""
    hints = get_type_hints(record, include_extras=True)
    return {name: hint_ for name, hint_ in hints.items() if get_origin(hint_) is not ClassVar}


def check_table(record: type, table: Mapping[str, Any], found: Findings, key: str) -> dict[str, Any]:
    """The valid values of ``table`` in canonical form; unknown names and wrong values go to ``found``."""
    valid: dict[str, Any] = {}
    for name, value in table.items():
        if name not in types(record):
            found.add(f"{key}.{name}", f"unknown key{hint(name, types(record))}")
            continue
        checked, mistake = check(types(record)[name], value)
        if mistake:
            found.add(f"{key}.{name}", mistake)
        else:
            valid[name] = checked
    return valid


def check(annotation: Any, value: Any) -> tuple[Any, str]:
    """(canonical value, "") or (None, what is wrong with it)."""
    from pydantic import ValidationError

    if isinstance(value, int) and abs(value) >= TOO_BIG:
        return None, "the number does not fit into 64 bits"
    try:
        return _canonical(_adapter(annotation).validate_python(_frozen(value))), ""
    except ValidationError as error:
        return None, _sentence(error.errors(include_url=False)[0], value)


def plain(value: Any) -> Any:
    """A canonical value as JSON has it."""
    return [plain(v) for v in value] if isinstance(value, tuple) else value


def plain_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table of canonical values as JSON has it."""
    return {name: plain(value) for name, value in table.items()}


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(annotation, config=ConfigDict(strict=True, allow_inf_nan=False))


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value


def _canonical(value: Any) -> Any:
    return value + 0.0 if isinstance(value, float) else value  # -0.0 becomes 0.0: one key for one number


_EXPECTED = {
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list of integers",
    "string_type": "a string",
}


def _sentence(error: Any, value: Any) -> str:
    """Pydantic's finding in the words of the study file."""
    inside = f", at position {error['loc'][0]}" if error["loc"] else ""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}{inside}, got {shown(value)}"
    if kind == "literal_error":
        near = nearest(value, _literals(context)) if isinstance(value, str) else None
        meant = f"; did you mean '{near}'?" if near else ""
        return f"expected {context['expected']}, got {shown(value)}{meant}"
    if kind == "finite_number":
        return f"expected a finite number, got {shown(value)}"
    return f"{error['msg'].replace('Input should', 'must')}{inside}, got {shown(value)}"


def _literals(context: dict[str, Any]) -> list[str]:
    return [part.strip().strip("'") for part in context["expected"].replace(" or ", ",").split(",")]
