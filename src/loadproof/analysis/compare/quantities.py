"""What is compared: each statistic of each endpoint and resource as one number a run, on the log scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.across_runs.measured import (
    ALL_REQUESTS,
    MeasuredEndpoint,
    MeasuredRun,
    endpoint_names,
)
from loadproof.analysis.compare.counts import Counts, by_chance
from loadproof.analysis.compare.estimate import BUCKET_VARIANCE
from loadproof.analysis.verdict.requirements import samples_needed
from loadproof.histogram import GROWTH, LEAST_S, Histogram, merged
from loadproof.model import OPENED, Unit
from loadproof.units import format_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    _Endpoints = Sequence[MeasuredEndpoint | None]

LATENCIES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
THROUGHPUT: Final = "throughput"
ERROR_RATE: Final = "error rate"
MEAN: Final = "mean"
BYTES: Final = "bytes an answer"
LATENESS: Final = "lateness"
"""Seconds that answers took beyond twice base's p95, on average over all of them."""
_LATE: Final = 2.0
LEAST_REQUESTS: Final = 2
"""Of a run, before its median or mean is one of the sample: how much runs differ by it says how little it is
worth. One run by itself would take more (`samples_needed`)."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One row to be: natural logarithms of one value for each run that has it."""

    subject: str
    statistic: str
    unit: Unit
    base: Values
    head: Values
    shown_base: float | None
    shown_head: float | None
    worse_when_greater: bool = True
    least: float = BUCKET_VARIANCE
    """What the variance of one run's value is at least."""
    missing: str = ""
    """Why there is nothing to compare."""
    counts: tuple[Counts, Counts] | None = None
    """Of what only some requests have: how many they were, on both sides."""
    mean_s: float | None = None
    """Of lateness: the mean time of base, which it moves."""
    matters: float | None = None
    """Of counts: a change by less, absolute, does not matter; None: what the settings say of errors."""
    resource: bool = False
    """The mean of a watched series."""

    @property
    def nothing(self) -> bool:
        """Not one event on either side: which can prove nothing."""
        return self.counts is not None and not any(side.events.sum() for side in self.counts)


def enough_requests(endpoint: MeasuredEndpoint, statistic: str) -> bool:
    """Whether so many requests of one run bear that statistic."""
    return endpoint.requests >= requests_needed(statistic)


def requests_needed(statistic: str) -> int:
    """Of one run, for the time that is called so."""
    return LEAST_REQUESTS if statistic in ("p50", MEAN) else samples_needed(LATENCIES[statistic])


