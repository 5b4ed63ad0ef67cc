"""The recipe for a trick of one's own, carried out as the documents spell it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .outside import ablations, analysis, assert_answered, manifest_of, runs_in, write_study

REPOSITORY = Path(__file__).parents[2]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def with_the_trick(folder: Path, document: str) -> None:
    """The packages, copied to a folder, with the piece and the lines that a document shows for a new trick."""
    for package in ("ablations", "analysis"):
        shutil.copytree(REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    piece, lines = [
        block
        for block in BLOCK.findall((REPOSITORY / document).read_text(encoding="utf-8"))
        if "Mean" in block
    ]
    bootstrap, variants = (
        folder / "ablations" / "dqn" / "bootstrap.py",
        folder / "ablations" / "dqn" / "variants.py",
    )
    bootstrap.write_text(f"{bootstrap.read_text(encoding='utf-8')}\n\n{piece}", encoding="utf-8")
    imported, named = lines.split("\n", 1)
    text = variants.read_text(encoding="utf-8")
    text = text.replace("from ablations.dqn.bootstrap", f"{imported}\nfrom ablations.dqn.bootstrap", 1)
    text = text.replace("    # combinations\n", f"{named}    # combinations\n", 1)
    variants.write_text(text, encoding="utf-8")


def test_a_trick_made_as_the_documents_say_is_run_drawn_and_compared(tmp_path: Path) -> None:
    with_the_trick(tmp_path, "CONTRIBUTING.md")
    assert "mean" in ablations("list", cwd=tmp_path).stdout
    write_study(tmp_path, {"variants": "all", "seeds": 1}, {"total_timesteps": 300})
    assert_answered(ablations("run", "tiny.toml", "--variants", "dqn", "mean", cwd=tmp_path), 0)
    results = tmp_path / "results" / "tiny"
    (run,) = [run for run in runs_in(results) if run["label"] == "mean"]
    assert manifest_of(results, run)["config"]["slots"]["bootstrap"] == {"kind": "mean"}
    assert_answered(analysis("tables", "results/tiny", cwd=tmp_path), 0)
    assert "\nCartPole-v1,mean,1," in (results / "tables" / "summary.csv").read_text(encoding="utf-8")
