"""`--live` in a real browser: from the first second to the report, by hand, and when the run is killed."""

from __future__ import annotations

import re
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import expect

from loadproof.analysis.compare.turns_picture import turns_picture
from loadproof.analysis.pictures.capacity import capacity_picture
from loadproof.analysis.search.capacity import SearchState
from loadproof.live.live import Show
from loadproof.model import CapacityGoal, EventKind, Outcome
from loadproof.pipeline.live_page import live_page
from loadproof.plan import SearchRequest
from loadproof.runfile.reader import read_run
from tests.analysis.searches import Searched, sharp
from tests.comparing.sides import side
from tests.demo.concurrency import wait_until
from tests.demo.processes import all_gone
from tests.reports.pages import chromium, grave_faults
from tests.runs import plan

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from loadproof.charts import Picture
    from tests.cli.conftest import Shell

_LONG_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


class Viewer:
    """A window on the live page, and what it did that it should not."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.complaints: list[str] = []
        self.page.set_default_timeout(_LONG_MS)
        self.page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", lambda request: self._requested(request.url, urlsplit(url).netloc))
        self.page.goto(url)

    def _requested(self, url: str, ours: str) -> None:
        if not url.startswith(("data:", "blob:")) and urlsplit(url).netloc != ours:
            self.complaints.append(f"request: {url}")

    def seconds(self) -> int:
        """How many seconds of the load it shows."""
        shown: int = self.page.evaluate(
            "document.querySelector('[data-chart=throughput] .plot').data[0].x.length"
        )
        return shown

    def shows(self, selector: str, text: str) -> None:
        expect(self.page.locator(selector)).to_contain_text(text, timeout=_LONG_MS, ignore_case=True)

    def waits_for_seconds(self, least: int) -> None:
        # Polled from here: the page's own policy forbids what Playwright would poll with.
        count = "following.course.times[0] === 0 ? following.course.times.length : 0"
        wait_until(lambda: bool(self.page.evaluate(count) >= least), 60)


@contextmanager
def served(shell: Shell, *args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A run with a live page, and the page's address; nothing of it is left after."""
    command = ("run", "locustfile.py", "--target", shell.stub.url, "-u", "2", "-r", "10")
    process = shell.start(*command, "--live", "--run-file", "run.db", *args)
    try:
        assert process.stderr is not None
        said = iter(process.stderr.readline, "")
        url = next(found[1] for line in said if (found := re.match(r"live page  (http://127\S+)", line)))
        yield process, url
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        process.communicate(timeout=60)
        wait_until(lambda: all_gone(children), 60)


def test_a_run_is_seen_from_its_first_second_to_its_report(shell: Shell, browser: Browser) -> None:
    """At one address; nothing is asked of another machine, and the console is silent."""
    with served(shell, "-t", "10s", "--requirements", "pass.yaml") as (process, url):
        viewer = Viewer(browser, url)
        viewer.shows("#phase", "live")
        viewer.waits_for_seconds(3)
        assert viewer.seconds() >= 2
        viewer.shows("#requirements", "p95")
        viewer.shows("#endpoint-table", "GET /loans")
        viewer.shows(".verdict .badge", "PASS")
        viewer.page.wait_for_selector("html[data-charts=drawn] #plan")
        assert viewer.page.url == url
        assert viewer.complaints == []
        viewer.page.close()
        assert process.wait(60) == 0


