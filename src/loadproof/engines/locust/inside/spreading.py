"""Users of a second start evenly over it, not all at its begin.

Locust starts the users of a second in one go. With 1,500 new ones a second all of them connect at once, and
each waits for the others: p50 of the ramp was 186 ms against a server of 0.1 ms. A ramp is judged like a
plateau, so its times must be the service's.
"""

from __future__ import annotations

import functools
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import gevent

from loadproof.engines.locust.seams import Part, known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

WINDOW_S: Final = 0.9
"""Within which the users of one order start; the next order comes after a second."""


def attach(runner: Any) -> None:
    """Spread what this runner starts, if it starts users itself."""
    if not known(Part.SPREADING):
        return
    start = runner.spawn_users

    @functools.wraps(start)
    def spread(user_classes_spawn_count: dict[str, int], wait: bool = False) -> list[Any]:
        if wait:
            return list(start(user_classes_spawn_count, wait))
        return start_evenly(start, user_classes_spawn_count)

    runner.spawn_users = spread


def start_evenly(
    start: Callable[[dict[str, int]], Iterable[Any]],
    counts: dict[str, int],
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], None] = gevent.sleep,
) -> list[Any]:
    """Start `counts` users of each class one by one within WINDOW_S; returns them.

    Whoever is late starts at once. When this greenlet is ended on the way the rest start at once, too:
    Locust counts them as started.
    """
    waiting = deque(_in_turns(counts))
    total = len(waiting)
    begin = clock()
    started: list[Any] = []
    while waiting:
        started += start({waiting.popleft(): 1})
        due = begin + WINDOW_S * (total - len(waiting)) / total
        if not waiting:
            break
        try:
            sleep(max(0.0, due - clock()))
        except gevent.GreenletExit:
            for name in waiting:
                start({name: 1})
            raise
    return started


def _in_turns(counts: dict[str, int]) -> Iterator[str]:
    """The classes' names as often as their counts, mixed evenly: in each part of it about their shares."""
    places = [((turn + 0.5) / count, name) for name, count in counts.items() for turn in range(count)]
    return (name for _, name in sorted(places))
