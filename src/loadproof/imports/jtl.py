"""JMeter's results (JTL) as CSV: one row for each sample.

The time stamp is the sample's start, as JMeter's own jmeter.properties sets it. Fields may be quoted and hold
separators, quotes and line ends. Without a header the columns are JMeter's default ones.
"""

from __future__ import annotations

import csv
import io
from itertools import chain
from typing import TYPE_CHECKING, Final

from loadproof.errors import ConfigError, Problem
from loadproof.imports.aggregate import NO_HEALTH
from loadproof.imports.appended import AppendedRun, chosen, runs_of
from loadproof.imports.jtl_line import ALWAYS_THE_SAME, BOOLEANS, moment_of, separator_of
from loadproof.imports.recorded import recorded_run
from loadproof.imports.stream import open_text
from loadproof.imports.subsamples import Families, SampleRow
from loadproof.model import PAGE, Endpoint, FailureKind, Reading, Unit
from loadproof.safety.plain import one_line
from loadproof.safety.redact import redact_text, redact_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from loadproof.imports.slices import SliceTable
    from loadproof.imports.stream import OnBytes
    from loadproof.runfile.reader import Run

FORMAT: Final = "JMeter JTL"
_DEFAULT_COLUMNS: Final = [
    "timeStamp", "elapsed", "label", "responseCode", "responseMessage", "threadName", "dataType",
    "success", "failureMessage", "bytes", "sentBytes", "grpThreads", "allThreads", "URL", "Latency",
    "IdleTime", "Connect",
]  # fmt: skip
"""Of JMeter 5; the first eight are those of every version since 2.0."""
_NEEDED: Final = ("timeStamp", "elapsed", "label", "success")
_IN_TRANSACTION: Final = "Number of samples in transaction"
_TIMEOUTS: Final = ("SocketTimeoutException", "ConnectTimeoutException", "InterruptedIOException")
_MOST_SHOWN: Final = 200
_AS_WRITTEN: Final = (
    "times are milliseconds or as 2026/01/31 12:00:00.000, and success is true or false, in every language: "
    "was the file changed by another program?"
)
PAGES: Final = "{:,} page loads stand beside the requests that they were made of: only those were on the wire"
WRONG_TIMES: Final = "{:,} rows are days from all others and left out: their times are wrong"
_TRANSACTIONS: Final = (
    "transaction rows are left out, {:,} of them: the requests in them are counted one by one"
)


def read_jtl(path: Path, on_bytes: OnBytes | None = None, run: int | None = None) -> Run:
    """The run in a JTL file, the last of several that were appended unless `run` says which.

    Raises ConfigError when it cannot be read, or holds no sample.
    """
    reading = _Reading(path)
    for fields in _rows(path, on_bytes):
        reading.take(fields)
    reading.finish()
    runs = runs_of(reading.parts)
    part, said = chosen(runs, run, path) if runs else (AppendedRun(), [])
    limits, table = [NO_HEALTH, *said], part.table
    slices = table.slices()
    grouped = sum(found.requests for found in part.beside.slices())
    pages = sum(found.requests for found in slices if found.endpoint.method == PAGE)
    if not slices:
        table = part.beside  # each transaction's requests were not written: these rows are all there is
    elif grouped:
        limits.append(_TRANSACTIONS.format(grouped))
    if pages:
        limits.append(PAGES.format(pages))
    if reading.garbage:
        limits.append(f"{reading.garbage:,} rows are no samples: cut off or changed")
    if lost := reading.samples - sum(run.samples for run in runs):
        limits.append(WRONG_TIMES.format(lost))
    if reading.garbage and not reading.parts:
        raise ConfigError(Problem(f"none of its rows is a sample: {reading.first}", str(path), _AS_WRITTEN))
    users = sorted(part.users.items())
    readings = [Reading(float(s), "load", "users", float(n), Unit.COUNT) for s, n in users]
    span = (part.begin_s, part.end_s) if part.samples else None
    return recorded_run(path, "jmeter", FORMAT, table, span, readings=readings, limits=limits)


