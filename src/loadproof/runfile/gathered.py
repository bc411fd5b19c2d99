"""Events that count what happened since the last of them: of a run of hours, one for each hour.

An engine tells statuses, checks and tasks every few seconds, of each endpoint. What is asked of them is their
sum; a week of a hundred endpoints would be millions of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from loadproof.model import EventKind
from loadproof.runfile.checksum import Checksum

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

COUNTING: Final = (
    EventKind.STATUSES, EventKind.PLAYED, EventKind.CHECKED, EventKind.WIRE, EventKind.AIMED
)  # fmt: skip
_HOUR_S: Final = 3_600


def gather(db: sqlite3.Connection, after: int, into: int) -> None:
    """Add up those of the commits behind `after`, and of their hours before; the sums are of commit `into`.

    Inside a transaction of the caller's. Checksums of all commits that it changes are made anew.
    """
    kinds = ", ".join("?" * len(COUNTING))
    (first_s,) = db.execute(
        f"SELECT min(time_s) FROM events WHERE commit_id > ? AND kind IN ({kinds})",  # noqa: S608  # marks only
        (after, *COUNTING),
    ).fetchone()
    if first_s is None:
        return
    query = f"SELECT rowid, * FROM events WHERE time_s >= ? AND kind IN ({kinds}) ORDER BY time_s, rowid"  # noqa: S608
    rows = db.execute(query, (first_s // _HOUR_S * _HOUR_S, *COUNTING)).fetchall()
    sums: dict[tuple[Any, ...], tuple[float, str, dict[str, Any]]] = {}
    for _, _, time_s, kind, message, text in rows:
        data = json.loads(text)
        key = (time_s // _HOUR_S, kind, _words(data))
        known = sums.get(key)
        sums[key] = (time_s, message, data) if known is None else (*known[:2], added(known[2], data))
    db.executemany("DELETE FROM events WHERE rowid = ?", [(row[0],) for row in rows])
    db.executemany(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
        [
            (into, time_s, key[1], message, json.dumps(data, sort_keys=True))
            for key, (time_s, message, data) in sums.items()
        ],
    )
    check_again(db, {row[1] for row in rows} | {into})


def check_again(db: sqlite3.Connection, commits: Iterable[int]) -> None:
    """Make the checksums of commits anew that have events only; one that has none goes."""
    for number in commits:
        crc = Checksum()
        for row in db.execute("SELECT * FROM events WHERE commit_id = ? ORDER BY rowid", (number,)):
            crc.add(row)
        if crc.rows:
            values = (crc.rows, crc.value, number)
            db.execute("UPDATE commits SET row_count = ?, crc32 = ? WHERE id = ?", values)
        else:
            db.execute("DELETE FROM commits WHERE id = ?", (number,))


def added(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Numbers and tables of numbers added up; all else is the same in both."""
    total = dict(one)
    for name, value in other.items():
        known = total.get(name)
        if isinstance(value, dict):
            total[name] = added(known or {}, value)
        elif _is_number(value) and _is_number(known):
            total[name] = known + value
        else:
            total[name] = value
    return total


def _words(data: dict[str, Any]) -> str:
    """What two events must have in common to be added up."""
    return json.dumps({k: v for k, v in data.items() if not (_is_number(v) or isinstance(v, dict))})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
