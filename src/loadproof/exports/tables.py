"""Slices and readings as flat tables: CSV and Parquet."""

from __future__ import annotations

import csv
import io
from typing import IO, Any, Final

from loadproof.errors import ConfigError, Problem
from loadproof.histogram import Histogram
from loadproof.model import FailureKind, Slice
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.safety.plain import cell

_QUANTILES: Final = {"p50_s": 0.5, "p90_s": 0.9, "p95_s": 0.95, "p99_s": 0.99}


def slice_columns(run: Run) -> dict[str, list[Any]]:
    """One row for each second and endpoint. Times in seconds; None where there is nothing to say."""
    rows = [_slice_row(part) for part in (*run.slices, *run.beside)]
    names = rows[0] if rows else ()
    return {name: [row[name] for row in rows] for name in names}


def reading_columns(run: Run) -> dict[str, list[Any]]:
    """One row for each reading, in order of time."""
    readings = Readings.of(run.readings).in_order_of_time()
    return {
        "time_s": [reading.time_s for reading in readings],
        "source": [reading.source for reading in readings],
        "series": [reading.series for reading in readings],
        "value": [reading.value for reading in readings],
        "unit": [str(reading.unit) for reading in readings],
        "limit": [reading.limit for reading in readings],
    }


def write_csv(run: Run, table: str, stream: IO[bytes]) -> list[str]:
    """One table with a header; missing values are empty fields."""
    columns = _columns(run, table)
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(map(cell, row) for row in zip(*columns.values(), strict=True))
    text.detach()
    return []


def write_parquet(run: Run, table: str, stream: IO[bytes]) -> list[str]:
    """One table; missing values are nulls."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        hint = "pip install 'loadproof[parquet]'"
        raise ConfigError(Problem("Parquet needs the package pyarrow", "--format parquet", hint)) from None
    parquet.write_table(pyarrow.table(_columns(run, table)), stream)
    return []


def _columns(run: Run, table: str) -> dict[str, list[Any]]:
    return slice_columns(run) if table == "slices" else reading_columns(run)


def _slice_row(part: Slice) -> dict[str, Any]:
    return {
        "second": part.second,
        "method": part.endpoint.method,
        "endpoint": part.endpoint.name,
        "requests": part.requests,
        "failed": part.failed,
        **{f"failed_{kind}": part.failures.get(kind, 0) for kind in FailureKind},
        "received_bytes": part.received_bytes,
        **_times("", part.response),
        **_times("service_", part.service),
    }


def _times(prefix: str, histogram: Histogram | None) -> dict[str, float | None]:
    known = histogram if histogram is not None and histogram.count else Histogram()
    return {
        f"{prefix}mean_s": known.mean_s,
        f"{prefix}min_s": known.minimum_s if known.count else None,
        **{f"{prefix}{name}": known.quantile(quantile) for name, quantile in _QUANTILES.items()},
        f"{prefix}max_s": known.maximum_s if known.count else None,
    }
