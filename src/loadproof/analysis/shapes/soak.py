"""A soak: which of the service's series grow for as long as the load is held, and how fast."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.shapes.gauges import SUBJECTS, Gauge, GrowthSubject
from loadproof.analysis.shapes.last_part import LOGARITHMS, TAIL
from loadproof.analysis.shapes.levels import WindowLevel, mean_between
from loadproof.analysis.shapes.ratios import agreed, trend_of_ratios
from loadproof.analysis.shapes.soak_causes import is_jvm, more_users, told_apart, uncollected_s
from loadproof.analysis.shapes.trend import (
    LEAST_WINDOWS,
    WINDOWS,
    Growth,
    NoTrend,
    Trend,
    trend_of,
    trend_of_levels,
)
from loadproof.analysis.verdict.resources import inside_of
from loadproof.analysis.verdict.service import SOURCE
from loadproof.analysis.window.windows import Window, contiguous, requests_of, sample, stage_windows, within
from loadproof.engines.table import ENGINES
from loadproof.histogram import Histogram
from loadproof.model import Unit
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_duration

HORIZON_H: Final = 168
"""A week: growth that in this time neither doubles a series nor takes it to its limit accuses nobody."""
_CUT_S: Final = 2
"""Whole seconds that a hold loses at its ends: one of twelve minutes is watched for 719 s."""
_LEAST_RISE: Final = 0.05
"""Of what there was: a healthy Node takes 1 % more in its first 20 minutes, in a straight line."""
_LEAST_COUNT: Final = 4.5
"""Of descriptors, threads, connections: three more of a healthy service are no growth."""
_OF_THE_LOAD: Final = frozenset({"load", "generator", *ENGINES})
"""Sources that measure the generator, which is not what is asked about."""
_MACHINE: Final = "host"
_LEAST_ERROR_GROWTH: Final = 0.005
"""Of failed requests over the judged time: less is of no account."""
_LEAST_S: Final = 120
"""For what a minute's requests do to say anything of an hour."""
_GROWN: Final = (Growth.GROWS, Growth.RAISED)
_LEAST_REQUESTS: Final = 60
"""In each window, for its p95 to be one."""
_SLOWEST: Final = "the slowest quarter of all requests"
_TIMES: Final[dict[str, Callable[[Histogram], float | None]]] = {
    "p50 of all requests": lambda times: times.quantile(0.5),
    "p95 of all requests": lambda times: times.quantile(0.95),
    # At few requests p95 of a window is a matter of one or two of them: these are ten times as many.
    _SLOWEST: lambda times: mean_between(times, 0.75, 0.99),
}
_HIDDEN: Final = (
    "a JVM, whose resident memory says nothing of what it keeps: give it a page of metrics with "
    "jvm_memory_used_bytes (Micrometer, the JMX exporter) and name it below monitors: prometheus:"
)
_RESIDENT: Final = frozenset({"memory", "rss", "process_resident_memory_bytes"})
_TAKEN_AHEAD: Final = "a JVM takes memory ahead of its use: its heap is judged"


@dataclass(frozen=True, slots=True)
class GrowthResult:
    """One series, and what it did while the load was held."""

    subject: str
    series: str
    unit: Unit
    readings: int
    requests_per_s: float
    """Answered in the held time."""
    trend: Trend | NoTrend
    limit: float | None = None
    """The greatest possible value, if the series has one."""
    last: float = 0.0
    needed_s: float = 0.0
    """How much longer it must be watched before growth is more than its first fill; 0 when long enough."""
    users: float = 0.0
    """By how many the load's users rose in the judged part: each has a connection, perhaps a thread."""
    first_users: float = 0.0
    """The same of what is left out before it."""
    garbage: bool = False
    """That is because of what a collector may not have looked at yet."""
    whole: float = 0.0
    """What a share is of, where that is more than the series itself: of a heap, the process's memory."""
    decides: bool = True
    """False: shown only, something else tells what it would."""

    @property
    def few(self) -> bool:
        """A count that rose in the judged part by no more than the load's users and three or four."""
        if isinstance(self.trend, NoTrend) or self.unit is not Unit.COUNT:
            return False
        return self.trend.slope * self.trend.span_s < _LEAST_COUNT + self.users

    @property
    def grows(self) -> bool:
        """It is a leak, or drifts: proven, going on, and of a size that matters within the horizon."""
        trend = self.trend
        if not isinstance(trend, Trend) or trend.growth not in _GROWN or self.needed_s > 0:
            return False
        whole = max(abs(trend.base), self.whole)
        if self.few or trend.slope * trend.span_s < _LEAST_RISE * whole:
            return False
        doubled_h = whole / (trend.slope * 3_600)
        return self.decides and min(doubled_h, self.hours_to_limit or doubled_h) <= HORIZON_H

    @property
    def per_thousand_requests(self) -> float | None:
        """Growth in the series' unit for each 1,000 requests; None without any."""
        if isinstance(self.trend, NoTrend) or not self.requests_per_s:
            return None
        return self.trend.slope / self.requests_per_s * 1_000

    @property
    def hours_to_limit(self) -> float | None:
        """From the end of the run on; None when it is not proven to grow, or has no limit."""
        trend = self.trend
        if isinstance(trend, NoTrend) or not trend.lasting or self.limit is None:
            return None
        return max(0.0, self.limit - self.last) / trend.slope / 3_600


