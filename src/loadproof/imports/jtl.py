"""JMeter's results (JTL) as CSV: one row for each sample.

The time stamp is the sample's start, as JMeter's own jmeter.properties sets it. Fields may be quoted and hold
separators, quotes and line ends. Without a header the columns are JMeter's default ones.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Final

from loadproof.errors import ConfigError, Problem
from loadproof.imports.aggregate import NO_HEALTH
from loadproof.imports.recorded import recorded_run
from loadproof.imports.slices import SliceTable
from loadproof.imports.stream import open_text
from loadproof.model import Endpoint, FailureKind, Reading, Unit
from loadproof.safety.redact import redact_text, redact_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from loadproof.imports.stream import OnBytes
    from loadproof.runfile.reader import Run

FORMAT: Final = "JMeter JTL"
_DEFAULT_COLUMNS: Final = [
    "timeStamp", "elapsed", "label", "responseCode", "responseMessage", "threadName", "dataType",
    "success", "failureMessage", "bytes", "sentBytes", "grpThreads", "allThreads", "URL", "Latency",
    "IdleTime", "Connect",
]  # fmt: skip
"""Of JMeter 5; the first eight are those of every version since 2.0."""
_ALWAYS_THE_SAME: Final = 8
_NEEDED: Final = ("timeStamp", "elapsed", "label", "success")
_IN_TRANSACTION: Final = "Number of samples in transaction"
_TIMEOUTS: Final = ("SocketTimeoutException", "ConnectTimeoutException", "InterruptedIOException")
_TRANSACTIONS: Final = (
    "transaction rows are left out, {:,} of them: the requests in them are counted one by one"
)


def read_jtl(path: Path, on_bytes: OnBytes | None = None) -> Run:
    """The run in a JTL file. Raises ConfigError when it cannot be read, or holds no sample."""
    table, transactions = SliceTable(), SliceTable()
    span: tuple[float, float] | None = None
    users: dict[int, int] = {}
    garbage = grouped = 0
    for row in _rows(path, on_bytes):
        try:
            start_s, elapsed_s = _moment(row["timeStamp"]), int(row["elapsed"]) / 1e3
            if elapsed_s < 0 or row["success"].lower() not in {"true", "false"}:
                raise ValueError("no sample")
        except (ValueError, OverflowError):
            garbage += 1
            continue
        _refuse_sums(row, path)
        grouped += (is_group := row.get("responseMessage", "").startswith(_IN_TRANSACTION))
        end_s = start_s + elapsed_s
        _add(transactions if is_group else table, row, end_s, elapsed_s)
        span = (start_s, end_s) if span is None else (min(span[0], start_s), max(span[1], end_s))
        if row.get("allThreads", "").isdigit():
            users[int(start_s)] = int(row["allThreads"])
    limits = [NO_HEALTH]
    requests = table.slices()
    if not requests:
        table = transactions  # each transaction's requests were not written: these rows are all there is
    elif grouped:
        limits.append(_TRANSACTIONS.format(grouped))
    if garbage:
        limits.append(f"{garbage:,} rows are no samples: cut off or changed")
    readings = [Reading(float(s), "load", "users", float(n), Unit.COUNT) for s, n in sorted(users.items())]
    return recorded_run(path, "jmeter", FORMAT, table, span, readings=readings, limits=limits)


def _add(table: SliceTable, row: Mapping[str, str], end_s: float, elapsed_s: float) -> None:
    endpoint = Endpoint("", redact_url(row["label"]))
    failure = None if row["success"].lower() == "true" else _failure(row)
    table.add(int(end_s // 1), endpoint, elapsed_s, failure)
    if failure is not None:
        table.error(endpoint, _error(row))


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
        separator = _separator(first)
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
                if len(row) == len(names) or (row and len(row) > _ALWAYS_THE_SAME):
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
    return _DEFAULT_COLUMNS if count == len(_DEFAULT_COLUMNS) else _DEFAULT_COLUMNS[:_ALWAYS_THE_SAME]


def _separator(first: str) -> str:
    """What stands between the header's names, `jmeter.save.saveservice.default_delimiter`."""
    return next((separator for separator in ("\t", ";", "|") if separator in first and "," not in first), ",")


def _moment(written: str) -> float:
    """Seconds since the epoch. JMeter's own formats of a date have no zone: only differences count then."""
    if written.isdigit():
        return int(written) / 1e3
    moment = datetime.fromisoformat(written.replace("/", "-"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
