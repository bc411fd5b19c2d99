"""What one call of an HTTP client really sent: hops of redirects, and what a client sent again by itself.

Locust counts a call as one request, and so does every count of Loadproof's. The service gets more: each
followed redirect, and each repeat (geventhttpclient sends a request twelve times when the connection is reset
each time; adapters with retries do the same). They are counted where each client sends.
"""

from __future__ import annotations

import functools
from time import perf_counter
from typing import TYPE_CHECKING, Any

from geventhttpclient.client import HTTPClient
from geventhttpclient.connectionpool import ConnectionPool
from greenlet import getcurrent  # type: ignore[import-untyped]  # it has no types
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from loadproof.engines.locust.session.counts import COUNTS

if TYPE_CHECKING:
    from types import TracebackType


class Trip:
    """One call, while it is under way; at its end the counts have what it sent.

    When the call raises after it was sent, as for an answer with an unknown coding or a redirect to another
    scheme, no event of Locust's tells of that request: the counts report it as failed.
    """

    __slots__ = ("_before", "_method", "_start", "asked", "host", "hosts", "name", "sent")

    def __init__(self, method: Any, name: Any, start: float) -> None:
        """`start` is of `perf_counter`; `name` may be set anew while it is under way."""
        self.name = name
        self._method = method
        self._start = start
        self.asked = 0
        """Requests that the call consists of: its own, and one for each redirect that was followed."""
        self.sent = 0
        """How often one of them was sent."""
        self.host = ""
        self.hosts: list[str] = []
        """Where each of them went, as host:port."""
        self._before: Trip | None = None

    @property
    def hops(self) -> int:
        return max(0, self.asked - 1)

    @property
    def repeats(self) -> int:
        return max(0, self.sent - self.asked)

    def __enter__(self) -> Trip:
        current = getcurrent()
        self._before = _under_way.get(current)
        _under_way[current] = self
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._before is None:
            _under_way.pop(getcurrent(), None)
        else:
            _under_way[getcurrent()] = self._before
        COUNTS.travelled(self._method, self.name, self.hosts, self.hops, self.repeats)
        if self.sent and isinstance(error, Exception):
            time_ms = (perf_counter() - self._start) * 1000
            COUNTS.on_broken(
                request_type=self._method, name=self.name, response_time=time_ms, exception=error
            )


_under_way: dict[Any, Trip] = {}
"""By greenlet: several of them may share a session."""


def place(scheme: str, host: str, port: int | None) -> str:
    """Where a request goes, as host:port."""
    return f"{host}:{port or (443 if scheme == 'https' else 80)}"


def asks(host: str) -> None:
    """A request of the call is about to be sent to `host`, as host:port."""
    trip = _under_way.get(getcurrent())
    if trip is not None:
        trip.asked += 1
        trip.host = host


def sent() -> None:
    """A request leaves now, on a connection that is there."""
    trip = _under_way.get(getcurrent())
    if trip is not None:
        trip.sent += 1
        trip.hosts.append(trip.host)


def sent_before(host: str) -> None:
    """The request that is about to leave for `host`, as host:port, had gone there before."""
    trip = _under_way.get(getcurrent())
    if trip is not None:
        trip.sent += 1
        trip.hosts.append(host)


def served() -> None:
    """A request of the call was sent by the session itself, which has counted where it went."""
    trip = _under_way.get(getcurrent())
    if trip is not None:
        trip.asked += 1
        trip.sent += 1


def install() -> None:
    """Count in both clients; once in a process."""
    HTTPAdapter.send = _asking(HTTPAdapter.send, lambda _adapter: "")  # type: ignore[method-assign]
    HTTPClient.request = _asking(HTTPClient.request, _host_of)  # type: ignore[method-assign]
    HTTPConnectionPool._make_request = _sending(HTTPConnectionPool._make_request)  # type: ignore[method-assign]
    ConnectionPool.get_socket = _connected(ConnectionPool.get_socket)  # type: ignore[method-assign]


def _host_of(client: Any) -> str:
    return f"{client.host}:{client.port}"


def _asking(ask: Any, host_of: Any) -> Any:
    @functools.wraps(ask)
    def asked(client: Any, *args: Any, **kwargs: Any) -> Any:
        asks(host_of(client))
        return ask(client, *args, **kwargs)

    return asked


def _sending(send: Any) -> Any:
    @functools.wraps(send)
    def counted(pool: Any, *args: Any, **kwargs: Any) -> Any:
        trip = _under_way.get(getcurrent())
        if trip is None:
            return send(pool, *args, **kwargs)
        trip.sent += 1
        trip.hosts.append(place(pool.scheme, pool.host, pool.port))
        try:
            return send(pool, *args, **kwargs)
        except (NewConnectionError, ConnectTimeoutError):
            trip.sent -= 1
            trip.hosts.pop()
            raise

    return counted


def _connected(connect: Any) -> Any:
    @functools.wraps(connect)
    def connected(pool: Any) -> Any:
        found = connect(pool)
        sent()
        return found

    return connected
