"""A soak: which of the service's series grow for as long as the load is held, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.shapes.trend import Growth, Level, Trend, Untold, trend_of
from loadproof.analysis.window.seconds import course
from loadproof.analysis.window.windows import Window, contiguous, stage_windows
from loadproof.model import Unit
from loadproof.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadproof.runfile.reader import Run

_OF_THE_LOAD: Final = frozenset({"load", "locust", "k6", "jmeter", "generator"})
"""Sources that measure the generator, which is not what is asked about."""
_MACHINE: Final = "host"
_LEAST_ERROR_GROWTH: Final = 0.005
"""Of failed requests over the whole soak: less is of no account."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that may grow, and the series in which it shows."""

    name: str
    level: Level
    series: tuple[str, ...] = ()
    """Names without their source; none for what is read from the requests themselves."""
    advice: str = ""
    """When nothing has measured it."""


SUBJECTS: Final = {
    subject.name: subject
    for subject in (
        Subject(
            "memory", Level.FLOOR, ("memory", "rss", "process_resident_memory_bytes", "memory.used"),
            "no monitor measures the service's memory: name its process below monitors:",
        ),
        Subject(
            "connections", Level.FLOOR, ("connections.used",),
            "no monitor counts connections: name the database below monitors:",
        ),
        Subject(
            "descriptors", Level.FLOOR, ("fds", "process_open_fds"),
            "no monitor counts open files: name the service's process below monitors:",
        ),
        Subject(
            "threads", Level.FLOOR, ("threads",),
            "no monitor counts threads: name the service's process below monitors:",
        ),
        Subject("latency", Level.MEDIAN),
        Subject("error rate", Level.MEAN),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grown:
    """One series, and what it did while the load was held."""

    subject: str
    series: str
    unit: Unit
    readings: int
    requests: int
    """Answered meanwhile, in all."""
    trend: Trend | Untold
    limit: float | None = None
    """The greatest possible value, if the series has one."""
    last: float = 0.0

    @property
    def grows(self) -> bool:
        """It is a leak, or drifts."""
        return isinstance(self.trend, Trend) and self.trend.growth is Growth.GROWS

    @property
    def per_thousand_requests(self) -> float | None:
        """Growth in the series' unit for each 1,000 requests; None without any."""
        if isinstance(self.trend, Untold) or not self.requests:
            return None
        return self.trend.slope * self.trend.span_s / self.requests * 1_000

    @property
    def hours_to_limit(self) -> float | None:
        """From the end of the run on; None when it does not grow, or has no limit."""
        if not self.grows or self.limit is None or isinstance(self.trend, Untold):
            return None
        return max(0.0, self.limit - self.last) / self.trend.slope / 3_600


def held_window(run: Run, window: Window) -> Window:
    """The longest part of the judged seconds that is at one level of load."""
    stages = [stage.seconds & window.seconds for stage in stage_windows(run)]
    parts = [
        part for seconds in (stages if any(stages) else [window.seconds]) for part in contiguous(seconds)
    ]
    longest = max(parts, key=len, default=range(0))
    cut = " without its warm-up" if window.warm_up_s else ""
    return Window(frozenset(longest), f"the longest hold{cut} ({format_duration(len(longest))})")


def grown(run: Run, held: Window, names: Iterable[str] = SUBJECTS) -> list[Grown]:
    """What grew of the subjects `names`, over the held seconds; one entry for each series there is."""
    wanted = [SUBJECTS[name] for name in names]
    requests = sum(part.requests for part in run.slices if part.second in held.seconds)
    found = [entry for subject in wanted for entry in _of_readings(run, held, subject, requests)]
    asked = [subject for subject in wanted if not subject.series]
    return [*found, *_of_requests(run, held, asked, requests)]


def _of_readings(run: Run, held: Window, subject: Subject, requests: int) -> list[Grown]:
    series: dict[tuple[str, str], list[tuple[float, float]]] = {}
    facts: dict[tuple[str, str], tuple[Unit, float | None]] = {}
    for reading in run.readings:
        own = reading.source not in _OF_THE_LOAD and (reading.source != _MACHINE)
        if own and reading.series in subject.series and int(reading.time_s) in held.seconds:
            key = (reading.source, reading.series)
            series.setdefault(key, []).append((reading.time_s, reading.value))
            facts[key] = (reading.unit, reading.limit)
    entries = []
    for key, rows in sorted(series.items()):
        if key[1] == "rss" and (key[0], "memory") in series:
            continue  # the same, with the pages that processes share counted for each of them
        times_s, values = np.array(sorted(rows)).T
        entries.append(
            Grown(
                subject=subject.name,
                series=".".join(key),
                unit=facts[key][0],
                readings=len(rows),
                requests=requests,
                trend=trend_of(times_s, values, subject.level),
                limit=facts[key][1],
                last=float(values[-1]),
            )
        )
    return entries


def _of_requests(run: Run, held: Window, subjects: Sequence[Subject], requests: int) -> list[Grown]:
    """Latency (p95 of each second) and error rate, from the requests themselves."""
    if not subjects or not held.seconds:
        return []
    seconds = range(min(held.seconds), max(held.seconds) + 1)
    whole = course(run.slices, seconds)
    entries = []
    for subject in subjects:
        timed = subject.name == "latency"
        values = whole.quantiles_s(0.95) if timed else whole.error_rates
        known = np.isfinite(values)
        times_s = np.arange(seconds.start, seconds.stop, dtype=np.float64)[known] + 0.5
        trend = trend_of(times_s, values[known], subject.level, None if timed else _LEAST_ERROR_GROWTH)
        unit = Unit.SECONDS if timed else Unit.SHARE
        name = "p95 of all requests" if timed else "error rate"
        entries.append(Grown(subject.name, name, unit, int(known.sum()), requests, trend))
    return entries
