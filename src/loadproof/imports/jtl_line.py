"""What one line of JMeter's results (JTL) as CSV looks like: its separator, its moment, its first columns."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from typing import Final

ALWAYS_THE_SAME: Final = 8
"""Columns of every version since 2.0."""
BOOLEANS: Final = frozenset({"true", "false"})
_LEAST_MOMENT_S: Final = 1e8
_OTHER_UNITS: Final = frozenset({10, 16, 19})
"""Digits of a time of our days in seconds, micro- or nanoseconds: as milliseconds all rates were wrong."""
_OF_OLD_VERSIONS: Final = "%m/%d/%y %H:%M:%S"
"""JMeter itself still reads it."""
_BESIDE_A_NAME: Final = re.compile(r"timeStamp\"?([^\w\"\r\n])|([^\w\"])\"?timeStamp")
SEPARATORS: Final = (",", "\t", ";", "|")
"""Of files without a header; with one, any."""


def separator_of(first: str) -> str:
    """What stands between the header's names, `jmeter.save.saveservice.default_delimiter`."""
    own = next((known for known in SEPARATORS if is_sample(first, known)), "")
    beside = None if own else _BESIDE_A_NAME.search(first)  # a row's label may well hold "timeStamp"
    return beside[1] or beside[2] if beside else own or ","


def is_sample(line: str, separator: str) -> bool:
    """Whether this is a row with JMeter's first columns, which a file without a header has."""
    try:
        row = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return False
    if len(row) < ALWAYS_THE_SAME or not row[1].isdigit() or row[7].lower() not in BOOLEANS:
        return False
    try:
        return moment_of(row[0]) > _LEAST_MOMENT_S
    except (ValueError, OverflowError):
        return False


def moment_of(written: str) -> float:
    """Seconds since the epoch. JMeter's own formats of a date have no zone: only differences count then."""
    if written.isdigit():
        if len(written) in _OTHER_UNITS:
            raise ValueError("no milliseconds")
        return int(written) / 1e3
    try:
        moment = datetime.fromisoformat(written.replace("/", "-"))
    except ValueError:
        moment = datetime.strptime(written, _OF_OLD_VERSIONS).replace(tzinfo=UTC)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
