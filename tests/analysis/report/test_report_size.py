"""A report of a whole factorial at ten seeds stays small enough to be mailed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations import store
from analysis.__main__ import main
from tests.analysis.made_up import Columns, cell, make_study
from tests.analysis.report.test_report import FACTS, Page

MOST = 5_000_000
CELLS = [
    cell(replay=replay, target=target, bootstrap=bootstrap, head=head)
    for replay in ("uniform", "consecutive", "prioritized")
    for target in ("hard", "none", "soft")
    for bootstrap in ("max", "double")
    for head in ("linear", "dueling")
]
POINTS = 50
EPISODES = 5


def look(row: Mapping[str, Any], seed: int, steps: int) -> Mapping[str, Columns]:
    """As many probes and evaluations as the default records of 50,000 steps, no two numbers alike."""
    rng = np.random.default_rng([seed, sum(map(ord, row["label"]))])
    at = [steps * (place + 1) // POINTS for place in range(POINTS)]
    q = np.cumsum(rng.normal(2, 5, POINTS)).tolist()
    probes: dict[str, Any] = {name: rng.random(POINTS).tolist() for name in store.PROBES.names[3:]}
    probes |= {"global_step": at, "updates": at, "q_max": q, "batch_q_abs_max": np.abs(q).tolist()}
    count = POINTS * EPISODES
    evaluations = {
        "global_step": np.repeat(at, EPISODES).tolist(),
        "episode": list(range(EPISODES)) * POINTS,
        "start_seed": list(range(EPISODES)) * POINTS,
        "episodic_return": (500 * rng.random(count)).tolist(),
        "episodic_length": [100] * count,
        "terminated": [True] * count,
        "truncated": [False] * count,
        "predicted_q": np.repeat(q, EPISODES).tolist(),
        "discounted_return": (100 * rng.random(count)).tolist(),
        "tail_discount": [0.0] * count,
    }
    return {"probes": probes, "evaluations": evaluations}


@pytest.mark.slow
def test_a_report_of_36_rows_and_ten_seeds_stays_under_five_megabytes(tmp_path: Path):
    folder = make_study(tmp_path / "s", CELLS, seeds=10, steps=50_000, look=look, facts=FACTS)
    assert main(["report", str(folder)]) == 0
    path = folder / "report.html"
    assert path.stat().st_size < MOST
    text = path.read_text(encoding="utf-8")
    assert text.count("<figure") == len(list(folder.glob("figures/*.svg"))) >= 7
    words = Page(text).words
    assert all(one["label"] in words for one in CELLS)
    assert "36 rows, slot by slot" in words
    assert "CartPole-v1: main effects" in words
