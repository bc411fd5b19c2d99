"""PostgreSQL, Redis and MySQL: what they are asked to do is what the monitors say they did."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest
import redis

from loadproof.model import Reading, Watch
from loadproof.monitors import load_monitor
from loadproof.monitors.databases.mysql import connect
from loadproof.monitors.databases.postgres_queries import Statements, without_values
from tests.monitors import servers

if TYPE_CHECKING:
    from collections.abc import Callable


def _clock(step_s: float = 1.0) -> Callable[[], float]:
    """Moves on by `step_s` at each look: rates are then counts."""
    seconds = itertools.count(1000.0, step_s)
    return lambda: next(seconds)


def _values(readings: list[Reading]) -> dict[str, float]:
    return {reading.series: reading.value for reading in readings}


def test_time_by_query_is_known_with_pg_stat_statements() -> None:
    """Calls are exact, the text has no values, and a statement that was not called is not there."""
    settings = "shared_preload_libraries = 'pg_stat_statements'"
    programs = servers.packaged_postgres()
    with servers.postgres(settings, programs) as server, psycopg.connect(server.url, autocommit=True) as db:
        db.execute("CREATE EXTENSION pg_stat_statements")
        db.execute("CREATE TABLE t (name text)")
        monitor = load_monitor(Watch("postgres", "postgres", {"url": server.url}), _clock(10.0))
        monitor.open()
        monitor.read()
        for _ in range(40):
            db.execute("INSERT INTO t VALUES ('Ada Lovelace')")
        db.execute("SELECT pg_sleep(0.5)")
        found = _values(monitor.read())
        monitor.close()
    texts = {remark.split()[1]: remark for remark in monitor.remarks if remark.startswith("query ")}
    (insert,) = [queryid for queryid, remark in texts.items() if "INSERT INTO t" in remark]
    (sleep,) = [queryid for queryid, remark in texts.items() if "pg_sleep" in remark]
    assert found[f"query.{insert}.calls"] * 10 == 40
    assert 0.5 <= found[f"query.{sleep}.time"] * 10 < 5
    assert "Ada" not in str(monitor.remarks)


class _Views:
    """A database whose pg_stat_statements has one statement, called once more at each look."""

    def __init__(self) -> None:
        self.calls = 0

    def execute(self, _query: bytes) -> _Views:
        self.calls += 1
        return self

    def fetchone(self) -> tuple[str]:
        return ("1.11",)

    def fetchall(self) -> list[tuple[int, int, float, str]]:
        return [(7, self.calls, self.calls * 0.5, "SELECT 1")]


def test_the_last_look_at_statements_is_not_left_out() -> None:
    """Without it the time since the last look, up to ten seconds, would be in no reading."""
    statements = Statements([])
    views: Any = _Views()
    statements.open(views)
    assert list(statements.read(views, 100.0)) == []
    assert list(statements.read(views, 104.0)) == [], "ten seconds are not over"
    statements.due = True
    assert [(row[0], row[1]) for row in statements.read(views, 104.0)] == [
        ("query.7.calls", 0.25),
        ("query.7.time", 0.125),
    ]


def test_rights_that_are_lacking_are_said() -> None:
    """A user who may not see others' sessions knows how many there are, and not in which state."""
    with servers.postgres() as server, psycopg.connect(server.url, autocommit=True) as db:
        db.execute("CREATE USER plain")
        url = server.url.replace("postgres@", "plain@")
        monitor = load_monitor(Watch("postgres", "postgres", {"url": url}), _clock())
        monitor.open()
        found = _values(monitor.read())
        monitor.close()
    assert any("GRANT pg_monitor" in remark for remark in monitor.remarks)
    assert found["connections.used"] == 2


def test_transactions_of_postgresql_are_counted() -> None:
    """Commits and rollbacks, as many as were made, and a session that somebody has ended."""
    with servers.postgres() as server, psycopg.connect(server.url) as db:
        monitor = load_monitor(Watch("postgres", "postgres", {"url": server.url}), _clock())
        monitor.open()
        first = _values(monitor.read())
        assert "transactions.committed" not in first, "a first sample has no rate"
        for _ in range(30):
            db.execute("SELECT 1")
            db.rollback()
        with psycopg.connect(server.url, autocommit=True) as other:
            db.execute("SELECT pg_terminate_backend(%s, 5000)", (other.info.backend_pid,))
        # A session tells its counts at most once a second; this makes it tell them now.
        db.execute("SELECT pg_stat_force_next_flush()")
        db.commit()
        found = _values(monitor.read())
        monitor.close()
    assert found["transactions.rolled_back"] == 30
    assert found["connections.aborted"] == 1


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("SELECT * FROM t WHERE id = 17 AND name = 'O''Hara'", "SELECT * FROM t WHERE id = ? AND name = ?"),
        ("SELECT  $tag$secret$tag$,\n 1.5", "SELECT ?, ?"),
        ("UPDATE t1 SET a = $1", "UPDATE t1 SET a = $?"),
        (None, "(not visible)"),
    ],
)
def test_statements_are_shown_without_values(query: str | None, shown: str) -> None:
    """What was in a statement may be somebody's data."""
    assert without_values(query) == shown


