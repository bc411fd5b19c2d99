"""Locust's `--json-file` (and `--json`): each endpoint's requests by rounded response time."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from loadproof.errors import ConfigError, Problem
from loadproof.imports.aggregate import ALL, NO_HEALTH, TOTALS, Aggregate, EndpointTotals
from loadproof.imports.locust_csv import ROUNDED
from loadproof.imports.stream import read_json
from loadproof.model import Endpoint
from loadproof.safety.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from loadproof.imports.stream import OnBytes

FORMAT: Final = "Locust JSON"


def read_locust_json(path: Path, on_bytes: OnBytes | None = None) -> Aggregate:
    """The totals of every endpoint. Raises ConfigError when it is no such file, or counts no request."""
    entries = _entries(path, on_bytes)
    try:
        span = _span(entries)
        totals = [_totals(entry, span) for entry in entries]
        whole = _whole(entries, totals, span)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"this is not what Locust writes: {type(error).__name__} {error}"
        raise ConfigError(Problem(message, str(path))) from error
    if not whole.requests:
        raise ConfigError(Problem("there is no request in this Locust JSON", str(path)))
    return Aggregate(
        path=path,
        engine="locust",
        format=FORMAT,
        totals=(*sorted(totals, key=lambda one: str(one.endpoint)), whole),
        started_at_s=span[0] if span else None,
        duration_s=span[1] - span[0] if span else None,
        rounded=True,
        limits=(NO_HEALTH, TOTALS, ROUNDED),
    )


def _entries(path: Path, on_bytes: OnBytes | None) -> list[dict[str, Any]]:
    written = read_json(path, on_bytes)
    if not isinstance(written, list) or not all(isinstance(entry, dict) for entry in written):
        raise ConfigError(Problem("this is no list of Locust's statistics", str(path)))
    return written


def _span(entries: Iterable[dict[str, Any]]) -> tuple[float, float] | None:
    """From the first statistics to the last answer, in seconds since the epoch."""
    used = [entry for entry in entries if entry["num_requests"] and entry["last_request_timestamp"]]
    if not used:
        return None
    start_s = min(float(entry["start_time"]) for entry in used)
    end_s = max(float(entry["last_request_timestamp"]) for entry in used)
    return (start_s, end_s) if end_s > start_s else None


def _totals(entry: dict[str, Any], span: tuple[float, float] | None) -> EndpointTotals:
    requests, times = int(entry["num_requests"]), _times_s(entry)
    timed = sum(times.values())
    return EndpointTotals(
        endpoint=Endpoint(str(entry["method"] or ""), redact_text(str(entry["name"]))),
        requests=requests,
        failed=int(entry["num_failures"]),
        throughput_per_s=requests / (span[1] - span[0]) if span else None,
        mean_s=_finite(entry["total_response_time"]) / 1e3 / timed if timed else None,
        minimum_s=_finite(entry["min_response_time"]) / 1e3 if timed else None,
        maximum_s=_finite(entry["max_response_time"]) / 1e3 if timed else None,
        times_s=times,
    )


def _whole(
    entries: list[dict[str, Any]], totals: list[EndpointTotals], span: tuple[float, float] | None
) -> EndpointTotals:
    times: Counter[float] = Counter()
    for one in totals:
        times.update(one.times_s)
    requests = sum(one.requests or 0 for one in totals)
    total_ms = math.fsum(_finite(entry["total_response_time"]) for entry in entries)
    return EndpointTotals(
        endpoint=ALL,
        requests=requests,
        failed=sum(one.failed or 0 for one in totals),
        throughput_per_s=requests / (span[1] - span[0]) if span else None,
        mean_s=total_ms / 1e3 / times.total() if times else None,
        minimum_s=min((one.minimum_s for one in totals if one.minimum_s is not None), default=None),
        maximum_s=max((one.maximum_s for one in totals if one.maximum_s is not None), default=None),
        times_s=dict(sorted(times.items())),
    )


def _times_s(entry: dict[str, Any]) -> dict[float, int]:
    """Requests by response time in seconds. Requests without one (Locust's None requests) are not in it."""
    return dict(sorted((_finite(ms) / 1e3, int(count)) for ms, count in entry["response_times"].items()))


def _finite(written: object) -> float:
    value = float(str(written))
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{written} is no time")
    return value
