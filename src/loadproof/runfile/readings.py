"""The readings of a run as columns: days of hundreds of series, and one series of them at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from loadproof.engines.table import ENGINES
from loadproof.model import Reading, Unit
from loadproof.runfile.growing import GrowingColumns
from loadproof.runfile.slices import is_among

Key = tuple[str, str, Unit]
"""Source, name and unit of a series."""


COUNTS: Final = frozenset(
    [("load", name) for name in ("planned", "started", "late", "dropped")]
    + [
        (engine, name)
        for engine, traits in ENGINES.items()
        if traits.iterations
        for name in ("iterations", "dropped_iterations")
    ]
)
"""Series that count what happened in each second: merged, they add up."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Of readings that stand for several: how many, and their extremes."""

    count: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def part(self, rows: slice | NDArray[np.int64]) -> Merged:
        """Some of the rows."""
        return Merged(self.count[rows], self.low[rows], self.high[rows])


def _counts(key: Key) -> bool:
    """Also of one of several scenarios: "checkout: started"."""
    return (key[0], key[1].rpartition(": ")[2]) in COUNTS


@dataclass(slots=True, eq=False, repr=False)
class Readings(Sequence[Reading]):
    """Readings in the order they were given, as a sequence of `Reading`, and as columns of one number each.

    A run file's are series by series, each in order of time: what is asked for is a series, and hours of
    hundreds of them are then in memory once.

    `series` is the position in `keys`; a `limit` that a reading does not have is nan. Readings of a run of
    days are merged by steps: then `value` is the mean of so many (`counts`), or the sum of what counts, `low`
    and `high` are their extremes, and the time is the middle of the step's first second.
    """

    keys: tuple[Key, ...]
    time_s: NDArray[np.float64]
    series: NDArray[np.int32]
    value: NDArray[np.float64]
    limit: NDArray[np.float64]
    merged: Merged | None = None
    _by_series: dict[tuple[str, str], Readings] | None = field(default=None, init=False)

    @classmethod
    def of(cls, readings: Iterable[Reading], known: dict[Key, int] | None = None) -> Readings:
        """The same readings as columns; what is columns already is given back as it is.

        `known` are the numbers of series so far, which grow.
        """
        if isinstance(readings, Readings):
            return readings
        given = list(readings)
        numbers = {} if known is None else known
        codes = [numbers.setdefault((r.source, r.series, r.unit), len(numbers)) for r in given]
        return cls(
            tuple(numbers),
            np.array([r.time_s for r in given], np.float64),
            np.array(codes, np.int32),
            np.array([r.value for r in given], np.float64),
            np.array([np.nan if r.limit is None else r.limit for r in given], np.float64),
        )

    # --- as a sequence ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.time_s.size

    @overload
    def __getitem__(self, at: int) -> Reading: ...
    @overload
    def __getitem__(self, at: slice) -> Readings: ...
    def __getitem__(self, at: int | slice) -> Reading | Readings:
        if isinstance(at, slice):
            return self._part(at)
        return self._made(
            int(self.series[at]), float(self.time_s[at]), float(self.value[at]), float(self.limit[at])
        )

    def __iter__(self) -> Iterator[Reading]:
        columns = (self.series, self.time_s, self.value, self.limit)
        for first in range(0, len(self), 4_096):
            part = slice(first, first + 4_096)
            for row in zip(*(column[part].tolist() for column in columns), strict=True):
                yield self._made(*row)

    def _made(self, series: int, time_s: float, value: float, limit: float) -> Reading:
        source, name, unit = self.keys[series]
        return Reading(time_s, source, name, value, unit, limit if limit == limit else None)  # noqa: PLR0124

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Readings | tuple | list):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as large as a list

    def __repr__(self) -> str:
        return f"Readings({list(self)!r})"

    # --- as columns ------------------------------------------------------------------------------------

    @property
    def seconds(self) -> NDArray[np.int64]:
        """The whole second of each."""
        return np.trunc(self.time_s).astype(np.int64)

    def take(self, rows: NDArray[np.int64]) -> Readings:
        """The readings at these positions, in their order."""
        if rows.size and rows[-1] - rows[0] + 1 == rows.size and (np.diff(rows) == 1).all():
            return self._part(slice(int(rows[0]), int(rows[-1]) + 1))
        return self._part(rows)

    def _part(self, rows: slice | NDArray[np.int64]) -> Readings:
        merged = self.merged and self.merged.part(rows)
        return Readings(
            self.keys, self.time_s[rows], self.series[rows], self.value[rows], self.limit[rows], merged
        )

    def within(self, seconds: Collection[int]) -> Readings:
        """Those of these seconds."""
        return self.take(np.flatnonzero(is_among(self.seconds, seconds)))

    def in_order_of_time(self) -> Readings:
        """The same, all series together."""
        return self.take(np.argsort(self.time_s, kind="stable"))

    def in_order_of_series(self) -> Readings:
        """These, put in order where they are: series by series, each in order of time."""
        same = self.series[1:] == self.series[:-1]
        if (self.series[1:] > self.series[:-1])[~same].all() and (np.diff(self.time_s)[same] >= 0).all():
            return self
        order = np.lexsort((self.time_s, self.series))
        self.merged = self.merged and self.merged.part(order)
        for name in ("time_s", "series", "value", "limit"):
            setattr(self, name, getattr(self, name)[order])
        return self

    def of_series(self, source: str, *names: str) -> Readings:
        """Those of the named series of one source."""
        found = [own for key, own in self.by_series().items() if key[0] == source and key[1] in names]
        return found[0] if len(found) == 1 else joined(found) if found else self[:0]

    def with_limit(self, limit: float) -> Readings:
        """The same values, with one upper limit for all."""
        limits = np.full(len(self), limit)
        return Readings(self.keys, self.time_s, self.series, self.value, limits, self.merged)

    def with_values(self, value: NDArray[np.float64]) -> Readings:
        """Other values, at the same times."""
        return Readings(self.keys, self.time_s, self.series, value, self.limit, self.merged)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many readings each of these is."""
        return np.ones(len(self), np.int64) if self.merged is None else self.merged.count

    @property
    def low(self) -> NDArray[np.float64]:
        """The least value that was read in each."""
        return self.value if self.merged is None else self.merged.low

    @property
    def high(self) -> NDArray[np.float64]:
        """The greatest value that was read in each."""
        return self.value if self.merged is None else self.merged.high

    def in_steps(self, step_s: int) -> Readings:
        """Those of each series in each step as one, by series, then in order of time."""
        step = self.seconds // step_s
        order = np.lexsort((step, self.series))
        series, step = self.series[order], step[order]
        first = np.flatnonzero((np.diff(series, prepend=-1) != 0) | (np.diff(step, prepend=-1) != 0))
        if not first.size:
            return self
        value, count = self.value[order], self.counts[order]
        summed = np.array([_counts(key) for key in self.keys], np.bool_)[series]
        counts = np.add.reduceat(count, first)
        sums = np.add.reduceat(np.where(summed, value, value * count), first)
        last = np.append(first[1:], order.size) - 1
        return Readings(
            self.keys,
            (step[first] * step_s + 0.5).astype(np.float64),
            series[first],
            np.where(summed[first], sums, sums / counts),
            self.limit[order][last],
            Merged(
                counts,
                np.minimum.reduceat(self.low[order], first),
                np.maximum.reduceat(self.high[order], first),
            ),
        )

    def by_series(self, seconds: Collection[int] | None = None) -> dict[tuple[str, str], Readings]:
        """The readings of each series, by source and name, in the order in which they first appear.

        `seconds`: only those of these, and only series that have any.
        """
        if seconds is not None:
            inside = {key: own.within(seconds) for key, own in self.by_series().items()}
            return {key: own for key, own in inside.items() if len(own)}
        if self._by_series is None:
            together, order = self, None
            if (self.series[1:] < self.series[:-1]).any():
                # Sorted once: those of one series then share the memory of this copy.
                order = np.argsort(self.series, kind="stable")
                together = self._part(order)
            codes = together.series
            firsts = [0, *(np.flatnonzero(codes[1:] != codes[:-1]) + 1).tolist()] if codes.size else []
            ends = [*firsts[1:], codes.size] if firsts else []
            rows = list(zip(firsts, ends, strict=True))
            if order is not None:
                rows.sort(key=lambda pair: int(order[pair[0]]))
            groups: dict[tuple[str, str], list[Readings]] = {}
            for first, end in rows:
                own = together[first:end]
                groups.setdefault(self.keys[codes[first]][:2], []).append(own)
            self._by_series = {
                key: parts[0] if len(parts) == 1 else _in_order(parts) for key, parts in groups.items()
            }
        return dict(self._by_series)


def _in_order(parts: Sequence[Readings]) -> Readings:
    """Those of a series whose unit changed, in order of time."""
    together = joined(parts)
    return together.take(np.argsort(together.time_s, kind="stable"))


def joined(parts: Iterable[Readings]) -> Readings:
    """The readings of all, one after the other; all have the same `keys`, or the first of them."""
    rows, merged = GrowingColumns(), GrowingColumns()
    keys: tuple[Key, ...] = ()
    for part in parts:
        if part.merged is not None and not merged.columns and rows.columns:
            value = rows.columns["value"]
            merged.columns = {
                "count": np.ones(value.size, np.int64),
                "low": value.copy(),
                "high": value.copy(),
            }
        if part.merged is not None or merged.columns:
            for name, column in (("count", part.counts), ("low", part.low), ("high", part.high)):
                merged.add(name, column)
        for name in ("time_s", "series", "value", "limit"):
            rows.add(name, getattr(part, name))
        keys = max(keys, part.keys, key=len)
    if not rows.columns:
        return Readings.of(())
    return Readings(keys, **rows.columns, merged=Merged(**merged.columns) if merged.columns else None)
