"""A load second by second: what all endpoints, or one, did in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loadproof.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from loadproof.model import Slice


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
    for part in slices:
        if part.second not in seconds:
            continue
        at = part.second - seconds.start
        requests[at] += part.requests
        failed[at] += part.failed
        if part.response.count:
            total = response[at] or Histogram()
            total.merge(part.response)
            response[at] = total
    return Course(seconds, requests, failed, tuple(response))
