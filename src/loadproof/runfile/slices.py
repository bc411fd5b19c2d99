"""The slices of a run as columns: hours of a hundred endpoints in little memory, summed up in moments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from loadproof.histogram import Histogram
from loadproof.model import Endpoint, FailureKind, Slice
from loadproof.runfile.growing import GrowingColumns
from loadproof.runfile.histograms import GrowingHistograms, Histograms

_UNTOLD: Final = -1
"""Received bytes of a slice that does not tell them."""


@dataclass(slots=True, eq=False, repr=False)
class Slices(Sequence[Slice]):
    """Slices in the order they were given, as a sequence of `Slice`, and as columns of one number each.

    `endpoint` is the position in `endpoints`; `failures` leaves out kinds that no slice has; `service` and
    `wrong` are None where all are. A `Slice` that is taken out is a copy.
    """

    endpoints: tuple[Endpoint, ...]
    second: NDArray[np.int64]
    endpoint: NDArray[np.int32]
    requests: NDArray[np.int64]
    failures: dict[FailureKind, NDArray[np.int64]]
    received: NDArray[np.int64]
    response: Histograms
    service: Histograms | None = None
    wrong: Histograms | None = None

    @classmethod
    def of(cls, slices: Iterable[Slice]) -> Slices:
        """The same slices as columns; what is columns already is given back as it is."""
        if isinstance(slices, Slices):
            return slices
        parts = list(slices)
        numbers: dict[Endpoint, int] = {}
        codes = [numbers.setdefault(part.endpoint, len(numbers)) for part in parts]
        return cls(
            tuple(numbers),
            np.array([part.second for part in parts], np.int64),
            np.array(codes, np.int32),
            np.array([part.requests for part in parts], np.int64),
            failure_columns([part.failures for part in parts]),
            np.array([_UNTOLD if p.received_bytes is None else p.received_bytes for p in parts], np.int64),
            Histograms.of([part.response for part in parts]),
            _optional([part.service for part in parts]),
            _optional([part.wrong for part in parts]),
        )

    @classmethod
    def joined(cls, parts: Iterable[Slices]) -> Slices:
        """The slices of all, one after the other; all have the same `endpoints`."""
        endpoints: tuple[Endpoint, ...] = ()
        rows, failures = GrowingColumns(), GrowingColumns()
        times = {name: GrowingHistograms() for name in ("response", "service", "wrong")}
        size = 0
        for part in parts:
            endpoints = part.endpoints
            for name in ("second", "endpoint", "requests", "received"):
                rows.add(name, getattr(part, name))
            for kind in dict.fromkeys((*failures.columns, *part.failures)):
                if kind not in failures.columns:
                    failures.add(kind, np.zeros(size, np.int64))
                failures.add(kind, part.failures.get(FailureKind(kind), np.zeros(len(part), np.int64)))
            for name, together in times.items():
                own: Histograms | None = getattr(part, name)
                if own is None and not len(together):
                    continue
                if len(together) < size:
                    together.add(Histograms.missing(size))
                together.add(Histograms.missing(len(part)) if own is None else own)
            size += len(part)
        if not size:
            return cls.of(())
        response, service, wrong = (one.done() if len(one) else None for one in times.values())
        assert response is not None  # noqa: S101  # every slice has one
        columns = rows.columns
        return cls(
            endpoints, columns["second"], columns["endpoint"], columns["requests"],
            {FailureKind(kind): counts for kind, counts in failures.columns.items()},
            columns["received"], response, service, wrong,
        )  # fmt: skip

    # --- as a sequence ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.second.size

    @overload
    def __getitem__(self, at: int) -> Slice: ...
    @overload
    def __getitem__(self, at: slice) -> Slices: ...
    def __getitem__(self, at: int | slice) -> Slice | Slices:
        if isinstance(at, slice):
            return self.take(np.arange(len(self))[at])
        number = range(len(self))[at]
        received = int(self.received[number])
        return Slice(
            int(self.second[number]),
            self.endpoints[self.endpoint[number]],
            int(self.requests[number]),
            {kind: int(counts[number]) for kind, counts in self.failures.items() if counts[number]},
            None if received == _UNTOLD else received,
            self.response.row(number) or Histogram(),
            self.service.row(number) if self.service is not None else None,
            self.wrong.row(number) if self.wrong is not None else None,
        )

    def __iter__(self) -> Iterator[Slice]:
        return (self[number] for number in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Slices | tuple | list):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as large as a list

    def __repr__(self) -> str:
        return f"Slices({list(self)!r})"

    # --- as columns ------------------------------------------------------------------------------------

    def take(self, rows: NDArray[np.int64]) -> Slices:
        """The slices at these positions, in their order."""
        if rows.size == len(self) and (np.diff(rows) == 1).all():
            return self
        if rows.size and rows[-1] - rows[0] + 1 == rows.size and (np.diff(rows) == 1).all():
            return self._part(slice(int(rows[0]), int(rows[-1]) + 1))
        return self._part(rows)

    def _part(self, rows: slice | NDArray[np.int64]) -> Slices:
        return Slices(
            self.endpoints,
            self.second[rows],
            self.endpoint[rows],
            self.requests[rows],
            {kind: counts[rows] for kind, counts in self.failures.items()},
            self.received[rows],
            self.response.take(rows),
            self.service.take(rows) if self.service is not None else None,
            self.wrong.take(rows) if self.wrong is not None else None,
        )

    def within(self, seconds: Collection[int]) -> Slices:
        """Those of these seconds."""
        return self.take(np.flatnonzero(is_among(self.second, seconds)))

    def where(self, wanted: Callable[[Endpoint], bool]) -> Slices:
        """Those of the endpoints that are wanted."""
        chosen = np.fromiter((wanted(one) for one in self.endpoints), np.bool_, len(self.endpoints))
        if chosen.all():
            return self
        return self.take(np.flatnonzero(chosen[self.endpoint]))

    def renamed(self, names: Mapping[Endpoint, Endpoint]) -> Slices:
        """The same with other names for some endpoints; those that then share a name and a second add up."""
        numbers: dict[Endpoint, int] = {}
        codes = [numbers.setdefault(names.get(one, one), len(numbers)) for one in self.endpoints]
        renamed = self._part(slice(None))
        renamed.endpoints = tuple(numbers)
        renamed.endpoint = np.array(codes, np.int32)[self.endpoint]
        return renamed.merged()

    def by_endpoint(self) -> Mapping[Endpoint, Slices]:
        """Those of each endpoint that has any, by the first one of each; made when it is asked for."""
        found, first = np.unique(self.endpoint, return_index=True)
        codes = found[np.argsort(first)].tolist()
        return _ByEndpoint(self, {self.endpoints[code]: code for code in codes})

    @property
    def failed(self) -> NDArray[np.int64]:
        """Failed requests of each."""
        return sum(self.failures.values(), np.zeros(len(self), np.int64))

    def in_steps(self, step_s: int) -> Slices:
        """Those of each endpoint in each step as one, whose second is the step's first."""
        return self if step_s == 1 else self.merged(self.second // step_s * step_s)

    def merged(self, second: NDArray[np.int64] | None = None, *, endpoints: bool = True) -> Slices:
        """One slice for each second and endpoint, in order of time, then of the endpoints' numbers.

        `second`: what to merge by instead of each slice's own. Without `endpoints` those of one second are
        one, under the name of all together.
        """
        seconds = self.second if second is None else second
        codes = self.endpoint.astype(np.int64) if endpoints else np.zeros(len(self), np.int64)
        width = max(1, len(self.endpoints))
        key = seconds * width + codes
        if key.size < 2 or (np.diff(key) > 0).all():
            mine, names = (self.endpoint, self.endpoints) if endpoints else (codes.astype(np.int32), (_ALL,))
            return Slices(
                names, seconds, mine, self.requests, self.failures, self.received, self.response,
                self.service, self.wrong,
            )  # fmt: skip
        order = np.argsort(key, kind="stable")
        ordered = self if (np.diff(order) == 1).all() else self._part(order)
        key = key[order]
        first = np.flatnonzero(np.diff(key, prepend=key[0] - 1))
        group = np.cumsum(np.diff(key, prepend=key[0]) > 0, dtype=np.int64)
        return ordered._grouped(  # of this class
            self.endpoints if endpoints else (_ALL,), key[first] // width, codes[order][first], first, group
        )

    def _grouped(
        self,
        names: tuple[Endpoint, ...],
        second: NDArray[np.int64],
        endpoint: NDArray[np.int64],
        first: NDArray[np.int64],
        group: NDArray[np.int64],
    ) -> Slices:
        """The sums of rows that stand together; `first` is where each group begins."""
        untold = np.logical_or.reduceat(self.received == _UNTOLD, first)
        service = None
        if self.service is not None:
            # Where one of them measured both times, for the others they are the same.
            filled = self.service.filled(self.response).grouped(group, first.size)
            filled.present = np.logical_or.reduceat(self.service.present, first)
            service = _without_missing(filled)
        return Slices(
            names,
            second,
            endpoint.astype(np.int32),
            np.add.reduceat(self.requests, first),
            {kind: np.add.reduceat(counts, first) for kind, counts in self.failures.items()},
            np.where(untold, _UNTOLD, np.add.reduceat(self.received, first)),
            self.response.grouped(group, first.size),
            service,
            self._wrong(first, group),
        )

    def _wrong(self, first: NDArray[np.int64], group: NDArray[np.int64]) -> Histograms | None:
        """The times of failed requests; missing where one slice has failures whose times are not told."""
        if self.wrong is None:
            return None
        wrong = self.wrong.grouped(group, first.size)
        wrong.present &= ~np.logical_or.reduceat((self.failed > 0) & ~self.wrong.present, first)
        return _without_missing(wrong)


class _ByEndpoint(Mapping[Endpoint, Slices]):
    def __init__(self, slices: Slices, codes: dict[Endpoint, int]) -> None:
        self._slices = slices
        self._codes = codes

    def __getitem__(self, endpoint: Endpoint) -> Slices:
        return self._slices.take(np.flatnonzero(self._slices.endpoint == self._codes[endpoint]))

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._codes)

    def __len__(self) -> int:
        return len(self._codes)


