"""What the monitors have measured in a run: which series a requirement means, and when they were silent."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.verdict.pages import partial_page
from loadproof.analysis.verdict.service import SOURCE, service_parts, with_limits_of_runtimes
from loadproof.analysis.window.windows import Window, stage_windows, whole_window
from loadproof.model import EventKind, Requirement, Statistic
from loadproof.model.values import texts
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_duration

PART: Final = "part:"
"""How the metric of a requirement on one part begins: `part:php-fpm.memory`."""
PER_PART: Final = ("cpu", "memory")
HEAP: Final = "heap.after_gc"
"""Of a part: its old generation after a collection of it, the part of a JVM's memory that fills up."""
SILENCE_S: Final = 3.0
"""A longer time without a sample is silence: what happened in it is not known."""
_SAMPLE_EVERY_S = 1.0

_ALIASES: Final = {
    "cpu": ("process.cpu", "host.cpu"),
    "memory": ("process.memory", "process.rss", "host.memory.used"),
    "database_connections": (
        "postgres.connections.used", "mysql.connections.used", "pool.connections.used"
    ),
}  # fmt: skip
"""The seed's words and the series that they can mean: the first one there is. Of connections, whichever is
nearest to its limit: a service waits for its own pool just as it would for the database."""
_OF_USERS: Final = ("postgres.connections.by.", "mysql.connections.by.")


@dataclass(frozen=True, slots=True)
class Silence:
    """A monitor that said nothing from `start_s` to `end_s`, and why."""

    start_s: float
    end_s: float
    message: str


class Watched:
    """A run's readings by series, and when whose monitor was silent."""

    def __init__(self, run: Run) -> None:
        by_series = Readings.of(run.readings).by_series()
        self.series = {f"{source}.{name}": readings for (source, name), readings in by_series.items()}
        self.service = with_limits_of_runtimes(service_parts(run.events), self.series)
        self.partial = partial_page(run)
        self.step_s = run.step_s
        self.whole = whole_window(run)
        self.stages = stage_windows(run)
        self._silences = _silences(run)

    def find(self, metric: str) -> list[str]:
        """The full names of the series that a requirement's metric means."""
        if metric.startswith(PART):
            return self._of_part(metric)
        if metric in _ALIASES:
            found = [name for name in _ALIASES[metric] if self.series.get(name)]
            if metric == "database_connections":
                found += [name for name in self.series if name.startswith(_OF_USERS)]
            return found if metric == "database_connections" else found[:1]
        if metric.startswith("promql:"):
            metric = f"promql.{metric.removeprefix('promql:').strip()}"
        if self.series.get(metric):
            return [metric]
        # Without its source, as Prometheus has it; or a query's rows, each with its labels.
        return [
            name
            for name, readings in self.series.items()
            if readings[0].series == metric or name.startswith(f"{metric}{{")
        ]

    def _of_part(self, metric: str) -> list[str]:
        key, _, what = metric.removeprefix(PART).rpartition(".")
        part = self.service.find(key)
        name = f"{SOURCE}.{part.series(what)}" if part else ""
        return [name] if self.series.get(name) else []

    def tighter(self, metric: str, names: list[str]) -> list[str]:
        """Series of single parts whose own limit is tighter than that of all of them together.

        A part is full when it has used up what it may use, whatever the others have left.
        """
        if metric not in PER_PART or names != [f"{SOURCE}.{metric}"]:
            return []
        heaps = ("runtime.heap.after_gc", *(f"{SOURCE}.{p.series(HEAP)}" for p in self.service.parts))
        heap = [name for name in heaps if metric == "memory" and self.series.get(name)]
        whole = max((r.limit for r in self.series[names[0]] if r.limit is not None), default=math.inf)
        found = (f"{SOURCE}.{part.series(metric)}" for part in self.service.parts)
        return heap + [
            name
            for name in found
            if any(r.limit is not None and r.limit < whole for r in self.series.get(name, ()))
        ]

    def silence(self, name: str, seconds: frozenset[int]) -> str:
        """Why the series is not known for the whole of `seconds`; empty when it is."""
        readings = self.series[name]
        for silence in self._silences.get(readings[0].source, ()):
            if any(silence.start_s < second + self.step_s and second < silence.end_s for second in seconds):
                return silence.message
        # A series may rightly have no value in some seconds: what counts is whether anybody looked.
        looks = self.series.get(f"{readings[0].source}.sample.duration", readings)
        longest_s = _longest_gap_s(np.sort(Readings.of(looks).time_s), seconds, self.step_s)
        if longest_s > SILENCE_S + max(_SAMPLE_EVERY_S, self.step_s):
            return f"nothing was measured for {format_duration(longest_s)}"
        return ""

    def too_coarse(self, requirement: Requirement, name: str, window: Window) -> str:
        """Why the series cannot show what it is asked for: it is renewed too seldom; empty when it can.

        A Prometheus server answers each second with its last scrape, which may be older than the window.
        """
        intervals = self.series.get(f"{self.series[name][0].source}.scrape.interval", ())
        interval_s = max((reading.value for reading in intervals), default=0.0)
        what, shortest_s = "this window", float(window.duration_s)
        if requirement.window.startswith("any "):
            shortest_s = float(requirement.window.removeprefix("any ").removesuffix("s"))
        if requirement.statistic in (Statistic.MAXIMUM, Statistic.MINIMUM):
            stage_s = self._shortest_stage_s(window)
            if stage_s < shortest_s:
                what, shortest_s = "the shortest stage of the load in it", stage_s
        if interval_s <= shortest_s:
            return ""
        return (
            f"Prometheus scrapes every {format_duration(interval_s)}, and {what} lasts "
            f"{format_duration(shortest_s)}: what happens in between it may never see"
        )

    def _shortest_stage_s(self, window: Window) -> float:
        """Of the stages that hold a level, mostly within the window, the shortest one's seconds."""
        held = [stage.seconds for stage in self.stages]
        within = [
            len(seconds) * self.step_s for seconds in held if 2 * len(seconds & window.seconds) > len(seconds)
        ]
        return min(within, default=math.inf)