def quantities(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> list[Quantity]:
    """Everything that can be compared, endpoints first."""
    found = []
    for name in endpoint_names(base, head):
        sides = [[run.endpoint(name) for run in side] for side in (base, head)]
        found += [_latency(name, statistic, *sides) for statistic in LATENCIES]
        found += [_mean(name, *sides), _throughput(name, *sides), _error_rate(name, *sides)]
        found += [_bytes(name, *sides)]
        late = _lateness(name, *sides) if name != ALL_REQUESTS else None
        found += [late] if late else []
    return [*found, *_resources(base, head)]


def _latency(name: str, statistic: str, base: _Endpoints, head: _Endpoints) -> Quantity:
    quantile = LATENCIES[statistic]

    def value(endpoint: MeasuredEndpoint) -> float | None:
        return endpoint.quantiles_s.get(quantile) if enough_requests(endpoint, statistic) else None

    needed = format_count(requests_needed(statistic))
    few = f"fewer than {needed} requests a run: too few for {statistic}"
    return _quantity(name, statistic, Unit.SECONDS, base, head, value, few)


def _mean(name: str, base: _Endpoints, head: _Endpoints) -> Quantity:
    def value(endpoint: MeasuredEndpoint) -> float | None:
        return endpoint.mean_s if enough_requests(endpoint, MEAN) else None

    few = f"fewer than {LEAST_REQUESTS} requests a run, or no mean: nothing to compare"
    return _quantity(name, MEAN, Unit.SECONDS, base, head, value, few)


def _bytes(name: str, base: _Endpoints, head: _Endpoints) -> Quantity:
    def value(endpoint: MeasuredEndpoint) -> float | None:
        return endpoint.received_bytes / endpoint.requests if endpoint.received_bytes else None

    return _quantity(name, BYTES, Unit.BYTES, base, head, value, "its size is not told")


def _throughput(name: str, base: _Endpoints, head: _Endpoints) -> Quantity:
    found = _quantity(
        name, THROUGHPUT, Unit.PER_SECOND, base, head, lambda endpoint: endpoint.throughput_per_s
    )
    return replace(found, worse_when_greater=False)


def _error_rate(name: str, base: _Endpoints, head: _Endpoints) -> Quantity:
    sides = [
        [(e.failed, e.requests, e.failed) for e in side if e and e.failed is not None]
        for side in (base, head)
    ]
    return counted_quantity(name, ERROR_RATE, Unit.SHARE, sides, "no request with a known outcome")


def _lateness(name: str, base: _Endpoints, head: _Endpoints) -> Quantity | None:
    """What answers took beyond twice base's p95, on average over all: the tail, of all runs together.

    One run of an endpoint seldom bears a p99, and a median does not move when one answer in fifty is late.
    None where a source has no histograms, or base too few requests for a p95.
    """
    present = [[e for e in side if e is not None] for side in (base, head)]
    if any(e.seconds is None for side in present for e in side):
        return None
    sides = [[e.seconds.times.total() for e in side if e.seconds] for side in present]
    together = merged(sides[0])
    p95_s, mean_s = together.quantile(0.95), together.mean_s
    if p95_s is None or mean_s is None or together.count < samples_needed(0.95):
        return None
    counts = [[(*_beyond(one, _LATE * p95_s), one.count) for one in side] for side in sides]
    weighed = [[(total, count, squares) for total, squares, count in side] for side in counts]
    return replace(counted_quantity(name, LATENESS, Unit.SECONDS, weighed, "no request of it"), mean_s=mean_s)


def _beyond(times: Histogram, limit_s: float) -> tuple[float, float]:
    """The sum over all answers of what they took beyond, and of its square, in seconds."""
    middles = LEAST_S * GROWTH ** (np.array(list(times.buckets), np.float64) + 0.5)
    beyond = np.maximum(middles - limit_s, 0.0)
    counts = np.array(list(times.buckets.values()), np.float64)
    return float(counts @ beyond), float(counts @ beyond**2)


def counted_quantity(
    name: str, statistic: str, unit: Unit, sides: Sequence[Sequence[tuple[float, float, float]]], what: str
) -> Quantity:
    """`sides`: (events, requests, squares) of each run."""
    tables = [np.array([run for run in side if run[1]], np.float64).reshape(-1, 3).T for side in sides]
    counts = (Counts(*tables[0]), Counts(*tables[1]))
    one = by_chance(*counts)
    logs = [np.log((side.events + 0.5 * one) / side.requests) for side in counts]
    shown = [float(side.events.sum() / side.requests.sum()) if side.events.size else None for side in counts]
    return replace(_of(name, statistic, unit, logs, shown, missing_in(logs, what)), counts=counts)


def _resources(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> list[Quantity]:
    units = {s.name: s.unit for run in (*base, *head) for s in run.series if s.name != ".".join(OPENED)}
    found = []
    for name in sorted(units):
        means = [
            np.array([s.mean for run in side for s in run.series if s.name == name]) for side in (base, head)
        ]
        missing = missing_in(means, "it was not watched")
        if not missing and min(side.min() for side in means) <= 0:
            missing = "it was 0 at times: a change has no ratio"
        logs = [np.log(side) if not missing else np.empty(0) for side in means]
        shown = [float(np.exp(side.mean())) if side.size else None for side in logs]
        series = _of(name, MEAN, units[name], logs, shown, missing, 0.0)
        found.append(replace(series, resource=True))
    return found


def _quantity(
    name: str,
    statistic: str,
    unit: Unit,
    base: _Endpoints,
    head: _Endpoints,
    value: Callable[[MeasuredEndpoint], float | None],
    few: str = "",
) -> Quantity:
    logs = []
    for side in (base, head):
        values = [v for endpoint in side if endpoint is not None and (v := value(endpoint))]
        logs.append(np.log(np.array(values, dtype=np.float64)))
    present = all(any(endpoint is not None for endpoint in side) for side in (base, head))
    missing = missing_in(logs, few if few and present else "no request of it")
    shown = [float(np.exp(side.mean())) if side.size else None for side in logs]
    return _of(name, statistic, unit, logs, shown, missing)


def _of(
    subject: str,
    statistic: str,
    unit: Unit,
    logs: Sequence[Values],
    shown: Sequence[float | None],
    missing: str,
    least: float = BUCKET_VARIANCE,
) -> Quantity:
    return Quantity(
        subject, statistic, unit, logs[0], logs[1], shown[0], shown[1], missing=missing, least=least
    )


def missing_in(logs: Sequence[Values], what: str) -> str:
    """ "it was not watched in head": the sides that have no value; empty when both have one."""
    empty = [side for side, values in zip(("base", "head"), logs, strict=True) if not values.size]
    return f"{what} in {' and '.join(empty)}" if empty else ""
