"""A run's slices as columns of numbers, so that hours of a hundred endpoints are summed up in a second."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from loadproof.histogram import GROWTH, LEAST_S
from loadproof.model import FailureKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from loadproof.charts import TimeAxis
    from loadproof.model import Slice


class Columns:
    """Slices by their step on a time axis and by endpoint, with all buckets of all their histograms.

    Endpoints are numbered in the order of their names.
    """

    def __init__(self, slices: Sequence[Slice], axis: TimeAxis) -> None:
        self.axis = axis
        known = {part.endpoint for part in slices}
        self.names = sorted(known, key=str)
        numbers = {endpoint: number for number, endpoint in enumerate(self.names)}
        size = len(slices)
        seconds = np.fromiter((part.second for part in slices), np.int64, size)
        self.step = np.clip((seconds - axis.start_s) // axis.step_s, 0, axis.count - 1)
        self.endpoint = np.fromiter((numbers[part.endpoint] for part in slices), np.int64, size)
        self.requests = np.fromiter((part.requests for part in slices), np.int64, size)
        self.failures = {
            kind: np.fromiter((part.failures.get(kind, 0) for part in slices), np.int64, size)
            for kind in FailureKind
        }
        self.minimum_s = np.fromiter((part.response.minimum_s for part in slices), np.float64, size)
        self.maximum_s = np.fromiter((part.response.maximum_s for part in slices), np.float64, size)
        self._lengths = np.fromiter((len(part.response.buckets) for part in slices), np.int64, size)
        total = int(self._lengths.sum())
        keys = chain.from_iterable(part.response.buckets for part in slices)
        counts = chain.from_iterable(part.response.buckets.values() for part in slices)
        self._bucket = np.fromiter(keys, np.int64, total)
        self._count = np.fromiter(counts, np.int64, total)
        self._ends = np.cumsum(self._lengths)
        self.lowest = int(self._bucket.min()) if total else 0
        self.width = int(self._bucket.max()) - self.lowest + 1 if total else 0

    def rows_of(self, endpoint: int) -> NDArray[np.int64]:
        """Which slices are this endpoint's."""
        return np.flatnonzero(self.endpoint == endpoint)

    def per_step(self, values: NDArray[np.int64], rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """The values' sum in each step of the axis, over all slices or over `rows`."""
        step = self.step if rows is None else self.step[rows]
        chosen = values if rows is None else values[rows]
        return np.bincount(step, weights=chosen, minlength=self.axis.count).astype(np.int64)

    def histograms(self, rows: NDArray[np.int64] | None = None) -> StepHistograms:
        """The merged histogram of each step, over all slices or over `rows`."""
        chosen = np.arange(self.step.size) if rows is None else rows
        lengths = self._lengths[chosen]
        if rows is None:
            buckets, counts = self._bucket, self._count
        else:
            # Positions of the chosen slices' buckets: each run of them counts up from its own begin.
            begins = np.repeat(self._ends[chosen] - lengths, lengths)
            within = np.arange(begins.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            buckets, counts = self._bucket[begins + within], self._count[begins + within]
        steps = np.repeat(self.step[chosen], lengths)
        cells = steps * self.width + buckets - self.lowest
        matrix = np.bincount(cells, weights=counts, minlength=self.axis.count * self.width)
        least = np.full(self.axis.count, np.inf)
        np.minimum.at(least, self.step[chosen], self.minimum_s[chosen])
        greatest = np.zeros(self.axis.count)
        np.maximum.at(greatest, self.step[chosen], self.maximum_s[chosen])
        return StepHistograms(
            matrix.astype(np.int64).reshape(self.axis.count, self.width), self.lowest, least, greatest
        )


class StepHistograms:
    """One histogram for each step of a time axis: the same buckets as `Histogram`, as rows of a matrix."""

    def __init__(
        self,
        matrix: NDArray[np.int64],
        lowest: int,
        minimum_s: NDArray[np.float64],
        maximum_s: NDArray[np.float64],
    ) -> None:
        """`lowest` is the bucket of the first column."""
        self.matrix = matrix
        self.lowest = lowest
        self._minimum_s = minimum_s
        self._maximum_s = maximum_s
        self._cumulated = matrix.cumsum(axis=1)
        self._totals: NDArray[np.int64] = matrix.sum(axis=1)

    def quantile(self, q: float) -> tuple[float | None, ...]:
        """Seconds at quantile `q` (0 to 1) of each step, as `Histogram.quantile`; None in an empty step."""
        if not self.matrix.size:
            return (None,) * len(self.matrix)
        ranks = np.maximum(1, np.ceil(q * self._totals - 1e-9))
        index = (self._cumulated >= ranks[:, None]).argmax(axis=1) + self.lowest
        middles = LEAST_S * GROWTH ** index.astype(np.float64) * math.sqrt(GROWTH)
        # Each list is filled where the step has requests only: elsewhere least is above greatest.
        values = np.minimum(np.maximum(middles, self._minimum_s), self._maximum_s)
        values = np.where(ranks >= self._totals, self._maximum_s, values)
        return tuple(
            value if total else None
            for value, total in zip(values.tolist(), self._totals.tolist(), strict=True)
        )
