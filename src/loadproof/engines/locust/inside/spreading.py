"""Users of a second start evenly over it, not all at its begin.

Locust starts the users of a second in one go. With 1,500 new ones a second all of them connect at once, and
each waits for the others: p50 of the ramp was 186 ms against a server of 0.1 ms. A ramp is judged like a
plateau, so its times must be the service's.

Users who are late start together, not each in a turn of the event loop of its own: the more there is to do in
a turn the fewer users would come, while arrivals wait for them.

Locust counts all users six times for each order, in which nobody is answered: 6 times 9 ms where there are
15,000. So its group of users knows at each moment how many of each class there are. Its `spawn_users` is
called once for an order and not once for a user all the same: it writes a line of its log.
"""

from __future__ import annotations

import functools
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, Final

import gevent
from gevent.pool import Group

from loadproof.engines.locust.seams import Feature, known

WINDOW_S: Final = 0.97
"""Within which the users of one order start at the most; the next order comes after a second."""
_TOGETHER_S: Final = 0.002
_MOST_TOGETHER_S: Final = 0.02
"""So long users who are late, or awaited, are made before those that are there go on: as long as these had in
the last turn of the event loop, but no shorter and no longer."""


class Users(Group):  # type: ignore[misc]  # gevent's, which has no types
    """The greenlets of users that run, and how many of each class."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def add(self, greenlet: Any) -> None:
        """Called with each user before it runs."""
        super().add(greenlet)
        if greenlet.args:  # what a scenario puts here itself may have none
            kind = type(greenlet.args[0]).__name__
            self.counts[kind] += 1
            greenlet.rawlink(lambda _: self.counts.subtract((kind,)))


def attach(runner: Any, share_per_s: float | None, awaited: Callable[[], bool] = lambda: False) -> None:
    """Spread what this runner starts, if it starts users itself.

    `share_per_s`: how many users a second a worker starts of the whole; None where that is not known. A
    runner without workers is told with each order. While users are `awaited` none waits for its turn.
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
        kinds = runner.user_classes_by_name

        def start_one(name: str) -> Any:
            user = kinds[name](runner.environment)
            user.start(runner.user_greenlets)
            return user

        return start_evenly(start_one, user_classes_spawn_count, window_s, awaited=awaited)

    runner.start, runner.spawn_users = ordered, spread
    runner.user_greenlets = Users()
    type(runner).user_classes_count = property(
        lambda self: {kind.__name__: self.user_greenlets.counts[kind.__name__] for kind in self.user_classes}
    )


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
    awaited: Callable[[], bool] = lambda: False,
) -> list[Any]:
    """Start `counts` users of each class one by one within `window_s`, each by `start(name)`; returns them.

    Whoever is late, or awaited, starts at once. When this greenlet is ended on the way the rest do not start:
    the order that comes then is for them, too, since Locust orders what is missing.
    """
    waiting = deque(_in_turns(counts))
    total = len(waiting)
    begin = turn = clock()
    together_s = _TOGETHER_S
    started: list[Any] = []
    while waiting:
        started.append(start(waiting.popleft()))
        if not waiting:
            break
        now = clock()
        left_s = 0.0 if awaited() else begin + window_s * (total - len(waiting)) / total - now
        if left_s <= 0 and now - turn < together_s:
            continue
        sleep(max(0.0, left_s))
        turn = clock()
        together_s = min(_MOST_TOGETHER_S, max(_TOGETHER_S, turn - now - max(0.0, left_s)))
    return started


def _in_turns(counts: dict[str, int]) -> Iterator[str]:
    """The classes' names as often as their counts, mixed evenly: in each part of it about their shares."""
    places = [((turn + 0.5) / count, name) for name, count in counts.items() for turn in range(count)]
    return (name for _, name in sorted(places))