_ALL: Final = Endpoint("", "")


def is_among(seconds: NDArray[np.int64], wanted: Collection[int]) -> NDArray[np.bool_]:
    """Which of the seconds are among the wanted ones."""
    if not wanted:
        return np.zeros(seconds.size, np.bool_)
    first, last = min(wanted), max(wanted)
    inside = (seconds >= first) & (seconds <= last)
    if isinstance(wanted, range) and wanted.step == 1:
        return inside
    marked = np.zeros(last - first + 1, np.bool_)
    marked[np.fromiter(wanted, np.int64, len(wanted)) - first] = True
    return np.asarray(inside & marked[np.where(inside, seconds - first, 0)])


def failure_columns(failures: Sequence[dict[FailureKind, int]]) -> dict[FailureKind, NDArray[np.int64]]:
    """Failures by kind of each slice, without the kinds that none of them has."""
    columns: dict[FailureKind, NDArray[np.int64]] = {}
    for number, counts in enumerate(failures):
        for kind, count in counts.items():
            if kind not in columns:
                columns[kind] = np.zeros(len(failures), np.int64)
            columns[kind][number] = count
    return columns


def _optional(histograms: Sequence[Histogram | None]) -> Histograms | None:
    return None if all(one is None for one in histograms) else Histograms.of(histograms)


def _without_missing(histograms: Histograms) -> Histograms | None:
    return histograms if histograms.present.any() else None
