"""How well a Locust process keeps up: a greenlet that should wake every 10 ms, and what the process uses.

A greenlet that wakes late was kept waiting: by users' own computing, by garbage collection, by a machine that
gave the process no processor or stopped it. An answer that came meanwhile waited as long to be seen, which no
response time can tell from a slow service (the idea of Gil Tene's jHiccup). A wake-up that is late by several
intervals stands for all those that were due in it, or one long stall would count as one sample.
"""

from __future__ import annotations

import gc
import math
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import gevent

from loadproof.engines.locust.rows import HealthRow
from loadproof.engines.scarce import descriptors_in_use, sockets_and_ports

INTERVAL_S: Final = 0.01
_LONGEST_STALL_S: Final = 60.0
_DESCRIPTORS_EVERY_S: Final = 5
"""Counting them takes as long as there are many."""
_SCHEDSTAT = Path("/proc/self/schedstat")


class Heartbeat:
    """One process's. `clock` counts seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lags: dict[int, list[float]] = {}
        self._rows: list[HealthRow] = []
        self._usage = (clock(), time.process_time(), _waited_s())
        self._each_second: Callable[[], None] = lambda: None
        self._collecting_s = 0.0
        self._longest_gc_s = 0.0

    def start(self, each_second: Callable[[], None]) -> None:
        """Beat until the process ends."""
        self._each_second = each_second
        gc.callbacks.append(self._on_gc)
        gevent.spawn(self._beat_for_ever)

    def take(self) -> list[HealthRow]:
        """The seconds that are over, since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def _beat_for_ever(self) -> None:
        due_s = self._clock() + INTERVAL_S
        second = int(due_s)
        while True:
            gevent.sleep(max(0.0, due_s - self._clock()))
            now_s = self._clock()
            first = max(due_s, now_s - _LONGEST_STALL_S)
            missed = max(0, int((now_s - first) / INTERVAL_S))
            for number in range(missed + 1):
                beat_s = first + number * INTERVAL_S
                self._lags.setdefault(int(beat_s), []).append(max(0.0, now_s - beat_s))
            due_s = first + (missed + 1) * INTERVAL_S
            if int(now_s) > second:
                second = int(now_s)
                self._each_second()
                self._rotate(second, now_s)

    def _rotate(self, second: int, now_s: float) -> None:
        """Close the seconds before `second`; what the process used is spread evenly over a long stall."""
        before_s, cpu_before_s, waited_before_s = self._usage
        cpu_s, waited_s = time.process_time(), _waited_s()
        self._usage = (now_s, cpu_s, waited_s)
        span_s = now_s - before_s
        cores = (cpu_s - cpu_before_s) / span_s
        waited = None
        if waited_s is not None and waited_before_s is not None:
            waited = (waited_s - waited_before_s) / span_s
        gc_s, self._longest_gc_s = self._longest_gc_s, 0.0
        for over in sorted(key for key in self._lags if key < second):
            lag_s = _p99(self._lags.pop(over))
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            descriptors = descriptors_in_use(limit) if over % _DESCRIPTORS_EVERY_S == 0 else None
            sockets = sockets_and_ports()
            self._rows.append(HealthRow(over, lag_s, cores, waited, gc_s, descriptors, limit, sockets))

    def _on_gc(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_s = time.monotonic()
        else:
            self._longest_gc_s = max(self._longest_gc_s, time.monotonic() - self._collecting_s)


def _p99(lags: list[float]) -> float:
    """By nearest rank. The first of numpy's quantiles imports its masked arrays: 13 ms of the load."""
    return sorted(lags)[math.ceil(0.99 * len(lags)) - 1]


def _waited_s() -> float | None:
    """How long this process's main thread was ready and had no processor; None where nobody counts it."""
    try:
        return int(_SCHEDSTAT.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None
