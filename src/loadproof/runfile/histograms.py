"""Many histograms as columns of numbers: those of a week are merged in a second."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadproof.histogram import Histogram, bucket_s
from loadproof.runfile.growing import GrowingColumns

_HEAD: Final = np.dtype([("sum_ns", "<i8"), ("minimum_s", "<f8"), ("maximum_s", "<f8")])
_CHUNK: Final = 100_000
"""Buckets that are added up at once: bounds the memory of sums over a week."""
_DENSE: Final = 4
"""Cells of a table for each bucket that goes into it."""
_SMALL: Final = 1_000_000
"""Cells of a table that may be mostly empty."""


@dataclass(slots=True, eq=False)
class Histograms:
    """One row for each histogram; a row that is not `present` stands for None.

    Row `n` has the buckets `bucket[ends[n - 1]:ends[n]]`, in rising order, and as many counts.
    """

    ends: NDArray[np.int64]
    bucket: NDArray[np.uint16]
    count: NDArray[np.unsignedinteger[Any]]
    sum_ns: NDArray[np.int64]
    minimum_s: NDArray[np.float64]
    maximum_s: NDArray[np.float64]
    present: NDArray[np.bool_]

    @classmethod
    def of(cls, histograms: Sequence[Histogram | None]) -> Histograms:
        """The same histograms, as columns."""
        return cls.from_blobs([None if one is None else one.to_bytes() for one in histograms])

    @classmethod
    def from_blobs(cls, blobs: Sequence[bytes | None]) -> Histograms:
        """What `Histogram.to_bytes` wrote. Raises ValueError on a damaged blob."""
        present = np.fromiter((blob is not None for blob in blobs), np.bool_, len(blobs))
        known = [blob for blob in blobs if blob is not None]
        size = _HEAD.itemsize
        if any(len(blob) < size for blob in known):
            raise ValueError(f"a histogram blob is at least {size} bytes long")
        heads = np.zeros(len(blobs), _HEAD)
        heads["minimum_s"] = np.inf
        heads[present] = np.frombuffer(b"".join(blob[:size] for blob in known), _HEAD)
        lengths = np.zeros(len(blobs), np.int64)
        lengths[present] = np.fromiter((len(blob) - size for blob in known), np.int64, len(known))
        body = np.frombuffer(b"".join(blob[size:] for blob in known), np.uint8)
        numbers, ends = _varints(body, np.cumsum(lengths))
        gaps, counts = numbers[0::2], numbers[1::2]
        totals = np.concatenate(([0], np.cumsum(gaps)))
        starts = np.concatenate(([0], ends[:-1])) if ends.size else ends
        buckets = totals[1:] - np.repeat(totals[starts], ends - starts)
        if buckets.size and buckets.max() > np.iinfo(np.uint16).max:
            raise ValueError("a histogram blob has a bucket beyond all durations")
        return cls(
            ends, buckets.astype(np.uint16), counts.astype(np.uint32),
            heads["sum_ns"].copy(), heads["minimum_s"].copy(), heads["maximum_s"].copy(), present,
        )  # fmt: skip

    @classmethod
    def joined(cls, parts: Iterable[Histograms]) -> Histograms:
        """The rows of all, one after the other."""
        together = GrowingHistograms()
        for part in parts:
            together.add(part)
        return together.done()

    @classmethod
    def missing(cls, size: int) -> Histograms:
        """Rows of None."""
        return cls(
            np.zeros(size, np.int64), np.zeros(0, np.uint16), np.zeros(0, np.uint32),
            np.zeros(size, np.int64),
            np.full(size, np.inf), np.zeros(size), np.zeros(size, np.bool_),
        )  # fmt: skip

    def __len__(self) -> int:
        return self.ends.size

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each row's buckets begin."""
        return self.ends - self.lengths

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many buckets each row has."""
        return np.diff(self.ends, prepend=self.ends[:1] * 0 if self.ends.size else 0)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many samples each row has."""
        totals = np.concatenate(([0], np.cumsum(self.count, dtype=np.int64)))
        return np.asarray(totals[self.ends] - totals[self.starts])

    def row(self, number: int) -> Histogram | None:
        """One of them."""
        if not self.present[number]:
            return None
        end = int(self.ends[number])
        start = int(self.ends[number - 1]) if number else 0
        one = Histogram()
        one.buckets = dict(zip(self.bucket[start:end].tolist(), self.count[start:end].tolist(), strict=True))
        one.count = int(self.count[start:end].sum(dtype=np.int64))
        one.sum_ns = int(self.sum_ns[number])
        one.minimum_s, one.maximum_s = float(self.minimum_s[number]), float(self.maximum_s[number])
        return one

    def take(self, rows: slice | NDArray[np.int64]) -> Histograms:
        """Some of the rows: those of a slice share their memory with these."""
        columns = (self.sum_ns[rows], self.minimum_s[rows], self.maximum_s[rows], self.present[rows])
        if isinstance(rows, slice):
            ends = self.ends[rows]
            begin = int(self.ends[rows.start - 1]) if rows.start and ends.size else 0
            end = int(ends[-1]) if ends.size else begin
            return Histograms(ends - begin, self.bucket[begin:end], self.count[begin:end], *columns)
        # Only these rows are looked at: a hundred endpoints each take theirs.
        starts = np.where(rows > 0, self.ends[rows - 1], 0)
        lengths = self.ends[rows] - starts
        ends = np.cumsum(lengths)
        at = np.repeat(starts - ends + lengths, lengths) + np.arange(int(lengths.sum()))
        return Histograms(ends, self.bucket[at], self.count[at], *columns)

    def total(self) -> Histogram:
        """All of them merged."""
        one = Histogram()
        sums = np.zeros(0, np.int64)
        for first in range(0, self.bucket.size, _CHUNK):
            part = slice(first, first + _CHUNK)
            # Counts are whole and far below 2**53: adding them as floats is exact.
            more = np.bincount(self.bucket[part], weights=self.count[part]).astype(np.int64)
            if more.size > sums.size:
                sums, more = more, sums
            sums[: more.size] += more
        found = np.flatnonzero(sums)
        one.buckets = dict(zip(found.tolist(), sums[found].tolist(), strict=True))
        one.count = int(sums.sum())
        # Python's own integers: the sum of a week of slow answers is beyond 64 bits.
        rows = range(0, len(self), _CHUNK // 10)
        one.sum_ns = sum(sum(self.sum_ns[first : first + rows.step].tolist()) for first in rows)
        one.minimum_s = float(self.minimum_s.min(initial=math.inf))
        one.maximum_s = float(self.maximum_s.max(initial=0.0))
        return one

    def quantile(self, q: float) -> NDArray[np.float64]:
        """Seconds at quantile `q` (0 to 1) of each row, as `Histogram.quantile`; nan without samples."""
        totals = np.cumsum(self.count, dtype=np.int64)
        counts = self.counts
        before = np.concatenate(([0], totals))[self.starts]
        ranks = np.maximum(1, np.ceil(q * counts - 1e-9)).astype(np.int64)
        at = np.minimum(np.searchsorted(totals, before + ranks), max(0, totals.size - 1))
        bucket = self.bucket[at].astype(np.float64) if totals.size else np.zeros(len(self))
        values = np.minimum(np.maximum(bucket_s(bucket + 0.5), self.minimum_s), self.maximum_s)
        return np.where(counts > 0, np.where(ranks >= counts, self.maximum_s, values), np.nan)

    def grouped(self, group: NDArray[np.int64], groups: int) -> Histograms:
        """One merged histogram for each group from 0 on; `group` has one for each row, in rising order.

        A group is present where one of its rows is.
        """
        lowest = int(self.bucket.min()) if self.bucket.size else 0
        width = int(self.bucket.max()) - lowest + 1 if self.bucket.size else 1
        cell = np.repeat(group, self.lengths) * width + (self.bucket - lowest)
        if groups * width <= max(_DENSE * cell.size, _SMALL):
            sums = np.bincount(cell, weights=self.count, minlength=groups * width)
            kept = np.flatnonzero(sums)
            counts = sums[kept].astype(np.int64)
        else:  # few buckets in many groups: a table of all cells would be mostly empty
            order = np.argsort(cell, kind="stable")
            cell = cell[order]
            first = np.flatnonzero(np.diff(cell, prepend=-1))
            kept, counts = cell[first], np.add.reduceat(self.count[order].astype(np.int64), first)
        ends = np.searchsorted(kept, np.arange(1, groups + 1) * width)
        least, greatest = np.full(groups, np.inf), np.zeros(groups)
        np.minimum.at(least, group, self.minimum_s)
        np.maximum.at(greatest, group, self.maximum_s)
        sum_ns = np.zeros(groups, np.int64)
        np.add.at(sum_ns, group, self.sum_ns)
        present = np.zeros(groups, np.bool_)
        present[group[self.present]] = True
        return Histograms(
            ends,
            (kept % width + lowest).astype(np.uint16),
            _small(counts),
            sum_ns,
            least,
            greatest,
            present,
        )

    def filled(self, other: Histograms) -> Histograms:
        """These, and where one is missing the other's."""
        if self.present.all():
            return self
        both = Histograms.joined([self, other])
        rows = np.arange(len(self))
        return both.take(np.where(self.present, rows, rows + len(self)))


class GrowingHistograms:
    """Rows that come part by part."""

    def __init__(self) -> None:
        self._rows = GrowingColumns()
        self._buckets = 0

    def add(self, part: Histograms) -> None:
        """The rows of `part` behind those that there are."""
        self._rows.add("ends", part.ends + self._buckets)
        self._buckets += part.bucket.size
        for name in ("bucket", "count", "sum_ns", "minimum_s", "maximum_s", "present"):
            self._rows.add(name, getattr(part, name))

    def __len__(self) -> int:
        return self._rows.columns["ends"].size if self._rows.columns else 0

    def done(self) -> Histograms:
        """All of them."""
        return Histograms(**self._rows.columns) if self._rows.columns else Histograms.missing(0)


def _small(counts: NDArray[np.int64]) -> NDArray[np.unsignedinteger[Any]]:
    """In half the memory, where they fit."""
    fits = counts.size == 0 or counts.max() <= np.iinfo(np.uint16).max
    return counts.astype(np.uint16 if fits else np.uint32)


def _varints(data: NDArray[np.uint8], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers in rows of bytes that end at `ends`, and where each row's pairs of numbers end."""
    last = data < 0x80
    stops = np.flatnonzero(last)
    filled = ends[np.diff(ends, prepend=0) > 0]
    if not last[filled - 1].all():
        raise ValueError("a histogram blob ends in the middle of a number")
    begins = np.concatenate(([0], stops[:-1] + 1)) if stops.size else stops
    lengths = stops - begins + 1
    if lengths.size and lengths.max() > 9:
        raise ValueError("a histogram blob has a number beyond all counts")
    numbers = np.zeros(stops.size, np.int64)
    for position in range(int(lengths.max(initial=0))):
        rows = np.flatnonzero(lengths > position) if position else slice(None)
        numbers[rows] |= (data[begins[rows] + position].astype(np.int64) & 0x7F) << (7 * position)
    totals = np.concatenate(([0], np.cumsum(last)))[ends]
    if (totals % 2).any():
        raise ValueError("a histogram blob ends in the middle of a bucket")
    return numbers, np.asarray(totals // 2)
