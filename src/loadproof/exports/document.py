"""Everything in a run as one JSON document, with the histograms themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

import orjson

from loadproof.histogram import GROWTH, LEAST_S, Histogram
from loadproof.model import Slice
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings

_FACTS: Final = (
    "name",
    "plan",
    "versions",
    "host",
    "git",
    "started_at_s",
    "ended_at_s",
    "outcome",
    "verdict",
)


def write_json(run: Run, _table: str, stream: IO[bytes]) -> list[str]:
    """Written piece by piece: a long run is not held twice in memory."""
    head = {
        "loadproof_export": 1,
        "run": {name: run.facts[name] for name in _FACTS if name in run.facts},
        "histogram": {"growth": GROWTH, "least_s": LEAST_S},
    }
    stream.write(orjson.dumps(head)[:-1])
    _list(stream, "slices", (_slice(part) for part in (*run.slices, *run.beside)))
    _list(stream, "readings", Readings.of(run.readings).in_order_of_time())
    _list(stream, "events", run.events)
    stream.write(b"\n}\n")
    return []


def _list(stream: IO[bytes], name: str, items: Iterable[object]) -> None:
    stream.write(b',\n"%b":[' % name.encode())
    stream.writelines(_separated(items))
    stream.write(b"\n]")


def _separated(items: Iterable[object]) -> Iterator[bytes]:
    for number, item in enumerate(items):
        yield (b",\n" if number else b"\n") + orjson.dumps(item)


def _slice(part: Slice) -> dict[str, Any]:
    return {
        "second": part.second,
        "method": part.endpoint.method,
        "endpoint": part.endpoint.name,
        "requests": part.requests,
        "failures": {str(kind): count for kind, count in sorted(part.failures.items())},
        "received_bytes": part.received_bytes,
        "response": _histogram(part.response),
        "service": None if part.service is None else _histogram(part.service),
    }


def _histogram(histogram: Histogram) -> dict[str, Any]:
    """Bucket i holds times from least_s * growth**i up to growth times that."""
    empty = histogram.count == 0
    return {
        "count": histogram.count,
        "sum_s": histogram.sum_ns / 1e9,
        "min_s": None if empty else histogram.minimum_s,
        "max_s": None if empty else histogram.maximum_s,
        "buckets": sorted(histogram.buckets.items()),
    }
