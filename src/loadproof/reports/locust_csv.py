"""A run as the CSV files that Locust writes with `--csv PREFIX`: the same names, columns and units.

Times are milliseconds. They are exact where Locust rounds them to two digits; what Loadproof does not know is
N/A, as Locust has it.
"""

from __future__ import annotations

import csv
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadproof.analysis.window.windows import load_span
from loadproof.histogram import Histogram, merged
from loadproof.model import Endpoint, Event, EventKind, Slice
from loadproof.runfile.slices import Slices
from loadproof.safety.plain import cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadproof.runfile.reader import Run

_PERCENTILES: Final = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0)
_PERCENTILE_TITLES: Final = [f"{q * 100:g}%" for q in _PERCENTILES]
_STATS: Final = [
    "Type", "Name", "Request Count", "Failure Count", "Median Response Time", "Average Response Time",
    "Min Response Time", "Max Response Time", "Average Content Size", "Requests/s", "Failures/s",
    *_PERCENTILE_TITLES,
]  # fmt: skip
_FAILURES: Final = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"]
_EXCEPTIONS: Final = ["Count", "Message", "Traceback", "Nodes"]
_HISTORY: Final = [
    "Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s", *_PERCENTILE_TITLES,
    "Total Request Count", "Total Failure Count", "Total Median Response Time",
    "Total Average Response Time", "Total Min Response Time", "Total Max Response Time",
    "Total Average Content Size",
]  # fmt: skip
_MISSING: Final = "N/A"
_AGGREGATED: Final = Endpoint("", "Aggregated")

Cell = str | int | float


def write_locust_csv(run: Run, prefix: str) -> list[Path]:
    """Write PREFIX_stats.csv, _stats_history.csv, _failures.csv and _exceptions.csv; returns their paths.

    Raises OSError.
    """
    tables: dict[str, tuple[list[str], list[list[Cell]]]] = {
        "stats": (_STATS, _stats(run)),
        "stats_history": (_HISTORY, _history(run)),
        "failures": (_FAILURES, _failures(run)),
        "exceptions": (_EXCEPTIONS, _exceptions(run)),
    }
    written = []
    for name, (titles, rows) in tables.items():
        path = Path(f"{prefix}_{name}.csv")
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(titles)
            writer.writerows(map(cell, row) for row in rows)
        written.append(path)
    return written


def _stats(run: Run) -> list[list[Cell]]:
    span = load_span(run)
    length_s = span[1] - span[0] if span else 0.0
    by_endpoint: dict[Endpoint, list[Slice]] = defaultdict(list)
    for part in run.slices:
        by_endpoint[part.endpoint].append(part)
    rows = [
        _row(endpoint, parts, length_s)
        for endpoint, parts in sorted(by_endpoint.items(), key=lambda item: (item[0].name, item[0].method))
    ]
    return [*rows, _row(_AGGREGATED, run.slices, length_s)]


def _row(endpoint: Endpoint, parts: Sequence[Slice], length_s: float) -> list[Cell]:
    requests, failed = sum(part.requests for part in parts), sum(part.failed for part in parts)
    histogram = merged(part.response for part in parts)
    rates = [requests / length_s, failed / length_s] if length_s else [_MISSING, _MISSING]
    return [
        endpoint.method, endpoint.name, requests, failed, *_totals(histogram, _mean_size(parts)), *rates,
        *_percentiles(histogram),
    ]  # fmt: skip


def _totals(histogram: Histogram, size_bytes: float | None) -> list[Cell]:
    """Median, average, least and greatest time in ms, and the mean size of an answer in bytes."""
    times = [histogram.quantile(0.5), histogram.mean_s]
    times += [histogram.minimum_s, histogram.maximum_s] if histogram.count else [None, None]
    return [*(_ms(value) for value in times), _MISSING if size_bytes is None else size_bytes]


def _mean_size(parts: Iterable[Slice]) -> float | None:
    """Of an answer, in bytes; None where the engine does not tell it of all."""
    received = requests = 0
    for part in parts:
        if part.received_bytes is None:
            return None
        received += part.received_bytes
        requests += part.requests
    return received / requests if requests else None


def _percentiles(histogram: Histogram) -> list[Cell]:
    return [_ms(histogram.quantile(q)) for q in _PERCENTILES]


def _ms(value_s: float | None) -> Cell:
    return _MISSING if value_s is None else value_s * 1000


def _history(run: Run) -> list[list[Cell]]:
    """One row for each second of all requests together, with the totals until then."""
    by_second: dict[int, list[Slice]] = defaultdict(list)
    for part in run.slices:
        by_second[part.second].append(part)
    users = {int(r.time_s): r.value for r in run.readings if (r.source, r.series) == ("load", "users")}
    rows: list[list[Cell]] = []
    total, all_requests, all_failed = Histogram(), 0, 0
    received: int | None = 0
    for second, parts in sorted(by_second.items()):
        now = merged(part.response for part in parts)
        total.merge(now)
        requests, failed = sum(part.requests for part in parts), sum(part.failed for part in parts)
        all_requests, all_failed = all_requests + requests, all_failed + failed
        for part in parts:
            if received is not None:
                received = None if part.received_bytes is None else received + part.received_bytes
        size_bytes = received / all_requests if received is not None and all_requests else None
        user_count: Cell = int(users[second]) if second in users else _MISSING
        rows.append([
            second, user_count, _AGGREGATED.method, _AGGREGATED.name, requests, failed, *_percentiles(now),
            all_requests, all_failed, *_totals(total, size_bytes),
        ])  # fmt: skip
    return rows


def _failures(run: Run) -> list[list[Cell]]:
    seen: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in run.events_of(EventKind.ERROR_SAMPLE):
        seen[str(event.data.get("endpoint", "")), event.message].append(event)
    known = {str(e): (e.method, e.name) for e in Slices.of(run.by_name or run.slices).by_endpoint()}
    rows: list[list[Cell]] = []
    for (endpoint, message), events in sorted(seen.items()):
        method, _, name = endpoint.rpartition(" ") if " " not in endpoint else endpoint.partition(" ")
        method, name = known.get(endpoint, (method, name))
        count = sum(event.whole("count", 1) for event in events)
        rows.append([method, name, message, count, _utc(events[0].time_s), _utc(events[-1].time_s)])
    return rows


def _utc(time_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_s))


def _exceptions(run: Run) -> list[list[Cell]]:
    counts: Counter[str] = Counter()
    for event in run.events_of(EventKind.SCENARIO_ERROR):
        counts[event.message] += event.whole("count", 1)
    return [[count, message, "", ""] for message, count in counts.most_common()]
