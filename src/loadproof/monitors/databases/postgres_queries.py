"""What is asked of PostgreSQL's statistics views, and the statements that take its time."""

from __future__ import annotations

import math
import re
import zlib
from typing import TYPE_CHECKING, Any, Final

from loadproof.model import Unit
from loadproof.monitors.source import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

RIGHTS: Final = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
MAX_CONNECTIONS: Final = "SELECT current_setting('max_connections')::int"
SESSIONS: Final = b"""
SELECT state, wait_event_type, wait_event, count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL) GROUP BY 1, 2, 3
"""
"""`backend_type` is hidden from users without the right to see it. The server's own processes, hidden as
well, are in no database; an autovacuum worker at work is, and then counts as a client."""
USER_LIMITS: Final = b"""
SELECT r.rolname, count(a.pid), r.rolconnlimit FROM pg_roles r
LEFT JOIN pg_stat_activity a ON a.usesysid = r.oid WHERE r.rolconnlimit >= 0 GROUP BY 1, 3
UNION ALL
SELECT d.datname, count(a.pid), d.datconnlimit FROM pg_database d
LEFT JOIN pg_stat_activity a ON a.datid = d.oid WHERE d.datconnlimit >= 0 GROUP BY 1, 3
"""
DATABASE: Final = """
SELECT xact_commit, xact_rollback, blks_hit, blks_read, deadlocks, temp_files, temp_bytes,
    (SELECT sum(n_dead_tup) FROM pg_stat_user_tables),
    (to_jsonb(d)->>'sessions_abandoned')::float + (to_jsonb(d)->>'sessions_fatal')::float
        + (to_jsonb(d)->>'sessions_killed')::float
FROM pg_stat_database d WHERE datname = current_database()
"""
"""The last column is of sessions that did not end by themselves: PostgreSQL counts them since version 14."""
SIZE: Final = "SELECT pg_database_size(current_database())"
ACTIVE: Final = b"""
SELECT left(query, 1000), count(*) FROM pg_stat_activity
WHERE state = 'active' AND pid <> pg_backend_pid() AND query <> '' GROUP BY 1 ORDER BY 2 DESC LIMIT 50
"""
"""What runs now, without this look itself: over many looks the share of time that each statement takes, also
without pg_stat_statements."""
BLOCKED: Final = b"""
SELECT extract(epoch FROM clock_timestamp() - waiting.state_change), waiting.query, blocker.state,
    blocker.query
FROM pg_stat_activity waiting
LEFT JOIN LATERAL (SELECT unnest(pg_blocking_pids(waiting.pid)) AS pid LIMIT 1) blocked_by ON true
LEFT JOIN pg_stat_activity blocker ON blocker.pid = blocked_by.pid
WHERE waiting.wait_event_type = 'Lock' LIMIT 200
"""
_EXTENSION = b"SELECT extversion FROM pg_extension WHERE extname = 'pg_stat_statements'"
_STATEMENTS = b"""
SELECT queryid, calls, total_exec_time / 1000, query FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY total_exec_time DESC LIMIT 200
"""
_EVERY_S: Final = 10.0
"""The view is read whole: up to 5,000 statements, whose texts are in a file."""
_LEAST_S: Final = 0.1
"""Of a shorter time no rate is told: its calls would be counted by chance."""
_MOST_STATEMENTS: Final = 20
_MOST_ACTIVE: Final = 50
_TEXT = 100

_LITERALS = re.compile(r"'(?:[^']|'')*'|\$[A-Za-z_]*\$.*?\$[A-Za-z_]*\$|\b[0-9]+(?:\.[0-9]+)?\b", re.DOTALL)


class Statements:
    """Calls and time of the statements that take most, as growth between two looks, ten seconds apart.

    A statement's series is `query.ID.calls` and `query.ID.time` (seconds of execution in each second, which
    is its mean number of active sessions); its text is a remark, without the values that were in it.
    """

    def __init__(self, remarks: list[str]) -> None:
        self._remarks = remarks
        self._there = False
        self._last: dict[int, tuple[int, float]] = {}
        self._last_s: float | None = None
        self._named: set[int] = set()
        self._told = False
        self.due = False
        """Look with the next sample, however short ago the last look was."""

    def open(self, db: psycopg.Connection[tuple[Any, ...]]) -> None:
        """Whether the extension is installed in this database."""
        self._there = db.execute(_EXTENSION).fetchone() is not None
        if not self._there and not self._told:
            self._told = True
            self._remarks.append("pg_stat_statements is not installed: time by query is not known")

    def read(self, db: psycopg.Connection[tuple[Any, ...]], time_s: float) -> Iterator[Row]:
        """Nothing until ten seconds after the last look, unless one is due."""
        since_s = math.inf if self._last_s is None else time_s - self._last_s
        if not self._there or since_s < (_LEAST_S if self.due else _EVERY_S):
            return
        self.due = False
        rows = {row[0]: row[1:] for row in db.execute(_STATEMENTS).fetchall() if row[0] is not None}
        now = {queryid: (int(calls), float(total_s)) for queryid, (calls, total_s, _) in rows.items()}
        if self._last_s is not None:
            grown = {
                queryid: (calls - self._before(queryid)[0], total_s - self._before(queryid)[1])
                for queryid, (calls, total_s) in now.items()
            }
            longest = sorted(grown, key=lambda queryid: -grown[queryid][1])[:_MOST_STATEMENTS]
            span_s = time_s - self._last_s
            for queryid in longest:
                calls, busy_s = grown[queryid]
                if calls <= 0 or busy_s < 0:  # not called, or the statistics were reset
                    continue
                self._name(queryid, rows[queryid][2])
                yield f"query.{queryid}.calls", calls / span_s, Unit.PER_SECOND, None
                yield f"query.{queryid}.time", busy_s / span_s, Unit.CORES, None
        self._last, self._last_s = now, time_s

    def _before(self, queryid: int) -> tuple[int, float]:
        return self._last.get(queryid, (0, 0.0))

    def _name(self, queryid: int, text: str) -> None:
        if queryid not in self._named:
            self._named.add(queryid)
            self._remarks.append(f"query {queryid} is '{without_values(text)}'")


class ActiveStatements:
    """Sessions that execute each statement, at one look a second: `statement.HASH`; its text is a remark."""

    def __init__(self, remarks: list[str]) -> None:
        self._remarks = remarks
        self._seen: set[str] = set()

    def read(self, db: psycopg.Connection[tuple[Any, ...]]) -> Iterator[Row]:
        """Those that run now, and 0 for those that were seen before."""
        now = dict.fromkeys(self._seen, 0.0)
        for query, number in db.execute(ACTIVE).fetchall():
            text = without_values(query)
            name = f"statement.{zlib.crc32(text.encode()):08x}"
            if name not in self._seen:
                if len(self._seen) >= _MOST_ACTIVE:
                    continue
                self._seen.add(name)
                self._remarks.append(f"{name} is '{text}'")
            now[name] = now.get(name, 0.0) + number
        for name, number in now.items():
            yield name, number, Unit.COUNT, None


def without_values(query: str | None) -> str:
    """A statement's beginning, its literals as `?`: they may be somebody's data."""
    if not query:
        return "(not visible)"
    return " ".join(_LITERALS.sub("?", query[:1000]).split())[:_TEXT]
