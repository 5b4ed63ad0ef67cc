"""One self-contained HTML page: what was run, what it shows, what is missing, and how to repeat it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import jinja2
from markupsafe import Markup

from analysis.findings.claims import NOT_TESTED, judge, read_claims
from analysis.findings.evidence import collect
from analysis.findings.summary import COLUMNS
from analysis.loading import Results
from analysis.report import claims, sentences
from analysis.report.page_figures import PageFigures
from analysis.report.provenance import command, provenance
from analysis.report.sections import sections
from analysis.report.svg import letters
from analysis.tables import comparisons, summary
from analysis.tables.components import component_notes, component_table, settings_table
from analysis.tables.missing import invalid_runs, missing_evidence
from analysis.tables.spelling import row_name

MANY = 12
"""Sentences, or rows, beyond which a list begins folded."""
FEW = 5
"""Undecided sentences beyond which they are folded."""
MARK = 'name="made-from" content="'
"""Where in the page the digest of everything it was made from stands."""


def render(results: Results, inputs: str) -> bytes:
    """The page. The figures must have been drawn: their SVG is taken from the folder."""
    found = collect(results)
    study, names = results.study, {row.label: row_name(row) for row in found.rows}
    figures = PageFigures(results, found.summaries)
    environments, overall = figures.environments(), figures.overall()
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.globals["reasons"] = claims.reasons
    script = environment.get_template("report.js.j2").render()
    judged = [(claim, [judge(scores, claim) for scores in found.scores]) for claim in read_claims()]
    compared = found.comparisons or found.soft_compared
    page = environment.get_template("report.html.j2").render(
        inputs=inputs,
        script=Markup(script),
        script_hash=digest(script),
        many=MANY,
        few=FEW,
        study=study,
        runs_text=results.runs_text(),
        components=component_table(study),
        component_notes=component_notes(study),
        answers=sentences.answers(found.comparisons, names),
        effect_sentences=sentences.effect_sentences(found.effects),
        missing=[*missing_evidence(found), *comparisons.too_few_seeds(compared)],
        tested=[pair for pair in judged if any(one.outcome != NOT_TESTED for one in pair[1])],
        untested=[pair for pair in judged if all(one.outcome == NOT_TESTED for one in pair[1])],
        environments=environments,
        columns=COLUMNS,
        notes=summary.notes(found.summaries, results),
        sections=sections(found, names, overall),
        values=figures.values,
        letters=letters(figures.glyphs),
        invalid_runs=invalid_runs(results, most=200),
        settings=settings_table(study),
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
