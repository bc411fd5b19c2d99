"""Stopping users without killing one in a request that it has just sent.

At its stop Locust looks up who called it in the source files, for 64 to 145 ms (`inspect.stack()`). Users
whose wait ended meanwhile wake together with the order to stop them, send, and are killed before the answer:
a request of nearly every user at nearly every end. So the look-up is made before the load, where its result
is kept; users whose wait is over wake before they are stopped; and one that wakes in that very turn of the
event loop ends with its task.

Whom Locust kills is remembered: a stream that such a user leaves unread was cut off, and not left.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent.event import AsyncResult
from gevent.pool import Group
from locust import User, runners
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from loadproof.engines.locust.seams import Feature, known
from loadproof.engines.locust.session.streams import KILLED

if TYPE_CHECKING:
    from collections.abc import Callable

_WAKING_S: Final = 0.002
"""For users whose wait is over: one turn of the event loop with its clock brought up to date."""


class UserGroup(Group):  # type: ignore[misc]  # gevent has no types
    """Remembers the users that it kills."""

    def kill(self, *args: Any, **kwargs: Any) -> Any:
        """As in gevent."""
        KILLED.update(self.greenlets)
        return super().kill(*args, **kwargs)

    def killone(self, greenlet: Any, *args: Any, **kwargs: Any) -> Any:
        """As in gevent."""
        KILLED.add(greenlet)
        return super().killone(greenlet, *args, **kwargs)


def install() -> None:
    """Let a user that waits know that it is being stopped, and not only its greenlet.

    To be called before Locust makes its runner.
    """
    if not known(Feature.STOPPING):
        return
    runners.Group = UserGroup  # type: ignore[attr-defined]  # imported there
    stop: Any = User.stop

    @functools.wraps(stop)
    def stopped(user: Any, force: bool = False) -> bool:
        if force or user._state != LOCUST_STATE_WAITING:
            return bool(stop(user, force))
        ending: AsyncResult = AsyncResult()
        # Now, not a turn later: a user that has woken meanwhile would be killed in a request, or its on_stop.
        gevent.get_hub().loop.run_callback(lambda: ending.set(_end_wait(user, stop)))
        ended: bool = ending.get()
        if ended:
            user._greenlet.join()
        return ended

    User.stop = stopped  # type: ignore[method-assign, assignment]


def _end_wait(user: Any, stop: Callable[[Any], object]) -> bool:
    """In the hub: end the wait of `user`; False where it is over by now, and its task is its last one."""
    if user._state == LOCUST_STATE_WAITING:
        user._state = LOCUST_STATE_STOPPING
        KILLED.add(user._greenlet)
        user._greenlet.throw(gevent.GreenletExit)
        return True
    if user._state == LOCUST_STATE_RUNNING:
        stop(user)
    return False


def attach(runner: Any) -> None:
    """Keep the end of this runner's load free of stalls; call it when all modules are imported."""
    inspect.stack()
    if not known(Feature.STOPPING):
        return
    stop_users = runner.stop_users

    @functools.wraps(stop_users)
    def awake(*args: Any, **kwargs: Any) -> Any:
        if runner.state == runners.STATE_CLEANUP:
            gevent.sleep(_WAKING_S)
        return stop_users(*args, **kwargs)

    runner.stop_users = awake
