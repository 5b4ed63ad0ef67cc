"""Options of ``run`` and ``plan``, as one model for the command line and for Python.

From Python each option has its type; the command line gives texts, which are read here. Every mistake becomes a
``Problem`` in the option's name.
"""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Collection, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo

from ablations import engines
from ablations.errors import Problem, hint, shown
from ablations.runner.executors import EXECUTORS

WHERE = "command line"
MOST_JOBS = 1024


def read_whole(value: Any, least: int, most: int | None = None, text: bool = True) -> int:
    """The whole number that an option gives, as a number or, with ``text``, spelled out. Raises ValueError."""
    number = int(value) if text and isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value) else value
    if type(number) is int and number >= least and (most is None or number <= most):
        return number
    bounds = f"{least} or more" if most is None else f"{least} to {most}"
    raise ValueError(f"expected a whole number, {bounds}, got '{value}'")


def whole_option(
    arguments: Namespace, name: str, problems: list[Problem], least: int, most: int | None = None
) -> int | None:
    """The whole number of a command line's option; None where it was not given or is none."""
    value = getattr(arguments, name)
    try:
        return None if value is None else read_whole(value, least, most)
    except ValueError as problem:
        problems.append(Problem(WHERE, f"--{name}", str(problem)))
        return None


def _count(most: int | None = None) -> BeforeValidator:
    return BeforeValidator(lambda value, info: read_whole(value, 1, most, _text(info)))


def _read_seconds(value: Any, info: ValidationInfo) -> float:
    text = _text(info) and isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value)
    number = float(value) if text or type(value) in (int, float) else 0.0
    if 0 < number < float("inf"):
        return number
    raise ValueError(f"expected seconds, more than 0, got '{value}'")


def _read_bytes(value: Any) -> int:
    """A size such as 4G or 500M in bytes; K, M, G and T count in steps of 1024. A whole number is bytes as it is."""
    if type(value) is int and value > 0:
        return value
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([KMGT])(i?B)?", str(value), re.IGNORECASE)
    size = int(float(match[1]) * 1024 ** (1 + "KMGT".index(match[2].upper()))) if match else 0
    if size > 0:
        return size
    raise ValueError(f"expected a size such as 4G or 500M, got '{value}'")


def _text(info: ValidationInfo) -> bool:
    """True for options of a command line."""
    return bool(info.context and info.context["texts"])


def _path(value: Any) -> Any:
    return Path(value) if isinstance(value, os.PathLike) else value


def refuse_file(results: str | Path) -> str | Path:
    """The path as it is. Raises ValueError where results can't lie below this path: it, or a part of it, is a file."""
    path = Path(results)
    try:
        nearest = next(p for p in (path, *path.absolute().parents) if p.exists())
    except (OSError, ValueError) as error:
        raise ValueError(f"'{results}' cannot be used: {error}") from None
    if not nearest.is_dir():
        raise ValueError(f"'{nearest}' is not a folder")
    return results


def _engine(name: str) -> str:
    if name in EXECUTORS:
        raise ValueError(f"'{name}' says where cohorts run, not what computes: --executor {name}")
    return _one_of(engines.ALL, name)


def _executor(name: str) -> str:
    if name in engines.ALL:
        raise ValueError(f"'{name}' says what computes, not where cohorts run: --engine {name}")
    if name == "dask":
        _refuse_missing("distributed")
    return _one_of(EXECUTORS, name)


def _one_of(valid: Collection[str], name: str) -> str:
    if name not in valid:
        raise ValueError(f"expected {', '.join(valid)}, got '{name}'{hint(name, valid)}")
    return name


def _address(scheduler: str, info: ValidationInfo) -> str:
    if info.data.get("executor", "dask") != "dask":
        raise ValueError("is for --executor dask alone")
    if not re.fullmatch(r"(tcp|tls|ws|wss)://[^\s/]+:[0-9]{1,5}", scheduler):
        raise ValueError(f"expected an address such as tcp://10.0.0.1:8786, got '{scheduler}'")
    return scheduler


def _tensorboard(wanted: bool) -> bool:
    if wanted:
        _refuse_missing("tensorboard")
    return wanted


Source = Annotated[str | Path, BeforeValidator(_path)]
Count = Annotated[int, _count()]


class RunOptions(BaseModel):
    """What ``run`` and ``plan`` take; None where an option is not given."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    study: Source
    results: Annotated[Source, AfterValidator(refuse_file)] = "results"
    jobs: Annotated[int, _count(MOST_JOBS)] | None = None
    lanes: Count | None = None
    envs: Sequence[str] = ()
    variants: Sequence[str] = ()
    seeds: Count | None = None
    steps: Count | None = None
    engine: Annotated[str, AfterValidator(_engine)] | None = None
    executor: Annotated[str, AfterValidator(_executor)] = "local"
    scheduler: Annotated[str, AfterValidator(_address)] | None = None
    timeout: Annotated[float, BeforeValidator(_read_seconds)] | None = None
    memory: Annotated[int, BeforeValidator(_read_bytes)] | None = None
    strict: bool = False
    replan: bool = False
    tensorboard: Annotated[bool, AfterValidator(_tensorboard)] = False


def read_options(values: Mapping[str, Any], texts: bool = False) -> tuple[RunOptions, list[Problem]]:
    """The options with these values, and what is wrong with them; wrong ones are as if they were not given.

    ``texts``: they are a command line's, so that numbers may be spelled out.
    """
    given = {name: value for name, value in values.items() if value is not None}
    try:
        return RunOptions.model_validate({"study": "", **given}, context={"texts": texts}), []
    except ValidationError as invalid:
        problems = {str(error["loc"][0]): error for error in invalid.errors()}
    rest, _ = read_options({name: given[name] for name in given if name not in problems}, texts)
    return rest, [Problem(WHERE, _option(name), _message(dict(error))) for name, error in problems.items()]


def from_arguments(arguments: Namespace) -> tuple[RunOptions, list[Problem]]:
    """The options of a parsed command line of ``run`` or ``plan``, and what is wrong with it."""
    options, problems = read_options(
        {name: getattr(arguments, name) for name in RunOptions.model_fields}, texts=True
    )
    return options, [*arguments.problems, *problems]


def _option(name: str) -> str:
    return "STUDY" if name == "study" else f"--{name}"


def _message(error: Mapping[str, Any]) -> str:
    """A sentence on an error of pydantic's."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "extra_forbidden":
        return f"unknown option{hint(str(error['loc'][0]), list(RunOptions.model_fields))}"
    return f"{error['msg'].replace('Input should be', 'expected')}, got {shown(error['input'])}"


def _refuse_missing(package: str) -> None:
    """Raise ValueError where a package of an extra is not installed."""
    if find_spec(package) is None:
        raise ValueError(f"needs the package '{package}', which is not installed: pip install {package}")
