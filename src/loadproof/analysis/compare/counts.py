"""Failures, late answers, new connections: counts of few requests, which chance alone makes differ.

A count is not normally spread where it is small, and a logarithm of nothing has no mean. So the counts of a
side are added up: were both sides the same, chance would give each event to head by its share of the
requests. Bursts make runs differ by more than that; by how much is measured, and taken off what is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Pearson's statistic of counts around what chance expects, and its degrees of freedom.

    Their quotient is how many times the variance of chance runs have (McCullagh and Nelder, "Generalized
    Linear Models", section 4.5).
    """

    statistic: float = 0.0
    df: int = 0

    @property
    def times(self) -> float:
        """How many times the variance of chance; 1 at least."""
        return max(self.statistic / self.df, 1.0) if self.df else 1.0

    def __add__(self, other: Dispersion) -> Dispersion:
        return Dispersion(self.statistic + other.statistic, self.df + other.df)


_NONE: Final = Dispersion()


def counted(
    base: Counts, head: Counts, others: Dispersion = _NONE, *, paired: bool = False
) -> CountEstimate | None:
    """The estimate that so many runs allow; None when they allow none: one against fewer than five.

    `others`: of all endpoints of these runs, which differ as much at least. `paired`: see `dispersion`.
    """
    fewer, more = sorted((base.events.size, head.events.size))
    if fewer < 1 or (fewer < 2 and more < BASE_FOR_ONE):
        return None
    used = max(dispersion(base, head, paired=paired), others, key=lambda one: one.times)
    times = used.times
    # Where runs differ no more than by chance that is known, and the degrees of freedom are a normal's.
    known = MOST_DF if times <= 1 or not used.df else float(used.df)
    events = [float(side.events.sum()) / times for side in (base, head)]
    requests = [float(side.requests.sum()) for side in (base, head)]
    difference = math.log(rate(head) / rate(base))
    error = math.sqrt(1 / (events[0] + 0.5) + 1 / (events[1] + 0.5))
    share = requests[1] / (requests[0] + requests[1])
    return CountEstimate(difference, error, known, "counts", events[1], events[0], share)


def rate(side: Counts) -> float:
    """By request; with half an event more, so that it has a logarithm."""
    return float((side.events.sum() + 0.5) / side.requests.sum())


def dispersion(base: Counts, head: Counts, *, paired: bool) -> Dispersion:
    """Of the runs around their side's rate.

    `paired`: runs that were loaded at the same time, side by side. There it is of how each pair's events fall
    to the two, as what hit both at once makes no difference between them.
    """
    if paired and base.events.size == head.events.size and base.events.sum() and head.events.sum():
        return _of_splits(base, head)
    found = Dispersion()
    for side in (base, head):
        if side.events.sum() and side.events.size > 1:
            expected = side.requests * (side.events.sum() / side.requests.sum())
            statistic = float(((side.events - expected) ** 2 / expected).sum())
            found += Dispersion(statistic, side.events.size - 1)
    return found


def _of_splits(base: Counts, head: Counts) -> Dispersion:
    expected = [side.requests * (side.events.sum() / side.requests.sum()) for side in (base, head)]
    share = expected[1] / (expected[0] + expected[1])
    events = base.events + head.events
    some = events > 0
    variance = (events * share * (1 - share))[some]
    statistic = float(((head.events - events * share)[some] ** 2 / variance).sum())
    return Dispersion(statistic, max(int(some.sum()) - 1, 0))


def _logit(share: float) -> float:
    share = min(max(share, 1e-300), 1 - 1e-16)
    return math.log(share / (1 - share))
