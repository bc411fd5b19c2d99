"""What the sessions of this process did: requests begun, ended and reported, and the features that fell back.

A recorder reads it at the end of a run and asserts that nothing was lost on the way:
``issued == reported + unreported + in_flight``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadproof.engines.locust.entry import method_text, name_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class RequestCounts:
    """Counters of one process. All are requests since the process started (redirects are not counted apart).

    * ``issued``: calls that were begun.
    * ``answered``: calls that came back, with a response or with a failure that Locust turns into one.
    * ``raised``: calls that ended in an exception of the caller's (a bad URL, a user stopped while waiting).
    * ``interrupted``: of those, the ones whose user was stopped while waiting for the answer.
    * ``reported``: `request` events fired by a session. A call with ``catch_response=True`` is reported when
      its block is left, and never if the block raises: that is Locust's rule, and ``unreported`` shows it.
    """

    __slots__ = (
        *("_listeners", "answered", "fallbacks", "hosts", "interrupted", "issued", "on_broken", "raised"),
        *("last_origin", "reported", "sent_there", "wire"),
    )

    def __init__(self) -> None:
        self.issued = 0
        self.answered = 0
        self.raised = 0
        self.interrupted = 0
        self.reported = 0
        self.fallbacks: dict[str, int] = {}
        self.hosts: dict[Any, int] = {}
        """Requests by where they went: (scheme, host, port), or host:port as text."""
        self.last_origin: Any = None
        """Where the last request of the fast path went: those in a row to one place are one number."""
        self.sent_there = 0
        self.wire: dict[tuple[Any, Any], list[int]] = {}
        """By method and name: hops of redirects and repeats, beside the requests that are reported."""
        self.on_broken: Callable[..., None] = lambda **_: None
        """Gets the fields of a request that left and whose answer made the client raise: no event has it."""
        self._listeners: list[Callable[[str], None]] = []

    @property
    def in_flight(self) -> int:
        """Calls that were begun and have neither come back nor raised."""
        return self.issued - self.answered - self.raised

    @property
    def unreported(self) -> int:
        """Calls without an event: they raised, or their `catch_response` block is open or raised."""
        return self.answered + self.raised - self.reported

    def raised_with(self, error: BaseException) -> None:
        """Count one call that raised; GreenletExit and its like are a user that was stopped."""
        self.raised += 1
        self.interrupted += not isinstance(error, Exception)

    def cut_off(self, error: BaseException) -> None:
        """An answer had begun to come, bit by bit, when its user was stopped: the call has not come back."""
        self.answered -= 1
        self.raised_with(error)

    def travelled(self, method: Any, name: Any, hosts: Iterable[str], hops: int, repeats: int) -> None:
        """Count what a call sent beside its one request, and where all of it went."""
        for host in hosts:
            self.hosts[host] = self.hosts.get(host, 0) + 1
        if hops or repeats:
            counts = self.wire.setdefault((method_text(method), name_text(name)), [0, 0])
            counts[0] += hops
            counts[1] += repeats

    def went_to(self, origin: Any) -> None:
        """Count a request of the fast path to another place than the one before it."""
        if self.sent_there:
            self.hosts[self.last_origin] = self.hosts.get(self.last_origin, 0) + self.sent_there
        self.last_origin, self.sent_there = origin, 1

    def take_hosts(self) -> dict[Any, int]:
        """Requests by where they went since the last call."""
        self.went_to(None)
        hosts, self.hosts, self.sent_there = self.hosts, {}, 0
        return hosts

    def on_fallback(self, listener: Callable[[str], None]) -> None:
        """Call `listener(feature)` the first time that each feature falls back to Locust's own client."""
        self._listeners.append(listener)
        for feature in self.fallbacks:
            listener(feature)

    def fell_back(self, feature: str) -> None:
        """Count one call that Locust's own client has to serve, because it uses `feature`, "" for none."""
        if not feature:
            return
        count = self.fallbacks.get(feature, 0)
        self.fallbacks[feature] = count + 1
        if not count:
            for listener in self._listeners:
                listener(feature)


COUNTS = RequestCounts()
