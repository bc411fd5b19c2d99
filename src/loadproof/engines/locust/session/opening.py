"""Opening a plain connection: each new user of a ramp waits for one, and all the others wait meanwhile.

urllib3 and geventhttpclient open gevent's sockets, of which a `Wire` needs nothing: their watchers, their
timeouts and the errors by which they learn that a connection is under way took as long as the connection
itself. So the same calls of the system are made without them. Whoever has replaced what these libraries
open a connection by gets one of that kind.
"""

from __future__ import annotations

import _socket
import socket
from typing import TYPE_CHECKING, Any, Final

import gevent.socket
import urllib3.util.connection
from geventhttpclient.connectionpool import ConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from loadproof.engines.locust.inside.connecting import connect

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_HOST: Final = 63
"""Of one label, which every name that is no longer has at the most: the longer ones urllib3 looks at."""
_KIND, _TCP = int(socket.SOCK_STREAM), int(socket.IPPROTO_TCP)


def _urllib3s() -> tuple[Any, ...]:
    create = urllib3.util.connection.create_connection
    return create, HTTPConnection.connect, HTTPConnection._new_conn, socket.socket


def _geventhttpclients() -> tuple[Any, ...]:
    return ConnectionPool._create_socket, ConnectionPool.after_connect, gevent.socket.socket


_OF_URLLIB3: Final = _urllib3s()
_OF_GEVENTHTTPCLIENT: Final = _geventhttpclients()


def as_urllib3(host: str, port: int, limit_s: float | None) -> Any:
    """A socket as python-requests has it opened. Raises urllib3's errors."""
    simple = len(host) <= _LONGEST_HOST and host.isascii() and ".." not in host and host[:1] not in "[."
    if not simple or _urllib3s() != _OF_URLLIB3:
        connection = HTTPConnection(host, port, timeout=limit_s)
        connection.connect()
        sock, connection.sock = connection.sock, None
        return sock
    try:
        family = urllib3.util.connection.allowed_gai_family()
        found = socket.getaddrinfo(host, port, family, _KIND)
        return _one_of(found, HTTPConnection.default_socket_options, limit_s, -1)
    except socket.gaierror as error:
        raise NameResolutionError(host, HTTPConnection(host, port), error) from error
    except TimeoutError as error:
        said = f"Connection to {host} timed out. (connect timeout={limit_s})"
        raise ConnectTimeoutError(HTTPConnection(host, port), said) from error
    except OSError as error:
        said = f"Failed to establish a new connection: {error}"
        raise NewConnectionError(HTTPConnection(host, port), said) from error


def as_geventhttpclient(host: str, port: int, limit_s: float, network_s: float) -> Any:
    """A socket as Locust's FastHttpUser has it opened. Raises geventhttpclient's errors."""
    if _geventhttpclients() != _OF_GEVENTHTTPCLIENT:
        pool = ConnectionPool(
            host, port, host, port, 1, connection_timeout=limit_s, network_timeout=network_s
        )
        return pool._create_socket()
    return _one_of(gevent.socket.getaddrinfo(host, port, 0, _KIND, _TCP), (), limit_s, 0)


def _one_of(found: list[Any], options: Iterable[Any] | None, limit_s: float | None, told: int) -> Any:
    """A connection to the first that answers. Raises the error at place `told` of all."""
    failed = []
    for family, kind, proto, _, address in found:
        sock = _socket.socket(family, kind, proto)
        try:
            for option in options or ():
                sock.setsockopt(*option)
            sock.setblocking(False)
            connect(sock, family, address, limit_s)
        except OSError as error:
            sock.close()
            failed.append(error)
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise (failed or [OSError("getaddrinfo returns an empty list")])[told]
