"""Section C: the search for a capacity, and the fits of throughput over load.

The service of C1, C5 and C6 is an M/M/1 queue of 1000/s, simulated request by request (Lindley's recursion):
its 95th percentile is ln 20 / (1000 - load), so that "p95 <= 10 ms" holds up to 700.4/s. A disturbed trial is
one whose service times are three times as long throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from loadproof.analysis.search.capacity import limit_interval
from loadproof.analysis.search.load_search import (
    Attempt,
    Bounds,
    NextTrial,
    SearchEnd,
    TrialOutcome,
    bounds_of,
    next_step,
)
from loadproof.analysis.shapes.broken_stick import fit_broken_stick
from loadproof.analysis.shapes.stress import find_breaking_point
from loadproof.analysis.shapes.usl import fit_usl
from loadproof.analysis.window.windows import Window
from loadproof.histogram import Histogram
from loadproof.model import CapacityGoal, Endpoint, ProfileKind, Slice
from tests.accuracy.cases import Measure, Rate
from tests.runs import START, loose, plan, required, run, staged

if TYPE_CHECKING:
    from numpy.typing import NDArray

SERVICE_PER_S = 1000.0
LIMIT_S = 0.010
TRUTH_PER_S = SERVICE_PER_S - math.log(20) / LIMIT_S
GOAL = CapacityGoal(least=100.0, greatest=2000.0)
BENCHMARK_PER_S = (
    955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61, 8278.71, 8646.7,
    9047.84, 9426.55, 9645.37, 9897.24, 10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806,
    12089.37, 12075.41, 12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39,
)  # fmt: skip
"""Throughput at 1 to 32 users: Cisco's benchmark, the worked example of the R package usl."""
DEMANDS_S = (0.092, 0.079, 0.108, 0.142)
"""Menasce's service demands: no more than 1 / 0.142 = 7.04 transactions per second."""


@dataclass(frozen=True, slots=True)
class Search:
    """A simulated search that has ended."""

    end: SearchEnd
    bounds: Bounds
    interval: list[float] | None
    trials: int


def played(
    random: np.random.Generator, load_per_s: float, duration_s: float, slower: float
) -> tuple[NDArray[np.float64], float]:
    """Response times of an M/M/1 queue that begins empty, and how many it answered in each second."""
    count = max(1, int(load_per_s * duration_s))
    arrivals = np.cumsum(random.exponential(1 / load_per_s, count))
    served = np.cumsum(random.exponential(slower / SERVICE_PER_S, count))
    before = np.concatenate(([0.0], served[:-1]))
    done = served + np.maximum.accumulate(arrivals - before)
    return done - arrivals, np.count_nonzero(done <= duration_s) / duration_s


def search(
    random: np.random.Generator,
    goal: CapacityGoal = GOAL,
    *,
    limit_s: float = LIMIT_S,
    disturbed: float = 0.05,
    void: float = 0.0,
) -> Search:
    """One search; each trial is disturbed, or void, with these probabilities."""
    attempts: list[Attempt] = []
    timed: list[tuple[float, float, float]] = []
    while isinstance(step := next_step(goal, attempts), NextTrial):
        if random.random() < void:
            attempts.append(Attempt(step.load, step.duration_s, TrialOutcome.VOID, step.role))
            continue
        slower = 3.0 if random.random() < disturbed else 1.0
        times_s, answered_per_s = played(random, step.load, step.duration_s, slower)
        p95_s = float(np.quantile(times_s, 0.95))
        timed.append((step.load, step.duration_s, math.log(limit_s / p95_s)))
        outcome = TrialOutcome.HELD if p95_s <= limit_s else TrialOutcome.BROKE
        attempts.append(Attempt(step.load, step.duration_s, outcome, step.role, answered_per_s))
    bounds = bounds_of(goal, attempts)
    return Search(step, bounds, limit_interval(bounds, timed), len(attempts))


def _near(found: Search) -> bool:
    return found.bounds.held is not None and abs(found.bounds.held / TRUTH_PER_S - 1) <= 0.05


