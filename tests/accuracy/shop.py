"""Runs of a small shop: five endpoints, few requests of some, and the noise of a shared machine.

What `loadproof ab -t 9s` sees: about 700 requests a run in the mix 4, 3, 2, 1, 1; times are lognormal,
2 % of them five times as long; a run shifts all endpoints by `shared` and each by `own`; `wild` of the runs
take half as long again; the throughput falls as the times rise (users wait 60 ms between requests); a request
takes one transaction, with the monitor's own one a second, and 2 ms of CPU time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from loadproof.analysis.across_runs.measured import (
    ALL_REQUESTS,
    QUANTILES,
    MeasuredEndpoint,
    MeasuredRun,
    MeasuredSeries,
    TimesBySecond,
)
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.looks import look_levels, look_rounds
from loadproof.analysis.compare.settings import Settings
from loadproof.histogram import Histogram
from loadproof.model import Unit
from loadproof.pipeline.turns import ends_there
from loadproof.runfile.histograms import Histograms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadproof.analysis.compare.comparison import Comparison

    Random = np.random.Generator

ENDPOINTS = {
    "GET /items/[id]": 4,
    "GET /orders": 3,
    "GET /orders/[id]": 2,
    "GET /report": 1,
    "POST /orders": 1,
}
MEDIANS_S = (0.004, 0.005, 0.004, 0.015, 0.008)
USERS, PAUSE_S, SECONDS = 8, 0.06, 9


@dataclass(frozen=True)
class Noise:
    """How much runs of one build differ, as standard deviations of logarithms."""

    shared: float = 0.02
    own: float = 0.01
    within: float = 0.3
    wild: float = 0.0


QUIET = Noise()
BUSY = Noise(shared=0.08, own=0.04, within=0.5, wild=0.05)


@dataclass(frozen=True)
class Build:
    """What head does to base: factors of one endpoint's times, failures, statements."""

    endpoint: str = ""
    slower: float = 1.0
    tail: float = 1.0
    failed: float = 0.0
    transactions: Mapping[str, float] = field(default_factory=dict)
    memory: float = 1.0
    late: float = 0.0
    """Share of its answers that take LATE_S."""


LATE_S = 0.15


def shop_run(random: Random, number: int, noise: Noise, change: Build | None = None) -> MeasuredRun:
    """One run of 9 s, the `number`-th of its comparison."""
    change = change or Build()
    level = random.normal(0, noise.shared) + (np.log(1.5) if random.random() < noise.wild else 0.0)
    weights = np.array(list(ENDPOINTS.values())) / sum(ENDPOINTS.values())
    slower = np.array([change.slower if name == change.endpoint else 1.0 for name in ENDPOINTS])
    medians = np.array(MEDIANS_S) * slower * np.exp(level + random.normal(0, noise.own, len(slower)))
    rate = USERS / (PAUSE_S + float(weights @ medians) * 1.1)
    made, transactions = [], 0.0
    for name, weight, median in zip(ENDPOINTS, weights, medians, strict=True):
        requests = int(random.poisson(rate * SECONDS * weight))
        times = median * np.exp(noise.within * random.standard_normal(requests))
        tail = change.tail if name == change.endpoint else 1.0
        times[random.random(requests) < 0.02] *= 5 * tail
        if name == change.endpoint:
            times[random.random(requests) < change.late] = LATE_S
        failed = int(random.binomial(requests, change.failed)) if name == change.endpoint else 0
        quantiles = dict(zip(QUANTILES, np.quantile(times, QUANTILES).tolist(), strict=True))
        mean = float(times.mean())
        made.append(
            MeasuredEndpoint(
                name, requests, failed, requests / SECONDS, quantiles, mean, _together(times),
                received_bytes=200.0 * requests,
            )
        )  # fmt: skip
        transactions += requests * change.transactions.get(name, 1.0)
    total = MeasuredEndpoint(
        ALL_REQUESTS, sum(e.requests for e in made), sum(e.failed or 0 for e in made),
        sum(e.requests for e in made) / SECONDS, made[0].quantiles_s, made[0].mean_s,
    )  # fmt: skip
    per_s = total.requests / SECONDS
    busy = np.exp(level + random.normal(0, 0.02))
    series = (
        MeasuredSeries("process.cpu", Unit.CORES, 0.002 * per_s * busy, 1.0),
        MeasuredSeries("process.rss", Unit.BYTES, 8e7 * change.memory * np.exp(random.normal(0, 0.01)), 9e7),
        MeasuredSeries("postgres.transactions.committed", Unit.PER_SECOND, transactions / SECONDS + 1, 9e9),
    )
    return MeasuredRun(f"run{number}", "", float(number), SECONDS, (*made, total), series)


def _together(times_s: np.ndarray) -> TimesBySecond:
    """As if all had ended in one second: what is compared of them are sums."""
    one = Histogram()
    one.record_all(times_s)
    return TimesBySecond(np.zeros(1, np.int64), Histograms.of([one]))


ROUNDS = 6
_LEVELS = look_levels(look_rounds(ROUNDS), 0.05)


def ab(random: Random, noise: Noise, change: Build | None = None) -> tuple[Comparison, int]:
    """What `loadproof ab` ends with, and after how many rounds."""
    sides: dict[bool, list[MeasuredRun]] = {False: [], True: []}
    for number in range(4 * ROUNDS):
        is_head = "ABBA"[number % 4] == "B"
        sides[is_head].append(shop_run(random, number, noise, change if is_head else None))
    for rounds, level in _LEVELS.items():
        found = compare(sides[False][: 2 * rounds], sides[True][: 2 * rounds], Settings(alpha=level))
        if ends_there(found, rounds, ROUNDS) is not None:
            break
    return found, rounds


NOISES = {"quiet": QUIET, "busy": BUSY}
BUILDS = {
    "item from 4 to 66 ms": Build("GET /items/[id]", slower=16.0),
    "5 ms of sleep in one of five": Build("GET /items/[id]", slower=2.2),
    "one endpoint 30 % slower": Build("GET /report", slower=1.3),
    "N+1": Build("GET /orders/[id]", slower=1.4, transactions={"GET /orders/[id]": 11.0}),
    "2 % errors": Build("GET /items/[id]", failed=0.02),
    "memory": Build("GET /items/[id]", memory=1.3),
    "p50 better but p99 worse": Build("GET /report", slower=0.1, late=0.03),
}
