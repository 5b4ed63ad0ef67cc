"""The report in a real headless Chromium, at the width of a desk and of a phone; skipped where none is installed."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from analysis.__main__ import main
from analysis.report import digest
from tests.analysis.figures.test_exact import LARGE, SMALL
from tests.analysis.figures.test_exact import study as worlds
from tests.analysis.made_up import make_study, row, see
from tests.analysis.report.test_report import FACTS, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for name in NAMES if (path := shutil.which(name))), None)
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
    "--dump-dom",
]

LOOK = """
addEventListener("load", () => {
  const sizes = [...document.querySelectorAll("figure svg")].map((drawing) => {
    const box = drawing.getBoundingClientRect(), style = getComputedStyle(drawing);
    return { wide: box.width, tall: box.height, seen: style.visibility === "visible", card: style.backgroundColor };
  });
  const table = document.querySelector("table.sortable"), body = () => [...table.tBodies[0].rows].map((row) =>
    row.cells[0].textContent);
  const before = body();
  table.tHead.rows[0].cells[0].querySelector("button").click();
  const rising = body();
  table.tHead.rows[0].cells[0].querySelector("button").click();
  const point = (figure) => {
    const panel = figure.querySelector('g[id*="panel:"] path').getBoundingClientRect();
    const [clientX, clientY] = [panel.left + 0.999 * panel.width, panel.top + panel.height / 2];
    figure.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
    const note = document.getElementById("pointed"), box = note.getBoundingClientRect();
    const told = { text: note.innerText, shown: !note.hidden, left: box.left, right: box.right };
    figure.dispatchEvent(new PointerEvent("pointerleave"));
    return { ...told, gone: note.hidden, figure: figure.querySelector("svg").getAttribute("aria-label") };
  };
  const pointed = [...document.querySelectorAll("figure[data-values]")].map(point);
  const letters = [...document.querySelectorAll("figure use")].filter((one) => one.getBBox().width > 0).length;
  const broken = [...document.querySelectorAll("figure use")].filter((one) =>
    !document.getElementById((one.getAttribute("href") ?? one.getAttribute("xlink:href")).slice(1))).length;
  parent.postMessage({
    wide: innerWidth, pointed, letters, broken,
    headings: [...document.querySelectorAll("h2")].filter((one) => one.offsetHeight > 0).map((one) => one.id),
    needs: document.documentElement.scrollWidth, sizes, before, rising, falling: body(),
    sort: table.tHead.rows[0].cells[0].getAttribute("aria-sort"),
    asked: performance.getEntriesByType("resource").map((one) => one.name),
  }, "*");
});
"""
"""What a reader would see, told to the page around it."""
FRAME = """<!doctype html><pre id="said"></pre>
<script>addEventListener("message", (told) => { said.textContent = JSON.stringify(told.data); });</script>
<iframe src="PAGE" style="border: 0; width: WIDEpx; height: 850px"></iframe>
"""
"""Windows have a least width, frames have not."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small factorial with a soft target of the hard one's lag, so that most sections of the page are there."""
    base = row("dqn")["slots"]
    targets = {"hard": base["target"], "none": {"kind": "none"}, "soft": {"kind": "soft", "tau": 0.0198}}
    cells = [("uniform", "hard", "max"), ("uniform", "none", "max"), ("uniform", "hard", "double")]
    cells += [("uniform", "soft", "max"), ("consecutive", "hard", "max"), ("consecutive", "none", "max")]
    rows = [
        row(
            f"{replay}+{target}+{bootstrap}+linear",
            cell={"replay": replay, "target": target, "bootstrap": bootstrap, "head": "linear"},
            replay={"kind": replay},
            target=targets[target],
            bootstrap={"kind": bootstrap},
            head=base["head"],
        )
        for replay, target, bootstrap in cells
    ]
    folder = tmp_path_factory.mktemp("browser") / "study"
    make_study(folder, rows, seeds=2, look=see, facts=FACTS)
    assert main(["report", str(folder)]) == 0
    return folder / "report.html"


Seen = tuple[int, dict[str, Any], str]
"""The width, what the page looks like, and what the console says."""