def _contains(found: Search) -> bool:
    return found.interval is not None and found.interval[0] <= TRUTH_PER_S <= found.interval[1]


class Drifting:
    """A service with a sharp end, between 160 and 320/s, that moves: by 1 %, over some five minutes.

    What it does not serve at once waits, and 100 ms of waiting is what p95 may be. Such is a service that
    ends at its connections, on a machine that is shared.
    """

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._away = random.normal()
        self._per_s = 160.0 * 2 ** random.uniform()

    def play(self, load_per_s: float, duration_s: float) -> tuple[bool, float]:
        """A trial of so many seconds, and three of rest: whether it held, and the answers per second."""
        backlog, answered, waits_s = 0.0, 0.0, []
        for second in range(int(duration_s) + 3):
            stays = math.exp(-1 / 300)
            self._away = stays * self._away + math.sqrt(1 - stays**2) * self._random.normal()
            served_per_s = self._per_s * (1 + 0.01 * self._away)
            if second < duration_s:
                answered += min(backlog + load_per_s, served_per_s)
                backlog = max(0.0, backlog + load_per_s - served_per_s)
                waits_s.append(backlog / served_per_s)
        return float(np.quantile(waits_s, 0.95)) <= 0.1, answered / duration_s


def _holds_again(random: np.random.Generator, precision: float) -> bool:
    """Whether the load found holds in a fresh minute, and 1.15 times it does not."""
    goal = CapacityGoal(least=20.0, greatest=5000.0, precision=precision)
    service = Drifting(random)
    attempts: list[Attempt] = []
    while isinstance(step := next_step(goal, attempts), NextTrial):
        holds, answered_per_s = service.play(step.load, step.duration_s)
        outcome = TrialOutcome.HELD if holds else TrialOutcome.BROKE
        attempts.append(Attempt(step.load, step.duration_s, outcome, step.role, answered_per_s))
    held = bounds_of(goal, attempts).held
    if step is not SearchEnd.FOUND or held is None:
        return False
    return service.play(held, 60.0)[0] and not service.play(held * 1.15, 60.0)[0]


def _stick_error(random: np.random.Generator, collapse: float) -> float:
    load = np.linspace(100, 1600, int(random.integers(15, 19)))
    truth = np.minimum(load, 1000) - collapse * np.maximum(load - 1000, 0)
    found = fit_broken_stick(load, truth * (1 + 0.02 * random.normal(size=load.size)))
    return math.inf if found is None else abs(found.capacity_per_s / 1000 - 1)


def _usl_error(_: np.random.Generator) -> float:
    found = fit_usl(range(1, 33), BENCHMARK_PER_S)
    assert found is not None
    assert found.best_users is not None
    assert found.best_per_s is not None
    errors = (
        found.sigma / 0.02671591, found.kappa / 7.690945e-4, found.lambda_per_s / 995.6486,
        math.floor(found.best_users) / 35, found.best_per_s / 12341,
    )  # fmt: skip
    return max(abs(error - 1) for error in errors)


def _ramp_error(random: np.random.Generator) -> float:
    """An open ramp of 10/s each second, to 1300/s, on a service of 1000/s: error of the load it followed."""
    backlog, slices = 0.0, []
    for second in range(130):
        arrived = backlog + random.poisson(10 * (second + 0.5))
        answered = int(min(arrived, random.poisson(SERVICE_PER_S)))
        histogram = Histogram()
        # All that was answered in a second waited for what stood before it.
        low_s, high_s = backlog / SERVICE_PER_S + 0.001, (arrived - answered) / SERVICE_PER_S + 0.001
        histogram.record_all(np.linspace(low_s, high_s, answered))
        slices.append(Slice(START + second, Endpoint("GET", "/"), answered, {}, 0, histogram))
        backlog = arrived - answered
    ramp = staged((65.0, 650.0), (65.0, 1300.0), open_model=True)
    profile = replace(ramp, kind=ProfileKind.STRESS)
    found = find_breaking_point(
        run(*slices, of=plan(required(1.0), profile=profile)), Window(frozenset(), "")
    )
    return abs(float(loose(found[0].evidence)["break_load"]) / SERVICE_PER_S - 1)


