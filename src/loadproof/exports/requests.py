"""A row for each request, for programs that know only such: k6's JSON lines and JMeter's JTL.

A run file holds each second's response times as a histogram, not the requests one by one. What is made of it
is true for every count and percentile (within 0.5 %). It is not true for the moment of a request within its
second, nor for which of the second's requests failed. docs/imports.md says so to users.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any, Final

import numpy as np
import orjson

from loadproof.histogram import Histogram, bucket_s
from loadproof.model import FailureKind, Reading, Slice
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_count

_JTL: Final = ("timeStamp", "elapsed", "label", "responseCode", "responseMessage", "threadName", "dataType",
               "success", "failureMessage")  # fmt: skip
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_]")
_TIMEOUT_CODE: Final = "1050"
"""k6's `error_code` of a request that took too long."""


def expanded_s(histogram: Histogram) -> list[float]:
    """As many response times as were measured, ascending: the least and the greatest as they were, the others
    as the middle of their bucket, within 0.5 %."""
    indices = sorted(histogram.buckets)
    counts = [histogram.buckets[index] for index in indices]
    middles = bucket_s(np.array(indices, dtype=np.float64) + 0.5)
    values = np.clip(np.repeat(middles, counts), histogram.minimum_s, histogram.maximum_s)
    if values.size:
        values[0], values[-1] = histogram.minimum_s, histogram.maximum_s
    return [float(value) for value in values]


def write_k6_json(run: Run, _table: str, stream: IO[bytes]) -> list[str]:
    """Requests as http_reqs, http_req_duration and http_req_failed; readings as gauges of their own."""
    for metric, kind, contains in _K6_METRICS:
        _define(stream, metric, kind, contains)
    untimed = 0
    for part in run.slices:
        for time_s, duration_s, failure in _requests(part):
            tags = _tags(part, failure)
            _point(stream, "http_reqs", time_s, 1, tags)
            if duration_s is None:
                untimed += 1
            else:
                _point(stream, "http_req_duration", time_s, duration_s * 1e3, tags)
            _point(stream, "http_req_failed", time_s, int(failure is not None), tags)
    defined: set[str] = set()
    for reading in Readings.of(run.readings).in_order_of_time():
        metric = _metric(reading)
        if metric not in defined:
            defined.add(metric)
            _define(stream, metric, "gauge", "default")
        _point(stream, metric, reading.time_s, reading.value, {"unit": str(reading.unit)})
    return [f"{format_count(untimed)} requests have no response time"] if untimed else []


def write_jtl(run: Run, _table: str, stream: IO[bytes]) -> list[str]:
    """One row for each request, with JMeter's first nine columns; readings have no place in it."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_JTL)
    untimed = 0
    for part in run.slices:
        for time_s, duration_s, failure in _requests(part):
            if duration_s is None:
                untimed += 1
                continue
            start_ms, elapsed_ms = round((time_s - duration_s) * 1e3), round(duration_s * 1e3)
            ok, why = str(failure is None).lower(), "" if failure is None else str(failure)
            writer.writerow((start_ms, elapsed_ms, str(part.endpoint), "", "", "", "text", ok, why))
    text.detach()
    notes = [f"{format_count(untimed)} requests without a response time are left out"] if untimed else []
    return [*notes, "JTL has no readings, and whole milliseconds"]


_K6_METRICS: Final = (
    ("http_reqs", "counter", "default"),
    ("http_req_duration", "trend", "time"),
    ("http_req_failed", "rate", "default"),
)


def _requests(part: Slice) -> Iterator[tuple[float, float | None, FailureKind | None]]:
    """When each request ended, its response time, how it failed: evenly over the second, failures first."""
    durations_s: list[float | None] = [*expanded_s(part.response)]
    durations_s += [None] * (part.requests - len(durations_s))
    failures = [kind for kind in FailureKind for _ in range(part.failures.get(kind, 0))]
    for number, duration_s in enumerate(durations_s):
        failure = failures[number] if number < len(failures) else None
        yield part.second + (number + 0.5) / len(durations_s), duration_s, failure


def _tags(part: Slice, failure: FailureKind | None) -> dict[str, str]:
    tags = {
        "expected_response": str(failure is None).lower(),
        "method": part.endpoint.method,
        "name": part.endpoint.name,
    }
    if failure is not None:
        tags["failure"] = str(failure)
    if failure is FailureKind.TIMEOUT:
        tags["error_code"] = _TIMEOUT_CODE
    return tags


def _metric(reading: Reading) -> str:
    if (reading.source, reading.series) == ("load", "users"):
        return "vus"
    return _NO_NAME.sub("_", f"{reading.source}_{reading.series}")


def _define(stream: IO[bytes], metric: str, kind: str, contains: str) -> None:
    data: dict[str, Any] = {
        "name": metric,
        "type": kind,
        "contains": contains,
        "thresholds": [],
        "submetrics": None,
    }
    stream.write(orjson.dumps({"type": "Metric", "data": data, "metric": metric}) + b"\n")


def _point(stream: IO[bytes], metric: str, time_s: float, value: float, tags: dict[str, Any]) -> None:
    moment = datetime.fromtimestamp(time_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    data = {"time": moment, "value": value, "tags": tags}
    stream.write(orjson.dumps({"metric": metric, "type": "Point", "data": data}) + b"\n")
