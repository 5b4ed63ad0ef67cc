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
class Table:
    """A table for people: the same in Markdown, in LaTeX and on the page of the report."""

    title: str
    columns: Sequence[str]
    rows: Cells
    words: Collection[str] = ("variant",)
    """Columns of words, aligned to the left."""


def markdown_page(title: str, tables: Sequence[Table], notes: Sequence[str]) -> str:
    """A Markdown page of tables, with how to read them below."""
    text = [f"# {title}", ""]
    for table in tables:
        text += [f"## {table.title}", "", *markdown(table), ""]
    return "\n".join([*text, *(f"- {note}" for note in notes), ""])


def csv_text(records: Sequence[Mapping[str, object]], columns: Sequence[str] = ()) -> str:
    """Every column of records that share their keys; a number that isn't defined is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0] if records else columns), lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({key: _csv_cell(value) for key, value in record.items()})
    return text.getvalue()


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.10g}"
    return str(value)


def markdown(table: Table) -> list[str]:
    """A Markdown table, padded so that a terminal shows one."""
    rows = [[text.replace("|", "\\|") for text in row] for row in table.rows]
    widths = [max(2, *map(len, column)) for column in zip(table.columns, *rows, strict=True)]
    rule = [
        ":" + "-" * (width - 1) if name in table.words else "-" * (width - 1) + ":"
        for name, width in zip(table.columns, widths, strict=True)
    ]
    return [f"| {' | '.join(_padded(table, row, widths))} |" for row in (table.columns, rule, *rows)]


def plain_columns(table: Table) -> list[str]:
    """Plain columns two blanks apart, under a rule."""
    widths = [max(map(len, column)) for column in zip(table.columns, *table.rows, strict=True)]
    rows = [table.columns, ["-" * width for width in widths], *table.rows]
    return ["  ".join(_padded(table, row, widths)).rstrip() for row in rows]


def _padded(table: Table, row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.ljust(width) if name in table.words else cell.rjust(width)
        for name, cell, width in zip(table.columns, row, widths, strict=True)
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


def latex(caption: str, tables: Sequence[Table]) -> str:
    """Tables for people as booktabs tables: those with the same columns are parts of one, under one caption."""
    alike: dict[tuple[str, ...], list[Table]] = {}
    for table in tables:
        alike.setdefault(tuple(table.columns), []).append(table)
    captions = [caption, *["Continued." for _ in alike][1:]]
    return "\n".join(
        booktabs(text, columns, [(table.title, table.rows) for table in found], found[0].words)
        for text, (columns, found) in zip(captions, alike.items(), strict=True)
    )


def booktabs(
    caption: str, columns: Sequence[str], parts: Sequence[tuple[str, Cells]], words: Collection[str] = ()
) -> str:
    """A booktabs table with a caption, in titled parts; the texts are escaped here. Needs \\usepackage{booktabs}.

    The first column and those named are aligned to the left.
    """
    aligned = "".join("l" if not place or name in words else "r" for place, name in enumerate(columns))
    text = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table*}",
        "  \\centering\\small",
        f"  \\caption{{{escaped(caption)}}}",
        f"  \\begin{{tabular}}{{{aligned}}}",
        "    \\toprule",
        "    " + " & ".join(map(escaped, columns)) + r" \\",
    ]
    for title, rows in parts:
        text += [
            "    \\midrule",
            f"    \\multicolumn{{{len(columns)}}}{{l}}{{\\textit{{{escaped(title)}}}}} \\\\",
        ]
        for first, *others in rows:
            cells = [escaped(first), *(_minus(escaped(cell)) for cell in others)]
            text.append(f"    {' & '.join(cells)} \\\\")
    text += ["    \\bottomrule", "  \\end{tabular}", "\\end{table*}", ""]
    return "\n".join(text)


def _minus(cell: str) -> str:
    """A true minus sign where a number is negative."""
    return re.sub(r"(^|\[|, )-(?=\d)", r"\1$-$", cell)
