"""The tables of comparisons, stability, aggregates and effects, from stored runs to text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.findings.tuned import best
from analysis.loading import read
from analysis.tables.pages import files
from tests.analysis.made_up import Episodes, cell, evidence, make_study, row, see
from tests.analysis.pieces import KNOWN, Piece

FACTS = {
    "value_bounds": [1.0, 100.0],
    "random_policy": {"episodes": 100, "mean_return": 20.0, "std_return": 9.0},
}


def rise(by: Mapping[str, float]) -> Callable[[Mapping[str, Any], int, int], Episodes]:
    """Runs of 40 episodes whose returns lie at a level that the variant and the seed decide."""

    def play(row: Mapping[str, Any], seed: int, steps: int) -> Episodes:
        rng = np.random.default_rng(seed)
        level = 300 + 10 * rng.standard_normal() + by.get(row["label"], 0.0)
        level += np.random.default_rng([seed, sum(map(ord, row["label"]))]).normal()
        return [(steps * place // 40, float(level + place)) for place in range(1, 41)]

    return play


def tables(folder: Path) -> dict[str, str]:
    return {name: data.decode() for name, data in files(evidence(folder)).items()}


def records(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def find(found: list[dict[str, str]], **wanted: str) -> dict[str, str]:
    (one,) = [line for line in found if wanted.items() <= line.items()]
    return one


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Ten seeds: double 100 above dqn, dueling as dqn, no-target with values beyond bounds."""
    rows = [row("dqn"), row("double"), row("dueling"), row("no-target")]
    folder = tmp_path_factory.mktemp("evidence") / "s"
    play = rise({"double": 100.0})
    return tables(make_study(folder, rows, seeds=10, play=play, look=see, facts=FACTS))


def test_a_difference_that_was_put_there_differs_and_none_is_none(made: dict[str, str]):
    found = records(made["comparisons.csv"])
    double = find(found, metric="final_return", variant="double")
    assert (double["verdict"], double["n"]) == ("better", "10")
    assert float(double["difference"]) == pytest.approx(100, abs=3)
    assert float(double["p"]) == 2 / 2**10
    assert float(double["p_adjusted"]) == pytest.approx(3 * 2 / 2**10)
    assert float(double["margin"]) == pytest.approx(0.05 * (475 - 20))
    assert float(double["variance_reduction"]) > 0.9
    dueling = find(found, metric="final_return", variant="dueling")
    assert dueling["verdict"] == "same"


def test_the_baseline_is_not_compared_with_itself(made: dict[str, str]):
    found = records(made["comparisons.csv"])
    assert {line["variant"] for line in found} == {"double", "dueling", "no-target"}
    assert {line["baseline"] for line in found} == {"dqn"}


def test_verdicts_are_plain_text_that_a_terminal_can_hold(made: dict[str, str]):
    text = made["verdicts.txt"]
    assert text.isascii()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 120
    (double,) = [line for line in text.splitlines() if line.startswith("double")]
    assert "better" in double


def test_soft_divergence_and_overestimation_reach_the_stability_table(made: dict[str, str]):
    found = records(made["stability.csv"])
    wild, tame = find(found, variant="no-target"), find(found, variant="dqn")
    assert (wild["soft_divergence"], tame["soft_divergence"]) == ("1", "0")
    # 30 a tenth passes 104.95 at the fourth probe, of ten in 4000 steps
    assert float(wild["steps_to_soft_divergence"]) == 1600
    assert tame["steps_to_soft_divergence_note"] == "not reached by 10 of 10"
    assert float(tame["overestimation"]) == pytest.approx(9 * 5.5 - 60, abs=1)
    assert float(tame["overestimation_tail"]) == pytest.approx(0.5)
    assert tame["risk_across_runs_is"] == "minimum"
    assert tame["final_return_tolerance_note"] == "n too small (10 of 46)"
    assert "reliability of greedy evaluations" in made["stability.md"]


