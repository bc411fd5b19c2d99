"""The load shape of the open model: once a second it looks whether the pool has users enough."""

from __future__ import annotations

from time import monotonic
from typing import Final, Protocol

import gevent
from locust import LoadTestShape

POLL_S: Final = 0.05
"""Between two looks at what somebody waits for."""


class Pool(Protocol):
    """What the shape asks of the open model, which says what each means."""

    @property
    def is_over(self) -> bool: ...
    @property
    def left_s(self) -> float: ...
    @property
    def hurries(self) -> bool: ...
    def next_look_s(self) -> float: ...
    def users_wanted(self) -> int: ...
    def is_making_users(self, since_s: float) -> bool: ...


class ArrivalShape(LoadTestShape):
    """Grows the pool by Locust's own spawning, once a second, and ends the load on time."""

    abstract = True  # keeps Locust from taking it for a shape of the locustfile

    def __init__(self, model: Pool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._model = model
        self._last, self._ordered_s = (0, 1.0), 0.0

    def tick(self) -> tuple[int, float] | None:
        """Users that should run; None when the load is over.

        The rate makes one order of the new ones: they come evenly within the next second, or all at once
        where they are awaited.
        """
        model = self._model
        while not model.is_over and (wait_s := model.next_look_s()) > 0:
            gevent.sleep(min(POLL_S, wait_s))
        self._wait_for_the_end()
        if model.is_over:
            return None
        users, before = model.users_wanted(), self._last[0]
        # Fewer would end the order before, whose users are not all there: the rest start at once then, and
        # are stopped again.
        if users > before or (users < before and not model.is_making_users(monotonic() - self._ordered_s)):
            step = users if model.hurries else abs(users - before)
            self._last, self._ordered_s = (users, float(max(1, step))), monotonic()
        return self._last

    def _wait_for_the_end(self) -> None:
        """Within the last second, tick at the end and not up to a second behind it."""
        model = self._model
        if model.left_s < 1.0:
            gevent.sleep(max(POLL_S, model.left_s))
