"""MySQL or MariaDB through SHOW GLOBAL STATUS: connections, queries, row locks, the buffer pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import pymysql

from loadproof.model import Reading, Unit
from loadproof.monitors import MonitorError
from loadproof.monitors.readings.rates import Rates
from loadproof.plan.watching import secrets_in
from loadproof.safety.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadproof.model import Watch

_TIMEOUT_S: Final = 2
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
Row = tuple[str, float, Unit, float | None]


class MysqlMonitor:
    """Series: `connections.used` of max_connections, `threads.running`, `queries`, `locks.waiting`, ...

    `connections.used` counts this monitor's own connection, too, as the limit does.
    """

    def __init__(self, watch: Watch, now: Callable[[], float]) -> None:
        self.remarks: list[str] = []
        self._source = watch.name
        self._url = str(watch.settings["url"])
        self._hide = Redactor(secrets_in(watch.settings)).text
        self._now = now
        self._db: Any = None
        self._limit: float | None = None
        self._rates = Rates()

    def open(self) -> None:
        """Connect."""
        try:
            self._db = connect(self._url)
            self._limit = self._ask("SHOW GLOBAL VARIABLES LIKE 'max_connections'").get("max_connections")
        except ValueError:
            raise MonitorError("its URL cannot be read", "as mysql://user@host:3306/database") from None
        except (pymysql.Error, OSError) as error:
            self.close()
            raise MonitorError(self._said("MySQL cannot be reached", error)) from None

    def read(self) -> list[Reading]:
        """One SHOW GLOBAL STATUS."""
        if self._db is None:
            self.open()
        try:
            status = self._ask("SHOW GLOBAL STATUS")
        except (pymysql.Error, OSError) as error:
            self.close()
            self._rates.forget()
            raise MonitorError(self._said("MySQL", error)) from None
        time_s = self._now()
        return [
            Reading(time_s, self._source, series, value, unit, limit)
            for series, value, unit, limit in self._rows(status, time_s)
        ]

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
