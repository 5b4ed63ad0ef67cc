"""Tables as text: CSV for programs, Markdown and plain columns for terminals, LaTeX (booktabs) for papers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Cells = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Sheet:
    """A table for people: the same in Markdown and on the page of the report."""

    title: str
    head: Sequence[str]
    body: Cells
    left: Collection[str] = ("variant",)
    """Columns of words, aligned to the left."""


def document(title: str, sheets: Sequence[Sheet], notes: Sequence[str]) -> str:
    """A Markdown page of tables, with how to read them below."""
    text = [f"# {title}", ""]
    for sheet in sheets:
        text += [f"## {sheet.title}", "", *markdown(sheet.head, sheet.body, sheet.left), ""]
    return "\n".join([*text, *(f"- {note}" for note in notes), ""])


def csv_text(records: Sequence[Mapping[str, object]], columns: Sequence[str] = ()) -> str:
    """Every column of records that share their keys; a number that isn't defined is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0] if records else columns), lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({key: _plain(value) for key, value in record.items()})
    return text.getvalue()


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.10g}"
    return str(value)


def markdown(head: Sequence[str], body: Cells, left: Collection[str]) -> list[str]:
    """A Markdown table, padded so that a terminal shows one; the named columns are aligned to the left."""
    lines = [list(head), *([text.replace("|", "\\|") for text in line] for line in body)]
    widths = [max(2, *(len(line[i]) for line in lines)) for i in range(len(head))]
    rule = [
        ":" + "-" * (width - 1) if name in left else "-" * (width - 1) + ":"
        for name, width in zip(head, widths, strict=True)
    ]
    return [f"| {' | '.join(_padded(head, line, widths, left))} |" for line in (lines[0], rule, *lines[1:])]


def columns(head: Sequence[str], body: Cells, left: Collection[str]) -> list[str]:
    """Plain columns two blanks apart, under a rule."""
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *body]
    return ["  ".join(_padded(head, line, widths, left)).rstrip() for line in lines]


def _padded(
    head: Sequence[str], line: Sequence[str], widths: Sequence[int], left: Collection[str]
) -> list[str]:
    return [
        cell.ljust(width) if name in left else cell.rjust(width)
        for name, cell, width in zip(head, line, widths, strict=True)
    ]


# ---- LaTeX ----

_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
    "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "…": r"\dots", "<": r"\textless{}",
    ">": r"\textgreater{}",
}  # fmt: skip


def escaped(text: str) -> str:
    """Text with TeX's special characters made harmless."""
    return "".join(_TEX.get(letter, letter) for letter in text)


def latex(caption: str, sheets: Sequence[Sheet]) -> str:
    """Tables for people as booktabs tables: sheets with the same columns are parts of one, under one caption."""
    tables: dict[tuple[str, ...], list[Sheet]] = {}
    for sheet in sheets:
        tables.setdefault(tuple(sheet.head), []).append(sheet)
    captions = [caption, *["Continued." for _ in tables][1:]]
    return "\n".join(
        booktabs(text, head, [(sheet.title, sheet.body) for sheet in found], found[0].left)
        for text, (head, found) in zip(captions, tables.items(), strict=True)
    )


def booktabs(
    caption: str, head: Sequence[str], parts: Sequence[tuple[str, Cells]], left: Collection[str] = ()
) -> str:
    """A booktabs table with a caption, in titled parts; the texts are escaped here. Needs \\usepackage{booktabs}.

    The first column and those named are aligned to the left.
    """
    aligned = "".join("l" if not place or name in left else "r" for place, name in enumerate(head))
    text = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table*}",
        "  \\centering\\small",
        f"  \\caption{{{escaped(caption)}}}",
        f"  \\begin{{tabular}}{{{aligned}}}",
        "    \\toprule",
        "    " + " & ".join(map(escaped, head)) + r" \\",
    ]
    for title, body in parts:
        text += [
            "    \\midrule",
            f"    \\multicolumn{{{len(head)}}}{{l}}{{\\textit{{{escaped(title)}}}}} \\\\",
        ]
        for first, *others in body:
            cells = [escaped(first), *(_minus(escaped(cell)) for cell in others)]
            text.append(f"    {' & '.join(cells)} \\\\")
    text += ["    \\bottomrule", "  \\end{tabular}", "\\end{table*}", ""]
    return "\n".join(text)


def _minus(cell: str) -> str:
    """A true minus sign where a number is negative."""
    return re.sub(r"(^|\[|, )-(?=\d)", r"\1$-$", cell)
