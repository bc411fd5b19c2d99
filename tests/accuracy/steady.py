"""Warm-up and steady state (W1 to W6): where the cut is, and how often "not steady" is said.

Data: 600 s of medians at 1, AR(1) over seconds with phi and a standard deviation of 5 %; half of the runs
have one second that is three times as slow. Warm-ups add 50 % at the beginning.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import signal, stats

from loadproof.analysis.window.steady import Hold, level_of
from tests.accuracy.cases import Measure, Rate

if TYPE_CHECKING:
    from loadproof.analysis.window.steady import HoldLevel

SECONDS: Final = 600
_T = np.arange(float(SECONDS))
SHAPES: Final = {
    "no warm-up": np.ones(SECONDS),
    "step 60 s": 1 + 0.5 * (_T < 60),
    "line 120 s": 1 + 0.5 * np.clip(1 - _T / 120, 0, 1),
    "two steps": 1 + 0.5 * (_T < 30) + 0.2 * (_T < 90),
    "exp 500 s": 1 + 0.5 * np.exp(-_T / 500),
    "drift": 1 + 0.5 * _T / SECONDS,
}


def autoregressive(random: np.random.Generator, number: int, phi: float, deviation: float) -> np.ndarray:
    """AR(1) with that standard deviation, begun long before its first value."""
    steps = random.standard_normal(number + 200) * deviation * np.sqrt(1 - phi**2)
    return np.asarray(signal.lfilter([1.0], [1.0, -phi], steps))[200:]


def medians(random: np.random.Generator, shape: str, phi: float) -> np.ndarray:
    """One run's medians by second."""
    values = SHAPES[shape] * (1 + autoregressive(random, SECONDS, phi, 0.05))
    if random.random() < 0.5:
        values[random.integers(SECONDS)] *= 3
    return np.asarray(values)


def _level(random: np.random.Generator, shape: str, phi: float) -> HoldLevel:
    level = level_of(shape, medians(random, shape, phi))
    assert level is not None
    return level


def _cut_s(random: np.random.Generator, shape: str, phi: float) -> float:
    return _level(random, shape, phi).cut_s


def _restless(random: np.random.Generator, shape: str, phi: float) -> bool:
    return not _level(random, shape, phi).steady


def _bias(random: np.random.Generator, shape: str, phi: float) -> float:
    values = medians(random, shape, phi)
    level = level_of(shape, values)
    assert level is not None
    return float(np.mean(values[level.cut_s :])) - 1


def _follows_the_slowest(random: np.random.Generator) -> bool:
    warm, cold = _level(random, "no warm-up", 0.5), _level(random, "step 60 s", 0.5)
    return Hold(0, SECONDS, (warm, cold)).cut_s >= 55


def _one_of_twenty_is_restless(random: np.random.Generator) -> bool:
    """Twenty endpoints of ten requests a second each: medians of white noise of 15 %."""
    levels = [
        level_of("x", 1 + 0.15 * random.standard_normal(SECONDS), among=20) for _ in range(20)
    ]  # fmt: skip
    return any(level is not None and (not level.steady or level.cut_s > 0) for level in levels)


def _cold_is_regressed(random: np.random.Generator) -> bool:
    """Five cold runs against five warm ones of one build, 3 % from run to run, by the rule of A2."""
    means = [
        [_run_mean(random, shape) for _ in range(5)] for shape in ("no warm-up", "line 120 s")
    ]  # fmt: skip
    warm, cold = means
    shift = float(np.mean(cold) - np.mean(warm))
    return bool(stats.ttest_ind(cold, warm, equal_var=False).pvalue < 0.05 and shift >= np.log(1.05))


def _run_mean(random: np.random.Generator, shape: str) -> float:
    values = medians(random, shape, 0.8)
    level = level_of(shape, values)
    assert level is not None
    return float(np.log(np.median(values[level.cut_s :])) + random.normal(0, 0.03))


def _p95(values: np.ndarray) -> float:
    return float(np.quantile(values, 0.95))


def _shape_cases() -> list[Rate | Measure]:
    cases: list[Rate | Measure] = []
    for phi in (0.0, 0.5, 0.8):
        of = f"phi {phi:g}"
        none, step, line = (partial(_cut_s, shape=s, phi=phi) for s in list(SHAPES)[:3])
        cases += [
            Measure(id=f"W1 no warm-up, {of}, median", claim="median cut, seconds", trial=none,
                    summary=np.median, low=0, high=0),
            Measure(id=f"W1 no warm-up, {of}, p95", claim="p95 of the cut, seconds", trial=none,
                    summary=_p95, high=90),
            Rate(id=f"W1 no warm-up, {of}", claim="steady runs are called not steady",
                 trial=partial(_restless, shape="no warm-up", phi=phi), at_most=0.05),
            Measure(id=f"W1 step of 60 s, {of}", claim="median cut, seconds", trial=step, summary=np.median,
                    low=55, high=65),
            Measure(id=f"W1 line of 120 s, {of}", claim="median cut, seconds", trial=line,
                    summary=np.median, low=90, high=130),
            Measure(id=f"W2 step of 60 s, {of}", claim="bias of the mean of what is left",
                    trial=partial(_bias, shape="step 60 s", phi=phi), summary=np.mean, low=-0.01, high=0.01),
            Measure(id=f"W2 line of 120 s, {of}", claim="bias of the mean of what is left",
                    trial=partial(_bias, shape="line 120 s", phi=phi), summary=np.mean, low=-0.01, high=0.01),
            Rate(id=f"W3 exp 500 s, {of}", claim="never steady is said",
                 trial=partial(_restless, shape="exp 500 s", phi=phi), at_least=0.85 if phi < 0.8 else 0.6),
            Rate(id=f"W3 drift of 50 %, {of}", claim="never steady is said",
                 trial=partial(_restless, shape="drift", phi=phi), at_least=0.85 if phi < 0.8 else 0.6),
        ]  # fmt: skip
    return cases


CASES: Final[tuple[Rate | Measure, ...]] = (
    *_shape_cases(),
    Rate(id="W4 phi 0.9", claim="steady runs are called not steady",
         trial=partial(_restless, shape="no warm-up", phi=0.9), at_most=0.12),
    Measure(id="W5 two steps", claim="median cut, seconds",
            trial=partial(_cut_s, shape="two steps", phi=0.5), summary=np.median, low=85, high=95),
    Rate(id="W5 one endpoint", claim="the cut is that of the endpoint that warms up slowest",
         trial=_follows_the_slowest, at_least=0.99),
    Rate(id="W5 twenty endpoints", claim="one of them is cut, or called not steady, by chance",
         trial=_one_of_twenty_is_restless, at_most=0.05, smoke=30, full=1000),
    Rate(id="W6 cold against warm", claim="five cold runs of the same build are REGRESSED",
         trial=_cold_is_regressed, at_most=0.025, smoke=50),
)  # fmt: skip
