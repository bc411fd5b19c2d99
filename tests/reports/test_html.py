"""The HTML report in a real browser: it stays on this machine, and what it offers works."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from loadproof.analysis.judge import judge
from loadproof.model import Endpoint, Verdict
from tests.reports.pages import Opened, chromium, html
from tests.reports.some_of_everything import (
    BREAKOUT,
    HOSTILE,
    busy_report,
    busy_run,
    finding_with_rows,
    with_findings,
)
from tests.runs import part, plan, required, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("html") / "report.html"
    path.write_text(html(with_findings(busy_report(), finding_with_rows("bottleneck.cpu"))), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def window(browser: Browser, page_file: Path) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield Opened(page, page_file)
    page.close()


@pytest.fixture
def opened(window: Opened) -> Iterator[Opened]:
    """The one page of all tests, as it was at first."""
    yield window
    assert window.complaints == []
    page = window.page
    page.set_viewport_size({"width": 1280, "height": 900})
    page.evaluate("delete document.documentElement.dataset.theme")
    page.fill("#filter", "")
    page.select_option("#endpoint", index=0)
    page.locator("#zoom-reset").click()


def test_hostile_names_stay_text(opened: Opened) -> None:
    """A script, a tag that ends our script, a series that is a tag: all are read, none is run."""
    names = opened.column(1)
    assert str(HOSTILE) in names
    assert str(BREAKOUT) in names
    assert opened.page.locator("img, svg[onload]").count() == 0
    assert "<svg onload=alert(3)>.memory.used" in opened.page.locator("#resources h3").all_text_contents()


def test_charts_are_drawn_with_limits_and_resources(opened: Opened) -> None:
    """Each chart has its lines; a requirement's limit and a resource's are in their charts."""
    lines = opened.page.locator("[data-chart=response] .scatterlayer .trace").count()
    assert lines == 3
    assert "p95 < 500ms" in opened.page.locator("[data-chart=response] .annotation").all_text_contents()
    titles = opened.page.locator("#resources h3").all_text_contents()
    assert titles[0] == "process.cpu"
    texts = opened.page.locator("#resources figure").first.locator(".annotation").all_text_contents()
    assert sorted(texts) == ["cpu < 0.8 cores", "limit 1 core"]
    assert opened.page.locator("[data-chart=heat] .heatmaplayer image").count() == 1
    assert opened.page.locator("[data-chart=distribution] .scatterlayer .trace").count() >= 1


def test_zoom_is_one_for_all_charts(opened: Opened) -> None:
    """A drag over one chart zooms every chart on the time axis; a double-click shows the whole run again."""
    plot = opened.page.locator("[data-chart=throughput] .plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    y = box["y"] + 60
    opened.page.mouse.move(box["x"] + 300, y)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 600, y, steps=4)
    opened.page.mouse.up()
    expect(opened.page.locator("#part")).to_have_value("own")
    assert opened.range("load")[0] > 5
    assert opened.range("load") == opened.range("throughput") == opened.range("heat")
    opened.page.locator("#zoom-reset").click()
    assert opened.range("load") == [0, 60]


def test_zoom_to_the_judged_part_without_a_mouse(opened: Opened) -> None:
    """The parts that are judged are in a list."""
    opened.page.select_option("#part", label="Judged: 0:10 to 0:50")
    assert opened.range("response") == [10, 50]


def test_pointing_shows_the_values_of_all_charts(opened: Opened) -> None:
    """The moment under the cursor is read in every chart; with the keyboard it is told as well."""
    page = opened.page
    plot = page.locator("[data-chart=load] .plot")
    # The keys go on from the moment under the mouse, where the last test left it: here it is over no chart.
    page.mouse.move(0, 0)
    plot.focus()
    expect(plot).to_be_focused()
    expect(plot.locator(".cursor")).to_be_hidden()
    for _ in range(6):
        plot.press("ArrowRight")
    expect(page.locator("[data-chart=load] .legend b").last).to_have_text("10")
    # 80 requests of four endpoints in that second.
    expect(page.locator("[data-chart=throughput] .legend b").first).to_have_text("80/s")
    expect(page.locator("#moment")).to_have_text("0:05: planned users 11, achieved users 10")
    # A mouse that leaves another chart takes nothing away from who uses the keys.
    page.locator("[data-chart=response] .plot").dispatch_event("pointerleave")
    expect(page.locator("[data-chart=load] .legend b").last).to_have_text("10")


def test_endpoints_sort_both_ways(opened: Opened) -> None:
    """By failures, most first, then fewest first; by name; the total stays below."""
    heading = opened.page.locator("#endpoint-table thead th")
    heading.nth(8).locator("button").click()
    assert opened.column(1)[0] == "POST /api/auth/login"
    assert heading.nth(8).get_attribute("aria-sort") == "descending"
    heading.nth(8).locator("button").click()
    assert opened.column(1)[-1] == "POST /api/auth/login"
    heading.nth(0).locator("button").click()
    assert opened.column(1) == sorted(opened.column(1), key=str.casefold)
    assert opened.page.locator("#endpoint-table tfoot th").text_content() == "all requests"


def test_endpoints_filter(opened: Opened) -> None:
    """Only names that contain the text, whatever its case; how many is said."""
    opened.page.fill("#filter", "/API/")
    assert sorted(opened.column(1)) == ["GET /api/loans", "POST /api/auth/login"]
    assert opened.page.locator("#filter-count").text_content() == "2 of 4 endpoints"


def test_one_endpoint_in_the_charts(opened: Opened) -> None:
    """Its name in the table shows it in all charts, with the limits that are its own."""
    opened.page.locator("#endpoint-table").get_by_role("button", name="GET /api/loans").click()
    assert opened.page.locator("#endpoint option:checked").text_content() == "GET /api/loans"
    annotations = opened.page.locator("[data-chart=response] .annotation").all_text_contents()
    assert annotations == ["p95 < 150ms"]
    legend = opened.page.locator("[data-chart=distribution] .legend span").all_text_contents()
    assert legend == ["all requests", "GET /api/loans"]


def test_themes(opened: Opened) -> None:
    """The browser's own at first; the button chooses the other, and the charts follow."""
    ground = "getComputedStyle(document.body).backgroundColor"
    light = opened.page.evaluate(ground)
    opened.page.locator("#theme").click()
    dark = opened.page.evaluate(ground)
    assert (light, dark) == ("rgb(246, 246, 244)", "rgb(19, 20, 22)")
    assert opened.page.locator("#theme").get_attribute("aria-pressed") == "true"
    colour = "document.querySelector('[data-chart=load] .plot').layout.font.color"
    assert opened.page.evaluate(colour) == "rgb(157, 161, 168)"


