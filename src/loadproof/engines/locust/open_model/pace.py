"""In the inspecting child: how fast a locustfile's users can go at most, as far as that can be read."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterable
from statistics import fmean
from typing import Any

from locust import FastHttpUser, User
from locust.user import wait_time

_SAMPLES = 200
_PACED = "constant_pacing.<locals>.wait_time_func"
"""Locust's paced wait; constant_throughput makes the same."""


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
    if (pace_s := pace_of(wait)) is not None:
        return pace_s
    random.seed(0)  # the same answer each time
    return fmean(float(wait(object.__new__(user))) for _ in range(_SAMPLES))


def pace_of(wait: Any) -> float | None:
    """Seconds from one task to the next that a wait of Locust's keeps; None where it keeps none."""
    if getattr(wait, "__qualname__", "") != _PACED:
        return None
    return float(inspect.getclosurevars(wait).nonlocals["wait_time"])
