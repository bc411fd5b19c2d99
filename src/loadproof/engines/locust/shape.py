"""Loadproof's profile as a Locust load shape."""

from __future__ import annotations

from typing import Any

from locust import LoadTestShape

from loadproof.model import Profile


class ProfileShape(LoadTestShape):
    """Follows the profile once a second, in a straight line within each stage.

    At least one user runs until the end: Locust treats zero users as a test that has not begun.
    """

    abstract = True  # keeps Locust from taking it for a shape of the locustfile

    def __init__(self, profile: Profile) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._profile = profile
        self._users = 0
        self.by_hand: int | None = None
        """Users that somebody asked for while the load ran, instead of the profile's."""

    def tick(self) -> tuple[int, float] | None:
        """Users that should run at the end of this second, and the rate that reaches them in it."""
        now_s = self.get_run_time()  # type: ignore[no-untyped-call]
        if now_s >= self._profile.duration_s:
            return None
        ahead_s = min(now_s + 1.0, self._profile.duration_s - 1e-9)
        planned = max(1, round(self._profile.level_at(ahead_s)))
        users = planned if self.by_hand is None else self.by_hand
        rate = float(max(1, abs(users - self._users)))
        self._users = users
        return users, rate


def hurry(shape: LoadTestShape, scale: float) -> None:
    """Let a locustfile's own shape see its time pass faster: it is played in `scale` of its time."""
    run_time_s, tick = shape.get_run_time, shape.tick
    shape.get_run_time = lambda: run_time_s() / scale  # type: ignore[method-assign, no-untyped-call]

    def scaled_tick() -> Any:
        wanted = tick()
        return wanted and (wanted[0], wanted[1] / scale, *wanted[2:])

    shape.tick = scaled_tick  # type: ignore[method-assign]
