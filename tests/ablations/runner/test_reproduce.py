"""``verify --rerun``: stored runs made again are the same bits, and where they are not it is told which and why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ablations import store
from ablations.cli import main
from ablations.runner import reproduce
from tests.ablations.documents import tiny

STUDY = tiny("dqn", "per", name="again", steps=200, record="weights = true\nprobe_every = 100")

Said = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "again.toml").write_text(STUDY)
    words = ["run", str(folder / "again.toml"), "--results", str(folder / "results"), "--jobs", "2"]
    assert main(words) == 0
    return folder


@pytest.fixture
def stored(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results of the study, for a test to change."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results" / "again"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def call(*words: str) -> tuple[int, str]:
        code = main(words)
        return code, capsys.readouterr().out

    return call


def first_run(folder: Path) -> Path:
    return folder / str(store.read_study(folder)["runs"][0]["path"])


def committed_anew(run_dir: Path, **changes: Any) -> None:
    """Have a manifest say other things and vouch for them."""
    manifest = json.loads((run_dir / "manifest.json").read_text())
    (run_dir / "manifest.json").write_bytes(store.manifest_bytes(manifest | changes))


def with_a_longer_first_episode(run_dir: Path) -> None:
    """A series that this code never made, stored with all its digests."""
    manifest = json.loads((run_dir / "manifest.json").read_text())
    tables = {
        name.removesuffix(".parquet"): store.read_table(run_dir, name.removesuffix(".parquet"))
        for name in manifest["files"]
        if name.endswith(".parquet")
    }
    column = tables["episodes"].schema.get_field_index("episodic_return")
    returns = tables["episodes"].column("episodic_return").to_pylist()
    tables["episodes"] = tables["episodes"].set_column(
        column,
        store.EPISODES.field("episodic_return"),
        pa.array([returns[0] + 1, *returns[1:]], pa.float64()),
    )
    for name in ("schema_version", "files", "series_sha256", "manifest_sha256"):
        del manifest[name]
    store.write_run(run_dir.parents[3], run_dir.relative_to(run_dir.parents[3]).as_posix(), manifest, tables)


def test_every_run_and_the_random_policy_come_out_the_same(said: Said, stored: Path) -> None:
    before = {path: path.read_bytes() for path in stored.rglob("*") if path.is_file()}
    code, out = said("verify", "again.toml", "--rerun", "99")
    assert code == 0
    assert "4 of 4 valid runs, and scores of random policies: 5 same bits" in out
    assert before == {path: path.read_bytes() for path in stored.rglob("*") if path.is_file()}


def test_a_series_that_does_not_come_out_again_fails_and_the_place_is_named(said: Said, stored: Path) -> None:
    run_dir = first_run(stored)
    with_a_longer_first_episode(run_dir)
    assert said("verify", "again.toml")[0] == 0  # it vouches for itself; only a repetition tells
    code, out = said("verify", "again.toml", "--rerun", "4", "--jobs", "2")
    assert code == 1
    (line,) = [line for line in out.splitlines() if run_dir.name in line]
    assert "FAILS" in line
    assert "episodic_return in row 0" in line
    assert "4 same bits; 1 FAILS" in out


def test_a_run_of_another_platform_is_compared_and_does_not_fail(said: Said, stored: Path) -> None:
    run_dir = first_run(stored)
    with_a_longer_first_episode(run_dir)
    platform = json.loads((run_dir / "manifest.json").read_text())["platform"]
    committed_anew(run_dir, platform={**platform, "cpu": "Another", "instruction_set": "NONE"})
    code, out = said("verify", "again.toml", "--rerun", "4")
    assert code == 0
    (line,) = [line for line in out.splitlines() if run_dir.name in line]
    assert "other platform" in line
    assert "episodic_return in row 0" in line
    assert "cpu Another, here" in line


def test_a_run_of_another_algorithm_version_is_not_repeated_and_told(said: Said, stored: Path) -> None:
    study = json.loads((stored / "study.json").read_text())
    run = study["runs"][0]
    old = stored / run["path"]
    config = json.loads((old / "manifest.json").read_text())["config"] | {"algorithm_version": 0}
    run["key"] = store.key_of(config)
    run["path"] = store.run_path(run["env_id"], run["label"], run["seed"], run["key"])
    old.rename(stored / run["path"])
    committed_anew(stored / run["path"], config=config, key=run["key"])
    store.write_study(stored, study)
    code, out = said("verify", "again.toml", "--rerun", "4")
    assert code == 0
    (line,) = [line for line in out.splitlines() if run["key"] in line]
    assert "not repeated" in line
    assert "algorithm version 0" in line


def test_an_edited_score_of_the_random_policy_fails(said: Said, stored: Path) -> None:
    study = json.loads((stored / "study.json").read_text())
    study["environments"][0]["random_policy"]["mean_return"] += 1
    store.write_study(stored, study)
    code, out = said("verify", "again.toml", "--rerun", "1")
    assert code == 1
    assert "random policy of CartPole-v1" in next(line for line in out.splitlines() if "FAILS" in line)


def test_a_stored_module_that_the_study_does_not_name_is_never_imported(said: Said, stored: Path) -> None:
    Path("evil.py").write_text("open('imported', 'w')\n")
    study = json.loads((stored / "study.json").read_text())
    run = study["runs"][0]
    old = stored / run["path"]
    config = json.loads((old / "manifest.json").read_text())["config"] | {"env_id": "evil:World-v0"}
    run |= {"env_id": "evil:World-v0", "key": store.key_of(config)}
    run["path"] = store.run_path(run["env_id"], run["label"], run["seed"], run["key"])
    (stored / run["path"]).parent.mkdir(parents=True)
    old.rename(stored / run["path"])
    committed_anew(stored / run["path"], config=config, key=run["key"])
    study["environments"].append({**study["environments"][0], "env_id": "evil:World-v0"})
    store.write_study(stored, study)
    said("verify", "again.toml", "--rerun", "4")
    assert not Path("imported").exists()


def test_the_runs_that_are_drawn_depend_on_the_seed_alone() -> None:
    paths = [f"runs/{number}" for number in range(50)]
    assert reproduce.choose(paths, 5, 0) == reproduce.choose(paths, 5, 0)
    assert set(reproduce.choose(paths, 5, 0)) == set(reproduce.choose(paths[::-1], 5, 0))
    assert reproduce.choose(paths, 5, 0) != reproduce.choose(paths, 5, 1)
    assert reproduce.choose(paths, 99, 0) == paths


@pytest.mark.parametrize(
    ("option", "value"), [("--rerun", "0"), ("--rerun", "x"), ("--seed", "-1"), ("--jobs", "0")]
)
def test_numbers_of_verify_are_checked(
    stored: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert main(["verify", "again.toml", option, value]) == 2
    assert f"{option}: expected a whole number" in capsys.readouterr().err
