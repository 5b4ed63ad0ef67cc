"""Options as a model: strict from Python, texts from the command line, every mistake in the option's name."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

import ablations
from ablations import store
from ablations.cli import main, options, parser
from ablations.errors import BadInput
from tests.ablations.documents import tiny

TINY = tiny("dqn", steps=120, record="eval_every = 0")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(TINY)


def messages(texts: bool = False, **values: Any) -> list[str]:
    return [str(problem) for problem in options.read_options(values, texts)[1]]


def test_the_command_lines_options_are_the_models() -> None:
    arguments = parser.parse(["run", "mine.toml"])
    assert set(options.RunOptions.model_fields) <= set(vars(arguments))
    flags = {flag.lstrip("-") for flag in (*parser._RESULTS, *parser._GRID)}
    assert flags == set(options.RunOptions.model_fields) - {"study"}


def test_texts_of_a_command_line_become_numbers() -> None:
    read, problems = options.read_options(
        {"study": "core", "jobs": "4", "seeds": "3", "timeout": "1.5", "memory": "2G"}, texts=True
    )
    assert problems == []
    assert (read.jobs, read.seeds, read.timeout, read.memory) == (4, 3, 1.5, 2 * 2**30)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"jobs": "4"}, "--jobs: expected a whole number, 1 to 1024, got '4'"),
        ({"jobs": 2.0}, "--jobs: expected a whole number, 1 to 1024, got '2.0'"),
        ({"jobs": True}, "--jobs: expected a whole number, 1 to 1024, got 'True'"),
        ({"jobs": 1025}, "--jobs: expected a whole number, 1 to 1024, got '1025'"),
        ({"seeds": 0}, "--seeds: expected a whole number, 1 or more, got '0'"),
        ({"timeout": "60"}, "--timeout: expected seconds, more than 0, got '60'"),
        ({"timeout": float("inf")}, "--timeout: expected seconds, more than 0, got 'inf'"),
        ({"memory": -1}, "--memory: expected a size such as 4G or 500M, got '-1'"),
        ({"variants": "dqn"}, "--variants: "),
        ({"envs": ["CartPole-v1", 3]}, "--envs: "),
        ({"strict": "yes"}, '--strict: expected a valid boolean, got "yes"'),
        ({"engine": "cdua"}, "did you mean 'cuda'?"),
        ({"engine": 3}, "--engine: "),
        ({"executor": "Slurm "}, "did you mean 'slurm'?"),
        ({"results": "mine.toml"}, "--results: 'mine.toml' is not a folder"),
        ({"sedes": 3}, "--sedes: unknown option; did you mean 'seeds'?"),
    ],
    ids=lambda part: str(part) if isinstance(part, dict) else "",
)
def test_from_python_each_option_has_its_type(values: dict[str, Any], expected: str) -> None:
    (message,) = messages(study="core", **values)
    assert message.startswith("command line: --")
    assert expected in message


def test_a_wrong_option_hides_no_other_and_makes_no_second_one() -> None:
    found = messages(texts=True, study="core", executor="dsk", scheduler="tcp://here:1", seeds="x", jobs="y")
    assert [message.split(": ")[1] for message in found] == ["--jobs", "--seeds", "--executor"]


def test_options_that_are_not_given_stay_none() -> None:
    read, problems = options.from_arguments(
        Namespace(**{**dict.fromkeys(options.RunOptions.model_fields), "study": "core", "problems": []})
    )
    assert problems == []
    assert (read.jobs, read.results, read.executor, read.envs) == (None, "results", "local", ())


def test_the_python_door_shows_every_mistake_of_options_and_study_at_once() -> None:
    Path("mine.toml").write_text(TINY + "gama = 1\n")
    with pytest.raises(BadInput) as bad:
        ablations.run("mine.toml", seeds=0, engine="nativ", variants=["dnq"])
    text = str(bad.value)
    assert all(word in text for word in ("--seeds", "'nativ'", "'dnq'", "record.gama"))
    assert not Path("results").exists()


def test_the_python_door_takes_paths_and_an_engine_of_ones_own() -> None:
    folder = ablations.run(Path("mine.toml"), Path("there"), jobs=1, seeds=1, engine="reference")
    assert folder == Path("there/mine")
    assert store.read_study(folder)["engine"] == "reference"
    store.write_study(folder, {**store.read_study(folder), "engine": "native"})
    with pytest.raises(BadInput, match=r"the stored results come from the engine 'native'.*--results"):
        ablations.run("mine.toml", "there", engine="reference")


def test_results_of_another_release_are_refused_and_stay_as_they_are() -> None:
    store.write_study(Path("results/mine"), {"schema_version": 2, "runs": [], "rows": []})
    before = Path("results/mine/study.json").read_bytes()
    for words in (
        ["run", "mine.toml"],
        ["plan", "mine.toml"],
        ["status", "mine.toml"],
        ["verify", "mine.toml"],
    ):
        assert main(words) == 2
    assert Path("results/mine/study.json").read_bytes() == before
    assert [path.name for path in Path("results/mine").iterdir()] == ["study.json"]
