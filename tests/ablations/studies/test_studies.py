"""Good studies: rows, labels, order, products, aliases, keys, and what a study says when its seeds or steps change."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ablations import engines, store
from ablations.dqn.bootstrap import Double
from ablations.dqn.exploration import EpsilonGreedy
from ablations.dqn.head import Dueling, Linear
from ablations.dqn.loss import Huber
from ablations.dqn.settings import Settings
from ablations.dqn.target import Hard, NoTarget, Soft
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import DQN, NAMED, SLOTS, from_plain, plain
from ablations.errors import BadInput
from ablations.studies import load
from ablations.studies.study import Alias, LeftOut
from tests.ablations.documents import BOUNDED, document, labels, study

# ---- rows and labels ----


def test_rows_are_the_variants_in_the_order_of_the_file():
    assert labels(variants=["no-target", "dqn", "per"]) == ["no-target", "dqn", "per"]


def test_all_stands_for_every_named_variant_in_the_order_of_the_registry():
    assert labels(variants="all", env=BOUNDED) == list(NAMED)


def test_a_sweep_is_the_full_product_with_variants_outside_and_the_last_key_fastest():
    assert labels(variants=["dqn", "double"], sweep={"buffer_size": [100, 200], "target.period": [2, 5]}) == [
        f"{variant}@buffer_size={size}@target.period={period}"
        for variant in ("dqn", "double")
        for size in (100, 200)
        for period in (2, 5)
    ]


def test_a_swept_number_that_a_piece_lacks_leaves_one_row_per_remaining_point():
    resolved = study(
        variants=["dqn", "no-target", "soft-target"],
        sweep={"target.period": [2, 5], "gamma": [0.9, 0.5], "target.tau": [0.1]},
    )
    assert [row.label for row in resolved.rows] == [
        "dqn@target.period=2@gamma=0.9",
        "dqn@target.period=2@gamma=0.5",
        "dqn@target.period=5@gamma=0.9",
        "dqn@target.period=5@gamma=0.5",
        "no-target@gamma=0.9",
        "no-target@gamma=0.5",
        "soft-target@gamma=0.9@target.tau=0.1",
        "soft-target@gamma=0.5@target.tau=0.1",
    ]
    assert any("target.period does not apply to no-target, soft-target" in note for note in resolved.notes)


def test_a_sweep_of_settings_applies_to_every_variant_and_reaches_its_settings():
    rows = study(sweep={"learning_rate": [1e-3, 1e-4]}).rows
    assert [row.settings.learning_rate for row in rows] == [1e-3, 1e-4, 1e-3, 1e-4]
    assert [dict(row.swept) for row in rows[:2]] == [{"learning_rate": 1e-3}, {"learning_rate": 1e-4}]


def test_a_swept_number_reaches_the_piece():
    rows = study(variants=["dqn"], sweep={"target.period": [7, 8]}).rows
    assert [row.slots.target for row in rows] == [Hard(7), Hard(8)]


def test_a_nested_section_of_a_sweep_means_the_dotted_key():
    nested, dotted = {"target": {"period": [1, 5]}}, {"target.period": [1, 5]}
    assert study(sweep=nested).plain() == study(sweep=dotted).plain()


@pytest.mark.parametrize(
    ("key", "values", "texts"),
    [
        ("trunk.hidden", [[8], [64, 64], []], ["8", "64x64", "none"]),
        ("learning_rate", [1e-3, 1e-5, 1], ["0.001", "1e-05", "1"]),
        ("bootstrap_truncated", [True, False], ["true", "false"]),
        ("exploration.schedule", ["constant"], ["constant"]),
        ("buffer_size", [1_000], ["1000"]),
    ],
)
def test_labels_spell_values_as_the_file_does(key, values, texts):
    assert labels(variants=["dqn"], sweep={key: values}) == [f"dqn@{key}={text}" for text in texts]


# ---- variants of the user's own ----


def test_an_own_variant_is_its_base_with_other_pieces():
    own = {"slow": {"target": {"kind": "soft", "tau": 0.001}, "label": "Slow"}}
    row = study(variants=["dqn", "slow"], variant=own).rows[1]
    assert row.slots == replace(DQN, target=Soft(0.001))
    assert (row.label, row.title) == ("slow", "Slow")


def test_the_base_may_be_a_shipped_or_an_own_variant_in_any_order():
    own = {"c": {"base": "b", "target": "none"}, "b": {"base": "combined", "head": "linear"}}
    rows = study(variants=["dqn", "c"], variant=own).rows
    combined = NAMED["combined"].variant
    assert rows[1].slots == replace(combined, target=NoTarget(), head=DQN.head)


def test_numbers_left_out_have_the_defaults_of_their_kind():
    rows = study(variants=["dqn", "p"], variant={"p": {"replay": {"kind": "prioritized", "alpha": 1}}}).rows
    assert plain(rows[1].slots)["replay"] == {
        "kind": "prioritized",
        "alpha": 1.0,
        "beta_start": 0.4,
        "beta_end": 1.0,
        "eps": 1e-6,
        "stratified": True,
    }


def test_labels_for_people_and_the_question_are_no_part_of_any_key():
    own = {"slow": {"target": {"kind": "soft", "tau": 0.001}}}
    named = {"slow": {**own["slow"], "label": "Something else"}}
    keys = [
        [run.key for run in study(variants=["dqn", "slow"], variant=tables, question=question).runs()]
        for tables, question in ((own, ""), (named, "Why?"))
    ]
    assert keys[0] == keys[1]


def test_a_variant_defined_and_not_listed_is_noted():
    assert any("variant.slow" in note for note in study(variant={"slow": {"target": "none"}}).notes)


# ---- the study's own pieces ----


def test_slots_reach_the_baseline_and_every_variant_that_does_not_set_that_slot_itself():
    own = {"plain": {"head": "linear"}}
    slots = {"trunk": {"hidden": [120, 84]}, "loss": "huber", "head": "dueling"}
    dqn, soft, linear = study(variants=["dqn", "soft-target", "plain"], slots=slots, variant=own).rows
    ours = replace(DQN, trunk=Mlp((120, 84)), loss=Huber(), head=Dueling())
    assert (dqn.slots, soft.slots) == (ours, replace(ours, target=Soft()))
    assert linear.slots == replace(ours, head=Linear())  # set, even to the neutral piece


def test_a_variants_table_without_kind_changes_numbers_of_the_piece_that_stands_there():
    own = {
        "greedy": {"exploration": {"end_e": 0.0}},
        "slow": {"base": "soft-target", "target": {"tau": 0.001}},
        "slower": {"base": "slow", "target": {"tau": 0.0001}, "exploration": {"end_e": 0.2}},
    }
    slots = {"exploration": {"start_e": 0.5}}
    _, greedy, slow, slower = study(variants=["dqn", *own], slots=slots, variant=own).rows
    assert greedy.slots == replace(DQN, exploration=EpsilonGreedy(0.5, 0.0))
    assert slow.slots.target == Soft(0.001)
    assert slower.slots == replace(DQN, exploration=EpsilonGreedy(0.5, 0.2), target=Soft(0.0001))


def test_an_environments_slots_stand_in_place_of_the_studys_and_a_variant_that_sets_one_keeps_its_own():
    resolved = study(
        envs=["CartPole-v1", "Acrobot-v1"],
        seeds=1,
        variants=["dqn", "soft-target"],
        slots={"loss": "huber", "target": {"period": 7}},
        env={"Acrobot-v1": {"slots": {"trunk": {"hidden": [8]}, "target": {"kind": "hard", "period": 9}}}},
    )
    shared = replace(DQN, loss=Huber())
    assert [run.variant for run in resolved.runs()] == [
        replace(shared, target=Hard(7)),
        replace(shared, target=Soft()),
        replace(shared, target=Hard(9), trunk=Mlp((8,))),
        replace(shared, target=Soft(), trunk=Mlp((8,))),
    ]
    cartpole, acrobot = resolved.plain()["environments"]
    assert cartpole["row_slots"] == {}
    assert {label: set(slots) for label, slots in acrobot["row_slots"].items()} == {
        "dqn": {"trunk", "target"},
        "soft-target": {"trunk"},
    }


def test_a_row_says_which_slots_its_variant_sets():
    own = {"plain": {"base": "double", "head": "linear"}}
    rows = study(variants=["dqn", "naive", "plain"], variant=own).plain()["rows"]
    assert [row["sets"] for row in rows] == [[], ["replay", "target"], ["head", "bootstrap"]]


# ---- rows that are not run ----


def test_all_leaves_out_a_row_that_equals_an_earlier_one_and_says_so():
    resolved = study(variants="all", slots={"target": "none"}, baseline="no-target", env=BOUNDED)
    assert LeftOut("no-target", "equal to 'dqn'") in resolved.left_out
    assert resolved.baseline == "dqn"
    assert Alias("double", "dqn", {}) in resolved.aliases
    assert {"label": "no-target", "reason": "equal to 'dqn'"} in resolved.plain()["left_out"]


def test_all_leaves_out_a_row_with_an_objection_and_says_why_and_where():
    small = {"settings": {"buffer_size": 63}}
    resolved = study(variants="all", envs=["CartPole-v1", "Acrobot-v1"], env={"Acrobot-v1": small})
    reasons = dict(resolved.left_out)
    assert list(reasons) == ["consecutive", "hl-gauss"]
    assert reasons["consecutive"].startswith("buffer_size (63) is too small")
    assert reasons["consecutive"].endswith("(Acrobot-v1)")
    assert reasons["hl-gauss"] == "'hl-gauss' needs v_min and v_max, or value_bounds of the environment"


def test_a_point_of_a_sweep_and_a_cell_with_an_objection_are_left_out():
    sweep = {"buffer_size": [50, 500]}
    assert [each.label for each in study(variants=["dqn", "consecutive"], sweep=sweep).left_out] == [
        "consecutive@buffer_size=50"
    ]
    factors = {"replay": ["uniform", "consecutive"]}
    resolved = study(factors=factors, variants=None, settings={"buffer_size": 50})
    assert [each.label for each in resolved.left_out] == ["consecutive"]


OBJECTIONS = {
    "reset_at_sync needs a target that copies now and then, got 'soft'": {
        "optimizer": ["adam", {"kind": "adam", "reset_at_sync": True}],
        "target": ["hard", "soft"],
    },
    "reset_at_sync needs a target that copies now and then, got 'none'": {
        "optimizer": ["adam", {"kind": "adam", "reset_at_sync": True}],
        "target": ["hard", "none"],
    },
    "'munchausen' needs returns of one step: its bonus belongs to each step, got 'n-step'": {
        "returns": ["one-step", "n-step"],
        "bootstrap": ["max", "munchausen"],
    },
    "'munchausen' needs a loss of one output per action: its Q is no return, so no bounds hold it, got 'hl-gauss'": {
        "bootstrap": ["max", "munchausen"],
        "loss": ["squared", "hl-gauss"],
    },
    "'soft-q' needs a loss of one output per action: its Q is no return, so no bounds hold it, got 'hl-gauss'": {
        "bootstrap": ["max", "soft-q"],
        "loss": ["squared", "hl-gauss"],
    },
}


@pytest.mark.parametrize("reason", OBJECTIONS)
def test_a_cell_of_pieces_that_cannot_stand_together_is_left_out_with_one_sentence(reason):
    resolved = study(variants=None, factors=OBJECTIONS[reason], env=BOUNDED)
    ((_, said),) = resolved.left_out
    assert said == reason
    assert len(resolved.rows) == 3


def test_points_of_a_sweep_at_which_pieces_cannot_stand_together_are_left_out():
    resolved = study(variants=["dqn", "adam-reset"], sweep={"target.period": [1, 9]})
    reason = "reset_at_sync needs a target that copies now and then, got 'hard' at every update"
    assert resolved.left_out == (LeftOut("adam-reset@target.period=1", reason),)
    together = {"windows": {"base": "n-step", "replay": "consecutive"}}
    resolved = study(
        variants=["dqn", "windows"], variant=together, sweep={"returns.n": [2, 6]}, settings=TIGHT
    )
    reason = "learning_starts (68) is too small: 'consecutive' needs the last batch_size + 5 (69) transitions"
    assert resolved.left_out == (LeftOut("windows@returns.n=6", reason),)


TIGHT = {"learning_starts": 68, "batch_size": 64}


def test_bounds_of_an_environment_stand_in_the_configuration_of_what_takes_them_and_in_no_other():
    one, other = study(variants=["dqn", "hl-gauss"], env=BOUNDED, seeds=1).runs()
    assert one.config["slots"] == {}
    assert other.config["slots"] == {"loss": {"kind": "hl-gauss", "v_min": 1.0, "v_max": 100.0}}
    own = {"loss": {"kind": "hl-gauss", "v_max": 7.0}}
    (run, _) = study(variants=["dqn", "huber"], slots=own, env=BOUNDED, seeds=1).runs()
    assert run.config["slots"]["loss"] == {"kind": "hl-gauss", "v_min": 1.0, "v_max": 7.0}


def test_listed_variants_that_train_alike_are_run_once():
    own = {"lonely": {"base": "double", "target": "none"}, "first": {"target": {"period": 1}}}
    resolved = study(variants=["dqn", "no-target", "lonely", "first"], variant=own)
    assert resolved.aliases == (Alias("lonely", "no-target", {}), Alias("first", "no-target", {}))
    swept = study(variants=["dqn", "no-target", "double"], sweep={"target.period": [1, 5]})
    assert [alias.label for alias in swept.aliases] == ["no-target", "double@target.period=1"]
    assert {alias.of for alias in swept.aliases} == {"dqn@target.period=1"}


# ---- what a row is compared with ----


def compared(**changes):
    return {row.label: row.against for row in study(**changes).rows}


def test_a_row_is_compared_with_the_baselines_row_at_the_same_point():
    sweep = {"gamma": [0.9, 1], "target.period": [5, 10]}
    against = compared(variants=["dqn", "double"], sweep=sweep)
    assert against["double@gamma=1@target.period=5"] == "dqn@gamma=1@target.period=5"
    assert against["dqn@gamma=1@target.period=5"] is None


def test_where_several_points_agree_a_row_is_compared_with_the_studys_own_value():
    variants, sweep = ["dqn", "no-target", "per"], {"target.period": [5, 10], "replay.alpha": [0.3, 0.6]}
    expected = {
        "no-target": "dqn@target.period=10",
        "per@target.period=5@replay.alpha=0.3": "dqn@target.period=5",
    }
    against = compared(variants=variants, sweep=sweep, slots={"target": {"period": 10}})
    assert {label: against[label] for label in expected} == expected
    against = compared(variants=["dqn", "no-replay"], sweep={"buffer_size": [100, 10_000]})
    assert against["no-replay"] == "dqn@buffer_size=10000"


def test_where_no_point_fits_there_is_no_hypothesis_and_that_is_noted():
    changes = {"variants": ["dqn", "no-target"], "sweep": {"target.period": [5, 10]}}
    assert compared(**changes)["no-target"] is None
    assert any("no-target" in note and "compared with nothing" in note for note in study(**changes).notes)


def test_a_setting_that_a_variants_pieces_ignore_does_not_apply_to_it():
    sweep = {"buffer_size": [100, 200], "batch_size": [8, 16]}
    assert labels(variants=["no-replay", "dqn"], sweep=sweep, settings={"learning_starts": 64}) == [
        "no-replay",
        *(f"dqn@buffer_size={size}@batch_size={batch}" for size in (100, 200) for batch in (8, 16)),
    ]


# ---- factors ----

FACTORS = {
    "replay": ["consecutive", "uniform", "prioritized"],
    "target": ["none", "hard", "soft"],
    "bootstrap": ["max", "double"],
    "head": ["linear", "dueling"],
}


def test_a_factorial_crosses_its_pieces_and_lists_cells_that_behave_alike_as_aliases():
    resolved = study(factors=FACTORS, variants=["no-replay"])
    assert len(resolved.rows) == 31
    assert len(resolved.aliases) == 6
    cell = {"replay": "consecutive", "target": "none", "bootstrap": "double", "head": "linear"}
    assert resolved.aliases[0] == Alias("consecutive+none+double+linear", "consecutive+none+max+linear", cell)
    assert [row.label for row in resolved.rows[:3]] == [
        "consecutive+none+max+linear",
        "consecutive+none+max+dueling",
        "consecutive+hard+max+linear",
    ]
    assert resolved.rows[-1].label == "no-replay"


def test_a_baseline_may_be_named_by_the_variant_that_equals_its_cell():
    assert study(factors={"target": ["none", "hard"]}, variants=None).baseline == "hard"


def test_a_baseline_that_is_an_alias_is_the_row_run_in_its_place():
    factors = {"target": ["none"], "bootstrap": ["max", "double"]}
    resolved = study(factors=factors, variants=None, baseline="none+double")
    assert resolved.baseline == "none+max"
    assert len(resolved.rows) == 1


def test_a_cells_label_names_the_factors_alone_in_the_order_of_the_file():
    assert labels(factors={"head": ["dueling"]}, variants=[], baseline="dueling") == ["dueling"]
    factors = {"target": ["none", "soft"], "replay": ["latest"]}
    assert labels(factors=factors, variants=["dqn"]) == ["none+latest", "soft+latest", "dqn"]


def test_slots_without_a_factor_keep_the_studys_own_piece():
    resolved = study(factors={"head": ["dueling"]}, variants=["dqn"], slots={"target": "soft"})
    assert resolved.rows[0].slots == replace(DQN, head=Dueling(), target=Soft())


def test_a_level_may_be_numbers_of_the_piece_that_stands_there():
    factors = {"trunk": [{"hidden": [8]}, {}, "mlp"], "target": ["hard", "soft"]}
    resolved = study(factors=factors, variants=None, slots={"trunk": {"hidden": [32]}}, baseline="mlp+hard")
    assert [row.label for row in resolved.rows][::2] == [
        "mlp.hidden=8+hard",
        "mlp.hidden=32+hard",
        "mlp+hard",
    ]


def test_numbers_that_are_not_defaults_stand_in_a_cells_label():
    pieces = ["hard", {"kind": "hard", "period": 10}, {"kind": "soft", "tau": 0.005}]
    heads = [{"kind": "dueling", "hidden": [64, 32]}]
    assert labels(factors={"target": pieces, "head": heads}, variants=["dqn"]) == [
        "hard+dueling.hidden=64x32",
        "hard.period=10+dueling.hidden=64x32",
        "soft+dueling.hidden=64x32",
        "dqn",
    ]


def test_hard_period_1_and_soft_tau_1_are_aliases_of_no_target_in_a_factorial():
    pieces = ["none", {"kind": "hard", "period": 1}, {"kind": "soft", "tau": 1.0}]
    resolved = study(factors={"target": pieces}, variants=["dqn"])
    assert [alias.of for alias in resolved.aliases] == ["none"] * 2


def test_a_factorial_may_be_swept_too():
    found = labels(
        factors={"target": ["none", "hard"]},
        variants=None,
        sweep={"gamma": [0.9, 0.5], "target.period": [2, 3]},
    )
    assert found == [
        "none@gamma=0.9",
        "none@gamma=0.5",
        "hard@gamma=0.9@target.period=2",
        "hard@gamma=0.9@target.period=3",
        "hard@gamma=0.5@target.period=2",
        "hard@gamma=0.5@target.period=3",
    ]


# ---- environments, seeds, runs ----


def test_runs_are_ordered_by_environment_row_and_seed():
    runs = study(envs=["Acrobot-v1", "CartPole-v1"], seeds=[5, 3]).runs()
    assert [(run.env_id, run.label, run.seed) for run in runs] == [
        (env_id, label, seed)
        for env_id in ("Acrobot-v1", "CartPole-v1")
        for label in ("dqn", "no-target")
        for seed in (5, 3)
    ]


def test_a_number_of_seeds_means_from_zero_on():
    assert study(seeds=3).seeds == (0, 1, 2)


def test_settings_are_defaults_under_settings_under_the_sweep_with_overrides_on_top():
    resolved = study(
        envs=["CartPole-v1", "Acrobot-v1"],
        settings={"gamma": 0.9, "total_timesteps": 100},
        sweep={"learning_rate": [0.5]},
        env={"Acrobot-v1": {"settings": {"gamma": 0.7}}},
    )
    cartpole, acrobot = (
        next(run for run in resolved.runs() if run.env_id == env_id) for env_id in resolved_ids(resolved)
    )
    assert cartpole.settings.gamma == 0.9
    assert acrobot.settings.gamma == 0.7
    assert acrobot.settings.learning_rate == 0.5
    assert acrobot.settings.batch_size == 64


def resolved_ids(resolved):
    return [environment.env_id for environment in resolved.environments]


def test_the_configuration_holds_what_decides_a_run_and_its_digest_is_the_key():
    run = study(entropy=7).runs()[1]
    assert set(run.config) == {
        "env_id",
        "env_args",
        "slots",
        "settings",
        "seed",
        "entropy",
        "algorithm_version",
        "engine",
        "record",
    }
    assert (run.config["seed"], run.config["entropy"], run.config["engine"]) == (
        1,
        7,
        engines.available()[0],
    )
    assert run.key == store.key_of(json.loads(json.dumps(run.config)))
    assert run.path == store.run_path("CartPole-v1", "dqn", 1, run.key)


def test_a_configuration_leaves_out_neutral_pieces_and_defaults_and_gives_them_back():
    own = {"mine": {"bootstrap": "double", "target": {"kind": "soft", "tau": 0.005}, "head": "linear"}}
    settings = {"gamma": 0.9, "batch_size": 64}
    dqn, mine = study(variants=["dqn", "mine"], variant=own, seeds=1, settings=settings).runs()
    assert (dqn.config["slots"], dqn.config["settings"]) == ({}, {"gamma": 0.9})
    assert mine.config["slots"] == {"target": {"kind": "soft"}, "bootstrap": {"kind": "double"}}
    assert mine.variant == from_plain(mine.config["slots"]) == replace(DQN, target=Soft(), bootstrap=Double())
    assert mine.settings == Settings(gamma=0.9)


def test_by_default_a_run_is_probed_every_thousand_steps_and_evaluated_fifty_times():
    run = study(settings={"total_timesteps": 30_000}).runs()[0]
    assert run.config["record"] == {"probe_every": 1000, "eval_every": 600, "eval_episodes": 5}


def test_what_a_run_records_besides_series_is_not_part_of_its_key():
    plain, more = study(), study(record={"weights": True, "checkpoint_minutes": 3})
    assert [run.key for run in plain.runs()] == [run.key for run in more.runs()]


def test_evaluations_that_are_off_have_no_episodes():
    run = study(record={"eval_every": 0, "probe_every": 0, "eval_episodes": 9}).runs()[0]
    assert run.config["record"] == {"probe_every": 0, "eval_every": 0, "eval_episodes": 0}


def test_every_run_of_a_study_has_a_key_of_its_own():
    runs = study(variants="all", seeds=4, sweep={"gamma": [0.9, 0.99]}).runs()
    assert len({run.key for run in runs}) == len(runs)


def test_thresholds_come_from_the_file_else_from_gymnasium():
    resolved = study(
        envs=["CartPole-v1", "Acrobot-v1", "MountainCar-v0"], env={"Acrobot-v1": {"reward_threshold": -80}}
    )
    assert [environment.reward_threshold for environment in resolved.environments] == [475.0, -80.0, -110.0]


def test_an_environment_of_an_allowed_module_is_imported_only_when_it_is_made(tmp_path, monkeypatch):
    (tmp_path / "some_arms.py").write_text(
        "import gymnasium\n"
        "gymnasium.register('Arm-v0', 'gymnasium.envs.classic_control:CartPoleEnv', reward_threshold=12.5)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    resolved = study(envs=["some_arms:Arm-v0"], allow_modules=["some_arms"])
    assert resolved.environments[0].reward_threshold is None
    assert load.check_environments(resolved).environments[0].reward_threshold == 12.5


def test_a_budget_below_learning_starts_is_legal_and_noted():
    assert any("no update" in note for note in study(settings={"total_timesteps": 10}).notes)


# ---- other seeds, other steps, a stored engine ----


def test_other_seeds_change_nothing_but_the_seeds():
    before = study(seeds=[9, 8])
    after = load.with_seeds(before, 3)
    assert after.seeds == (0, 1, 2)
    assert after.rows == before.rows


def test_other_steps_reach_every_environment_overrides_included():
    before = study(
        envs=["CartPole-v1", "Acrobot-v1"],
        env={"Acrobot-v1": {"settings": {"total_timesteps": 5, "gamma": 0.5}}},
    )
    after = load.with_steps(before, 123)
    assert {run.settings.total_timesteps for run in after.runs()} == {123}
    assert {run.settings.gamma for run in after.runs()} == {0.99, 0.5}
    assert after.settings.total_timesteps == 123


def test_other_steps_are_refused_where_the_study_sweeps_them():
    with pytest.raises(BadInput, match="sweeps the steps"):
        load.with_steps(study(sweep={"total_timesteps": [10, 20]}), 5)


def test_a_stored_engine_is_kept_and_one_this_version_lacks_is_refused():
    resolved = study()
    assert load.with_engine(resolved, "reference").engine == "reference"
    assert load.with_engine(resolved, None) == resolved
    with pytest.raises(BadInput, match="cuda"):
        load.with_engine(resolved, "cuda")


# ---- choosing runs ----


def test_runs_are_chosen_by_row_variant_alias_and_environment():
    resolved = study(
        envs=["CartPole-v1", "Acrobot-v1"],
        seeds=1,
        factors={"target": ["none", "hard"], "bootstrap": ["max", "double"]},
        variants=["per"],
        sweep={"gamma": [0.9, 0.5]},
    )

    def chosen(**choice):
        return [run.label for run in resolved.select(**choice)]

    assert len(chosen()) == 16
    assert chosen(envs=["Acrobot-v1"], variants=["per"]) == ["per@gamma=0.9", "per@gamma=0.5"]
    assert chosen(envs=["Acrobot-v1"], variants=["per@gamma=0.5"]) == ["per@gamma=0.5"]
    alias = "none+double@gamma=0.5"
    assert alias in resolved.selectable()
    assert chosen(envs=["Acrobot-v1"], variants=[alias]) == ["none+max@gamma=0.5"]


# ---- study.json ----


def test_the_stored_study_is_plain_json_with_rows_environments_and_runs():
    resolved = study(
        env={
            "CartPole-v1": {
                "value_bounds": [1, 100],
                "settings": {"gamma": 0.5},
                "slots": {"trunk": {"hidden": [8]}},
                "args": {"sutton_barto_reward": True},
            }
        },
        sweep={"target.period": [5, 10]},
    )
    score = {"episodes": 100, "mean_return": 22.0, "std_return": 11.0}
    stored = resolved.plain({"CartPole-v1": {"random_policy": score}})
    assert json.loads(json.dumps(stored, allow_nan=False)) == stored
    assert stored["environments"] == [
        {
            "env_id": "CartPole-v1",
            "args": {"sutton_barto_reward": True},
            "settings": {"gamma": 0.5},
            "row_slots": {
                row["label"]: {
                    "trunk": {"kind": "mlp", "hidden": [8], "layer_norm": False, "facts": {"off": True}}
                }
                for row in stored["rows"]
            },
            "reward_threshold": 475.0,
            "value_bounds": [1.0, 100.0],
            "margin": None,
            "random_policy": score,
            "repeatability": None,
        }
    ]
    assert stored["rows"][0]["swept"] == {"target.period": 5}
    target = stored["rows"][0]["slots"]["target"]
    assert target == {"kind": "hard", "period": 5, "facts": {"order": 1, "lag": 2.0, "moves": "copies"}}
    assert list(stored["rows"][0]["slots"]) == list(stored["slots"]) == list(stored["neutral"]) == list(SLOTS)
    assert [run["path"] for run in stored["runs"]] == [run.path for run in resolved.runs()]
    assert stored["schema_version"] == store.STUDY_VERSION


def test_reading_a_document_changes_nothing_in_it():
    good = document(sweep={"trunk.hidden": [[8], [8, 8]]}, env={"CartPole-v1": {"args": {"a": [1]}}})
    before = json.dumps(good)
    load.with_steps(load.from_document(good), 5)
    assert json.dumps(good) == before
