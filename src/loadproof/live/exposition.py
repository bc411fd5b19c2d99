"""Loadproof's own live figures for others: a page for Prometheus (`--metrics-port`), OTLP pushes (`--otlp`).

Names are OpenTelemetry's where it has one (http.client.request.duration). A snapshot is made once a
second; whoever asks gets the last one, and never makes the load wait.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from loadproof.errors import ConfigError, Problem
from loadproof.histogram import GROWTH, LEAST_S, Histogram

if TYPE_CHECKING:
    from types import TracebackType

    from loadproof.model import Reading
    from loadproof.run.progress import Progress

BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""OpenTelemetry's advice for http.client.request.duration; known within the histogram's 1 %."""
_MOST_READINGS = 2_000
_TYPE = "text/plain; version=0.0.4; charset=utf-8"


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


def page(snapshot: Snapshot) -> str:
    """The text for Prometheus."""
    lines = ["# TYPE http_client_request_duration_seconds histogram"]
    for e in snapshot.endpoints:
        labels = f'http_request_method="{_escape(e.method)}",url_template="{_escape(e.name)}"'
        name = "http_client_request_duration_seconds"
        for bound, count in zip(BOUNDS_S, e.below, strict=True):
            lines.append(f'{name}_bucket{{{labels},le="{bound:g}"}} {count}')
        lines.append(f'{name}_bucket{{{labels},le="+Inf"}} {e.requests}')
        lines.append(f"{name}_sum{{{labels}}} {e.sum_s!r}")
        lines.append(f"{name}_count{{{labels}}} {e.requests}")
    lines.append("# TYPE loadproof_requests_failed_total counter")
    for e in snapshot.endpoints:
        labels = f'http_request_method="{_escape(e.method)}",url_template="{_escape(e.name)}"'
        lines.append(f"loadproof_requests_failed_total{{{labels}}} {e.failed}")
    if snapshot.users is not None:
        lines += ["# TYPE loadproof_virtual_users gauge", f"loadproof_virtual_users {snapshot.users:g}"]
    lines.append("# TYPE loadproof_reading gauge")
    for r in snapshot.readings:
        labels = f'source="{_escape(r.source)}",series="{_escape(r.series)}",unit="{r.unit}"'
        lines.append(f"loadproof_reading{{{labels}}} {r.value!r}")
    lines += ["# TYPE loadproof_run_info gauge", f'loadproof_run_info{{run="{_escape(snapshot.name)}"}} 1']
    return "\n".join(lines) + "\n"


class MetricsServer:
    """Serves /metrics on loopback for the length of a `with` block.

    Raises ConfigError when the port is taken.
    """

    def __init__(self, figures: Figures, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0

            def do_GET(self) -> None:  # the library's name
                found = self.path.partition("?")[0] in {"/metrics", "/"}
                body = page(figures.snapshot).encode() if found else b"the figures are at /metrics\n"
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", _TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing: the screen belongs to the run."""

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = f"cannot serve metrics on port {port}: {reason}"
            raise ConfigError(Problem(message, "--metrics-port", "0 takes a free one")) from None
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/metrics"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="metrics-out")

    def __enter__(self) -> MetricsServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _below(histogram: Histogram) -> tuple[int, ...]:
    """How many samples are in buckets that end at or below each bound."""
    indices = np.fromiter(histogram.buckets.keys(), dtype=np.float64, count=len(histogram.buckets))
    counts = np.fromiter(histogram.buckets.values(), dtype=np.int64, count=len(histogram.buckets))
    ends_s = LEAST_S * GROWTH ** (indices + 1)
    # Half a bucket of tolerance: each bound then has at most 0.5 % of its own value too many or too few.
    return tuple(int(counts[ends_s <= bound * math.sqrt(GROWTH)].sum()) for bound in BOUNDS_S)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
