"""Every kind of bad study: one problem with the right key, the right words and the nearest valid name."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import gymnasium
import pytest

from ablations.errors import BadInput
from ablations.studies import load
from tests.ablations.documents import document, problems


@dataclass(frozen=True)
class Bad:
    what: str
    key: str
    says: str
    changes: dict[str, Any]


def bad(what: str, key: str, says: str, **changes: Any) -> Bad:
    return Bad(what, key, says, changes)


def own(**tables: Any) -> dict[str, Any]:
    """Changes that define variants of the user's own."""
    return {"variant": {name.replace("_", "-"): table for name, table in tables.items()}}


def here(**slots: Any) -> dict[str, Any]:
    """Changes that give CartPole pieces of its own."""
    return {"env": {"CartPole-v1": {"slots": slots}}}


SOFT = {"kind": "soft", "tau": 0.001}
CARTPOLE = 'env."CartPole-v1"'

TOP = [
    bad("a misspelt key", "sedes", "did you mean 'seeds'?", sedes=3),
    bad("a setting at the top", "gamma", "belongs under [settings]", gamma=0.9),
    bad("no name", "name", "missing", name=None),
    bad("a name with a capital", "name", "a-z 0-9", name="Mine"),
    bad("a name too long", "name", "1 to 64", name="a" * 65),
    bad("a name that leaves the folder", "name", "starts with a letter or digit", name="../mine"),
    bad("a name with a line end", "name", "a-z 0-9", name="mine\n"),
    bad("a name that is a number", "name", "got 3", name=3),
    bad("a shipped study's name", "name", "shipped study", name="core"),
    bad("a question in two lines", "question", "one line", question="a\nb"),
    bad("no envs", "envs", "missing", envs=None),
    bad("envs that are empty", "envs", "list of environment ids", envs=[]),
    bad("an env outside a list", "envs", "list of environment ids", envs="CartPole-v1"),
    bad("an env that is a number", "envs", "got 1", envs=["CartPole-v1", 1]),
    bad("an env twice", "envs", "twice", envs=["CartPole-v1", "CartPole-v1"]),
    bad("an env unknown", "envs", "did you mean 'CartPole-v1'?", envs=["CartPole-v9"]),
    bad("an env in lower case", "envs", "did you mean 'CartPole-v1'?", envs=["cartpole-v1"]),
    bad("an env without its version", "envs", "did you mean 'Acrobot-v1'?", envs=["Acrobot"]),
    bad(
        "an env of a module", "envs", 'allow_modules = ["gymnasium_robots"]', envs=["gymnasium_robots:Arm-v1"]
    ),
    bad("an env of another module", "envs", "'os'", envs=["os:Arm-v1"], allow_modules=["arms"]),
    bad("an odd id after a module", "envs", "module:Name-v0", envs=["arms:../x"], allow_modules=["arms"]),
    bad("modules outside a list", "allow_modules", "list of names of modules", allow_modules="arms"),
    bad("a module that is none", "allow_modules", "list of names of modules", allow_modules=["a b"]),
    bad(
        "two ids with one folder",
        "envs",
        "share a folder",
        envs=["m:a/B-v0", "m:a_B-v0"],
        allow_modules=["m"],
    ),
    bad(
        "ids that differ in large letters",
        "envs",
        "share a folder",
        envs=["m:a-v0", "m:A-v0"],
        allow_modules=["m"],
    ),
    bad(
        "ids of two modules that register one",
        "envs",
        "imported last",
        envs=["m:a-v0", "n:a-v0"],
        allow_modules=["m", "n"],
    ),
    bad("an env of a package", "envs", "written module:Name-v0", envs=["MiniGrid-Empty-5x5-v0"]),
    bad("no seed", "seeds", "1 to", seeds=0),
    bad("seeds below none", "seeds", "got -1", seeds=-1),
    bad("seeds without end", "seeds", "1 to 100,000", seeds=10**9),
    bad("seeds that are true", "seeds", "got true", seeds=True),
    bad("seeds that are real", "seeds", "got 2.0", seeds=2.0),
    bad("an empty list of seeds", "seeds", "got []", seeds=[]),
    bad("a seed twice", "seeds", "4 stands there twice", seeds=[4, 5, 4]),
    bad("a negative seed", "seeds", "got -3", seeds=[0, -3]),
    bad("a seed that is text", "seeds", 'got "1"', seeds=[0, "1"]),
    bad("a seed beyond 64 bits", "seeds", "2^63", seeds=[2**63]),
    bad("a negative entropy", "entropy", "got -1", entropy=-1),
    bad("an entropy that is real", "entropy", "got 0.5", entropy=0.5),
    bad("an engine unknown", "engine", "did you mean 'reference'?", engine="refrence"),
    bad("an engine not built yet", "engine", "does not work here", engine="cuda"),
    bad("an engine that is a list", "engine", "expected 'auto'", engine=["auto"]),
    bad("a variant unknown", "variants", "did you mean 'no-target'?", variants=["dqn", "no-taget"]),
    bad("a variant twice", "variants", "'dqn' stands there twice", variants=["dqn", "dqn"]),
    bad("a variant outside a list", "variants", 'or "all"', variants="dqn"),
    bad("no variants", "variants", "missing", variants=None),
    bad("variants that are empty", "variants", "got []", variants=[]),
    bad("a variant that is a number", "variants", "got 1", variants=["dqn", 1]),
    bad("a baseline unknown", "baseline", "did you mean 'dqn'?", baseline="dnq"),
    bad("a baseline not listed", "baseline", "not among the variants", baseline="per"),
    bad("a baseline that is a list", "baseline", "expected the name", baseline=["dqn"]),
    bad(
        "no baseline where dqn is not listed",
        "baseline",
        "missing",
        baseline=None,
        variants=["per", "double"],
    ),
]

