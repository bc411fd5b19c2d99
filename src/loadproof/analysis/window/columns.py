"""A run's slices as columns of numbers, so that hours of a hundred endpoints are summed up in seconds."""

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
        self.endpoints = sorted({part.endpoint for part in slices}, key=str)
        numbers = {endpoint: number for number, endpoint in enumerate(self.endpoints)}
        size = len(slices)
        self.second = np.fromiter((part.second for part in slices), np.int64, size)
        self.step = np.clip((self.second - axis.start_s) // axis.step_s, 0, axis.count - 1)
        self.endpoint = np.fromiter((numbers[part.endpoint] for part in slices), np.int64, size)
        self.requests = np.fromiter((part.requests for part in slices), np.int64, size)
        self.failures = _failures(slices)
        self._minimum_s = np.fromiter((part.response.minimum_s for part in slices), np.float64, size)
        self._maximum_s = np.fromiter((part.response.maximum_s for part in slices), np.float64, size)
        self._lengths = np.fromiter((len(part.response.buckets) for part in slices), np.int64, size)
        total = int(self._lengths.sum())
        keys = chain.from_iterable(part.response.buckets for part in slices)
        counts = chain.from_iterable(part.response.buckets.values() for part in slices)
        self._bucket = np.fromiter(keys, np.int64, total)
        self._count = np.fromiter(counts, np.int64, total)
        self._ends = np.cumsum(self._lengths)
        self._lowest = int(self._bucket.min()) if total else 0
        self._width = int(self._bucket.max()) - self._lowest + 1 if total else 0

    def of_endpoint(self, number: int) -> NDArray[np.int64]:
        """Which slices are this endpoint's."""
        return np.flatnonzero(self.endpoint == number)

    def within(self, seconds: frozenset[int]) -> NDArray[np.int64]:
        """Which slices lie in these seconds."""
        return np.flatnonzero(np.isin(self.second, np.fromiter(seconds, np.int64, len(seconds))))

    def per_step(self, values: NDArray[np.int64], rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """The values' sum in each step of the axis, over all slices or over `rows`."""
        step = self.step if rows is None else self.step[rows]
        chosen = values if rows is None else values[rows]
        return np.bincount(step, weights=chosen, minlength=self.axis.count).astype(np.int64)

    def by_step(self, rows: NDArray[np.int64] | None = None) -> HistogramRows:
        """The merged histogram of each step, over all slices or over `rows`."""
        return self._merged(self.step, self.axis.count, rows)

    def by_endpoint(self, rows: NDArray[np.int64]) -> HistogramRows:
        """The merged histogram of each endpoint over `rows`."""
        return self._merged(self.endpoint, len(self.endpoints), rows)

    def _merged(self, group: NDArray[np.int64], groups: int, rows: NDArray[np.int64] | None) -> HistogramRows:
        """One histogram for each of the groups, numbered from 0, that the slices belong to."""
        chosen = np.arange(group.size) if rows is None else rows
        lengths = self._lengths[chosen]
        buckets, counts = self._bucket, self._count
        if rows is not None:
            # Positions of the chosen slices' buckets: each run of them counts up from its own begin.
            begins = np.repeat(self._ends[chosen] - lengths, lengths)
            within = np.arange(begins.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            buckets, counts = self._bucket[begins + within], self._count[begins + within]
        cells = np.repeat(group[chosen], lengths) * self._width + buckets - self._lowest
        matrix = np.bincount(cells, weights=counts, minlength=groups * self._width).astype(np.int64)
        least, greatest = np.full(groups, np.inf), np.zeros(groups)
        np.minimum.at(least, group[chosen], self._minimum_s[chosen])
        np.maximum.at(greatest, group[chosen], self._maximum_s[chosen])
        return HistogramRows(matrix.reshape(groups, self._width), self._lowest, least, greatest)


class HistogramRows:
    """Many histograms with the buckets of `Histogram`, as the rows of a matrix."""

    def __init__(
        self,
        matrix: NDArray[np.int64],
        lowest: int,
        minimum_s: NDArray[np.float64],
        maximum_s: NDArray[np.float64],
    ) -> None:
        """`lowest` is the bucket of the first column; the extremes are those of each row, in seconds."""
        self.matrix = matrix
        self.lowest = lowest
        self.counts: NDArray[np.int64] = matrix.sum(axis=1)
        self._minimum_s = minimum_s
        self._maximum_s = maximum_s
        self._cumulated = matrix.cumsum(axis=1)

    def row(self, number: int) -> HistogramRows:
        """One of them alone."""
        one = slice(number, number + 1)
        return HistogramRows(self.matrix[one], self.lowest, self._minimum_s[one], self._maximum_s[one])

    def total(self) -> HistogramRows:
        """All of them merged into one row."""
        matrix = self.matrix.sum(axis=0, keepdims=True)
        least = np.array([self._minimum_s.min(initial=np.inf)])
        return HistogramRows(matrix, self.lowest, least, np.array([self._maximum_s.max(initial=0.0)]))

    def quantile(self, q: float) -> tuple[float | None, ...]:
        """Seconds at quantile `q` (0 to 1) of each row, as `Histogram.quantile`; None of an empty one."""
        if not self.matrix.size:
            return (None,) * len(self.matrix)
        ranks = np.maximum(1, np.ceil(q * self.counts - 1e-9))
        index = (self._cumulated >= ranks[:, None]).argmax(axis=1) + self.lowest
        middles = LEAST_S * GROWTH ** index.astype(np.float64) * math.sqrt(GROWTH)
        values = np.minimum(np.maximum(middles, self._minimum_s), self._maximum_s)
        values = np.where(ranks >= self.counts, self._maximum_s, values)
        return tuple(
            value if count else None
            for value, count in zip(values.tolist(), self.counts.tolist(), strict=True)
        )


def _failures(slices: Sequence[Slice]) -> dict[FailureKind, NDArray[np.int64]]:
    columns = {kind: np.zeros(len(slices), np.int64) for kind in FailureKind}
    for number, part in enumerate(slices):
        for kind, count in part.failures.items():
            columns[kind][number] = count
    return columns
