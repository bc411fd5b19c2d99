"""Requirements on what the system under test used, judged from the monitors' readings."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from loadproof.analysis.verdict.pages import partial_page
from loadproof.analysis.verdict.requirements import compare, finding_of, format_value
from loadproof.analysis.verdict.service import MACHINE, SOURCE, service_parts, with_limits_of_runtimes
from loadproof.analysis.window.windows import Window, stage_windows, whole_window
from loadproof.model import EventKind, Finding, Operator, Requirement, Statistic, Unit, Verdict
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import is_among
from loadproof.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from loadproof.model import Reading
    from loadproof.runfile.reader import Run

PART: Final = "part:"
"""How the metric of a requirement on one part begins: `part:php-fpm.memory`."""
PER_PART: Final = ("cpu", "memory")
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
_ADVICE: Final = {
    "cpu": "no monitor measures CPU: name the process below monitors:, or its machine's node_exporter",
    "memory": "no monitor measures memory: name the process below monitors:, or its machine's node_exporter",
    "database_connections": "no monitor measures database connections: name the database below monitors:",
}


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
        heap = [name for name in ("runtime.heap.after_gc",) if metric == "memory" and self.series.get(name)]
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


def judge_resource(requirement: Requirement, watched: Watched, window: Window) -> Finding:
    """One requirement's finding over its window."""
    names = watched.find(requirement.metric)
    if not names and requirement.metric.startswith(PART):
        return _no_such_part(requirement, watched, window)
    if not names:
        advice = _ADVICE.get(requirement.metric, f"no monitor has measured {requirement.metric}")
        return finding_of(requirement, Verdict.INCONCLUSIVE, "was not measured", window, advice=advice)
    if watched.partial and watched.series[names[0]][0].source in watched.partial.sources:
        return finding_of(
            requirement, Verdict.INCONCLUSIVE, "was measured in one worker only", window,
            advice=f"{watched.partial.sentence}; have the workers share their metrics",
        )  # fmt: skip
    if requirement.unit is Unit.SHARE:
        names = [*names, *watched.tighter(requirement.metric, names)]
    parts = _windows(requirement, watched, window)
    found = [_judge_one(requirement, watched, name, part) for name in names for part in parts]
    worst = min(found, key=worst_first)
    if not names[0].startswith(f"{SOURCE}."):
        return worst
    return _incomplete(requirement, watched, with_split(requirement, worst, watched, window))


def _no_such_part(requirement: Requirement, watched: Watched, window: Window) -> Finding:
    key = requirement.metric.removeprefix(PART).rpartition(".")[0]
    known = watched.service.names
    advice = f"no part is called {key}; there are {known}" if known else "no process was watched"
    return finding_of(requirement, Verdict.INCONCLUSIVE, "was not measured", window, advice=advice)


def _incomplete(requirement: Requirement, watched: Watched, finding: Finding) -> Finding:
    """A sum in which a part is missing proves no PASS."""
    if (
        finding.verdict is not Verdict.PASS
        or not watched.service.unwatched
        or requirement.metric not in PER_PART
    ):
        return finding
    why, hint = watched.service.unwatched[0]
    evidence = {**finding.evidence, "unwatched": [text for text, _ in watched.service.unwatched]}
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        evidence=evidence,
        advice=f"{why}: it is not in the sum. {hint}",
    )


def with_split(requirement: Requirement, finding: Finding, watched: Watched, window: Window) -> Finding:
    """The finding with the tightest limit's name, and with what each part has to do with it.

    `100 % of GOMAXPROCS=1; 50 % of the machine; pocketbase 1 cores, postgres 0.2 cores`.
    """
    what = requirement.metric.rpartition(".")[2]
    name = finding.measure.series if finding.measure else ""
    if what not in PER_PART or not name:
        return finding
    said, split = [], {}
    second = _worst_second(requirement, watched.series[name], window)
    of_part = next((p for p in watched.service.parts if name == f"{SOURCE}.{p.series(what)}"), None)
    limit = of_part.limits.get(what) if of_part else None
    if of_part and limit and limit[0] != MACHINE and requirement.unit is Unit.SHARE:
        said.append(f"{of_part.name}: {format_value(finding.value or 0.0, Unit.SHARE)} of {limit[0]}")
        finding.evidence["limited_by"] = limit[0]
        whole = _at(watched.series.get(f"{SOURCE}.{what}", ()), second)
        if whole is not None and whole.limit:
            said.append(f"all parts: {format_value(whole.value / whole.limit, Unit.SHARE)} of {MACHINE}")
    for part in watched.service.parts:
        reading = _at(watched.series.get(f"{SOURCE}.{part.series(what)}", ()), second)
        if reading is not None:
            split[part.name] = reading.value
    if len(split) > 1 or of_part is None:
        unit = Unit.CORES if what == "cpu" else Unit.BYTES
        values = ", ".join(f"{part} {format_value(value, unit)}" for part, value in split.items())
        said += [values] if len(split) > 1 else []
    finding.evidence["parts"] = split
    if what == "memory":
        shared = {part.memory_is for part in watched.service.parts}
        said += (
            ["shared pages counted once (PSS)"] if shared == {"PSS"} else ["RSS where PSS may not be read"]
        )
    return replace(finding, sentence=f"{finding.sentence} ({'; '.join(said)})") if said else finding


