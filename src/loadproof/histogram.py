"""A mergeable latency histogram with logarithmic buckets.

Bucket `i` holds values `v` with `i = floor(ln(v / 1 µs) / ln(1.01))`, so neighbouring bucket limits differ
by 1 % and a quantile read from the middle of a bucket is within 0.5 % of the sample it stands for. Count,
least and greatest value are kept exactly, the sum in whole nanoseconds. Merging adds integers, so per-second
histograms merged are the same histogram, bit for bit, as one filled with all the samples. Source of the
construction: Masson, Rim and Lee, "DDSketch", VLDB 2019, section 2.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from itertools import chain
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

GROWTH = 1.01
"""Ratio of two neighbouring bucket limits; whoever reads buckets asks `bucket_s`."""
LEAST_S = 1e-6
"""Values at or below one microsecond share bucket 0: no network answers faster."""
LOG_GROWTH = math.log(GROWTH)
INVERSE_LOG_GROWTH = 1 / LOG_GROWTH
LOG_LEAST = math.log(LEAST_S)
_HEAD = struct.Struct("<qdd")
_MANY = 64
"""So many histograms are merged as arrays, five times as fast; fewer are not worth the arrays."""


@overload
def bucket_s(place: float) -> float: ...
@overload
def bucket_s(place: NDArray[np.floating[Any] | np.integer[Any]]) -> NDArray[np.float64]: ...
def bucket_s(place: Any) -> Any:
    """Seconds at a place among the buckets: `i` is where bucket `i` begins, `i + 0.5` its middle."""
    return LEAST_S * GROWTH**place


class Histogram:
    """Durations in seconds. Empty histograms answer None, never 0."""

    __slots__ = ("buckets", "count", "maximum_s", "minimum_s", "sum_ns")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = 0
        self.sum_ns = 0
        self.minimum_s = math.inf
        self.maximum_s = 0.0

    def record(self, value_s: float) -> None:
        """Add one duration in seconds. A negative or non-finite one is a bug of the caller: ValueError."""
        if not 0 <= value_s < math.inf:
            raise ValueError(f"a duration must be finite and not negative, got {value_s!r} s")
        index = int((math.log(value_s) - LOG_LEAST) * INVERSE_LOG_GROWTH) if value_s > LEAST_S else 0
        self.buckets[index] = self.buckets.get(index, 0) + 1
        self.count += 1
        self.sum_ns += round(value_s * 1e9)
        self.minimum_s = min(self.minimum_s, value_s)
        self.maximum_s = max(self.maximum_s, value_s)

    def record_all(self, values_s: ArrayLike) -> None:
        """Add many durations in seconds at once."""
        values = np.asarray(values_s, dtype=np.float64)
        if values.size == 0:
            return
        if not np.isfinite(values).all() or values.min() < 0:
            raise ValueError("durations must be finite and not negative")
        scaled = (np.log(np.maximum(values, LEAST_S)) - LOG_LEAST) * INVERSE_LOG_GROWTH
        every = np.bincount(scaled.astype(np.int64))
        indices = np.flatnonzero(every)
        for index, count in zip(indices.tolist(), every[indices].tolist(), strict=True):
            self.buckets[index] = self.buckets.get(index, 0) + count
        self.count += values.size
        self.sum_ns += int(np.rint(values * 1e9).astype(np.int64).sum())
        self.minimum_s = min(self.minimum_s, float(values.min()))
        self.maximum_s = max(self.maximum_s, float(values.max()))

    def merge(self, other: Histogram) -> None:
        """Add every sample of `other`."""
        for index, count in other.buckets.items():
            self.buckets[index] = self.buckets.get(index, 0) + count
        self.count += other.count
        self.sum_ns += other.sum_ns
        self.minimum_s = min(self.minimum_s, other.minimum_s)
        self.maximum_s = max(self.maximum_s, other.maximum_s)

    def without(self, other: Histogram) -> Histogram:
        """The samples that are not in `other`, all of whose samples are in this one.

        The least and the greatest value are then known to a bucket only.
        """
        left = Histogram()
        for index, count in self.buckets.items():
            kept = count - other.buckets.get(index, 0)
            if kept > 0:
                left.buckets[index] = kept
        left.count = sum(left.buckets.values())
        left.sum_ns = max(0, self.sum_ns - other.sum_ns)
        if left.buckets:
            low, high = (bucket_s(place) for place in (min(left.buckets), max(left.buckets) + 1))
            left.minimum_s = max(self.minimum_s, low) if min(left.buckets) else self.minimum_s
            left.maximum_s = min(self.maximum_s, high)
        return left

    def quantile(self, q: float) -> float | None:
        """Seconds at quantile `q` (0 to 1): the least sample that at least `q` of all do not exceed.

        Within 0.5 % of that sample; None when there are no samples.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile lies between 0 and 1, got {q}")
        if self.count == 0:
            return None
        # The tolerance keeps 0.95 * 100 from asking for the 96th sample: 95.00000000000001 is 95.
        rank = max(1, math.ceil(q * self.count - 1e-9))
        if rank >= self.count:
            return self.maximum_s
        seen = 0
        for index in sorted(self.buckets):
            seen += self.buckets[index]
            if seen >= rank:
                return min(max(bucket_s(index + 0.5), self.minimum_s), self.maximum_s)
        raise AssertionError("bucket counts do not add up to the count")

    def share_above(self, limit_s: float) -> float | None:
        """Fraction of the samples in buckets wholly above `limit_s` seconds; None when empty."""
        if self.count == 0:
            return None
        index = int((math.log(limit_s) - LOG_LEAST) * INVERSE_LOG_GROWTH) if limit_s > LEAST_S else 0
        return sum(count for i, count in self.buckets.items() if i > index) / self.count

    @property
    def mean_s(self) -> float | None:
        """Mean in seconds, exact to a nanosecond; None when empty."""
        return self.sum_ns / self.count / 1e9 if self.count else None

    def to_bytes(self) -> bytes:
        """The histogram as a blob: sum, least and greatest value, then (gap, count) pairs as varints."""
        out = bytearray(_HEAD.pack(self.sum_ns, self.minimum_s, self.maximum_s))
        previous = 0
        for index in sorted(self.buckets):
            _put_varint(out, index - previous)
            _put_varint(out, self.buckets[index])
            previous = index
        return bytes(out)

    @classmethod
    def from_bytes(cls, blob: bytes) -> Histogram:
        """The inverse of `to_bytes`. Raises ValueError on a damaged blob."""
        if len(blob) < _HEAD.size:
            raise ValueError(f"a histogram blob is at least {_HEAD.size} bytes long")
        self = cls()
        self.sum_ns, self.minimum_s, self.maximum_s = _HEAD.unpack_from(blob)
        numbers = list(_varints(blob[_HEAD.size :]))
        if len(numbers) % 2:
            raise ValueError("a histogram blob ends in the middle of a bucket")
        index = 0
        for gap, count in zip(numbers[::2], numbers[1::2], strict=True):
            index += gap
            self.buckets[index] = count
            self.count += count
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]  # mutable, as list is

    def __repr__(self) -> str:
        return f"Histogram(count={self.count}, p50={self.quantile(0.5)}, max={self.maximum_s})"


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """One histogram with the samples of all."""
    total = Histogram()
    every = histograms if isinstance(histograms, list) else list(histograms)
    if len(every) < _MANY:
        for histogram in every:
            total.merge(histogram)
        return total
    size = sum(len(histogram.buckets) for histogram in every)
    indices = np.fromiter(chain.from_iterable(h.buckets for h in every), np.int64, size)
    counts = np.fromiter(chain.from_iterable(h.buckets.values() for h in every), np.int64, size)
    if size:
        # Counts are whole and far below 2**53: adding them as floats is exact.
        sums = np.bincount(indices - indices.min(), weights=counts)
        found = np.flatnonzero(sums)
        total.buckets = dict(
            zip((found + indices.min()).tolist(), sums[found].astype(np.int64).tolist(), strict=True)
        )
    total.count = int(counts.sum())
    total.sum_ns = sum(histogram.sum_ns for histogram in every)
    total.minimum_s = min(histogram.minimum_s for histogram in every)
    total.maximum_s = max(histogram.maximum_s for histogram in every)
    return total


def _put_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _varints(data: bytes) -> Iterable[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
        else:
            yield value
            value = shift = 0
    if shift:
        raise ValueError("a histogram blob ends in the middle of a number")