def test_a_dark_system_is_dark_from_the_start(browser: Browser, page_file: Path) -> None:
    """Without a click."""
    page = browser.new_page(color_scheme="dark")
    opened = Opened(page, page_file)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 20, 22)"
    page.close()
    assert opened.complaints == []


@pytest.mark.parametrize("width", [320, 390, 820])
def test_narrow_screens_scroll_down_only(opened: Opened, width: int) -> None:
    """Nothing is wider than the screen but tables, which scroll in their own place."""
    opened.page.set_viewport_size({"width": width, "height": 800})
    # Two frames later the page has heard of it and is drawn anew.
    frames = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    opened.page.evaluate(frames)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_paper_charts_are_light_and_whole(opened: Opened) -> None:
    """Drawn for the width between the margins of A4 before a printer asks; afterwards all is as it was."""
    widths = "[...document.querySelectorAll('.plot')].map(plot => plot.layout ? plot.layout.width : 0)"
    ground = "getComputedStyle(document.body).backgroundColor"
    opened.page.locator("#theme").click()
    before = opened.page.evaluate(widths)
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    drawn = opened.page.evaluate(widths)
    assert max(before) > 718 >= max(drawn) > 500
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate(ground) == "rgb(255, 255, 255)"
    opened.page.emulate_media(media="screen")
    opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.page.evaluate(widths) == before
    assert opened.page.evaluate(ground) == "rgb(19, 20, 22)"


