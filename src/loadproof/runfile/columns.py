"""Reads a run file into columns, a block at a time, and folds its rows into blocks."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import numpy as np

from loadproof.model import Endpoint, FailureKind, Unit
from loadproof.runfile import blocks
from loadproof.runfile.histograms import Histograms
from loadproof.runfile.readings import Key, Readings, joined
from loadproof.runfile.slices import Slices, failure_columns
from loadproof.safety.plain import one_line

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

Name = TypeVar("Name")
_THINNED: Final = 10
"""Blocks that are merged into one."""
_ROWS: Final = 2_000
"""Read at once: what Python's objects took for a moment is hardly given back, a run long."""


class _Names(Generic[Name]):
    """The rows of `endpoints`, or of `series`: places from 0 on, and the ids that the file has for them."""

    def __init__(self, names: Sequence[tuple[int, Name]]) -> None:
        self.names = tuple(name for _, name in names)
        self.ids = np.array([number for number, _ in names], np.int64)
        self.places = np.full(int(self.ids.max(initial=0)) + 1, -1, np.int32)
        self.places[self.ids] = np.arange(self.ids.size)

    def at(self, ids: NDArray[Any]) -> NDArray[np.int32]:
        """The places of these ids. Raises ValueError for one that the file does not have."""
        if ids.size and (ids.min() < 0 or ids.max() >= self.places.size or (self.places[ids] < 0).any()):
            raise ValueError("a row is of a name that is not there")
        return np.asarray(self.places[ids])


def _endpoints(db: sqlite3.Connection) -> _Names[Endpoint]:
    rows = db.execute("SELECT id, method, name FROM endpoints ORDER BY id")
    return _Names([(number, Endpoint(one_line(method), one_line(name))) for number, method, name in rows])


def _series(db: sqlite3.Connection) -> _Names[Key]:
    rows = db.execute("SELECT id, source, name, unit FROM series ORDER BY id")
    return _Names([(number, (source, name, Unit(unit))) for number, source, name, unit in rows])


def read_slices(db: sqlite3.Connection, step_s: int = 1) -> Slices:
    """One slice for each step and endpoint, in order of the two. Raises ValueError on a damaged one.

    A block is merged before the next is read: what is in memory is what is given back.
    """
    endpoints = _endpoints(db)
    parts = chain(_slice_blocks(db, endpoints), _slice_rows(db, endpoints))
    return Slices.joined(parts if step_s == 1 else _in_steps(parts, step_s)).merged()


def _in_steps(parts: Iterable[Slices], step_s: int) -> Iterator[Slices]:
    """Merged to steps; the step in which a part ends goes on in the next one."""
    before: Slices | None = None
    for part in parts:
        merged = part.in_steps(step_s)
        if before is not None:
            merged = Slices.joined([before, merged]).merged()
        open_ = merged.second == merged.second[-1]
        before = merged.take(np.flatnonzero(open_))
        if not open_.all():
            yield merged.take(np.flatnonzero(~open_))
    if before is not None:
        yield before


def read_readings(db: sqlite3.Connection, step_s: int = 1) -> Readings:
    """All readings, or one for each series and step: series by series, each in order of time.

    Raises ValueError on a damaged one.
    """
    series = _series(db)
    parts = chain(_reading_blocks(db, series), _reading_rows(db, series))
    together = joined(parts if step_s == 1 else (part.in_steps(step_s) for part in parts))
    return together.in_steps(step_s) if step_s > 1 else together.in_order_of_series()


def coarsest_step_s(db: sqlite3.Connection) -> int:
    """Of the blocks: finer than that the file cannot tell."""
    (step_s,) = db.execute("SELECT coalesce(max(step_s), 1) FROM blocks").fetchone()
    return int(step_s)


def fold(db: sqlite3.Connection) -> None:
    """Put all rows of slices and readings into blocks, inside a transaction of the caller's."""
    endpoints, series = _endpoints(db), _series(db)
    slices = list(_slice_rows(db, endpoints))
    if slices:
        merged = Slices.joined(slices).merged()
        blocks.put(db, blocks.SLICES, 1, blocks.slice_columns(merged, endpoints.ids))
    readings = list(_reading_rows(db, series))
    if readings:
        blocks.put(db, blocks.READINGS, 1, blocks.reading_columns(joined(readings), series.ids))
    db.execute("DELETE FROM slices")
    db.execute("DELETE FROM readings")


