"""Failures, late answers, new connections: counts of few requests, which chance alone makes differ.

A count is not normally spread where it is small, and a logarithm of nothing has no mean. So the counts of a
side are added up: were both sides the same, chance would give each event to head by its share of the
requests. Bursts make runs differ by more than that; by how much is measured, and taken off what is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy import special

from loadproof.analysis.compare.estimate import BASE_FOR_ONE, MOST_DF, Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of one side: a number for each of its runs."""

    events: Values
    requests: Values


@dataclass(frozen=True, slots=True)
class CountEstimate(Estimate):
    """The logarithm of head's rate by base's, with the interval of a share (Jeffreys').

    Brown, Cai and DasGupta, "Interval estimation for a binomial proportion", Statistical Science 2001;
    the ratio of two rates by the share of one side, given both: Lehmann and Romano, section 4.5.
    """

    head_events: float
    """Divided by how much more than by chance the runs differ, as base's are."""
    base_events: float
    head_share: float
    """Of the requests of both sides."""

    @property
    def p(self) -> float:
        """Two-sided, of no difference."""
        below = float(special.betainc(self.head_events + 0.5, self.base_events + 0.5, self.head_share))
        tail = min(below, 1 - below, 0.5)
        if below > 0.5:  # the small tail, which 1 - below would round to nothing
            tail = float(special.betainc(self.base_events + 0.5, self.head_events + 0.5, 1 - self.head_share))
        return min(1.0, 2 * float(special.stdtr(self.df, special.ndtri(max(tail, 1e-300)))))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The confidence interval at 1 - `alpha`."""
        tail = float(special.ndtr(special.stdtrit(self.df, alpha / 2)))
        own, other = self.head_events + 0.5, self.base_events + 0.5
        odds = math.log((1 - self.head_share) / self.head_share)
        low = float(special.betaincinv(own, other, tail))
        rest = float(special.betaincinv(other, own, tail))  # of base's share, at the other end
        return _logit(low) + odds, -_logit(rest) + odds


def counted(base: Counts, head: Counts, least: float = 1.0) -> CountEstimate | None:
    """The estimate that so many runs allow; None when they allow none: one against fewer than five.

    `least`: how many times the variance of chance runs have at least, as other endpoints of theirs say.
    """
    fewer, more = sorted((base.events.size, head.events.size))
    if fewer < 1 or (fewer < 2 and more < BASE_FOR_ONE):
        return None
    statistic, df = overdispersion(base, head)
    times = max(statistic / df if df else 1.0, least, 1.0)
    # Where runs differ no more than by chance that is known, and the degrees of freedom are a normal's.
    known = MOST_DF if times <= 1 or not df else float(df)
    events = [float(side.events.sum()) / times for side in (base, head)]
    requests = [float(side.requests.sum()) for side in (base, head)]
    difference = math.log(rate(head) / rate(base))
    error = math.sqrt(1 / (events[0] + 0.5) + 1 / (events[1] + 0.5))
    share = requests[1] / (requests[0] + requests[1])
    return CountEstimate(difference, error, known, "counts", events[1], events[0], share)


def rate(side: Counts) -> float:
    """By request; with half an event more, so that it has a logarithm."""
    return float((side.events.sum() + 0.5) / side.requests.sum())


def overdispersion(base: Counts, head: Counts) -> tuple[float, int]:
    """(Pearson's statistic of the runs around their side's rate, its degrees of freedom).

    Their quotient is how many times the variance of chance the runs have (McCullagh and Nelder, "Generalized
    Linear Models", section 4.5).
    """
    statistic, df = 0.0, 0
    for side in (base, head):
        if side.events.sum() and side.events.size > 1:
            expected = side.requests * (side.events.sum() / side.requests.sum())
            statistic += float(((side.events - expected) ** 2 / expected).sum())
            df += side.events.size - 1
    return statistic, df


def _logit(share: float) -> float:
    share = min(max(share, 1e-300), 1 - 1e-16)
    return math.log(share / (1 - share))
