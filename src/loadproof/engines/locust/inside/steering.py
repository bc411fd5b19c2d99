"""A load made more or less by hand while it runs, as the conductor says over the channel.

{"t": "load", "level": n}     from now on so many users, or arrivals per second, until the load's end
{"t": "begin", "at_s": s}     when a load that waits for its moment is to begin; comes first

In the leading process: it spawns and stops users, or tells workers of arrivals, wherever they are.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any, Final

import gevent

from loadproof.engines.locust.channel import Decoder, received
from loadproof.model import EventKind
from loadproof.units import format_count

_LOADING: Final = ("spawning", "running")
"""States of Locust's runner."""
_LOOK_S: Final = 0.1


def wait_for_begin(channel: socket.socket) -> float:
    """The moment at which the load is to begin. Raises SystemExit when the conductor is gone."""
    decoder = Decoder()
    while data := received(channel):
        for message in decoder.feed(data):
            if message["t"] == "begin":
                return float(message["at_s"])
    sys.exit(1)


def listen(channel: socket.socket, obey: Callable[[int], None]) -> None:
    """Until the conductor is gone `obey` gets each number that is asked for."""
    gevent.spawn(_read, channel, obey)


def _read(channel: socket.socket, obey: Callable[[int], None]) -> None:
    decoder = Decoder()
    while data := received(channel):
        for message in decoder.feed(data):
            if message["t"] == "load":
                obey(int(message["level"]))


def change(
    runner: Any, users: int, event: Callable[..., None], sleep: Callable[[float], None] = gevent.sleep
) -> None:
    """Let so many users run from now on. Whatever becomes of it, `event(kind, message, **data)` is told."""
    shape = runner.environment.shape_class
    own = shape is not None and not hasattr(shape, "by_hand")  # the locustfile's, and no ProfileShape
    asked = f"{format_count(users)} users were asked for by hand"
    if shape is None:
        _await_spawning(runner, asked, event, sleep)
    if own or runner.state not in _LOADING:
        why = f"the scenario's own load shape, {type(shape).__name__}, decides" if own else "no load runs"
        event(EventKind.LOAD_UNCHANGED, f"{asked}, and nothing was changed: {why}", users=users)
        return
    before = runner.user_count
    # This is told first: a load that ends while Locust still obeys was changed all the same.
    said = f"the load was changed by hand, from {format_count(before)} to {format_count(users)} users"
    event(EventKind.LOAD_CHANGED, said, users=users, before=before)
    if shape is not None:
        shape.by_hand = users
        return
    try:
        runner.start(users, float(max(1, abs(users - before))))
    except (ValueError, LookupError, RuntimeError) as error:
        # Such as "generator already executing", where a lost worker's users are given to others meanwhile.
        why = f"Locust raised {type(error).__name__}: {error}"
        event(EventKind.LOAD_UNCHANGED, f"{asked}, and are not there for certain: {why}", users=users)


def _await_spawning(
    runner: Any, asked: str, event: Callable[..., None], sleep: Callable[[float], None]
) -> None:
    """A master that starts users must not be told to start others: both would go on with one list of them.

    Without workers Locust breaks off what it starts by itself.
    """
    told = False
    while runner.state in _LOADING and not getattr(runner, "spawning_completed", True):
        if not told:
            event(EventKind.ENGINE_LOG, f"{asked}: that waits until the users under way have started")
            told = True
        sleep(_LOOK_S)