def test_redis_is_counted() -> None:
    """Connections of maxclients, commands and hits as many as were made."""
    with servers.redis_server("--maxclients", "100", "--maxmemory", "50mb") as port:
        url = f"redis://127.0.0.1:{port}/0"
        monitor = load_monitor(Watch("redis", "redis", {"url": url}), _clock())
        monitor.open()
        monitor.read()
        with redis.Redis.from_url(url, single_connection_client=True) as client:
            before = _values(monitor.read())
            client.set("a", "1")
            for _ in range(30):
                client.get("a")
            for _ in range(10):
                client.get("missing")
            readings = monitor.read()
        monitor.close()
    found = _values(readings)
    assert found["connections.used"] == before["connections.used"] == 2
    assert found["hits"] == 0.75
    assert found["commands"] == 42, "40 reads, one write, and the monitor's own INFO"
    limits = {reading.series: reading.limit for reading in readings}
    assert limits["connections.used"] == 100
    assert limits["memory.used"] == 50 * 1024**2


def test_mysql_is_counted() -> None:
    """Connections of max_connections, and queries as many as were made."""
    with servers.mysql_server() as url:
        monitor = load_monitor(Watch("mysql", "mysql", {"url": url}), _clock())
        monitor.open()
        monitor.read()
        with connect(url) as db, db.cursor() as cursor:
            monitor.read()
            for _ in range(30):
                cursor.execute("SELECT 1")
            readings = monitor.read()
        monitor.close()
    found = _values(readings)
    assert found["connections.used"] == 2
    assert found["queries"] == 32, "30 and the monitor's own two"
    assert {r.limit for r in readings if r.series == "connections.used"} == {50.0}


def test_who_waits_for_a_row_lock_in_mariadb_is_told() -> None:
    """With the statements, their values left out, and how many sessions wait."""
    with servers.mysql_server() as url:
        monitor = load_monitor(Watch("mysql", "mysql", {"url": servers.as_admin(url)}), _clock())
        monitor.open()
        holder, address = connect(servers.as_admin(url)), urlsplit(servers.as_admin(url))
        # It waits for as long as the lock is held; the monitor's own connections have a bound.
        waiter = pymysql.connect(
            host=address.hostname,
            port=address.port or 0,
            user=address.username,
            password=address.password or "",
        )
        with holder.cursor() as cursor:
            cursor.execute("CREATE DATABASE shop")
            cursor.execute("CREATE TABLE shop.stock (id INT PRIMARY KEY, n INT) ENGINE=InnoDB")
            cursor.execute("INSERT INTO shop.stock VALUES (1, 10)")
            cursor.execute("BEGIN")
            cursor.execute("UPDATE shop.stock SET n = n - 1 WHERE id = 1")
        thread = threading.Thread(
            target=lambda: waiter.cursor().execute("UPDATE shop.stock SET n = n - 2 WHERE id = 1")
        )
        thread.start()
        found: dict[str, float] = {}

        def waits() -> bool:
            found.update({reading.series: reading.value for reading in monitor.read()})
            return found["wait.Lock"] == 1

        servers.wait_until(waits, what="the lock")
        holder.rollback()
        thread.join(60)
        assert found["sessions.active"] == 1
        assert any(
            "'UPDATE shop.stock SET n = n - ? WHERE id = ?' waits for a lock" in r for r in monitor.remarks
        )
        for connection in (holder, waiter):
            connection.close()
        monitor.close()


def test_a_user_who_may_have_few_connections_is_measured_against_that() -> None:
    """MariaDB's and PostgreSQL's limits of one user, however many the server allows."""
    with servers.mysql_server() as url:
        with connect(servers.as_admin(url)) as admin, admin.cursor() as cursor:
            cursor.execute("CREATE USER few@'127.0.0.1' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 3")
        monitor = load_monitor(Watch("mysql", "mysql", {"url": servers.as_admin(url)}), _clock())
        monitor.open()
        used = connect(url.replace("watcher:s3cret-pass", "few:x"))
        readings = {reading.series: reading for reading in monitor.read()}
        used.close()
        monitor.close()
    assert (readings["connections.by.few"].value, readings["connections.by.few"].limit) == (1, 3)
    with servers.postgres() as server:
        with psycopg.connect(server.url, autocommit=True) as db:
            db.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 2")
        monitor = load_monitor(Watch("postgres", "postgres", {"url": server.url}), _clock())
        readings = {reading.series: reading for reading in monitor.read()}
        monitor.close()
    assert (readings["connections.by.few"].value, readings["connections.by.few"].limit) == (0, 2)
