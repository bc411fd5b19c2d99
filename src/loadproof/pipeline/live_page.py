"""The page of `--live`: served from before the load until everybody who looks has the report."""

from __future__ import annotations

import contextlib
import io
import webbrowser
from typing import TYPE_CHECKING, Final

from loadproof.errors import ConfigError, Problem
from loadproof.model import ProfileKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.charts import Picture
    from loadproof.live.live import Show
    from loadproof.live.outputs import LiveOutputs
    from loadproof.live.page import LivePage
    from loadproof.live.serving import LiveServer
    from loadproof.model import Plan
    from loadproof.plan import LiveRequest
    from loadproof.run.progress import Progress

_PATIENCE_S: Final = 8.0
"""How long the command waits for a browser that does not fetch the report."""


def page_address(request: LiveRequest) -> tuple[str, int] | None:
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


class FollowedPage:
    """The page of one command, if it has one: what is driven goes there, and in the end its report."""

    def __init__(self, served: tuple[LivePage, LiveServer] | None, told: Show) -> None:
        self._served = served
        self._told = told

    @property
    def is_wanted(self) -> bool:
        """Whether there is a page, so that the report needs its charts."""
        return self._served is not None

    @property
    def observers(self) -> tuple[LivePage, ...]:
        """Those that must hear what is recorded."""
        return () if self._served is None else self._served[:1]

    def outputs(self, metrics_port: int | None = None, otlp: str | None = None) -> LiveOutputs:
        """What `drive` tells each second."""
        from loadproof.live.outputs import LiveOutputs

        return LiveOutputs(metrics_port, otlp, self._served)

    def turn(self) -> None:
        """A further load begins: the course of the one before it is over."""
        for page in self.observers:
            page.turn()

    def answer(self, now: str, known: str, picture: Picture | None) -> None:
        """How far the answer of many loads is: what is played, what is known, and its picture."""
        if self._served is not None:
            from loadproof.reports.html.live_page import answer_data

            page, server = self._served
            server.send("news", page.answer(answer_data(now, known, picture)))

    def become(self, html: str) -> None:
        """The page is this report from now on; waits for those who look."""
        if self._served is not None:
            with self._told.waiting("giving the report to the live page"):
                self._served[1].finish(html.encode(), _PATIENCE_S)


@contextlib.contextmanager
def live_page(plan: Plan, request: LiveRequest, told: Show, fixed: str = "") -> Iterator[FollowedPage]:
    """The page and its server, told why when the command ends without a report; `told` hears its address.

    `fixed`: why nobody may change the load, where that is not the plan's own reason.

    Raises ConfigError where it cannot be served.
    """
    address = page_address(request)
    if address is None:
        yield FollowedPage(None, told)
        return
    from loadproof.engines.steering import most_by_hand, why_not_steered
    from loadproof.live.page import LivePage
    from loadproof.live.serving import LiveServer
    from loadproof.reports.html.live_page import write_live_page

    fixed = fixed or why_not_steered(plan)
    most = 0 if fixed else most_by_hand(plan)
    html = io.StringIO()
    write_live_page(plan, html, most, fixed)
    # A search breaks them on purpose: its picture has the limit, and each trial beside it.
    searches = plan.played_profile.kind is ProfileKind.CAPACITY
    page = LivePage((lambda _progress: []) if searches else requirement_rows)
    server = LiveServer(html.getvalue().encode(), page.whole, address, most)
    try:
        told.live(server.url)
        if request.open_live and not webbrowser.open(server.url):
            told.warning("there is no browser here that could open the live page")
        yield FollowedPage((page, server), told)
    except BaseException as error:
        import orjson

        server.send("over", orjson.dumps({"why": str(error) or type(error).__name__}))
        raise
    finally:
        server.close()


def requirement_rows(progress: Progress) -> list[dict[str, object]]:
    """The requirements as they stand, a row of the page each."""
    from loadproof.analysis.verdict.so_far import findings_so_far
    from loadproof.reports.html.live_page import requirement_line

    unknown = "the load was changed by hand" if progress.load_changed else "at the end"
    return [requirement_line(*state, unknown) for state in findings_so_far(progress.plan, progress)]
