"""Checks of how the session opens a connection: as the clients do that it stands in for."""

from __future__ import annotations

import locust  # first of all, because it patches

# ruff: isort: split
import re
import socket
from collections.abc import Callable
from typing import Any, Final
from unittest import mock

import gevent.socket
import urllib3.util.connection
from geventhttpclient.connectionpool import ConnectionPool
from urllib3.connection import HTTPConnection

from loadproof.engines.locust.session import opening
from tests.engines.locust.session.answers import answer
from tests.engines.locust.session.checks_connections import a_user
from tests.engines.locust.session.scripted_server import ScriptedServer

Open = Callable[[str, int], Any]
_LIMIT_S: Final = 0.2
_NO_NAME: Final = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _urllib3(host: str, port: int) -> Any:
    HTTPConnection(host, port, timeout=_LIMIT_S).connect()


def _geventhttpclient(host: str, port: int) -> Any:
    ConnectionPool(host, port, host, port, 1, connection_timeout=_LIMIT_S)._create_socket()


PAIRS: Final[tuple[tuple[Open, Open], ...]] = (
    (_urllib3, lambda host, port: opening.as_urllib3(host, port, _LIMIT_S)),
    (_geventhttpclient, lambda host, port: opening.as_geventhttpclient(host, port, _LIMIT_S, 1.0)),
)


def _failure(connect: Open, host: str, port: int) -> list[Any]:
    try:
        connect(host, port)
    except Exception as error:  # noqa: BLE001  # which one it is, is what is compared
        cause = error.__cause__
        words = re.sub("0x[0-9a-f]+", "0x", str(error))
        return [type(error), words, type(cause), str(cause)]
    raise AssertionError(f"{host}:{port} answers")


def _same_failures(theirs: Open, ours: Open, places: list[tuple[str, int]]) -> None:
    for host, port in places:
        assert _failure(theirs, host, port) == _failure(ours, host, port), (host, port)


def connections_fail_as_with_the_other_clients() -> None:
    """Nobody there, nobody who takes it in time, no such name, a name that is none, several addresses."""
    several = [(2, 1, 6, "", ("127.0.0.1", 1)), (2, 1, 6, "", ("127.0.0.1", 0))]
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        queued = [socket.socket() for _ in range(3)]
        for sock in queued:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        for theirs, ours in PAIRS:
            _same_failures(theirs, ours, [("127.0.0.1", 1), ("127.0.0.1", port), ("::1", 1)])
            for module in (socket, gevent.socket):
                with mock.patch.object(module, "getaddrinfo", return_value=several):
                    _same_failures(theirs, ours, [("127.0.0.1", 1)])
                with mock.patch.object(module, "getaddrinfo", side_effect=_NO_NAME):
                    _same_failures(theirs, ours, [("127.0.0.1", 1)])
        with mock.patch.object(socket, "getaddrinfo", return_value=[]):
            _same_failures(*PAIRS[0], [("127.0.0.1", 1)])
        _same_failures(*PAIRS[0], [(f"{'a' * 64}.test", 80), ("a..b", 80), (".a", 80)])
        for sock in queued:
            sock.close()


def what_opens_connections_may_be_replaced() -> None:
    """Scenarios pin addresses, set options and bind to addresses of their own so."""
    asked: list[Any] = []
    create, look_up = urllib3.util.connection.create_connection, socket.getaddrinfo

    def created(address: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(("create_connection", address[0]))
        return create(("127.0.0.1", address[1]), *args, **kwargs)

    def pinned(host: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(("getaddrinfo", host))
        return look_up("127.0.0.1", *args, **kwargs)

    class Own(socket.socket):
        def connect(self, address: Any) -> None:
            asked.append(("socket", address[0]))
            super().connect(address)

    connection = urllib3.util.connection
    patches: list[tuple[Any, str, Any, type[Any], str]] = [
        (connection, "create_connection", created, locust.HttpUser, "shop"),
        (socket, "getaddrinfo", pinned, locust.HttpUser, "shop"),
        (gevent.socket, "getaddrinfo", pinned, locust.FastHttpUser, "shop"),
        (socket, "socket", Own, locust.HttpUser, "127.0.0.1"),
        (gevent.socket, "socket", Own, locust.FastHttpUser, "127.0.0.1"),
    ]
    for owner, name, replaced, base, host in patches:
        with ScriptedServer([[[answer()]]]) as server, mock.patch.object(owner, name, replaced):
            asked.clear()
            client = a_user(base, server).client
            assert client.get(f"http://{host}:{server.port}/").status_code == 200
            assert asked == [(name, host)], (name, asked)
    keep_alive = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = [*HTTPConnection.default_socket_options, keep_alive]
    for chosen in (HTTPConnection.default_socket_options, options):
        with (
            ScriptedServer([[[answer()]]]) as server,
            mock.patch.object(HTTPConnection, "default_socket_options", chosen),
        ):
            client = a_user(locust.HttpUser, server).client
            assert client.get("/").status_code == 200
            ((wire,),) = client._wires.values()
            assert wire._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == (chosen is options)
            assert wire._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    with mock.patch.object(connection, "allowed_gai_family", return_value=socket.AF_INET6):
        assert _failure(_urllib3, "127.0.0.1", 1)[0] is _failure(PAIRS[0][1], "127.0.0.1", 1)[0]
