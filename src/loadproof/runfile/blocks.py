"""Blocks of a run file: the slices, or the readings, of many commits as columns, compressed.

A row in a table costs its reader a microsecond and its file fifty bytes; a column of a block costs a tenth of
both. While a run is written its newest rows are plain rows, one transaction a second; when there are
`MOST_ROWS` of them they go into blocks, in one transaction that takes them away.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from loadproof.model import FailureKind
from loadproof.runfile.checksum import with_checksum
from loadproof.runfile.histograms import Histograms
from loadproof.runfile.readings import Key, Merged, Readings
from loadproof.runfile.slices import Slices

if TYPE_CHECKING:
    import sqlite3

    from numpy.typing import NDArray


MOST_ROWS: Final = 20_000
"""Slices and readings that stay plain rows: a fifth of a second's work when they go into a block."""
SLICES: Final = "slices"
READINGS: Final = "readings"
_LEVEL: Final = 3
"""Of zlib: a higher one takes twice as long for a tenth less."""


def put(
    db: sqlite3.Connection, kind: str, step_s: int, columns: dict[str, NDArray[Any]], number: int = 0
) -> None:
    """Add one block to the file, as the last one or with a number that is free."""
    if not number:
        (number,) = db.execute("SELECT coalesce(max(id), 0) + 1 FROM blocks").fetchone()
    row = (number, kind, step_s, pack(columns))
    db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)", with_checksum(row))


def slice_columns(slices: Slices, ids: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """What a block of slices holds; `ids` are those of the slices' endpoints in the file."""
    columns: dict[str, NDArray[Any]] = {
        "second": slices.second,
        "endpoint": ids[slices.endpoint],
        "requests": slices.requests,
        "received": slices.received,
    }
    columns |= {f"failures {kind}": counts for kind, counts in slices.failures.items()}
    for name in ("response", "service", "wrong"):
        times: Histograms | None = getattr(slices, name)
        if times is not None:
            columns |= {f"{name} {key}": column for key, column in _histogram_columns(times).items()}
    return columns


def _histogram_columns(times: Histograms) -> dict[str, NDArray[Any]]:
    return {
        "lengths": times.lengths,
        # Buckets of a row rise: their differences are small, and pack well.
        "bucket": np.diff(times.bucket, prepend=times.bucket[:1] * 0),
        "count": times.count,
        "sum_ns": times.sum_ns,
        "minimum_s": times.minimum_s,
        "maximum_s": times.maximum_s,
        "present": times.present.astype(np.uint8),
    }


def slices_of(
    columns: dict[str, NDArray[Any]], endpoint: NDArray[np.int32], endpoints: tuple[Any, ...]
) -> Slices:
    """The slices of a block; `endpoint` is each one's place in `endpoints`."""
    failures = {
        FailureKind(name.partition(" ")[2]): column.astype(np.int64)
        for name, column in columns.items()
        if name.startswith("failures ")
    }
    response = _histograms(columns, "response")
    assert response is not None  # noqa: S101  # every slice has one
    return Slices(
        endpoints,
        columns["second"].astype(np.int64),
        endpoint,
        columns["requests"].astype(np.int64),
        failures,
        columns["received"].astype(np.int64),
        response,
        _histograms(columns, "service"),
        _histograms(columns, "wrong"),
    )


def _histograms(columns: dict[str, NDArray[Any]], name: str) -> Histograms | None:
    if f"{name} lengths" not in columns:
        return None
    of = {key.partition(" ")[2]: column for key, column in columns.items() if key.startswith(f"{name} ")}
    return Histograms(
        np.cumsum(of["lengths"], dtype=np.int64),
        np.cumsum(of["bucket"], dtype=np.uint16),
        of["count"].astype(np.uint16 if of["count"].dtype.itemsize <= 2 else np.uint32),
        of["sum_ns"].astype(np.int64),
        of["minimum_s"],
        of["maximum_s"],
        of["present"].astype(np.bool_),
    )


def reading_columns(readings: Readings, ids: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """What a block of readings holds, series by series; `ids` are those of the series in the file."""
    order = np.argsort(readings.series, kind="stable")
    return {
        "series": ids[readings.series[order]],
        "time_s": readings.time_s[order],
        "value": readings.value[order],
        "limit": readings.limit[order],
    } | (
        {}
        if readings.merged is None
        else {name: getattr(readings.merged, name)[order] for name in ("count", "low", "high")}
    )


def readings_of(
    columns: dict[str, NDArray[Any]], series: NDArray[np.int32], keys: tuple[Key, ...]
) -> Readings:
    """The readings of a block; `series` is each one's place in `keys`."""
    merged = None
    if "count" in columns:
        merged = Merged(columns["count"].astype(np.int64), columns["low"], columns["high"])
    return Readings(keys, columns["time_s"], series, columns["value"], columns["limit"], merged)


def pack(columns: dict[str, NDArray[Any]]) -> bytes:
    """Columns as bytes: a line of JSON that names them, then each one's bytes, first all first bytes."""
    told = []
    parts = []
    for name, given in columns.items():
        column = _narrow(given)
        told.append([name, column.dtype.str, column.size])
        parts.append(column.view(np.uint8).reshape(column.size, column.itemsize).T.tobytes())
    head = json.dumps(told).encode() + b"\n"
    return zlib.compress(head + b"".join(parts), _LEVEL)


def unpack(data: bytes) -> dict[str, NDArray[Any]]:
    """The inverse of `pack`. Raises ValueError on a damaged block."""
    try:
        whole = zlib.decompress(data)
    except zlib.error as error:
        raise ValueError(f"a block cannot be unpacked: {error}") from error
    head, _, _ = whole.partition(b"\n")
    at = len(head) + 1
    columns = {}
    for name, kind, size in json.loads(head):
        dtype = np.dtype(kind)
        flat = np.frombuffer(whole, np.uint8, size * dtype.itemsize, at).reshape(dtype.itemsize, size)
        columns[name] = np.ascontiguousarray(flat.T).view(dtype).reshape(size)
        at += size * dtype.itemsize
    return columns


_WHOLE: Final = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.int64)


def _narrow(column: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers in as few bytes as hold them, little end first."""
    if column.dtype.kind in "iu":
        least, greatest = (int(column.min()), int(column.max())) if column.size else (0, 0)
        fits = (np.iinfo(kind) for kind in _WHOLE)
        column = column.astype(next(i.dtype for i in fits if i.min <= least and greatest <= i.max))
    return np.ascontiguousarray(column.astype(column.dtype.newbyteorder("<")))
