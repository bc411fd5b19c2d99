"""Loadproof's own live figures for others: a page for Prometheus (`--metrics-port`), OTLP pushes (`--otlp`).

Names are OpenTelemetry's where it has one (http.client.request.duration). A snapshot is made once a
second; whoever asks gets the last one, and never makes the load wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from loadproof.errors import ConfigError, Problem
from loadproof.histogram import Histogram, bucket_s

if TYPE_CHECKING:
    from loadproof.model import Reading
    from loadproof.run.progress import Progress

BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""OpenTelemetry's advice for http.client.request.duration; known within the histogram's 1 %."""
_MOST_READINGS = 2_000


@dataclass(frozen=True, slots=True)
class EndpointFigures:
    """One endpoint's totals since the load started."""

    method: str
    name: str
    requests: int
    failed: int
    sum_s: float
    below: tuple[int, ...]
    """Requests that took at most each of BOUNDS_S."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is shown to others, at one moment."""

    name: str = ""
    time_s: float = 0.0
    started_s: float = 0.0
    users: float | None = None
    endpoints: tuple[EndpointFigures, ...] = ()
    readings: tuple[Reading, ...] = ()


@dataclass(slots=True)
class Figures:
    """The last snapshot; `update` is called in the conductor's thread, the rest anywhere."""

    snapshot: Snapshot = field(default_factory=Snapshot)

    def update(self, progress: Progress, now_s: float) -> None:
        """Make a new snapshot."""
        self.snapshot = Snapshot(
            name=progress.plan.name,
            time_s=now_s,
            started_s=progress.load_started_s or now_s,
            users=progress.users,
            endpoints=tuple(
                EndpointFigures(
                    endpoint.method,
                    endpoint.name,
                    numbers.requests,
                    numbers.failed,
                    (numbers.response.mean_s or 0.0) * numbers.response.count,
                    _below(numbers.response),
                )
                for endpoint, numbers in sorted(progress.endpoints.items(), key=lambda item: str(item[0]))
            ),
            readings=tuple(list(progress.latest.values())[:_MOST_READINGS]),
        )


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
        self.url = f"http://127.0.0.1:{self._server.server_port}/metrics"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _below(histogram: Histogram) -> tuple[int, ...]:
    """How many samples are in buckets that end at or below each bound."""
    # By the middles: each bound then has at most 0.5 % of its own value too many or too few.
    middles = [(bucket_s(index + 0.5), count) for index, count in histogram.buckets.items()]
    return tuple(sum(count for at_s, count in middles if at_s <= bound) for bound in BOUNDS_S)
