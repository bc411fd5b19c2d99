"""The schedule lag of closed users that keep a pace (`constant_pacing`, `constant_throughput`).

Such a user means to start a task every `pace` seconds. When a task takes longer, Locust starts the next one
at once and plans anew from there: the starts in between never happen. Counted here, per second: starts that
the pace meant, starts that were, and how much later than meant each was. Users without a pace cost nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from locust import TaskSet

from loadproof.engines.locust.inside.ledger import ArrivalTotals
from loadproof.engines.locust.open_model.pace import pace_of
from loadproof.engines.locust.rows import ArrivalRow
from loadproof.engines.locust.seams import Feature, known
from loadproof.histogram import Histogram

_BEGAN = "loadproof_paced"
"""When a user began its task: when its last wait ended. Before its first wait was its on_start."""


class PacedUsers:
    """One process's paced users, and at the master all workers'."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.pace_s: float | None = None
        """The longest pace of any class, with which the least was omitted; None when nobody keeps one."""
        self._clock = clock
        self._totals = ArrivalTotals()
        self._planned = 0.0
        self._lags_s: list[float] = []

    def watch(self, user_classes: Iterable[type]) -> None:
        """Count the paced waits of these classes and of the TaskSets below them."""
        if not known(Feature.PACES):
            return
        for owner in _owners(user_classes):
            wait: Any = owner.__dict__.get("wait_time")
            if pace_s := pace_of(wait):
                self.pace_s = max(self.pace_s or 0.0, pace_s)
                owner.wait_time = self._counted(wait, pace_s)  # type: ignore[attr-defined]

    def report(self) -> dict[str, Any]:
        """A worker's part of Locust's report to the master."""
        return {"rows": self._take(), "pace_s": self.pace_s}

    def add_report(self, report: dict[str, Any]) -> None:
        """The same, at the master."""
        if report["pace_s"] is not None:
            self.pace_s = max(self.pace_s or 0.0, report["pace_s"])
        self._totals.add(report["rows"])

    def rows(self) -> list[ArrivalRow]:
        """What was counted since the last call; `planned` is fractional."""
        self._totals.add(self._take())
        return self._totals.take(float("inf"))

    def _counted(self, wait: Callable[[Any], float], pace_s: float) -> Callable[[Any], float]:
        def counted(user: Any) -> float:
            if (began_s := user.__dict__.get(_BEGAN)) is not None:
                took_s = time.perf_counter() - began_s
                self._planned += max(took_s, pace_s) / pace_s
                self._lags_s.append(max(0.0, took_s - pace_s))
            wait_s = wait(user)
            user.__dict__[_BEGAN] = time.perf_counter() + wait_s
            return wait_s

        return counted

    def _take(self) -> list[ArrivalRow]:
        if not self._lags_s:
            return []
        histogram = Histogram()
        histogram.record_all(self._lags_s)
        # The second that has just ended: reports are made at the begin of the next one.
        second = int(self._clock() - 1.0)
        row = ArrivalRow(second, self._planned, len(self._lags_s), 0, 0, histogram.to_bytes())
        self._planned, self._lags_s = 0.0, []
        return [row]


def _owners(user_classes: Iterable[type]) -> Iterator[type]:
    """The classes, what they inherit from, and the TaskSets among their tasks, each once."""
    seen: set[type] = set()
    waiting = list(user_classes)
    while waiting:
        for owner in waiting.pop().__mro__:
            if owner not in seen:
                seen.add(owner)
                tasks = getattr(owner, "tasks", None) or []
                waiting += [task for task in tasks if isinstance(task, type) and issubclass(task, TaskSet)]
                yield owner
