"""Pages in a real browser, and what they did that they should not."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from playwright.sync_api import sync_playwright

from loadproof.reports import reporter
from tests.binaries import require_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Dialog, Page

    from loadproof.model import Report


def html(report: Report) -> str:
    stream = io.StringIO()
    reporter("html")(report, stream)
    return stream.getvalue()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    path = require_chromium()
    with sync_playwright() as playwright:
        # Without a sandbox, because tests run as root in containers.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


GRAVE: Final = ("serious", "critical")


def grave_faults(page: Page) -> list[str]:
    """What axe-core finds serious or worse, each with an element."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:120]}: {node['failureSummary'][:200]}"
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]


class Opened:
    """A page, and what it did that it should not: errors, dialogs, requests."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", self._asked)
        page.on("request", lambda request: self._requested(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-charts=drawn]")

    def _asked(self, dialog: Dialog) -> None:
        self.complaints.append("dialog")
        dialog.dismiss()

    def _requested(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:")):
            self.complaints.append(f"request: {url}")

    def column(self, number: int) -> list[str]:
        """The texts of one column of the endpoints, those that are shown."""
        cells = self.page.locator(f"#endpoint-table tbody tr:visible > :nth-child({number})")
        return [text.strip() for text in cells.all_text_contents()]

    def range(self, chart: str = "load") -> list[float]:
        found = self.page.evaluate(
            "name => document.querySelector(`[data-chart=${name}] .plot`).layout.xaxis.range", chart
        )
        return [float(value) for value in found]
