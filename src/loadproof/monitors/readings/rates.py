"""Counters that only grow, as rates per second."""

from __future__ import annotations


class Rates:
    """Remembers each counter's last value. A first value, and one that shrank, has no rate."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}

    def per_second(self, name: str, time_s: float, value: float) -> float | None:
        """Growth per second since this counter was last told; None when that is not known."""
        before = self._last.get(name)
        self._last[name] = (time_s, value)
        if before is None or value < before[1] or time_s <= before[0]:
            return None
        return (value - before[1]) / (time_s - before[0])

    def forget(self) -> None:
        """After a gap or a restart: the next values are first ones again."""
        self._last.clear()
