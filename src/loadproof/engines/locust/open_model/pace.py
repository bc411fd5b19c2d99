"""In the inspecting child: how fast a locustfile's users can go at most, as far as that can be read."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from statistics import fmean
from time import perf_counter
from typing import Any

from locust import FastHttpUser, User
from locust.user import wait_time

_SAMPLES = 200


def paces(users: Iterable[type[User]]) -> list[dict[str, Any]]:
    """For each user class its weight, its mean wait between tasks (seconds), whether its client is fast."""
    return [
        {
            "weight": float(user.weight),
            "wait_s": _mean_wait_s(user),
            "fast": issubclass(user, FastHttpUser),
        }
        for user in users
    ]


def _mean_wait_s(user: type[User]) -> float:
    """0 without one, and for a function of the locustfile's own: calling that might do anything."""
    wait = getattr(user, "wait_time", None)
    if wait is None or getattr(wait, "__module__", "") != wait_time.__name__:
        return 0.0
    random.seed(0)  # the same answer each time
    try:
        return fmean(_wait_s(user, wait) for _ in range(_SAMPLES))
    except AttributeError:
        return 0.0  # it keeps something in the user that this Locust's users are made with


def _wait_s(user: type[User], wait: Callable[[User], float]) -> float:
    """One wait of a user that has just been made, as far as its wait needs it."""
    bare = object.__new__(user)
    bare._cp_last_run, bare._cp_last_wait_time = perf_counter(), 0  # what constant_pacing remembers
    return float(wait(bare))
