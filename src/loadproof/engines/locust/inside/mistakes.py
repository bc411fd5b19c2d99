"""In the inspecting child: what Locust takes as it is, and what raises only once a user runs.

Each task of such a user would raise, or none of its users would start.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from numbers import Real
from types import FunctionType, MethodType
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
    bound = _as_users_have(holder, "wait_time")
    asked = holder.run is User.run if issubclass(holder, User) else holder.wait is TaskSet.wait
    if bound is None or not asked or _handles_its_wait(holder):
        return None
    if not callable(bound):
        return f"is {bound!r}, and Locust calls it: each task would raise", _seconds_of(bound)
    wait = getattr(bound, "__func__", bound)
    is_locusts = getattr(wait, "__module__", "") == waits.__name__
    if is_locusts and hasattr(waits, wait.__name__):
        return f"is {wait.__name__} without its seconds", _BETWEEN
    if refused := _refuses(bound):
        return f"cannot be called by Locust: {refused}", "write def wait_time(self): ..., or between(1, 3)"
    if not is_locusts or "self" in inspect.signature(wait).parameters:
        return None  # a paced one looks at the times of its user
    return _cannot_wait(bound)


def _handles_its_wait(holder: type) -> bool:
    """Whether a method of the locustfile names `wait_time`: users may get another than their class has."""
    classes = (one for one in holder.__mro__ if not one.__module__.startswith("locust."))
    functions = (value for one in classes for value in vars(one).values() if type(value) is FunctionType)
    return any("wait_time" in function.__code__.co_names for function in functions)


def _as_users_have(holder: type[User | TaskSet], name: str) -> Any:
    """An attribute as users of the class have it, without making one. None: none, or only a user can tell.

    What stands in a class and computes its value, as a property does, may ask for anything of its user.
    """
    found = inspect.getattr_static(holder, name, None)
    if isinstance(found, staticmethod):
        return found.__func__
    if isinstance(found, classmethod):
        return MethodType(found.__func__, holder)
    if type(found) is FunctionType:
        return MethodType(found, holder)
    return None if hasattr(type(found), "__get__") else found


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
    if isinstance(seconds, Real | Decimal) and 0 <= float(seconds) < math.inf:
        return None
    return f"gives {seconds!r}, which is no number of seconds", _BETWEEN


def _counts(user: type[User]) -> Iterator[tuple[str, str, str]]:
    for name, hint in (("weight", "write weight = 3"), ("fixed_count", "write fixed_count = 1")):
        value = getattr(user, name)
        if not isinstance(value, Real) or float(value) < 0:
            yield name, f"is {value!r}, and must be a number of 0 or more", hint


def _calls(holder: type[User | TaskSet]) -> Iterator[tuple[str, str, str]]:
    """Methods and tasks that do not take the one argument that Locust calls them with."""
    called = [(name, _as_users_have(holder, name)) for name in ("on_start", "on_stop")]
    plays = (
        holder.run is User.run if issubclass(holder, User) else holder.execute_task is TaskSet.execute_task
    )
    if plays:  # otherwise the scenario calls its tasks itself, with what it likes
        plain = (task for task in holder.tasks if type(task) is FunctionType)
        called += [(task.__name__, MethodType(task, holder)) for task in plain]
    for name, function in called:
        if refused := _refuses(function):
            yield name, f"cannot be called by Locust: {refused}", f"write def {name}(self): ..."


def _refuses(function: Any) -> str | None:
    """Why a function cannot be called without arguments; None where it can, or does not say.

    A decorator's function says for itself what it takes, and not what the one that it stands for takes.
    """
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # written in C; of a method: it does not take its own object
        return "it takes no argument, not even self" if inspect.ismethod(function) else None
    try:
        signature.bind()
    except TypeError as error:
        return str(error)
    return None


def _task_sets(holder: type[User | TaskSet], seen: set[type]) -> Iterator[type[TaskSet]]:
    for task in getattr(holder, "tasks", ()):
        if isinstance(task, type) and issubclass(task, TaskSet) and task not in seen:
            seen.add(task)
            yield task
            yield from _task_sets(task, seen)
