"""A load second by second: what all endpoints, or one, did in each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadproof.histogram import Histogram
from loadproof.model import Slice
from loadproof.runfile.slices import Slices


@dataclass(frozen=True, slots=True)
class Course:
    """One entry for each of `seconds` (since the epoch)."""

    seconds: range
    requests: NDArray[np.float64]
    failed: NDArray[np.float64]
    response: tuple[Histogram | None, ...]
    """None where nothing was answered."""

    def quantiles_s(self, q: float) -> NDArray[np.float64]:
        """Response time at `q` (0 to 1) of each second; nan where nothing was answered."""
        values = [None if histogram is None else histogram.quantile(q) for histogram in self.response]
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    @property
    def error_rates(self) -> NDArray[np.float64]:
        """Failed requests as a fraction of each second's; nan where there was none."""
        rates = np.full(len(self.seconds), np.nan)
        np.divide(self.failed, self.requests, out=rates, where=self.requests > 0)
        return rates

    def slice(self, part: range) -> slice:
        """Where the seconds of `part` stand."""
        return slice(part.start - self.seconds.start, part.stop - self.seconds.start)


def course(slices: Iterable[Slice], seconds: range) -> Course:
    """What the slices, of any endpoints, add up to in each of the seconds."""
    requests, failed = np.zeros(len(seconds)), np.zeros(len(seconds))
    response: list[Histogram | None] = [None] * len(seconds)
    together = Slices.of(slices).within(seconds).merged(endpoints=False)
    places = together.second - seconds.start
    requests[places], failed[places] = together.requests, together.failed
    for number, at in enumerate(places.tolist()):
        histogram = together.response.row(number)
        response[at] = histogram if histogram and histogram.count else None
    return Course(seconds, requests, failed, tuple(response))
