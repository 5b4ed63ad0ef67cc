"""LunarLander-v3, the environment of the extra ``box2d``: trained where it is installed, named where it is not."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from .outside import ablations, assert_answered, assert_refused, read_json, write_study

RECORD = "[record]\nprobe_every = 300\neval_every = 300\neval_episodes = 1\n"


@pytest.mark.skipif(find_spec("Box2D") is None, reason="box2d is not installed")
def test_a_study_of_lunar_lander_runs_from_end_to_end(tmp_path: Path) -> None:
    write_study(tmp_path, {"envs": ["LunarLander-v3"], "seeds": 2}, tables=RECORD)
    assert_answered(ablations("run", "tiny.toml", cwd=tmp_path), 0)
    assert_answered(ablations("verify", "tiny.toml", cwd=tmp_path), 0)
    folder = tmp_path / "results" / "tiny"
    (environment,) = read_json(folder / "study.json")["environments"]
    assert environment["reward_threshold"] == 200
    assert environment["random_policy"]["mean_return"] < -100
    for name in ("episodes", "probes", "evaluations"):
        tables = [pd.read_parquet(path) for path in folder.glob(f"runs/LunarLander-v3/*/*/{name}.parquet")]
        assert [len(table) > 0 for table in tables] == [True, True]


@pytest.mark.skipif(find_spec("Box2D") is not None, reason="box2d is installed")
def test_without_box2d_the_missing_package_is_named_with_its_install_line(tmp_path: Path) -> None:
    write_study(tmp_path, {"envs": ["LunarLander-v3"]})
    answer = ablations("plan", "tiny.toml", cwd=tmp_path)
    assert_refused(answer, "tiny.toml", "'LunarLander-v3'", "not installed", "gymnasium[box2d]")
    assert not (tmp_path / "results").exists()
