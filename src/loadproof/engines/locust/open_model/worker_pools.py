"""What workers tell the master of their pools: with each report, and sooner while many users are busy.

Reports come once a second. In a load whose arrivals all need a new user those of the next second would be
gone by the time the master hears of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import gevent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadproof.engines.locust.open_model.arrivals import ArrivalPool

POOL: Final = "loadproof_pool"
"""Message to the master: a worker's pool, between two reports."""
_EVERY_S: Final = 0.2
_MANY: Final = 0.25
"""Of a worker's users: while fewer are busy, its reports are enough."""


def state_of(pool: ArrivalPool) -> dict[str, Any]:
    """The users of a worker's pool, and how many of them are busy now."""
    waiting = pool.waiting
    return {
        "idle": pool.idle, "waiting": waiting, "users": pool.users, "busy": pool.busy, "waited": waiting > 0,
    }  # fmt: skip


def tell_for_ever(runner: Any, pool: ArrivalPool) -> None:
    """In a worker, in a greenlet of its own."""
    while True:
        gevent.sleep(_EVERY_S)
        if pool.utilisation >= _MANY:
            runner.send_message(POOL, state_of(pool))


class WorkerPools:
    """At the master: the last that each worker told. `alive` names the workers that have users."""

    def __init__(self, clock: Callable[[], float], alive: Callable[[], set[str]]) -> None:
        self._clock = clock
        self._alive = alive
        self._states: dict[str, dict[str, Any]] = {}
        self.told_s = 0.0
        """When the last of them told something."""

    def add_report(self, client_id: str, report: dict[str, Any]) -> None:
        """What came with a worker's report."""
        self._states[client_id] = report
        self.told_s = self._clock()

    def on_message(self, msg: Any, **_: Any) -> None:
        """What came between two: the most stays that since the last report."""
        known = self._states.get(msg.node_id)
        if known is not None:
            most = {name: max(known[name], msg.data[name]) for name in ("busy", "waited")}
            self.add_report(msg.node_id, {**known, **msg.data, **most})

    def sum(self, name: str) -> int:
        """Of all workers that have users."""
        return sum(int(state[name]) for state in self._of_alive())

    def sum_of_all(self, name: str) -> int:
        """Those included that are gone."""
        return sum(int(state.get(name, 0)) for state in self._states.values())

    def most_busy(self) -> tuple[int, bool]:
        """At most since each one's last report, as if all were as busy as the busiest: new users are spread
        evenly over them."""
        alive = list(self._of_alive())
        busiest = max((int(state["busy"]) for state in alive), default=0)
        return busiest * len(alive), any(state["waited"] for state in alive)

    def _of_alive(self) -> Iterator[dict[str, Any]]:
        alive = self._alive()
        return (state for client_id, state in self._states.items() if client_id in alive)
