"""Mistakes that a study file may hold: where each stands, and what the message about it must name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .defaults import RETIRED
from .outside import SMALL, SMALL_SLOTS, toml

NAN, INFINITY = float("nan"), float("inf")
CARTPOLE = 'env."CartPole-v1"'

Tables = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Mistake:
    what: str
    table: str  # "" is the file's top
    key: str
    value: Any
    mentions: tuple[str, ...]
    group: str  # mistakes of a group, each at a key of its own, may stand in one file


def at(table: str, group: str = "") -> Any:
    def mistake(what: str, key: str, value: Any, *mentions: str, group: str = group or table) -> Mistake:
        return Mistake(what, table, key, value, (key, *mentions), group)

    return mistake


top, setting, slot, record = at("", "top"), at("settings"), at("slots"), at("record")
place, factor, sweep = at(CARTPOLE), at("factors"), at("sweep")


def variant(name: str, what: str, body: dict[str, Any], *mentions: str) -> Mistake:
    return Mistake(what, "variant", name, {"base": "dqn"} | body, (name, *mentions), "variant")


MISTAKES = [
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
    top("an executor as an engine", "engine", "dask"),
    top("a question that is a number", "question", 3),
    top("a misspelt baseline", "baseline", "dnq", "dqn"),
    top("a baseline outside the study", "baseline", "double", group="baseline"),
    top("a misspelt variant", "variants", ["dqn", "soft-taget"], "soft-taget", "soft-target", group="rows"),
    top("no variant", "variants", [], group="rows"),
    top("one variant outside a list", "variants", "dqn", group="rows"),
    top("a variant twice", "variants", ["dqn", "dqn"], "dqn", group="rows"),
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
    setting("training never", "train_frequency", 0),
    setting("no gradient step", "gradient_steps", 0),
    setting("learning before there is a batch", "learning_starts", 31, group="a rule between settings"),
    *(setting(f"{name}, which a slot has taken", name, 1, where) for name, where in RETIRED.items()),
    slot("a misspelt slot", "trnk", "mlp", "trunk"),
    slot("a misspelt kind", "trunk", "mlq", "mlq", "mlp"),
    slot("a misspelt kind in a table", "loss", {"kind": "hubr"}, "hubr", "huber"),
    slot("a kind that is a number", "loss", 3),
    slot("a kind in a list", "loss", ["huber"]),
    slot("a misspelt number", "trunk", {"hiden": [8]}, "hiden", "hidden"),
    slot("a number that the kind lacks", "head", {"kind": "linear", "hidden": [8]}, "hidden"),
    slot("a number that the neutral piece lacks", "target", {"tau": 0.1}, "tau"),
    slot("a number that uniform replay lacks", "replay", {"alpha": 0.5}, "alpha"),
    slot("a kind of another slot", "returns", "huber", "huber"),
    slot("a kind of maintenance misspelt", "maintenance", "nine", "nine", "none"),
    slot("an epsilon above one", "exploration", {"start_e": 1.5}, "start_e"),
    slot("a negative epsilon", "exploration", {"end_e": -0.1}, "end_e"),
    slot("an epsilon of nothing", "exploration", {"end_e": NAN}, "end_e"),
    slot("a misspelt schedule", "exploration", {"schedule": "liner"}, "schedule", "linear"),
    slot("exploring longer than the run", "exploration", {"exploration_fraction": 1.5}, "exploration_fraction"),
    slot("an epsilon that grows", "exploration", {"epsilon_decay": 1.5}, "epsilon_decay"),
    slot("a layer without units", "trunk", {"hidden": [16, 0]}, "hidden"),
    slot("a width outside a list", "trunk", {"hidden": 16}, "hidden"),
    slot("a width as a real number", "trunk", {"hidden": [16.0]}, "hidden"),
    slot("a misspelt optimizer", "optimizer", "rmsprp", "rmsprop"),
    slot("a negative eps", "optimizer", {"eps": -1e-8}, "eps"),
    slot("an eps in words", "optimizer", {"eps": "1e-8"}, "eps"),
    slot("a negative norm", "optimizer", {"kind": "sgd", "max_grad_norm": -1.0}, "max_grad_norm"),
    slot("eps where there is none", "optimizer", {"kind": "sgd", "eps": 1e-8}, "eps"),
    place("a misspelt key of an environment", "setings", {}, "CartPole-v1", "settings"),
    place("a misspelt setting of an environment", "settings", {"gama": 0.9}, "CartPole-v1", "gama", "gamma"),
    place("a slot among an environment's settings", "settings", {"hidden": [8]}, "CartPole-v1", "trunk"),
    place("a misspelt slot of an environment", "slots", {"trnk": "mlp"}, "CartPole-v1", "trnk", "trunk"),
    place("a number that an environment's piece lacks", "slots", {"target": {"tau": 0.1}}, "target", "tau"),
    place("one bound of two", "value_bounds", [1.0]),
    place("bounds the wrong way round", "value_bounds", [9.0, 1.0]),
    place("a bound that is infinite", "value_bounds", [0.0, INFINITY]),
    place("a threshold of nothing", "reward_threshold", NAN),
    Mistake("an environment outside the study", "", "env", {"Acrobot-v1": {"args": {}}}, ("Acrobot-v1",), "other"),
    variant("bad-base", "a misspelt base", {"base": "dnq"}, "dqn"),
    variant("bad-slot", "a misspelt slot", {"targt": {"kind": "none"}}, "targt", "target"),
    variant("bad-kind", "a misspelt kind", {"target": {"kind": "sfot"}}, "sfot", "soft"),
    variant("bad-number", "a misspelt number", {"target": {"kind": "soft", "tua": 0.1}}, "tua", "tau"),
    variant("bad-another", "a number of another kind", {"target": {"kind": "hard", "tau": 0.1}}, "tau"),
    variant("bad-none", "a number that no target has", {"base": "no-target", "target": {"period": 9}}, "period"),
    variant("bad-plain", "a number that the study's piece lacks", {"target": {"tau": 0.1}}, "tau"),
    variant("bad-zero", "a tau of zero", {"target": {"kind": "soft", "tau": 0.0}}, "tau"),
    variant("bad-above", "a tau above one", {"target": {"kind": "soft", "tau": 1.5}}, "tau"),
    variant("bad-never", "a period of zero", {"target": {"period": 0}}, "period"),
    variant("bad-real", "a period as a real number", {"target": {"kind": "hard", "period": 5.0}}, "period"),
    variant("bad-negative", "a negative alpha", {"replay": {"kind": "prioritized", "alpha": -1.0}}, "alpha"),
    variant("bad-infinite", "an infinite alpha", {"replay": {"kind": "prioritized", "alpha": INFINITY}}, "alpha"),
    variant("bad-unit", "a head's layer without units", {"head": {"kind": "dueling", "hidden": [0]}}, "hidden"),
    variant("bad-settings", "settings in a variant", {"settings": {"gamma": 0.9}}, "settings"),
    variant("bad-setting", "a setting in a variant", {"learning_rate": 0.1}, "learning_rate"),
    variant("bad-labelled", "a label that is a number", {"base": "double", "label": 3}, "label"),
    variant("my own", "a variant's name with a blank", {"base": "double"}),
    variant("Mine", "a variant's name with a capital", {"base": "double"}),
    variant("a+b", "a variant's name with a sign that joins cells", {"base": "double"}),
    variant("v" * 65, "a variant's name of 65 letters", {"base": "double"}),
    sweep("a misspelt swept setting", "buffer_sze", [100], "buffer_size"),
    sweep("a misspelt swept slot", "targt.period", [10], "target.period"),
    sweep("a sweep over nothing", "buffer_size", []),
    sweep("a sweep without a list", "buffer_size", 100),
    sweep("a swept value in words", "buffer_size", [100, "200"]),
    sweep("a swept value twice", "buffer_size", [100, 100]),
    sweep("a swept value out of range", "target.period", [10, 0]),
    sweep("a swept value that is infinite", "learning_rate", [INFINITY]),
    sweep("a swept setting that a slot has taken", "hidden", [[8]], "trunk.hidden"),
    sweep("a swept number that no variant has", "target.tau", [0.1], group="applies to none"),
    sweep("a sweep that breaks a rule", "batch_size", [32, 128], "learning_starts", group="rule"),
    factor("a misspelt slot among the factors", "reply", ["uniform"], "replay"),
    factor("a misspelt kind among the factors", "target", ["none", "hrd"], "hrd", "hard"),
    record("a misspelt record", "probe_evry", 100, "probe_every"),
    record("probing less than never", "probe_every", -1),
    record("weights in words", "weights", "yes"),
    record("evaluations as a real number", "eval_episodes", 2.5),
]  # fmt: skip


def packed() -> Iterator[list[Mistake]]:
    """The mistakes in as few files as hold them: those of a group together, but never two at one key."""
    files: list[list[Mistake]] = []
    for mistake in MISTAKES:
        for file in files:
            taken = {(other.table, other.key) for other in file}
            if file[0].group == mistake.group and (mistake.table, mistake.key) not in taken:
                file.append(mistake)
                break
        else:
            files.append([mistake])
    yield from files


def document(mistakes: list[Mistake]) -> str:
    """A small study that is good but for these mistakes."""
    own = [mistake.key for mistake in mistakes if mistake.table == "variant"]
    tables: Tables = {
        "": {
            "name": "tiny",
            "envs": ["CartPole-v1"],
            "seeds": 2,
            "baseline": "dqn",
            "variants": ["dqn", *own],
        },
        "settings": dict(SMALL),
        "slots": dict(SMALL_SLOTS),
    }
    if mistakes[0].table == "factors":
        del tables[""]["variants"]
        tables[""]["baseline"] = "none"
    for mistake in mistakes:
        tables.setdefault(mistake.table, {})[mistake.key] = mistake.value
    lines = []
    for table, values in tables.items():
        lines += [f"[{table}]"] * bool(table)
        lines += [f"{toml(key)} = {toml(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"
