"""The connections of one session, and one request over one of them.

Both sessions use them, and so do the clients that a session falls back to: a user has one connection for each
host, whichever code served it last.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

from urllib3.exceptions import HTTPError

from loadproof.engines.locust.session.body import NotDecoded, decoded
from loadproof.engines.locust.session.counts import COUNTS
from loadproof.engines.locust.session.exchange import UnparsedAnswer, receive
from loadproof.engines.locust.session.lazy import Lazy
from loadproof.engines.locust.session.replay import replay_of, replayed
from loadproof.engines.locust.session.tickets import Tickets
from loadproof.engines.locust.session.wire import SendError, Wire

if TYPE_CHECKING:
    from collections.abc import Container

    from loadproof.engines.locust.session.body import Decoders
    from loadproof.engines.locust.session.call import FastCall
    from loadproof.engines.locust.session.head import Head
    from loadproof.engines.locust.session.target import Origin, Target

# urllib3's and geventhttpclient's pools keep ten idle connections for a host and drop the eleventh.
_MAX_IDLE = 10


class Pending:
    """A request that the fast path has sent and could not finish: the wire, the bytes, the errors."""

    __slots__ = (
        *("answer", "connect_error", "prefix", "read_error", "refused", "send_error", "stream", "wire"),
    )

    def __init__(
        self,
        wire: Wire | None,
        prefix: bytes = b"",
        *,
        answer: tuple[bytes, Head, bytes] | None = None,
        send_error: OSError | None = None,
        read_error: OSError | None = None,
        connect_error: Exception | None = None,
        stream: Any = None,
        refused: bool = False,
    ) -> None:
        self.wire = wire
        self.prefix = prefix
        self.answer = answer
        """A plain answer of which the other client makes more: what was sent, its head, its body."""
        self.send_error = send_error
        self.read_error = read_error
        self.connect_error = connect_error
        self.stream = stream
        """Where HTTP/2 was spoken, in place of a wire."""
        self.refused = refused
        """A server that speaks HTTP/2 got it, and says that it has not looked at it."""


class Connections:
    """What both sessions are: idle connections by where they go, and the request that is left to another."""

    decoders: ClassVar[Decoders]
    """Of the codings that the other client knows."""
    decodes_nothing: ClassVar[bool]
    """Whether the other client decodes an empty body, which fails."""

    base_url: Any
    pending: Pending | None = None
    tickets: Any = Lazy(lambda _session: Tickets())
    _wires: dict[Origin, list[Any]]

    def _build_url(self, path: Any) -> str:
        if type(path) is str and path[:1] == "/":
            return f"{self.base_url}{path}"
        return str(super()._build_url(path))  # type: ignore[misc]  # mixed into one of Locust's sessions

    def connected(self, target: Target, _timeout_s: float | None) -> Wire:
        """Open a connection as the other client does. Raises its errors."""
        raise NotImplementedError

    def exchange(  # noqa: PLR0911  # one return for each way in which an exchange ends
        self,
        fast_call: FastCall,
        request: bytes,
        send_s: float | None,
        read_s: float | None,
        start: float,
        trim: bool,
        follow: bool,
        served: Container[int] | None,
    ) -> tuple[Head, bytes, bytes, float] | None:
        """Send `request`; return the answer's head, its body as received and decoded, and when it was here.

        `start` is `perf_counter` seconds, as the time that is returned. How the other client reads decides
        the rest: `trim` says that it drops bytes beyond an answer (else they are a broken second one),
        `follow` that it follows redirects, `served` which statuses it returns as they are (None: all).
        None leaves the call to the other client: with `pending` set what is begun, else all of it.
        """
        target, origin, call, _, _ = fast_call
        wire = self.idle_wire(origin, start)
        if wire is None and (wire := self._new_wire(target, origin, send_s)) is None:
            return None
        try:
            first = wire.ask(request, send_s, read_s)
            head, raw, keep = receive(wire, first, call.method == "HEAD", read_s, trim)
            if (head.redirect and follow) or (served is not None and head.status not in served):
                received = head.whole(raw, call.method == "HEAD")
                self.pending = Pending(wire, received, answer=(request, head, raw))
                return None
            content = raw
            if head.coding and (raw or self.decodes_nothing):
                content = decoded(head.coding, raw, self.decoders)
        except SendError as error:
            self.pending = Pending(wire, send_error=error.cause)
            return None
        except UnparsedAnswer as answer:
            self.pending = Pending(wire, answer.received, read_error=answer.error)
            return None
        except NotDecoded:
            self.pending = Pending(wire, head.whole(raw, call.method == "HEAD"))
            return None
        except OSError as error:
            self.pending = Pending(wire, read_error=error)
            return None
        except BaseException:
            wire.close()  # the user was stopped: the answer that is under way must not meet the next request
            raise
        now = perf_counter()
        if keep:
            self.keep_wire(origin, wire, now)
        else:
            self.end_wire(origin, wire)
        if origin is COUNTS.last_origin:
            COUNTS.sent_there += 1
        else:
            COUNTS.went_to(origin)
        return head, raw, content, now

    def _new_wire(self, target: Target, origin: Origin, timeout_s: float | None) -> Wire | None:
        """A connection for a plain request; None, where the other client has to open it or to say why not."""
        if origin[0] != "http":
            return None
        try:
            return self.connected(target, timeout_s)
        except (HTTPError, OSError) as error:
            self.pending = Pending(None, connect_error=error)
            return None

    def idle_wire(self, origin: Origin, now: float) -> Wire | None:
        """Return an open idle connection, which is the caller's from now on, or None."""
        wires = self._wires.get(origin)
        while wires:
            wire = wires.pop()
            if type(wire) is not Wire:
                sock = replayed(wire)
                if sock is None:
                    wire.close()
                    continue
                wire = Wire(sock)
                wire.idle, wire.idle_since = True, now
            if wire.wake(now):
                return wire
            self.end_wire(origin, wire)
        return None

    def keep_wire(self, origin: Origin, wire: Wire, now: float) -> None:
        """Take back a connection whose response was read to its end at `now` (`perf_counter` seconds)."""
        wire.idle, wire.idle_since = True, now
        wires = self._wires.get(origin)
        if wires is None:
            self._wires[origin] = [wire]
        elif len(wires) < _MAX_IDLE:
            wires.append(wire)
        else:
            wire.close()

    def keep_socket(self, origin: Origin, sock: Any) -> None:
        """Take back a socket of the other client, which may read from it yet (after an interim answer)."""
        self._wires.setdefault(origin, []).append(sock)

    def lend(self, origin: Origin) -> Any:
        """Return a socket for the other client: what is pending there, or an idle one; None for neither.

        Raises what connecting for the pending request ended with.
        """
        pending, self.pending = self.pending, None
        if pending is not None:
            if pending.wire is None:
                raise pending.connect_error or OSError("no connection")
            return replay_of(pending.wire.release(), pending.prefix, pending.send_error, pending.read_error)
        wire = self.idle_wire(origin, perf_counter())
        return None if wire is None else wire.release()

    def take_answer(self, origin: Origin, most: int | None = None) -> tuple[bytes, Head, bytes] | None:
        """Return the answer that is pending, its connection kept or ended; None when none is.

        None, too, for one of more than `most` bytes: the other client decides before it has read them.
        """
        pending = self.pending
        if pending is None or pending.answer is None:
            return None
        if most is not None and len(pending.prefix) > most:
            return None
        self.pending = None
        if pending.wire is not None:
            if pending.answer[1].keep:
                self.keep_wire(origin, pending.wire, perf_counter())
            else:
                self.end_wire(origin, pending.wire)
        COUNTS.went_to(origin)
        return pending.answer

    def drop_pending(self) -> None:
        """Close what the other client did not ask for."""
        pending, self.pending = self.pending, None
        if pending is not None and pending.wire is not None:
            pending.wire.close()

    def close_idle(self) -> None:
        """Close the idle connections."""
        for wires in self._wires.values():
            while wires:
                wires.pop().close()

    def end_wire(self, origin: Origin, wire: Wire) -> None:
        """Close a connection, and keep its TLS session for the next one."""
        if wire.tls is not None:
            self.tickets.keep(origin, wire.tls)
        wire.close()