SECTIONS = [
    bad("settings that are a list", "settings", "expected a section", settings=[1]),
    bad(
        "a misspelt setting",
        "settings.learning_rte",
        "did you mean 'learning_rate'?",
        settings={"learning_rte": 1},
    ),
    bad(
        "a misspelt choice",
        "slots.exploration.schedule",
        "did you mean 'linear'?",
        slots={"exploration": {"schedule": "liner"}},
    ),
    bad("a setting that is NaN", "settings.gamma", "finite", settings={"gamma": float("nan")}),
    bad("a setting that is a date", "settings.gamma", "2024", settings={"gamma": datetime.date(2024, 1, 1)}),
    bad(
        "a first batch that cannot be filled",
        "settings.learning_starts",
        "below batch_size (2000)",
        settings={"batch_size": 2000},
    ),
    bad(
        "an override that disagrees",
        f"{CARTPOLE}.settings.batch_size",
        "learning_starts (1000) is below batch_size (2000)",
        env={"CartPole-v1": {"settings": {"batch_size": 2000}}},
    ),
    bad(
        "a sweep that disagrees",
        "sweep.learning_starts",
        "below batch_size",
        sweep={"learning_starts": [9, 100]},
    ),
    bad(
        "an epsilon that would grow",
        "slots.exploration.end_e",
        "above start_e",
        slots={"exploration": {"start_e": 0.01}},
    ),
    bad(
        "a buffer too small for consecutive",
        "settings.buffer_size",
        "'consecutive' needs the last batch_size (64) transitions (consecutive)",
        settings={"buffer_size": 63},
        variants=["dqn", "consecutive"],
    ),
    bad(
        "a soft target under an optimizer that waits for copies",
        "variant.mine.base",
        "reset_at_sync needs a target that copies now and then, got 'soft' (mine)",
        variant={"mine": {"base": "adam-reset", "target": "soft"}},
        variants=["dqn", "mine"],
    ),
    bad(
        "steps ahead under a bonus of each step",
        "variants",
        "'munchausen' needs returns of one step: its bonus belongs to each step, got 'n-step' (munchausen)",
        slots={"returns": "n-step"},
        variants=["dqn", "munchausen"],
    ),
    bad(
        "a histogram without a range",
        "variants",
        "'hl-gauss' needs v_min and v_max, or value_bounds of the environment (hl-gauss)",
        variants=["dqn", "hl-gauss"],
    ),
    bad(
        "a range upside down",
        "slots.loss.v_min",
        "v_min (2) is not below v_max (1)",
        slots={"loss": {"kind": "hl-gauss", "v_min": 2.0, "v_max": 1.0}},
    ),
    bad(
        "windows that reach beyond the first update",
        "settings.learning_starts",
        "learning_starts (65) is too small: 'consecutive' needs the last batch_size + 2 (66) transitions (consecutive)",
        slots={"returns": "n-step"},
        settings={"learning_starts": 65},
        variants=["dqn", "consecutive"],
    ),
    bad("env sections that are a list", "env", "expected sections", env=[]),
    bad("an env section that is a number", CARTPOLE, "expected a section", env={"CartPole-v1": 1}),
    bad("a section of an env not listed", 'env."Acrobot-v1"', "not among", env={"Acrobot-v1": {}}),
    bad(
        "a misspelt env section", 'env."Cartpole-v1"', "did you mean 'CartPole-v1'?", env={"Cartpole-v1": {}}
    ),
    bad("a misspelt env key", f"{CARTPOLE}.arg", "did you mean 'args'?", env={"CartPole-v1": {"arg": {}}}),
    bad(
        "a setting beside settings", f"{CARTPOLE}.gamma", "settings = {", env={"CartPole-v1": {"gamma": 0.9}}
    ),
    bad(
        "a misspelt override",
        f"{CARTPOLE}.settings.gama",
        "did you mean 'gamma'?",
        env={"CartPole-v1": {"settings": {"gama": 1}}},
    ),
    bad(
        "overrides that are a list", f"{CARTPOLE}.settings", "a table", env={"CartPole-v1": {"settings": []}}
    ),
    bad("args that are a list", f"{CARTPOLE}.args", "a table", env={"CartPole-v1": {"args": []}}),
    bad("args with NaN", f"{CARTPOLE}.args", "finite", env={"CartPole-v1": {"args": {"g": [float("nan")]}}}),
    bad(
        "args with a date",
        f"{CARTPOLE}.args",
        "2024",
        env={"CartPole-v1": {"args": {"d": datetime.date(2024, 1, 1)}}},
    ),
    bad(
        "one bound",
        f"{CARTPOLE}.value_bounds",
        "[lowest, highest]",
        env={"CartPole-v1": {"value_bounds": [1]}},
    ),
    bad(
        "bounds reversed",
        f"{CARTPOLE}.value_bounds",
        "[lowest",
        env={"CartPole-v1": {"value_bounds": [2, 1]}},
    ),
    bad(
        "bounds in words",
        f"{CARTPOLE}.value_bounds",
        "[lowest",
        env={"CartPole-v1": {"value_bounds": ["a", "b"]}},
    ),
    bad(
        "a threshold that is infinite",
        f"{CARTPOLE}.reward_threshold",
        "finite",
        env={"CartPole-v1": {"reward_threshold": float("inf")}},
    ),
    bad("a misspelt record", "record.probe_evry", "did you mean 'probe_every'?", record={"probe_evry": 0}),
    bad("a record that is a number", "record", "expected a section", record=1),
    bad("probes less than never", "record.probe_every", "greater than or equal", record={"probe_every": -1}),
    bad("evaluations by halves", "record.eval_every", "expected an integer", record={"eval_every": 0.5}),
    bad("weights that are a number", "record.weights", "true or false", record={"weights": 0}),
    bad(
        "no evaluation episodes", "record.eval_episodes", "greater than or equal", record={"eval_episodes": 0}
    ),
]

