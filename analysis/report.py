"""One self-contained HTML page: what was run, what it shows, what is missing, and how to repeat it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ablations.store import env_folder
from analysis import components, tables
from analysis.figures import drawable
from analysis.results import Results
from analysis.summary import FIRST, Line, summarise

KINDS = {
    "curves": "Learning curves above running variance",
    "small-multiples": "Each variant against the baseline",
    "sweep": "The sweep",
    "variance": "Running variance in three forms, with the level of the curve beside it",
}
"""The figures of an environment in the order of the page."""
MARK = 'name="made-from" content="'
"""Where in the page the digest of everything it was made from stands."""


def render(results: Results, inputs: str) -> bytes:
    """The page. The figures must have been drawn: their SVG is taken from the folder."""
    lines = summarise(results)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        inputs=inputs,
        study=results.study,
        standing=results.standing_text(),
        environments=[_environment(results, env_id, lines) for env_id in _env_ids(results)],
        columns=FIRST,
        component_columns=components.COLUMNS,
        components=components.matrix(results.study),
        settings=components.settings_table(results.study),
        aliases=results.study.get("aliases", []),
        notes=tables.notes(lines, results),
        absent=tables.absent(results, most=200),
        origin=origin(results),
    )
    return page.encode("utf-8")


def made_from(path: Path) -> str | None:
    """The digest that a report says it was made from; None where there is no report."""
    try:
        with open(path, encoding="utf-8") as file:
            head = file.read(4000)
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(re.escape(MARK) + r"([0-9a-f]{64})\"", head)
    return found.group(1) if found else None


def origin(results: Results) -> list[tuple[str, str]]:
    """Where the runs come from: versions, commit, platform; with counts where runs differ."""
    manifests = [run.manifest for run in results.runs if run.stands]
    found = [("versions", _counted(_words(manifest.get("versions")) for manifest in manifests))]
    found.append(("git", _counted(_git(manifest.get("git")) for manifest in manifests)))
    found.append(("platform", _counted(_words(manifest.get("platform")) for manifest in manifests)))
    seconds = sum(float(manifest.get("cpu_seconds") or 0) for manifest in manifests)
    found.append(("processor time", f"{seconds / 60:.1f} minutes for {len(manifests)} runs"))
    return found


def _env_ids(results: Results) -> list[str]:
    return [environment["env_id"] for environment in results.environments]


def _environment(results: Results, env_id: str, lines: list[Line]) -> dict[str, Any]:
    """What the page says of one environment."""
    stem = env_folder(env_id)
    figures = []
    for kind, title in KINDS.items():
        path = results.folder / "figures" / f"{stem}-{kind}.svg"
        if env_id in drawable(results) and path.is_file():
            name = f"{env_id}: {title.lower()}"
            figures.append(
                {"id": f"{stem}-{kind}", "title": title, "svg": inline(path, f"{stem}-{kind}", name)}
            )
    return {
        "id": env_id,
        "anchor": stem,
        "standing": results.standing_text(env_id),
        "figures": figures,
        "lines": [tables.cells(line) for line in lines if line.row.env_id == env_id],
    }


def inline(path: Path, prefix: str, name: str) -> Markup:
    """An SVG of ours as part of a page: identifiers made unique, scaled to the page's width, named for readers."""
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'(xlink:href="|url\()#', rf"\1#{prefix}-", text)
    label = Markup.escape(name)
    text = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", text, count=1)
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))


def _words(facts: Any) -> str:
    if not isinstance(facts, Mapping):
        return str(facts or "not recorded")
    return ", ".join(f"{key} {value}" for key, value in facts.items())


def _git(facts: Any) -> str:
    if not isinstance(facts, Mapping) or not facts.get("commit"):
        return "not recorded"
    return f"commit {facts['commit']}" + (" with uncommitted changes" if facts.get("dirty") else "")


def _counted(texts: Iterable[str]) -> str:
    counts = Counter(texts)
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{text} ({count} runs)" for text, count in sorted(counts.items()))