def test_the_level_stands_beside_the_running_variance(made: dict[str, str]):
    (line,) = [line for line in made["stability.md"].splitlines() if "Running variance |" in line]
    assert line.index("Mean of the curve") < line.index("Running variance")


def test_latex_of_the_stability_table_is_whole(made: dict[str, str]):
    text = made["stability.tex"]
    assert text.count("{") == text.count("}")
    assert "\\caption{Study made-up: stability. n = 10 seeds per row." in text


def test_aggregates_are_normalised_and_the_baseline_has_no_probability_against_itself(made: dict[str, str]):
    found = records(made["aggregates.csv"])
    mean = find(found, metric="final_return", aggregate="mean", variant="dqn")
    summary = find(records(made["summary.csv"]), variant="dqn")
    assert float(mean["value"]) == pytest.approx((float(summary["final_return"]) - 20) / 455)
    better = find(found, metric="final_return", aggregate="improvement", variant="double")
    assert float(better["value"]) == 1
    assert not [f for f in found if (f["aggregate"], f["variant"]) == ("improvement", "dqn")]


def test_profiles_fall_and_curves_of_sample_efficiency_reach_the_end(made: dict[str, str]):
    profile = [float(line["value"]) for line in records(made["profiles.csv"]) if line["variant"] == "dqn"]
    assert profile[0] == 1
    assert profile == sorted(profile, reverse=True)
    ends = [line for line in records(made["sample-efficiency.csv"]) if line["share_of_budget"] == "1"]
    assert len(ends) == 4
    assert all(float(line["low"]) <= float(line["value"]) <= float(line["high"]) for line in ends)


def test_the_same_results_give_the_same_tables(tmp_path: Path, made: dict[str, str]):
    rows = [row("dqn"), row("double"), row("dueling"), row("no-target")]
    play = rise({"double": 100.0})
    again = make_study(tmp_path / "s", rows, seeds=10, play=play, look=see, facts=FACTS)
    assert tables(again) == made


def test_failed_runs_lower_n_and_are_shown_at_worst_and_at_best(tmp_path: Path):
    states = {("double", 0): "failed", ("double", 1): "missing"}
    play = rise({"double": 100.0})
    folder = make_study(
        tmp_path / "s", [row("dqn"), row("double")], seeds=8, play=play, states=states, facts=FACTS
    )
    made = tables(folder)
    found = find(records(made["comparisons.csv"]), metric="final_return", variant="double")
    assert (found["n"], found["failed"]) == ("6", "1")
    assert (
        float(found["difference_at_worst"]) < float(found["difference"]) < float(found["difference_at_best"])
    )
    mean = find(records(made["aggregates.csv"]), metric="auc", aggregate="mean", variant="double")
    assert (mean["n"], mean["failed"]) == ("6", "1")
    assert float(mean["at_worst"]) < float(mean["value"]) < float(mean["at_best"])
    gap = find(records(made["aggregates.csv"]), metric="auc", aggregate="optimality_gap", variant="double")
    assert float(gap["at_worst"]) > float(gap["value"])
    assert "1 failed" in made["comparisons.md"]


def test_what_the_runs_lack_is_said(small_study: Path):
    made = tables(small_study)
    assert "aggregates.csv" not in made
    assert "effects.csv" not in made
    text = made["verdicts.txt"]
    assert "no probes and no evaluations stored" in text
    assert "returns have no scale of their own, as it has no score of the random policy" in text
    assert "no value bounds" in text
    assert "nothing can be called different below n" in text
    assert "reliability of the training curve" in made["stability.md"]


def test_a_sweep_of_the_baseline_alone_has_nothing_to_compare(tmp_path: Path):
    made = tables(make_study(tmp_path / "s", [row("dqn", {"buffer_size": b}) for b in (10, 20)], seeds=2))
    assert "comparisons.csv" not in made
    assert "nothing to compare" in made["verdicts.txt"]


