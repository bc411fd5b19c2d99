"""Reads the rows of a run file into columns, a block of rows at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from loadproof.model import Endpoint, FailureKind, Unit
from loadproof.runfile.histograms import Histograms
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import Slices, failure_columns

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

_ROWS: Final = 20_000
"""Read at once."""


def read_slices(db: sqlite3.Connection) -> Slices:
    """One slice for each second and endpoint, in order of the two. Raises ValueError on a damaged one."""
    known = db.execute("SELECT id, method, name FROM endpoints ORDER BY id").fetchall()
    endpoints = tuple(Endpoint(method, name) for _, method, name in known)
    numbers = {row[0]: number for number, row in enumerate(known)}
    query = (
        "SELECT second, endpoint_id, requests, failures, received_bytes, response, service, wrong "
        "FROM slices ORDER BY rowid"
    )
    parts = [_slices(endpoints, numbers, rows) for rows in _blocks(db, query)]
    return Slices.joined(parts).merged() if parts else Slices.of(())


def _slices(endpoints: tuple[Endpoint, ...], numbers: dict[int, int], rows: list[Any]) -> Slices:
    second, endpoint, requests, failures, received, response, service, wrong = zip(*rows, strict=True)
    return Slices(
        endpoints,
        np.array(second, np.int64),
        np.array([numbers[one] for one in endpoint], np.int32),
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


def read_readings(db: sqlite3.Connection) -> Readings:
    """All readings in order of time."""
    known = db.execute("SELECT id, source, name, unit FROM series ORDER BY id").fetchall()
    keys = tuple((source, name, Unit(unit)) for _, source, name, unit in known)
    numbers = {row[0]: number for number, row in enumerate(known)}
    parts: list[tuple[Any, ...]] = []
    query = "SELECT time_s, series_id, value, upper_limit FROM readings ORDER BY rowid"
    for rows in _blocks(db, query):
        time_s, series, value, limit = zip(*rows, strict=True)
        parts.append(
            (
                np.array(time_s, np.float64),
                np.array([numbers[one] for one in series], np.int32),
                np.array(value, np.float64),
                np.array(limit, np.float64),  # None is nan
            )
        )
    if not parts:
        return Readings.of(())
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    parts.clear()
    order = np.argsort(columns[0], kind="stable")
    if not (np.diff(order) == 1).all():
        columns = [column[order] for column in columns]
    return Readings(keys, *columns)


def _blocks(db: sqlite3.Connection, query: str) -> Iterator[list[Any]]:
    cursor = db.execute(query)
    while rows := cursor.fetchmany(_ROWS):
        yield rows
