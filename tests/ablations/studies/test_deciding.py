"""Seeds asked for by looks: hand-worked cases of a study that runs until it is decided."""

from __future__ import annotations

from typing import Any

import pytest

from ablations.studies import deciding, load
from ablations.studies.study import Study
from tests.ablations.documents import problems, study

VARIANTS = ["dqn", "no-target", "double", "per"]


def looking(**changes: Any) -> Study:
    given = {"seeds": "until-decided", "variants": VARIANTS, "decide": {"looks": [3, 5, 9]}}
    return study(**given | changes)


def look(number: int, **verdicts: tuple[str, int]) -> dict[str, Any]:
    """A judged look: the verdict and the last look of each row."""
    rows = [
        {"label": label.replace("_", "-"), "verdict": verdict, "look": last}
        for label, (verdict, last) in verdicts.items()
    ]
    return {"env_id": "CartPole-v1", "look": number, "rows": rows}


FIRST = look(1, no_target=("worse", 1), double=("undecided", 1), per=("undecided", 1))
SECOND = look(2, no_target=("worse", 1), double=("undecided", 2), per=("same", 2))
THIRD = look(3, no_target=("worse", 1), double=("undecided", 3), per=("same", 2))


def counts(study: Study, env_id: str = "CartPole-v1") -> list[int]:
    return [len(study.seeds_of(env_id, row.label)) for row in study.rows]


def test_a_study_begins_with_the_seeds_of_its_first_look():
    assert counts(looking()) == [3, 3, 3, 3]
    assert len(looking().runs()) == 12


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([FIRST], [5, 3, 5, 5]),
        ([FIRST, SECOND], [9, 3, 9, 5]),
        ([FIRST, SECOND, THIRD], [9, 3, 9, 5]),
    ],
)
def test_decided_rows_get_no_more_seeds_and_the_baseline_goes_as_far_as_the_longest(looks, expected):
    assert counts(deciding.at_looks(looking(), looks)) == expected


def test_when_every_row_is_decided_nothing_more_is_asked_for():
    decided = look(1, no_target=("worse", 1), double=("same", 1), per=("better", 1))
    assert counts(deciding.at_looks(looking(), [decided])) == [3, 3, 3, 3]
    assert counts(deciding.at_looks(looking(), [decided], longest=True)) == [3, 3, 3, 3]


def test_at_most_all_undecided_rows_go_to_the_last_look():
    assert counts(deciding.at_looks(looking(), [FIRST], longest=True)) == [9, 3, 9, 9]


@pytest.mark.parametrize(
    ("most", "looks", "expected"),
    [
        (2, [], [2, 2, 2, 2]),  # below the first look: seeds 0 to N - 1, and nothing is judged
        (4, [], [3, 3, 3, 3]),  # stops after the last look that N seeds reach
        (4, [FIRST], [3, 3, 3, 3]),
        (5, [FIRST], [5, 3, 5, 5]),
        (2, [FIRST, SECOND], [5, 3, 5, 5]),  # what was judged stays asked for
    ],
)
def test_the_option_seeds_stops_a_study_that_looks(most, looks, expected):
    assert counts(deciding.at_looks(load.with_seeds(looking(), most), looks)) == expected
    if most > 2:
        assert counts(deciding.at_looks(load.with_seeds(looking(), most), looks, longest=True)) == expected


def test_each_environment_is_a_family_of_its_own():
    two = looking(envs=["CartPole-v1", "Acrobot-v1"])
    after = deciding.at_looks(two, [FIRST])
    assert counts(after) == [5, 3, 5, 5]
    assert counts(after, "Acrobot-v1") == [3, 3, 3, 3]


def test_a_row_without_a_hypothesis_gets_the_first_looks_seeds():
    swept = looking(
        variants=["dqn", "no-target"], sweep={"target.period": [10, 100]}, decide={"looks": [3, 5]}
    )
    row = next(row for row in swept.rows if row.variant == "no-target")
    alone = [each.label for each in swept.rows if each.against is None]
    verdict = look(1, **{row.label.replace("-", "_"): ("undecided", 1)})
    after = deciding.at_looks(swept, [verdict])
    asked = {each.label: len(after.seeds_of("CartPole-v1", each.label)) for each in swept.rows}
    assert row.against == "dqn@target.period=100"
    assert set(alone) == {"dqn@target.period=10", "dqn@target.period=100"}
    assert asked == {"dqn@target.period=10": 3, "dqn@target.period=100": 5, "no-target": 5}


def test_looks_have_defaults_and_are_stored():
    stored = study(seeds="until-decided", variants=VARIANTS).plain()
    assert stored["decide"] == {
        "metric": "auc",
        "looks": [12, 16, 24, 32, 48, 64],
        "alpha": 0.05,
        "margin": 0.05,
    }
    assert stored["seeds"] == list(range(12))
    assert study().plain()["decide"]["looks"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"decide": {"looks": [3, 5, 9], "margin": 0.1}},
        {"decide": {"looks": [3, 5, 9], "alpha": 0.01}},
        {"decide": {"looks": [3, 5, 9], "metric": "final_return"}},
        {"decide": {"looks": [3, 5]}},
        {"variants": VARIANTS[:-1]},
        {"entropy": 1},
        {"settings": {"total_timesteps": 2_000}},
        {"slots": {"loss": "huber"}},
        {"env": {"CartPole-v1": {"margin": 2.0}}},
        {"env": {"CartPole-v1": {"reward_threshold": 400.0}}},
    ],
)
def test_the_plans_digest_covers_all_that_decisions_rest_on(changes):
    before, after = (deciding.digest_of(deciding.plan_of(each)) for each in (looking(), looking(**changes)))
    assert before != after


def test_the_plan_does_not_cover_how_far_the_study_is_or_what_it_asks():
    before = deciding.digest_of(deciding.plan_of(looking()))
    far = deciding.at_looks(load.with_seeds(looking(question="Why?"), 5), [FIRST])
    assert deciding.digest_of(deciding.plan_of(far)) == before


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"seeds": 3, "decide": {"looks": [3, 5]}}, "decide.looks", "the seeds of this study are fixed"),
        ({"seeds": "until-decided", "decide": {"looks": [5, 5]}}, "decide.looks", "rising numbers of seeds"),
        ({"seeds": "until-decided", "decide": {"looks": []}}, "decide.looks", "rising numbers of seeds"),
        ({"seeds": "until-decided", "decide": {"looks": [1, 5]}}, "decide.looks", "rising numbers of seeds"),
        ({"decide": {"alpha": 1.0}}, "decide.alpha", "less than 1"),
        ({"decide": {"margin": 0.0}}, "decide.margin", "greater than 0"),
        ({"decide": {"lokos": [3]}}, "decide.lokos", "did you mean 'looks'?"),
        ({"seeds": "until-decidd"}, "seeds", 'or "until-decided"'),
        ({"env": {"CartPole-v1": {"margin": -1.0}}}, 'env."CartPole-v1".margin', "greater than 0"),
    ],
)
def test_mistakes_in_what_decides_are_named(changes, key, words):
    assert [(each.key, words in each.message) for each in problems(**changes)] == [(key, True)]
