"""A dictionary that never grows beyond a number of entries: what was prepared, for the next equal call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(dict[K, V]):
    """At most `most` entries. Full, it is emptied: what is used comes back, prepared once more."""

    __slots__ = ("_most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: K, value: V) -> V:
        """Remember and return `value`."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value

    def made(self, key: K, make: Callable[[], V | None]) -> V | None:
        """Return what is known for `key`, else what `make` returns; its None is not remembered."""
        known = self.get(key)
        if known is None:
            known = make()
            if known is not None:
                self.keep(key, known)
        return known
