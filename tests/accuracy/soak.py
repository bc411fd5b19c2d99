"""Leaks (E1 to E3): how often growth is claimed where there is none, and found where there is.

Data: two hours, a reading every 5 s, 100 times one plus noise of one of the shapes below, plus a leak of so
many per cent over the run. AR(phi) has a standard deviation of 3 %; saw-teeth are of 30 %, with white noise
of 1 %; the others carry AR(0.5) of 2 %.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.shapes.trend import Growth, Level, Trend, Untold, trend_of
from tests.accuracy.cases import Measure, Rate
from tests.accuracy.steady import autoregressive

if TYPE_CHECKING:
    from collections.abc import Callable

SPAN_S: Final = 7_200.0
_T = np.arange(0.0, SPAN_S, 5.0)


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


def _trend(random: np.random.Generator, shape: str, leak: float) -> Trend | Untold:
    values = 100 * (1 + SHAPES[shape](random) + leak * _T / SPAN_S)
    return trend_of(_T, values, Level.FLOOR)


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


_STEADY: Final = ("AR 0.5", "AR 0.8", "saw-tooth of 1 min", "saw-tooth of 5 min")

CASES: Final[tuple[Rate | Measure, ...]] = (
    *(
        Rate(id=f"E1 {shape}", claim="a leak is claimed where there is none",
             trial=partial(_found, shape=shape), at_most=0.12 if shape == "random walk" else 0.02,
             smoke=60, full=1000)
        for shape in SHAPES
    ),
    *(
        Rate(id=f"E2 +10 %, {shape}", claim="the leak is found",
             trial=partial(_found, shape=shape, leak=0.1), at_least=0.95, smoke=60, full=1000)
        for shape in _STEADY
    ),
    *(
        Rate(id=f"E2 +20 %, {shape}", claim="the leak is found",
             trial=partial(_found, shape=shape, leak=0.2), at_least=0.9, smoke=60, full=1000)
        for shape in ("AR 0.95", "saw-tooth of 15 min")
    ),
    *(
        Measure(id=f"E3 {shape}", claim="median error of the slope, as a fraction",
                trial=partial(_slope_error, shape=shape), summary=np.median, low=-0.15, high=0.15,
                smoke=50, full=400)
        for shape in _STEADY
    ),
    *(
        Rate(id=f"E3 interval, {shape}", claim="the 95 % interval holds the true slope",
             trial=partial(_is_covered, shape=shape), at_least=0.9, smoke=50, full=400)
        for shape in _STEADY[:2]
    ),
)  # fmt: skip