def test_who_comes_late_or_again_sees_the_whole_and_the_button_is_ctrl_c(
    shell: Shell, browser: Browser
) -> None:
    """Two viewers, one of whom is cut off for a moment; what one changes or stops is the load of both."""
    with served(shell, "-t", "600s") as (process, url):
        first = Viewer(browser, url)
        first.waits_for_seconds(3)
        first.shows("#resources", "host.cpu")
        late = Viewer(browser, url)
        late.waits_for_seconds(4)
        first.page.evaluate("following.source.close(); following.source.onerror()")
        first.shows("#phase", "no connection")
        first.shows("#said", "last seen at")
        first.shows("#phase", "live")
        expect(first.page.locator("#said")).to_be_hidden()
        for theme in ("light", "dark"):
            late.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            assert grave_faults(late.page) == []
        late.page.set_viewport_size({"width": 390, "height": 800})
        assert late.page.evaluate("document.documentElement.scrollWidth") <= 390
        whole = "JSON.stringify(following.course.times.slice(0, 4))"
        assert first.page.evaluate(whole) == late.page.evaluate(whole) == "[0,1,2,3]"
        late.page.fill("#steer-level", "4")
        late.page.click("#steer-go")
        late.shows("#steer-go", "Really change it?")
        late.page.click("#steer-go")
        first.shows("#lines", "the load was changed by hand, from 2 to 4 users")
        first.page.click("#stop")
        first.shows("#stop", "Really stop?")
        first.page.click("#stop")
        for viewer in (first, late):
            viewer.shows(".verdict .flags", "interrupted")
            viewer.page.wait_for_selector("#plan")
            assert viewer.complaints == []
            viewer.page.close()
        assert process.wait(60) == 130
    run = read_run(shell.folder / "run.db")
    assert run.outcome is Outcome.INTERRUPTED
    assert [event.data["users"] for event in run.events_of(EventKind.LOAD_CHANGED)] == [4]


def trials() -> Picture | None:
    run = Searched(sharp(100), CapacityGoal(least=10, greatest=1000)).search()
    return capacity_picture(run, SearchState(run))


def rounds() -> Picture | None:
    return turns_picture([(of, run) for of in ("base", "head") for run in side(of, 2)])


class Hearer(Show):
    """Hears the address of a page."""

    url = ""

    def live(self, url: str) -> None:
        self.url = url

    def warning(self, text: str) -> None:
        raise AssertionError(text)


def test_the_answer_of_many_loads_grows_on_the_page(browser: Browser) -> None:
    """Trials of a search, rounds of two builds: drawn, named, readable by all, and gone with the report."""
    hearer = Hearer()
    with live_page(plan(), SearchRequest("l.py", live=True), hearer) as following:
        viewer = Viewer(browser, hearer.url)
        following.answer("trying 10/s for 10 s", "nothing is known yet", None)
        viewer.shows("#known", "nothing is known yet")
        expect(viewer.page.locator("#answer")).to_be_hidden()
        for picture in (trials(), rounds()):
            assert picture is not None
            following.answer("trying 20/s for 10 s", "it holds 10/s", picture)
            viewer.shows("#answer-title", picture.title)
            names = {layer.name for layer in picture.layers}
            assert names <= set(viewer.page.locator("#answer .legend span").all_text_contents())
            assert viewer.page.locator("#answer .scatterlayer .trace").count() == len(picture.layers)
        viewer.shows("#known", "20/s")
        # Light is what the same figure has in reports: see tests/reports/test_answers.py.
        viewer.page.evaluate("document.documentElement.dataset.theme = 'dark'")
        assert grave_faults(viewer.page) == []
        viewer.page.set_viewport_size({"width": 390, "height": 800})
        assert viewer.page.evaluate("document.documentElement.scrollWidth") <= 390
        following.become("<!doctype html><link rel=icon href=data:,><p id=end>the report</p>")
        viewer.page.wait_for_selector("#end")
    assert viewer.complaints == []
    viewer.page.close()


def test_a_dead_conductor_is_told_on_the_page(shell: Shell, browser: Browser) -> None:
    """With when it was last seen; what was shown stays."""
    with served(shell, "-t", "600s") as (process, url):
        viewer = Viewer(browser, url)
        viewer.shows("#phase", "live")
        viewer.waits_for_seconds(2)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        viewer.shows("#phase", "no connection")
        viewer.shows("#said", "the run's process is gone or hangs; last seen at")
        expect(viewer.page.locator("#stop")).to_be_hidden()
        viewer.shows("#endpoint-table", "GET /loans")
        assert [c for c in viewer.complaints if "ERR_" not in c and "Failed to load" not in c] == []
        viewer.page.close()
        wait_until(lambda: all_gone(children), 60)
