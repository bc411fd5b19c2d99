"""PostgreSQL through its statistics views: connections, sessions, locks, transactions, queries.

One connection, read-only, with time limits of its own, so that a database in trouble is not given more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg

from loadproof.model import Reading, Unit, Watch
from loadproof.monitors import MonitorError
from loadproof.monitors.databases import postgres_queries as sql
from loadproof.monitors.source import Row, Source
from loadproof.plan.watching import secrets_in
from loadproof.safety.known import Redactor

CONNECT_TIMEOUT_S: Final = 2
_OPTIONS = (
    "-c statement_timeout=2000 -c lock_timeout=500 -c default_transaction_read_only=on "
    "-c application_name=loadproof"
)
_MOST_BLOCKED = 20
"""Of who waits for whom: told once each, and no more."""
_MOST_WAITS = 100
_STATES: Final = {
    "active": "connections.active",
    "idle": "connections.idle",
    "idle in transaction": "connections.idle_in_transaction",
    "idle in transaction (aborted)": "connections.idle_in_transaction",
}


class PostgresMonitor(Source):
    """Series: `connections.used` of max_connections, `sessions.active`, `wait.Lock`, `locks.waiting`, ...

    `connections.used` counts every client's connection, this monitor's own included, as the limit does.
    """

    def __init__(self, watch: Watch, now: Callable[[], float]) -> None:
        super().__init__(watch, now)
        self._url = str(watch.settings["url"])
        self._hide = Redactor(secrets_in(watch.settings)).text
        self._db: psycopg.Connection[tuple[Any, ...]] | None = None
        self._statements = sql.Statements(self.remarks)
        self._active = sql.ActiveStatements(self.remarks)
        self._waits: set[str] = set()
        self._blocked: set[tuple[str, str]] = set()
        self._told_rights = False
        self._sized = False

    def open(self) -> None:
        """Connect, and find out what this user may see."""
        self._connect()

    def read(self) -> list[Reading]:
        """One sample: four small queries, every tenth second the statements, and once the size."""
        db = self._connect()
        try:
            time_s = self._now()
            rows = [
                *self._activity(db),
                *self._user_limits(db),
                *self._database(db, time_s),
                *self._locks(db),
            ]
            rows += [*self._active.read(db), *self._statements.read(db, time_s), *self._size(db)]
        except psycopg.Error as error:
            self.close()
            self._rates.forget()
            raise MonitorError(self._said("PostgreSQL", error)) from None
        return self._stamped(time_s, rows)

    def look_at_all(self) -> None:
        """Look at the statements, too, with the next sample: it is the last one."""
        self._statements.due = True

    def close(self) -> None:
        """End the connection."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._db is not None:
            return self._db
        try:
            self._db = psycopg.connect(
                self._url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, options=_OPTIONS,
                # Without: each query would be prepared, which poolers such as PgBouncer do not follow.
                prepare_threshold=None,
                # A machine that is gone answers nothing, not even an error.
                tcp_user_timeout=3000, keepalives_idle=2,
            )  # fmt: skip
            self._check_rights(self._db)
            self._statements.open(self._db)
        except psycopg.OperationalError as error:
            self.close()
            raise MonitorError(self._said("PostgreSQL cannot be reached", error)) from None
        except psycopg.Error as error:
            self.close()
            # It may quote the whole URL: nothing of what it says about it is repeated.
            said = self._said("PostgreSQL", error) if error.sqlstate else "its URL cannot be read"
            raise MonitorError(said, "as postgresql://user@host:5432/database") from None
        return self._db

    def _said(self, what: str, error: psycopg.Error) -> str:
        lines = str(error).strip().splitlines()
        return f"{what}: {self._hide(lines[0] if lines else type(error).__name__)}"

    def _check_rights(self, db: psycopg.Connection[tuple[Any, ...]]) -> None:
        (may_see,) = _one(db, sql.RIGHTS)
        if not may_see and not self._told_rights:
            self._told_rights = True
            self.remarks.append(
                "this user sees only its own sessions' states and waits: GRANT pg_monitor TO it to see all"
            )

    def _activity(self, db: psycopg.Connection[tuple[Any, ...]]) -> Iterator[Row]:
        (limit,) = _one(db, sql.MAX_CONNECTIONS)
        counts: dict[str, float] = dict.fromkeys(_STATES.values(), 0.0)
        # A wait that was seen before and is not there now is known to be 0.
        waits: dict[str, float] = dict.fromkeys(self._waits, 0.0)
        used = active = hidden = 0.0
        for state, wait_type, wait_event, number in db.execute(sql.SESSIONS).fetchall():
            used += number
            if state is None:
                hidden += number
                continue
            series = _STATES.get(state, "connections.other")
            counts[series] = counts.get(series, 0.0) + number
            if state != "active":
                continue
            active += number
            # Without a wait event the session runs on a processor, or waits for one.
            kind = wait_type or "CPU"
            waits[f"wait.{kind}"] = waits.get(f"wait.{kind}", 0.0) + number
            if wait_event:
                waits[f"wait.{kind}.{wait_event}"] = number
        yield "connections.used", used, Unit.COUNT, float(limit)
        if hidden and not active:
            return  # not 0: not known
        for series, number in counts.items():
            yield series, number, Unit.COUNT, float(limit)
        yield "sessions.active", active, Unit.COUNT, float(limit)
        self._waits.update(list(waits)[:_MOST_WAITS])
        for series, number in waits.items():
            yield series, number, Unit.COUNT, None

    def _database(self, db: psycopg.Connection[tuple[Any, ...]], time_s: float) -> Iterator[Row]:
        names = (
            "commits",
            "rollbacks",
            "hits",
            "reads",
            "deadlocks",
            "temp_files",
            "temp_bytes",
            "dead_rows",
        )
        *told, aborted = _one(db, sql.DATABASE)
        values = dict(zip(names, (float(value or 0) for value in told), strict=True))
        rates = {name: self._rates.per_second(name, time_s, values[name]) for name in names[:-1]}
        for name, series, unit in (
            ("commits", "transactions.committed", Unit.PER_SECOND),
            ("rollbacks", "transactions.rolled_back", Unit.PER_SECOND),
            ("deadlocks", "deadlocks", Unit.PER_SECOND),
            ("temp_files", "temp_files", Unit.PER_SECOND),
            ("temp_bytes", "temp_written", Unit.BYTES_PER_SECOND),
        ):
            rate = rates[name]
            if rate is not None:
                yield series, rate, unit, None
        if aborted is not None and (rate := self._rates.per_second("aborted", time_s, aborted)) is not None:
            yield "connections.aborted", rate, Unit.PER_SECOND, None
        hits, reads = rates["hits"], rates["reads"]
        if hits is not None and reads is not None and hits + reads > 0:
            yield "cache_hits", hits / (hits + reads), Unit.SHARE, 1.0
        yield "rows.dead", values["dead_rows"], Unit.COUNT, None

    def _user_limits(self, db: psycopg.Connection[tuple[Any, ...]]) -> Iterator[Row]:
        """Connections of the users, and of the database, that may have only so many."""
        for user, connections, limit in db.execute(sql.USER_LIMITS).fetchall():
            yield f"connections.by.{user}", float(connections), Unit.COUNT, float(limit)

    def _size(self, db: psycopg.Connection[tuple[Any, ...]]) -> Iterator[Row]:
        """Once a run: it tells runs on little data from runs on much, and looks at every file."""
        if self._sized:
            return
        self._sized = True
        try:
            (size_bytes,) = _one(db, sql.SIZE)
        except (psycopg.errors.QueryCanceled, psycopg.errors.InsufficientPrivilege) as error:
            self.remarks.append(self._said("the size of the database is not known", error))
            return
        yield "database.size", float(size_bytes), Unit.BYTES, None

    def _locks(self, db: psycopg.Connection[tuple[Any, ...]]) -> Iterator[Row]:
        waiting = db.execute(sql.BLOCKED).fetchall()
        yield "locks.waiting", float(len(waiting)), Unit.COUNT, None
        yield "locks.longest_wait", max((float(w[0]) for w in waiting), default=0.0), Unit.SECONDS, None
        for _, blocked_query, blocker_state, blocker_query in waiting:
            pair = (sql.without_values(blocked_query), sql.without_values(blocker_query))
            if pair in self._blocked or len(self._blocked) >= _MOST_BLOCKED:
                continue
            self._blocked.add(pair)
            state = f" ({blocker_state})" if blocker_state and blocker_state != "active" else ""
            self.remarks.append(f"'{pair[0]}' waits for a lock of '{pair[1]}'{state}")


def _one(db: psycopg.Connection[tuple[Any, ...]], query: str) -> tuple[Any, ...]:
    row = db.execute(query.encode()).fetchone()
    if row is None:
        raise psycopg.DataError("a statistics view is empty")
    return row
