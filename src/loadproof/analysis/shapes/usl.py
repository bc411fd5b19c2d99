"""Gunther's Universal Scalability Law, fitted to a sweep over concurrency in the closed model.

X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1)): lambda is what one user makes, sigma the share
that is serial (contention), kappa what each pair costs (coherency). Source: Gunther, "Guerrilla Capacity
Planning", 2007, chapter 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loadproof.analysis.distributions import t_quantile

LEAST_LEVELS: Final = 6
LEAST_REACH: Final = 0.7
"""Of the optimum, the greatest concurrency that was tested: below, the optimum would be a guess (tested to
0.46 of it the error of the greatest throughput has a 95th percentile of 105 %, to 0.69 of 13 %)."""
_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Usl:
    """A fit. Intervals are at 95 %."""

    lambda_per_s: float
    sigma: float
    sigma_interval: tuple[float, float]
    kappa: float
    kappa_interval: tuple[float, float]
    best_users: float | None
    """Where throughput is greatest; None when that is too far beyond what was tested, or nowhere."""
    best_per_s: float | None


def fit_usl(users: ArrayLike, throughput_per_s: ArrayLike) -> Usl | None:
    """Least squares, nothing below 0; None for fewer than six levels or a fit that does not settle."""
    n, x = np.asarray(users, dtype=np.float64), np.asarray(throughput_per_s, dtype=np.float64)
    if np.unique(n).size < LEAST_LEVELS or not (x > 0).all() or not (n > 0).all():
        return None
    from scipy import optimize

    start = (float(np.max(x / n)), 0.05, 0.001)
    try:
        found, covariance = optimize.curve_fit(_throughput, n, x, p0=start, bounds=(0.0, np.inf))
    except (RuntimeError, optimize.OptimizeWarning):
        return None
    rate, sigma, kappa = (float(value) for value in found)
    reach = t_quantile((1 + _CONFIDENCE) / 2, n.size - 3)
    errors = np.sqrt(np.diag(covariance))
    best = math.sqrt((1 - sigma) / kappa) if kappa > 0 and sigma < 1 else math.inf
    known = best >= 1 and float(n.max()) >= LEAST_REACH * best
    return Usl(
        lambda_per_s=rate,
        sigma=sigma,
        sigma_interval=_interval(sigma, reach * float(errors[1])),
        kappa=kappa,
        kappa_interval=_interval(kappa, reach * float(errors[2])),
        best_users=best if known else None,
        best_per_s=float(_throughput(np.array(best), rate, sigma, kappa)) if known else None,
    )


def _throughput(n: NDArray[np.float64], rate: float, sigma: float, kappa: float) -> NDArray[np.float64]:
    return rate * n / (1 + sigma * (n - 1) + kappa * n * (n - 1))


def _interval(value: float, half: float) -> tuple[float, float]:
    return max(0.0, value - half), value + half