def thin(db: sqlite3.Connection, step_s: int, keep: int) -> None:
    """Merge blocks of seconds into one of steps, all but the newest `keep` of each kind.

    Inside a transaction of the caller's. Does nothing until there are `_THINNED` more than those.
    """
    endpoints, series = _endpoints(db), _series(db)
    for kind in (blocks.SLICES, blocks.READINGS):
        query = "SELECT id FROM blocks WHERE kind = ? AND step_s < ? ORDER BY id"
        old = [number for (number,) in db.execute(query, (kind, step_s))][:-keep]
        if len(old) < _THINNED:
            continue
        chosen = f"id IN ({','.join(map(str, old))})"
        if kind == blocks.SLICES:
            slices = [part.in_steps(step_s) for part in _slice_blocks(db, endpoints, chosen)]
            columns = blocks.slice_columns(Slices.joined(slices).merged(), endpoints.ids)
        else:
            readings = [part.in_steps(step_s) for part in _reading_blocks(db, series, chosen)]
            columns = blocks.reading_columns(joined(readings).in_steps(step_s), series.ids)
        db.execute(f"DELETE FROM blocks WHERE {chosen}")  # noqa: S608  # numbers of our own
        blocks.put(db, kind, step_s, columns, old[0])


def _slice_blocks(
    db: sqlite3.Connection, endpoints: _Names[Endpoint], chosen: str = "true"
) -> Iterator[Slices]:
    for columns in _unpacked(db, blocks.SLICES, chosen):
        yield blocks.slices_of(columns, endpoints.at(columns["endpoint"]), endpoints.names)


def _reading_blocks(db: sqlite3.Connection, series: _Names[Key], chosen: str = "true") -> Iterator[Readings]:
    for columns in _unpacked(db, blocks.READINGS, chosen):
        yield blocks.readings_of(columns, series.at(columns["series"]), series.names)


def _unpacked(db: sqlite3.Connection, kind: str, chosen: str) -> Iterator[dict[str, NDArray[Any]]]:
    query = f"SELECT data FROM blocks WHERE kind = ? AND {chosen} ORDER BY id"  # noqa: S608  # our own
    for (data,) in db.execute(query, (kind,)):
        yield blocks.unpack(data)


def _slice_rows(db: sqlite3.Connection, endpoints: _Names[Endpoint]) -> Iterator[Slices]:
    query = (
        "SELECT second, endpoint_id, requests, failures, received_bytes, response, service, wrong "
        "FROM slices ORDER BY rowid"
    )
    return (_slices(endpoints, rows) for rows in _rows(db, query))


def _slices(endpoints: _Names[Endpoint], rows: list[Any]) -> Slices:
    second, endpoint, requests, failures, received, response, service, wrong = zip(*rows, strict=True)
    return Slices(
        endpoints.names,
        np.array(second, np.int64),
        endpoints.at(np.array(endpoint, np.int64)),
        np.array(requests, np.int64),
        _failures(failures),
        np.array([-1 if size is None else size for size in received], np.int64),
        Histograms.from_blobs(response),
        _optional(service),
        _optional(wrong),
    )


def _failures(texts: Sequence[str]) -> dict[FailureKind, Any]:
    told = {text: {FailureKind(k): n for k, n in json.loads(text).items()} for text in set(texts)}
    return failure_columns([told[text] for text in texts])


def _optional(blobs: Sequence[bytes | None]) -> Histograms | None:
    return None if all(blob is None for blob in blobs) else Histograms.from_blobs(blobs)


def _reading_rows(db: sqlite3.Connection, series: _Names[Key]) -> Iterator[Readings]:
    query = "SELECT time_s, series_id, value, upper_limit FROM readings ORDER BY rowid"
    for rows in _rows(db, query):
        time_s, of, value, limit = zip(*rows, strict=True)
        yield Readings(
            series.names,
            np.array(time_s, np.float64),
            series.at(np.array(of, np.int64)),
            np.array(value, np.float64),
            np.array(limit, np.float64),  # None is nan
        )


def _rows(db: sqlite3.Connection, query: str) -> Iterator[list[Any]]:
    cursor = db.execute(query)
    while rows := cursor.fetchmany(_ROWS):
        yield rows
