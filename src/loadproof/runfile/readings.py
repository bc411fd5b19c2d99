"""The readings of a run as columns: days of hundreds of series, and one series of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

from loadproof.model import Reading, Unit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from numpy.typing import NDArray

Key = tuple[str, str, Unit]
"""Source, name and unit of a series."""


class Readings(Sequence[Reading]):
    """Readings in the order they were given, as a sequence of `Reading`, and as columns of one number each.

    `series` is the position in `keys`; a `limit` that a reading does not have is nan.
    """

    __slots__ = ("_rows", "keys", "limit", "series", "time_s", "value")

    def __init__(
        self,
        keys: tuple[Key, ...],
        time_s: NDArray[np.float64],
        series: NDArray[np.int32],
        value: NDArray[np.float64],
        limit: NDArray[np.float64],
    ) -> None:
        self.keys = keys
        self.time_s = time_s
        self.series = series
        self.value = value
        self.limit = limit
        self._rows: dict[int, NDArray[np.int64]] | None = None

    @classmethod
    def of(cls, readings: Iterable[Reading]) -> Readings:
        """The same readings as columns; what is columns already is given back as it is."""
        if isinstance(readings, Readings):
            return readings
        given = list(readings)
        numbers: dict[Key, int] = {}
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
        if rows.size == len(self):
            return self
        return self._part(rows)

    def _part(self, rows: slice | NDArray[np.int64]) -> Readings:
        return Readings(self.keys, self.time_s[rows], self.series[rows], self.value[rows], self.limit[rows])

    def of_source(self, sources: Collection[str], *, others: bool = False) -> Readings:
        """Those that these sources measured; `others`: that others did."""
        chosen = [n for n, key in enumerate(self.keys) if (key[0] in sources) is not others]
        return self.take(np.flatnonzero(np.isin(self.series, chosen)))

    def of_series(self, source: str, *names: str) -> Readings:
        """Those of the named series of one source."""
        chosen = [n for n, key in enumerate(self.keys) if key[0] == source and key[1] in names]
        if len(chosen) == 1:
            return self.take(self._by_series().get(chosen[0], np.zeros(0, np.int64)))
        return self.take(np.flatnonzero(np.isin(self.series, chosen)))

    def with_limit(self, limit: float) -> Readings:
        """The same values, with one upper limit for all."""
        return Readings(self.keys, self.time_s, self.series, self.value, np.full(len(self), limit))

    def by_series(self) -> dict[tuple[str, str], Readings]:
        """The readings of each series, by source and name, in the order in which they first appear."""
        groups: dict[tuple[str, str], list[NDArray[np.int64]]] = {}
        for code, rows in self._by_series().items():
            groups.setdefault(self.keys[code][:2], []).append(rows)
        return {
            key: self.take(parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts)))
            for key, parts in groups.items()
        }

    def _by_series(self) -> dict[int, NDArray[np.int64]]:
        """The positions of each series' readings."""
        if self._rows is None:
            order = np.argsort(self.series, kind="stable")
            codes = self.series[order]
            firsts = np.flatnonzero(np.diff(codes, prepend=-1)) if codes.size else order
            parts = np.split(order, firsts[1:]) if codes.size else []
            found = sorted(parts, key=lambda rows: int(rows[0]))
            self._rows = {int(self.series[rows[0]]): rows for rows in found}
        return self._rows
