"""Where a run's live figures go beside the screen, for as long as it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.live.exposition import Figures, MetricsServer
from loadproof.live.otlp import OtlpPusher

if TYPE_CHECKING:
    from loadproof.run.progress import Progress


class LiveOutputs:
    """`--metrics-port` and `--otlp`; without either it does nothing."""

    def __init__(self, metrics_port: int | None = None, otlp: str | None = None) -> None:
        self.figures = Figures()
        self.url = ""
        self._port = metrics_port
        self._server: MetricsServer | None = None
        self._pusher = OtlpPusher(self.figures, otlp) if otlp is not None else None

    def open(self) -> None:
        """Raises ConfigError when the port is taken."""
        if self._port is not None:
            self._server = MetricsServer(self.figures, self._port).__enter__()
            self.url = self._server.url
        if self._pusher is not None:
            self._pusher.start()

    def update(self, progress: Progress, now_s: float) -> list[str]:
        """Once a second, in the conductor's thread; returns what went wrong since the last time."""
        if self._server is None and self._pusher is None:
            return []
        self.figures.update(progress, now_s)
        return self._pusher.problems() if self._pusher is not None else []

    def close(self) -> None:
        """Stop serving; send the last figures."""
        if self._server is not None:
            self._server.__exit__(None, None, None)
        if self._pusher is not None:
            self._pusher.stop()
