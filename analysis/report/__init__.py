"""One self-contained HTML page: what was run, what it shows, what is missing, and how to repeat it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import jinja2
from markupsafe import Markup

from analysis.findings.claims import NOT_TESTED
from analysis.findings.evidence import Evidence
from analysis.findings.summary import COLUMNS
from analysis.report import opening, sentences
from analysis.report.page_figures import PageFigures
from analysis.report.provenance import command, provenance
from analysis.report.svg import letters
from analysis.tables import comparisons, stability, summary
from analysis.tables.components import component_table, settings_table
from analysis.tables.missing import invalid_runs, missing_evidence
from analysis.tables.pages import pages
from analysis.tables.spelling import row_name
from analysis.tables.table import Page

MANY = 12
"""Sentences, or rows, beyond which a list begins folded."""
FEW = 5
"""Undecided sentences beyond which they are folded."""
MARK = 'name="made-from" content="'
"""Where in the page the digest of everything it was made from stands."""


def render(found: Evidence, inputs: str) -> bytes:
    """The page. The figures must have been drawn: their SVG is taken from the folder."""
    results, study = found.results, found.results.study
    names = {row.label: row_name(row) for row in found.rows}
    figures = PageFigures(found)
    environments, overall = figures.environments(), figures.overall()
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    script = environment.get_template("report.js.j2").render()
    lag = "the hard target of the same lag"
    page = environment.get_template("report.html.j2").render(
        inputs=inputs,
        script=Markup(script),
        script_hash=digest(script),
        many=MANY,
        few=FEW,
        study=study,
        runs_text=results.runs_text(),
        components=component_table(study),
        answers=sentences.answers(found.comparisons, names),
        section_answers={"hard-against-soft": sentences.answers(found.soft_compared, names, lag)},
        effect_sentences=sentences.effect_sentences(found.effects),
        missing=[
            *missing_evidence(found),
            *comparisons.too_few_seeds(found.comparisons or found.soft_compared),
        ],
        openings=opening.openings(found),
        forests=figures.forests(),
        replanned=found.is_replanned,
        claim_lines=opening.claim_lines(found.judged),
        untested=[
            claim.text for claim, ones in found.judged if all(one.outcome == NOT_TESTED for one in ones)
        ],
        environments=environments,
        columns=COLUMNS,
        notes=summary.notes(found.summaries, results),
        sections=sections(found),
        section_figures=overall,
        values=figures.values,
        letters=letters(figures.glyphs),
        invalid_runs=invalid_runs(results, most=200),
        settings=settings_table(study),
        command=command(study),
        provenance=provenance(results),
    )
    return page.encode("utf-8")


def sections(found: Evidence) -> list[Page]:
    """The findings below the environments, in their order; what says why, and not how steady it was, comes last."""
    made = []
    why: list[Page] = []
    for page in pages(found):
        if page.name == "stability":
            inside = [table for table in page.tables if table.title.endswith(stability.DIAGNOSTICS)]
            why = [replace(page, name="diagnostics", heading="Diagnostics", tables=inside, notes=())]
            page = replace(page, tables=[table for table in page.tables if table not in inside])
        made.append(page)
    return [page for page in [*made, *why] if page.heading and page.tables]


def digest(script: str) -> str:
    """A script's hash as a content-security policy names it: what the page may run, and nothing else."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def made_from(path: Path) -> str | None:
    """The digest that a report says it was made from; None where there is no report."""
    if not path.is_file():
        return None
    with open(path, encoding="utf-8", errors="replace") as file:
        head = file.read(4000)
    found = re.search(re.escape(MARK) + r"([0-9a-f]{64})\"", head)
    return found.group(1) if found else None
