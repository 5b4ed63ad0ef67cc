"""One self-contained HTML page: what was run, what it shows, what is missing, and how to repeat it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from ablations.store import env_folder
from analysis import claims, comparisons, components, effects, evidence, sentences, stability, tables
from analysis.board import Board, boards
from analysis.figures import drawable
from analysis.metrics import METRICS
from analysis.results import Results
from analysis.summary import FIRST, Line, summarise

KINDS = {
    "curves": "Learning curves above running variance",
    "small-multiples": "Each variant against the baseline",
    "sweep": "The sweep",
    "variance": "Running variance in three forms, with the level of the curve beside it",
    "exact": "Learned against exact values",
}
"""The figures of an environment in the order of the page."""
DIAGNOSTICS = "values and networks, averaged over runs"
"""The family of metrics that has a section of its own; the others are the stability table."""
MANY = 12
"""Sentences beyond which a list begins folded."""
NAMED = 12
"""Rows beyond which a figure's description doesn't list their numbers."""
MARK = 'name="made-from" content="'
"""Where in the page the digest of everything it was made from stands."""


@dataclass(frozen=True)
class Sheet:
    """A table of the page."""

    title: str
    head: Sequence[str]
    body: Sequence[Sequence[str]]


def render(results: Results, inputs: str) -> bytes:
    """The page. The figures must have been drawn: their SVG is taken from the folder."""
    lines = summarise(results)
    found = boards(results, lines)
    study, baseline = results.study, str(results.study.get("baseline", ""))
    compared = [one for board in found for one in comparisons.compare_all(board, baseline)]
    sized = [one for board in found for one in effects.size_all(board, study.get("aliases", []))]
    names = {line.row.label: line.row.name for line in lines}
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = environment.get_template("report.js.j2").render()
    page = environment.get_template("report.html.j2").render(
        inputs=inputs,
        script=Markup(script),
        script_hash=digest(script),
        many=MANY,
        study=study,
        standing=results.standing_text(),
        answers=sentences.answers(compared, names),
        effect_sentences=sentences.effect_sentences(sized),
        lacks=[
            *evidence.idle(results, found),
            *evidence.missing(found),
            *comparisons.too_few(compared),
        ],
        claims=[(claim, _judged(found, claim)) for claim in claims.read()],
        environments=[_environment(results, env_id, lines) for env_id in _env_ids(results)],
        together=_figures(results, {"sample-efficiency": "Sample efficiency: table against network"}, "", []),
        columns=FIRST,
        component_columns=components.COLUMNS,
        components=components.matrix(study),
        comparisons=comparison_sheets(compared),
        comparison_notes=comparisons.notes() if compared else [],
        stability=[sheet for board in found for sheet in stability_sheets(board, lambda f: f != DIAGNOSTICS)],
        stability_notes=stability.notes(found) if found else [],
        diagnostics=[
            sheet for board in found for sheet in stability_sheets(board, lambda f: f == DIAGNOSTICS)
        ],
        effects=effect_sheets(sized),
        effect_notes=effects.notes() if sized else [],
        settings=components.settings_table(study),
        aliases=study.get("aliases", []),
        notes=tables.notes(lines, results),
        absent=tables.absent(results, most=200),
        origin=origin(results),
    )
    return page.encode("utf-8")


def digest(script: str) -> str:
    """A script's hash as a content-security policy names it: what the page may run, and nothing else."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _judged(found: Sequence[Board], claim: claims.Claim) -> list[claims.Judged]:
    """A claim in each environment."""
    return [claims.judge(board, claim) for board in found]


# ---- tables --------------------------------------------------------------------------------------------------------


def comparison_sheets(found: Sequence[comparisons.Compared]) -> list[Sheet]:
    """Every row against the baseline: a table per environment and headline."""
    sheets = []
    for env_id in dict.fromkeys(one.env_id for one in found):
        for name in comparisons.HEADLINES:
            here = [one for one in found if (one.env_id, one.metric.name) == (env_id, name)]
            if here:
                title = f"{env_id}: {comparisons.heading(here[0])}"
                head = ("variant", "n", "mean", "baseline", "difference", "effect", "p", "Holm p", "verdict")
                sheets.append(Sheet(title, head, [_compared(one) for one in here]))
    return sheets


def _compared(one: comparisons.Compared) -> list[str]:
    name, ends = one.metric.name, one.comparison.difference
    return [
        one.label,
        str(one.comparison.n),
        *(_number(name, mean) for mean in one.means),
        "n/a" if np.isnan(ends.point) else tables.interval_text(name, ends),
        *(_short(value) for value in (one.comparison.effect_size, one.comparison.p, one.p_holm)),
        one.text,
    ]


def _short(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.2g}"


def stability_sheets(board: Board, wanted: Callable[[str], bool]) -> list[Sheet]:
    """The wanted families of the stability table of one environment."""
    return [
        Sheet(
            f"{board.env_id}: {title}",
            ["variant", "n", *(METRICS[name].title for name in names)],
            [[line.row.label, str(line.n), *(_cell(line, name) for name in names)] for line in board.lines],
        )
        for title, names in stability.families(board)
        if wanted(title)
    ]