def _menasce(random: np.random.Generator) -> float:
    """Mean value analysis of the closed network, 1 % noise: the goodput at which it levels off."""
    queue = np.zeros(len(DEMANDS_S))
    throughput = []
    for users in range(1, 61):
        residence_s = np.array(DEMANDS_S) * (1 + queue)
        throughput.append(users / residence_s.sum())
        queue = throughput[-1] * residence_s
    noisy = np.array(throughput) * (1 + 0.01 * random.normal(size=60))
    found = fit_broken_stick(np.arange(1, 61), noisy)
    return math.inf if found is None else found.capacity_per_s


CASES: tuple[Rate | Measure, ...] = (
    Rate(
        id="C1 answer", claim="5 % of the trials disturbed: the load found is within 5 % of the truth",
        trial=lambda random: _near(search(random)), at_least=0.95,
    ),
    Rate(
        id="C1 interval", claim="the interval contains the truth",
        trial=lambda random: _contains(search(random)), at_least=0.90, smoke=100,
    ),
    Rate(
        id="C1 trials", claim="the search takes at most 30 trials",
        trial=lambda random: search(random).trials <= 30, at_least=0.95, smoke=100,
    ),
    Measure(
        id="C2", claim="greatest relative error of sigma, kappa, lambda, N* and Xmax of the USL oracle",
        trial=_usl_error, summary=np.max, high=2e-4, smoke=1, full=1,
    ),
    Measure(
        id="C3 plateau", claim="95th percentile of the relative error of a broken stick, 2 % noise",
        trial=lambda random: _stick_error(random, 0.0), summary=lambda v: float(np.quantile(v, 0.95)),
        high=0.03,
    ),
    Measure(
        id="C3 collapse", claim="the same where throughput falls by 0.3 for each further arrival",
        trial=lambda random: _stick_error(random, 0.3), summary=lambda v: float(np.quantile(v, 0.95)),
        high=0.03,
    ),
    Measure(
        id="C4", claim="greatest relative error of the load that a ramp of 10/s² shows (1141 by threshold)",
        trial=_ramp_error, summary=np.max, high=0.05, smoke=30, full=300,
    ),
    Rate(
        id="C5", claim="a service that meets its limit up to the greatest load: not reached",
        trial=lambda random: search(
            random, CapacityGoal(least=25.0, greatest=200.0), disturbed=0.0
        ).end is SearchEnd.NOT_REACHED,
        at_least=0.99, smoke=100,
    ),
    Rate(
        id="C6", claim="a service that misses its limit at the least load: it says so",
        trial=lambda random: search(random, limit_s=0.002).end is SearchEnd.LEAST_BROKE,
        at_least=0.99, smoke=100,
    ),
    Measure(
        id="C7", claim="greatest goodput of Menasce's network, at most 7.04 by its largest demand",
        trial=_menasce, summary=np.max, low=6.6, high=7.04 * 1.01, smoke=50,
    ),
    Rate(
        id="C8 some void", claim="with 10 % of the trials void the load found is within 5 % of the truth",
        trial=lambda random: _near(search(random, disturbed=0.0, void=0.1)), at_least=0.95, smoke=100,
    ),
    Rate(
        id="C8 most void", claim="with 60 % of the trials void no capacity is given",
        trial=lambda random: search(random, void=0.6).end is SearchEnd.TOO_MANY_VOID,
        at_least=0.99, smoke=100,
    ),
    Rate(
        id="C9 drift", claim="a limit that moves by 1 %: the load found holds again, 1.15 times it fails",
        trial=lambda random: _holds_again(random, 0.02), at_least=0.95,
    ),
    Rate(
        id="C9 drift, 5 %", claim="the same with a precision of 5 %",
        trial=lambda random: _holds_again(random, 0.05), at_least=0.98,
    ),
)  # fmt: skip
