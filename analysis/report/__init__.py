"""One self-contained HTML page: what was run, what it shows, what is missing, and how to repeat it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import jinja2
from markupsafe import Markup

from analysis.findings import against_baseline, claims, components, gather
from analysis.findings.summary import FIRST
from analysis.loading import Results
from analysis.report import sentences
from analysis.report.page_figures import PageFigures
from analysis.report.provenance import command, provenance
from analysis.report.sections import sections
from analysis.report.svg import letters
from analysis.tables import summary

MANY = 12
"""Sentences, or rows, beyond which a list begins folded."""
FEW = 5
"""Undecided sentences beyond which they are folded."""
MARK = 'name="made-from" content="'
"""Where in the page the digest of everything it was made from stands."""


def render(results: Results, inputs: str) -> bytes:
    """The page. The figures must have been drawn: their SVG is taken from the folder."""
    found = gather.gather(results)
    study, names = results.study, {row.label: row.name for row in found.rows}
    drawings = PageFigures(results, found.lines)
    environments = drawings.environments()
    together = drawings.together()
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    script = environment.get_template("report.js.j2").render()
    judged = [(claim, [claims.judge(scores, claim) for scores in found.environment_scores]) for claim in claims.read()]
    page = environment.get_template("report.html.j2").render(
        inputs=inputs,
        script=Markup(script),
        script_hash=digest(script),
        many=MANY,
        few=FEW,
        study=study,
        valid_runs=results.runs_text(),
        components=components.matrix(study),
        component_columns=components.COLUMNS,
        aliases=study.get("aliases", []),
        answers=sentences.answers(found.compared, names),
        effect_sentences=sentences.effect_sentences(found.effects),
        lacks=[*found.lacks, *against_baseline.too_few(found.compared or found.soft_minus_hard)],
        tested=[pair for pair in judged if any("not tested" not in one.outcome for one in pair[1])],
        untested=[pair for pair in judged if all("not tested" in one.outcome for one in pair[1])],
        environments=environments,
        columns=FIRST,
        notes=summary.notes(found.lines, results),
        sections=sections(found, names, together),
        values=drawings.values,
        letters=letters(drawings.glyphs),
        absent=summary.absent(results, most=200),
        settings=components.settings_table(study),
        command=command(study),
        provenance=provenance(results),
    )
    return page.encode("utf-8")


def digest(script: str) -> str:
    """A script's hash as a content-security policy names it: what the page may run, and nothing else."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def made_from(path: Path) -> str | None:
    """The digest that a report says it was made from; None where there is no report."""
    try:
        with open(path, encoding="utf-8") as file:
            head = file.read(4000)
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(re.escape(MARK) + r"([0-9a-f]{64})\"", head)
    return found.group(1) if found else None
