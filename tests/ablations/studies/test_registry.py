"""Files of pieces beside a study: what they add, what is wrong with them, and what of them a key says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ablations import engines
from ablations.dqn.facts import Facts
from ablations.dqn.variants import PIECES, SLOTS
from ablations.errors import BadInput, Findings
from ablations.studies import load, registry
from ablations.studies.study import Study
from tests.ablations.documents import document

HEAD = "from dataclasses import dataclass\n"
MEAN = """
@dataclass(frozen=True)
class Mean:
    slot, kind = "bootstrap", "mean"
    share: float = 1.0
    def __call__(self, batch, q, q_target):
        return batch.reward + self.share * batch.discount * q_target(batch.next_obs).mean(-1)
"""
SLOWER = """
@dataclass(frozen=True)
class Slower:
    slot, kind = "target", "slower"
    every: int = 2
    def follow(self, target_params, online_params, update):
        return target_params.lerp_(online_params, 0.01) if update % self.every == 0 else target_params
"""
OWN = {"mean": {"bootstrap": "mean"}}


def study(folder: Path, **changes: Any) -> Study:
    changes = {"pieces": ["mine.py"], "variants": ["dqn"]} | changes
    return load.from_document(document(**changes), str(folder / "mine.toml"))


def problems(folder: Path, source: str, **changes: Any) -> list[str]:
    (folder / "mine.py").write_text(source, encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        study(folder, **changes)
    assert {each.where for each in refused.value.problems} == {str(folder / "mine.toml")}
    return [f"{each.key}: {each.message}" for each in refused.value.problems]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(HEAD + MEAN + SLOWER, encoding="utf-8")
    return tmp_path


def test_own_pieces_serve_slots_variants_sweeps_and_factors(mine: Path) -> None:
    whole = study(
        mine,
        variants=["dqn", "mean"],
        slots={"target": {"kind": "slower", "every": 3}},
        variant=OWN,
        sweep={"target.every": [2, 5], "bootstrap.share": [0.5]},
    )
    assert [row.label for row in whole.rows] == [
        "dqn@target.every=2",
        "dqn@target.every=5",
        "mean@target.every=2@bootstrap.share=0.5",
        "mean@target.every=5@bootstrap.share=0.5",
    ]
    crossed = study(mine, variants=[], baseline="max", factors={"bootstrap": ["max", {"kind": "mean"}]})
    assert [row.label for row in crossed.rows] == ["max", "mean"]


def test_a_key_names_the_digest_of_the_files_whose_pieces_its_row_holds_and_no_other_key_changes(
    mine: Path,
) -> None:
    (mine / "other.py").write_text(HEAD + MEAN.replace("mean", "median"), encoding="utf-8")
    alone = load.from_document(document(variants=["dqn", "no-target"]), "mine.toml")
    both = study(
        mine,
        pieces=["mine.py", "other.py"],
        variants=["dqn", "no-target", "mean"],
        variant=OWN,
    )
    runs = both.runs()
    assert [run.key for run in runs[:4]] == [run.key for run in alone.runs()]
    digest = hashlib.sha256((mine / "mine.py").read_bytes()).hexdigest()[:16]
    assert [run.config.get("pieces") for run in runs] == [None] * 4 + [{"mine.py": digest}] * 2
    assert set(json.loads(json.dumps(both.plain()))["pieces"]) == {"mine.py", "other.py"}
    assert "pieces" not in alone.plain()


def test_another_comment_in_the_file_is_another_key(mine: Path) -> None:
    before = study(mine, variants=["mean"], baseline="mean", variant=OWN).runs()
    (mine / "mine.py").write_text(HEAD + MEAN + SLOWER + "# a comment\n", encoding="utf-8")
    after = study(mine, variants=["mean"], baseline="mean", variant=OWN).runs()
    assert before[0].config["slots"] == after[0].config["slots"]
    assert before[0].key != after[0].key


def test_two_studies_of_one_process_have_each_their_own_piece_of_one_kind(tmp_path: Path) -> None:
    made = []
    for name, value in (("one", "1.0"), ("two", "0.5")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "mine.py").write_text(HEAD + MEAN.replace("1.0", value), encoding="utf-8")
        made.append(study(folder, variants=["mean"], baseline="mean", variant=OWN))
    assert [each.rows[0].slots.bootstrap.share for each in made] == [1.0, 0.5]
    assert all("mean" not in kinds for kinds in PIECES.values())
    with pytest.raises(BadInput, match='unknown kind "mean"'):
        study(tmp_path, pieces=None, variants=["mean"], baseline="mean", variant=OWN)


def test_a_study_read_twice_is_the_same_study_and_nothing_is_written_beside_it(mine: Path) -> None:
    first = study(mine, variants=["dqn", "mean"], variant=OWN)
    assert load.with_seeds(first, 2) == first
    assert [path.name for path in mine.iterdir()] == ["mine.py"]


def test_a_piece_that_says_nothing_of_itself_stands_behind_those_that_ship(mine: Path) -> None:
    bootstrap = study(mine, variants=["dqn", "mean"], variant=OWN).rows[1].slots.bootstrap
    assert bootstrap.facts() == Facts(order=registry.LAST)
    assert bootstrap.facts().order > max(each().facts().order for each in PIECES["bootstrap"].values())


def test_only_an_op_of_its_own_class_takes_a_piece_to_a_compiled_body(tmp_path: Path) -> None:
    source = """