SLOTS = [
    bad("slots that are a list", "slots", "expected a section", slots=[1]),
    bad("a misspelt slot of the study", "slots.targt", "did you mean 'target'?", slots={"targt": SOFT}),
    bad("a kind of the study unknown", "slots.loss", "did you mean 'huber'?", slots={"loss": "hubr"}),
    bad(
        "a number that the neutral piece lacks",
        "slots.target.tau",
        "'hard' has no such number; 'tau' is a number of 'soft'",
        slots={"target": {"tau": 0.5}},
    ),
    bad("a width outside a list", "slots.trunk.hidden", "a list of integers", slots={"trunk": {"hidden": 9}}),
    bad("no width", "slots.trunk.hidden", "position 1", slots={"trunk": {"hidden": [16, 0]}}),
    bad("a number beyond 64 bits", "slots.target.period", "64 bits", slots={"target": {"period": 2**63}}),
    bad("a misspelt slot of an environment", f"{CARTPOLE}.slots.hed", "'head'", **here(hed="dueling")),
    bad(
        "slots of an environment in a list",
        f"{CARTPOLE}.slots",
        "a table",
        env={"CartPole-v1": {"slots": []}},
    ),
    bad(
        "a number that the piece there lacks in an environment",
        f"{CARTPOLE}.slots.target.tau",
        "'hard' has no such number; 'tau' is a number of 'soft'",
        slots={"target": "soft"},  # in whose place the environment's table stands
        **here(target={"tau": 0.1}),
    ),
    bad(
        "a piece of an environment in place of what is swept",
        f"{CARTPOLE}.slots.target",
        "'target.period' is swept",
        sweep={"target.period": [5]},
        **here(target="soft"),
    ),
    bad(
        "a slot beside slots",
        f"{CARTPOLE}.loss",
        'slots = { loss = "huber" }',
        env={"CartPole-v1": {"loss": "huber"}},
    ),
    bad(
        "a number of the trunk among settings",
        "settings.hidden",
        "[slots] trunk = { hidden = [16] }",
        settings={"hidden": [16]},
    ),
    bad(
        "a loss among settings",
        "settings.loss",
        "'loss' is a slot: [slots] loss = \"huber\"",
        settings={"loss": "huber"},
    ),
    bad(
        "an optimizer's eps among settings",
        "settings.adam_eps",
        "[slots] optimizer = { eps = 0.001 }",
        settings={"adam_eps": 0.001},
    ),
    bad(
        "a schedule among settings",
        "settings.epsilon_schedule",
        '[slots] exploration = { schedule = "constant" }',
        settings={"epsilon_schedule": "constant"},
    ),
    bad(
        "a norm among an environment's settings",
        f"{CARTPOLE}.settings.max_grad_norm",
        "slots = { optimizer = { max_grad_norm = 10 } }",
        env={"CartPole-v1": {"settings": {"max_grad_norm": 10}}},
    ),
    bad(
        "a number of the trunk in a variant",
        "variant.mine.hidden",
        "number of the trunk: trunk = { hidden = [8] }",
        **own(mine={"hidden": [8]}),
    ),
    bad(
        "a swept number of the trunk without its slot",
        "sweep.hidden",
        "did you mean 'trunk.hidden'?",
        sweep={"hidden": [[8]]},
    ),
    bad(
        "a swept setting that the pieces of all ignore",
        "sweep.buffer_size",
        "the pieces of each ignore it",
        sweep={"buffer_size": [100, 200]},
        variants=["no-replay"],
        baseline="no-replay",
    ),
    bad(
        "two variants with one label",
        "variant.b.label",
        "'Slow' is also the label of 'a'",
        **own(a={"target": SOFT, "label": "Slow"}, b={"target": "none", "label": "Slow"}),
    ),
    bad(
        "a label that is a listed variant's title",
        "variant.mine.label",
        "'No target network' is also the label of 'no-target'",
        **own(mine={"target": SOFT, "label": "No target network"}),
    ),
    bad(
        "a variant with the name of a cell",
        "variants",
        "'soft' is also the label of a cell",
        factors={"target": ["hard", "soft"]},
        variants=["soft"],
        **own(soft={"target": SOFT}),
    ),
]