def _worst_second(requirement: Requirement, readings: Sequence[Reading], window: Window) -> int:
    inside = inside_of(readings, window) or readings
    upper = requirement.operator in (Operator.LESS, Operator.LESS_EQUAL)
    worst = (max if upper else min)(inside, key=lambda reading: reading.value)
    return int(worst.time_s)


def _at(readings: Sequence[Reading], second: int) -> Reading | None:
    columns = Readings.of(readings)
    at = np.flatnonzero(columns.seconds == second)
    return columns[int(at[0])] if at.size else None


def inside_of(readings: Sequence[Reading], window: Window) -> Readings:
    """Those of the window's seconds."""
    columns = Readings.of(readings)
    return columns.take(np.flatnonzero(is_among(columns.seconds, window.seconds)))


def worst_first(finding: Finding) -> tuple[int, float]:
    """FAIL before INCONCLUSIVE before PASS, then the one nearest to its limit.

    A limit that was passed is passed, whatever else is not known.
    """
    order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}
    margin = finding.measure.margin if finding.measure else None
    return order[finding.verdict], margin if margin is not None else math.inf


def _windows(requirement: Requirement, watched: Watched, window: Window) -> list[Window]:
    if requirement.window == "whole":
        return [watched.whole]
    return watched.stages or [window] if requirement.window == "stage" else [window]


def _judge_one(requirement: Requirement, watched: Watched, name: str, window: Window) -> Finding:
    readings = inside_of(watched.series[name], window)
    silence = watched.silence(name, window.seconds)
    if why := _untold_by_steps(requirement, readings):
        return finding_of(
            requirement, Verdict.INCONCLUSIVE, "cannot be told", window, samples=len(readings), advice=why
        )
    values, unknown = _values(requirement, _extremes(requirement, readings))
    if not values:
        advice = unknown or silence or f"{name} has no value in this window"
        return finding_of(requirement, Verdict.INCONCLUSIVE, "has no data", window, samples=0, advice=advice)
    if requirement.window.startswith("any "):
        span_s = int(requirement.window.removeprefix("any ").removesuffix("s"))
        values = _rolling_means(readings, values, span_s, window)
        if not values:
            advice = f"no {span_s}s of this window were measured throughout: run longer"
            return finding_of(
                requirement, Verdict.INCONCLUSIVE, "has no data", window, samples=0, advice=advice
            )
    value = _statistic(requirement, values)
    coarse = watched.too_coarse(requirement, name, window)
    if coarse:
        return finding_of(
            requirement,
            Verdict.INCONCLUSIVE,
            f"is {format_value(value, requirement.unit)} as far as it was scraped",
            window,
            samples=len(values),
            advice=f"{coarse}. Let Prometheus scrape more often, or watch the target's own /metrics",
        )
    finding = compare(requirement, value, len(values), 1, window, None)
    assert finding.measure is not None  # noqa: S101  # it is a requirement's
    finding = replace(finding, measure=replace(finding.measure, series=name))
    finding.evidence["mean"] = float(np.mean(values))
    limits = [r.limit for r in readings if r.limit is not None]
    if limits:
        maximum, unit = float(readings.high.max()), readings[0].unit
        finding.evidence.update(series_limit=limits[-1], series_maximum=maximum, series_unit=str(unit))
        shown = f"{format_value(maximum, unit)} of {format_value(limits[-1], unit)}"
        finding = replace(finding, sentence=f"{finding.sentence} ({name} was at most {shown})")
    if silence and not _proved(requirement, finding):
        return finding_of(
            requirement,
            Verdict.INCONCLUSIVE,
            f"is {format_value(value, requirement.unit)} as far as it was measured",
            window,
            samples=len(values),
            advice=f"{silence}: what happened then is not known",
        )
    if silence:
        finding.evidence["silence"] = silence
    return finding