def test_in_a_sweep_a_row_is_compared_with_the_baseline_at_its_own_point(tmp_path: Path):
    rows = [row(name, {"buffer_size": b}) for name in ("dqn", "double") for b in (10, 20)]
    found = records(tables(make_study(tmp_path / "s", rows, seeds=2))["comparisons.csv"])
    pairs = {(line["variant"], line["baseline"]) for line in found}
    assert pairs == {(f"double@buffer_size={b}", f"dqn@buffer_size={b}") for b in (10, 20)}


def test_one_seed_has_differences_and_no_intervals(tmp_path: Path):
    made = tables(make_study(tmp_path / "s", [row("dqn"), row("double")], seeds=1, look=see, facts=FACTS))
    found = find(records(made["comparisons.csv"]), metric="auc", variant="double")
    assert (found["n"], found["low"], found["verdict"]) == ("1", "", "undecided")
    assert found["p"] == "1"


def test_each_variant_is_chosen_on_the_first_seeds_and_judged_on_the_others(tmp_path: Path):
    rows = [row(name, {"learning_rate": rate}) for name in ("dqn", "double") for rate in (0.1, 0.2)]
    worth = {"dqn@learning_rate=0.2": 30.0, "double@learning_rate=0.1": 50.0}
    late = {"double@learning_rate=0.2": 500.0}  # what only the judging seeds show must not be chosen

    def play(row: Mapping[str, Any], seed: int, steps: int) -> Episodes:
        return rise(worth if seed < 3 else {**worth, **late})(row, seed, steps)

    made = tables(make_study(tmp_path / "s", rows, seeds=9, play=play, facts=FACTS))
    found = find(records(made["selection.csv"]), metric="auc")
    assert (found["variant"], found["baseline"]) == ("double@learning_rate=0.1", "dqn@learning_rate=0.2")
    assert (found["choosing"], found["judging"], found["n"]) == ("seeds 0 to 2", "seeds 3 to 8", "6")
    assert float(found["difference"]) == pytest.approx(20, abs=3)


def test_the_best_point_is_the_first_of_equals_and_one_without_runs_is_never_chosen():
    assert best(np.array([[np.nan, np.nan], [1.0, 3.0], [2.0, 2.0]])) == 1
    assert best(np.array([[-5.0], [np.nan]])) == 0
    assert best(np.full((2, 2), np.nan)) is None


def test_without_a_sweep_nothing_is_chosen(made: dict[str, str]):
    assert "selection.csv" not in made


SLOTS = ("replay", "target", "bootstrap", "head")


def levels_of(*kinds: str) -> dict[str, str]:
    return dict(zip(SLOTS, kinds, strict=True))


def test_a_factorial_gets_its_effects_and_an_alias_is_no_cell(tmp_path: Path):
    # Double stands first here, so that the run without a target network bears its name and the plain one is the alias
    worth = {"uniform": 40.0, "hard": 20.0, "double": 10.0}
    rows, aliases, levels = [], [], {}
    for replay in ("consecutive", "uniform"):
        for target in ("none", "hard"):
            for bootstrap in ("double", "max"):
                kinds = (replay, target, bootstrap, "linear")
                if (target, bootstrap) == ("none", "max"):
                    of = f"{replay}+none+double+linear"
                    aliases.append({"label": "+".join(kinds), "of": of, "cell": levels_of(*kinds)})
                    continue
                rows.append(cell(**levels_of(*kinds)))
                level = sum(worth.get(kind, 0.0) for kind in kinds)
                levels["+".join(kinds)] = level - (10.0 if (target, bootstrap) == ("none", "double") else 0.0)
    folder = make_study(tmp_path / "s", [*rows, row("no-replay")], play=rise(levels), aliases=aliases)
    made = tables(folder)
    found = [line for line in records(made["effects.csv"]) if line["metric"] == "final_return"]
    main = {line["effect"]: line for line in found if line["kind"] == "main"}
    assert float(main["replay: uniform - consecutive"]["estimate"]) == pytest.approx(40, abs=3)
    assert float(main["target: hard - none"]["estimate"]) == pytest.approx(20, abs=3)
    assert main["target: hard - none"]["contrasts"] == "2"
    assert float(main["bootstrap: double - max"]["estimate"]) == pytest.approx(10, abs=3)
    assert main["bootstrap: double - max"]["cells"] == "4"
    game = {(line["kind"], line["effect"]): line for line in found if line["game"]}
    assert {line["game"] for line in game.values()} == {"uniform + hard + double + linear"}
    assert game["add-one", "bootstrap: double"]["estimate"] == "0"
    assert float(game["shapley", "bootstrap: double"]["estimate"]) == pytest.approx(5, abs=3)
    assert "Shapley values, game of uniform + hard + double + linear" in made["effects.md"]