def effect_sheets(found: Sequence[effects.Sized]) -> list[Sheet]:
    """Main effects, interactions and Shapley values of a factorial: a line per effect, a column per metric."""
    sheets = []
    for env_id, at in dict.fromkeys((one.env_id, one.at) for one in found):
        here = [one for one in found if (one.env_id, one.at) == (env_id, at)]
        metrics = list(dict.fromkeys(one.metric for one in here))
        where = f"{env_id}, {at}" if at else env_id
        for kind, title in effects.KINDS.items():
            for game in dict.fromkeys(one.effect.game for one in here if one.effect.kind == kind):
                chosen = [one for one in here if (one.effect.kind, one.effect.game) == (kind, game)]
                cells = {(one.effect.name, one.metric): one for one in chosen}
                body = [
                    [name, *(_interval(cells[name, metric]) for metric in metrics)]
                    for name in dict.fromkeys(one.effect.name for one in chosen)
                ]
                head = ["effect", *(METRICS[metric].title for metric in metrics)]
                sheets.append(Sheet(f"{where}: {title}{f', game of {game}' if game else ''}", head, body))
    return sheets


def _interval(one: effects.Sized) -> str:
    return "n/a" if np.isnan(one.number.point) else tables.interval_text(one.metric, one.number)


def _cell(line: Line, name: str) -> str:
    number = line.numbers[name]
    if np.isnan(number.point):
        return line.waits_text.get(name) or "n/a"
    return tables.interval_text(name, number)


def _number(name: str, value: float) -> str:
    return "n/a" if np.isnan(value) else tables.number_text(name, value)


# ---- where it comes from -------------------------------------------------------------------------------------------


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
    here = [line for line in lines if line.row.env_id == env_id]
    drawn = env_id in drawable(results)
    return {
        "id": env_id,
        "anchor": stem,
        "standing": results.standing_text(env_id),
        "figures": _figures(results, {f"{stem}-{kind}": title for kind, title in KINDS.items()}, env_id, here)
        if drawn
        else [],
        "lines": [tables.cells(line) for line in here],
    }


def _figures(
    results: Results, titles: Mapping[str, str], env_id: str, lines: Sequence[Line]
) -> list[dict[str, Any]]:
    """The figures that were drawn, with their titles and descriptions."""
    found = []
    for name, title in titles.items():
        path = results.folder / "figures" / f"{name}.svg"
        if path.is_file():
            found.append(
                {"id": name, "title": title, "svg": inline(path, name, described(env_id, title, lines))}
            )
    return found


def described(env_id: str, title: str, lines: Sequence[Line]) -> str:
    """A figure in words: what it shows, of which rows, and where they end."""
    known = [line for line in lines if np.isfinite(line.numbers["final_return"].point)]
    text = f"{env_id}: {title.lower()}." if env_id else f"{title}."
    if not known:
        return text
    ordered = sorted(known, key=lambda line: -line.numbers["final_return"].point)
    chosen = ordered if len(ordered) <= NAMED else [ordered[0], ordered[-1]]
    ends = ", ".join(
        f"{line.row.name} {_number('final_return', line.numbers['final_return'].point)}" for line in chosen
    )
    return f"{text} {len(lines)} rows; mean final return{'' if chosen is ordered else ', highest and lowest'}: {ends}."


def inline(path: Path, prefix: str, name: str) -> Markup:
    """An SVG of ours as part of a page: identifiers made unique, scaled to the page's width, named for readers.

    Lines are written in fewer letters: the page holds one per seed, row and panel.
    """
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(?<= d=")[^"]*', lambda path: shorter(path.group()), text)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'(xlink:href="|url\()#', rf"\1#{prefix}-", text)
    label = Markup.escape(name)
    text = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", text, count=1)
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))


def shorter(path: str) -> str:
    """Straight lines with every point relative to the one before, in tenths of a point: less than half the text.

    Each difference is one of rounded places, so that rounding doesn't add up. Curves and letters stay as they are.
    """
    words = path.split()
    if not set(filter(str.isalpha, words)) <= {"M", "L", "z"}:
        return path
    text, place, x, y, x_start, y_start = [], 0, 0, 0, 0, 0
    while place < len(words):
        if words[place] == "z":
            text.append("z")
            x, y, place = x_start, y_start, place + 1
            continue
        x_next, y_next = (round(10 * float(word)) for word in words[place + 1 : place + 3])
        if words[place] == "M":
            text.append(f"M{_tenths(x_next)} {_tenths(y_next)}")
            x_start, y_start = x_next, y_next
        else:
            text.append(f"l{_tenths(x_next - x)} {_tenths(y_next - y)}")
        x, y, place = x_next, y_next, place + 3
    return re.sub(r"(?<=[0-9]) (?=-)", "", "".join(text))


def _tenths(number: int) -> str:
    """25 is 2.5, -5 is -.5, 30 is 3."""
    whole, tenth = divmod(abs(number), 10)
    size = f"{whole or ''}.{tenth}" if tenth else str(whole)
    return f"-{size}" if number < 0 else size


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
