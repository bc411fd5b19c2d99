"""Python's garbage collector, kept from walking what lives as long as the load: that stalls all users.

1,500 users are 48,000 objects, which take 11 to 26 ms to walk; 100 of them 0.3 ms. Frozen objects are not
walked (`gc.freeze` costs nothing, however many they are): users are frozen as they come. Those of users that
have ended are never found then, so that all are walked again after many have, once the load is level; in a
load that never is, such as a saw-tooth, after many more.
"""

from __future__ import annotations

import contextlib
import gc
import io
from collections.abc import Callable, Mapping
from typing import Any, Final

_WRITERS: Final = frozenset({io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom})
_LEVEL_S: Final = 3
"""Seconds without a user who came or went."""
_AT_ONCE: Final = 20
"""Users who are walked at most: of HttpUser 3,600 objects, 1 ms."""
_MANY_ENDED: Final = 2_000
"""Users whose objects are kept: some 20 MB."""
_TOO_MANY_ENDED: Final = 5 * _MANY_ENDED
"""For those who come and go without a pause: some 100 MB are worth one stall."""


def end_quickly() -> None:
    """At the end of a process, behind what a scenario does there: Python walks all that lives, and frees it.

    That takes 0.1 s, for which the verdict waits. What is frozen is freed where its last name goes, as a
    module's files are, but not where it lies in a ring, as classes do: files there are written before.
    """
    for one in gc.get_objects():
        if type(one) in _WRITERS and _is_of_a_file(one):
            with contextlib.suppress(OSError):  # a full disk gets no more at Python's own end
                one.flush()
    gc.freeze()


def _is_of_a_file(one: Any) -> bool:
    """And not of a socket, which nobody may read any more."""
    try:
        inner = getattr(one, "buffer", one)
    except ValueError:
        return False  # it was taken out of this one
    return type(getattr(inner, "raw", inner)) is io.FileIO and not one.closed


class Garbage:
    """Of one process. `users` counts those that it plays."""

    def __init__(self, users: Callable[[], int]) -> None:
        self._users = users
        self._last = self._frozen = self._level_s = self._ended = 0

    def begin(self) -> None:
        """Libraries and the locustfile live for ever."""
        gc.collect()
        gc.freeze()
        gc.callbacks.append(self.collected)

    def collected(self, phase: str, _info: Mapping[str, int]) -> None:
        """After each collection: hundreds of users may come within a second."""
        if phase == "stop":
            self._freeze(self._users(), _AT_ONCE)

    def second(self) -> None:
        """Once in each second of the load."""
        users = self._users()
        self._level_s = self._level_s + 1 if users == self._last else 0
        self._ended += max(0, self._last - users)
        self._last, self._frozen = users, min(users, self._frozen)
        level = self._level_s == _LEVEL_S
        if self._ended >= (_MANY_ENDED if level else _TOO_MANY_ENDED):
            gc.unfreeze()
            gc.collect()
            self._frozen = self._ended = 0
        self._freeze(users, 1 if self._level_s >= _LEVEL_S else _AT_ONCE)

    def _freeze(self, users: int, least: int) -> None:
        if users - self._frozen >= least:
            gc.freeze()
            self._frozen = users
