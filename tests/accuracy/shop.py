"""Runs of a small shop and of apps unlike it: few requests of some endpoints, and a shared machine's noise.

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
from loadproof.analysis.compare.looks import look_settings
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.histogram import Histogram
from loadproof.model import Unit
from loadproof.pipeline.turns import IN_TURNS, MOST_ROUNDS, SIDE_BY_SIDE, ends_there
from loadproof.runfile.histograms import Histograms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadproof.analysis.compare.comparison import Comparison

    Random = np.random.Generator

USERS, PAUSE_S, SECONDS = 8, 0.06, 9


@dataclass(frozen=True)
class Endpoint:
    """One of an app's: how often it is asked for, and its times."""

    weight: float
    median_s: float
    slow_share: float = 0.02
    """Of its answers that take `slow` times as long."""
    slow: float = 5.0


SHOP = {
    "GET /items/[id]": Endpoint(4, 0.004),
    "GET /orders": Endpoint(3, 0.005),
    "GET /orders/[id]": Endpoint(2, 0.004),
    "GET /report": Endpoint(1, 0.015),
    "POST /orders": Endpoint(1, 0.008),
}
RARE = {
    "GET /feed": Endpoint(60, 0.006),
    "GET /item": Endpoint(30, 0.004),
    "POST /like": Endpoint(8, 0.003),
    "GET /search": Endpoint(4, 0.03),
    "POST /checkout": Endpoint(1, 0.08),
    "GET /export": Endpoint(0.5, 0.25),
}
"""Endpoints of very different rates: 3 to 4 and 6 to 8 requests a run of the last two."""
CACHED = {
    "GET /cached": Endpoint(5, 0.002, 0.3, 30.0),
    "GET /mixed": Endpoint(3, 0.004, 0.5, 10.0),
    "GET /plain": Endpoint(1, 0.05, 0.1, 4.0),
}
"""Times with two modes: hits and misses."""
MANY = {f"GET /{number}": Endpoint(1 / (number + 1), 0.003 * (1 + number % 7)) for number in range(20)}
APPS = {"shop": SHOP, "rare": RARE, "cached": CACHED, "many": MANY}


@dataclass(frozen=True)
class Noise:
    """How much runs of one build differ, as standard deviations of logarithms."""

    shared: float = 0.02
    own: float = 0.01
    within: float = 0.3
    wild: float = 0.0
    apart: float | None = None
    """How much two runs of the same moment differ; None: each run has its own moment."""


QUIET = Noise()
BUSY = Noise(shared=0.08, own=0.04, within=0.5, wild=0.05)
BESIDE = Noise(shared=0.08, own=0.03, within=0.5, wild=0.05, apart=0.015)
"""As measured of pairs on a machine whose runs differ by 8 % from one moment to the next."""


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


def level_of(random: Random, noise: Noise) -> float:
    """How slow the machine is in a moment, as a logarithm."""
    wild = np.log(1.5) if random.random() < noise.wild else 0.0
    return float(random.normal(0, noise.shared) + wild)


def shop_run(
    random: Random,
    number: int,
    noise: Noise,
    change: Build | None = None,
    app: str = "shop",
    level: float | None = None,
) -> MeasuredRun:
    """One run of 9 s, begun at the `number`-th moment of its comparison; `level` is what that does to it."""
    change, endpoints = change or Build(), APPS[app]
    level = level_of(random, noise) if level is None else level
    weights = np.array([endpoint.weight for endpoint in endpoints.values()])
    weights = weights / weights.sum()
    slower = np.array([change.slower if name == change.endpoint else 1.0 for name in endpoints])
    medians = np.array([endpoint.median_s for endpoint in endpoints.values()]) * slower
    medians = medians * np.exp(level + random.normal(0, noise.own, len(slower)))
    rate = USERS / (PAUSE_S + float(weights @ medians) * 1.1)
    made, transactions = [], 0.0
    for name, weight, median in zip(endpoints, weights, medians, strict=True):
        requests = int(random.poisson(rate * SECONDS * weight))
        if not requests:
            continue
        times = median * np.exp(noise.within * random.standard_normal(requests))
        tail = change.tail if name == change.endpoint else 1.0
        own = endpoints[name]
        times[random.random(requests) < own.slow_share] *= own.slow * tail
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
    return MeasuredRun(f"run{number}", "", 20.0 * number, SECONDS, (*made, total), series)


def _together(times_s: np.ndarray) -> TimesBySecond:
    """As if all had ended in one second: what is compared of them are sums."""
    one = Histogram()
    one.record_all(times_s)
    return TimesBySecond(np.zeros(1, np.int64), Histograms.of([one]))


ROUNDS = MOST_ROUNDS[IN_TURNS]


def ab(
    random: Random, noise: Noise, change: Build | None = None, app: str = "shop"
) -> tuple[Comparison, int]:
    """What `loadproof ab` ends with, and after how many rounds; side by side where the noise says `apart`."""
    sides: dict[bool, list[MeasuredRun]] = {False: [], True: []}
    shared, most = 0.0, ROUNDS if noise.apart is None else MOST_ROUNDS[SIDE_BY_SIDE]
    for number in range(4 * most):
        is_head = "ABBA"[number % 4] == "B"
        own, moment = None, number
        if noise.apart is not None:
            shared = level_of(random, noise) if number % 2 == 0 else shared
            own, moment = shared + random.normal(0, noise.apart), number // 2
        sides[is_head].append(shop_run(random, moment, noise, change if is_head else None, app, own))
    for rounds, look in look_settings(ComparisonSettings(), most).items():
        found = compare(sides[False][: 2 * rounds], sides[True][: 2 * rounds], look)
        if ends_there(found, rounds, most) is not None:
            break
    return found, rounds


NOISES = {"quiet": QUIET, "busy": BUSY, "beside": BESIDE}
BUILDS = {
    "item from 4 to 66 ms": Build("GET /items/[id]", slower=16.0),
    "5 ms of sleep in one of five": Build("GET /items/[id]", slower=2.2),
    "one endpoint 30 % slower": Build("GET /report", slower=1.3),
    "N+1": Build("GET /orders/[id]", slower=1.4, transactions={"GET /orders/[id]": 11.0}),
    "2 % errors": Build("GET /items/[id]", failed=0.02),
    "memory": Build("GET /items/[id]", memory=1.3),
    "p50 better but p99 worse": Build("GET /report", slower=0.1, late=0.03),
}
OTHERS = {
    "rare": Build("POST /checkout", slower=2.0),
    "cached": Build("GET /cached", tail=2.0),
    "many": Build("GET /15", slower=2.0),
}
"""A change in one endpoint of an app unlike the shop: a rare one, only the misses, one of many."""
