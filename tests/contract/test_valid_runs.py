"""What counts as a result: a damaged, forged or foreign run is found, put aside and run again to the same bits."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from .outside import (
    ablations,
    analysis,
    assert_answered,
    assert_refused,
    episodes_bytes,
    fingerprint,
    read_json,
    runs_in,
)
from .signing import forge_config, forge_series, sign

Damage = Callable[[Path], None]


def truncate(run: Path) -> None:
    series = run / "episodes.parquet"
    series.write_bytes(series.read_bytes()[:-20])


def flip_the_middle(run: Path) -> None:
    series = run / "episodes.parquet"
    data = bytearray(series.read_bytes())
    data[len(data) // 2] ^= 1
    series.write_bytes(data)


def link_out_of_the_tree(run: Path) -> None:
    series, outside = run / "episodes.parquet", run.parents[5] / "outside.parquet"
    series.rename(outside)
    series.symlink_to(outside)


def flip_a_digest(run: Path) -> None:
    manifest = run / "manifest.json"
    data = bytearray(manifest.read_bytes())
    # A digit of a digest: a flip elsewhere may leave a document that means the same.
    data[data.index(b'"sha256"') + 14] ^= 1
    manifest.write_bytes(data)


def turn_the_manifest_to_a_list(run: Path) -> None:
    (run / "manifest.json").write_text("[]", encoding="utf-8")


def turn_the_manifest_to_a_folder(run: Path) -> None:
    (run / "manifest.json").unlink()
    (run / "manifest.json").mkdir()


def raise_the_schema(run: Path) -> None:
    manifest = read_json(run / "manifest.json")
    (run / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 99}), encoding="utf-8")


def edit_the_config(run: Path) -> None:
    manifest = read_json(run / "manifest.json")
    manifest["config"]["settings"]["gamma"] = 0.5
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


DAMAGES: list[Damage] = [
    truncate,
    flip_the_middle,
    link_out_of_the_tree,
    flip_a_digest,
    turn_the_manifest_to_a_list,
    turn_the_manifest_to_a_folder,
    raise_the_schema,
    edit_the_config,
]


def forged(change: Callable[[pa.Table], pa.Table]) -> Damage:
    return lambda run: forge_series(run, change)


def replaced(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Damage:
    """A column's values changed, its type kept."""

    def change_column(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        values = change(table.column(name).to_numpy().copy())
        return table.set_column(place, field, pa.array(values, field.type))

    return forged(change_column)


def with_the_last(value: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: np.append(values[:-1], np.array(value, values.dtype))


def of_another_type(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("episodic_length")
    return table.set_column(place, "episodic_length", table.column(place).cast(pa.int64()))


# Each with digests that match.
FORGERIES: list[Damage] = [
    replaced("env_id", lambda values: np.full_like(values, "CartPole-v0")),
    replaced("variant", lambda values: np.full_like(values, "double")),
    replaced("seed", lambda values: values + 1),
    replaced("global_step", lambda values: values[::-1]),
    replaced("episodic_return", with_the_last(np.inf)),
    forged(lambda table: table.drop_columns(["truncated"])),
    forged(of_another_type),
    lambda run: forge_config(run, {"seed": 77}),
]
MORE_FORGERIES: list[Damage] = [
    replaced("episodic_return", with_the_last(np.nan)),
    forged(lambda table: table.append_column("bonus", pa.array([0.0] * table.num_rows))),
    forged(lambda table: table.select([*table.column_names[1:], "env_id"])),
    lambda run: forge_config(run, {"slots": {"target": {"kind": "none"}}}),
]


@pytest.mark.parametrize("damages", [DAMAGES, FORGERIES, MORE_FORGERIES], ids=["damage", "forgery", "more"])
def test_runs_that_are_not_what_they_say_are_found_quarantined_and_run_again_to_the_same_bits(
    damages: list[Damage], copied: Path
) -> None:
    results = copied / "results" / "tiny"
    series, untouched, runs = episodes_bytes(results), fingerprint(results), runs_in(results)
    damaged = [run["path"] for run in runs[: len(damages)]]
    for path, damage in zip(damaged, damages, strict=True):
        damage(results / path)

    for command in ("verify", "status"):
        answer = ablations(command, "tiny.toml", cwd=copied)
        assert_answered(answer, 1)
        said = answer.stdout + answer.stderr
        assert [path for path in damaged if path.split("/")[-1] not in said] == []
        assert runs[len(damages)]["path"].split("/")[-1] not in said
    answer = analysis("tables", "results/tiny", cwd=copied)
    assert_answered(answer, 0)
    assert f"{9 - len(damages)} of 9" in answer.stdout + answer.stderr

    assert_answered(ablations("run", "tiny.toml", cwd=copied), 0)
    assert episodes_bytes(results) == series
    assert_answered(ablations("verify", "tiny.toml", cwd=copied), 0)
    after = fingerprint(results)
    changed = {path.rsplit("/", 1)[0] for path in after if after[path] != untouched.get(path)}
    assert changed <= set(damaged)
    # Nothing damaged is deleted.
    quarantined = {path.name for path in (results / ".grid" / "quarantine").rglob("seed-*")}
    assert quarantined >= {path.split("/")[-1] for path in damaged}


def test_a_forgery_that_is_what_a_run_may_be_is_found_by_running_it_again_alone(copied: Path) -> None:
    results = copied / "results" / "tiny"
    assert_answered(ablations("verify", "tiny.toml", "--rerun", "1", cwd=copied), 0)
    forge = replaced("episodic_return", with_the_last(7777.0))
    forge(results / runs_in(results)[4]["path"])
    assert_answered(ablations("status", "tiny.toml", cwd=copied), 0)
    assert_answered(ablations("verify", "tiny.toml", cwd=copied), 0)
    answer = ablations("verify", "tiny.toml", "--rerun", "9", cwd=copied)
    assert_answered(answer, 1)
    assert runs_in(results)[4]["path"].split("/")[-1] in answer.stdout + answer.stderr


def test_a_torn_study_json_is_reported_quarantined_and_written_anew(copied: Path) -> None:
    results = copied / "results" / "tiny"
    before = fingerprint(results)
    (results / "study.json").write_text('{"torn', encoding="utf-8")
    for command in ("status", "verify"):
        answer = ablations(command, "tiny.toml", cwd=copied)
        assert_answered(answer, 1)
        assert "study.json" in answer.stdout + answer.stderr
    answer = ablations("run", "tiny.toml", cwd=copied)
    assert_answered(answer, 0)
    assert "study.json" in answer.stdout + answer.stderr
    assert {path: digest for path, (_, digest) in fingerprint(results).items()} == {
        path: digest for path, (_, digest) in before.items()
    }
    kept = [path for path in (results / ".grid" / "quarantine").rglob("*") if path.is_file()]
    assert [path.read_text(encoding="utf-8") for path in kept] == ['{"torn']


@pytest.mark.parametrize("schema", [1, 2])
def test_results_of_an_earlier_schema_are_refused_in_one_sentence_and_left_as_they_are(
    schema: int, copied: Path
) -> None:
    results = copied / "results" / "tiny"
    sign(results / "study.json", read_json(results / "study.json") | {"schema_version": schema})
    before = fingerprint(results)
    for answer in (
        ablations("run", "tiny.toml", cwd=copied),
        ablations("status", "tiny.toml", cwd=copied),
        analysis("tables", "results/tiny", cwd=copied),
    ):
        assert_refused(answer, "version", str(schema))
        assert len([line for line in answer.stderr.splitlines() if "version" in line]) == 1
    assert fingerprint(results) == before


def test_a_schema_that_is_newer_than_this_code_is_refused_by_its_number(copied: Path) -> None:
    study = copied / "results" / "tiny" / "study.json"
    sign(study, read_json(study) | {"schema_version": 99})
    assert_refused(analysis("tables", "results/tiny", cwd=copied), "99")


def test_runs_that_do_not_count_are_left_out_of_the_summary(copied: Path) -> None:
    results = copied / "results" / "tiny"
    runs = runs_in(results)
    FORGERIES[2](results / runs[0]["path"])
    flip_the_middle(results / runs[8]["path"])
    assert_answered(analysis("tables", "results/tiny", cwd=copied), 0)
    with (results / "tables" / "summary.csv").open(encoding="utf-8", newline="") as file:
        assert [row["n"] for row in csv.DictReader(file)] == ["2", "3", "2"]