def test_the_factors_are_the_slots_that_cells_name_in_the_order_of_facts(tmp_path: Path):
    """Labels name the factors alone; the off level of replay is the most elaborate of two; each point has its own."""
    prioritized = {**KNOWN["replay"]["prioritized"], "alpha": 0.3}
    levels: dict[str, Piece] = {
        "prioritized.alpha=0.3": prioritized,
        "uniform": KNOWN["replay"]["uniform"],
        "latest": KNOWN["replay"]["latest"],
        "consecutive": KNOWN["replay"]["consecutive"],
    }
    rows = [
        row(
            f"{level}+{loss}",
            {"gamma": gamma},
            {"replay": level, "loss": loss},
            replay=piece,
            loss={"kind": loss},
        )
        for level, piece in levels.items()
        for loss in ("huber", "squared")
        for gamma in (0.9, 0.99)
    ]
    found = records(tables(make_study(tmp_path / "s", rows, seeds=2, play=rise({})))["effects.csv"])
    found = [line for line in found if line["metric"] == "final_return"]
    assert {line["at"] for line in found} == {"gamma=0.9", "gamma=0.99"}
    main = [line["effect"] for line in found if line["kind"] == "main" and line["at"] == "gamma=0.9"]
    assert main == [
        "replay: consecutive - latest",
        "replay: uniform - latest",
        "replay: prioritized.alpha=0.3 - latest",
        "replay: uniform - consecutive",
        "replay: prioritized.alpha=0.3 - consecutive",
        "replay: prioritized.alpha=0.3 - uniform",
        "loss: huber - squared",
    ]
    assert {line["game"] for line in found if line["game"]} == {
        "latest + huber", "uniform + huber", "prioritized.alpha=0.3 + huber",
    }  # fmt: skip


def test_in_a_sweep_the_chance_of_being_better_is_against_the_row_that_the_study_names(tmp_path: Path):
    rows = [row(name, {"learning_rate": rate}) for name in ("dqn", "double") for rate in (0.1, 0.2)]
    play = rise({"dqn@learning_rate=0.2": 100.0, "double@learning_rate=0.2": 50.0})
    made = tables(make_study(tmp_path / "s", rows, seeds=4, play=play, facts=FACTS))
    found = [line for line in records(made["aggregates.csv"]) if line["aggregate"] == "improvement"]
    values = {line["variant"]: line["value"] for line in found if line["metric"] == "auc"}
    assert values["double@learning_rate=0.2"] == "0"
    assert set(values) == {"double@learning_rate=0.1", "double@learning_rate=0.2"}


def test_rows_that_were_left_out_are_named_with_the_reason_beside_the_aliases(tmp_path: Path):
    aliases = [{"label": "n-step-1", "of": "dqn"}]
    left_out = [{"label": "odd", "reason": "'odd' needs a scalar loss."}]
    made = tables(make_study(tmp_path / "s", [row("dqn")], seeds=2, aliases=aliases, left_out=left_out))
    assert "- n-step-1 is not run: it trains exactly as dqn." in made["summary.md"]
    assert "- odd is left out: 'odd' needs a scalar loss." in made["summary.md"]


def test_the_command_ends_with_the_verdicts_also_when_nothing_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = make_study(tmp_path / "s", [row("dqn"), row("double")], look=see, facts=FACTS)
    assert main(["tables", str(folder)]) == 0
    first = capsys.readouterr().out
    assert main(["tables", str(folder)]) == 0
    second = capsys.readouterr().out
    verdicts = (folder / "tables" / "verdicts.txt").read_text()
    assert first.endswith(verdicts)
    assert second.endswith(verdicts)
    assert "up to date" in second


