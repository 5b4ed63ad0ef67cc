"""Rows of a study: points of a sweep, cells of a factorial, what is left out, and aliases."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .defaults import PIECES, slots_with, told
from .once import once
from .outside import (
    ablations,
    assert_answered,
    assert_refused,
    begin,
    manifest_of,
    names_in,
    read_json,
    rows_in,
    runs_in,
    write_study,
)
from .signing import sign


def said_together(text: str, *words: str) -> bool:
    """One line of a text holds all words, each as a whole name."""
    return any(
        all(re.search(rf"(?<![\w@-]){re.escape(word)}(?![\w@-])", line) for word in words)
        for line in text.splitlines()
    )


def aliases_in(results: Path) -> set[tuple[str, str]]:
    return {(alias["label"], alias["of"]) for alias in read_json(results / "study.json")["aliases"]}


def planned(folder: Path) -> str:
    answer = ablations("plan", "tiny.toml", cwd=folder)
    assert_answered(answer, 0)
    return answer.stdout


# ---------------------------------------------------------------- sweeps


def test_a_swept_rows_label_is_its_variant_and_each_key_in_file_order(swept: Path) -> None:
    rows = rows_in(swept / "results" / "tiny")
    assert {label: row["swept"] for label, row in rows.items()} == {
        "dqn@target.period=5@trunk.hidden=8": {"target.period": 5, "trunk.hidden": [8]},
        "dqn@target.period=5@trunk.hidden=8x8": {"target.period": 5, "trunk.hidden": [8, 8]},
        "dqn@target.period=50@trunk.hidden=8": {"target.period": 50, "trunk.hidden": [8]},
        "dqn@target.period=50@trunk.hidden=8x8": {"target.period": 50, "trunk.hidden": [8, 8]},
        "soft-target@trunk.hidden=8": {"trunk.hidden": [8]},
        "soft-target@trunk.hidden=8x8": {"trunk.hidden": [8, 8]},
    }


def test_a_swept_value_reaches_the_slots_and_the_config(swept: Path) -> None:
    results = swept / "results" / "tiny"
    for row in rows_in(results).values():
        assert row["slots"]["trunk"]["hidden"] == row["swept"]["trunk.hidden"]
        assert row["slots"]["target"].get("period") == row["swept"].get("target.period")
    for run in runs_in(results):
        trunk = manifest_of(results, run)["config"]["slots"]["trunk"]
        assert trunk["hidden"] == rows_in(results)[run["label"]]["swept"]["trunk.hidden"]


def test_plan_says_which_variant_a_swept_number_does_not_apply_to(swept: Path) -> None:
    assert said_together(planned(swept), "target.period", "soft-target")


POINTS = """[sweep]
batch_size = [16, 32]
"replay.alpha" = [0.5, 0.75]
buffer_size = [200, 400]
"""


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        top = {"variants": ["dqn", "no-replay", "per"], "seeds": 1}
        write_study(folder, top, {"total_timesteps": 120}, POINTS)
        begin(folder, "--variants", "no-replay")

    return once(tmp_path_factory, "points", make)


def test_settings_that_a_variants_pieces_ignore_do_not_apply_to_it(points: Path) -> None:
    rows = rows_in(points / "results" / "tiny")
    sizes = [(16, 200), (16, 400), (32, 200), (32, 400)]
    uniform = {f"dqn@batch_size={batch}@buffer_size={buffer}" for batch, buffer in sizes}
    prioritized = {
        f"per@batch_size={batch}@replay.alpha={alpha}@buffer_size={buffer}"
        for batch, buffer in sizes
        for alpha in (0.5, 0.75)
    }
    assert set(rows) == uniform | {"no-replay"} | prioritized
    assert rows["no-replay"]["swept"] == {}
    row = rows["per@batch_size=16@replay.alpha=0.75@buffer_size=400"]
    assert (row["settings"]["batch_size"], row["settings"]["buffer_size"]) == (16, 400)
    assert row["slots"]["replay"]["alpha"] == 0.75


def test_plan_says_which_settings_and_numbers_do_not_apply(points: Path) -> None:
    plan = planned(points)
    assert said_together(plan, "buffer_size", "no-replay")
    assert said_together(plan, "batch_size", "no-replay")
    assert said_together(plan, "replay.alpha", "dqn")


def test_plan_says_which_row_has_no_baseline_beside_it(factorial: Path) -> None:
    """`none+max` could be compared with `hard+max` at period 5 or at 50, and the study's own, 100, isn't swept."""
    plan = planned(factorial)
    assert any(
        "none+max" in line and re.search("baseline|hypothesis|compare", line) for line in plan.splitlines()
    )


# ---------------------------------------------------------------- factorials


def test_a_cell_is_named_by_its_factors_alone_and_swept_where_its_pieces_have_the_number(
    factorial: Path,
) -> None:
    rows = rows_in(factorial / "results" / "tiny")
    assert set(rows) == {
        "none+max",
        "hard+max@target.period=5",
        "hard+max@target.period=50",
        "hard+double@target.period=5",
        "hard+double@target.period=50",
    }
    shared: dict[str, Any] = {"trunk": {"kind": "mlp", "hidden": [16]}, "loss": {"kind": "huber"}}
    assert told(rows["none+max"]["slots"]) == slots_with(**shared, target={"kind": "none"})
    assert told(rows["hard+double@target.period=5"]["slots"]) == slots_with(
        **shared, target={"kind": "hard", "period": 5}, bootstrap={"kind": "double"}
    )


def test_a_cell_that_is_an_alias_is_listed_and_not_run(factorial: Path) -> None:
    results = factorial / "results" / "tiny"
    assert aliases_in(results) == {("none+double", "none+max")}
    assert {run["label"] for run in runs_in(results)} == set(rows_in(results))


# ---------------------------------------------------------------- aliases

THREE = ["dqn", "double", "inverse-double"]


@pytest.mark.parametrize(
    ("slots", "tables", "rows", "aliases"),
    [
        ({"target": "none"}, "", {"dqn"}, {("double", "dqn"), ("inverse-double", "dqn")}),
        (
            {},
            '[sweep]\n"target.period" = [1, 2]\n',
            {f"{name}@target.period=2" for name in THREE} | {"dqn@target.period=1"},
            {(f"{name}@target.period=1", "dqn@target.period=1") for name in THREE[1:]},
        ),
        (
            {"target": {"kind": "soft", "tau": 1.0}},
            "",
            {"dqn"},
            {("double", "dqn"), ("inverse-double", "dqn")},
        ),
        ({"target": {"kind": "soft", "tau": 0.99}}, "", set(THREE), set()),
    ],
    ids=["none", "hard 1", "soft 1", "soft"],
)
def test_without_a_target_of_its_own_the_bootstraps_that_only_choose_are_one_row(
    slots: dict[str, Any],
    tables: str,
    rows: set[str],
    aliases: set[tuple[str, str]],
    tmp_path: Path,
) -> None:
    top = {"variants": THREE, "seeds": 1}
    write_study(tmp_path, top, {"total_timesteps": 120}, tables, slots=slots)
    results = begin(tmp_path, "--variants", "dqn")
    assert set(rows_in(results)) == rows == {run["label"] for run in runs_in(results)}
    assert aliases_in(results) == aliases
    plan = planned(tmp_path)
    assert all(said_together(plan, label, of) for label, of in aliases)


# ---------------------------------------------------------------- all, and equal rows


def test_all_is_the_registry_less_a_row_that_equals_an_earlier_one_which_is_named_with_the_reason(
    tmp_path: Path,
) -> None:
    write_study(
        tmp_path,
        {"variants": "all", "seeds": 1},
        {"total_timesteps": 120},
        slots={"target": {"kind": "soft", "tau": 0.005}},
    )
    results = begin(tmp_path, "--variants", "dqn")
    study, rows = read_json(results / "study.json"), rows_in(results)
    left_out = {each["label"]: each["reason"] for each in study["left_out"]}
    assert "dqn" in left_out["soft-target"]
    assert "soft-target" not in rows
    assert {"dqn", "no-replay", "consecutive", "no-target", "double", "dueling", "per", "naive"} <= set(rows)
    aliases = {each["label"] for each in study["aliases"]}
    assert not set(rows) & (set(left_out) | aliases)
    listed = ablations("list", cwd=tmp_path).stdout
    assert set(rows) | set(left_out) | aliases <= set(re.findall(r"[a-z0-9.-]+", listed))
    assert said_together(planned(tmp_path), "soft-target", "dqn")


def test_all_leaves_nothing_out_where_nothing_stands_twice(tmp_path: Path) -> None:
    bounds = '[env."CartPole-v1"]\nvalue_bounds = [1.0, 100.0]\n'
    write_study(tmp_path, {"variants": "all", "seeds": 1}, {"total_timesteps": 120}, bounds)
    results = begin(tmp_path, "--variants", "dqn")
    study = read_json(results / "study.json")
    assert study["left_out"] == []
    for row in study["rows"]:
        assert set(row["slots"]) == set(PIECES)


def test_a_study_of_all_that_has_begun_keeps_the_rows_of_its_study_json(tmp_path: Path) -> None:
    """As if the registry had had no `per` when it began."""
    write_study(tmp_path, {"variants": "all", "seeds": 1}, {"total_timesteps": 120})
    results = begin(tmp_path, "--variants", "dqn")
    study = read_json(results / "study.json")
    for name in ("rows", "runs"):
        study[name] = [each for each in study[name] if each["label"] != "per"]
    sign(results / "study.json", study)
    begin(tmp_path, "--variants", "double")
    assert list(rows_in(results)) == [row["label"] for row in study["rows"]]
    assert runs_in(results) == study["runs"]


@pytest.mark.parametrize(
    ("top", "slots", "tables", "mentions"),
    [
        ({"variants": ["dqn", "soft-target"]}, {"target": "soft"}, "", ("dqn", "soft-target")),
        (
            {"variants": ["dqn", "mine"]},
            {},
            '[variant.mine]\nbase = "dqn"\ntarget = { kind = "hard", period = 100 }\n',
            ("dqn", "mine"),
        ),
        (
            {"variants": ["dqn", "double", "mine"]},
            {"target": {"tau": 0.1, "kind": "soft"}},
            '[variant.mine]\nbase = "dqn"\nbootstrap = { kind = "double" }\n',
            ("double", "mine"),
        ),
    ],
    ids=["through slots", "in name alone", "through a base"],
)
def test_two_listed_rows_with_equal_slots_and_settings_are_an_error_naming_both(
    top: dict[str, Any], slots: dict[str, Any], tables: str, mentions: tuple[str, ...], tmp_path: Path
) -> None:
    write_study(tmp_path, top, tables=tables, slots=slots)
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml", *mentions)
    assert names_in(tmp_path) == {"tiny.toml"}