from dataclasses import dataclass
from ablations.dqn import ops
from ablations.dqn.loss import Huber

@dataclass(frozen=True)
class Inherits(Huber):
    slot, kind = "loss", "inherits"

@dataclass(frozen=True)
class Names(Huber):
    slot, kind, op = "loss", "names", ops.Loss.HUBER
"""
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    tables = {"inherits": {"loss": "inherits"}, "names": {"loss": "names"}}
    rows = study(tmp_path, variants=["dqn", "inherits", "names"], variant=tables).rows
    taken = [engines.path("native", row.slots) for row in rows]
    assert taken == ["native", "native-general", "native"]


def test_what_a_slot_asks_of_its_pieces() -> None:
    assert {slot: registry.needed(slot) for slot in SLOTS} == {
        "trunk": ["activations", "parameters", "width"],
        "head": ["outputs", "parameters"],
        "exploration": ["act", "rate"],
        "replay": ["add", "feedback", "init", "sample"],
        "returns": ["batch"],
        "target": ["follow"],
        "bootstrap": ["__call__"],
        "loss": ["error", "outputs_per_action", "values"],
        "optimizer": ["step"],
        "maintenance": ["draws", "due", "maintain"],
    }


ONE = "@dataclass(frozen=True)\nclass One:\n    slot, kind = "
CALL = "\n    def __call__(self, batch, q, q_target): return batch.reward"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1\n", "holds no piece: a frozen dataclass with the class variables slot and kind"),
        ("x = 1\ny = (\n", "'mine.py', line 2: SyntaxError: '(' was never closed"),
        (
            "\n\nimport nowhere_at_all\n",
            "line 3: raised ModuleNotFoundError: No module named 'nowhere_at_all'",
        ),
        ("raise SystemExit(3)\n", "line 1: raised SystemExit: 3"),
        ("def f(): return 1 / 0\nf()\n", "line 1: raised ZeroDivisionError"),
        ("class One:\n    slot, kind = 'bootstrap', 'one'\n", "One: not a frozen dataclass"),
        ("@dataclass\nclass One:\n    slot, kind = 'bootstrap', 'one'\n", "One: not a frozen dataclass"),
        (
            "@dataclass(frozen=True)\nclass One:\n    kind: str = 'one'\n",
            "'kind' is a field; a class variable is written kind: ClassVar[str] = ...",
        ),
        (
            "@dataclass(frozen=True)\nclass One:\n    kind = 'one'\n",
            "has a kind and no slot; valid: trunk, head, exploration",
        ),
        (f"{ONE}'bootstrp', 'one'{CALL}\n", "unknown slot \"bootstrp\"; did you mean 'bootstrap'?"),
        (f"{ONE}3, 'one'{CALL}\n", "unknown slot 3; valid: trunk"),
        (f"{ONE}'bootstrap', 'double'{CALL}\n", "the bootstrap has a kind 'double' already"),
        (f"{ONE}'bootstrap', 'One!'{CALL}\n", 'got the kind "One!"'),
        (f"{ONE}'loss', 'one'{CALL}\n", "a piece of the loss needs error, outputs_per_action, values"),
        (f"{ONE}'bootstrap', 'one'\n    n: int{CALL}\n", "the field 'n' has no default"),
        (f"{ONE}'bootstrap', 'one'\n    n: int = 1.5{CALL}\n", "the field 'n': expected an integer, got 1.5"),
        (f"{ONE}'bootstrap', 'one'\n    n: object() = 1{CALL}\n", "the field 'n': a number"),
        (f"{ONE}'bootstrap', 'one'\n    n: bytes = b'1'{CALL}\n", "the field 'n': a number"),
        (f"{ONE}'bootstrap', 'one'\n    n: 'Number' = 1{CALL}\n", "name 'Number' is not defined"),
        (f"{ONE}'bootstrap', 'one'{CALL}\n    def facts(self): return 1\n", "facts() does not give Facts"),
        (
            f"{ONE}'bootstrap', 'one'{CALL}\n    def facts(self): return self.order\n",
            "its facts() or objections() raised AttributeError: 'One' object has no attribute 'order'",
        ),
    ],
)
def test_a_file_with_a_mistake_is_refused_in_one_sentence(tmp_path: Path, source: str, says: str) -> None:
    (problem,) = problems(tmp_path, HEAD + source if "class" in source else source)
    assert problem.startswith("pieces: 'mine.py'")
    assert says in problem


def test_mistakes_of_files_stand_beside_those_of_the_study_and_hide_none_that_they_explain(
    tmp_path: Path,
) -> None:
    (tmp_path / "yours.py").write_text(HEAD + MEAN, encoding="utf-8")
    found = problems(
        tmp_path,
        "x = (\n",
        pieces=["mine.py", "your.py"],
        variants=["dqn", "mean"],
        variant=OWN,
        sweep={"bootstrap.share": [0.5]},
        settings={"gama": 0.9},
    )
    assert found == [
        "pieces: 'mine.py', line 1: SyntaxError: '(' was never closed",
        "pieces: 'your.py': no such file; did you mean 'yours.py'?",
        "settings.gama: unknown key; did you mean 'gamma'?",
    ]


def test_facts_that_raise_at_a_number_of_some_row_are_told_with_their_line(tmp_path: Path) -> None:
    facts = "    def facts(self): return Facts(lag=1 / (self.share - 0.5))\n"
    source = f"{HEAD}from ablations.dqn.facts import Facts\n{MEAN}{facts}"
    (problem,) = problems(
        tmp_path, source, variants=["dqn", "mean"], variant=OWN, sweep={"bootstrap.share": [1, 0.5]}
    )
    assert problem == "pieces: 'mine.py', line 10: raised ZeroDivisionError: float division by zero"


def test_two_files_may_not_have_one_kind(mine: Path) -> None:
    (mine / "other.py").write_text(HEAD + MEAN + "# another\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"'other.py': Mean: the bootstrap has a kind 'mean' already"):
        study(mine, pieces=["mine.py", "other.py"])


@pytest.mark.parametrize("names", ["mine.py", ["../mine.py"], ["/mine.py"], ["mine"], [3], ["a\0.py"]])
def test_files_are_named_as_what_lies_beside_the_study(mine: Path, names: object) -> None:
    with pytest.raises(BadInput, match=r"pieces: expected a list of names of files beside the study") as bad:
        study(mine, pieces=names)
    assert len(bad.value.problems) == 1


def test_code_that_is_not_the_one_that_is_meant_is_told_and_never_run(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit\n", encoding="utf-8")
    found = Findings("study")
    known = registry.read([tmp_path / "mine.py"], found, {"mine.py": "0123456789abcdef"})
    (problem,) = found.problems
    assert problem.message.startswith("'mine.py' has changed: its digest was 0123456789abcdef and is ")
    assert known.differs_from({"mine.py": "0123456789abcdef"}) == problem.message
    assert known.differs_from({"yours.py": "0"}) == "the study does not list 'yours.py' in pieces"
