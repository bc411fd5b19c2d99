"""The one place where the open model meets Locust's users: their task loop asks for an arrival.

Locust's loop is: pick a task, execute it, wait, again. In the open model a task of the scenario waits for an
arrival before it is executed, and the loop's wait is left out. What picks tasks (weights, nested TaskSets,
sequences, Markov chains), spawns users and runs on_start and on_stop stays Locust's. A `self.wait()` that a
task itself calls is think time within the arrival and keeps its meaning.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import gevent
from locust import TaskSet
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING

from loadproof.engines.locust.open_model.arrivals import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.engines.locust.open_model.arrivals import ArrivalPool, PoolMember

_BETWEEN = "loadproof_between"
"""Set on a TaskSet from the end of a task until its loop's wait."""


def serve_arrivals(pool: ArrivalPool) -> None:
    """Make every TaskSet of this process take its tasks' starts from `pool`."""
    _gate_tasks(pool)
    _skip_wait_between_tasks()


def current_lateness_s() -> float:
    """How late the arrival started that the current greenlet, or the user that spawned it, serves.

    0 outside arrivals, as in on_start.
    """
    local: dict[str, PoolMember] | None = getattr(gevent.getcurrent(), "spawn_tree_locals", None)
    member = local.get(LOCAL) if local else None
    return member.lateness_s if member is not None else 0.0


def _gate_tasks(pool: ArrivalPool) -> None:
    execute: Callable[[Any], None] = TaskSet.execute_next_task

    @functools.wraps(execute)
    def gated(self: Any) -> None:
        task = self._task_queue[0]
        if isinstance(task, type) and issubclass(task, TaskSet):
            # Entering a TaskSet is no arrival; its own tasks are. One that left without a task (on_start
            # that interrupts) waits as in Locust: it would spin otherwise.
            before = _arrivals(self.user)
            try:
                execute(self)
            finally:
                self.__dict__[_BETWEEN] = _arrivals(self.user) != before
            return
        self.__dict__[_BETWEEN] = False
        member = pool.take(self.user)
        try:
            execute(self)
        finally:
            member.lateness_s = 0.0
            self.__dict__[_BETWEEN] = True

    TaskSet.execute_next_task = gated  # type: ignore[method-assign]


def _skip_wait_between_tasks() -> None:
    wait: Callable[[Any], None] = TaskSet.wait

    @functools.wraps(wait)
    def waited(self: Any) -> None:
        if not self.__dict__.pop(_BETWEEN, False):
            wait(self)
        elif self.user._state == LOCUST_STATE_STOPPING:
            raise StopUser

    TaskSet.wait = waited  # type: ignore[method-assign]


def _arrivals(user: Any) -> int:
    member: PoolMember | None = user.__dict__.get(LOCAL)
    return member.arrivals if member is not None else 0
