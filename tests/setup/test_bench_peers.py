"""What the comparison with other people's DQN makes of its sides: those that answer, and those that don't."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

import pytest

from scripts.bench.__main__ import main
from scripts.bench.peers import OURS, WORKS, Side, SideFailed, Worker, install, label, measure, rows, table
from scripts.bench.turns import take_turns, timed

SPEEDS = {
    "the lessons' loop": [100.0, 200.0, 150.0],
    "rejax, 16 seeds": [1_000.0, 1_000.0, 3_000.0],
    "dqn, 16 lanes": [2_000.0, 4_000.0, 4_500.0],
    "dqn, 64 lanes": [9_000.0, 1_000.0, 2_000.0],
}

ANSWERS = """
import json, sys
print(json.dumps({"versions": {"made-up": "1.0"}}), flush=True)
for turn, line in enumerate(sys.stdin):
    if turn == %d:
        sys.exit("out of luck")
    print(json.dumps({"lane_steps_per_second": 10.0 * int(line) + turn}), flush=True)
"""


def stands_in(turns_it_lasts: int = 99) -> Worker:
    """A process that keeps the protocol: ten lane-steps per lane, and one more each turn."""
    return Worker([sys.executable, "-c", ANSWERS % turns_it_lasts])


def test_a_row_has_the_median_and_ratios_taken_within_a_turn():
    found = {row["name"]: row for row in rows(SPEEDS)}
    rejax = found["rejax, 16 seeds"]
    assert (rejax["median"], rejax["lowest"], rejax["highest"]) == (1_000, 1_000, 3_000)
    assert rejax["over_lessons"] == 10  # of 10, 5 and 20
    assert rejax["best_dqn_over_it"] == 2  # 16 lanes, the higher median: of 2, 4 and 1.5
    assert found["dqn, 64 lanes"]["best_dqn_over_it"] == 2.25  # of 0.22, 4 and 2.25


def test_without_the_lessons_or_dqn_there_are_medians_and_no_ratios():
    (row,) = rows({"rejax, 16 seeds": [1.0, 3.0, 2.0]})
    assert (row["median"], row["over_lessons"], row["best_dqn_over_it"]) == (2, None, None)
    assert table([row], {}).split()[-2:] == ["-", "-"]


def test_the_table_has_a_line_for_each_row_and_names_who_is_missing():
    head, *lines = table(rows(SPEEDS), {"PureJaxRL": "PUREJAXRL= names no checkout"}).splitlines()
    assert "lane-steps/s" in head
    assert lines[1].split() == ["rejax,", "16", "seeds", "1,000", "1,000", "3,000", "10.00", "2.00"]
    assert lines[-1] == "not measured: PureJaxRL: PUREJAXRL= names no checkout"
    assert len(lines) == len(SPEEDS) + 1
    assert len({len(line) for line in (head, *lines[:-1])}) == 1


def test_a_configuration_is_named_by_its_lanes_where_there_are_several():
    assert label(Side("sb3", "Stable-Baselines3", (1,)), 1) == "Stable-Baselines3"
    assert [label(Side("p", "P", (1, 8)), n) for n in (1, 8)] == ["P, 1 seed", "P, 8 seeds"]
    assert label(OURS, 16) == "dqn, 16 lanes"


def test_every_other_round_of_turns_goes_backwards():
    met: list[str] = []

    def turn(name: str):
        def take() -> float:
            met.append(name)
            return len(met)

        return take

    assert take_turns({"a": turn("a"), "b": turn("b")}, 3) == {"a": [1, 4, 5], "b": [2, 3, 6]}
    assert "".join(met) == "abbaab"


def test_what_is_timed_is_called_until_the_time_is_over():
    calls: list[int] = []

    def advance() -> int:
        calls.append(sum(range(10_000)))
        return 7

    speed = timed(advance, 0.02)
    assert len(calls) > 1
    assert 0 < speed <= 7 * len(calls) / 0.02


def test_a_side_that_ends_during_its_turns_is_dropped_and_the_others_go_on():
    steady, weak = Side("s", "Steady", (2, 4)), Side("w", "Weak", (1,))
    with closing(stands_in()) as lasting, closing(stands_in(turns_it_lasts=1)) as failing:
        speeds, failed = measure({steady: lasting, weak: failing}, repeats=2)
    assert speeds == {"Steady, 2 seeds": [20, 23], "Steady, 4 seeds": [41, 42]}
    assert failed == {"Weak": "ended with status 1: out of luck"}


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(SideFailed, match=r"^ModuleNotFoundError: No module named 'stable_baselines3'$"):
        Worker([sys.executable, "-m", "scripts.bench.peer", "sb3", "--lanes", "1"])


def test_a_side_that_ends_before_it_is_ready_is_quoted():
    with pytest.raises(SideFailed, match=r"^ended with status 3: last words$"):
        Worker([sys.executable, "-c", "import sys; print('last words\\n', file=sys.stderr); sys.exit(3)"])


def fake_environment(folder: Path, script: str) -> Path:
    """A `python` in an environment that has pip already."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.with_name("pip").touch()
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return python


def test_a_package_that_cannot_be_installed_is_named(tmp_path):
    python = fake_environment(tmp_path, "echo 'ERROR: No matching distribution found for rejax' >&2; exit 1")
    with pytest.raises(SideFailed, match=r"^not installed: No matching distribution found for rejax$"):
        install(python, ("rejax",))


def test_torch_alone_is_asked_for_at_the_index_of_the_cpu_builds(tmp_path):
    python = fake_environment(tmp_path, f"echo \"$*\" >>'{tmp_path}/asked'")
    install(python, ("torch", "stable-baselines3"), "file:///an/index")
    first, second = (tmp_path / "asked").read_text().splitlines()
    assert first.endswith("--extra-index-url file:///an/index torch")
    assert second.endswith("-c constraints.txt -c scripts/peers.txt torch stable-baselines3")


@pytest.mark.slow
def test_a_comparison_from_end_to_end_without_the_peers(tmp_path, capsys):
    fake_environment(tmp_path / "peers", "echo 'ERROR: no network' >&2; exit 1")
    told = tmp_path / "told.json"
    sides = ["--sides", "lessons", "sb3", "purejaxrl", "dqn", "--venv", str(tmp_path / "peers")]
    assert main(["peers", *sides, "--repeats", "1", "--seconds", "0.05", "--json", str(told)]) == 0
    for work, found in json.loads(told.read_text()).items():
        *_, ours = WORKS[work]
        assert [row["name"] for row in found["rows"]] == [
            "the lessons' loop",
            *(label(ours, n) for n in ours.lanes),
        ]
        assert all(row["median"] > 0 for row in found["rows"])
        assert found["not_measured"] == {
            "Stable-Baselines3": "not installed: no network",
            "PureJaxRL": "PUREJAXRL= names no checkout of it (docs/performance.md, Peers, says what it needs)",
        }
    assert "not measured: PureJaxRL: PUREJAXRL= names no checkout" in capsys.readouterr().out
