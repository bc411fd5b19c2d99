"""Coordinated omission: what a load left unsaid exactly when the service was slow.

A closed load waits for slow answers before it sends again, so slow moments are sampled too seldom (Tene, "How
NOT to measure latency", 2013; Schroeder et al., "Open versus closed: a cautionary tale", NSDI 2006). For
closed runs the back-fill of HdrHistogram (`copyCorrectedForCoordinatedOmission`) says how much that may
matter: a sensitivity value, shown beside the raw one, never judged. Open runs measure from the intended start
and are never back-filled: that would count twice. What an open load never sent counts as slower than all that
it did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.window.windows import Window
from loadproof.histogram import Histogram, bucket_s
from loadproof.model import Reading
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import is_among

GREATEST_RATIO: Final = 1.5
"""Of the corrected to the raw p99: above it a closed run is flagged."""
LEAST_ACHIEVED: Final = 0.99
"""Of started to planned starts: below it the load was not the one that was promised."""
_ROUNDING: Final = 1e-9


class Corrected:
    """A histogram with back-filled samples, as arithmetic: no sample is really made.

    A sample v longer than the expected interval i stands for the requests that were not sent meanwhile, which
    would have taken v - i, v - 2i ... down to i. Samples are taken at the middle of their bucket, the least
    and the greatest one exactly, so totals and quantiles are within the histogram's 0.5 %.
    """

    def __init__(self, raw: Histogram, interval_s: float) -> None:
        """`interval_s`: seconds from one start of a user to its next, as meant. Raises ValueError if <= 0."""
        if interval_s <= 0:
            raise ValueError(f"an interval between starts is above 0, got {interval_s}")
        self._interval_s = interval_s
        self._values_s, self._weights = _samples(raw)
        fills = np.floor(self._values_s / interval_s + _ROUNDING) - 1
        self._fills: NDArray[np.float64] = np.maximum(fills, 0.0)
        self.count = round(float(((self._fills + 1) * self._weights).sum()))

    @property
    def maximum_s(self) -> float | None:
        """The greatest sample, which back-filling never exceeds; None when empty."""
        return float(self._values_s.max()) if self.count else None

    def quantile(self, q: float) -> float | None:
        """Seconds at quantile `q` (0 to 1), as `Histogram.quantile` defines it; None when empty."""
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile lies between 0 and 1, got {q}")
        if not self.count:
            return None
        rank = max(1.0, np.ceil(q * self.count - _ROUNDING))
        low, high = 0.0, float(self._values_s.max())
        # The count of samples at most x grows with x: halve until the two sides agree to a nanosecond.
        while high - low > 1e-9 + high * 1e-9:
            middle = (low + high) / 2
            low, high = (low, middle) if self._at_most(middle) >= rank else (middle, high)
        return high

    def _at_most(self, x_s: float) -> float:
        """How many samples, back-filled ones included, are at most `x_s`."""
        # Of v, v - i ... v - m i, those with v - j i <= x have j >= (v - x) / i.
        first = np.maximum(np.ceil((self._values_s - x_s) / self._interval_s - _ROUNDING), 0.0)
        return float((np.maximum(self._fills - first + 1, 0.0) * self._weights).sum())


def served_quantile(q: float, never_sent: float) -> float | None:
    """Where among the served requests the quantile `q` of all planned ones is; None: among the never sent."""
    if never_sent > 0 and never_sent >= 1 - q - _ROUNDING:
        return None
    return min(1.0, q / (1 - never_sent))


@dataclass(frozen=True, slots=True)
class Starts:
    """Starts of arrivals, or of paced users' tasks, over some time."""

    planned: float
    started: float
    late: float
    dropped: float

    @property
    def achieved(self) -> float | None:
        """Started as a share of planned; None when nothing was planned."""
        return self.started / self.planned if self.planned else None

    @property
    def never_sent(self) -> float:
        """Dropped as a share of planned."""
        return self.dropped / self.planned if self.planned else 0.0


def starts(readings: Iterable[Reading], window: Window) -> Starts | None:
    """What the load counted in the window's seconds; None when it counts no starts."""
    sums = {"planned": 0.0, "started": 0.0, "late": 0.0, "dropped": 0.0}
    for (_, series), own in Readings.of(readings).of_series("load", *sums).by_series().items():
        sums[series] += float(own.value[is_among(own.seconds, window.seconds)].sum())
    return Starts(**sums) if sums["planned"] else None


def _samples(raw: Histogram) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values in seconds and how often each was measured; the extremes by their exact values."""
    indices = np.array(sorted(raw.buckets), dtype=np.float64)
    weights = np.array([raw.buckets[int(index)] for index in indices], dtype=np.float64)
    if not raw.count:
        return indices, weights
    values = np.clip(bucket_s(indices + 0.5), raw.minimum_s, raw.maximum_s)
    weights[0] -= 1
    weights[-1] -= 1
    if raw.count == 1:
        return np.array([raw.maximum_s]), np.array([1.0])
    values = np.concatenate(([raw.minimum_s], values, [raw.maximum_s]))
    return values, np.concatenate(([1.0], weights, [1.0]))
