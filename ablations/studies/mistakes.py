"""Mistakes of a study file in our own words, raised inside of pydantic's validation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, PlainValidator, ValidationError, ValidationInfo, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

from ablations.errors import shown

if TYPE_CHECKING:
    from pydantic import ValidatorFunctionWrapHandler


def mistake(sentence: str) -> PydanticCustomError:
    """An error that is told as it is."""
    return PydanticCustomError("study", sentence)


def mistakes(sentences: Iterable[tuple[tuple[str, ...], str]], value: Any) -> ValidationError:
    """Several errors of one value, each with the keys below it that lead there."""
    lines = [InitErrorDetails(type=mistake(sentence), loc=loc, input=value) for loc, sentence in sentences]
    return ValidationError.from_exception_data("study", lines)


def worded(rule: str, whole: bool = False) -> WrapValidator:
    """Any mistake in a value that has no words of its own; ``whole``: mistakes of its parts are told by themselves."""

    def validate(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(value)
        except ValidationError as error:
            if any(each["type"] == "study" or (whole and each["loc"]) for each in error.errors()):
                raise
            raise mistake(f"{rule}, got {shown(value)}") from None

    return WrapValidator(validate)


def table(model: type[BaseModel]) -> PlainValidator:
    """A table of this model: gives what the file gives of it, in its order."""

    def validate(value: Any, info: ValidationInfo) -> dict[str, Any]:
        checked = model.model_validate(value, context=info.context)
        return {name: getattr(checked, name) for name in value}

    return PlainValidator(validate)