def _proved(requirement: Requirement, finding: Finding) -> bool:
    """Whether what is not known cannot change the verdict: a maximum that is too high only grows."""
    upper = requirement.operator in (Operator.LESS, Operator.LESS_EQUAL)
    extreme = requirement.statistic is (Statistic.MAXIMUM if upper else Statistic.MINIMUM)
    return finding.verdict is Verdict.FAIL and (extreme or requirement.window.startswith("any "))


def _values(requirement: Requirement, readings: Sequence[Reading]) -> tuple[list[float], str]:
    """The readings in the requirement's unit; none, and why, when they cannot be told in it."""
    if not readings:
        return [], ""
    unit, wanted = readings[0].unit, requirement.unit
    if wanted is Unit.SHARE and unit is not Unit.SHARE and any(r.limit is not None for r in readings):
        return [r.value / r.limit for r in readings if r.limit], ""
    same = unit is wanted or Unit.NONE in (unit, wanted)
    if same or (wanted is Unit.COUNT and unit is Unit.NONE):
        return [r.value for r in readings], ""
    if wanted is Unit.SHARE:
        return [], "this series has no limit to be a share of: write a limit in its own unit"
    return (
        [],
        f"this series is measured in {unit or 'numbers'}, the limit is written in {wanted or 'numbers'}",
    )


def _untold_by_steps(requirement: Requirement, readings: Readings) -> str:
    """Why what a run of days kept of a series does not say this; empty where it does.

    Of longer steps their mean and their extremes are kept: a percentile lies between those of the extremes.
    """
    if readings.merged is None:
        return ""
    kept = "this run file keeps the mean and the extremes of longer steps, not each second"
    if requirement.window.startswith("any "):
        return f"{kept}: require it before the run, whose seconds are then kept"
    if requirement.statistic is not Statistic.PERCENTILE:
        return ""
    ends = [_values(requirement, readings.with_values(v))[0] for v in (readings.low, readings.high)]
    bounds = [_statistic(requirement, values) for values in ends if values]
    if len({requirement.operator.holds(bound, requirement.limit) for bound in bounds}) < 2:
        return ""
    low, high = (format_value(bound, requirement.unit) for bound in bounds)
    return f"{kept}: it is between {low} and {high}"


def _extremes(requirement: Requirement, readings: Readings) -> Readings:
    """Of steps what the statistic speaks of: their greatest, their least, or their mean."""
    upper = requirement.operator in (Operator.LESS, Operator.LESS_EQUAL)
    match requirement.statistic:
        case Statistic.MEAN:
            return readings
        case Statistic.PERCENTILE:
            return readings.with_values(readings.high if upper else readings.low)
        case Statistic.MINIMUM:
            return readings.with_values(readings.low)
        case _:
            return readings.with_values(readings.high)


def _statistic(requirement: Requirement, values: Sequence[float]) -> float:
    match requirement.statistic:
        case Statistic.MINIMUM:
            return float(min(values))
        case Statistic.MEAN if not requirement.window.startswith("any "):
            return float(np.mean(values))
        case Statistic.PERCENTILE:
            return float(np.quantile(values, requirement.quantile or 0.0, method="inverted_cdf"))
        case Statistic.MEAN:
            upper = requirement.operator in (Operator.LESS, Operator.LESS_EQUAL)
            return float(max(values) if upper else min(values))
        case _:
            return float(max(values))


def _rolling_means(
    readings: Sequence[Reading], values: Sequence[float], span_s: int, window: Window
) -> list[float]:
    """The mean of each `span_s` seconds that lie inside the window and were measured throughout."""
    by_second: dict[int, list[float]] = defaultdict(list)
    for reading, value in zip(readings, values, strict=False):
        by_second[int(reading.time_s)].append(value)
    means = []
    for first in sorted(window.seconds):
        seconds = range(first, first + span_s)
        if first + span_s - 1 not in window.seconds or not window.seconds.issuperset(seconds):
            continue
        inside = [value for second in seconds for value in by_second.get(second, ())]
        # One second may be missed by a sample that came late.
        if len(inside) >= span_s - 1 - span_s // 10:
            means.append(sum(inside) / len(inside))
    return means


def _silences(run: Run) -> dict[str, list[Silence]]:
    """By source of readings."""
    found: dict[str, list[Silence]] = defaultdict(list)
    open_: dict[str, tuple[float, str, set[str]]] = {}
    for event in run.events:
        monitor = str(event.data.get("monitor", ""))
        sources = {monitor, *event.data.get("sources", ())}
        if event.kind is EventKind.MONITOR_LOST:
            # The sample after the last answer is the first one that is missing.
            start_s = float(event.data.get("since_s", event.time_s)) + _SAMPLE_EVERY_S
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
