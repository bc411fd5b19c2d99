"""Users made more or fewer by hand while they run, as the conductor says over the channel.

{"t": "users", "users": n}     from now on so many, until the load's end

In the leading process: it spawns and stops users wherever they are.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import gevent
from locust.runners import Runner

from loadproof.engines.locust.channel import Decoder, received
from loadproof.engines.locust.shape import ProfileShape
from loadproof.model import EventKind
from loadproof.units import format_count


def listen(channel: socket.socket, runner: Runner, event: Callable[..., None]) -> None:
    """Obey until the conductor is gone; `event(kind, message, **data)` tells of each change."""
    gevent.spawn(_read, channel, runner, event)


def _read(channel: socket.socket, runner: Runner, event: Callable[..., None]) -> None:
    decoder = Decoder()
    while data := received(channel):
        for message in decoder.feed(data):
            if message["t"] == "users":
                _change(runner, int(message["users"]), event)


def _change(runner: Any, users: int, event: Callable[..., None]) -> None:
    shape, before = runner.environment.shape_class, runner.user_count
    if runner.state not in ("spawning", "running"):
        return
    if isinstance(shape, ProfileShape):
        shape.by_hand = users
    elif shape is None:
        runner.start(users, float(max(1, abs(users - before))))
    else:
        return  # the scenario's own shape decides
    said = f"the load was changed by hand, from {format_count(before)} to {format_count(users)} users"
    event(EventKind.LOAD_CHANGED, said, users=users, before=before)