def held_window(run: Run, window: Window) -> Window:
    """The longest time at one level of load. Its warm-up is in it: each series has its own."""
    stages = [stage.seconds for stage in stage_windows(run)]
    parts = [
        part
        for seconds in (stages if any(stages) else [window.seconds])
        for part in contiguous(seconds, run.step_s)
    ]
    longest = max(parts, key=len, default=range(0))
    length = format_duration(len(longest) * run.step_s)
    return Window(frozenset(longest), f"the longest hold ({length})", step_s=run.step_s)


def grown(run: Run, held: Window, names: Iterable[str] = SUBJECTS) -> list[GrowthResult]:
    """What grew of the subjects `names`, over the held seconds; one entry for each series there is."""
    wanted = [SUBJECTS[name] for name in names]
    parts = within(run.slices, held.seconds)
    requests_per_s = requests_of(parts) / max(1, held.duration_s)
    found = [entry for subject in wanted for entry in _of_readings(run, held, subject, requests_per_s)]
    if any(not subject.gauges for subject in wanted) and parts:
        asked = [subject.name for subject in wanted if not subject.gauges]
        found += _of_requests(run, held, asked, requests_per_s)
    return found


@dataclass(slots=True)
class _Series:
    """Readings of one gauge; those of one moment add up."""

    gauge: Gauge
    values: dict[float, float]
    unit: Unit
    limit: float | None


def _series(
    run: Run, held: Window, subject: GrowthSubject, apart: frozenset[str]
) -> dict[tuple[str, str], _Series]:
    """By source and name; `apart`: the memory of these parts as well."""
    found: dict[tuple[str, str], _Series] = {}
    for (source, told_as), whole_run in Readings.of(run.readings).by_series().items():
        gauge = next((g for g in subject.gauges if g.pattern.fullmatch(told_as)), None)
        if source == SOURCE and told_as in apart:
            gauge = subject.gauges[0]
        if gauge is None or source in _OF_THE_LOAD or source == _MACHINE:
            continue
        name = gauge.name or told_as
        inside = inside_of(whole_run, held)
        # Of each step the least value: it is the floor that grows.
        for reading in inside.with_values(inside.low):
            series = found.setdefault((source, name), _Series(gauge, {}, reading.unit, reading.limit))
            series.values[reading.time_s] = series.values.get(reading.time_s, 0.0) + reading.value
            series.limit = reading.limit
    return found


