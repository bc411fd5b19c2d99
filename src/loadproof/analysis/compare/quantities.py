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
from loadproof.analysis.compare.counts import Counts
from loadproof.analysis.compare.estimate import BUCKET_VARIANCE
from loadproof.analysis.verdict.requirements import samples_needed
from loadproof.histogram import Histogram, bucket_s, merged
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
FASTEST: Final = "p5"
"""What an answer takes when nothing stands in its way: strangers on the machine move it least."""
_FASTEST: Final = 0.05
LATE: Final = "late answers"
"""The share of answers that take as long as the slowest hundredth of both sides together."""
_LATE: Final = 0.99
_LATE_BY_MEDIAN: Final = 2.0
"""Times the median of both sides: an answer that took less is not late, however alike all of them are."""
_LATE_MATTERS: Final = 0.005
"""Of all answers: p99 of a short run says no less."""
_EMPTY: Final = 0.5
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
    untold: bool = False
    """Missing since a source does not keep it, however many requests there are."""
    counts: tuple[Counts, Counts] | None = None
    """Of what only some requests have: how many they were, on both sides."""
    limit_s: float | None = None
    """Of late answers: what they took at least."""
    matters: float | None = None
    """Of counts: a change by less, absolute, does not matter; None: what the settings say of errors."""
    at_least: float = 0.0
    """A change by a smaller share does not matter, whatever the settings say."""
    resource: bool = False
    """The mean of a watched series."""

    @property
    def told_by_all(self) -> bool:
        """Whether every source tells it, given enough requests."""
        return not self.resource and self.statistic in (*LATENCIES, MEAN, THROUGHPUT, ERROR_RATE, BYTES)

    @property
    def nothing(self) -> bool:
        """Not one event on either side: which can prove nothing."""
        return self.counts is not None and not any(side.events.sum() for side in self.counts)

    @property
    def constant(self) -> bool:
        """Whether all runs of both sides are alike."""
        every = np.concatenate((self.base, self.head))
        return self.nothing or (self.counts is None and every.size > 0 and not np.ptp(every))


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
        if name != ALL_REQUESTS:  # of all requests together both move with the mix
            found += [_fastest(name, *sides), _late(name, *sides)]
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
    """Answers that are empty in head alone are half a byte, so that they have a logarithm."""
    told = any(e is not None and e.received_bytes for e in base)

    def value(endpoint: MeasuredEndpoint) -> float | None:
        if endpoint.received_bytes is None or not endpoint.requests:
            return None
        sent = endpoint.received_bytes / endpoint.requests
        return max(sent, _EMPTY) if told else sent or None

    return _quantity(name, BYTES, Unit.BYTES, base, head, value, "its size is not told")


def _throughput(name: str, base: _Endpoints, head: _Endpoints) -> Quantity:
    found = _quantity(
        name, THROUGHPUT, Unit.PER_SECOND, base, head, lambda endpoint: endpoint.throughput_per_s
    )
    return replace(found, worse_when_greater=False)


def _error_rate(name: str, base: _Endpoints, head: _Endpoints) -> Quantity:
    sides = [[(e.failed, e.requests) for e in side if e and e.failed is not None] for side in (base, head)]
    return counted_quantity(name, ERROR_RATE, Unit.SHARE, sides, "no request with a known outcome")


def _fastest(name: str, base: _Endpoints, head: _Endpoints) -> Quantity:
    """The low quantiles of times are the robust ones on a machine that others use: Chen and Revels, "Robust
    benchmarking in noisy environments", 2016.
    """

    def value(endpoint: MeasuredEndpoint) -> float | None:
        enough = endpoint.requests * _FASTEST >= 1
        return endpoint.quantiles_s.get(_FASTEST) if enough else None

    few = f"fewer than {1 / _FASTEST:.0f} requests a run, or a source without {FASTEST}: nothing to compare"
    found = _quantity(name, FASTEST, Unit.SECONDS, base, head, value, few)
    present = [[e for e in side if e is not None] for side in (base, head)]
    untold = any(side and not any(_FASTEST in e.quantiles_s for e in side) for side in present)
    return replace(found, untold=untold)


def _late(name: str, base: _Endpoints, head: _Endpoints) -> Quantity:
    """How many answers are late, of all runs together: the limit is of both sides, and favours none.

    One run of an endpoint seldom bears a p99, and a median does not move when one answer in fifty is late.
    """
    present = [[e for e in side if e is not None] for side in (base, head)]
    without = [[] if any(e.seconds is None for e in side) else [1.0] for side in present]
    if missing := missing_in(without, "its source keeps no histograms"):
        return replace(_unknown(name, LATE, Unit.SHARE, missing), untold=True)
    sides = [[e.seconds.times.total() for e in side if e.seconds] for side in present]
    together = merged([*sides[0], *sides[1]])
    median_s, tail_s, needed = together.quantile(0.5), together.quantile(_LATE), samples_needed(0.95)
    if median_s is None or tail_s is None or together.count < needed:
        return _unknown(name, LATE, Unit.SHARE, f"fewer than {needed} requests of both sides: too few")
    limit_s = max(tail_s, _LATE_BY_MEDIAN * median_s)
    counts = [[(_beyond(one, limit_s), one.count) for one in side] for side in sides]
    found = counted_quantity(name, LATE, Unit.SHARE, counts, "no request of it")
    return replace(found, limit_s=limit_s, matters=_LATE_MATTERS)


def _beyond(times: Histogram, limit_s: float) -> float:
    """How many answers are in the bucket that holds `limit_s`, or in one above."""
    return float(sum(n for place, n in times.buckets.items() if bucket_s(place + 1) > limit_s))


def counted_quantity(
    name: str, statistic: str, unit: Unit, sides: Sequence[Sequence[tuple[float, float]]], what: str
) -> Quantity:
    """`sides`: (events, requests) of each run."""
    tables = [np.array([run for run in side if run[1]], np.float64).reshape(-1, 2).T for side in sides]
    counts = (Counts(*tables[0]), Counts(*tables[1]))
    logs = [np.log((side.events + 0.5) / side.requests) for side in counts]
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


def _unknown(subject: str, statistic: str, unit: Unit, missing: str) -> Quantity:
    """What only a gate is shown of: its reason."""
    return _of(subject, statistic, unit, [np.empty(0)] * 2, [None] * 2, missing)


def missing_in(values: Sequence[Sequence[float] | Values], what: str) -> str:
    """ "it was not watched in head": the sides that have no value; empty when both have one."""
    empty = [side for side, own in zip(("base", "head"), values, strict=True) if not len(own)]
    return f"{what} in {' and '.join(empty)}" if empty else ""
