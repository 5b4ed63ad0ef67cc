"""Hard against soft target networks of the same lag."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from analysis.findings.hard_vs_soft import equal_lag_pairs, have_equal_lag
from analysis.loading import read
from tests.analysis.findings.test_evidence import FACTS, rise, tables
from tests.analysis.made_up import make_study, row, see
from tests.analysis.pieces import described, facts


def pairs(folder: Path, rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    results = read(make_study(folder, rows, seeds=1))
    found = results.rows("CartPole-v1")
    return [(found[a].label, found[b].label) for a, b in equal_lag_pairs(found)]


def swept(periods: list[int], taus: list[float]) -> list[dict[str, Any]]:
    return [
        *(row("dqn", {"target.period": period}) for period in periods),
        *(row("soft-target", {"target.tau": tau}) for tau in taus),
    ]


@pytest.mark.parametrize(
    ("period", "tau", "same"),
    [
        (10, 2 / 11, True),
        (10, 0.1818, True),
        (50, 0.0392, True),
        (200, 0.00995, True),
        (100, 0.0198, True),
        (100, 0.005, False),
        (10, 0.19, False),
        (1, 1.0, False),  # both are the online network
    ],
)
def test_a_lag_is_shared_at_tau_of_two_over_period_plus_one(period: int, tau: float, same: bool):
    hard = facts("target", {"kind": "hard", "period": period})
    soft = facts("target", {"kind": "soft", "tau": tau})
    assert have_equal_lag(hard, soft) == same
    assert not have_equal_lag(soft, hard)


def test_the_mean_age_of_a_copy_and_of_a_blend_is_the_same():
    period, tau = 10, 2 / 11
    ages = [update % period for update in range(10_000)]
    blend, age = 0.0, []
    for _ in range(10_000):  # age of the blend: what was blended in k updates ago has weight tau (1 - tau)^k
        age.append(blend)
        blend = (1 - tau) * (blend + 1)
    assert sum(ages) / len(ages) == pytest.approx((period - 1) / 2)
    assert age[-1] == pytest.approx((period - 1) / 2)


def test_each_period_finds_its_tau(tmp_path: Path):
    found = pairs(tmp_path / "s", swept([1, 10, 50, 200], [0.1818, 0.0392, 0.00995]))
    assert found == [
        ("dqn@target.period=10", "soft-target@target.tau=0.1818"),
        ("dqn@target.period=50", "soft-target@target.tau=0.0392"),
        ("dqn@target.period=200", "soft-target@target.tau=0.00995"),
    ]


def test_rows_that_differ_in_another_slot_or_setting_are_no_pair(tmp_path: Path):
    soft = {"kind": "soft", "tau": 0.0198}
    double = row("double", target=soft)
    double |= {"label": "soft-double", "variant": "soft-double"}
    assert pairs(tmp_path / "a", [row("dqn"), double]) == []
    assert pairs(tmp_path / "b", [row("double"), double]) == [("double", "soft-double")]
    rates = [row("dqn", {"learning_rate": 0.1}), row("soft-target", {"learning_rate": 0.2})]
    rates = [
        {
            **one,
            "slots": {
                **one["slots"],
                **({"target": described("target", soft)} if "soft" in one["label"] else {}),
            },
        }
        for one in rates
    ]
    assert pairs(tmp_path / "c", rates) == []


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    rows = swept([10, 50], [0.1818, 0.0392])
    play = rise({"soft-target@target.tau=0.1818": 100.0})
    folder = tmp_path_factory.mktemp("lags") / "s"
    return tables(make_study(folder, rows, seeds=10, play=play, look=see, facts=FACTS))


def test_pairs_are_compared_by_seed_with_a_verdict(made: dict[str, str]):
    records = list(csv.DictReader(io.StringIO(made["hard-against-soft.csv"])))
    found = {one["period"]: one for one in records if one["metric"] == "final_return"}
    assert (found["10"]["tau"], found["10"]["lag"]) == ("0.1818", "4.5")
    assert float(found["10"]["difference"]) == pytest.approx(100, abs=3)
    assert found["10"]["verdict"] == "better"
    assert float(found["10"]["p_adjusted"]) == pytest.approx(2 * 2 / 2**10)
    assert found["50"]["verdict"] == "same"
    assert (found["10"]["hard"], found["10"]["soft"]) == (
        "dqn@target.period=10",
        "soft-target@target.tau=0.1818",
    )


def test_the_tables_and_the_verdicts_of_the_terminal_hold_the_pairs(made: dict[str, str]):
    assert "soft - hard" in made["hard-against-soft.md"]
    tex = made["hard-against-soft.tex"]
    assert tex.count("{") == tex.count("}")
    assert "C = 10, tau = 0.1818" in tex
    verdicts = made["verdicts.txt"]
    assert "soft target minus the hard one of the same lag, paired over n seeds, Holm over 2" in verdicts
    (line,) = [one for one in verdicts.splitlines() if one.startswith("soft-target@target.tau=0.1818")]
    assert "better" in line


def test_a_study_without_a_pair_has_no_such_table(tmp_path: Path):
    assert "hard-against-soft.csv" not in tables(make_study(tmp_path / "s", [row("dqn"), row("soft-target")]))