def _silences(run: Run) -> dict[str, list[Silence]]:
    """By source of readings."""
    found: dict[str, list[Silence]] = defaultdict(list)
    open_: dict[str, tuple[float, str, set[str]]] = {}
    for event in run.events:
        monitor = str(event.data.get("monitor", ""))
        sources = {monitor, *texts(event.data.get("sources"))}
        if event.kind is EventKind.MONITOR_LOST:
            # The sample after the last answer is the first one that is missing.
            start_s = event.number("since_s", event.time_s) + _SAMPLE_EVERY_S
            open_[monitor] = (min(start_s, event.time_s), event.message, sources)
        elif event.kind is EventKind.MONITOR_RECOVERED and monitor in open_:
            start_s, message, known = open_.pop(monitor)
            for source in sources | known:
                found[source].append(Silence(start_s, event.time_s, message))
    for start_s, message, known in open_.values():
        for source in known:
            found[source].append(Silence(start_s, math.inf, message))
    return found


def _longest_gap_s(times_s: NDArray[np.float64], seconds: frozenset[int], step_s: int) -> float:
    """The longest time inside the seconds' runs without one of the times."""
    longest_s = 0.0
    ordered = sorted(seconds)
    start = 0
    for index, second in enumerate(ordered):
        if index + 1 < len(ordered) and ordered[index + 1] == second + step_s:
            continue
        first_s, last_s = ordered[start], second + step_s
        inside = times_s[np.searchsorted(times_s, first_s) : np.searchsorted(times_s, last_s)].tolist()
        edges = [float(first_s), *inside, float(last_s)]
        longest_s = max(longest_s, *(b - a for a, b in pairwise(edges)))
        start = index + 1
    return longest_s
