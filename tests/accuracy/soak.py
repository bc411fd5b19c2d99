"""Leaks: how often growth is claimed where there is none, and proven where there is.

E1 to E3 are of two hours, a reading every 5 s, 100 times one plus noise of one of the shapes below, plus a
leak of so many per cent over the run. AR(phi) has a standard deviation of 3 %; saw-teeth are of 30 %, with
white noise of 1 %; the others carry AR(0.5) of 2 %.

E4 and E5 are what a requirement of 10 % an hour answers, from 3 minutes to 7 days, a reading each second (at
most 10,800 of them), under noise from none to heavy. Healthy series: level, a cache that fills exponentially
(30 %, time constant 5 to 15 % of the run) or in a straight line (50 % in 10 to 50 % of the run, 2 to 10 % in
10 to 60 %), late (5 to 50 % in 60 to 80 %), or by chance (10 to 100 %, time constant 15 to 35 %), a
logarithm, one step (5 to 50 %), two, and saw-teeth in an irregular rhythm (30 s, +-60 %) whose floor is
level, also when they become five times as high. Leaking ones grow by 20 % an hour: straight, in stairs (each
two minutes, or 8 and more in all), or after a first fill of 30 %; from 40 % of the run on; as the floor of
such saw-teeth (30 % high; under no second saw-tooth); faster and faster (20 % an hour in the mean, 3 times
that at the end); and, four times as fast, in the last quarter. E6 is the drift of response times, of requests
that scatter by half (log-normal), at 5 to 300 requests/s, p50, p95 and the slowest quarter of the same ones
together; healthy ones rise by 10 to 50 % in 10 to 60 % of the run and level off, or by 5 to 50 % at once. E7
is E4 and E5 where readings are odd: log-normal noise of 2 %, whole pages of 1 MiB, a job each five minutes
that takes 20 % for 5 to 40 s, teeth of 30 % that become twice as long, and a fifth of the readings lost with
a gap of 8 % of the time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import stats

from loadproof.analysis.shapes.gauges import SUBJECTS
from loadproof.analysis.shapes.last_part import LOGARITHMS, TAIL
from loadproof.analysis.shapes.ratios import agreed, trend_of_ratios
from loadproof.analysis.shapes.soak import GrowthResult
from loadproof.analysis.shapes.soak_verdicts import verdict_of
from loadproof.analysis.shapes.trend import Growth, NoTrend, Trend, WindowLevel, trend_of
from loadproof.model import Operator, Requirement, Statistic, Subject, Unit, Verdict
from tests.accuracy.cases import Measure, Rate
from tests.accuracy.steady import autoregressive

if TYPE_CHECKING:
    from collections.abc import Callable

SPAN_S: Final = 7_200.0
_T = np.arange(0.0, SPAN_S, 5.0)
_HOUR_S: Final = 3_600.0


def _ar(random: np.random.Generator, phi: float, deviation: float = 0.03) -> np.ndarray:
    return autoregressive(random, _T.size, phi, deviation)


def _saw(random: np.random.Generator, minutes: float) -> np.ndarray:
    length_s = 60 * minutes
    phase = np.asarray(((_T + random.uniform(0, length_s)) % length_s) / length_s)
    return np.asarray(0.3 * phase + 0.01 * random.standard_normal(_T.size))


def _plateau(random: np.random.Generator) -> np.ndarray:
    """A cache that fills, 20 % of all, with a time constant of ten minutes."""
    return np.asarray(0.2 * (1 - np.exp(-_T / 600)) + _ar(random, 0.5, 0.02))


def _step(random: np.random.Generator) -> np.ndarray:
    """10 %, at some time between 20 and 80 % of the run."""
    return np.asarray(0.1 * (random.uniform(0.2, 0.8) * SPAN_S < _T) + _ar(random, 0.5, 0.02))


def _wave(random: np.random.Generator) -> np.ndarray:
    """Two cycles of 10 %, as of a day."""
    cycles = np.sin(4 * np.pi * _T / SPAN_S + random.uniform(0, 2 * np.pi))
    return np.asarray(0.1 * cycles + _ar(random, 0.5, 0.02))


def _walk(random: np.random.Generator) -> np.ndarray:
    """A random walk that ends 10 % (standard deviation) from where it began."""
    return np.asarray(0.1 * np.cumsum(random.standard_normal(_T.size)) / np.sqrt(_T.size))


SHAPES: Final[dict[str, Callable[[np.random.Generator], np.ndarray]]] = {
    **{f"AR {phi:g}": partial(_ar, phi=phi) for phi in (0.5, 0.8, 0.95)},
    **{f"saw-tooth of {minutes} min": partial(_saw, minutes=minutes) for minutes in (1, 5, 15)},
    "plateau": _plateau,
    "step": _step,
    "wave": _wave,
    "random walk": _walk,
}


def _trend(random: np.random.Generator, shape: str, leak: float) -> Trend | NoTrend:
    values = 100 * (1 + SHAPES[shape](random) + leak * _T / SPAN_S)
    return trend_of(_T, values, WindowLevel.FLOOR)


def _found(random: np.random.Generator, shape: str, leak: float = 0.0) -> bool:
    trend = _trend(random, shape, leak)
    return isinstance(trend, Trend) and trend.growth is Growth.GROWS


def _slope_error(random: np.random.Generator, shape: str) -> float:
    trend = _trend(random, shape, 0.1)
    assert isinstance(trend, Trend)
    return trend.slope * SPAN_S / 10 - 1


def _is_covered(random: np.random.Generator, shape: str) -> bool:
    trend = _trend(random, shape, 0.1)
    return isinstance(trend, Trend) and trend.low <= 10 / SPAN_S <= trend.high


# --- what a requirement of 10 % an hour answers -------------------------------------------------------------

LIMIT: Final = Requirement(
    "memory_growth.rate", "memory_growth: <10%/h", "", Subject.GROWTH, Statistic.RATE, Operator.LESS,
    0.1, Unit.SHARE_PER_HOUR, metric="memory",
)  # fmt: skip
MEMORY_LEAST_S: Final = SUBJECTS["memory"].least_s
MOST_READINGS: Final = 10_800


def _times(minutes: int) -> np.ndarray:
    return np.linspace(0.0, minutes * 60.0, min(minutes * 60, MOST_READINGS), endpoint=False)


NOISES: Final[dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]]] = {
    "no noise": lambda random, t: 0 * random.standard_normal(t.size),
    "0.1 %": lambda random, t: 0.001 * random.standard_normal(t.size),
    "3 %": lambda random, t: 0.03 * random.standard_normal(t.size),
    "AR(0.9) of 1 %": lambda random, t: autoregressive(random, t.size, 0.9, 0.01),
    "peaks": lambda random, t: 0.01 * random.standard_normal(t.size) + 0.3 * (random.random(t.size) < 0.05),
    "saw-tooth": lambda random, t: (
        0.3 * ((t + random.uniform(0, 60)) % 20) / 20 + 0.005 * random.standard_normal(t.size)
    ),
}


def _fills(random: np.random.Generator, t: np.ndarray) -> np.ndarray:
    return np.asarray(0.3 * (1 - np.exp(-t / (t[-1] * random.uniform(0.05, 0.15)))))


def _teeth(random: np.random.Generator, t: np.ndarray) -> np.ndarray:
    """From 0 to 1 and down at once, each 12 to 48 s, or a hundredth of a long run."""
    each_s = max(30.0, t[-1] / 100)
    edges = np.cumsum(each_s * random.uniform(0.4, 1.6, int(3 * t[-1] / each_s) + 10))
    place = np.searchsorted(edges, t, side="right")
    before = np.where(place > 0, edges[place - 1], 0.0)
    return np.asarray((t - before) / (edges[place] - before))


HEALTHY: Final[dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]]] = {
    "level": lambda _random, t: 0 * t,
    "levels off": _fills,
    "a cache is full": lambda random, t: 0.5 * np.minimum(t / (t[-1] * random.uniform(0.1, 0.5)), 1),
    "a small cache is full": lambda random, t: (
        random.uniform(0.02, 0.1) * np.minimum(t / (t[-1] * random.uniform(0.1, 0.6)), 1)
    ),
    "two steps": lambda random, t: (
        random.uniform(0.03, 0.2) * np.searchsorted(np.sort(random.uniform(0.05, 0.95, 2)) * t[-1], t)
    ),
    "teeth on a level floor": lambda random, t: 0.3 * _teeth(random, t),
    "teeth that grow": lambda random, t: (0.1 + 0.4 * t / t[-1]) * _teeth(random, t),
    "one step": lambda random, t: random.uniform(0.05, 0.5) * (t > t[-1] * random.uniform(0.1, 0.9)),
    "a cache is full late": lambda random, t: (
        random.uniform(0.05, 0.5) * np.minimum(t / (t[-1] * random.uniform(0.6, 0.8)), 1)
    ),
    "a memo fills": lambda random, t: (
        random.uniform(0.1, 1) * (1 - np.exp(-t / (t[-1] * random.uniform(0.15, 0.35))))
    ),
    "a logarithm": lambda random, t: 0.1 * np.log1p(t / random.uniform(1, 60)),
}


def _stairs(random: np.random.Generator, t: np.ndarray) -> np.ndarray:
    each_s = min(max(120.0, t[-1] / 60), t[-1] / 8)
    return np.asarray(0.2 * each_s / _HOUR_S * np.floor((t + random.uniform(0, each_s)) / each_s))


LEAKING: Final[dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]]] = {
    "straight": lambda _random, t: 0.2 * t / _HOUR_S,
    "stairs": _stairs,
    "after a first fill": lambda _random, t: 0.2 * t / _HOUR_S + 0.3 * (1 - np.exp(-t / (0.05 * t[-1]))),
    "late": lambda _random, t: 0.2 * np.maximum(t - t[-1] * 0.4, 0) / _HOUR_S,
    "faster and faster": lambda _random, t: 0.2 * t[-1] / _HOUR_S * np.expm1(3 * t / t[-1]) / np.expm1(3),
    "in the last quarter": lambda _random, t: 0.8 * np.maximum(t - t[-1] * 0.75, 0) / _HOUR_S,
    "a floor rises": lambda random, t: 0.2 * t / _HOUR_S + 0.3 * _teeth(random, t),
}


def _entry(trend: Trend | NoTrend, t: np.ndarray) -> GrowthResult:
    needed_s = max(0.0, MEMORY_LEAST_S - float(t[-1]))
    return GrowthResult("memory", "process.rss", Unit.BYTES, t.size, 15.0, trend, needed_s=needed_s)


def _verdict(random: np.random.Generator, minutes: int, shape: str, noise: str) -> Verdict:
    t = _times(minutes)
    course = {**HEALTHY, **LEAKING}[shape]
    trend = trend_of(t, 1e8 * (1 + course(random, t) + NOISES[noise](random, t)), WindowLevel.FLOOR)
    if isinstance(trend, NoTrend):
        return Verdict.INCONCLUSIVE
    return verdict_of(LIMIT, _entry(trend, t), trend, _HOUR_S / trend.base)[0]


def _is(random: np.random.Generator, verdict: Verdict, minutes: int, shape: str, noise: str) -> bool:
    return _verdict(random, minutes, shape, noise) is verdict


ODD: Final = ("log-normal", "pages of 1 MiB", "a job each 5 min", "teeth that get longer", "gaps")


def _is_odd(random: np.random.Generator, verdict: Verdict, minutes: int, shape: str, odd: str) -> bool:
    """The same of readings that are odd in one way."""
    t = _times(minutes)
    values = 1e8 * (1 + {**HEALTHY, **LEAKING}[shape](random, t) + NOISES["0.1 %"](random, t))
    if odd == "log-normal":
        values *= np.exp(0.02 * random.standard_normal(t.size))
    elif odd == "pages of 1 MiB":
        values = np.round(values / 2**20) * 2**20
    elif odd == "a job each 5 min":
        values += 2e7 * ((t + random.uniform(0, 300)) % 300 < random.uniform(5, 40))
    elif odd == "teeth that get longer":
        longer = t[-1] / 60 * (1 + t / t[-1])
        values += 3e7 * (np.cumsum(np.gradient(t) / longer) % 1)
    else:
        lost = t[-1] * random.uniform(0.1, 0.8)
        kept = (random.random(t.size) > 0.2) & ((t < lost) | (t > lost + 0.08 * t[-1]))
        t, values = t[kept], values[kept]
    trend = trend_of(t, values, WindowLevel.FLOOR)
    if isinstance(trend, NoTrend):
        return verdict is Verdict.INCONCLUSIVE
    return verdict_of(LIMIT, _entry(trend, t), trend, _HOUR_S / trend.base)[0] is verdict


def _any_noise(random: np.random.Generator, verdict: Verdict, minutes: int, shape: str) -> bool:
    return _is(random, verdict, minutes, shape, str(random.choice(list(NOISES))))


# --- response times ----------------------------------------------------------------------------------------


def _quantile(u: np.ndarray, q: float) -> np.ndarray:
    """By how much a request at each place `u` of normal values moves their quantile."""
    return np.asarray((q - (u <= q)) / stats.norm.pdf(stats.norm.ppf(q)))


def _mean_between(u: np.ndarray, low: float, high: float) -> np.ndarray:
    """The same of the mean of the values between two quantiles (Stigler 1974)."""
    inside = ((u > low) & (u < high)) / (high - low)
    moves = np.cumsum(inside / stats.norm.pdf(stats.norm.ppf(u))) / u.size
    return np.asarray(moves - moves.mean())


_U = (np.arange(2_000) + 0.5) / 2_000
LEVELS: Final = ("p50", "p95", "slowest quarter")
TOGETHER: Final = np.linalg.cholesky(
    np.cov([_quantile(_U, 0.5), _quantile(_U, 0.95), _mean_between(_U, 0.75, 0.99)])
)
"""Of what is taken of one window's requests, where the logarithms of their times scatter by 1: errors of the
three that belong together, times the root of the number of requests."""

COURSES: Final[dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]]] = {
    "no drift": lambda _random, t: 0 * t,
    "levels off": lambda random, t: random.uniform(0.1, 0.5) * np.minimum(t / random.uniform(0.1, 0.6), 1),
    "one step": lambda random, t: random.uniform(0.05, 0.5) * (t > random.uniform(0.1, 0.9)),
    "+20 %": lambda _random, t: 0.2 * t,
    "+30 %": lambda _random, t: 0.3 * t,
    "+50 %": lambda _random, t: 0.5 * t,
    "+200 %": lambda _random, t: 2.0 * t,
}
"""Of response times, by the share of the run that is over."""


def _drifts(random: np.random.Generator, rate: int, course: str, minutes: int, slow: bool = False) -> bool:
    """Whether `latency_growth` proves a drift, from windows of all requests together.

    `slow`: only the slow ones drift, p50 does not.
    """
    number = int(min(40, rate * minutes))
    each = rate * minutes * 60 // number
    at = (np.arange(number) + 0.5) * minutes * 60 / number
    # Of 60 and more times what is taken of a window is distributed as its limit is.
    errors = np.exp(0.5 * TOGETHER @ random.standard_normal((len(LEVELS), number)) / np.sqrt(each))
    values = (1 + COURSES[course](random, at / at[-1])) * errors
    if slow:
        values[0] = errors[0]
    cares = (LOGARITHMS, LOGARITHMS, TAIL)
    trends = [trend_of_ratios(at, v, minutes * 60.0, care) for v, care in zip(values, cares, strict=True)]
    return any(trend.growth is Growth.GROWS for trend in agreed(trends))


_HARD: Final = {("a logarithm", 13): 0.04}
"""It still grows by 40 %/h then."""
_STEADY: Final = ("AR 0.5", "AR 0.8", "saw-tooth of 1 min", "saw-tooth of 5 min")
_SPANS: Final = (3, 10, 13, 20, 60, 480, 10_080)
_LONG: Final = (20, 30, 60, 480, 10_080)
_ODD_SPANS: Final = (20, 60, 480)


def _said(minutes: int) -> str:
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2_880 else "7 d"


CASES: Final[tuple[Rate | Measure, ...]] = (
    *(
        Rate(id=f"E1 {shape}", claim="a leak is claimed where there is none",
             trial=partial(_found, shape=shape), at_most=0.06 if shape == "random walk" else 0.01,
             smoke=60, full=1000)
        for shape in SHAPES
    ),
    *(
        Rate(id=f"E2 +10 %, {shape}", claim="the leak is found",
             trial=partial(_found, shape=shape, leak=0.1), at_least=0.95,
             smoke=60, full=1000)
        for shape in _STEADY
    ),
    *(
        Rate(id=f"E2 +20 %, {shape}", claim="the leak is found",
             trial=partial(_found, shape=shape, leak=0.2), at_least=0.9, smoke=60, full=1000)
        for shape in ("AR 0.95", "saw-tooth of 15 min")
    ),
    *(
        Measure(id=f"E3 {shape}", claim="median error of the slope, as a fraction",
                trial=partial(_slope_error, shape=shape), summary=np.median, low=-0.1, high=0.1,
                smoke=50, full=400)
        for shape in _STEADY
    ),
    *(
        Rate(id=f"E3 interval, {shape}", claim="the 99 % interval holds the true slope",
             trial=partial(_is_covered, shape=shape), at_least=0.97, smoke=50, full=400)
        for shape in _STEADY[:2]
    ),
    *(
        Rate(id=f"E4 {shape}, {_said(minutes)}", claim="FAIL where nothing leaks, under any noise",
             trial=partial(_any_noise, verdict=Verdict.FAIL, minutes=minutes, shape=shape),
             at_most=_HARD.get((shape, minutes), 0.01), smoke=12, full=600)
        for shape in HEALTHY for minutes in _SPANS
    ),
    *(
        Rate(id=f"E5 {shape}, {noise}, {_said(minutes)}", claim="growth of twice the limit is a FAIL",
             trial=partial(_is, verdict=Verdict.FAIL, minutes=minutes, shape=shape, noise=noise),
             at_least=0.95, smoke=4, full=300)
        for shape in ("straight", "stairs") for noise in NOISES for minutes in _LONG
    ),
    *(
        Rate(id=f"E5 {shape}, {_said(minutes)}", claim="growth of twice the limit is a FAIL, under any noise",
             trial=partial(_any_noise, verdict=Verdict.FAIL, minutes=minutes, shape=shape), at_least=0.95,
             smoke=10, full=600)
        for shape in ("after a first fill", "late", "faster and faster")
        for minutes in _LONG[0 if shape == "after a first fill" else 2:]
    ),
    *(
        Rate(id=f"E5 {shape}, {_said(minutes)}, PASS", claim="growth of twice the limit is a PASS",
             trial=partial(_any_noise, verdict=Verdict.PASS, minutes=minutes, shape=shape), at_most=0.01,
             smoke=10, full=400)
        for shape in LEAKING for minutes in (10, 20, 60) if (shape, minutes) != ("late", 10)
    ),
    *(
        Rate(id=f"E5 a floor rises, {noise}, {_said(minutes)}", claim="growth of twice the limit is a FAIL",
             trial=partial(_is, verdict=Verdict.FAIL, minutes=minutes, shape="a floor rises", noise=noise),
             at_least=0.95, smoke=4, full=300)
        for noise in NOISES if noise != "saw-tooth" for minutes in _LONG
    ),
    *(
        Rate(id=f"E6 {course}, {rate}/s, {_said(minutes)}", claim="the drift is proven",
             trial=partial(_drifts, rate=rate, course=course, minutes=minutes),
             at_least=0.95, smoke=10, full=600)
        for course, rates in (("+20 %", (15, 50, 300)), ("+50 %", (5,)), ("+200 %", (5, 15, 300)))
        for rate in rates for minutes in (20, 60, 480, 10_080)
    ),
    *(
        Rate(id=f"E6 +20 % of the slow requests, {rate}/s, {_said(minutes)}", claim="the drift is proven",
             trial=partial(_drifts, rate=rate, course="+20 %", minutes=minutes, slow=True),
             at_least=0.85 if (rate, minutes) == (15, 20) else 0.95, smoke=20, full=600)
        for rate in (15, 50) for minutes in (20, 60, 480)
    ),
    *(
        Rate(id=f"E6 {course}, {rate}/s, {_said(minutes)}", claim="a drift is claimed",
             trial=partial(_drifts, rate=rate, course=course, minutes=minutes),
             at_most=0.01, smoke=10, full=600)
        for course in ("no drift", "levels off", "one step") for rate in (5, 15, 300)
        for minutes in (5, 20, 60, 480)
    ),
    *(
        Rate(id=f"E7 {shape}, {odd}, {_said(minutes)}", claim="FAIL where nothing leaks",
             trial=partial(_is_odd, verdict=Verdict.FAIL, minutes=minutes, shape=shape, odd=odd),
             at_most=0.01, smoke=5, full=300)
        for shape in ("level", "levels off", "a memo fills") for odd in ODD for minutes in _ODD_SPANS
    ),
    *(
        Rate(id=f"E7 straight, {odd}, {_said(minutes)}", claim="growth of twice the limit is a FAIL",
             trial=partial(_is_odd, verdict=Verdict.FAIL, minutes=minutes, shape="straight", odd=odd),
             at_least=0.95, smoke=5, full=300)
        for odd in ODD for minutes in _ODD_SPANS
    ),
)  # fmt: skip