def test_a_damaged_table_of_probes_takes_its_run_out(tmp_path: Path):
    folder = make_study(tmp_path / "s", [row("dqn")], look=see)
    path = next(folder.glob("runs/*/dqn/seed-0001-*/probes.parquet"))
    path.write_bytes(path.read_bytes()[:-1])
    assert [run.state for run in read(folder).runs] == ["ok", "damaged", "ok"]


def test_an_environment_in_which_nothing_stands_is_named(tmp_path: Path):
    folder = make_study(
        tmp_path / "s", [row("dqn"), row("double")], seeds=2, envs=("CartPole-v1", "Acrobot-v1")
    )
    for manifest in folder.glob("runs/Acrobot-v1/*/*/manifest.json"):
        manifest.unlink()
    assert "Acrobot-v1: no run stands" in tables(folder)["verdicts.txt"]


def test_two_environments_are_aggregated_together(tmp_path: Path):
    envs = ("CartPole-v1", "Acrobot-v1")
    made = tables(make_study(tmp_path / "s", [row("dqn"), row("double")], envs=envs, facts=FACTS))
    found = find(records(made["aggregates.csv"]), metric="auc", aggregate="iqm", variant="double")
    assert (found["environments"], found["n"]) == ("2", "6")


def test_every_table_of_people_has_a_latex_twin_whose_caption_says_n_window_interval_and_budget(
    tmp_path: Path, made: dict[str, str]
):
    rows = [row(name, {"learning_rate": rate}) for name in ("dqn", "double") for rate in (0.1, 0.2)]
    swept = tables(make_study(tmp_path / "s", rows, seeds=6, facts=FACTS))
    texts = {name: text for some in (made, swept) for name, text in some.items() if name.endswith(".tex")}
    assert {name.removesuffix(".tex") for name in texts} == {
        "summary", "stability", "verdicts", "comparisons", "aggregates", "who-selects", "selection",
    }  # fmt: skip
    for name, text in texts.items():
        caption = text[text.index("\\caption{") : text.index("\\begin{tabular}")]
        assert "seeds per row" in caption, name
        assert "Window: 10 episodes" in caption, name
        assert "4000 environment steps" in caption, name
        assert "95" in caption, name
        assert text.count("{") == text.count("}"), name
        (width,) = {line.count("&") for line in text.splitlines() if line.endswith("\\\\") and "&" in line}
        aligned = text[text.index("\\begin{tabular}{") + len("\\begin{tabular}{") :].split("}")[0]
        assert len(aligned) == width + 1, name


def test_differences_in_latex_are_marked(made: dict[str, str]):
    (double,) = [line for line in made["comparisons.tex"].splitlines() if line.strip().startswith("double")]
    assert re.search(r"& 10 & \d+\.\d \[\d+\.\d, \d+\.\d\]\* &", double)
    (dueling,) = [line for line in made["comparisons.tex"].splitlines() if line.strip().startswith("dueling")]
    assert "] =" in dueling


