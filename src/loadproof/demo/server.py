"""Serve the demo: PostgreSQL, its data and one uvicorn process, started and stopped together."""

from __future__ import annotations

import asyncio
import errno
import importlib
import importlib.util
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psycopg
import uvicorn

from loadproof.demo import seeding
from loadproof.demo.application import DemoService, make_service
from loadproof.demo.error import DemoError
from loadproof.demo.faults import FaultSetting, parse_faults
from loadproof.demo.options import DemoOptions, Ready
from loadproof.demo.postgres import temporary_postgres

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: Longer than any scenario's think time: an idle connection closed by us just as the client sends on it
#: would be a failure that the load did not cause.
_KEEP_ALIVE_S = 120
#: Seconds for the requests in flight at the stop.
_DRAIN_LIMIT_S = 5
_BACKLOG = 2048


class _Stopped(BaseException):
    """A signal came while the service was starting; not an Exception, so that no library swallows it."""


class _Stop:
    """Turns signals into an orderly stop, whatever is going on."""

    def __init__(self) -> None:
        self._server: uvicorn.Server | None = None
        self._requested = False

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        """Stop serving; or, before it began, abandon the start. A second signal does not wait to drain."""
        if self._server is not None:
            self._server.force_exit = self._server.should_exit
            self._server.should_exit = True
        elif not self._requested:
            self._requested = True
            raise _Stopped

    @contextmanager
    def ends(self, server: uvicorn.Server) -> Iterator[None]:
        """Within the block a signal ends `server`; after it, signals no longer interrupt the cleaning up."""
        self._server = server
        try:
            yield
        finally:
            self._requested = True
            self._server = None


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready and leaves the signals to us."""

    def __init__(self, config: uvicorn.Config, when_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_started = when_started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours are in place already, and uvicorn would raise them again before PostgreSQL is stopped."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._when_started()


def serve(options: DemoOptions, on_ready: Callable[[Ready], None], *, while_stdin_is_open: bool) -> None:
    """See `loadproof.demo.serve`."""
    began_s = time.monotonic()
    faults = parse_faults(options.faults)
    # Its warnings are about what the faults and an early stop are meant to do.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    stop = _Stop()
    with (
        _signals(stop),
        suppress(_Stopped),
        _listener(options) as listener,
        _seeded_database(options) as (url, postgres_pid, version),
    ):
        service = make_service(url, pool_size=options.pool_size, admin=options.admin)

        def when_started() -> None:
            if while_stdin_is_open:
                _stop_when_stdin_ends(server)
            on_ready(
                Ready(
                    base_url=_base_url(options.host, listener),
                    pid=os.getpid(),
                    rows=options.rows,
                    database_url=url if postgres_pid else None,
                    postgres_pid=postgres_pid,
                    postgres_version=version,
                    faults=tuple(str(setting) for setting in faults),
                    started_in_s=time.monotonic() - began_s,
                )
            )

        server = _Server(_uvicorn_config(service), when_started)
        with stop.ends(server), asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(service, faults, server, listener))


async def _serve(
    service: DemoService, faults: tuple[FaultSetting, ...], server: _Server, listener: socket.socket
) -> None:
    """Connect, switch the faults on, serve; undo both."""
    async with service.running(faults):
        # Bound long ago, but until now whoever connects shall be refused and not be kept waiting. Two
        # servers that start at once can both bind: the second one finds out here.
        with _port_errors(listener.getsockname()[0], listener.getsockname()[1]):
            listener.listen(_BACKLOG)
        await server.serve([listener])


def _uvicorn_config(service: DemoService) -> uvicorn.Config:
    return uvicorn.Config(
        service.asgi,
        http="httptools",  # h11, in Python, would be the service's limit before those that a run shall find
        lifespan="off",
        ws="none",
        proxy_headers=False,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_DRAIN_LIMIT_S,
    )


@contextmanager
def _signals(stop: _Stop) -> Iterator[None]:
    before = {number: signal.signal(number, stop.handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _listener(options: DemoOptions) -> Iterator[socket.socket]:
    """A socket bound to the host and port, before anything slow is started."""
    with _port_errors(options.host, options.port):
        family, kind, protocol, _, address = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    with listener:
        with _port_errors(options.host, options.port):
            # Else the connections of a demo that has just ended would keep the port for a minute.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        yield listener


@contextmanager
def _port_errors(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            hint = "stop what listens there, or choose another with --port (0 takes a free one)"
            raise DemoError(f"port {port} on {host} is in use", hint) from None
        raise DemoError(
            f"cannot listen on {host}, port {port}: {error.strerror}", "see --host, --port"
        ) from None


@contextmanager
def _seeded_database(options: DemoOptions) -> Iterator[tuple[str, int | None, str]]:
    """The URL of a database with the demo's rows, the temporary server's process id and its version."""
    url = options.database_url or os.environ.get("DATABASE_URL")
    if not url:
        with temporary_postgres() as postgres:
            yield postgres.url, postgres.pid, _seed(postgres.url, options.rows)
        return
    version = _seed(url, options.rows)
    try:
        yield url, None, version
    finally:
        with suppress(psycopg.Error):  # it may be gone, and then there is nothing to remove
            seeding.remove(url)


def _seed(url: str, rows: int) -> str:
    try:
        return seeding.seed(url, rows)
    except psycopg.ProgrammingError as error:
        # Without an SQLSTATE it is about the URL, and quotes it: it may hold a password.
        reason = error.diag.message_primary if error.sqlstate else "its URL cannot be read"
    except psycopg.Error as error:
        reason = str(error).partition("\n")[0]
    raise DemoError(f"cannot use the database: {reason}", "see DATABASE_URL, --database-url and --rows")


def _base_url(host: str, listener: socket.socket) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - replaced, not bound
    shown = f"[{reachable}]" if ":" in reachable else reachable
    return f"http://{shown}:{listener.getsockname()[1]}"


def _stop_when_stdin_ends(server: uvicorn.Server) -> None:
    loop = asyncio.get_running_loop()
    stdin = sys.stdin.fileno()

    def read() -> None:
        if not os.read(stdin, 1024):
            loop.remove_reader(stdin)
            server.should_exit = True

    loop.add_reader(stdin, read)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's when it is installed."""
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return factory
