"""What every monitor has: a name that its readings bear, a clock, its counters' last values, and remarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from loadproof.model import Reading, Unit, Watch
from loadproof.monitors.readings.rates import Rates

Row = tuple[str, float, Unit, float | None]
"""Series, value, unit, limit."""


class Source:
    """One source of readings; `now` tells seconds since the epoch."""

    def __init__(self, watch: Watch, now: Callable[[], float]) -> None:
        self.remarks: list[str] = []
        self._source = watch.name
        self._now = now
        self._rates = Rates()
        self._told: set[str] = set()

    def _stamped(self, time_s: float, rows: Iterable[Row]) -> list[Reading]:
        return [Reading(time_s, self._source, *row) for row in rows]

    def _tell(self, remark: str) -> None:
        """Once."""
        if remark not in self._told:
            self._told.add(remark)
            self.remarks.append(remark)
