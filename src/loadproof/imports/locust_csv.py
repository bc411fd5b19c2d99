"""Locust's `--csv PREFIX`: PREFIX_stats.csv with its neighbours, and PREFIX_stats_history.csv alone."""

from __future__ import annotations

import csv
import math
import re
from typing import TYPE_CHECKING, Final

from loadproof.errors import ConfigError, Problem
from loadproof.imports.aggregate import ALL, NO_HEALTH, TOTALS, Aggregate, EndpointTotals
from loadproof.imports.stream import open_text
from loadproof.model import Endpoint
from loadproof.safety.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loadproof.imports.stream import OnBytes

ROUNDED: Final = (
    "Locust rounds response times, to whole milliseconds or two significant digits: percentiles are no finer"
)
_LAST_SECOND: Final = "Locust writes this file once a second: the requests of the last second are not in it"
_SLIDING: Final = (
    "the percentiles in a Locust history are those of the last ten seconds of each row, not of the run: "
    "give the file that ends in _stats.csv"
)
_AGGREGATED: Final = "Aggregated"
_PERCENT: Final = re.compile(r"(\d+(?:\.\d+)?)%")
_STATS_END: Final = "_stats.csv"


def read_locust_stats(path: Path, on_bytes: OnBytes | None = None) -> Aggregate:
    """The totals in PREFIX_stats.csv; failures, exceptions and the history beside it are read as well.

    Raises:
        ConfigError: it cannot be read, or counts no request.
    """
    totals = [_totals(row, path) for row in _rows(path, on_bytes) if row.get("Name")]
    started_at_s = duration_s = None
    whole = _whole(totals, path)
    if path.name.endswith(_STATS_END):
        history = _beside(path, "_stats_history.csv")
        times = [t for row in _rows(history) if (t := _number(row, "Timestamp"))] if history else []
        if times:
            started_at_s = min(times)
    if whole.requests and whole.throughput_per_s:
        duration_s = whole.requests / whole.throughput_per_s
    return Aggregate(
        path=path,
        engine="locust",
        format="Locust statistics",
        totals=(*_sorted(totals), whole),
        started_at_s=started_at_s,
        duration_s=duration_s,
        errors=tuple(_errors(path)),
        rounded=True,
        limits=(NO_HEALTH, TOTALS, _LAST_SECOND, ROUNDED),
    )


def read_locust_history(path: Path, on_bytes: OnBytes | None = None) -> Aggregate:
    """The totals that the last rows of PREFIX_stats_history.csv have. Raises ConfigError."""
    last: dict[tuple[str, str], dict[str, str]] = {}
    times: list[float] = []
    for row in _rows(path, on_bytes):
        last[row.get("Type") or "", row.get("Name") or ""] = row
        times += [time_s for time_s in (_number(row, "Timestamp"),) if time_s is not None]
    duration_s = max(times) - min(times) if times and max(times) > min(times) else None
    totals = [_history_totals(row, duration_s) for row in last.values() if row.get("Name")]
    return Aggregate(
        path=path,
        engine="locust",
        format="Locust history",
        totals=(*_sorted(totals), _whole(totals, path)),
        started_at_s=min(times, default=None),
        duration_s=duration_s,
        rounded=True,
        limits=(NO_HEALTH, TOTALS, _LAST_SECOND, ROUNDED, _SLIDING),
    )


def _totals(row: Mapping[str, str], path: Path) -> EndpointTotals:
    requests = _number(row, "Request Count")
    if requests is None:
        raise ConfigError(
            Problem(f"'{row.get('Name')}' has no Request Count", str(path), "is the file cut off?")
        )
    quantiles_s = {
        round(float(match[1]) / 100, 12): value / 1e3
        for name in row
        if (match := _PERCENT.fullmatch(name)) and (value := _number(row, name)) is not None
    }
    # A percentile of nothing is 0 in Locust.
    return _made(row, "", requests, _number(row, "Requests/s"), quantiles_s if requests else {})


def _history_totals(row: Mapping[str, str], duration_s: float | None) -> EndpointTotals:
    requests = _number(row, "Total Request Count") or 0.0
    median_s = _seconds(row, "Total Median Response Time")
    quantiles_s = {0.5: median_s} if median_s is not None and requests else {}
    return _made(row, "Total ", requests, requests / duration_s if duration_s else None, quantiles_s)


def _made(
    row: Mapping[str, str],
    of: str,
    requests: float,
    throughput_per_s: float | None,
    quantiles_s: Mapping[float, float],
) -> EndpointTotals:
    """The totals of a row whose columns begin with `of`."""
    failed = _number(row, f"{of}Failure Count")
    return EndpointTotals(
        endpoint=_endpoint(row),
        requests=int(requests),
        failed=None if failed is None else int(failed),
        throughput_per_s=throughput_per_s,
        quantiles_s=quantiles_s,
        mean_s=_seconds(row, f"{of}Average Response Time") if requests else None,
        minimum_s=_seconds(row, f"{of}Min Response Time") if requests else None,
        maximum_s=_seconds(row, f"{of}Max Response Time") if requests else None,
    )


def _endpoint(row: Mapping[str, str]) -> Endpoint:
    method, name = row.get("Type") or "", row.get("Name") or ""
    return ALL if name == _AGGREGATED and not method else Endpoint(method, redact_text(name))


def _whole(totals: list[EndpointTotals], path: Path) -> EndpointTotals:
    whole = next((one for one in totals if one.endpoint == ALL), None)
    if whole is None or not whole.requests:
        hint = "Locust writes the row 'Aggregated' last: is the file cut off?"
        raise ConfigError(Problem("there is no request in this file of Locust's", str(path), hint))
    return whole


def _sorted(totals: list[EndpointTotals]) -> list[EndpointTotals]:
    return sorted((one for one in totals if one.endpoint != ALL), key=lambda one: str(one.endpoint))


def _errors(path: Path) -> list[tuple[str, int]]:
    """What failed requests and tasks said, from the files beside this one."""
    found: list[tuple[str, int]] = []
    failures, exceptions = _beside(path, "_failures.csv"), _beside(path, "_exceptions.csv")
    for row in _rows(failures) if failures else ():
        where = f"{row.get('Method') or ''} {row.get('Name') or ''}".strip()
        found.append(
            (redact_text(f"{where}: {row.get('Error') or ''}"), int(_number(row, "Occurrences") or 0))
        )
    for row in _rows(exceptions) if exceptions else ():
        found.append((redact_text(f"task: {row.get('Message') or ''}"), int(_number(row, "Count") or 0)))
    return sorted(found, key=lambda item: (-item[1], item[0]))


def _beside(path: Path, end: str) -> Path | None:
    if not path.name.endswith(_STATS_END):
        return None
    beside = path.with_name(path.name.removesuffix(_STATS_END) + end)
    return beside if beside.is_file() else None


def _rows(path: Path, on_bytes: OnBytes | None = None) -> list[dict[str, str]]:
    with open_text(path, on_bytes) as stream:
        reader = csv.DictReader(stream)
        try:
            return [row for row in reader if None not in row]
        except csv.Error as error:
            raise ConfigError(Problem(f"this is no CSV: {error}", f"{path}:{reader.line_num}")) from error


def _number(row: Mapping[str, str], name: str) -> float | None:
    """A finite number; None for `N/A`, nothing, or what is none."""
    try:
        value = float(row.get(name) or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _seconds(row: Mapping[str, str], name: str) -> float | None:
    value_ms = _number(row, name)
    return None if value_ms is None else value_ms / 1e3
