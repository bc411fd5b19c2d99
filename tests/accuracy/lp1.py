"""The data-generating process LP-1, and runs made of it.

Response time = exp(ln 100 ms + b_run + a_t + shift + 0.5 z), 1 % of the requests five times as long; a_t is
AR(1) over seconds with phi 0.8 and a standard deviation of 0.08; 50 requests a second, Poisson; 300 s;
b_run ~ N(0, s_run). Where only the runs' quantiles matter they are drawn directly: ln(true quantile) + b_run
+ N(0, WITHIN), with WITHIN the spread that whole LP-1 runs have.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, signal, stats

from loadproof.analysis.across_runs.measured import (
    ALL_REQUESTS,
    MeasuredEndpoint,
    MeasuredRun,
    TimesBySecond,
)
from loadproof.histogram import Histogram, merged
from loadproof.runfile.histograms import Histograms

if TYPE_CHECKING:
    from collections.abc import Sequence

    Random = np.random.Generator
    Values = np.ndarray

SPREAD, SLOW_SHARE, SLOW_TIMES = 0.5, 0.01, 5.0
AR_SD = 0.08
RATE_PER_S = 50
MEDIAN_S = 0.1
WITHIN = 0.0163
"""Of ln p95 of one 300 s run: 0.08 sqrt((1 + 0.8) / (1 - 0.8) / 300) of a_t, 0.0086 of the requests."""
ENDPOINT = "GET /loans"


def ar1(random: Random, seconds: int, phi: float, sd: float = AR_SD) -> Values:
    """An AR(1) series in its stationary state."""
    steps = random.standard_normal(seconds) * sd * np.sqrt(1 - phi**2)
    steps[0] = random.standard_normal() * sd
    series: Values = signal.lfilter([1.0], [1.0, -phi], steps)
    return series


def lp1(random: Random, seconds: int, phi: float = 0.8, level: float = 0.0) -> tuple[Values, Values]:
    """(second, response time in s) of each request of one run whose b_run + shift is `level`."""
    counts = random.poisson(RATE_PER_S, seconds)
    second = np.repeat(np.arange(seconds), counts)
    logs = (
        np.log(MEDIAN_S)
        + level
        + ar1(random, seconds, phi)[second]
        + SPREAD * random.standard_normal(second.size)
    )
    logs[random.random(second.size) < SLOW_SHARE] += np.log(SLOW_TIMES)
    return second, np.exp(logs)


def true_log_quantile(quantile: float) -> float:
    """Of LP-1 without b_run and shift."""
    sd = np.hypot(SPREAD, AR_SD)

    def excess(log_s: float) -> float:
        parts = stats.norm.cdf(np.array([log_s, log_s - np.log(SLOW_TIMES)]) - np.log(MEDIAN_S), scale=sd)
        return float(parts @ np.array([1 - SLOW_SHARE, SLOW_SHARE]) - quantile)

    return float(optimize.brentq(excess, -6, 3))


LOG_QUANTILES = {quantile: true_log_quantile(quantile) for quantile in (0.5, 0.95, 0.99)}


def a_run(label: str, endpoints: Sequence[MeasuredEndpoint], number: int = 0) -> MeasuredRun:
    """One run of 300 s of these endpoints; the sides take turns."""
    total = MeasuredEndpoint(
        ALL_REQUESTS, sum(e.requests for e in endpoints), sum(e.failed or 0 for e in endpoints),
        quantiles_s=endpoints[0].quantiles_s,
    )  # fmt: skip
    began_s = 1000.0 * number + 400.0 * (label == "head")
    return MeasuredRun(f"{label}{number}", label, began_s, 300.0, (*endpoints, total))


def endpoint_at(p95_s: float) -> MeasuredEndpoint:
    """An endpoint with this p95, and all else in its usual proportion to it."""
    quantiles_s = {q: p95_s * float(np.exp(log - LOG_QUANTILES[0.95])) for q, log in LOG_QUANTILES.items()}
    return MeasuredEndpoint(ENDPOINT, 15_000, 0, 50.0, quantiles_s)


def drawn(
    random: Random, label: str, levels: Sequence[float] | Values, within: float = WITHIN
) -> list[MeasuredRun]:
    """Runs of one endpoint whose b_run + shift are `levels`, in order."""
    runs = []
    for number, level in enumerate(levels):
        noise = random.normal(0, within)
        quantiles_s = {q: float(np.exp(log + level + noise)) for q, log in LOG_QUANTILES.items()}
        runs.append(a_run(label, [MeasuredEndpoint(ENDPOINT, 15_000, 0, 50.0, quantiles_s)], number))
    return runs


def measured_by_histograms(random: Random, label: str, number: int, level: float) -> MeasuredRun:
    """A whole LP-1 run of 60 s through the histograms that a run file has."""
    second, times_s = lp1(random, 60, level=level)
    histograms = []
    for part in np.split(times_s, np.searchsorted(second, np.arange(1, 60))):
        histogram = Histogram()
        histogram.record_all(part)
        histograms.append(histogram)
    seconds = TimesBySecond(np.arange(60), Histograms.of(histograms))
    total = merged(histograms)
    quantiles_s = {q: s for q in (0.5, 0.95, 0.99) if (s := total.quantile(q)) is not None}
    endpoint = MeasuredEndpoint(ENDPOINT, total.count, 0, total.count / 60, quantiles_s, None, seconds)
    return replace(a_run(label, [endpoint], number), window=tuple(range(60)))
