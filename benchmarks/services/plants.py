"""Services with one planted limit each, and the same services without one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.monitors import servers

from benchmarks.services import control_group, programs
from benchmarks.services import plant_sources as sources
from benchmarks.services.installing import go_program, java_classes, node_packages, python_packages
from benchmarks.services.started import Started, free_port, program, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path


@dataclass(frozen=True)
class Plant:
    """A service, what loads it, and the title that must be named first."""

    name: str
    start: Callable[[ExitStack, Path], Started]
    scenario: str
    truth: str = ""
    """A pattern of the whole title; of a healthy service nothing may be named."""
    users: int = 60
    neighbour: bool = False
    """A limit of the same kinds that is tried beside the campaign, with --neighbours."""


def gunicorn(*options: str, tables: bool = True, throttled: int = 0) -> Callable[[ExitStack, Path], Started]:
    """Django on gunicorn with PostgreSQL; `throttled` writes a second are all that its disk allows."""

    def start(stack: ExitStack, folder: Path) -> Started:
        site = python_packages("django", "django", "gunicorn", "psycopg[binary]")
        database = stack.enter_context(servers.postgres(_DURABLE))
        if tables:
            _execute(database.url, sources.TABLES)
        if throttled:
            stack.enter_context(control_group.writes(database.pid, database.folder, throttled))
        (folder / "site_app.py").write_text(sources.DJANGO)
        port = free_port()
        # Its first line names the interpreter that installed it, which may be gone where it was kept.
        script = str(site / "bin" / "gunicorn")
        command = [sys.executable, script, *options, "-b", f"127.0.0.1:{port}", "site_app:application"]
        pid = stack.enter_context(
            running(command, folder, port, PG_PORT=str(database.port), PYTHONPATH=str(site))
        )
        return Started(f"http://127.0.0.1:{port}", [pid, database.pid])

    return start


def fastify(pool: int = 10) -> Callable[[ExitStack, Path], Started]:
    """Fastify in one process, with so many connections to PostgreSQL at most."""

    def start(stack: ExitStack, folder: Path) -> Started:
        modules = node_packages("fastify", "fastify@5", "pg@8")
        database = stack.enter_context(servers.postgres())
        (folder / "server.js").write_text(sources.FASTIFY)
        port = free_port()
        pid = stack.enter_context(
            running([program("node"), "server.js", str(port)], folder, port,
                    PG_PORT=str(database.port), POOL=str(pool), NODE_PATH=str(modules))
        )  # fmt: skip
        return Started(f"http://127.0.0.1:{port}", [pid, database.pid])

    return start


def go(**environment: str) -> Callable[[ExitStack, Path], Started]:
    """A Go service on net/http."""

    def start(stack: ExitStack, folder: Path) -> Started:
        built, port = go_program("sorter", sources.GO), free_port()
        pid = stack.enter_context(running([str(built), str(port)], folder, port, **environment))
        return Started(f"http://127.0.0.1:{port}", [pid])

    return start


def java(cached_mib: int, *options: str) -> Callable[[ExitStack, Path], Started]:
    """A JVM that keeps so much, and makes garbage with each request."""

    def start(stack: ExitStack, folder: Path) -> Started:
        classes, port = java_classes("Cached", sources.JAVA), free_port()
        command = [program("java"), *options, "-cp", str(classes), "Cached", str(port), str(cached_mib)]
        pid = stack.enter_context(running(command, folder, port))
        return Started(f"http://127.0.0.1:{port}", [pid])

    return start


def nginx(limit: str = "") -> Callable[[ExitStack, Path], Started]:
    """nginx, which serves a file; `limit` is a rate of limit_req."""

    def start(stack: ExitStack, folder: Path) -> Started:
        port = free_port()
        (folder / "www").mkdir()
        (folder / "www" / "index.html").write_text("x" * 20_000)
        location, zone = f"root {folder}/www;", ""
        if limit:
            zone = f"limit_req_zone $binary_remote_addr zone=all:1m rate={limit}; limit_req_status 429;"
            location += " limit_req zone=all burst=5 nodelay;"
        pid = programs.nginx(stack, folder, port, f"location / {{ {location} }}", zone)
        return Started(f"http://127.0.0.1:{port}", [pid])

    return start


def asgi(*options: str) -> Callable[[ExitStack, Path], Started]:
    """Starlette on uvicorn."""

    def start(stack: ExitStack, folder: Path) -> Started:
        site = python_packages("starlette", "starlette", "uvicorn")
        (folder / "asgi_app.py").write_text(sources.STARLETTE)
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", *options, "--port", str(port), "asgi_app:app"]
        pid = stack.enter_context(running(command, folder, port, PYTHONPATH=str(site)))
        return Started(f"http://127.0.0.1:{port}", [pid])

    return start


def with_redis(stack: ExitStack, folder: Path) -> Started:
    """Fastify, which asks a Redis."""
    modules = node_packages("fastify-redis", "fastify@5", "ioredis@5")
    redis_port, port = stack.enter_context(servers.redis_server()), free_port()
    (folder / "server.js").write_text(sources.WITH_REDIS)
    pid = stack.enter_context(
        running([program("node"), "server.js", str(port)], folder, port,
                REDIS_PORT=str(redis_port), NODE_PATH=str(modules))
    )  # fmt: skip
    return Started(f"http://127.0.0.1:{port}", [pid])


def with_quota(
    start: Callable[[ExitStack, Path], Started], cores: float
) -> Callable[[ExitStack, Path], Started]:
    """The same service, in a control group that gives it so many cores."""

    def started(stack: ExitStack, folder: Path) -> Started:
        service = start(stack, folder)
        stack.enter_context(control_group.cores(service.roots[0], cores))
        return service

    return started


def _execute(url: str, statements: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())


_DURABLE = "max_connections = 60\nfsync = on\nsynchronous_commit = on"
_SLOW = sources.visits("/query")
PLANTS: tuple[Plant, ...] = (
    Plant("one-sync-worker", gunicorn("-w", "1"), _SLOW, r"the only worker of gunicorn"),
    Plant("interpreter-lock", gunicorn("-w", "1", "--threads", "16"), sources.visits("/page"),
          r"the interpreter lock of gunicorn"),
    Plant("event-loop", fastify(), sources.visits("/compute"), r"the event loop of node"),
    Plant("gomaxprocs", go(GOMAXPROCS="1"), sources.visits("/sort"), r"GOMAXPROCS=1 of sorter"),
    Plant("java-heap", java(38, "-Xmx48m", "-Xms48m", "-XX:+UseSerialGC"), sources.visits("/"),
          r"the heap of java.*"),
    Plant("pool-of-2", fastify(pool=2), _SLOW, r"the (connection pool|2 connections).*"),
    Plant("postgres-row-lock", gunicorn("-w", "1", "--threads", "16"), sources.visits("/order"),
          r"row locks in PostgreSQL"),
    Plant("rate-limit", nginx("40r/s"), sources.visits("/"), r"a rate limit.*429.*"),
    Plant("slow-disk", gunicorn("-w", "1", "--threads", "16", throttled=12), sources.visits("/write"),
          r"the disk.*"),
    Plant("event-loop-asyncio", asgi(), sources.visits("/compute"), r"the event loop of uvicorn",
          neighbour=True),
    Plant("event-loop-blocked", asgi(), sources.visits("/blocked"), r"the event loop of uvicorn",
          neighbour=True),
    Plant("interpreter-lock-asgi", asgi(), sources.visits("/threads"), r"the interpreter lock of uvicorn",
          neighbour=True),
    Plant("cpu-quota", with_quota(go(), 0.5), sources.visits("/sort"), r"the CPU quota of sorter",
          neighbour=True),
    Plant("java-heap-g1", java(34, "-Xmx48m"), sources.visits("/"), r"the heap of java.*", neighbour=True),
    Plant("redis-thread", with_redis, sources.visits("/sorted"),
          r"the one thread of redis-server that executes commands", neighbour=True),
    Plant("healthy-gunicorn", gunicorn("-w", "2", "--threads", "8"), sources.visits("/light"), users=12),
    Plant("healthy-node", fastify(), sources.visits("/query"), users=20),
    Plant("healthy-go", go(), sources.visits("/sort"), users=10),
    Plant("healthy-java", java(8, "-Xmx256m"), sources.visits("/"), users=20),
    Plant("healthy-nginx", nginx(), sources.visits("/"), users=40),
)  # fmt: skip
