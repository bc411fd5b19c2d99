"""The keys that requirements are written with: what each requires, and which limits it takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from loadproof.model import Statistic, Subject
from loadproof.plan.document import did_you_mean
from loadproof.plan.limits import Direction, LimitKind


@dataclass(frozen=True, slots=True)
class RequirementKey:
    """What one key of a block requires."""

    subject: Subject
    statistic: Statistic
    kind: LimitKind
    direction: Direction
    about: str
    quantile: float | None = None
    metric: str = ""


def _growth(metric: str, kind: LimitKind, what: str) -> RequirementKey:
    about = f"how fast {what} may grow"
    return RequirementKey(Subject.GROWTH, Statistic.RATE, kind, Direction.UPPER, about, metric=metric)


def _time(statistic: Statistic, about: str, quantile: float | None = None) -> RequirementKey:
    return RequirementKey(
        Subject.RESPONSE_TIME, statistic, LimitKind.DURATION, Direction.ANY, about, quantile
    )


def _rate(direction: Direction, about: str) -> RequirementKey:
    return RequirementKey(Subject.THROUGHPUT, Statistic.RATE, LimitKind.RATE, direction, about)


def _resource(metric: str, kind: LimitKind, about: str) -> RequirementKey:
    return RequirementKey(Subject.RESOURCE, Statistic.MAXIMUM, kind, Direction.UPPER, about, metric=metric)


BLOCKS: Final[dict[str, dict[str, RequirementKey]]] = {
    "response_time": {
        "median": _time(Statistic.PERCENTILE, "the same as p50", 0.5),
        "mean": _time(Statistic.MEAN, "arithmetic mean"),
        "avg": _time(Statistic.MEAN, "the same as mean"),
        "max": _time(Statistic.MAXIMUM, "slowest request"),
        "min": _time(Statistic.MINIMUM, "fastest request"),
    },
    "throughput": {
        "target_rps": _rate(Direction.LOWER, "requests per second that must be reached"),
        "min_rps": _rate(Direction.LOWER, "the same, said as a minimum"),
        "max_rps": _rate(Direction.UPPER, "requests per second that must not be exceeded"),
    },
    "error_rate": {
        "max_rate": RequirementKey(
            Subject.ERROR_RATE,
            Statistic.RATE,
            LimitKind.SHARE,
            Direction.UPPER,
            "share of requests that may fail",
        ),
    },
    "resource_usage": {
        "cpu_max": _resource("cpu", LimitKind.SHARE, "share of the processor time it may use"),
        "memory_max": _resource(
            "memory", LimitKind.SHARE_OR_SIZE, "share of the memory it may use, or a size"
        ),
        "database_connections_max": _resource(
            "database_connections",
            LimitKind.SHARE_OR_CONNECTIONS,
            "share of the connections that the database allows, or a number of them",
        ),
    },
}
"""Every key of every block; `response_time` also takes any percentile, p50 or p99.9 (see `_key`)."""

SINGLES: Final[dict[str, RequirementKey]] = {
    "recovery_time": RequirementKey(
        Subject.RECOVERY_TIME,
        Statistic.MAXIMUM,
        LimitKind.RECOVERY,
        Direction.UPPER,
        "time from a spike's end until all is as it was before",
    ),
    "peak_error_rate": RequirementKey(
        Subject.PEAK_ERROR_RATE,
        Statistic.MAXIMUM,
        LimitKind.SHARE,
        Direction.UPPER,
        "share of requests that may fail in any 5 s from a spike's begin on",
    ),
    "memory_growth": _growth("memory", LimitKind.GROWTH_OR_SIZE, "the service's memory"),
    "connection_growth": _growth("connections", LimitKind.GROWTH_OR_COUNT, "the number of connections"),
    "descriptor_growth": _growth("descriptors", LimitKind.GROWTH_OR_COUNT, "the number of open files"),
    "thread_growth": _growth("threads", LimitKind.GROWTH_OR_COUNT, "the number of threads"),
    "latency_growth": _growth("latency", LimitKind.GROWTH, "the response time (p50, p95, slowest quarter)"),
}
"""Keys that stand beside the blocks, each with one limit: questions to a spike or a soak test."""
_PERCENTILE = re.compile(r"[pP]\s*\(?([0-9]+(?:\.[0-9]+)?)\)?")


def key_of(block: str, key: str) -> tuple[RequirementKey | None, tuple[str, str]]:
    """What a key of a block requires, or why it is none: message and hint."""
    known = BLOCKS[block].get(key)
    if known is not None:
        return known, ("", "")
    match = _PERCENTILE.fullmatch(key) if block == "response_time" else None
    if match is None:
        percentiles = ("p50", "p95", "p99") if block == "response_time" else ()
        names = [*BLOCKS[block], *percentiles]
        return None, (f"unknown key '{key}'", did_you_mean(key, names))
    percent = float(match[1])
    if key != f"p{match[1]}":
        return None, (f"unknown key '{key}'", f"did you mean 'p{match[1]}'?")
    if percent > 100:
        return None, (f"'{key}': a percentile lies between 0 and 100", "write p95, p99 or p99.9")
    return _time(Statistic.PERCENTILE, "percentile", round(percent / 100, 12)), ("", "")
