"""What earlier versions stored is read: a folder of files for each of their schemas, as they wrote them."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import pytest

from ablations import store
from ablations.cli import main
from ablations.store import upgrades
from analysis import load

STORED = Path(__file__).parent / "stored"
VERSIONS = range(1, store.SCHEMA_VERSION + 1)


def manifests(version: int) -> list[Path]:
    return sorted((STORED / f"schema-{version}" / "old" / "runs").rglob("manifest.json"))


@pytest.mark.parametrize("version", VERSIONS)
def test_runs_of_every_version_are_there_and_stand(version: int) -> None:
    assert len(manifests(version)) == 4
    for path in manifests(version):
        assert json.loads(path.read_text())["schema_version"] == version
        standing = store.inspect(path.parent)
        assert standing.is_valid, standing.reason
        assert standing.manifest is not None
        assert standing.manifest["schema_version"] == store.SCHEMA_VERSION


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_verifies_and_is_loaded_and_no_file_is_touched(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(STORED / f"schema-{version}", tmp_path / "here")
    before = {path: path.read_bytes() for path in (tmp_path / "here").rglob("*") if path.is_file()}
    monkeypatch.chdir(tmp_path)
    assert main(["verify", "here/old.toml", "--results", "here"]) == 0
    assert main(["status", "here/old.toml", "--results", "here"]) == 0
    frame = load(tmp_path / "here" / "old")
    assert set(frame["variant"]) == {"dqn", "no-target"}
    assert before == {path: path.read_bytes() for path in (tmp_path / "here").rglob("*") if path.is_file()}


@pytest.mark.parametrize("version", VERSIONS)
def test_one_flipped_bit_of_a_table_is_damage_in_every_version(version: int, tmp_path: Path) -> None:
    shutil.copytree(manifests(version)[0].parent, tmp_path / "run")
    table = tmp_path / "run" / "episodes.parquet"
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 4
    table.write_bytes(data)
    assert store.inspect(tmp_path / "run").state == "damaged"


def test_there_is_an_upgrade_from_each_version_to_the_next() -> None:
    assert sorted(upgrades.MANIFEST) == list(range(1, store.SCHEMA_VERSION))
    assert sorted(upgrades.STUDY) == list(range(1, store.STUDY_VERSION))


@pytest.mark.parametrize("version", sorted(upgrades.MANIFEST))
def test_an_upgrade_leads_one_version_on_and_leaves_its_argument_alone(version: int) -> None:
    stored = json.loads(manifests(version)[0].read_text())
    before = copy.deepcopy(stored)
    assert upgrades.MANIFEST[version](stored)["schema_version"] == version + 1
    assert stored == before


def test_upgrades_are_applied_in_order_from_where_the_document_is() -> None:
    chain = {
        1: lambda document: {**document, "schema_version": 2, "trace": [*document["trace"], "1 to 2"]},
        2: lambda document: {**document, "schema_version": 3, "trace": [*document["trace"], "2 to 3"]},
    }
    for start, trace in ((1, ["1 to 2", "2 to 3"]), (2, ["2 to 3"]), (3, [])):
        found = upgrades.upgraded({"schema_version": start, "trace": []}, 3, chain)
        assert found == {"schema_version": 3, "trace": trace}


@pytest.mark.parametrize("version", [0, -1, 4, True, 1.0, "1", None])
def test_a_version_without_a_chain_is_not_known(version: object) -> None:
    assert upgrades.upgraded({"schema_version": version}, 3, {1: dict, 2: dict}) is None
