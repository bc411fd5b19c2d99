"""One kept-alive connection: send at once, sleep in gevent's hub until it is readable, receive."""

from __future__ import annotations

import _socket
import contextlib
import ssl
from time import perf_counter
from typing import TYPE_CHECKING, Any

import gevent.socket
from gevent import get_hub
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]  # it has no types

from loadproof.engines.locust.session.deadlines import DEADLINES, EXPIRED
from loadproof.engines.locust.session.stale import IDLE

if TYPE_CHECKING:
    from collections.abc import Callable

# Bytes asked of one recv. Larger values cost a larger allocation on every small answer.
RECEIVE_SIZE = 16384

# The base class's switch: gevent's own looks for a `switch_out` method first, which no greenlet of ours has.
_switch = greenlet.switch


class Wire:
    """A connected, non-blocking socket (plain or TLS) and the one watcher that wakes its user.

    It is the only owner of its descriptor until `release` gives that away as a gevent socket.
    """

    __slots__ = (
        *("_fileno", "_hub", "_recv", "_send", "_sock", "_tls", "_watcher"),
        *("__weakref__", "deadline", "idle", "idle_since", "stale", "waiter", "wakes_at"),
    )

    def __init__(self, sock: Any) -> None:
        """Take over `sock`, connected, the system's own or gevent's, or TLS; the caller must forget it."""
        self._hub = get_hub()
        self._tls: Any = None
        self._recv: Callable[[int], bytes]
        self._send: Callable[[bytes], int]
        if hasattr(sock, "_sslobj"):
            self._tls = sock
            self._sock: Any = sock
            self._recv = sock._sslobj.read
            self._send = sock._sslobj.write
        else:
            self._sock = sock
            if type(sock) is not _socket.socket:
                self._sock = _socket.socket(fileno=sock.detach())
                self._sock.setblocking(False)
            self._recv = self._sock.recv
            self._send = self._sock.send
        self._fileno = self._sock.fileno()
        self._watcher = self._hub.loop.io(self._fileno, 1)
        # Whether it waits for another request, and since when (`perf_counter` seconds).
        self.idle = False
        self.idle_since = 0.0
        self.stale = False
        # For the deadlines: who waits, until when, and the moment under which this connection is known there.
        self.waiter: Any = None
        self.deadline = 0.0
        self.wakes_at = float("inf")
        IDLE.watch(self._fileno, self)

    @property
    def tls(self) -> Any:
        """The TLS socket, None for a plain connection."""
        return self._tls

    def wake(self, now: float) -> bool:
        """Tell whether this idle connection may carry another request: open, and nothing unasked-for to read.

        It is urllib3's and geventhttpclient's own test; without it a request sent after the server's close
        would fail although Locust would have opened a new connection.
        """
        quiet = IDLE.quiet(self, self.idle_since, now) and not (self._tls is not None and self._tls.pending())
        self.idle = False
        return quiet

    def ask(self, request: bytes, send_timeout_s: float | None, read_timeout_s: float | None) -> bytes:
        """Send `request` and return the first bytes that come back, b"" at the end of the stream.

        Raises `SendError` with the cause when the request could not be sent, and OSError (TimeoutError
        after `read_timeout_s` without a byte) when nothing could be received.
        """
        self.send(request, send_timeout_s)
        return self.more(read_timeout_s)

    def send(self, data: bytes, timeout_s: float | None) -> None:
        """Send all of `data`. Raises `SendError`."""
        try:
            sent = self._send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent = 0
        except OSError as error:
            raise SendError(error) from error
        if sent != len(data):
            self._send_rest(memoryview(data)[sent:], timeout_s)

    def more(self, timeout_s: float | None) -> bytes:
        """Wait for readiness and return what arrived, b"" at the end of the stream."""
        watcher = self._watcher
        while True:
            current = getcurrent()
            if timeout_s is not None:
                self.waiter = current
                self.deadline = perf_counter() + timeout_s
                if self.deadline < self.wakes_at:
                    DEADLINES.enter(self, self.deadline)
            watcher.start(current.switch)
            try:
                if _switch(self._hub) is EXPIRED:
                    raise TimeoutError("timed out")
            finally:
                watcher.stop()
                self.waiter = None
            try:
                return self._recv(RECEIVE_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                continue
            except ssl.SSLEOFError:
                return b""

    def next(self, timeout_s: float | None) -> bytes:
        """Return what has arrived, waiting only if nothing has: for the pieces of a large body."""
        try:
            return self._recv(4 * RECEIVE_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return self.more(timeout_s)
        except ssl.SSLEOFError:
            return b""

    def here(self, _timeout_s: float | None = None) -> bytes:
        """Return what has arrived. Raises TimeoutError if nothing has."""
        try:
            return self._recv(4 * RECEIVE_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError):
            raise TimeoutError from None
        except ssl.SSLEOFError:
            return b""

    def _send_rest(self, rest: memoryview, timeout_s: float | None) -> None:
        watcher = self._hub.loop.io(self._fileno, 2)
        timer = None if timeout_s is None else self._hub.loop.timer(timeout_s)
        try:
            while rest:
                watcher.start(getcurrent().switch)
                if timer is not None:
                    timer.start(getcurrent().switch, timer, update=True)
                expired = _switch(self._hub) is timer and timer is not None
                watcher.stop()
                if expired:
                    raise TimeoutError("timed out")
                with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    rest = rest[self._send(rest) :]  # type: ignore[arg-type]  # both take any buffer
        except OSError as error:
            raise SendError(error) from error
        finally:
            watcher.stop()
            watcher.close()
            if timer is not None:
                timer.stop()
                timer.close()

    def release(self) -> Any:
        """Give the connection away as a gevent socket; this object is finished then."""
        self._close_watchers()
        sock, self._sock = self._sock, None
        if self._tls is not None:
            self._tls = None
            return sock
        family, kind, proto = sock.family, sock.type, sock.proto
        return gevent.socket.socket(family, kind, proto, fileno=sock.detach())

    def shut(self) -> None:
        """End the connection; whoever waits for it reads the end."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(_socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; harmless when it is closed already."""
        if self._sock is not None:
            self._close_watchers()
            self._sock.close()
            self._sock = None

    def _close_watchers(self) -> None:
        IDLE.forget(self._fileno, self)
        self._watcher.stop()
        self._watcher.close()

    def __del__(self) -> None:
        # A watcher that outlives its descriptor could wake a stranger who got the same number.
        if getattr(self, "_sock", None) is not None:
            self.close()


class SendError(Exception):
    """The request could not be sent in full; the cause is the OSError that says why."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(cause)
        self.cause = cause
