"""Pages of every kind of answer in a real browser: drawn, quiet, readable by all, in a narrow window too."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.across_runs.history import History, history
from loadproof.analysis.judge import judge
from loadproof.model import CapacityGoal
from loadproof.reports.html.history import write_history_html
from tests.analysis.searches import Searched, sharp
from tests.analysis.test_history import runs_at
from tests.analysis.test_soak import LEAK, soak
from tests.analysis.test_spike import queue
from tests.analysis.test_stress import limited, steps, stressed
from tests.comparing.test_report import report as compared
from tests.reports.pages import Opened, chromium, grave_faults, html
from tests.reports.some_of_everything import busy_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from loadproof.model import Report

PAGES: dict[str, Callable[[], Report | History]] = {
    "requirement": busy_report,
    "capacity": lambda: judge(
        Searched(sharp(100), CapacityGoal(least=10, greatest=1000)).search(), draw=True
    ),
    "stress": lambda: judge(stressed(steps(10, 20, 30, 40, 50, 60, 20), limited(90)), draw=True),
    "spike": lambda: judge(queue(), draw=True),
    "soak": lambda: judge(soak(LEAK, "memory_growth: <10%/h"), draw=True),
    "comparison": lambda: compared(1.2),
    "history": lambda: history("loans", runs_at((0.1, 20), (0.12, 8))),
}


def written(of: Report | History) -> str:
    """Its page."""
    if isinstance(of, History):
        stream = io.StringIO()
        write_history_html(of, stream)
        return stream.getvalue()
    return html(of)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module", params=PAGES)
def opened(
    browser: Browser, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    """One page for all tests of a kind."""
    file = tmp_path_factory.mktemp("page") / f"{request.param}.html"
    file.write_text(written(PAGES[request.param]()), encoding="utf-8")
    page = browser.new_page()
    yield Opened(page, file)
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_grave_fault_of_accessibility(opened: Opened, theme: str) -> None:
    opened.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    assert grave_faults(opened.page) == []


def test_the_answer_stands_right_below_the_headline(opened: Opened) -> None:
    """Drawn, with a name for each thing in it; nothing was asked for elsewhere, nothing was complained of."""
    figure = opened.page.locator("#verdict h1 + figure, #series figure").first
    assert figure.locator(".main-svg").count() > 0
    assert figure.locator(".scatterlayer .trace").count() > 0
    assert figure.locator(".legend span").count() > 0
    assert opened.complaints == []


@pytest.mark.parametrize("width", [390, 900])
def test_nothing_is_wider_than_the_window(opened: Opened, width: int) -> None:
    opened.page.set_viewport_size({"width": width, "height": 800})
    frames = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    opened.page.evaluate(frames)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    plot = opened.page.locator(".plot").first
    assert plot.evaluate("plot => plot.layout.width === plot.clientWidth")


def test_values_of_a_chart_as_csv(opened: Opened, tmp_path: Path) -> None:
    """As many rows as points, from the page itself."""
    points = opened.page.locator(".plot").first.evaluate(
        "plot => plot.data.reduce((sum, trace) => sum + trace.x.length, 0)"
    )
    with opened.page.expect_download() as waited:
        opened.page.locator(".csv").first.click()
    file = tmp_path / "chart.csv"
    waited.value.save_as(file)
    head, *rows = csv.reader(file.read_text(encoding="utf-8").splitlines())
    assert head[1:4] == ["panel", "series", "value"]
    assert len(rows) == points
    assert opened.complaints == []
