"""Users of a second start evenly over it, not all at its begin.

Locust starts the users of a second in one go. With 1,500 new ones a second all of them connect at once, and
each waits for the others: p50 of the ramp was 186 ms against a server of 0.1 ms. A ramp is judged like a
plateau, so its times must be the service's.

Locust's `spawn_users` counts all users for each order, for a line of its log: it is called once for an order
and not once for a user, of whom 10,000 would take longer to count than to make.
"""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, Final

import gevent

from loadproof.engines.locust.seams import Feature, known

WINDOW_S: Final = 0.97
"""Within which the users of one order start at the most; the next order comes after a second."""


def attach(runner: Any, share_per_s: float | None) -> None:
    """Spread what this runner starts, if it starts users itself.

    `share_per_s`: how many users a second a worker starts of the whole; None where that is not known. A
    runner without workers is told with each order.
    """
    if not known(Feature.SPREADING):
        return
    order, spawn_users = runner.start, runner.spawn_users
    rate_per_s = share_per_s

    @functools.wraps(order)
    def ordered(user_count: int, spawn_rate: float, *args: Any, **kwargs: Any) -> Any:
        nonlocal rate_per_s
        rate_per_s = spawn_rate
        return order(user_count, spawn_rate, *args, **kwargs)

    @functools.wraps(spawn_users)
    def spread(user_classes_spawn_count: dict[str, int], wait: bool = False) -> list[Any]:
        if wait:
            return list(spawn_users(user_classes_spawn_count, wait))
        window_s = WINDOW_S
        if rate_per_s:
            window_s = min(WINDOW_S, sum(user_classes_spawn_count.values()) / rate_per_s)
        spawn_users({})  # what Locust does beside starting users
        return start_evenly(start_one, user_classes_spawn_count, window_s)

    def start_one(name: str) -> Any:
        user = runner.user_classes_by_name[name](runner.environment)
        user.start(runner.user_greenlets)
        return user

    runner.start, runner.spawn_users = ordered, spread


def share_per_s(options: Any) -> float | None:
    """How many users a second a worker of Locust's own flags starts; None where these do not say."""
    workers = os.cpu_count() if options.processes == -1 else options.processes or options.expect_workers
    return options.spawn_rate / workers if options.spawn_rate and workers else None


def start_evenly(
    start: Callable[[str], Any],
    counts: dict[str, int],
    window_s: float,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], None] = gevent.sleep,
) -> list[Any]:
    """Start `counts` users of each class one by one within `window_s`, each by `start(name)`; returns them.

    Whoever is late starts at once. When this greenlet is ended on the way the rest start at once, too:
    Locust counts them as started.
    """
    waiting = deque(_in_turns(counts))
    total = len(waiting)
    begin = clock()
    started: list[Any] = []
    while waiting:
        started.append(start(waiting.popleft()))
        due = begin + window_s * (total - len(waiting)) / total
        if not waiting:
            break
        try:
            sleep(max(0.0, due - clock()))
        except gevent.GreenletExit:
            for name in waiting:
                start(name)
            raise
    return started


def _in_turns(counts: dict[str, int]) -> Iterator[str]:
    """The classes' names as often as their counts, mixed evenly: in each part of it about their shares."""
    places = [((turn + 0.5) / count, name) for name, count in counts.items() for turn in range(count)]
    return (name for _, name in sorted(places))
