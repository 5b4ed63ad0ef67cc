"""Bad input: exit 2, each mistake with its file, its key and the nearest valid name, and nothing made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from .outside import ablations, assert_answered, assert_refused, names_in, study_text, write_study


@dataclass(frozen=True)
class Bad:
    what: str
    text: str
    mentions: tuple[str, ...]


def top(what: str, key: str, value: object, *mentions: str) -> Bad:
    return Bad(what, study_text({key: value}), (key, *mentions))


def setting(what: str, key: str, value: object, *mentions: str) -> Bad:
    return Bad(what, study_text(settings={key: value}), (key, *mentions))


def table(what: str, text: str, *mentions: str) -> Bad:
    return Bad(what, study_text(tables=text), mentions)


def variant(what: str, body: str, *mentions: str, name: str = "mine") -> Bad:
    text = f'[variant."{name}"]\n{body}\n'
    return Bad(what, study_text({"variants": ["dqn", name]}, tables=text), (name, *mentions))


NAN, INFINITY = float("nan"), float("inf")

STUDIES = [
    Bad("no TOML", "name = \n", ("line 1",)),
    Bad("a table twice", study_text() + "name = 'again'\n[settings]\n", ("settings",)),
    Bad("empty", "", ("envs",)),
    top("a misspelt key", "sedes", 3, "seeds"),
    top("a misspelt table", "setings", {"gamma": 0.9}, "settings"),
    top("a capital in the name", "name", "Tiny"),
    top("a name that leaves the folder", "name", "../tiny"),
    top("a name that starts with a dot", "name", ".tiny"),
    top("a name of 65 letters", "name", "a" * 65),
    top("a name that is a number", "name", 3),
    top("an empty name", "name", ""),
    top("a shipped study's name", "name", "core"),
    top("no environment", "envs", []),
    top("one environment outside a list", "envs", "CartPole-v1"),
    top("a number among the environments", "envs", [1]),
    top("a misspelt environment", "envs", ["CartPol-v1"], "CartPole-v1"),
    top("an environment of a module not allowed", "envs", ["somewhere:Thing-v0"], "allow_modules"),
    top("no seed", "seeds", 0),
    top("fewer than no seeds", "seeds", -2),
    top("a seed twice", "seeds", [0, 1, 1]),
    top("a negative seed", "seeds", [0, -1]),
    top("an empty list of seeds", "seeds", []),
    top("seeds in words", "seeds", "3"),
    top("seeds as a real number", "seeds", 2.0),
    top("seeds as a truth value", "seeds", True),
    top("a negative entropy", "entropy", -1),
    top("entropy in words", "entropy", "0"),
    top("a misspelt engine", "engine", "natve", "native"),
    top("a misspelt baseline", "baseline", "dnq", "dqn"),
    top("a baseline outside the study", "baseline", "double"),
    top("a misspelt variant", "variants", ["dqn", "soft-taget"], "soft-taget", "soft-target"),
    top("no variant", "variants", []),
    top("one variant outside a list", "variants", "dqn"),
    top("a variant twice", "variants", ["dqn", "dqn"], "dqn"),
    setting("a misspelt setting", "learning_rte", 0.001, "learning_rate"),
    setting("a number in words", "learning_rate", "0.001"),
    setting("a learning rate of nothing", "learning_rate", NAN),
    setting("an infinite learning rate", "learning_rate", INFINITY),
    setting("a negative learning rate", "learning_rate", -0.001),
    setting("no steps", "total_timesteps", 0),
    setting("half a step", "total_timesteps", 600.5),
    setting("a whole number written as a real one", "total_timesteps", 600.0),
    setting("a truth value for a number", "buffer_size", True),
    setting("a number for a truth value", "bootstrap_truncated", 1),
    setting("an empty buffer", "buffer_size", 0),
    setting("an empty batch", "batch_size", 0),
    setting("a discount above one", "gamma", 1.5),
    setting("a negative discount", "gamma", -0.1),
    setting("learning before there is a batch", "learning_starts", 31),
    setting("training never", "train_frequency", 0),
    setting("no gradient step", "gradient_steps", 0),
    setting("an epsilon above one", "start_e", 1.5),
    setting("a negative epsilon", "end_e", -0.1),
    setting("a misspelt schedule", "epsilon_schedule", "liner", "linear"),
    setting("exploring longer than the run", "exploration_fraction", 1.5),
    setting("an epsilon that grows", "epsilon_decay", 1.5),
    setting("a layer without units", "hidden", [16, 0]),
    setting("a width outside a list", "hidden", 16),
    setting("a width as a real number", "hidden", [16.0]),
    setting("a misspelt loss", "loss", "hubr", "huber"),
    setting("a misspelt optimiser", "optimizer", "rmsprp", "rmsprop"),
    setting("a negative adam_eps", "adam_eps", -1e-8),
    setting("a negative norm", "max_grad_norm", -1.0),
    table("settings of an environment outside the study", '[env."Acrobot-v1"]\nargs = {}\n', "Acrobot-v1"),
    table("a misspelt key of an environment", '[env."CartPole-v1"]\nsetings = {}\n', "setings", "settings"),
    table(
        "a misspelt setting of an environment",
        '[env."CartPole-v1"]\nsettings = { gama = 0.9 }\n',
        "CartPole-v1",
        "gama",
        "gamma",
    ),
    table(
        "arguments that the environment lacks", '[env."CartPole-v1"]\nargs = { gravityy = 3 }\n', "gravityy"
    ),
    table("one bound of two", '[env."CartPole-v1"]\nvalue_bounds = [1.0]\n', "value_bounds"),
    table("bounds the wrong way round", '[env."CartPole-v1"]\nvalue_bounds = [9.0, 1.0]\n', "value_bounds"),
    table("a threshold of nothing", '[env."CartPole-v1"]\nreward_threshold = nan\n', "reward_threshold"),
    variant("a misspelt base", 'base = "dnq"', "base", "dqn"),
    variant("a misspelt slot", 'base = "dqn"\ntargt = { kind = "none" }', "targt", "target"),
    variant("a misspelt kind", 'base = "dqn"\ntarget = { kind = "sfot" }', "sfot", "soft"),
    variant("a misspelt number", 'base = "dqn"\ntarget = { kind = "soft", tua = 0.1 }', "tua", "tau"),
    variant("a number of another kind", 'base = "dqn"\ntarget = { kind = "hard", tau = 0.1 }', "tau"),
    variant("a piece without a kind", 'base = "dqn"\ntarget = { tau = 0.1 }', "kind"),
    variant("a tau of zero", 'base = "dqn"\ntarget = { kind = "soft", tau = 0.0 }', "tau"),
    variant("a tau above one", 'base = "dqn"\ntarget = { kind = "soft", tau = 1.5 }', "tau"),
    variant("a period of zero", 'base = "dqn"\ntarget = { kind = "hard", period = 0 }', "period"),
    variant("a period as a real number", 'base = "dqn"\ntarget = { kind = "hard", period = 5.0 }', "period"),
    variant("a negative alpha", 'base = "dqn"\nreplay = { kind = "prioritized", alpha = -1.0 }', "alpha"),
    variant(
        "a head's layer without units", 'base = "dqn"\nhead = { kind = "dueling", hidden = [0] }', "hidden"
    ),
    variant("settings in a variant", 'base = "dqn"\nsettings = { gamma = 0.9 }', "settings"),
    variant("a setting in a variant", 'base = "double"\nlearning_rate = 0.1', "learning_rate"),
    variant("a label that is a number", 'base = "double"\nlabel = 3', "label"),
    variant("a variant's name with a blank", 'base = "double"', name="my own"),
    variant(
        "a second name for the baseline", 'base = "dqn"\ntarget = { kind = "hard", period = 100 }', "dqn"
    ),
    table("a misspelt swept setting", "[sweep]\nbuffer_sze = [100]\n", "buffer_sze", "buffer_size"),
    table("a misspelt swept slot", '[sweep]\n"targt.period" = [10]\n', "targt.period", "target.period"),
    table("a swept number that no variant has", '[sweep]\n"target.tau" = [0.1]\n', "target.tau"),
    table("a sweep over nothing", "[sweep]\nbuffer_size = []\n", "buffer_size"),
    table("a sweep without a list", "[sweep]\nbuffer_size = 100\n", "buffer_size"),
    table("a swept value in words", '[sweep]\nbuffer_size = [100, "200"]\n', "buffer_size"),
    table("a swept value out of range", '[sweep]\n"target.period" = [10, 0]\n', "target.period"),
    table("a swept value that is infinite", "[sweep]\nlearning_rate = [inf]\n", "learning_rate"),
    table("a swept value twice", "[sweep]\nbuffer_size = [100, 100]\n", "dqn@buffer_size=100"),
    table(
        "a sweep that breaks a rule between settings", "[sweep]\nbatch_size = [32, 128]\n", "learning_starts"
    ),
    table("a misspelt slot among the factors", '[factors]\nreply = ["uniform"]\n', "reply", "replay"),
    table("a misspelt kind among the factors", '[factors]\nreplay = ["unifrm"]\n', "unifrm", "uniform"),
    table("a misspelt record", "[record]\nprobe_evry = 100\n", "probe_evry", "probe_every"),
    table("probing less than never", "[record]\nprobe_every = -1\n", "probe_every"),
    table("weights in words", '[record]\nweights = "yes"\n', "weights"),
]


# Each kind is a process: the quick tests take every third, and all kinds without one (test_studies_bad.py).
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(bad, id=bad.what, marks=[pytest.mark.slow] if n % 3 else [])
        for n, bad in enumerate(STUDIES)
    ],
)
def test_a_bad_study_is_refused_with_its_file_and_key_and_nothing_is_made(bad: Bad, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(bad.text, encoding="utf-8")
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml", *bad.mentions)
    assert names_in(tmp_path) == {"tiny.toml"}


@pytest.mark.parametrize("command", ["plan", "run", "status", "verify", "where"])
def test_every_command_that_takes_a_study_refuses_a_bad_one(command: str, tmp_path: Path) -> None:
    write_study(tmp_path, settings={"gama": 0.9})
    assert_refused(ablations(command, "tiny.toml", cwd=tmp_path), "tiny.toml", "gama", "gamma")
    assert names_in(tmp_path) == {"tiny.toml"}


def test_all_mistakes_of_a_study_are_reported_at_once(tmp_path: Path) -> None:
    write_study(
        tmp_path,
        {"sedes": 3, "engine": "natve", "envs": ["CartPol-v1"]},
        {"gama": 0.9, "batch_size": 0, "loss": "hubr"},
        "[record]\nprobe_evry = 100\n[variant.mine]\nbase = 'dqn'\ntarget = { kind = 'soft', tau = 7.0 }\n",
    )
    answer = ablations("run", "tiny.toml", cwd=tmp_path)
    for key in ("sedes", "engine", "envs", "gama", "batch_size", "loss", "probe_evry", "tau"):
        assert_refused(answer, "tiny.toml", key)
    assert names_in(tmp_path) == {"tiny.toml"}


def test_bytes_that_are_not_utf_8_are_refused_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_bytes(study_text().encode() + b"# \xff\xfe\n")
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml")
    assert names_in(tmp_path) == {"tiny.toml"}


COMMAND_LINES = [
    (["run"], ["STUDY"]),
    (["run", "absent.toml"], ["absent.toml"]),
    (["run", "./folder"], ["folder"]),
    (["run", "cor"], ["cor", "core"]),
    (["plan", "smok"], ["smok", "smoke"]),
    (["where", "cor"], ["cor", "core"]),
    (["status", "cor"], ["cor", "core"]),
    (["verify", "cor"], ["cor", "core"]),
    (["rnu", "tiny.toml"], ["rnu"]),
    (["run", "tiny.toml", "--sedes", "3"], ["--sedes"]),
    (["run", "tiny.toml", "--seeds", "0"], ["--seeds"]),
    (["run", "tiny.toml", "--seeds", "-3"], ["--seeds"]),
    (["run", "tiny.toml", "--seeds", "many"], ["--seeds"]),
    (["run", "tiny.toml", "--steps", "0"], ["--steps"]),
    (["run", "tiny.toml", "--steps", "1.5"], ["--steps"]),
    (["run", "tiny.toml", "--jobs", "0"], ["--jobs"]),
    (["run", "tiny.toml", "--jobs", "-1"], ["--jobs"]),
    (["run", "tiny.toml", "--jobs", "9999999999"], ["--jobs"]),
    (["run", "tiny.toml", "--lanes", "0"], ["--lanes"]),
    (["run", "tiny.toml", "--variants", "dnq"], ["--variants", "dnq", "dqn"]),
    (["plan", "tiny.toml", "--variants", "dnq"], ["--variants", "dnq", "dqn"]),
    (["run", "tiny.toml", "--envs", "CartPol-v1"], ["--envs", "CartPol-v1", "CartPole-v1"]),
    (["run", "tiny.toml", "--results", "tiny.toml"], ["--results"]),
    (["verify", "tiny.toml", "--rerun", "-1"], ["--rerun"]),
    (["new", "folder"], ["folder"]),
    (["new", "absent/study.toml"], ["absent/study.toml"]),
    (["new", "tiny.toml"], ["tiny.toml"]),
]


@pytest.mark.parametrize(("args", "mentions"), COMMAND_LINES, ids=lambda part: " ".join(part))
def test_a_bad_command_line_is_refused_by_the_name_of_its_mistake(
    args: list[str], mentions: list[str], tmp_path: Path
) -> None:
    write_study(tmp_path)
    (tmp_path / "folder").mkdir()
    before = (tmp_path / "tiny.toml").read_bytes()
    # The nearest valid name of a study may stand in a list on a line of its own.
    answer = ablations(*args, cwd=tmp_path)
    assert_answered(answer, 2)
    assert all(word in answer.stderr for word in mentions), answer.stderr
    assert names_in(tmp_path) == {"tiny.toml", "folder"}
    assert (tmp_path / "tiny.toml").read_bytes() == before


def test_mistakes_of_the_command_line_and_of_the_study_are_reported_at_once(tmp_path: Path) -> None:
    write_study(tmp_path, settings={"gama": 0.9})
    answer = ablations("run", "tiny.toml", "--variants", "dnq", cwd=tmp_path)
    assert_refused(answer, "gama")
    assert_refused(answer, "--variants", "dnq", "dqn")


def test_a_study_name_without_a_separator_is_never_taken_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "tiny").write_text(study_text(), encoding="utf-8")
    assert_answered(ablations("run", "tiny", cwd=tmp_path), 2)
    assert names_in(tmp_path) == {"tiny"}


@pytest.mark.parametrize("allowed", [[], ["os"]], ids=["no module", "another module"])
def test_a_module_that_a_study_does_not_allow_is_not_imported(allowed: list[str], tmp_path: Path) -> None:
    mark = "import pathlib\npathlib.Path(__file__).with_name('imported').touch()\n"
    (tmp_path / "somewhere.py").write_text(mark, encoding="utf-8")
    write_study(tmp_path, {"envs": ["somewhere:Thing-v0"], "allow_modules": allowed})
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml", "somewhere", "allow_modules")
    assert names_in(tmp_path) == {"tiny.toml", "somewhere.py"}
