"""Change points over run history: false alarms, power, place, and how appending a run moves them.

Each replicate is one series of n runs at a level of 100 whose logarithm has a standard deviation of 3 %,
except that t3 and spiky have heavier tails: spiky is normal with one run in twenty 10 or 20 standard
deviations up. AR(.4) is stationary with the same marginal standard deviation.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from loadproof.analysis.across_runs.change_points import change_points
from loadproof.analysis.across_runs.history import RunSeries
from loadproof.analysis.across_runs.history import history as told
from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from tests.accuracy.cases import Rate
from tests.accuracy.lp1 import ENDPOINT, a_run, endpoint_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

SD = 0.03


def _normal(random: Generator, n: int) -> np.ndarray:
    return random.normal(size=n)


def _lognormal(random: Generator, n: int) -> np.ndarray:
    return np.exp(random.normal(0.0, 0.5, n))


def _t3(random: Generator, n: int) -> np.ndarray:
    return random.standard_t(3, n)


def _spiky(random: Generator, n: int) -> np.ndarray:
    values = random.normal(size=n)
    values += random.choice([10.0, 20.0], n) * (random.random(n) < 0.05)
    return values


def _ar4(random: Generator, n: int) -> np.ndarray:
    values = random.normal(size=n)
    for i in range(1, n):
        values[i] = 0.4 * values[i - 1] + np.sqrt(1 - 0.4**2) * values[i]
    return values


_NOISES: dict[str, Callable[[Generator, int], np.ndarray]] = {
    "normal": _normal, "lognormal": _lognormal, "t3": _t3, "spiky": _spiky, "AR(.4)": _ar4,
}  # fmt: skip


def history(random: Generator, noise: str, n: int, up: float = 0.0, last: int = 0) -> np.ndarray:
    """A series of `n` runs, its `last` runs higher by the share `up`."""
    series = 100 * np.exp(SD * _NOISES[noise](random, n))
    series[n - last :] *= 1 + up
    return series


def _changed(random: Generator, *, noise: str, n: int, up: float = 0.0, last: int = 0) -> bool:
    return bool(change_points(history(random, noise, n, up, last).tolist()))


def _bucketed(random: Generator) -> bool:
    # Quantiles are read from buckets 1 % apart: many of them tie.
    series = np.exp(np.round(np.log(history(random, "normal", 40)) / 0.01) * 0.01)
    return bool(change_points(series.tolist()))


def _one_outlier(random: Generator) -> bool:
    series = history(random, "normal", 40)
    series[random.integers(40)] *= 2.0
    return bool(change_points(series.tolist()))


def _not_both(random: Generator) -> bool:
    """A regression that was mended: 20 runs, 20 runs 10 % higher, 20 runs as before."""
    series = history(random, "normal", 60)
    series[20:40] *= 1.1
    found = [change.index for change in change_points(series.tolist())]
    return len(found) != 2 or abs(found[0] - 20) > 1 or abs(found[1] - 40) > 1


def _misplaced(random: Generator, *, noise: str) -> bool:
    """Of the histories in which something is found: nothing lies within one run of the truth."""
    while not (found := change_points(history(random, noise, 40, 0.09, 10).tolist())):
        continue
    return all(abs(change.index - 30) > 1 for change in found)


def _moved(random: Generator) -> bool:
    """An old change, 15 runs ago, that one more run moves by more than one place or makes vanish."""
    series = history(random, "normal", 41, 0.09, 16).tolist()
    before = [c.index for c in change_points(series[:-1]) if len(series) - 1 - c.index >= 5]
    after = [c.index for c in change_points(series)]
    return any(all(abs(old - new) > 1 for new in after) for old in before)


def fifteen(random: Generator, base_s: float, sd: float, shape: str) -> RunSeries:
    """What `history` says of 15 runs: p95 creeps by 1 ms a run, steps by 25 %, has one outlier, or none."""
    values = base_s * np.exp(random.normal(0, sd, 15))
    match shape:
        case "creep":
            values += 0.001 * np.arange(15)
        case "step":
            values[random.integers(5, 11) :] *= 1.25
        case "outlier":
            values[random.integers(15)] *= 2.0
    runs = [a_run("run", [endpoint_at(value)], number) for number, value in enumerate(values.tolist())]
    found = told("shop", runs, measures=["p95"])
    return next(series for series in found.series if series.endpoint == ENDPOINT != ALL_REQUESTS)


def _right(random: Generator, *, base_s: float, sd: float, shape: str) -> bool:
    series = fifteen(random, base_s, sd, shape)
    steps = 1 if shape == "step" else 0
    return len(series.changes) == steps and (series.trend is not None) == (shape == "creep")


_FALSE_ALARM = "a history without a change has one"
_NO_CHANGE = tuple(
    Rate(
        id=f"B1 {noise} n={n}",
        claim=_FALSE_ALARM,
        trial=partial(_changed, noise=noise, n=n),
        at_most=0.10 if noise == "AR(.4)" else 0.07,
        smoke=100 if noise == "lognormal" else 200,  # the same ranks as normal: only the place differs
    )
    for noise in _NOISES
    for n in (20, 30, 60, 100)
)


def _power(at_least: float, up: float, last: int, noise: str = "normal") -> Rate:
    return Rate(
        id=f"B2 {noise} +{up:.0%} m={last}",
        claim="the change is found, n=40, run sd 3 %",
        trial=partial(_changed, noise=noise, n=40, up=up, last=last),
        at_least=at_least,
    )


CASES = (
    *_NO_CHANGE,
    Rate(id="B1 buckets n=40", claim=_FALSE_ALARM, trial=_bucketed, at_most=0.07),
    _power(0.90, 0.15, 5),
    _power(0.80, 0.09, 5),
    _power(0.95, 0.09, 10),
    _power(0.90, 0.06, 10),
    # What calibration costs where runs resemble their neighbours: documented, not hidden.
    _power(0.20, 0.09, 5, "AR(.4)"),
    _power(0.60, 0.09, 10, "AR(.4)"),
    Rate(id="B3 normal", claim="a change of 9 % 10 runs ago is found, 2 or more runs off the truth",
         trial=partial(_misplaced, noise="normal"), at_most=0.15),
    Rate(id="B3 spiky", claim="the same with spikes",
         trial=partial(_misplaced, noise="spiky"), at_most=0.25),
    Rate(id="B4", claim="one run at twice the time is a change, n=40", trial=_one_outlier, at_most=0.07),
    Rate(id="B3 and back", claim="10 % up and down again, 20 runs each, is not told as just that",
         trial=_not_both, at_most=0.15),
    *(
        Rate(
            id=f"B9 15 runs, {shape}, {base_s * 1000:.0f} ms, sd {sd:.0%}",
            claim="just that is told",
            trial=partial(_right, base_s=base_s, sd=sd, shape=shape),
            at_least=0.95,
            smoke=100,
        )
        for shape in ("creep", "step", "outlier", "none")
        for base_s, sd in ((0.05, 0.02), (0.05, 0.03), (0.1, 0.02))
    ),
    Rate(id="B5", claim="one more run moves an old change by more than one place, or it vanishes",
         trial=_moved, at_most=0.01),
)  # fmt: skip