class _Reading:
    """Rows on their way into the parts of the file."""

    def __init__(self, path: Path) -> None:
        self.parts: list[AppendedRun] = []
        self.garbage = 0
        self.first = ""
        """What the first row has that is no sample."""
        self.samples = 0
        self._path = path
        self._families = Families()

    def take(self, fields: Mapping[str, str]) -> None:
        """One more row."""
        try:
            start_s, elapsed_s = moment_of(fields["timeStamp"]), int(fields["elapsed"]) / 1e3
            if elapsed_s < 0 or fields["success"].lower() not in BOOLEANS:
                raise ValueError("no sample")
        except (ValueError, OverflowError):
            self.garbage += 1
            shown = ", ".join(
                f"{name} '{fields.get(name, '')}'" for name in ("timeStamp", "elapsed", "success")
            )
            self.first = self.first or one_line(shown[:_MOST_SHOWN])
            return
        self.samples += 1
        _refuse_sums(fields, self._path)
        if self.parts and self.parts[-1].is_far_from(start_s, start_s + elapsed_s):
            self.finish()
            self.parts.append(AppendedRun())
        if not self.parts:
            self.parts.append(AppendedRun())
        part = self.parts[-1]
        part.cover(start_s, start_s + elapsed_s)
        if fields.get("allThreads", "").isdigit():
            part.users[int(start_s)] = int(fields["allThreads"])
        row = SampleRow(fields, start_s, elapsed_s, fields["success"].lower() != "true")
        if fields.get("responseMessage", "").startswith(_IN_TRANSACTION):
            _add(part.beside, row)
        else:
            self._count(self._families.take(row))

    def finish(self) -> None:
        """No more rows of this run come."""
        self._count(self._families.rest())

    def _count(self, rows: Iterable[SampleRow]) -> None:
        for row in rows:
            _add(self.parts[-1].table, row)


def _add(table: SliceTable, row: SampleRow) -> None:
    endpoint = Endpoint(PAGE if row.is_sum else "", redact_url(row.label))
    failure = _failure(row.fields) if row.failed else None
    table.add(int(row.end_s // 1), endpoint, row.elapsed_s, failure)
    if failure is not None and not row.is_sum:
        table.error(endpoint, _error(row.fields))


def _failure(row: Mapping[str, str]) -> FailureKind:
    code = row.get("responseCode", "")
    if code.startswith("Non HTTP response code"):
        return FailureKind.TIMEOUT if code.endswith(_TIMEOUTS) else FailureKind.TRANSPORT
    return FailureKind.STATUS if code.isdigit() and int(code) >= 400 else FailureKind.CHECK


def _error(row: Mapping[str, str]) -> str:
    code, message = row.get("responseCode", ""), row.get("responseMessage", "")
    said = row.get("failureMessage", "").partition("\n")[0].strip()
    if code.startswith("Non HTTP response code"):
        return redact_text(message.removeprefix("Non HTTP response message: ") or code)
    if code.isdigit() and int(code) >= 400:
        return redact_text(f"HTTP {code} {message}".strip())
    return redact_text(said or f"{code} {message}".strip() or "failed")


def _refuse_sums(row: Mapping[str, str], path: Path) -> None:
    """Raises ConfigError for rows that stand for several samples: their times are sums."""
    count = row.get("SampleCount", "1")
    if count not in {"", "0", "1"}:
        hint = "let JMeter send samples one by one: -Jmode=Standard"
        raise ConfigError(
            Problem(f"a row stands for {count} samples, with the sum of their times", str(path), hint)
        )


def _rows(path: Path, on_bytes: OnBytes | None) -> Iterator[dict[str, str]]:
    with open_text(path, on_bytes) as stream:
        first = stream.readline()
        separator = separator_of(first)
        header = next(csv.reader(io.StringIO(first), delimiter=separator), [])
        if "timeStamp" in header:
            _refuse_missing(header, path)
            rows = csv.reader(stream, delimiter=separator)
        else:
            rows = csv.reader(chain([first], stream), delimiter=separator)
            header = []
        try:
            for row in rows:
                names = header or _default_columns(len(row))
                if len(row) == len(names) or (row and len(row) > ALWAYS_THE_SAME):
                    yield dict(zip(names, row, strict=False))
                elif row:
                    yield dict.fromkeys(_NEEDED, "")  # no time: counted as garbage
        except csv.Error as error:
            raise ConfigError(Problem(f"this is no CSV: {error}", f"{path}:{rows.line_num}")) from error


_SAVED_AS: Final = {"elapsed": "time", "label": "label", "success": "successful"}


def _refuse_missing(header: list[str], path: Path) -> None:
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        settings = " ".join(f"-Jjmeter.save.saveservice.{_SAVED_AS[name]}=true" for name in missing)
        message = f"columns are missing: {', '.join(missing)}"
        raise ConfigError(Problem(message, f"{path}:1", f"let JMeter save them: {settings}"))


def _default_columns(count: int) -> list[str]:
    return _DEFAULT_COLUMNS if count == len(_DEFAULT_COLUMNS) else _DEFAULT_COLUMNS[:ALWAYS_THE_SAME]
