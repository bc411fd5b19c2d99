"""The page of live figures for Prometheus (`--metrics-port`).

Names are OpenTelemetry's where it has one (http.client.request.duration).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from loadproof.errors import ConfigError, Problem
from loadproof.live.figures import BOUNDS_S, Figures

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class FiguresCollector(Collector):
    """The last snapshot as Prometheus's families, made anew for whoever asks."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """In the order of the page."""
        snapshot = self._figures.snapshot
        by = ("http_request_method", "url_template")
        durations = HistogramMetricFamily(
            "http_client_request_duration_seconds", "Response times.", labels=by
        )
        failed = CounterMetricFamily("loadproof_requests_failed", "Requests that failed.", labels=by)
        for e in snapshot.endpoints:
            counts = [*zip((f"{bound:g}" for bound in BOUNDS_S), e.below, strict=True), ("+Inf", e.requests)]
            durations.add_metric((e.method, e.name), counts, e.sum_s)
            failed.add_metric((e.method, e.name), e.failed)
        yield from (durations, failed)
        if snapshot.users is not None:
            yield GaugeMetricFamily("loadproof_virtual_users", "Users that run now.", snapshot.users)
        readings = GaugeMetricFamily(
            "loadproof_reading", "What monitors read last.", labels=("source", "series", "unit")
        )
        for r in snapshot.readings:
            readings.add_metric((r.source, r.series, str(r.unit)), r.value)
        yield readings
        yield InfoMetricFamily("loadproof_run", "The run that this is.", {"run": snapshot.name})


class MetricsServer:
    """Serves the figures on loopback from now to `close`. Raises ConfigError when the port is taken."""

    def __init__(self, figures: Figures, port: int) -> None:
        registry = CollectorRegistry()
        registry.register(FiguresCollector(figures))
        try:
            self._server, self._thread = start_http_server(port, "127.0.0.1", registry)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = f"cannot serve metrics on port {port}: {reason}"
            raise ConfigError(Problem(message, "--metrics-port", "0 takes a free one")) from None
        # Prometheus's library answers with the figures whatever is asked for.
        self._server.set_app(_at_its_path(make_wsgi_app(registry)))
        self.url = f"http://127.0.0.1:{self._server.server_port}/metrics"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _at_its_path(page: WSGIApplication) -> WSGIApplication:
    """`page` at /metrics and /, and nothing elsewhere."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") in {"", "/", "/metrics"}:
            return page(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"the figures are at /metrics\n"]

    return answer
