"""Bad command lines: exit 2, the mistake by its name with the nearest valid one, and nothing made."""

from __future__ import annotations

from pathlib import Path

import pytest

from .outside import ablations, assert_answered, assert_refused, names_in, study_text, write_study

COMMAND_LINES = [
    (["run"], ["STUDY"]),
    (["run", "absent.toml"], ["absent.toml"]),
    (["run", "./folder"], ["folder"]),
    (["run", "cor"], ["cor", "core"]),
    (["plan", "smok"], ["smok", "smoke"]),
    (["where", "cor"], ["cor", "core"]),
    (["status", "cor"], ["cor", "core"]),
    (["verify", "cor"], ["cor", "core"]),
    (["rnu", "tiny.toml"], ["rnu"]),
    (["run", "tiny.toml", "--sedes", "3"], ["--sedes"]),
    (["run", "tiny.toml", "--seeds", "0"], ["--seeds"]),
    (["run", "tiny.toml", "--seeds", "-3"], ["--seeds"]),
    (["run", "tiny.toml", "--seeds", "many"], ["--seeds"]),
    (["run", "tiny.toml", "--steps", "0"], ["--steps"]),
    (["run", "tiny.toml", "--steps", "1.5"], ["--steps"]),
    (["run", "tiny.toml", "--jobs", "0"], ["--jobs"]),
    (["run", "tiny.toml", "--jobs", "-1"], ["--jobs"]),
    (["run", "tiny.toml", "--jobs", "9999999999"], ["--jobs"]),
    (["run", "tiny.toml", "--lanes", "0"], ["--lanes"]),
    (["run", "tiny.toml", "--variants", "dnq"], ["--variants", "dnq", "dqn"]),
    (["plan", "tiny.toml", "--variants", "dnq"], ["--variants", "dnq", "dqn"]),
    (["run", "tiny.toml", "--envs", "CartPol-v1"], ["--envs", "CartPol-v1", "CartPole-v1"]),
    (["run", "tiny.toml", "--engine", "natve"], ["--engine", "natve", "native"]),
    (["run", "tiny.toml", "--engine", "dask"], ["--engine", "dask"]),
    (["plan", "tiny.toml", "--engine", "refrence"], ["--engine", "reference"]),
    (["run", "tiny.toml", "--executor", "slrum"], ["--executor", "slrum", "slurm"]),
    (["run", "tiny.toml", "--executor", "native"], ["--executor", "native"]),
    (["run", "tiny.toml", "--timeout", "0"], ["--timeout"]),
    (["run", "tiny.toml", "--memory", "much"], ["--memory"]),
    (["run", "tiny.toml", "--results", "tiny.toml"], ["--results"]),
    (["verify", "tiny.toml", "--rerun", "-1"], ["--rerun"]),
    (["new", "folder"], ["folder"]),
    (["new", "absent/study.toml"], ["absent/study.toml"]),
    (["new", "tiny.toml"], ["tiny.toml"]),
]


@pytest.mark.parametrize(("args", "mentions"), COMMAND_LINES, ids=lambda part: " ".join(part))
def test_a_bad_command_line_is_refused_by_the_name_of_its_mistake(
    args: list[str], mentions: list[str], tmp_path: Path
) -> None:
    write_study(tmp_path)
    (tmp_path / "folder").mkdir()
    before = (tmp_path / "tiny.toml").read_bytes()
    # The nearest valid name of a study may stand in a list on a line of its own.
    answer = ablations(*args, cwd=tmp_path)
    assert_answered(answer, 2)
    assert all(word in answer.stderr for word in mentions), answer.stderr
    assert names_in(tmp_path) == {"tiny.toml", "folder"}
    assert (tmp_path / "tiny.toml").read_bytes() == before


def test_mistakes_of_the_command_line_and_of_the_study_are_reported_at_once(tmp_path: Path) -> None:
    write_study(tmp_path, settings={"gama": 0.9})
    answer = ablations("run", "tiny.toml", "--variants", "dnq", cwd=tmp_path)
    assert_refused(answer, "gama")
    assert_refused(answer, "--variants", "dnq", "dqn")


def test_a_study_name_without_a_separator_is_never_taken_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "tiny").write_text(study_text(), encoding="utf-8")
    assert_answered(ablations("run", "tiny", cwd=tmp_path), 2)
    assert names_in(tmp_path) == {"tiny"}
