"""MySQL or MariaDB: SHOW GLOBAL STATUS, its sessions, who waits for whose row lock, limits of its users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import pymysql

from loadproof.model import Reading, Unit, Watch
from loadproof.monitors import MonitorError
from loadproof.monitors.databases.postgres_queries import without_values
from loadproof.monitors.source import Row, Source
from loadproof.plan.watching import secrets_in
from loadproof.safety.known import Redactor

_TIMEOUT_S: Final = 2
_MOST_BLOCKED: Final = 20
"""Of who waits for whom: told once each, and no more."""
_SESSIONS: Final = (
    "SELECT USER, COUNT(*), SUM(COMMAND NOT IN ('Sleep', 'Daemon', 'Binlog Dump')) "
    "FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER <> 'system user' GROUP BY USER"
)
_LOCK_WAITS_OF_MARIADB: Final = (
    "SELECT r.trx_id, r.trx_query, b.trx_query, TIMESTAMPDIFF(MICROSECOND, r.trx_wait_started, NOW(6)) / 1e6 "
    "FROM information_schema.INNODB_LOCK_WAITS w "
    "JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id "
    "JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id"
)
_LOCK_WAITS_OF_MYSQL_8: Final = (
    "SELECT waiting_pid, waiting_query, blocking_query, wait_age_secs FROM sys.innodb_lock_waits"
)
_USER_LIMITS: Final = "SELECT User, max_user_connections FROM mysql.user WHERE max_user_connections > 0"
_RATES: Final = {
    "Questions": "queries",
    "Slow_queries": "queries.slow",
    "Com_commit": "transactions.committed",
    "Com_rollback": "transactions.rolled_back",
    "Innodb_row_lock_waits": "locks.waits",
    "Innodb_deadlocks": "deadlocks",
    "Created_tmp_disk_tables": "temp_tables",
    "Aborted_connects": "connections.aborted",
    "Connection_errors_max_connections": "connections.refused",
}


class MysqlMonitor(Source):
    """Series: `connections.used` of max_connections, `sessions.active`, `wait.Lock`, `locks.waiting`, ...

    `connections.used` counts this monitor's own connection, too, as the limit does.
    """

    def __init__(self, watch: Watch, now: Callable[[], float]) -> None:
        super().__init__(watch, now)
        self._url = str(watch.settings["url"])
        self._hide = Redactor(secrets_in(watch.settings)).text
        self._db: Any = None
        self._limit: float | None = None
        self._lock_query: str | None = _LOCK_WAITS_OF_MARIADB
        self._user_limits: dict[str, float] = {}
        self._blocked: set[tuple[str, str]] = set()

    def open(self) -> None:
        """Connect."""
        try:
            self._db = connect(self._url)
            variables = self._ask("SHOW GLOBAL VARIABLES LIKE 'max%connections'")
            self._limit = variables.get("max_connections")
            self._find_user_limits(variables.get("max_user_connections") or 0.0)
        except ValueError:
            raise MonitorError("its URL cannot be read", "as mysql://user@host:3306/database") from None
        except (pymysql.Error, OSError) as error:
            self.close()
            raise MonitorError(self._said("MySQL cannot be reached", error)) from None

    def read(self) -> list[Reading]:
        """SHOW GLOBAL STATUS, and the sessions."""
        if self._db is None:
            self.open()
        try:
            status = self._ask("SHOW GLOBAL STATUS")
            sessions = [*self._sessions(), *self._locks()]
        except (pymysql.Error, OSError) as error:
            self.close()
            self._rates.forget()
            raise MonitorError(self._said("MySQL", error)) from None
        time_s = self._now()
        return self._stamped(time_s, [*self._rows(status, time_s), *sessions])

    def close(self) -> None:
        """End the connection."""
        if self._db is not None:
            if self._db.open:
                self._db.close()
            self._db = None

    def _said(self, what: str, error: Exception) -> str:
        return self._hide(f"{what}: {error.args[-1] if error.args else type(error).__name__}")

    def _ask(self, query: str) -> dict[str, float]:
        with self._db.cursor() as cursor:
            cursor.execute(query)
            rows = cursor.fetchall()
        return {name: float(value) for name, value in rows if _is_number(value)}

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        with self._db.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def _find_user_limits(self, of_everybody: float) -> None:
        """How many connections each user may have: its own limit, or that of all."""
        self._user_limits = {"": of_everybody} if of_everybody else {}
        try:
            rows = self._all(_USER_LIMITS)
        except pymysql.Error:
            return  # its limits are not for everybody to read; those of all are known
        self._user_limits |= {str(user): float(limit) for user, limit in rows}

    def _sessions(self) -> Iterator[Row]:
        active = 0.0
        for user, connections, busy in self._all(_SESSIONS):
            active += float(busy or 0)
            limit = self._user_limits.get(str(user), self._user_limits.get(""))
            if limit:
                yield f"connections.by.{user}", float(connections), Unit.COUNT, limit
        yield "sessions.active", active, Unit.COUNT, None

    def _locks(self) -> Iterator[Row]:
        """Who waits for whose row lock. Without the PROCESS privilege only their number is known."""
        if self._lock_query is None:
            return
        try:
            waiting = self._all(self._lock_query)
        except pymysql.err.OperationalError as error:
            self._no_locks(error)
            return
        except pymysql.err.MySQLError as error:
            if self._lock_query == _LOCK_WAITS_OF_MARIADB:
                self._lock_query = _LOCK_WAITS_OF_MYSQL_8  # asked the next time
            else:
                self._no_locks(error)
            return
        # One session may wait for several that hold the lock together.
        yield "wait.Lock", float(len({row[0] for row in waiting})), Unit.COUNT, None
        longest_s = max((float(row[3] or 0) for row in waiting), default=0.0)
        yield "locks.longest_wait", longest_s, Unit.SECONDS, None
        for _, blocked, blocker, _ in waiting:
            pair = (without_values(str(blocked or "")), without_values(str(blocker or "")))
            if pair not in self._blocked and len(self._blocked) < _MOST_BLOCKED:
                self._blocked.add(pair)
                holder = f"'{pair[1]}'" if blocker else "a transaction that is idle"
                self.remarks.append(f"'{pair[0]}' waits for a lock of {holder}")

    def _no_locks(self, error: Exception) -> None:
        self._lock_query = None
        self.remarks.append(self._said("who waits for whose lock is not known (GRANT PROCESS)", error))

    def _rows(self, status: dict[str, float], time_s: float) -> Iterator[Row]:
        for name, series, limit in (
            ("Threads_connected", "connections.used", self._limit),
            ("Threads_running", "threads.running", None),
            ("Innodb_row_lock_current_waits", "locks.waiting", None),
            ("Open_tables", "tables.open", None),
        ):
            if name in status:
                yield series, status[name], Unit.COUNT, limit
        for name, series in _RATES.items():
            rate = self._rates.per_second(name, time_s, status[name]) if name in status else None
            if rate is not None:
                yield series, rate, Unit.PER_SECOND, None
        asked = status.get("Innodb_buffer_pool_read_requests")
        missed = status.get("Innodb_buffer_pool_reads")
        if asked is not None and missed is not None:
            ask = self._rates.per_second("asked", time_s, asked)
            miss = self._rates.per_second("missed", time_s, missed)
            if ask and miss is not None:
                yield "cache_hits", max(0.0, 1 - miss / ask), Unit.SHARE, 1.0


def connect(url: str) -> Any:
    """A connection by URL: mysql://user:password@host:port/database?unix_socket=PATH.

    Raises ValueError for what is no such URL, pymysql.Error or OSError when it cannot be made.
    """
    parts = urlsplit(url)
    socket = parse_qs(parts.query).get("unix_socket", [None])[0]
    return pymysql.connect(
        host=parts.hostname or "localhost",
        port=parts.port or 3306,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
        database=parts.path.lstrip("/") or None,
        unix_socket=socket,
        connect_timeout=_TIMEOUT_S,
        read_timeout=_TIMEOUT_S,
        write_timeout=_TIMEOUT_S,
        autocommit=True,
        program_name="loadproof",
    )


def _is_number(text: object) -> bool:
    return isinstance(text, str) and text.replace(".", "", 1).isdigit()
