"""The report: one file, nothing from outside, nothing of a study's text taken for markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.report import digest, render
from analysis.report.svg import shorter
from tests.analysis.made_up import cell, evidence, make_study, row, see

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Every element with its attributes; fails on elements that are closed out of order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.elements if (value := attrs.get(name)) is not None]


FACTS = {
    "value_bounds": [1.0, 100.0],
    "random_policy": {"episodes": 100, "mean_return": 20.0, "std_return": 9.0},
}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    odd = {**row("per"), "title": "<script>alert(1)</script>"}
    folder = make_study(
        tmp_path_factory.mktemp("report") / "study",
        [row("dqn"), odd, row("naive")],
        states={("naive", 0): "failed", ("naive", 1): "diverged", ("per", 2): "missing"},
        aliases=[{"label": "a+b", "of": "c+d"}],
        left_out=[{"label": "e+f", "reason": "e needs no f"}],
        look=see,
        facts=FACTS,
    )
    assert main(["report", str(folder)]) == 0
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_every_identifier_is_its_own(text: str):
    found = Page(text).attributes("id")
    assert len(found) == len(set(found))


def test_every_link_inside_the_page_leads_somewhere(text: str):
    page = Page(text)
    found = set(page.attributes("id"))
    links = page.attributes("href") + page.attributes("xlink:href")
    assert links
    assert all(link.startswith("#") and link[1:] in found for link in links)
    assert all(name in found for name in re.findall(r"url\(#([^)]+)\)", text))


def test_nothing_is_asked_of_a_network(text: str):
    page = Page(text)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"link", "iframe", "object", "embed"}
    assert page.attributes("src") == []
    (policy,) = [a["content"] for t, a in page.elements if t == "meta" and a.get("http-equiv")]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_the_policy_lets_the_one_script_run_that_the_page_was_made_with(text: str):
    page = Page(text)
    (policy,) = [a["content"] for t, a in page.elements if t == "meta" and a.get("http-equiv")]
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert policy is not None
    assert f"script-src '{digest(script)}';" in policy
    assert "fetch" not in script
    assert "http" not in script


def test_words_of_a_study_are_never_markup(text: str):
    assert "<b>the pole" not in text
    assert "<b>the pole & the cart</b>" in Page(text).words
    assert "alert(1)" in Page(text).words
    assert len(re.findall(r"<script(?! type=.application/json.)", text)) == 1


def test_figures_have_a_name_for_those_who_cannot_see_them(text: str):
    drawings = [attrs for tag, attrs in Page(text).elements if tag == "svg" and "aria-hidden" not in attrs]
    assert len(drawings) == 7
    names = [attrs["aria-label"] or "" for attrs in drawings]
    assert all(attrs["role"] == "img" for attrs in drawings)
    assert len(set(names)) == 7
    assert sum("CartPole-v1" in name for name in names) == 5
    assert all(len(name) > 10 for name in names)


def test_a_figures_description_says_where_its_lines_end(text: str):
    (curves,) = [
        attrs["aria-label"] or ""
        for tag, attrs in Page(text).elements
        if tag == "svg" and "learning curves" in (attrs.get("aria-label") or "")
    ]
    assert re.search(
        r"3 rows, n = 2 to 3; mean final return: .*DQN \d+\.\d, Naive \(no replay, no target\) \d+", curves
    )


def test_the_answer_comes_first_then_the_literature_the_curves_and_what_they_rest_on(text: str):
    order = ["answer", "claims", "CartPole-v1", "components", "sentences", "verdicts", "comparisons"]
    order += ["stability", "diagnostics", "absent", "settings", "reproduce"]
    places = [text.index(f'<h2 id="{name}"') for name in order]
    assert places == sorted(places)
    assert text.index('<h2 id="answer"') < text.index("each row minus the baseline") < places[1]
    words = Page(text).words
    assert "Undecided for all 2 rows." in words
    assert "nothing can be called different below n =" in words
    assert "Prioritised replay learns faster than uniform replay." in words
    assert "not tested by these runs" in words


def test_rows_that_are_not_run_are_named_with_the_reason(text: str):
    words = Page(text).words
    assert "a+b is not run: it trains exactly as c+d." in words
    assert "e+f is left out: e needs no f." in words


def test_every_section_stands_in_the_contents(text: str):
    sections = re.findall(r'<h2 id="([^"]+)"', text)
    contents = text[text.index("<nav") : text.index("</nav>")]
    assert [name for name in sections if f'href="#{name}"' not in contents] == []


def test_every_table_has_a_box_in_which_it_scrolls(text: str):
    tables = text.count("<table")
    assert tables == len(re.findall(r'<div class="wide"[^>]*aria-label="[^"]+">\s*<table', text))


def test_a_line_is_written_shorter_and_leads_through_the_same_places():
    path = "M 1.5 -20.0 \nL 2.0 -19.5 \nL 2.0 -30.0 \nL 12.34 -30.06 \nz\nM 0 0 \nL -1 0.25 "
    assert shorter(path) == "M1.5-20l.5 .5l0-10.5l10.3-.1zM0 0l-1 .2"
    letter = "M 1 2 Q 3 4 5 6 z"
    assert shorter(letter) == letter


def test_the_key_of_every_run_is_there(text: str):
    assert len(re.findall(r"<td><code>[0-9a-f]{12,64}</code></td>", text)) == 9


def test_effects_of_a_factorial_have_sentences_and_tables(tmp_path: Path):
    levels = {"uniform": "hard", "consecutive": "none"}
    rows = [cell(replay=replay, target=target) for replay in levels for target in levels.values()]
    text = render(evidence(make_study(tmp_path / "s", rows, facts=FACTS)), "0" * 64).decode("utf-8")
    assert "target, hard instead of none: " in text
    assert "CartPole-v1: main effects" in text
    assert "CartPole-v1: two-way interactions" in text


def test_it_says_what_failed_what_diverged_and_how_to_repeat_it(text: str):
    words = Page(text).words
    assert "naive, seed 0: failed" in words
    assert "naive, seed 1: diverged at step 2000" in words
    assert "1 of 9 listed runs are missing" in words
    assert "python -m ablations run made-up" in words
    assert "torch 2.13.0" in words


def test_an_unchanged_report_is_left_alone_and_an_edited_study_makes_it_again(tmp_path: Path):
    folder = make_study(tmp_path / "s", [row("dqn")], seeds=2)
    assert main(["report", str(folder)]) == 0
    before = (folder / "report.html").read_bytes(), (folder / "report.html").stat().st_mtime_ns
    assert main(["report", str(folder)]) == 0
    assert ((folder / "report.html").read_bytes(), (folder / "report.html").stat().st_mtime_ns) == before
    make_study(folder, [row("dqn"), row("double")], seeds=2)
    assert main(["report", str(folder)]) == 0
    assert b"double" in (folder / "report.html").read_bytes()
