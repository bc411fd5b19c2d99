"""Counts arrivals by second. What was planned equals what was started plus what was dropped, at the end."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Final

from loadproof.engines.locust.rows import ArrivalRow
from loadproof.histogram import Histogram
from loadproof.units import format_count, format_duration

LATE_LIMIT_S: Final = 10.0
"""An arrival still without a user this long after it was due is dropped.

Long enough for a pool that starts users, or for a service that comes back from a stall, to catch up; short
enough that the load of one minute is never played in another.
"""
_LATE_GENERATOR_S: Final = 0.1
"""A generator with CPU to spare starts an arrival that has a free user within milliseconds (p99)."""


class _Second:
    __slots__ = ("dropped", "lags_s", "late", "planned", "started")

    def __init__(self) -> None:
        self.planned = 0
        self.started = 0
        self.late = 0
        self.dropped = 0
        self.lags_s: list[float] = []

    def row(self, second: int) -> ArrivalRow:
        lag = None
        if self.lags_s:
            histogram = Histogram()
            histogram.record_all(self.lags_s)
            lag = histogram.to_bytes()
        return ArrivalRow(second, self.planned, self.started, self.late, self.dropped, lag)


class Ledger:
    """One process's arrivals. Times are seconds since the epoch."""

    def __init__(self) -> None:
        self._seconds: dict[int, _Second] = {}

    def planned(self, due_s: float) -> None:
        """An arrival came due."""
        self._second(due_s).planned += 1

    def started(self, now_s: float, due_s: float, *, late: bool) -> None:
        """An arrival due at `due_s` started now; `late` when it had to wait for a free user."""
        second = self._second(now_s)
        second.started += 1
        if late:
            second.late += 1
        else:
            second.lags_s.append(max(0.0, now_s - due_s))

    def dropped(self, due_s: float) -> None:
        """An arrival due at `due_s` will never start."""
        self._second(due_s).dropped += 1

    def take(self, before_s: float) -> list[ArrivalRow]:
        """What was counted of the seconds that ended before `before_s`, since the last call."""
        over = sorted(second for second in self._seconds if second + 1 <= before_s)
        return [self._seconds.pop(second).row(second) for second in over]

    def _second(self, time_s: float) -> _Second:
        second = int(time_s)
        found = self._seconds.get(second)
        if found is None:
            found = self._seconds[second] = _Second()
        return found


class ArrivalTotals:
    """Rows of all processes, added up."""

    def __init__(self) -> None:
        self.planned: float = 0
        self.started = 0
        self.late = 0
        self.dropped = 0
        self._rows: dict[int, ArrivalRow] = {}
        self._lags = Histogram()

    def lag_p99_s(self) -> float | None:
        """Of the generator's own lateness over all seconds, in seconds; None when nothing was measured."""
        return self._lags.quantile(0.99)

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Rows of one process, as they came."""
        for row in itertools.starmap(ArrivalRow, rows):
            self.planned += row.planned
            self.started += row.started
            self.late += row.late
            self.dropped += row.dropped
            if row.lags is not None:
                self._lags.merge(Histogram.from_bytes(row.lags))
            known = self._rows.get(row.second)
            self._rows[row.second] = row if known is None else known.plus(row)

    def take(self, before_s: float) -> list[ArrivalRow]:
        """The seconds that ended before `before_s`, whole as far as they are known, since the last call."""
        over = sorted(second for second in self._rows if second + 1 <= before_s)
        return [self._rows.pop(second) for second in over]


def why_dropped(facts: dict[str, Any]) -> str:
    """What is known of why arrivals were never sent, most of them first; `facts` are a DROPPED event's."""
    reasons = []
    unserved, lag_s = facts["unserved"], facts["lag_p99_s"]
    within = f"within {format_duration(LATE_LIMIT_S)}, or before the load ended"
    if lag_s is not None and lag_s > _LATE_GENERATOR_S:
        reasons.append((unserved, (
            f"the generator was late itself (p99 {format_duration(lag_s)} where a user was free): "
            "it lacks CPU, so give it --processes or more machines"
        )))  # fmt: skip
    elif facts["users"] >= facts["max_users"]:
        reasons.append((unserved, f"none of {facts['max_users']} users (--max-users) got free {within}"))
    else:
        reasons.append((unserved, f"no user got free for them {within}"))
    lost = facts["dropped"] - unserved
    reasons.append((lost, f"{format_count(lost)} were a lost worker's, until others had its share"))
    return "; ".join(text for count, text in sorted(reasons, key=lambda r: -r[0]) if count > 0)
