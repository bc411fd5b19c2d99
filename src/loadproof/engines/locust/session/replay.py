"""A socket that has already sent the request and received the first bytes of the answer.

What the fast path does not want to judge, it hands to the client that Locust uses, together with this socket:
that client "sends" the same request again, which goes nowhere, and reads what has arrived, then the rest.
So truncated, chunked, folded or absurd answers end exactly as they end under Locust.
"""

from __future__ import annotations

from typing import Any

import gevent.socket
import gevent.ssl


class _Replay:
    """The state of a replay, mixed into gevent's socket classes."""

    _replay_prefix: bytes
    _replay_send_error: OSError | None
    _replay_read_error: OSError | None
    _replay_sending: bool

    def begin_replay(self, prefix: bytes, send_error: OSError | None, read_error: OSError | None) -> None:
        """Set what was received, and the errors that sending and receiving ended with."""
        self._replay_prefix = prefix
        self._replay_send_error = send_error
        self._replay_read_error = read_error
        self._replay_sending = True

    def sendall(self, data: Any, flags: int = 0) -> Any:
        """Swallow the request that was sent already; send what follows it."""
        if not self._replay_sending:
            return super().sendall(data, flags)  # type: ignore[misc]  # mixed into a socket class
        if self._replay_send_error is not None:
            raise self._replay_send_error
        return None

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Give what was received already, then what arrives."""
        self._replay_sending = False
        prefix = self._replay_prefix
        if prefix:
            size = min(len(buffer), len(prefix), nbytes or len(prefix))
            buffer[:size] = prefix[:size]
            self._replay_prefix = prefix[size:]
            return size
        if self._replay_read_error is not None:
            error, self._replay_read_error = self._replay_read_error, None
            raise error
        return int(super().recv_into(buffer, nbytes or 0, flags))  # type: ignore[misc]  # mixed into a socket class

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Give what was received already, then what arrives."""
        self._replay_sending = False
        prefix = self._replay_prefix
        if prefix:
            self._replay_prefix = prefix[size:]
            return prefix[:size]
        if self._replay_read_error is not None:
            error, self._replay_read_error = self._replay_read_error, None
            raise error
        return bytes(super().recv(size, flags))  # type: ignore[misc]  # mixed into a socket class


class _ReplaySocket(_Replay, gevent.socket.socket):  # type: ignore[misc]  # gevent has no types
    pass


class _ReplayTLS(_Replay, gevent.ssl.SSLSocket):  # type: ignore[misc]  # gevent has no types
    pass


def replay_of(sock: Any, prefix: bytes, send_error: OSError | None, read_error: OSError | None) -> Any:
    """Turn a connected gevent socket, which the caller must forget, into one that replays."""
    if hasattr(sock, "_sslobj"):
        sock.__class__ = _ReplayTLS
    else:
        sock = _ReplaySocket(sock.family, sock.type, sock.proto, fileno=sock.detach())
    sock.begin_replay(prefix, send_error, read_error)
    return sock


def replayed(sock: Any) -> Any:
    """Return the gevent socket that `sock` is when its replay is over, None if bytes were left unread."""
    if not isinstance(sock, _Replay):
        return sock
    replay: Any = sock
    if sock._replay_prefix or sock._replay_sending:
        return None
    if isinstance(sock, _ReplayTLS):
        sock.__class__ = gevent.ssl.SSLSocket
        return sock
    return gevent.socket.socket(replay.family, replay.type, replay.proto, fileno=replay.detach())
