"""Where a run's live figures go beside the screen, for as long as it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.live.figures import Figures

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.live.exposition import MetricsServer
    from loadproof.live.otlp import OtlpPusher
    from loadproof.live.page import LivePage
    from loadproof.live.serving import LiveServer
    from loadproof.run.progress import Progress


class LiveOutputs:
    """`--metrics-port`, `--otlp` and the page of `--live` with its server; without one it does nothing."""

    def __init__(
        self,
        metrics_port: int | None = None,
        otlp: str | None = None,
        page: tuple[LivePage, LiveServer] | None = None,
    ) -> None:
        self.figures = Figures()
        self.url = ""
        self.stop: Callable[[], object] | None = None
        """Ends the load, from any thread; None before it is driven."""
        self._port = metrics_port
        self._server: MetricsServer | None = None
        self._pusher: OtlpPusher | None = None
        if otlp is not None:
            from loadproof.live.otlp import OtlpPusher  # httpx takes a while

            self._pusher = OtlpPusher(self.figures, otlp)
        self._page = page

    def open(self) -> None:
        """Raises ConfigError when the port is taken."""
        if self._port is not None:
            from loadproof.live.exposition import MetricsServer  # its library takes a while

            self._server = MetricsServer(self.figures, self._port)
            self.url = self._server.url
        if self._pusher is not None:
            self._pusher.start()

    def stops_by(self, stop: Callable[[], object]) -> None:
        """What the page's button does, from any thread."""
        self.stop = stop
        if self._page is not None:
            self._page[1].stop = stop

    def steers_by(self, steer: Callable[[int], bool]) -> None:
        """What a load asked for on the page does, from any thread; whether it was passed on."""
        if self._page is not None:
            self._page[1].steer = steer

    def update(self, progress: Progress, now_s: float) -> list[str]:
        """Once a second, in the conductor's thread; returns what went wrong since the last time."""
        if self._page is not None:
            page, server = self._page
            news = page.update(progress, now_s, watched=server.viewers > 0)
            if news is not None:
                server.send("news", news)
        if self._server is None and self._pusher is None:
            return []
        self.figures.update(progress, now_s)
        return self._pusher.problems() if self._pusher is not None else []

    def close(self) -> None:
        """Stop serving; send the last figures. The page stays, for the report."""
        if self._page is not None:
            page, server = self._page
            server.stop = lambda: None
            server.steer = lambda _level: False
            server.send("news", page.judging())
        if self._server is not None:
            self._server.close()
        if self._pusher is not None:
            self._pusher.stop()
