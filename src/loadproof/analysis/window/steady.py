"""Warm-up and steady state: how much of a hold is cut from its beginning, and whether the rest is level.

Method: per endpoint the median response time of each second, a rolling median of 5, then MSER-5 (White, Cobb
and Spratt, "A comparison of five steady-state truncation heuristics for simulation", WSC 2000), cut in the
first half only. The rolling median keeps one slow second from moving the cut. Then a residual check: steady
means that the first and the last third of what is left do not differ by more than chance. "Never steady" is
a normal answer (Barrett et al., "Virtual machine warmup blows hot and cold", OOPSLA 2017).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from loadproof.analysis.distributions import t_quantile, t_tail
from loadproof.model import Slice
from loadproof.runfile.slices import Slices

LEAST_HOLD_S: Final = 60
"""Shorter holds stay whole: there is too little of them to tell warm-up from noise."""
BATCH: Final = 5
_SMOOTH: Final = 5
_MOST_POINTS: Final = 1_200
"""Medians read from one endpoint of one hold: of a longer hold every second, third, ... second is read."""
_LEAST_POINTS: Final = 60
_LEAST_SHARE: Final = 0.5
"""Of the points in which an endpoint was asked at all: a rarer one says nothing about every second."""
_BATCHES_OF_THIRD: Final = 8
_STANDARD_ERRORS: Final = 3.2
_LEAST_DIFFERENCE: Final = 0.03
"""Below 3 % a difference between two parts of a hold is of no account, however sure it is."""


@dataclass(frozen=True, slots=True)
class HoldLevel:
    """What one endpoint's medians say of one hold."""

    endpoint: str
    cut_s: int
    """Seconds of warm-up from the hold's beginning."""
    change: float
    """Last against first third of what is left, as a fraction of the first."""
    steady: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold of the load: its first second since the epoch, its length, and what was found in it."""

    start: int
    length_s: int
    levels: tuple[HoldLevel, ...]

    @property
    def cut_s(self) -> int:
        """One cut for all endpoints: the longest warm-up, at most half of the hold."""
        return min(max((level.cut_s for level in self.levels), default=0), self.length_s // 2)

    @property
    def steady(self) -> bool | None:
        """None when no endpoint was asked often enough to tell."""
        return all(level.steady for level in self.levels) if self.levels else None


def find_hold(seconds: range, slices: Iterable[Slice]) -> Hold:
    """Cut and verdict of one hold; `slices` may be those of the whole run, `seconds` are since the epoch."""
    stride = max(1, -(-len(seconds) // _MOST_POINTS))
    step = stride * seconds.step
    read = seconds[::stride]
    medians: dict[str, NDArray[np.float64]] = {}
    for endpoint, own in Slices.of(slices).within(read).by_endpoint().items():
        values = np.full(len(read), np.nan)
        values[(own.second - seconds.start) // step] = own.response.quantile(0.5)
        if np.isfinite(values).any():
            medians[str(endpoint)] = values
    levels = [level_of(name, values, step, len(medians)) for name, values in sorted(medians.items())]
    return Hold(
        seconds.start, len(seconds) * seconds.step, tuple(level for level in levels if level is not None)
    )


def level_of(
    endpoint: str, medians_s: NDArray[np.float64], step_s: int = 1, among: int = 1
) -> HoldLevel | None:
    """One endpoint's warm-up and steadiness from its medians, one every `step_s` seconds, nan where none.

    `among`: how many endpoints are looked at together; the more, the surer each has to be. None when there
    are too few medians.
    """
    at = np.flatnonzero(np.isfinite(medians_s))
    if at.size < max(_LEAST_POINTS, _LEAST_SHARE * medians_s.size):
        return None
    values = rolling_median(medians_s[at], _SMOOTH)
    errors = standard_errors(among)
    cut = mser_cut(values, errors)
    change, steady = residual(values[cut:], errors)
    cut_s = int(at[cut]) * step_s if cut else 0
    return HoldLevel(endpoint, cut_s, change, steady)


def standard_errors(among: int) -> float:
    """How many standard errors a difference must have when it is the greatest of so many (Bonferroni)."""
    freedom = 2 * (_BATCHES_OF_THIRD - 1)
    return -t_quantile(t_tail(_STANDARD_ERRORS, freedom) / among, freedom)


def mser_cut(values: NDArray[np.float64], least_errors: float = _STANDARD_ERRORS) -> int:
    """How many values MSER-5 cuts from the beginning: a multiple of 5, at most half of them.

    The cut with the least marginal standard error of the mean of what is kept, over means of batches of 5.
    MSER also cuts where there is no warm-up, to take away chance: a beginning that is within 3 %, or
    `least_errors` standard errors, of the rest stays.
    """
    number = values.size // BATCH
    means = values[: number * BATCH].reshape(number, BATCH).mean(axis=1)
    means = means - means.mean()  # sums of squares lose digits far from 0
    kept = np.arange(number, 0, -1)
    sums = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum(means[::-1] ** 2)[::-1]
    errors = (squares - sums**2 / kept) / kept**2
    # What differs by rounding alone is the same, and the shortest cut is taken.
    allowed = errors[: number // 2 + 1]
    cut = int(np.flatnonzero(allowed <= allowed.min() + 1e-12 * squares[0] / number**2)[0]) * BATCH
    if not cut:
        return 0
    warm_up, rest = means[: cut // BATCH], means[cut // BATCH :]
    error = float(np.sqrt(rest.var(ddof=1) / warm_up.size))
    least = max(least_errors * error, _LEAST_DIFFERENCE * abs(float(values[cut:].mean())))
    return cut if abs(float(warm_up.mean() - rest.mean())) > least else 0


def residual(kept: NDArray[np.float64], least_errors: float = _STANDARD_ERRORS) -> tuple[float, bool]:
    """Change from the first to the last third, as a fraction, and whether it is within chance or 3 %.

    Its standard error comes from the means of eight batches in each third.
    """
    third = kept.size // 3
    size = max(1, third // _BATCHES_OF_THIRD)
    batches = [
        part[: size * (part.size // size)].reshape(-1, size).mean(axis=1)
        for part in (kept[:third], kept[-third:])
    ]
    first, last = (float(part.mean()) for part in batches)
    error = float(np.sqrt(sum(part.var(ddof=1) / part.size for part in batches)))
    difference = last - first
    steady = abs(difference) <= max(least_errors * error, _LEAST_DIFFERENCE * abs(first))
    return (difference / first if first else 0.0), bool(steady)


def rolling_median(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The median of `width` (odd) values around each; the ends take what there is of their neighbours."""
    half = width // 2
    if values.size < width:
        return values
    inner = np.median(sliding_window_view(values, width), axis=1)
    head = [float(np.median(values[: n + half + 1])) for n in range(half)]
    tail = [float(np.median(values[-(n + half + 1) :])) for n in reversed(range(half))]
    return np.concatenate((head, inner, tail))
