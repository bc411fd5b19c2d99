"""A run's slices as columns of numbers, so that hours of a hundred endpoints are summed up in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.charts import TimeAxis
from loadproof.histogram import bucket_s
from loadproof.model import Slice
from loadproof.runfile.histograms import Histograms
from loadproof.runfile.slices import Slices, is_among

_CHUNK: Final = 1_000_000
"""Buckets that are added up at once."""


class Columns:
    """Slices by their step on a time axis and by endpoint, with all buckets of all their histograms.

    Endpoints are numbered in the order of their names.
    """

    def __init__(self, slices: Sequence[Slice], axis: TimeAxis, times: Histograms | None = None) -> None:
        """`times` in the place of the response times of the slices."""
        columns = Slices.of(slices)
        self.axis = axis
        self.endpoints = sorted(columns.by_endpoint(), key=str)
        numbers = {endpoint: number for number, endpoint in enumerate(self.endpoints)}
        named = np.array([numbers.get(endpoint, -1) for endpoint in columns.endpoints], np.int64)
        self.second = columns.second
        self.step = np.clip((self.second - axis.start_s) // axis.step_s, 0, axis.count - 1)
        self.endpoint = named[columns.endpoint]
        self.requests = columns.requests
        self.failures = columns.failures
        self._times = columns.response if times is None else times
        buckets = self._times.bucket
        self._lowest = int(buckets.min()) if buckets.size else 0
        self._width = int(buckets.max()) - self._lowest + 1 if buckets.size else 0

    def of_endpoint(self, number: int) -> NDArray[np.int64]:
        """Which slices are this endpoint's."""
        return np.flatnonzero(self.endpoint == number)

    def within(self, seconds: frozenset[int]) -> NDArray[np.int64]:
        """Which slices lie in these seconds."""
        return np.flatnonzero(is_among(self.second, seconds))

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
        times = self._times
        size = group.size if rows is None else rows.size
        matrix = np.zeros(groups * self._width, np.int64)
        least, greatest = np.full(groups, np.inf), np.zeros(groups)
        step = max(1, _CHUNK * len(times) // max(1, times.bucket.size))
        for first in range(0, size, step):
            part = slice(first, first + step) if rows is None else rows[first : first + step]
            some, own = times.take(part), group[part]
            cells = np.repeat(own, some.lengths) * self._width + some.bucket - self._lowest
            if matrix.size:
                matrix += np.bincount(cells, weights=some.count, minlength=matrix.size).astype(np.int64)
            np.minimum.at(least, own, some.minimum_s)
            np.maximum.at(greatest, own, some.maximum_s)
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
        values = np.minimum(np.maximum(bucket_s(index + 0.5), self._minimum_s), self._maximum_s)
        values = np.where(ranks >= self.counts, self._maximum_s, values)
        return tuple(
            value if count else None
            for value, count in zip(values.tolist(), self.counts.tolist(), strict=True)
        )
