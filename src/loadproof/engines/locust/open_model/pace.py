"""In the inspecting child: how fast a locustfile's users can go at most, as far as that can be read."""

from __future__ import annotations

import random
from collections.abc import Iterable
from statistics import fmean
from typing import Any

from locust import FastHttpUser, User
from locust.user import wait_time

from loadproof.engines.locust.open_model.pacing import pace_of

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
    if (pace_s := pace_of(wait)) is not None:
        return pace_s
    random.seed(0)  # the same answer each time
    return fmean(float(wait(object.__new__(user))) for _ in range(_SAMPLES))
