"""Live figures by OpenTelemetry's protocol: OTLP over HTTP in its JSON encoding, every five seconds.

https://opentelemetry.io/docs/specs/otlp/: a collector must accept this encoding; 64-bit integers are
texts in it. Sending happens in a thread of its own, and what cannot be sent is dropped and said.
"""

from __future__ import annotations

import threading
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from loadproof.errors import ConfigError, Problem
from loadproof.live.figures import BOUNDS_S, EndpointFigures, Figures, Snapshot
from loadproof.safety.redact import redact_url
from loadproof.version import __version__

EVERY_S: Final = 5.0
_TIMEOUT_S: Final = 3.0
_CUMULATIVE: Final = 2
_UNITS: Final = {"": "1", "count": "1", "share": "1", "/s": "1/s", "B": "By", "B/s": "By/s", "cores": "1"}


class OtlpPusher:
    """Sends the last snapshot. Raises ConfigError for what is no HTTP URL."""

    def __init__(self, figures: Figures, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            hint = "write the base URL of an OTLP/HTTP receiver, as http://localhost:4318"
            raise ConfigError(Problem(f"'{redact_url(url)}' is no HTTP URL", "--otlp", hint))
        # A base URL, or the whole one: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
        self._url = url if parts.path.rstrip("/").endswith("/metrics") else f"{url.rstrip('/')}/v1/metrics"
        self._figures = figures
        self._stop = threading.Event()
        self._problem = ""
        self._told = ""
        self._thread = threading.Thread(target=self._push_until_stopped, daemon=True, name="otlp")

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send once more and end."""
        self._stop.set()
        self._thread.join(2 * _TIMEOUT_S)

    def problems(self) -> list[str]:
        """Why the last figures could not be sent, each reason once until it changes."""
        problem = self._problem
        if problem == self._told:
            return []
        self._told = problem
        return [f"otlp: {problem}"] if problem else ["otlp: figures are accepted again"]

    def _push_until_stopped(self) -> None:
        with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
            stopped = False
            while not stopped:
                stopped = self._stop.wait(EVERY_S)
                if self._figures.snapshot.endpoints:
                    self._problem = self._push(client)

    def _push(self, client: httpx.Client) -> str:
        try:
            answer = client.post(self._url, json=document(self._figures.snapshot))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{redact_url(self._url)} does not answer: {error or type(error).__name__}"
        return "" if answer.is_success else f"{redact_url(self._url)} answers {answer.status_code}"


def document(snapshot: Snapshot) -> dict[str, Any]:
    """An ExportMetricsServiceRequest with everything since the load started."""
    start, now = str(int(snapshot.started_s * 1e9)), str(int(snapshot.time_s * 1e9))
    span = {"startTimeUnixNano": start, "timeUnixNano": now}
    durations = [{**span, **_histogram_point(e)} for e in snapshot.endpoints]
    failed = [{**span, "asInt": str(e.failed), "attributes": _endpoint(e)} for e in snapshot.endpoints]
    metrics: list[dict[str, Any]] = [
        {
            "name": "http.client.request.duration",
            "unit": "s",
            "histogram": {"aggregationTemporality": _CUMULATIVE, "dataPoints": durations},
        },
        {
            "name": "loadproof.requests.failed",
            "unit": "{request}",
            "sum": {"aggregationTemporality": _CUMULATIVE, "isMonotonic": True, "dataPoints": failed},
        },
    ]
    if snapshot.users is not None:
        points = [{"timeUnixNano": now, "asDouble": snapshot.users}]
        metrics.append({"name": "loadproof.virtual_users", "unit": "{user}", "gauge": {"dataPoints": points}})
    for reading in snapshot.readings:
        point = {
            "timeUnixNano": str(int(reading.time_s * 1e9)),
            "asDouble": reading.value,
            "attributes": _attributes(source=reading.source, series=reading.series),
        }
        unit = _UNITS.get(str(reading.unit), str(reading.unit))
        metrics.append({"name": "loadproof.reading", "unit": unit, "gauge": {"dataPoints": [point]}})
    resource = _attributes(
        **{"service.name": "loadproof", "service.version": __version__, "run": snapshot.name}
    )
    scope = {"name": "loadproof", "version": __version__}
    return {
        "resourceMetrics": [
            {"resource": {"attributes": resource}, "scopeMetrics": [{"scope": scope, "metrics": metrics}]}
        ]
    }


def _histogram_point(figures: EndpointFigures) -> dict[str, Any]:
    counts = [b - a for a, b in zip((0, *figures.below), (*figures.below, figures.requests), strict=True)]
    return {
        "count": str(figures.requests),
        "sum": figures.sum_s,
        "explicitBounds": list(BOUNDS_S),
        "bucketCounts": [str(count) for count in counts],
        "attributes": _endpoint(figures),
    }


def _endpoint(figures: EndpointFigures) -> list[dict[str, Any]]:
    return _attributes(**{"http.request.method": figures.method, "url.template": figures.name})


def _attributes(**values: str) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