@pytest.fixture(scope="module", params=[1100, 390])
def seen(page: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Seen:
    """The page in a browser, at the width of a desk and of a phone."""
    if BROWSER is None:
        pytest.skip(f"not seen in a browser: none of {', '.join(NAMES)} is installed")
    return request.param, *open_page(page, tmp_path_factory.mktemp("profile"), request.param)


def open_page(page: Path, profile: Path, wide: int) -> tuple[dict[str, Any], str]:
    """What the page looks like from inside, and what the browser's console says; the page may run our look too."""
    text = page.read_text(encoding="utf-8")
    text = text.replace("script-src '", f"script-src '{digest(LOOK)}' '", 1)
    looked, frame = page.with_name(f"looked-{wide}.html"), page.with_name(f"frame-{wide}.html")
    looked.write_text(text.replace("</main>", f"</main><script>{LOOK}</script>", 1), encoding="utf-8")
    frame.write_text(FRAME.replace("PAGE", looked.name).replace("WIDE", str(wide)), encoding="utf-8")
    assert BROWSER is not None
    done = subprocess.run(
        [BROWSER, *QUIET, "--window-size=1200,900", f"--user-data-dir={profile}", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    said = re.search(r'<pre id="said">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said is not None, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(html.unescape(said.group(1)))
    return found, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def check(found: dict[str, Any], console: str, wide: int) -> None:
    """What holds of every page: quiet, whole, asking for nothing, and no wider than its window."""
    assert console == ""
    assert found["asked"] == []
    assert found["wide"] == wide
    assert found["needs"] <= wide
    for size in found["sizes"]:
        assert size["wide"] > 300
        assert size["tall"] > 100
        assert size["seen"]
        assert size["card"] == "rgb(255, 255, 255)"
    assert found["letters"] > 500
    assert found["broken"] == 0


def test_a_browser_shows_every_figure_asks_for_nothing_and_complains_of_nothing(page: Path, seen: Seen):
    wide, found, console = seen
    check(found, console, wide)
    assert len(found["sizes"]) == len(list(page.parent.glob("figures/*.svg"))) == 7
    sections = {
        "aggregates",
        "comparisons",
        "who-selects",
        "hard-against-soft",
        "stability",
        "effects",
        "diagnostics",
    }
    assert sections <= set(found["headings"])


def test_a_click_on_a_head_sorts_and_another_one_turns_the_order(seen: Seen):
    _, found, _ = seen
    assert found["rising"] == sorted(found["before"])
    assert found["falling"] == sorted(found["before"], reverse=True)
    assert found["sort"] == "descending"


def test_a_browser_tells_the_numbers_under_the_pointer_and_stays_inside_the_window(page: Path, seen: Seen):
    wide, found, _ = seen
    assert len(found["pointed"]) == 6
    for one in found["pointed"]:
        assert one["shown"]
        assert one["gone"]
        assert one["left"] >= 0
        assert one["right"] <= wide
        assert "+max+linear" in one["text"]
    curves = next(one for one in found["pointed"] if "learning curves" in one["figure"])
    with open(page.parent / "figures" / "CartPole-v1-curves.csv", encoding="utf-8", newline="") as file:
        numbers = {
            one["variant"]: float(one["mean"])
            for one in csv.DictReader(file)
            if (one["quantity"], one["step"]) == ("curve", "4000")
        }
    assert "environment step 4,000: return" in curves["text"]
    last = numbers["uniform+hard+max+linear"]
    assert f"{last:.4g}".rstrip("0").rstrip(".") in curves["text"]


@pytest.mark.slow
def test_a_browser_shows_worlds_that_grow_and_variants_at_their_best(tmp_path: Path):
    if BROWSER is None:
        pytest.skip(f"not seen in a browser: none of {', '.join(NAMES)} is installed")
    regret = {"dqn": [1.0, 0.2, 0.01, 0.0], "double": [1.0, 1.0, 1.0, 1.0]}
    growing = worlds(tmp_path, {SMALL: 8, LARGE: 24}, regret)
    rates = [row(name, {"learning_rate": rate}) for name in ("dqn", "double") for rate in (0.1, 0.2)]
    swept = make_study(tmp_path / "swept", rows=rates, seeds=3, facts=FACTS)
    for folder, section in ((growing, "table-against-network"), (swept, "selection")):
        assert main(["report", str(folder)]) == 0
        for wide in (1100, 390):
            found, console = open_page(folder / "report.html", tmp_path / "profile", wide)
            check(found, console, wide)
            assert section in found["headings"]


def test_the_page_parses_whether_or_not_there_is_a_browser(page: Path):
    parsed = Page(page.read_text(encoding="utf-8"))
    assert [tag for tag, _ in parsed.elements].count("figure") == 7