VARIANTS = [
    bad("variant sections that are a list", "variant", "expected sections", variant=[1]),
    bad("a variant that is a number", "variant.mine", "expected a section", **own(mine=1)),
    bad("a variant with a shipped name", "variant.per", "shipped variant", **own(per={"target": SOFT})),
    bad("a variant's name with a capital", "variant.Mine", "a-z 0-9", **own(Mine={"target": SOFT})),
    bad(
        "a variant with settings", "variant.mine.settings", "[settings] or vary", **own(mine={"settings": {}})
    ),
    bad("a variant with a setting", "variant.mine.gamma", "shared by all variants", **own(mine={"gamma": 1})),
    bad("a misspelt slot", "variant.mine.targt", "did you mean 'target'?", **own(mine={"targt": SOFT})),
    bad("a base unknown", "variant.mine.base", "did you mean 'dqn'?", **own(mine={"base": "dqnn"})),
    bad("a base that is a number", "variant.mine.base", "unknown variant 1", **own(mine={"base": 1})),
    bad("a base that is itself", "variant.mine.base", "mine -> mine", **own(mine={"base": "mine"})),
    bad(
        "bases in a circle",
        "variant.a.base",
        "a -> b -> c -> a",
        **own(a={"base": "b"}, b={"base": "c"}, c={"base": "a"}, d={"base": "a"}),
    ),
    bad("a kind unknown", "variant.mine.target", "did you mean 'soft'?", **own(mine={"target": "sofft"})),
    bad(
        "a kind of another slot", "variant.mine.target", "kind of bootstrap", **own(mine={"target": "double"})
    ),
    bad(
        "a kind that is a number",
        "variant.mine.target",
        "unknown kind 1",
        **own(mine={"target": {"kind": 1}}),
    ),
    bad("a piece that is a number", "variant.mine.target", "expected a kind", **own(mine={"target": 5})),
    bad(
        "a number that the piece there lacks",
        "variant.mine.target.tau",
        "'hard' has no such number; 'tau' is a number of 'soft'",
        **own(mine={"target": {"tau": 0.1}}),
    ),
    bad(
        "a misspelt number",
        "variant.mine.replay.alhpa",
        "did you mean 'alpha'?",
        **own(mine={"replay": {"kind": "prioritized", "alhpa": 0.5}}),
    ),
    bad(
        "a number of another kind",
        "variant.mine.target.tau",
        "a number of 'soft'",
        **own(mine={"target": {"kind": "hard", "tau": 0.1}}),
    ),
    bad(
        "a number out of range",
        "variant.mine.target.tau",
        "less than or equal to 1",
        **own(mine={"target": {"kind": "soft", "tau": 2.0}}),
    ),
    bad(
        "a number of another type",
        "variant.mine.target.period",
        "an integer",
        **own(mine={"target": {"kind": "hard", "period": 10.0}}),
    ),
    bad("an empty label", "variant.mine.label", "printable", **own(mine={"target": SOFT, "label": " "})),
    bad(
        "a label with an escape",
        "variant.mine.label",
        "printable",
        **own(mine={"target": SOFT, "label": "\x1b[1m"}),
    ),
    bad(
        "two names for one variant",
        "variants",
        "'dqn' and 'mine' have equal slots and settings",
        **own(mine={"target": {"kind": "hard", "period": 100}}),
        variants=["dqn", "mine"],
    ),
]