def test_a_metric_on_which_all_runs_score_the_same_takes_no_room(tmp_path: Path):
    def play(row: Mapping[str, Any], seed: int, steps: int) -> Episodes:
        return [(steps * place // 40, 0.0) for place in range(1, 41)]

    folder = make_study(tmp_path / "s", [row("dqn"), row("no-target")], play=play, look=see, facts=FACTS)
    made = tables(folder)
    (head,) = [line for line in made["verdicts.txt"].splitlines() if line.startswith("variant")]
    assert head.split() == ["variant", "n", "Mean", "of", "the", "curve", "verdict"]
    (silent,) = [line for line in made["verdicts.txt"].splitlines() if "undecided for every row" in line]
    assert "overestimation" in silent
    assert "final return" not in silent
    assert find(records(made["comparisons.csv"]), metric="final_return")["difference"] == "0"


def test_a_waiting_time_that_nobody_saw_the_end_of_is_not_compared(tmp_path: Path):
    made = tables(make_study(tmp_path / "s", [row("dqn"), row("double")], play=rise({}), facts=FACTS))
    found = [line for line in records(made["comparisons.csv"]) if line["metric"] == "steps_to_threshold"]
    assert found == []
    play = rise({"double": 300.0})
    rows = [row("dqn"), row("double"), row("dueling")]
    made = tables(make_study(tmp_path / "t", rows, play=play, facts=FACTS))
    double, dueling = (
        find(records(made["comparisons.csv"]), metric="steps_to_threshold", variant=name)
        for name in ("double", "dueling")
    )
    assert float(double["difference"]) < 0
    assert (dueling["difference"], dueling["p"], dueling["verdict"]) == ("", "", "undecided")
    assert double["hypotheses"] == "1"


def test_effects_and_corners_show_failed_runs_at_worst_and_at_best(tmp_path: Path):
    rows = [
        cell(**levels_of(*kinds))
        for kinds in (
            ("uniform", "hard", "max", "linear"),
            ("uniform", "none", "max", "linear"),
            ("consecutive", "hard", "max", "linear"),
            ("consecutive", "none", "max", "linear"),
        )
    ]
    states = {("uniform+hard+max+linear", 0): "failed"}
    play = rise({"uniform+hard+max+linear": 50.0})
    made = tables(make_study(tmp_path / "s", rows, seeds=4, play=play, look=see, states=states, facts=FACTS))
    (target,) = [
        line
        for line in records(made["effects.csv"])
        if (line["metric"], line["effect"]) == ("final_return", "target: hard - none")
    ]
    assert (target["failed"], target["n"]) == ("1", "3")
    ends = float(target["estimate_at_worst"]), float(target["estimate_at_best"])
    assert ends[0] < float(target["estimate"]) <= ends[1]
    hard = find(records(made["who-selects.csv"]), variant="uniform+hard+max+linear")
    assert (hard["failed"], hard["n"]) == ("1", "3")
    assert "0 of 3: 0.00 [0.00, 0.71] (0.25 to 0.00)" in made["who-selects.md"]


def test_a_failed_run_may_have_said_yes_or_no_whatever_the_others_said(tmp_path: Path):
    """No run solved and none diverged softly, but the failed one might have: 1 of 4 at most."""
    folder = make_study(
        tmp_path / "s", [row("dqn"), row("double")], seeds=4, play=rise({}), look=see,
        states={("double", 0): "failed"}, facts=FACTS,
    )  # fmt: skip
    found = records(tables(folder)["comparisons.csv"])
    solved = find(found, metric="solved", variant="double")
    assert (solved["difference"], solved["difference_at_worst"], solved["difference_at_best"]) == (
        "0",
        "0",
        "0.25",
    )
    soft = find(found, metric="soft_divergence", variant="double")
    assert (soft["difference"], soft["difference_at_worst"], soft["difference_at_best"]) == ("0", "0.25", "0")


def test_a_metric_without_a_better_side_is_shown_with_the_failed_run_at_the_least_and_the_largest(
    tmp_path: Path,
):
    def look(row: Mapping[str, Any], seed: int, steps: int) -> Mapping[str, Any]:
        seen = see(row, 0, steps)
        return {**seen, "evaluations": {**seen["evaluations"], "predicted_q": [60.0 + 10 * seed] * 20}}

    folder = make_study(
        tmp_path / "s", [row("dqn"), row("double")], seeds=3, look=look,
        states={("double", 2): "failed"}, facts=FACTS,
    )  # fmt: skip
    over = find(records(tables(folder)["comparisons.csv"]), metric="overestimation", variant="double")
    assert (over["n"], over["difference"], over["failed"]) == ("2", "0", "1")
    # dqn overestimates by 0, 10, 20; double by 0 and 10, and by 0 or 20 had the third run not failed
    assert float(over["difference_at_worst"]) == pytest.approx(-20 / 3)
    assert float(over["difference_at_best"]) == 0
