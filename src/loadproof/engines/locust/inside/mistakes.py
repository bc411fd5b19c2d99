"""In the inspecting child: what Locust takes as it is, and what raises only once a user runs.

Each task of such a user would raise, or none of its users would start.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Iterator
from numbers import Real
from typing import Any, Final

from locust import TaskSet, User
from locust.user import wait_time as waits

_BETWEEN: Final = "write wait_time = between(1, 3), in seconds, with `from locust import between`"


def mistakes(users: Iterable[type[User]]) -> list[tuple[str, str, str, str]]:
    """Class, attribute, what is wrong with it, and the way out."""
    found: dict[tuple[str, str, str, str], None] = {}
    for user in users:
        if not (user.weight or user.fixed_count):
            continue  # none of its users would start
        found |= dict.fromkeys((user.__name__, *said) for said in _counts(user))
        holders: list[type[User | TaskSet]] = [user, *_task_sets(user, set())]
        for holder in holders:
            found |= dict.fromkeys((holder.__name__, *said) for said in _calls(holder))
            if wrong := wrong_wait(holder):
                found[holder.__name__, "wait_time", *wrong] = None
    return list(found)


def wrong_wait(holder: type[User | TaskSet]) -> tuple[str, str] | None:
    """Why Locust cannot wait by a class's `wait_time`, and the way out. None where it can, or nobody knows.

    Only a wait of Locust's own is called: one of the locustfile's might do anything.
    """
    wait = inspect.getattr_static(holder, "wait_time", None)
    asked = holder.run is User.run if issubclass(holder, User) else holder.wait is TaskSet.wait
    if wait is None or isinstance(wait, property) or not asked:
        return None
    bound = getattr(object.__new__(holder), "wait_time")  # noqa: B009  # as a user has it
    if not callable(bound):
        return f"is {bound!r}, and Locust calls it: each task would raise", _seconds_of(bound)
    name = getattr(wait, "__name__", "")
    if wait is getattr(waits, name, None):
        return f"is {name} without its seconds", _BETWEEN
    if refused := _refuses(bound):
        return f"cannot be called by Locust: {refused}", "write def wait_time(self): ..., or between(1, 3)"
    paced = "self" in inspect.signature(wait).parameters if callable(wait) else True
    if getattr(wait, "__module__", "") != waits.__name__ or paced:
        return None
    return _cannot_wait(bound)


def _seconds_of(written: object) -> str:
    """The way out for what somebody wrote in place of a function."""
    match written:
        case int() | float():
            return f"write wait_time = constant({written}), with `from locust import constant`"
        case (int() | float() as least, int() | float() as most):
            return _BETWEEN.replace("1, 3", f"{least}, {most}")
    return _BETWEEN


def _cannot_wait(wait: Any) -> tuple[str, str] | None:
    """The same of a wait of Locust's own, from what it gives."""
    try:
        seconds = wait()
    except TypeError as error:
        return f"cannot be computed: {error}", _BETWEEN
    if isinstance(seconds, Real) and 0 <= float(seconds) < math.inf:
        return None
    return f"gives {seconds!r}, which is no number of seconds", _BETWEEN


def _counts(user: type[User]) -> Iterator[tuple[str, str, str]]:
    for name, hint in (("weight", "write weight = 3"), ("fixed_count", "write fixed_count = 1")):
        value = getattr(user, name)
        if not isinstance(value, Real) or float(value) < 0:
            yield name, f"is {value!r}, and must be a number of 0 or more", hint


def _calls(holder: type[User | TaskSet]) -> Iterator[tuple[str, str, str]]:
    """Methods and tasks that do not take the one argument that Locust calls them with."""
    itself = object.__new__(holder)
    methods = [(name, getattr(itself, name), ()) for name in ("on_start", "on_stop")]
    tasks = [
        (getattr(task, "__name__", repr(task)), task, (itself,))
        for task in holder.tasks
        if not isinstance(task, type) and getattr(task, "__self__", None) is None
    ]
    for name, function, arguments in (*methods, *tasks):
        if refused := _refuses(function, *arguments):
            yield name, f"cannot be called by Locust: {refused}", f"write def {name}(self): ..."


def _refuses(function: Any, *arguments: object) -> str | None:
    """Why a function cannot be called so; None where it can, or does not say."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # written in C; of a method: it does not take its own object
        return "it takes no argument, not even self" if inspect.ismethod(function) else None
    try:
        signature.bind(*arguments)
    except TypeError as error:
        return str(error)
    return None


def _task_sets(holder: type[User | TaskSet], seen: set[type]) -> Iterator[type[TaskSet]]:
    for task in getattr(holder, "tasks", ()):
        if isinstance(task, type) and issubclass(task, TaskSet) and task not in seen:
            seen.add(task)
            yield task
            yield from _task_sets(task, seen)
