"""What looking on costs: probes stay cheap, and the command that shows it can be believed."""

from __future__ import annotations

import time

import pytest

from scripts.bench.looking_on import LookedOn, clocked, looked_on


def test_shares_are_of_the_time_of_training_alone():
    found = LookedOn("made up", probes=0.05, evaluations=0.2, episode_steps=250.0)
    title, probes, evaluations, longest = found.lines()
    assert title.startswith("made up: processor time")
    assert probes.split() == ["probes", "5.0%"]
    assert evaluations.split()[-1] == "20.0%"
    assert longest.split()[-1] == "40.0%"  # twice as long, twice the cost


def test_a_clock_counts_what_the_processor_works_and_not_what_it_waits():
    _, waited = clocked(lambda: time.sleep(0.1))
    total, worked = clocked(lambda: sum(range(2_000_000)))
    assert total == 1_999_999_000_000
    assert waited < 0.05
    assert worked > waited


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dqn", "no-replay"])
def test_probes_cost_less_than_15_percent_of_training_on_the_reference_engine(name: str):
    assert 0 < looked_on(name, "reference", 1_000).probes < 0.15
