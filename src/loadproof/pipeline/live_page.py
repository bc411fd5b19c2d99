"""The page of `--live`: served from before the load until everybody who looks has the report."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Final

from loadproof.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.live.page import LivePage
    from loadproof.live.serving import LiveServer
    from loadproof.model import Plan
    from loadproof.plan import RunRequest
    from loadproof.run.progress import Progress

_PATIENCE_S: Final = 8.0
"""How long the command waits for a browser that does not fetch the report."""


def page_address(request: RunRequest) -> tuple[str, int] | None:
    """Where it is asked for; None: nowhere. Raises ConfigError when that is no address."""
    if request.live_at is None:
        if request.open_live and not request.live:
            raise ConfigError(Problem("there is no page to open", "--open", "give --live as well"))
        return ("127.0.0.1", 0) if request.live else None
    host, _, port = str(request.live_at).rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        hint = "write PORT, or HOST:PORT to let other machines look"
        raise ConfigError(Problem(f"'{request.live_at}' is no port", "--live-at", hint))
    return host.strip("[]") or "127.0.0.1", int(port)


@contextlib.contextmanager
def live_page(plan: Plan, address: tuple[str, int] | None) -> Iterator[tuple[LivePage, LiveServer] | None]:
    """The page and its server, told why when the run ends without a report; None without an address."""
    if address is None:
        yield None
        return
    from loadproof.live.page import LivePage
    from loadproof.live.serving import LiveServer
    from loadproof.reports.html.live_page import write_live_page

    html = io.StringIO()
    write_live_page(plan, html)
    page = LivePage(lambda progress: _rows(plan, progress))
    server = LiveServer(html.getvalue().encode(), page.whole, address)
    try:
        yield page, server
    except BaseException as error:
        import orjson

        server.send("over", orjson.dumps({"why": str(error) or type(error).__name__}))
        raise
    finally:
        server.close()


def become_report(server: LiveServer, html: str) -> None:
    """The page is the report from now on; waits for those who look."""
    server.finish(html.encode(), _PATIENCE_S)


def _rows(plan: Plan, progress: Progress) -> list[dict[str, object]]:
    from loadproof.analysis.verdict.so_far import findings_so_far
    from loadproof.reports.html.live_page import requirement_line

    return [requirement_line(*state) for state in findings_so_far(plan, progress)]
