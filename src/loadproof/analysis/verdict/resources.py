"""Requirements on what the system under test used, judged from the monitors' readings."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from loadproof.analysis.verdict.requirements import compare, format_value, undecided
from loadproof.analysis.verdict.service import MACHINE, SOURCE
from loadproof.analysis.verdict.watched import HEAP, PART, PER_PART, Watched
from loadproof.analysis.window.windows import Window
from loadproof.model import Finding, Reading, Requirement, Statistic, Unit, Verdict
from loadproof.runfile.readings import Readings

_ADVICE: Final = {
    "cpu": "no monitor measures CPU: name the process below monitors:, or its machine's node_exporter",
    "memory": "no monitor measures memory: name the process below monitors:, or its machine's node_exporter",
    "database_connections": "no monitor measures database connections: name the database below monitors:",
}


_WRITTEN_IN: Final = {
    Unit.SECONDS: "200ms",
    Unit.SHARE: "80%",
    Unit.BYTES: "500MiB",
    Unit.CORES: "80%, or 1.5 cores",
}
"""How limits are written on series in these units, whose number alone could mean two things."""


def judge_resource(requirement: Requirement, watched: Watched, window: Window) -> Finding:
    """One requirement's finding over its window."""
    names = watched.find(requirement.metric)
    if not names and requirement.metric.startswith(PART):
        return _no_such_part(requirement, watched, window)
    if not names:
        advice = _ADVICE.get(requirement.metric, f"no monitor has measured {requirement.metric}")
        return undecided(requirement, "was not measured", window, advice=advice)
    if watched.partial and watched.series[names[0]][0].source in watched.partial.sources:
        advice = f"{watched.partial.sentence}; have the workers share their metrics"
        return undecided(requirement, "was measured in one worker only", window, advice=advice)
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
    return undecided(requirement, "was not measured", window, advice=advice)


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
        finding = finding.with_evidence(limited_by=limit[0])
        whole = _at(watched.series.get(f"{SOURCE}.{what}", ()), second)
        if whole is not None and whole.limit:
            said.append(f"all parts: {format_value(whole.value / whole.limit, Unit.SHARE)} of {MACHINE}")
    collected = next((p for p in watched.service.parts if name == f"{SOURCE}.{p.series(HEAP)}"), None)
    if collected and requirement.unit is Unit.SHARE:
        share = format_value(finding.value or 0.0, Unit.SHARE)
        said.append(f"{collected.name}: {share} of its old generation after a collection")
        finding = finding.with_evidence(limited_by="its old generation")
    for part in watched.service.parts:
        reading = _at(watched.series.get(f"{SOURCE}.{part.series(what)}", ()), second)
        if reading is not None:
            split[part.name] = reading.value
    if len(split) > 1 or of_part is None:
        unit = Unit.CORES if what == "cpu" else Unit.BYTES
        values = ", ".join(f"{part} {format_value(value, unit)}" for part, value in split.items())
        said += [values] if len(split) > 1 else []
    finding = finding.with_evidence(parts=split)
    if what == "memory":
        shared = {part.memory_is for part in watched.service.parts}
        said += (
            ["shared pages counted once (PSS)"] if shared == {"PSS"} else ["RSS where PSS may not be read"]
        )
    return replace(finding, sentence=f"{finding.sentence} ({'; '.join(said)})") if said else finding


def _worst_second(requirement: Requirement, readings: Sequence[Reading], window: Window) -> int:
    inside = inside_of(readings, window) or readings
    upper = requirement.operator.is_upper
    worst = (max if upper else min)(inside, key=lambda reading: reading.value)
    return int(worst.time_s)


def _at(readings: Sequence[Reading], second: int) -> Reading | None:
    columns = Readings.of(readings)
    at = np.flatnonzero(columns.seconds == second)
    return columns[int(at[0])] if at.size else None


def inside_of(readings: Sequence[Reading], window: Window) -> Readings:
    """Those of the window's seconds."""
    return Readings.of(readings).within(window.seconds)


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
        return undecided(requirement, "cannot be told", window, samples=len(readings), advice=why)
    values, unknown = _values(requirement, _extremes(requirement, readings))
    if not values:
        advice = unknown or silence or f"{name} has no value in this window"
        return undecided(requirement, "has no data", window, samples=0, advice=advice)
    if requirement.window.startswith("any "):
        span_s = int(requirement.window.removeprefix("any ").removesuffix("s"))
        values = _rolling_means(readings, values, span_s, window)
        if not values:
            advice = f"no {span_s}s of this window were measured throughout: run longer"
            return undecided(requirement, "has no data", window, samples=0, advice=advice)
    value = _statistic(requirement, values)
    so_far = f"is {format_value(value, requirement.unit)} as far as it was"
    coarse = watched.too_coarse(requirement, name, window)
    if coarse:
        advice = f"{coarse}. Let Prometheus scrape more often, or watch the target's own /metrics"
        return undecided(requirement, f"{so_far} scraped", window, samples=len(values), advice=advice)
    finding = compare(requirement, value, len(values), 1, window, None)
    assert finding.measure is not None  # noqa: S101  # it is a requirement's
    finding = replace(finding, measure=replace(finding.measure, series=name))
    finding = finding.with_evidence(mean=float(np.mean(values)))
    limits = [r.limit for r in readings if r.limit is not None]
    if limits:
        maximum, unit = float(readings.high.max()), readings[0].unit
        told = {"series_limit": limits[-1], "series_maximum": maximum, "series_unit": str(unit)}
        finding = finding.with_evidence(**told)
        shown = f"{format_value(maximum, unit)} of {format_value(limits[-1], unit)}"
        finding = replace(finding, sentence=f"{finding.sentence} ({name} was at most {shown})")
    if silence and not _proved(requirement, finding):
        advice = f"{silence}: what happened then is not known"
        return undecided(requirement, f"{so_far} measured", window, samples=len(values), advice=advice)
    if silence:
        finding = finding.with_evidence(silence=silence)
    return finding


def _proved(requirement: Requirement, finding: Finding) -> bool:
    """Whether what is not known cannot change the verdict: a maximum that is too high only grows."""
    upper = requirement.operator.is_upper
    extreme = requirement.statistic is (Statistic.MAXIMUM if upper else Statistic.MINIMUM)
    return finding.verdict is Verdict.FAIL and (extreme or requirement.window.startswith("any "))


def _values(requirement: Requirement, readings: Sequence[Reading]) -> tuple[list[float], str]:
    """The readings in the requirement's unit; none, and why, when they cannot be told in it."""
    if not readings:
        return [], ""
    unit, wanted = readings[0].unit, requirement.unit
    if wanted is Unit.SHARE and unit is not Unit.SHARE and any(r.limit is not None for r in readings):
        return [r.value / r.limit for r in readings if r.limit], ""
    if wanted is Unit.NONE and unit in _WRITTEN_IN:
        # `process.cpu < 80` would hold for ever, and `process.rss < 500` never.
        return [], f"the limit has no unit, and this series is measured in {unit}: write {_WRITTEN_IN[unit]}"
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
    upper = requirement.operator.is_upper
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
            upper = requirement.operator.is_upper
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
