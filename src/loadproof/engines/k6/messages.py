"""The messages of WebSockets and gRPC streams: when a session's first one came, and how far apart they are.

k6 writes a sample for each that it received, with its time, and nothing that says of which session: user and
iteration (`vu`, `iter`, which k6 calls metadata) and the address do. Where an iteration has two sessions with
one address at once, their messages cannot be told apart, and have no such times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from loadproof.engines.k6 import words
from loadproof.engines.k6.protocols import PROTOCOLS
from loadproof.model import EVENT_GAP, FIRST_EVENT, Endpoint

_CONNECTING, _CALLED = "ws_connecting", "grpc_req_duration"
_BEGAN: Final = {_CONNECTING: _CONNECTING, "grpc_streams": _CALLED}
"""What tells of a session's start, and the metric of its protocol's requests."""
_RECEIVED: Final = frozenset({"ws_msgs_received", "grpc_streams_msgs_received"})
_ENDED: Final = frozenset({"ws_session_duration", _CALLED})
BEGINNINGS: Final = (b'{"metric":"ws_', b'{"metric":"grpc_')
"""Of the lines that `Messages` wants."""
TAGS: Final = ("iter", "url", "vu")
"""System tags that it stands on."""
_SESSIONS_KEPT: Final = 100_000
"""One whose end k6 never told must not be kept for ever."""


@dataclass(slots=True)
class _Session:
    endpoint: str
    last_s: float
    """Of its start, then of its last message."""
    open: int = 1
    begun: bool = False
    mixed: bool = False


class Messages:
    """`take` each sample of a WebSocket and of gRPC."""

    def __init__(self) -> None:
        self.mixed = 0
        """Sessions whose messages could not be told apart."""
        self._sessions: dict[tuple[str, str, str], _Session] = {}

    def take(self, metric: str, data: dict[str, Any], time_s: float) -> tuple[Endpoint, float] | None:
        """The time that a message has, in milliseconds, and of which endpoint; None for most samples.

        Raises KeyError for a sample without what tells sessions apart.
        """
        tags, told = data["tags"], data["metadata"]
        if str(tags.get("group", "")).startswith(words.SETUP_AND_TEARDOWN):
            return None
        key = (str(told["vu"]), str(told["iter"]), str(tags["url"]))
        if metric in _BEGAN:
            self._began(_BEGAN[metric], key, tags, time_s)
        elif (session := self._sessions.get(key)) is not None:
            if metric in _ENDED:
                session.open -= 1
                if not session.open:
                    del self._sessions[key]
            elif metric in _RECEIVED and not session.mixed:
                kind = EVENT_GAP if session.begun else FIRST_EVENT
                took_s, session.last_s, session.begun = time_s - session.last_s, time_s, True
                return Endpoint(kind, session.endpoint), max(0.0, took_s) * 1e3
        return None

    def _began(self, of: str, key: tuple[str, str, str], tags: dict[str, Any], time_s: float) -> None:
        kind = PROTOCOLS[of](tags)
        if of == _CONNECTING and kind.failure is not None:
            return  # it was not accepted; how a call ends is not known yet
        session = self._sessions.get(key)
        if session is not None:
            session.open += 1
            self.mixed += 1 if session.mixed else 2
            session.mixed = True
            return
        if len(self._sessions) >= _SESSIONS_KEPT:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[key] = _Session(str(kind.endpoint), time_s)