GRIDS = [
    bad("a sweep that is a list", "sweep", "expected a section", sweep=[1]),
    bad(
        "a swept key that exists nowhere",
        "sweep.bufer_size",
        "did you mean 'buffer_size'?",
        sweep={"bufer_size": [9]},
    ),
    bad("a swept number without its slot", "sweep.tau", "did you mean 'target.tau'?", sweep={"tau": [0.1]}),
    bad("a swept slot", "sweep.target", "use [factors]", sweep={"target": ["hard", "soft"]}),
    bad(
        "a swept number misspelt",
        "sweep.target.perod",
        "did you mean 'target.period'?",
        sweep={"target": {"perod": [1]}},
    ),
    bad("an empty section of a sweep", "sweep.target", "empty", sweep={"target": {}}),
    bad(
        "a swept number that no variant has",
        "sweep.target.tau",
        "no variant of this study",
        sweep={"target.tau": [0.1]},
    ),
    bad("an empty sweep", "sweep.gamma", "empty", sweep={"gamma": []}),
    bad("a sweep without a list", "sweep.gamma", "expected a list", sweep={"gamma": 0.9}),
    bad("a swept value twice", "sweep.gamma", "'dqn@gamma=1' and 'dqn@gamma=1.0'", sweep={"gamma": [1, 1.0]}),
    bad(
        "a swept number twice", "sweep.target.period", "dqn@target.period=5", sweep={"target.period": [5, 5]}
    ),
    bad(
        "a key given twice",
        "sweep.target.period",
        "given twice",
        sweep={"target.period": [1], "target": {"period": [2]}},
    ),
    bad("a swept value of a wrong type", "sweep.batch_size", "an integer", sweep={"batch_size": [32, "64"]}),
    bad(
        "a swept value out of range",
        "sweep.target.period",
        "greater than or equal to 1",
        sweep={"target.period": [0]},
    ),
    bad(
        "an override of what is swept",
        f"{CARTPOLE}.settings.gamma",
        "is swept",
        sweep={"gamma": [0.9]},
        env={"CartPole-v1": {"settings": {"gamma": 0.5}}},
    ),
    bad(
        "a sweep without end", "sweep", "more than 10,000 rows", sweep={"target.period": [*range(1, 10_002)]}
    ),
    bad(
        "a label too long",
        "sweep",
        "longer than 200",
        sweep={"trunk.hidden": [[1024] * 50]},
        variants=["dqn"],
    ),
    bad(
        "runs without end",
        "seeds",
        "more than 1,000,000 runs",
        seeds=100_000,
        sweep={"target.period": [*range(1, 22)]},
    ),
    bad("factors that are empty", "factors", "expected lists of pieces", factors={}),
    bad("a factor unknown", "factors.replays", "did you mean 'replay'?", factors={"replays": ["uniform"]}),
    bad("a factor that is empty", "factors.target", "a list of pieces", factors={"target": []}),
    bad("a factor outside a list", "factors.target", "a list of pieces", factors={"target": "hard"}),
    bad("a factor's kind unknown", "factors.target", "did you mean 'hard'?", factors={"target": ["hrd"]}),
    bad(
        "a factor's number unknown",
        "factors.target.perod",
        "did you mean 'period'?",
        factors={"target": [{"kind": "hard", "perod": 1}]},
    ),
    bad(
        "a piece twice among factors",
        "factors.target",
        "'hard' stands there twice",
        factors={"target": ["hard", {"kind": "hard", "period": 100}]},
    ),
    bad(
        "a variant beside its own cell",
        "variants",
        "'hard' and 'dqn' have equal",
        factors={"target": ["hard"]},
        variants=["dqn"],
    ),
    bad(
        "a baseline that no cell equals",
        "baseline",
        "not among the variants",
        factors={"target": ["none", "soft"]},
        variants=["no-replay"],
    ),
]


