"""k6's `--out csv`: one row for each sample; times in seconds (the default), finer units, or RFC 3339."""

from __future__ import annotations

import csv
from datetime import datetime
from typing import TYPE_CHECKING, Final

from loadproof.engines.k6.reader import MOST_CHECKS, OTHER_CHECKS
from loadproof.engines.k6.requests import RequestKind, kind_of
from loadproof.errors import ConfigError, Problem
from loadproof.imports.aggregate import NO_HEALTH
from loadproof.imports.recorded import recorded_run
from loadproof.imports.slices import SliceTable
from loadproof.imports.stream import open_text
from loadproof.model import Reading, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadproof.imports.stream import OnBytes
    from loadproof.runfile.reader import Run

FORMAT: Final = "k6 CSV output"
_CHECKS: Final = "checks"
_UNIT_OF_DIGITS: Final = {10: 1.0, 13: 1e3, 16: 1e6, 19: 1e9}
_WHOLE_SECONDS: Final = "k6 wrote its times as whole seconds: the first and the last one are left out"


def read_k6_csv(path: Path, on_bytes: OnBytes | None = None) -> Run:
    """The run in a file of `k6 run --out csv=FILE`. Raises ConfigError when it cannot be read."""
    table = SliceTable()
    readings: list[Reading] = []
    first_s = last_s = None
    whole_seconds, garbage = True, 0
    checks: dict[str, list[int]] = {}
    for row in _rows(path, on_bytes):
        try:
            time_s, whole = _moment(row.time)
            value = float(row.value)
            if not 0 <= value < 1e12:
                raise ValueError("no duration")
        except ValueError:
            garbage += 1
            continue
        if row.metric == _CHECKS:
            name = row.check if row.check in checks or len(checks) < MOST_CHECKS else OTHER_CHECKS
            checks.setdefault(name, [0, 0])[value == 0] += 1
            continue
        if row.metric != "http_req_duration":
            unit = Unit.COUNT
            readings.append(Reading(time_s, "load" if row.metric == "vus" else "k6", row.series, value, unit))
            continue
        kind = row.kind
        table.add(int(time_s // 1), kind.endpoint, value / 1e3, kind.failure)
        if kind.failure is not None:
            table.error(kind.endpoint, kind.error)
        if not kind.outside_load:
            whole_seconds &= whole
            began_s = time_s if whole else time_s - value / 1e3
            first_s = began_s if first_s is None else min(first_s, began_s)
            last_s = time_s if last_s is None else max(last_s, time_s)
    limits = [NO_HEALTH]
    if garbage:
        limits.append(f"{garbage:,} rows are no samples of k6's: cut off or changed")
    span = None if first_s is None or last_s is None else (first_s, last_s)
    if span is not None and whole_seconds:
        # Somewhere within its second: neither the first nor the last one is known to be whole.
        span = (span[0] + 0.5, span[1] + 0.5)
        limits.append(_WHOLE_SECONDS)
    return recorded_run(path, "k6", FORMAT, table, span, readings=readings, limits=limits, checks=checks)


class _Row:
    """One row of interest; rows with the same tags share what these mean."""

    __slots__ = ("check", "kind", "metric", "series", "time", "value")

    def __init__(self, metric: str, time: str, value: str, kind: RequestKind, check: str = "") -> None:
        self.metric, self.time, self.value, self.kind, self.check = metric, time, value, kind, check
        self.series = "users" if metric == "vus" else metric


_KEPT: Final = frozenset({"http_req_duration", "vus", "dropped_iterations", "iterations", _CHECKS})
_KINDS_KEPT: Final = 20_000


def _rows(path: Path, on_bytes: OnBytes | None) -> Iterator[_Row]:
    kinds: dict[tuple[str, ...], RequestKind] = {}
    with open_text(path, on_bytes) as stream:
        reader = csv.reader(stream)
        header = next(reader, [])
        width = len(header)
        try:
            for row in reader:
                if not row or row[0] not in _KEPT:
                    continue
                if len(row) != width:
                    yield _Row(row[0], "", "", kind_of({}))  # no number: counted as garbage
                    continue
                if row[0] == _CHECKS:
                    said = dict(zip(header, row, strict=True))
                    name = f"{said.get('group', '')}::{said.get('check', '')}".removeprefix("::")
                    yield _Row(row[0], row[1], row[2], kind_of({}), name)
                    continue
                tags = tuple(row[3:])
                kind = kinds.get(tags)
                if kind is None:
                    if len(kinds) >= _KINDS_KEPT:
                        kinds.clear()
                    named = {name: value for name, value in zip(header[3:], tags, strict=True) if value}
                    kind = kinds[tags] = kind_of(named)
                yield _Row(row[0], row[1], row[2], kind)
        except csv.Error as error:
            where = f"{path}:{reader.line_num}"
            raise ConfigError(Problem(f"this is no CSV: {error}", where)) from error


def _moment(written: str) -> tuple[float, bool]:
    """Seconds since the epoch, and whether it is a whole second. Raises ValueError."""
    if written.isdigit():
        factor = _UNIT_OF_DIGITS.get(len(written))
        if factor is None:
            raise ValueError(f"{written} is no time")
        return int(written) / factor, factor == 1.0
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.timestamp(), False
