"""What the sessions of this process did: requests begun, ended and reported, and the features that fell back.

A recorder reads it at the end of a run and asserts that nothing was lost on the way:
``issued == reported + unreported + in_flight``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Ledger:
    """Counters of one process. All are requests since the process started (redirects are not counted apart).

    * ``issued``: calls that were begun.
    * ``answered``: calls that came back, with a response or with a failure that Locust turns into one.
    * ``raised``: calls that ended in an exception of the caller's (a bad URL, a user stopped while waiting).
    * ``interrupted``: of those, the ones whose user was stopped while waiting for the answer.
    * ``reported``: `request` events fired by a session. A call with ``catch_response=True`` is reported when
      its block is left, and never if the block raises: that is Locust's rule, and ``unreported`` shows it.
    """

    __slots__ = ("_listeners", "answered", "fallbacks", "interrupted", "issued", "raised", "reported")

    def __init__(self) -> None:
        self.issued = 0
        self.answered = 0
        self.raised = 0
        self.interrupted = 0
        self.reported = 0
        self.fallbacks: dict[str, int] = {}
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

    def on_fallback(self, listener: Callable[[str], None]) -> None:
        """Call `listener(feature)` the first time that each feature falls back to Locust's own client."""
        self._listeners.append(listener)
        for feature in self.fallbacks:
            listener(feature)

    def fell_back(self, feature: str) -> None:
        """Count one call that Locust's own client has to serve, because it uses `feature`."""
        count = self.fallbacks.get(feature, 0)
        self.fallbacks[feature] = count + 1
        if not count:
            for listener in self._listeners:
                listener(feature)


LEDGER = Ledger()
