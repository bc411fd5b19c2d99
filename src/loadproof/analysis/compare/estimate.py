"""By how much two sides differ, on the log scale, when the unit of replication is the run.

Requests of one run share its moment, its caches, its neighbours: a test over requests calls every second
pair of equal builds different (Bakshy and Frachtenberg, "Design and analysis of benchmarking experiments for
distributed internet services", WWW 2015). So each run gives one number, and runs are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from loadproof.histogram import LOG_GROWTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

MOST_DF: Final = 1e6
MODERATED_FROM: Final = 5
"""Endpoints from which on their variances say something about each other's."""
BASE_FOR_ONE: Final = 5
"""Runs that tell how much runs differ, before one more run can be judged against them."""
BUCKET_VARIANCE: Final = LOG_GROWTH**2 / 12
"""Of a log quantile read from a histogram: equal readings do not prove that runs are equal (Sheppard)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean of head minus mean of base, natural logarithms, with its standard error."""

    difference: float
    error: float
    df: float
    method: str

    @property
    def p(self) -> float:
        """Two-sided, of no difference."""
        if self.error == 0:
            return 1.0 if self.difference == 0 else 0.0
        return float(2 * special.stdtr(self.df, -abs(self.difference) / self.error))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The confidence interval at 1 - `alpha`."""
        reach = float(special.stdtrit(self.df, 1 - alpha / 2)) * self.error
        return self.difference - reach, self.difference + reach


@dataclass(frozen=True, slots=True)
class Blocks:
    """Stretches of time in each of which both sides had as many runs."""

    number: int
    runs: int
    """Of a side, in all of them."""

    @property
    def paired(self) -> bool:
        """Whether each has one run of each side."""
        return self.number == self.runs

    def hold(self, base: Values, head: Values) -> bool:
        """Whether each run has its value, and two blocks or more runs tell how much values differ."""
        return base.size == head.size == self.runs >= 2


def welch(base: Values, head: Values, least: float = BUCKET_VARIANCE) -> Estimate:
    """Welch's t: two runs or more on each side, whose variances may differ (Welch 1947).

    `least`: what the variance of one run's value is at least, whatever the sample says.
    """
    total, squares = 0.0, 0.0
    for side in (base, head):
        variance = max(float(side.var(ddof=1)), least) / side.size
        total += variance
        squares += variance**2 / (side.size - 1)
    df = min(total**2 / squares, MOST_DF) if squares else MOST_DF if total else 1.0
    return Estimate(float(head.mean() - base.mean()), float(np.sqrt(total)), df, "Welch t")


def one_against(base: Values, head: float, least: float = BUCKET_VARIANCE) -> Estimate:
    """One run against several: what a further run of base would be, by the prediction interval.

    Hahn and Meeker, "Statistical Intervals", section 4.7: t with m - 1 degrees of freedom.
    """
    variance = max(float(base.var(ddof=1)), least)
    error = float(np.sqrt(variance * (1 + 1 / base.size)))
    return Estimate(head - float(base.mean()), error, base.size - 1, "prediction interval")


def blocked(base: Values, head: Values, blocks: int, least: float = BUCKET_VARIANCE) -> Estimate:
    """Both sides in `blocks` blocks, in order of time: what blocks share cancels.

    The randomised block design (Box, Hunter and Hunter, "Statistics for Experimenters", chapter 4): within
    each block base and head have the same number of runs, and blocks have as nearly as many as they can.
    With one run a side in each it is the paired t test.
    """
    difference = float(head.mean() - base.mean())
    squares = 0.0
    for own, other in zip(np.array_split(base, blocks), np.array_split(head, blocks), strict=True):
        centre = (own.mean() + other.mean()) / 2
        squares += float(((own - centre + difference / 2) ** 2).sum())
        squares += float(((other - centre - difference / 2) ** 2).sum())
    number = base.size + head.size
    df = number - blocks - 1
    variance = max(squares / df, least)
    return Estimate(difference, float(np.sqrt(variance * 4 / number)), df, "blocks")


def moderated(pairs: Sequence[tuple[Values, Values]], blocks: Blocks | None = None) -> list[Estimate]:
    """Many endpoints at once, each variance shrunk towards what all have in common.

    The moderated t of Smyth, "Linear models and empirical Bayes methods", SAGMB 2004, with prior degrees of
    freedom of at most half of what was estimated and of those of the data: the estimate from few endpoints
    is too sure of itself. Endpoints that too few runs have are left as they are (`compared`).
    """
    singles = [_pooled(base, head, blocks) for base, head in pairs]
    variances = np.array([s.variance for s in singles])
    dfs = np.array([s.df for s in singles])
    prior_df, prior_variance = _prior(variances, dfs)
    estimates = []
    for single in singles:
        shrunk_df = min(prior_df / 2, single.df)
        df = single.df + shrunk_df
        variance = (shrunk_df * prior_variance + single.df * single.variance) / df
        estimates.append(
            Estimate(single.difference, float(np.sqrt(variance * single.scale)), df, "moderated t")
        )
    return estimates


def compared(
    base: Values,
    head: Values,
    least: float = BUCKET_VARIANCE,
    blocks: Blocks | None = None,
) -> Estimate | None:
    """The estimate that so many runs allow; None when they allow none: one against fewer than five."""
    if blocks is not None and blocks.hold(base, head):
        return blocked(base, head, blocks.number, least)
    if min(base.size, head.size) >= 2:
        return welch(base, head, least)
    if head.size == 1 and base.size >= BASE_FOR_ONE:
        return one_against(base, float(head[0]), least)
    if base.size == 1 and head.size >= BASE_FOR_ONE:
        turned = one_against(head, float(base[0]), least)
        return Estimate(-turned.difference, turned.error, turned.df, turned.method)
    return None


@dataclass(frozen=True, slots=True)
class _Pooled:
    difference: float
    variance: float
    df: float
    scale: float
    """Of the variance to that of the difference: 1/n + 1/m."""


def _pooled(base: Values, head: Values, blocks: Blocks | None) -> _Pooled:
    scale = 1 / base.size + 1 / head.size
    if blocks is not None and blocks.hold(base, head):
        single = blocked(base, head, blocks.number)
        return _Pooled(single.difference, single.error**2 / scale, single.df, scale)
    df = base.size + head.size - 2
    squares = float(((base - base.mean()) ** 2).sum() + ((head - head.mean()) ** 2).sum())
    return _Pooled(float(head.mean() - base.mean()), max(squares / df, BUCKET_VARIANCE), float(df), scale)


def _prior(variances: Values, dfs: Values) -> tuple[float, float]:
    """Degrees of freedom and variance of the scaled inverse chi-squared prior, by moments (Smyth 6.2)."""
    centred = np.log(variances) - special.digamma(dfs / 2) + np.log(dfs / 2)
    spread = float(centred.var(ddof=1) - special.polygamma(1, dfs / 2).mean())
    if spread <= 0:  # no more different than samples of one variance are
        return np.inf, float(np.exp(centred.mean()))
    half = _trigamma_inverse(spread)
    return 2 * half, float(np.exp(centred.mean() + special.digamma(half) - np.log(half)))


def _trigamma_inverse(value: float) -> float:
    """x with trigamma(x) = `value`, by Newton's method on 1/trigamma, which is convex (Smyth, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(special.polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(special.polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return x
