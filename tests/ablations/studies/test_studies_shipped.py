"""The studies that ship: each loads, each asks a question, each holds what issue and lessons ask of it."""

from __future__ import annotations

import pytest

from ablations.dqn.exploration import EpsilonGreedy
from ablations.dqn.target import Hard, Soft
from ablations.dqn.variants import NAMED, plain
from ablations.studies import catalog, load
from ablations.studies.study import LOOKS, Decide


@pytest.mark.parametrize("name", catalog.names())
def test_a_shipped_study_loads_by_its_name_and_its_environments_can_be_trained_on(name):
    study = load.check_environments(load.load(name))
    assert study.name == name
    assert study.question.endswith(("?", ")"))
    assert any(row.variant == study.baseline for row in study.rows)
    assert all(environment.value_bounds for environment in study.environments)


@pytest.mark.parametrize("name", catalog.names())
def test_rows_and_runs_of_a_shipped_study_are_unique(name):
    study = load.load(name)
    assert len({row.label for row in study.rows}) == len(study.rows)
    assert len({(row.slots, row.settings) for row in study.rows}) == len(study.rows)
    runs = study.runs()
    assert len({run.key for run in runs}) == len({run.path for run in runs}) == len(runs)


def test_the_default_study_comes_first():
    assert catalog.names()[0] == "core"


THIRTEEN = [
    *("dqn", "no-replay", "consecutive", "no-target", "soft-target", "double", "inverse-double"),
    *("dueling", "dueling-deep", "per", "per-flat", "naive", "combined"),
]


def test_smoke_grows_with_the_registry():
    assert [row.variant for row in load.load("smoke").rows] == list(NAMED)


@pytest.mark.parametrize("name", ["core", "classic", "exact", "learning-rate"])
def test_a_comparison_names_its_thirteen_rows(name):
    assert list(dict.fromkeys(row.variant for row in load.load(name).rows)) == THIRTEEN


def test_core_runs_default_settings_on_cartpole_until_it_is_decided_on_fresh_seeds():
    study = load.load("core")
    assert study.decide == Decide(metric="auc", looks=LOOKS)
    assert {len(study.seeds_of("CartPole-v1", row.label)) for row in study.rows} == {12}
    assert study.entropy == 1
    assert study.settings == type(study.settings)()
    assert [environment.env_id for environment in study.environments] == ["CartPole-v1"]


def test_smoke_is_two_seeds_and_a_few_thousand_steps_that_do_train():
    study = load.load("smoke")
    assert len(study.seeds) == 2
    assert study.settings.learning_starts < study.settings.total_timesteps <= 5_000


def test_classic_gives_each_environment_a_budget_of_its_own():
    study = load.load("classic")
    budgets = {run.env_id: run.settings.total_timesteps for run in study.runs()}
    assert set(budgets) == {"CartPole-v1", "Acrobot-v1", "MountainCar-v0"}
    assert len(set(budgets.values())) == 3


def test_per_is_swept_over_a_quarter_of_the_rate_and_three_alphas():
    rows = load.load("per").rows
    rates = {row.settings.learning_rate for row in rows}
    assert min(rates) == max(rates) / 4
    assert len({plain(row.slots)["replay"]["alpha"] for row in rows if row.variant == "per"}) == 3


def test_the_reference_has_at_most_fifty_runs():
    assert len(load.load("reference").runs()) <= 50


def test_soft_targets_of_the_target_study_have_the_lag_of_its_hard_ones():
    targets = {row.slots.target for row in load.load("target-period").rows}
    periods = sorted(target.period for target in targets if isinstance(target, Hard))
    taus = sorted((target.tau for target in targets if isinstance(target, Soft)), reverse=True)
    assert periods == [1, 10, 50, 200]
    assert taus == pytest.approx([2 / (period + 1) for period in periods[1:]], rel=1e-3)


def test_buffer_by_target_is_the_lessons_nine_curves():
    rows = load.load("buffer-by-target").rows
    assert {(row.settings.buffer_size, plain(row.slots)["target"]["period"]) for row in rows} == {
        (size, period) for size in (1000, 5000, 10000) for period in (10, 50, 200)
    }


def test_width_depth_has_the_lessons_networks():
    assert [row.slots.trunk.hidden for row in load.load("width-depth").rows] == [
        (8,),
        (128,),
        (64, 64),
        (64,) * 5,
    ]


def test_as_taught_cuts_at_time_limits_and_decays_epsilon_per_update():
    study = load.load("as-taught")
    assert not study.settings.bootstrap_truncated
    assert study.slots.exploration == EpsilonGreedy(1.0, 0.01, "exponential", epsilon_decay=0.995)


def test_the_factorial_has_thirty_distinct_cells_six_aliases_and_a_line_outside():
    study = load.load("factorial")
    assert (len(study.rows), len(study.aliases)) == (31, 6)
    assert study.baseline == "uniform+hard+max+linear"


def test_bairds_star_is_linear_and_plain_gradient_descent_in_twenty_distinct_cells():
    study = load.load("baird")
    assert (len(study.rows), len(study.aliases), study.baseline) == (20, 4, "latest+none+max")
    base = plain(study.slots)
    assert base["trunk"]["hidden"] == []
    assert (base["head"]["kind"], base["optimizer"]["kind"]) == ("bias-free", "sgd")


def test_a_table_and_a_network_share_the_pieces_of_their_variants_and_not_the_trunk():
    runs = {(run.env_id, run.label): run.variant for run in load.load("tabular").runs()}
    table, network = (runs[f"ablations/{world}-v0", "q-learning"] for world in ("GridTable5", "Grid5"))
    assert [slot for slot, piece in table if piece != getattr(network, slot)] == ["trunk", "optimizer"]
    assert table.trunk.hidden == ()
