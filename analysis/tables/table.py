"""Tables as text: CSV for programs, Markdown and plain columns for terminals, LaTeX (booktabs) for papers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """A table: the same in CSV, in Markdown, in LaTeX and on the page of the report."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    """Texts as people read them; of a table for programs numbers, and None or NaN where there is none."""
    words: Collection[str] = ("variant",)
    """Columns of words, aligned to the left."""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Page:
    """A finding for people and programs: ``tables/<name>`` in three formats, and a section of the report."""

    name: str
    title: str
    """Of the Markdown page, behind the study's name."""
    records: Table
    """Every number of it: the CSV."""
    tables: Sequence[Table] = ()
    """What people read: Markdown and the report; where there is none, only the CSV is written."""
    notes: Sequence[str] = ()
    missing: Sequence[str] = ()
    """What the stored runs don't tell: after the notes of the Markdown page; the report says it once, elsewhere."""
    paper: Sequence[Table] = ()
    """LaTeX: what fits on a page."""
    caption: str = ""
    """Behind 'Study <name>: '."""
    heading: str = ""
    """Of the section of the report."""

    def files(self, study: str) -> dict[str, bytes]:
        """Its files by name."""
        texts = {f"{self.name}.csv": csv_text(self.records)}
        if self.tables:
            notes = [*self.notes, *self.missing]
            texts[f"{self.name}.md"] = markdown_page(f"{study}: {self.title}", self.tables, notes)
            texts[f"{self.name}.tex"] = latex(f"Study {study}: {self.caption}", self.paper)
        return {name: text.encode("utf-8") for name, text in texts.items()}


def recorded(records: Sequence[Mapping[str, Any]]) -> Table:
    """Records that share their keys as a table for programs."""
    return Table("", list(records[0]) if records else [], [list(record.values()) for record in records])


def by_environment(found: Sequence[T], env_id: Callable[[T], str]) -> dict[str, list[T]]:
    """Findings by environment, in their order."""
    groups: dict[str, list[T]] = {}
    for one in found:
        groups.setdefault(env_id(one), []).append(one)
    return groups


def markdown_page(title: str, tables: Sequence[Table], notes: Sequence[str]) -> str:
    """A Markdown page of tables, with how to read them below."""
    text = [f"# {title}", ""]
    for table in tables:
        text += [*([f"## {table.title}", ""] if table.title else []), *markdown(table), ""]
    return "\n".join([*text, *(f"- {note}" for note in notes), ""])


def csv_text(table: Table, digits: int = 10) -> str:
    """A header and every row; a number that isn't defined is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    spelled = f".{digits}g"
    for row in table.rows:  # a call per number would cost more than the numbers do
        writer.writerow(
            [
                ("" if value != value else format(value, spelled)) if isinstance(value, float) else value
                for value in row
            ]
        )
    return text.getvalue()


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
    return "\n".join(_booktabs(text, found) for text, found in zip(captions, alike.values(), strict=True))


def _booktabs(caption: str, parts: Sequence[Table]) -> str:
    """A booktabs table with a caption, in titled parts; the texts are escaped here. Needs \\usepackage{booktabs}.

    The first column and those of words are aligned to the left.
    """
    columns, words = parts[0].columns, parts[0].words
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
    for part in parts:
        text += [
            "    \\midrule",
            f"    \\multicolumn{{{len(columns)}}}{{l}}{{\\textit{{{escaped(part.title)}}}}} \\\\",
        ]
        for first, *others in part.rows:
            cells = [escaped(first), *(_minus(escaped(cell)) for cell in others)]
            text.append(f"    {' & '.join(cells)} \\\\")
    text += ["    \\bottomrule", "  \\end{tabular}", "\\end{table*}", ""]
    return "\n".join(text)


def _minus(cell: str) -> str:
    """A true minus sign where a number is negative."""
    return re.sub(r"(^|\[|, )-(?=\d)", r"\1$-$", cell)