def _of_readings(run: Run, held: Window, subject: GrowthSubject, requests_per_s: float) -> list[GrowthResult]:
    about_memory = subject.name == "memory"
    jvm, apart = is_jvm(run), told_apart(run) if about_memory else frozenset()
    found = _series(run, held, subject, apart)
    whole = max((_first(s) for s in found.values() if not s.gauge.heap), default=0.0)
    told = any(name.startswith("jvm ") for _, name in found)
    entries: list[GrowthResult] = []
    rare: list[int] = []
    heaps = False
    for (source, name), series in sorted(found.items(), key=lambda item: item[0]):
        rows = sorted(series.values.items())
        times_s, values = np.array(rows).T
        if series.gauge.heap and not values.any():
            continue  # a pool that was never collected tells 0
        if name == "rss" and (source, "memory") in found:
            continue  # the same, with the pages that processes share counted for each of them
        hidden = jvm and about_memory and name in _RESIDENT
        trend = trend_of(times_s, values, series.gauge.level)
        if series.gauge.level is WindowLevel.LEFT and isinstance(trend, NoTrend):
            rare.append(len(entries))
        if hidden:
            trend = NoTrend(_TAKEN_AHEAD if told else _HIDDEN)
        heaps |= series.gauge.heap and isinstance(trend, Trend)
        filling_s = max(0.0, subject.least_s - _CUT_S - held.duration_s)
        garbage_s = uncollected_s(run, source, name, trend) if series.unit is Unit.BYTES else 0.0
        before, during = more_users(run, held, trend) if series.unit is Unit.COUNT else (0.0, 0.0)
        entries.append(
            GrowthResult(
                subject=subject.name,
                series=f"{source}.{name}",
                unit=series.unit,
                readings=len(rows),
                requests_per_s=requests_per_s,
                trend=trend,
                limit=series.limit,
                last=float(values[-1]),
                needed_s=max(filling_s, garbage_s),
                users=during,
                first_users=before,
                garbage=garbage_s > filling_s,
                whole=whole if series.unit is Unit.BYTES and (series.gauge.heap or name in apart) else 0.0,
                decides=not (hidden and told),
            )
        )
    # What was collected too seldom to be told decides only where no other series of the heap is told.
    for place in rare if heaps else ():
        entries[place] = replace(entries[place], decides=False)
    return entries


def _first(series: _Series) -> float:
    """What there was in the beginning."""
    return series.values[min(series.values)]


def _of_requests(run: Run, held: Window, names: Sequence[str], requests_per_s: float) -> list[GrowthResult]:
    """Latency (of each window's requests together) and error rate."""
    requests = requests_per_s * held.duration_s
    number = int(min(WINDOWS, requests // _LEAST_REQUESTS, held.duration_s // 5))
    if number < LEAST_WINDOWS:
        needed = LEAST_WINDOWS * _LEAST_REQUESTS
        few = NoTrend(f"{requests:.0f} requests are too few, {needed} are needed: run longer")
        return [GrowthResult(n, n, Unit.NONE, round(requests), requests_per_s, few) for n in names]
    start, span_s = min(held.seconds), float(held.duration_s)
    slices = within(run.slices, held.seconds)
    places = np.minimum(number - 1, ((slices.second - start) / (span_s / number)).astype(np.int64))
    samples = [sample(slices.take(np.flatnonzero(places == place))) for place in range(number)]
    known = np.array([s.response.count > 0 for s in samples])
    samples = [s for s in samples if s.response.count]
    at = start + (np.flatnonzero(known).astype(np.float64) + 0.5) * span_s / number
    found: list[tuple[str, str, Unit, Trend | NoTrend]] = []
    if "latency" in names:
        times = {
            name: np.array([level(s.response) or np.nan for s in samples]) for name, level in _TIMES.items()
        }
        found += [("latency", n, Unit.SECONDS, t) for n, t in _of_times(at, times, number, span_s).items()]
    if "error rate" in names:
        rates = np.array([s.failed / s.requests for s in samples])
        untold = _untold(rates, number, span_s, _LEAST_S)
        trend = untold or trend_of_levels(at, rates, span_s, _LEAST_ERROR_GROWTH)
        found.append(("error rate", "error rate", Unit.SHARE, trend))
    return [
        GrowthResult(subject, name, unit, round(requests), requests_per_s, trend)
        for subject, name, unit, trend in found
    ]


def _of_times(
    at: NDArray[np.float64], times: dict[str, NDArray[np.float64]], number: int, span_s: float
) -> dict[str, Trend | NoTrend]:
    """The trends of percentiles of the same requests."""
    found: dict[str, Trend | NoTrend] = {}
    for name, values in times.items():
        untold = _untold(values, number, span_s, SUBJECTS["latency"].least_s)
        trend = trend_of_ratios if values.size and values.min() > 0 else trend_of_levels
        found[name] = untold or trend(at, values, span_s, care=TAIL if name == _SLOWEST else LOGARITHMS)
    told = {name: trend for name, trend in found.items() if isinstance(trend, Trend)}
    return {**found, **dict(zip(told, agreed(list(told.values())), strict=True))}


def _untold(values: NDArray[np.float64], number: int, span_s: float, least_s: float) -> NoTrend | None:
    if span_s < least_s - _CUT_S:
        needed = format_duration(least_s)
        return NoTrend(f"{span_s:.0f} s are too short, {needed} are needed: run longer")
    if values.size < LEAST_WINDOWS:
        return NoTrend(f"{number - values.size} of {number} parts have no request")
    return None
