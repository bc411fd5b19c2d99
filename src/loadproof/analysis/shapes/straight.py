"""Straight lines through levels that depend on each other: slope, interval and test from one model.

Least squares, with the covariance of the estimate worked out for errors that follow each other, AR(1):
cov = (X'X)^-1 X' S X (X'X)^-1. A trend's test and its interval are then the same statement, so that they
cannot contradict each other; and where the rest is small against the growth, the growth is certain, however
much that rest depends on itself (rank tests divide by the autocorrelation and lose every clean line).

The correlation is taken a little higher than estimated, since a short series with a fitted line shows too
little of it (Marriott and Pope, Biometrika 1954), and as 1, a random walk, where it comes near (Perron and
Yabu, Journal of Econometrics 2009). Simulated with 40 levels without a trend: a slope was claimed at 1 % in
0.1 % of white noise, 1.8 % at a correlation of 0.8, 8 % of random walks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.distributions import t_quantile, t_tail

CONFIDENCE: Final = 0.99
"""Of intervals of growth: what is proven at 1 % is what the interval leaves out."""
SIGNIFICANCE: Final = 0.01
_CORRELATION_ERRORS: Final = 0.7
"""Standard errors by which the correlation is taken higher than estimated."""
_NEAR_ONE: Final = 0.7
"""Times 1/sqrt(n): a correlation that near to 1 is taken as 1."""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line in the levels' unit per second."""

    slope: float
    base: float
    """Its value where the fitted time begins."""
    error: float
    """Standard error of the slope."""
    freedom: int
    rest: float
    """Standard deviation of the levels around the line."""
    correlation: float = 0.0

    @property
    def p(self) -> float:
        """Two-sided, of a slope of 0."""
        if self.error == 0:
            return 1.0 if self.slope == 0 else 0.0
        return 2 * t_tail(abs(self.slope) / self.error, self.freedom)

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Of the slope."""
        half = t_quantile((1 + confidence) / 2, self.freedom) * self.error
        return self.slope - half, self.slope + half


@dataclass(frozen=True, slots=True)
class Bend:
    """Two lines that meet, in the middle of the time if nothing else is said."""

    first: float
    last: float
    """Slope of the second one."""
    error: float
    """Standard error of `last`."""
    loss_error: float
    """Standard error of `first` less `last`."""
    freedom: int

    def loss_interval(self, confidence: float) -> tuple[float, float]:
        """Of the first half's slope less the second's."""
        half = t_quantile((1 + confidence) / 2, self.freedom) * self.loss_error
        return self.first - self.last - half, self.first - self.last + half

    def last_interval(self, confidence: float) -> tuple[float, float]:
        """Of the second half's slope."""
        half = t_quantile((1 + confidence) / 2, self.freedom) * self.error
        return self.last - half, self.last + half


def fit_line(at: NDArray[np.float64], levels: NDArray[np.float64]) -> Line:
    """The line through levels at equal distances of time; four of them at least."""
    elapsed = at - at[0]
    columns = np.column_stack([np.ones(at.size), elapsed])
    weights, covariance, rest, correlation = _fit(columns, levels)
    return Line(
        slope=float(weights[1]),
        base=float(weights[0]),
        error=float(np.sqrt(max(0.0, covariance[1, 1]))),
        freedom=max(1, at.size - 3),
        rest=rest,
        correlation=correlation,
    )


def fit_bend(at: NDArray[np.float64], levels: NDArray[np.float64], place_s: float | None = None) -> Bend:
    """Two lines that meet so long after the first level, else in the middle; five levels at least."""
    elapsed = at - at[0]
    place_s = elapsed[-1] / 2 if place_s is None else place_s
    columns = np.column_stack([np.ones(at.size), elapsed, np.maximum(elapsed - place_s, 0.0)])
    weights, covariance, _, _ = _fit(columns, levels)
    variance = covariance[1, 1] + 2 * covariance[1, 2] + covariance[2, 2]
    return Bend(
        first=float(weights[1]),
        last=float(weights[1] + weights[2]),
        error=float(np.sqrt(max(0.0, variance))),
        loss_error=float(np.sqrt(max(0.0, covariance[2, 2]))),
        freedom=max(1, at.size - 4),
    )


def slopes_of_thirds(
    at: NDArray[np.float64], levels: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The slopes of three lines that meet, of equal times, and their covariance; ten levels at least."""
    elapsed = at - at[0]
    ends = elapsed[-1] * np.array([1 / 3, 2 / 3])
    columns = np.column_stack([np.ones(at.size), elapsed, *(np.maximum(elapsed - end, 0.0) for end in ends)])
    weights, covariance, _, _ = _fit(columns, levels)
    sums = np.tril(np.ones((3, 3)))
    return sums @ weights[1:], sums @ covariance[1:, 1:] @ sums.T


def _fit(
    columns: NDArray[np.float64], levels: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Weights of the columns, their covariance, the rest's standard deviation and correlation."""
    n = levels.size
    scale = np.abs(columns).max(axis=0)
    columns = columns / scale
    inverse = np.linalg.inv(columns.T @ columns)
    weights = inverse @ (columns.T @ (levels - levels[0]))
    rest = levels - levels[0] - columns @ weights
    # What is left by rounding alone is no noise.
    rest[np.abs(rest) < 1e-9 * np.abs(levels).max()] = 0.0
    correlation = _correlation(rest)
    steps = rest[1:] - correlation * rest[:-1]
    variance = float(steps @ steps) / max(1, n - columns.shape[1] - 1)
    covariance = inverse @ (columns.T @ _dependence(correlation, n) @ columns) @ inverse * variance
    weights[0] += levels[0]
    deviation = float(np.sqrt(rest @ rest / max(1, n - columns.shape[1])))
    return weights / scale, covariance / np.outer(scale, scale), deviation, correlation


def _dependence(correlation: float, n: int) -> NDArray[np.float64]:
    """Covariance of AR(1) errors with steps of 1, less a constant: the columns' other weights take it away.

    So it stays finite where the correlation reaches 1, a random walk.
    """
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n))).astype(np.float64)
    if correlation >= 1:
        return -apart / 2
    return (correlation**apart - 1) / (1 - correlation**2)


def _correlation(rest: NDArray[np.float64]) -> float:
    n = rest.size
    centred = rest - rest.mean()
    total = float(centred @ centred)
    if total == 0 or n <= 4:
        return 0.0
    raw = float(centred[1:] @ centred[:-1]) / total
    estimated = min(max((n * raw + 1) / (n - 4), 0.0), 1.0)
    taken = estimated + _CORRELATION_ERRORS * np.sqrt((1 - estimated**2) / n)
    return 1.0 if taken > 1 - _NEAR_ONE / np.sqrt(n) else float(taken)