@pytest.mark.parametrize("case", [*TOP, *SECTIONS, *SLOTS, *VARIANTS, *GRIDS], ids=lambda case: case.what)
def test_a_bad_study_has_one_problem_with_file_key_and_hint(case: Bad):
    (problem,) = problems(**case.changes)
    assert problem.where == "mine.toml"
    assert problem.key == case.key
    assert case.says in problem.message


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file():
    found = problems(
        sedes=3,
        envs=["CartPol-v1"],
        seeds=[1, 1],
        engine="natve",
        settings={"gama": 0.9, "batch_size": 0},
        record={"probe_evry": 1},
        **own(mine={"target": {"kind": "soft", "tau": 7.0}, "gamma": 1}),
        variants=["dqn", "mine", "dul"],
        sweep={"tau": [1], "target.periud": [1]},
        factors={"heads": ["linear"]},
    )
    assert [problem.key for problem in found] == [
        "envs",
        "seeds",
        "variants",
        "sedes",
        "engine",
        "settings.batch_size",
        "settings.gama",
        "record.probe_evry",
        "variant.mine.target.tau",
        "variant.mine.gamma",
        "sweep.tau",
        "sweep.target.periud",
        "factors.heads",
    ]


def test_a_mistake_in_one_row_of_many_is_told_once():
    found = problems(variants="all", settings={"batch_size": 2000}, envs=["CartPole-v1", "Acrobot-v1"])
    assert len(found) == 1


# ---- files ----