def test_everything_has_a_name_for_screen_readers(opened: Opened) -> None:
    """Tables have captions and headings with a scope, charts a description, controls a label."""
    page = opened.page
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("thead th:not([scope])").count() == 0
    assert page.locator(".plot[role=img]:not([aria-label]):not([aria-labelledby])").count() == 0
    assert page.get_by_label("Filter").count() == 1
    assert page.get_by_label("Show").count() == 1
    assert page.locator("h1").count() == 1


def test_without_scripts_the_tables_are_complete(browser: Browser, page_file: Path) -> None:
    """The verdict, the requirements and all endpoints stand in the page itself."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.locator("#endpoint-table tbody tr").count() == 4
    assert page.locator(".requirements tbody tr").count() == 7
    assert page.locator("#verdict .badge").first.text_content() == "FAIL"
    context.close()


def test_the_page_names_no_host_to_fetch_from() -> None:
    """One file: no link to a script, a style, an image or a font; a policy forbids every connection."""
    text = html(busy_report())
    head = text[: text.index('id="data"')]
    assert "default-src 'none'" in head
    assert 'src="' not in head
    assert [line for line in head.split("<link")[1:] if 'href="data:,"' not in line] == []
    assert len(text) < 3_000_000


def test_the_same_run_gives_the_same_bytes() -> None:
    """Also of the compressed script."""
    assert html(busy_report()) == html(busy_report())


def test_what_is_not_known_is_said() -> None:
    """Each INCONCLUSIVE reason with what to do, beside what the page leaves out."""
    text = html(busy_report())
    unknown = text[text.index('id="unknown"') :]
    assert "no request of this endpoint was made" in unknown


def test_a_run_without_load_is_a_page_without_charts() -> None:
    """No empty axes: what is missing is said, and nothing is packed that would not be used."""
    report = judge(run(of=plan(required(0.5)), seconds=0), draw=True)
    text = html(report)
    assert report.charts is None
    assert "there are no charts" in text
    assert len(text) < 100_000


def test_topics_have_sections_with_their_tables() -> None:
    """Findings of any analysis are shown below their topic, known or not, with their rows."""
    report = with_findings(
        busy_report(),
        finding_with_rows("comparison.p95"),
        finding_with_rows("weather.rain", verdict=Verdict.FAIL),
    )
    text = html(report)
    assert (
        text.index('id="topic-breach"')
        < text.index('id="topic-comparison"')
        < text.index('id="topic-weather"')
    )
    assert ">base p95</th>" in text
    assert ">100ms</td>" in text
    assert ">5%</td>" in text


def test_a_hundred_and_thirty_endpoints_are_bounded() -> None:
    """All are in the table; the busiest hundred have charts, and how many do not is said."""
    slices = [
        part(n % 3, Endpoint("GET", f"/e/{chr(97 + n // 26)}{chr(97 + n % 26)}"), [0.1] * (n + 1))
        for n in range(130)
    ]
    report = judge(run(*slices), draw=True)
    assert report.charts is not None
    assert len(report.charts.endpoints) == 100
    text = html(report)
    assert text.count("data-endpoint=") == 100
    assert "30 endpoints with the fewest requests have no chart of their own" in text


def test_secrets_of_a_plan_do_not_reach_the_page() -> None:
    """The run file has them hidden already; nothing else is taken."""
    secret = "hunter2hunter2"
    chosen = plan(required(0.5), target=f"http://user:{secret}@127.0.0.1:8000", env=(("API_TOKEN", secret),))
    made = run(part(0), part(1), of=chosen)
    stored = replace(made, plan=replace(made.plan, target="http://***@127.0.0.1:8000", env=()))
    assert secret not in html(judge(stored, draw=True))


def test_charts_are_made_only_when_asked_for() -> None:
    """Judging alone does not pay for them."""
    assert judge(busy_run()).charts is None
