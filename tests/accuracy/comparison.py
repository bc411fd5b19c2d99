"""How often comparisons of runs are right: A1 to A8, and the looks of `loadproof ab`.

Runs are drawn from LP-1 (`lp1.py`). Where a case says "s" instead of "s_run", that is the spread of the
runs' p95 with WITHIN already in it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from loadproof.analysis.across_runs.measured import MeasuredEndpoint, MeasuredRun
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.analysis.compare.within_run import Stretches, interval, resample
from loadproof.histogram import INVERSE_LOG_GROWTH, LEAST_S, LOG_LEAST, Histogram
from tests.accuracy import shop
from tests.accuracy.cases import Measure, Rate
from tests.accuracy.lp1 import (
    ENDPOINT,
    LOG_QUANTILES,
    RATE_PER_S,
    WITHIN,
    a_run,
    drawn,
    lp1,
    measured_by_histograms,
)
from tests.accuracy.many_endpoints import right_endpoint, wrong_endpoint
from tests.accuracy.turns import (
    DECLARED,
    Turns,
    ab_claims,
    ab_says,
    accused,
    drifted,
    named,
    shop_names,
    shop_says,
)

if TYPE_CHECKING:
    from loadproof.analysis.compare.comparison import Comparison

    Random = np.random.Generator
    Values = np.ndarray

# --- A1: within-run intervals ---------------------------------------------------------------------------


def covers(random: Random, quantile: float, phi: float, seconds: int) -> bool:
    """Whether the within-run interval of one run holds the truth."""
    second, times_s = lp1(random, seconds, phi)
    index = ((np.log(times_s) - LOG_LEAST) * INVERSE_LOG_GROWTH).astype(np.int64)
    used, column = np.unique(index, return_inverse=True)
    counts = np.zeros((seconds, used.size))
    np.add.at(counts, (second, column), 1.0)
    compared = tuple(LOG_QUANTILES)
    found = resample(Stretches(counts, used.astype(float)), compared, f"run {random.integers(10**9)}", 300)
    assert found is not None
    low, high = interval(found.log_quantiles[:, compared.index(quantile)], found.blocks)
    return bool(low <= LOG_QUANTILES[quantile] <= high)


# --- runs -----------------------------------------------------------------------------------------------


def versus(random: Random, runs: int, s_run: float, shift: float = 0.0, within: float = WITHIN,
           candidates: int | None = None) -> Comparison:  # fmt: skip
    """`runs` of base against as many, or `candidates`, of a head that is slower by `shift`."""
    base = drawn(random, "base", random.normal(0, s_run, runs), within)
    head = drawn(random, "head", np.log1p(shift) + random.normal(0, s_run, candidates or runs), within)
    return compare(base, head, DECLARED)


def regressed(random: Random, **process: float) -> bool:
    """Whether `versus` says REGRESSED."""
    return versus(random, **process).change is Change.REGRESSED  # type: ignore[arg-type]


def regressed_by_histograms(random: Random, shift: float, s_run: float = 0.03) -> bool:
    """Whether five whole runs a side say REGRESSED."""
    sides = [
        [measured_by_histograms(random, label, n, move + random.normal(0, s_run)) for n in range(5)]
        for label, move in (("base", 0.0), ("head", np.log1p(shift)))
    ]
    return compare(sides[0], sides[1], DECLARED).change is Change.REGRESSED


# --- A7: errors in bursts -------------------------------------------------------------------------------


def bursty(random: Random, label: str, runs: int, times: float = 1.0) -> list[MeasuredRun]:
    """15,000 requests a run; 0.1 % fail, and in Poisson(8 `times`) bursts of 5 s on average 30 %."""
    found = []
    for number in range(runs):
        burst_s = random.geometric(1 / 5, random.poisson(8 * times)).sum()
        failed = random.binomial(15_000, 0.001 * times) + random.binomial(RATE_PER_S * int(burst_s), 0.3)
        quantiles_s = {0.95: 0.1}
        found.append(
            a_run(label, [MeasuredEndpoint(ENDPOINT, 15_000, int(failed), 50.0, quantiles_s)], number)
        )
    return found


def errors_differ(random: Random, runs: int, times: float = 1.0) -> bool:
    """Whether error rates are claimed to differ, by whatever size and to whichever side."""
    base, head = bursty(random, "base", runs), bursty(random, "head", runs, times)
    (row,) = compare(base, head, ComparisonSettings(gates=parse_gates(["all:errors"]))).gated
    return (row.p_adjusted or 0.0) <= 0.05


def visible_shift(random: Random) -> float:
    """The ratio of two p50 read from histograms when 103 ms became 3 % more."""
    medians = []
    for shift in (1.0, 1.03):
        histogram = Histogram()
        histogram.record_all(0.103 * shift * np.exp(0.05 * random.standard_normal(20_000)) + LEAST_S)
        medians.append(histogram.quantile(0.5) or 0.0)
    return medians[1] / medians[0]


def _power(s_run: float, runs: int, shift: float, at_least: float) -> Rate:
    return Rate(
        id=f"A3 s {s_run:.0%} {runs} runs a side",
        claim=f"a {shift:+.0%} change is REGRESSED",
        trial=partial(regressed, runs=runs, s_run=s_run, shift=shift, within=0.0),
        at_least=at_least,
    )


def _candidate(s: float, at_least: float) -> Rate:
    return Rate(
        id=f"A6 one run against 10, s {s:.0%}",
        claim="a +10% change is REGRESSED",
        trial=partial(regressed, runs=10, s_run=s, shift=0.1, within=0.0, candidates=1),
        at_least=at_least,
    )


CASES: tuple[Rate | Measure, ...] = (
    *(
        Rate(
            id=f"A1 p{quantile * 100:g} phi {phi} {seconds} s",
            claim="the within-run 95 % interval holds the truth",
            trial=partial(covers, quantile=quantile, phi=phi, seconds=seconds),
            at_least=at_least,
            smoke=15,
            full=400,
        )
        for phi, seconds, at_least in ((0.8, 600, 0.90), (0.9, 300, 0.82))
        for quantile in (0.5, 0.95, 0.99)
    ),
    *(
        Rate(
            id=f"A2 5 against 5, s_run {s_run:.0%}",
            claim="equal builds are REGRESSED",
            trial=partial(regressed, runs=5, s_run=s_run),
            at_most=0.025,
        )
        for s_run in (0.02, 0.03, 0.05, 0.08)
    ),
    Rate(
        id="A2 5 against 5, s_run 3%, whole runs",
        claim="equal builds are REGRESSED, per-second histograms and all",
        trial=partial(regressed_by_histograms, shift=0.0),
        at_most=0.025,
        smoke=15,
        full=1000,
    ),
    _power(0.02, 3, 0.10, 0.90),
    _power(0.03, 5, 0.10, 0.95),
    _power(0.05, 8, 0.10, 0.90),
    _power(0.08, 8, 0.20, 0.95),
    Rate(
        id="A3 s_run 3% 5 whole runs a side",
        claim="a +15% change is REGRESSED, per-second histograms and all",
        trial=partial(regressed_by_histograms, shift=0.15),
        at_least=0.95,
        smoke=15,
        full=1000,
    ),
    Rate(
        id="A4 20 endpoints, 5 runs a side",
        claim="a difference is claimed for any of the 19 equal ones",
        trial=partial(wrong_endpoint, runs=5),
        at_most=0.06,
        smoke=30,
    ),
    Rate(
        id="A4 20 endpoints, 8 runs a side",
        claim="a difference is claimed for any of the 19 equal ones",
        trial=partial(wrong_endpoint, runs=8),
        at_most=0.06,
        smoke=30,
    ),
    Rate(
        id="A4 power, 5 runs a side",
        claim="the one of 20 that is 10 % slower is REGRESSED",
        trial=partial(right_endpoint, runs=5),
        at_least=0.60,
        smoke=30,
    ),
    Rate(
        id="A4 power, 8 runs a side",
        claim="the one of 20 that is 10 % slower is REGRESSED",
        trial=partial(right_endpoint, runs=8),
        at_least=0.93,
        smoke=30,
    ),
    Rate(
        id="A5 ABBA",
        claim="a drift of 0.5 % a run is REGRESSED",
        trial=partial(drifted, order="ABBAABBABA"),
        at_most=0.05,
    ),
    Rate(
        id="A6 one run against 10, s 3%",
        claim="an equal build is REGRESSED",
        trial=partial(regressed, runs=10, s_run=0.03, candidates=1),
        at_most=0.05,
    ),
    _candidate(0.02, 0.96),
    _candidate(0.03, 0.75),
    _candidate(0.05, 0.35),
    Rate(
        id="A7 bursty errors, 5 runs a side",
        claim="equal error rates are claimed to differ",
        trial=partial(errors_differ, runs=5),
        at_most=0.07,
    ),
    Rate(
        id="A7 bursty errors, 10 runs a side",
        claim="three times the errors is claimed to differ",
        trial=partial(errors_differ, runs=10, times=3.0),
        at_least=0.95,
    ),
    Measure(
        id="A8 +3% at 103 ms",
        claim="the ratio of two p50 from stored histograms",
        trial=visible_shift,
        summary=np.median,
        low=1.02,
        high=1.04,
        smoke=20,
    ),
    Rate(
        id="ab equal builds, 6 rounds",
        claim="any look says REGRESSED",
        trial=partial(ab_says, turns=Turns(0.05), change=Change.REGRESSED),
        at_most=0.025,
    ),
    Rate(
        id="ab equal builds, 6 rounds, any difference",
        claim="any look claims a difference, of whatever size",
        trial=partial(ab_claims, turns=Turns(0.03)),
        at_most=0.05,
    ),
    Rate(
        id="ab equal builds, 6 rounds, drift",
        claim="any look says REGRESSED while the environment drifts by 0.5 % a run",
        trial=partial(ab_says, turns=Turns(0.02, drift=0.005), change=Change.REGRESSED),
        at_most=0.025,
    ),
    Rate(
        id="ab +10%, 6 rounds",
        claim="a +10 % change is REGRESSED at any look, s_run 3 %",
        trial=partial(ab_says, turns=Turns(0.03, shift=0.10), change=Change.REGRESSED),
        at_least=0.95,
    ),
    Rate(
        id="ab +5%, 6 rounds",
        claim="a change of just the tolerance is called NO MEANINGFUL CHANGE at any look",
        trial=partial(ab_says, turns=Turns(0.03, shift=0.05), change=Change.SAME),
        at_most=0.05,
    ),
    *(
        Rate(
            id=f"ab, a shop, equal builds, {noise}",
            claim="five endpoints of few requests and their work: any look says REGRESSED",
            trial=partial(shop_says, noise=noise, build=None, change=Change.REGRESSED),
            at_most=0.02,
            smoke=40,
            full=300,
        )
        for noise in shop.NOISES
    ),
    *(
        Rate(
            id=f"ab, a shop, equal builds, {noise}, settled",
            claim="they end as NO MEANINGFUL CHANGE within 6 rounds of 9 s, 8 of them side by side",
            trial=partial(shop_says, noise=noise, build=None, change=Change.SAME),
            at_least=0.90,
            smoke=40,
            full=300,
        )
        for noise in ("quiet", "beside")
    ),
    Rate(
        id="ab, a shop, equal builds, settled in 4 rounds",
        claim="on the quiet machine they end as NO MEANINGFUL CHANGE within 4 rounds of 9 s, three minutes",
        trial=partial(shop_says, noise="quiet", build=None, change=Change.SAME, within=4),
        at_least=0.8,
        smoke=20,
        full=300,
    ),
    *(
        Rate(
            id=f"ab, a shop, {name}, {noise}",
            claim="is REGRESSED, and the headline names the endpoint, or the work",
            trial=partial(shop_names, noise=noise, build=name),
            at_least=at_least,
            smoke=15,
            full=100,
        )
        for name in shop.BUILDS
        for noise, at_least in (("quiet", 0.9), ("busy", 0.7), ("beside", 0.9))
    ),
    *(
        Rate(
            id=f"ab, {app}, equal builds, quiet",
            claim="endpoints of very different rates, of two modes, or twenty: any look says REGRESSED",
            trial=partial(accused, app=app),
            at_most=0.02,
            smoke=8,
            full=300,
        )
        for app in shop.OTHERS
    ),
    *(
        Rate(
            id=f"ab, {app}, {shop.OTHERS[app].endpoint}, quiet",
            claim="is REGRESSED, and the headline names the endpoint",
            trial=partial(named, app=app),
            at_least=0.9,
            smoke=6,
            full=100,
        )
        for app in shop.OTHERS
    ),
)
