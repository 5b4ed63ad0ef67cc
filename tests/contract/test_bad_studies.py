"""Bad studies: exit 2, every mistake at once with its file, its key and the nearest valid name, and nothing made."""

from __future__ import annotations

from pathlib import Path

import pytest

from .mistakes import Mistake, document, packed
from .outside import ablations, assert_answered, assert_refused, names_in, study_text, write_study


def named(answer_lines: list[str], file: str, mistake: Mistake) -> bool:
    return any(all(word in line for word in (file, *mistake.mentions)) for line in answer_lines)


@pytest.mark.parametrize(
    "mistakes", [pytest.param(file, id=f"{file[0].group}-{len(file)}") for file in packed()]
)
def test_mistakes_are_told_all_at_once_each_with_file_key_and_nearest_name_and_nothing_is_made(
    mistakes: list[Mistake], tmp_path: Path
) -> None:
    (tmp_path / "tiny.toml").write_text(document(mistakes), encoding="utf-8")
    answer = ablations("run", "tiny.toml", cwd=tmp_path)
    assert_answered(answer, 2)
    lines = answer.stderr.splitlines()
    missing = [mistake.what for mistake in mistakes if not named(lines, "tiny.toml", mistake)]
    assert not missing, f"untold: {missing}; told:\n{answer.stderr}"
    assert names_in(tmp_path) == {"tiny.toml"}


def test_mistakes_of_all_tables_are_told_at_once(tmp_path: Path) -> None:
    write_study(
        tmp_path,
        {"sedes": 3, "engine": "natve", "envs": ["CartPol-v1"]},
        {"gama": 0.9, "batch_size": 0, "hidden": [8]},
        "[record]\nprobe_evry = 100\n[variant.mine]\nbase = 'dqn'\ntarget = { kind = 'soft', tau = 7.0 }\n",
        slots={"loss": "hubr"},
    )
    answer = ablations("run", "tiny.toml", cwd=tmp_path)
    for key in ("sedes", "engine", "envs", "gama", "batch_size", "hidden", "hubr", "probe_evry", "tau"):
        assert_refused(answer, "tiny.toml", key)
    assert names_in(tmp_path) == {"tiny.toml"}


NO_STUDIES = {
    "no TOML": ("name = \n", "line 1"),
    "a table twice": (study_text() + "[settings]\n", "settings"),
    "nothing": ("", "envs"),
    "settings before slots were": (study_text(settings={"epsilon_schedule": "linear"}), "exploration"),
}


@pytest.mark.parametrize(("text", "mention"), NO_STUDIES.values(), ids=NO_STUDIES)
def test_a_file_that_is_no_study_is_refused(text: str, mention: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(text, encoding="utf-8")
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml", mention)
    assert names_in(tmp_path) == {"tiny.toml"}


def test_bytes_that_are_not_utf_8_are_refused_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_bytes(study_text().encode() + b"# \xff\xfe\n")
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml")
    assert names_in(tmp_path) == {"tiny.toml"}


def test_two_variants_with_one_label_are_refused(tmp_path: Path) -> None:
    tables = (
        '[variant.slow]\nbase = "dqn"\ntarget = { kind = "soft", tau = 0.001 }\nlabel = "Softly"\n'
        '[variant.fast]\nbase = "dqn"\ntarget = { kind = "soft", tau = 0.1 }\nlabel = "Softly"\n'
    )
    write_study(tmp_path, {"variants": ["dqn", "slow", "fast"]}, tables=tables)
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml", "label", "slow", "fast")
    assert names_in(tmp_path) == {"tiny.toml"}


def test_variants_whose_bases_lead_back_to_themselves_are_refused(tmp_path: Path) -> None:
    tables = '[variant.one]\nbase = "two"\n[variant.two]\nbase = "one"\nhead = { kind = "dueling" }\n'
    write_study(tmp_path, {"variants": ["dqn", "one", "two"]}, tables=tables)
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml", "base", "one")
    assert names_in(tmp_path) == {"tiny.toml"}


def test_a_number_that_a_variant_changes_and_the_studys_own_piece_lacks_is_refused(tmp_path: Path) -> None:
    tables = '[variant.often]\nbase = "dqn"\ntarget = { period = 10 }\n'
    write_study(tmp_path, {"variants": ["dqn", "often"]}, tables=tables, slots={"target": "soft"})
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml", "often", "target", "period")
    write_study(tmp_path, {"variants": ["dqn", "often"]}, tables=tables)
    assert_answered(ablations("where", "tiny.toml", cwd=tmp_path), 0)
    assert names_in(tmp_path) == {"tiny.toml"}


@pytest.mark.parametrize("key", ["buffer_size", "batch_size", "target.period", "replay.alpha"])
def test_a_swept_key_that_applies_to_no_variant_is_refused(key: str, tmp_path: Path) -> None:
    """`naive` has neither replay nor a target network."""
    top = {"baseline": "naive", "variants": ["naive"]}
    write_study(tmp_path, top, tables=f'[sweep]\n"{key}" = [50, 60]\n')
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml", key)
    assert names_in(tmp_path) == {"tiny.toml"}


@pytest.mark.parametrize("command", ["plan", "run", "status", "verify", "where"])
def test_every_command_that_takes_a_study_refuses_a_bad_one(command: str, tmp_path: Path) -> None:
    write_study(tmp_path, settings={"gama": 0.9})
    assert_refused(ablations(command, "tiny.toml", cwd=tmp_path), "tiny.toml", "gama", "gamma")
    assert names_in(tmp_path) == {"tiny.toml"}


@pytest.mark.parametrize("allowed", [[], ["os"]], ids=["no module", "another module"])
def test_a_module_that_a_study_does_not_allow_is_not_imported(allowed: list[str], tmp_path: Path) -> None:
    mark = "import pathlib\npathlib.Path(__file__).with_name('imported').touch()\n"
    (tmp_path / "somewhere.py").write_text(mark, encoding="utf-8")
    write_study(tmp_path, {"envs": ["somewhere:Thing-v0"], "allow_modules": allowed})
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml", "somewhere", "allow_modules")
    assert names_in(tmp_path) == {"tiny.toml", "somewhere.py"}
