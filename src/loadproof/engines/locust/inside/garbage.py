"""Python's garbage collector, kept from walking what lives as long as the load: that stalls all users.

1,500 users are 51,000 objects, which take 26 ms to walk. Frozen objects are not walked (`gc.freeze` costs
nothing, however many they are), and those of users that have ended would never be found: before that they are
walked again, and once, when the load is level.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

_LEVEL_S: Final = 3
"""Seconds without a user who came or went."""


class Garbage:
    """Of one process. `users` counts those that it plays."""

    def __init__(self, users: Callable[[], int]) -> None:
        self._users = users
        self._last = self._frozen = self._level_s = 0
        self._ended = False

    def begin(self) -> None:
        """Libraries and the locustfile live for ever."""
        gc.collect()
        gc.freeze()

    def second(self) -> None:
        """Once in each second of the load."""
        users = self._users()
        self._level_s = self._level_s + 1 if users == self._last else 0
        self._last = users
        if users < self._frozen:
            gc.unfreeze()
            self._frozen, self._ended = 0, True
        elif self._level_s == _LEVEL_S and users > self._frozen:
            if self._ended:
                self._ended = False
                gc.collect()
            gc.freeze()
            self._frozen = users