def problem_of_file(path) -> str:
    with pytest.raises(BadInput) as raised:
        load.load(str(path))
    (problem,) = raised.value.problems
    assert problem.where == str(path)
    return problem.message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name = \n", "line 1"),
        (b'name = "a"\nname = "b"\n', "line 2"),
        (b'name = "\xff"\n', "not UTF-8"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "nested too deeply"),
        (b"seeds = " + b"9" * 5000, "not valid TOML"),
        (b"seeds = 1979-13-45\n", "not valid TOML"),
    ],
    ids=["syntax", "twice", "encoding", "nesting", "digits", "date"],
)
def test_a_file_that_is_no_toml_is_told_in_one_sentence(content, says, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    assert says in problem_of_file(path)


def test_a_missing_file_a_folder_and_a_file_used_as_a_folder_are_told_apart(tmp_path):
    assert problem_of_file(tmp_path / "absent.toml") == "no such file"
    assert "folder" in problem_of_file(tmp_path)
    (tmp_path / "file").touch()
    assert "cannot be read" in problem_of_file(tmp_path / "file" / "study.toml")


def test_a_name_that_does_not_ship_gets_the_nearest_that_does():
    with pytest.raises(BadInput, match="did you mean 'smoke'"):
        load.load("smok")


def test_a_name_means_a_file_only_with_a_separator_or_suffix(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text('name = "mine"\nenvs = ["CartPole-v1"]\nvariants = ["dqn"]\n')
    with pytest.raises(BadInput):
        load.load("mine")
    assert load.load("./mine").name == "mine"


# ---- environments that can't be trained on ----


def refusal(env_id: str, **args: Any) -> str:
    study = load.from_document(document(envs=[env_id], env={env_id: {"args": args}}), "mine.toml")
    with pytest.raises(BadInput) as raised:
        load.check_environments(study)
    (problem,) = raised.value.problems
    assert problem.key == "envs"
    assert env_id in problem.message
    return problem.message


def test_spaces_other_than_box_and_discrete_are_refused_by_name():
    assert "action space Box(" in refusal("Pendulum-v1")
    assert "observation space Discrete(16)" in refusal("FrozenLake-v1")
    assert "observation space Tuple(" in refusal("Blackjack-v1")
    assert "gymnasium.wrappers.FlattenObservation" in refusal("Blackjack-v1")


def test_a_space_of_somebodys_own_is_refused_like_any_other():
    class Mission(gymnasium.Space[str]):
        """Of texts, as grids have it; it says nothing of itself."""

    class Grid(gymnasium.Env[Any, Any]):
        observation_space = gymnasium.spaces.Dict(
            image=gymnasium.spaces.Box(0, 1, (2,)), mission=Mission((), str)
        )
        action_space = gymnasium.spaces.Discrete(2)

    gymnasium.register("tests/Mission-v0", lambda **args: Grid(**args))
    told = refusal("tests/Mission-v0")
    assert "observation space Dict(" in told
    assert "register it with a wrapper of yours that makes a Box of it, in a module" in told


def test_what_is_no_environment_is_refused_in_gymnasiums_words():
    made: dict[str, Any] = {
        "tests/Vector-v0": gymnasium.make_vec("CartPole-v1", num_envs=2),
        "tests/Object-v0": object(),
    }
    for env_id, other in made.items():
        gymnasium.register(env_id, lambda other=other, **args: other)
        assert "must inherit from the gymnasium.Env class" in refusal(env_id)


def test_an_environment_that_has_no_spaces_yet_is_refused_by_what_it_has():
    class Later(gymnasium.Env[Any, Any]):
        """Makes its spaces at the first reset."""

        observation_space = action_space = None  # type: ignore[assignment]

    gymnasium.register("tests/Later-v0", lambda **args: Later(**args))
    study = load.from_document(document(envs=["tests/Later-v0"]))
    with pytest.raises(BadInput) as raised:
        load.check_environments(study)
    told = [problem.message for problem in raised.value.problems]
    assert ["space None; only" in text for text in told] == [True, True]


def test_arguments_that_an_environment_lacks_are_told_in_its_own_words():
    assert "gravityy" in refusal("CartPole-v1", gravityy=1)


def test_environments_that_are_not_needed_are_not_made():
    study = load.from_document(document(envs=["CartPole-v1", "Pendulum-v1"]))
    assert load.check_environments(study, ["CartPole-v1"]) == study


@pytest.mark.skipif(find_spec("Box2D") is not None, reason="Box2D is installed here")
def test_a_missing_package_is_named_with_its_install_line():
    assert "pip install" in refusal("LunarLander-v3")
