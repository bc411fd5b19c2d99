"""A scenario's runs over time: each endpoint's figures as series, changes of level, and what creeps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from loadproof.analysis.across_runs.change_points import (
    autocorrelation,
    change_points,
    levels,
    outliers,
    scan_p,
    series_alpha,
    worth_telling,
)
from loadproof.analysis.across_runs.measured import ALL_REQUESTS, MeasuredEndpoint, MeasuredRun
from loadproof.analysis.across_runs.mix import mix_differs
from loadproof.analysis.across_runs.trends import LinearTrend, creep_of
from loadproof.analysis.verdict.requirements import format_value
from loadproof.model import Unit

TOLERANCE: Final = 0.05
"""Least relative change that is worth telling."""
SHARE_TOLERANCE: Final = 0.001
"""Least change of an error rate that is worth telling, 0.1 points: a ratio to 0 says nothing."""
CONFIRMED_AFTER: Final = 5
"""Runs of the new level from which on a change is no longer provisional: three may be three bad days."""
CREEP_ALPHA: Final = 0.005
"""Little beside the 0.05 of steps: of 15 runs a creep that matters is far beyond it."""
_DRIFTS: Final = 0.3
_DRIFT_NEEDS: Final = 20
_TIMES: Final = 4
"""From so many on a change is told as times, not in percent."""


@dataclass(frozen=True, slots=True)
class TrackedFigure:
    """One figure of an endpoint that has a history."""

    name: str
    unit: Unit
    of: Callable[[MeasuredEndpoint], float | None]
    higher_is_worse: bool = True


def _quantile(name: str, quantile: float) -> TrackedFigure:
    return TrackedFigure(name, Unit.SECONDS, lambda endpoint: endpoint.quantiles_s.get(quantile))


def _error_rate(endpoint: MeasuredEndpoint) -> float | None:
    if endpoint.failed is None or not endpoint.requests:
        return None
    return endpoint.failed / endpoint.requests


MEASURES: Final[dict[str, TrackedFigure]] = {
    measure.name: measure
    for measure in (
        _quantile("p50", 0.5),
        _quantile("p95", 0.95),
        _quantile("p99", 0.99),
        TrackedFigure("mean", Unit.SECONDS, lambda endpoint: endpoint.mean_s),
        TrackedFigure(
            "throughput", Unit.PER_SECOND, lambda endpoint: endpoint.throughput_per_s, higher_is_worse=False
        ),
        TrackedFigure("error rate", Unit.SHARE, _error_rate),
    )
}
"""By the name that `--statistic` takes."""


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A new level, from one run on."""

    run: int
    """Position in `History.runs` of the first run at the new level."""
    before: float
    after: float
    """Medians of the runs of each level, in the measure's unit."""
    p: float
    runs_since: int
    said: str
    """ "p95 of GET /x is 18 % higher"."""
    sentence: str

    @property
    def provisional(self) -> bool:
        """Too few runs of the new level yet."""
        return self.runs_since < CONFIRMED_AFTER


@dataclass(frozen=True, slots=True)
class FigureTrend:
    """A figure that creeps: a little more, or less, with each run."""

    run: int
    """Position in `History.runs` of its first run."""
    line: LinearTrend
    sentence: str

    @property
    def before(self) -> float:
        """At its first run."""
        return self.line.start

    @property
    def after(self) -> float:
        """At the newest run."""
        return self.line.end


@dataclass(frozen=True, slots=True)
class ContextChange:
    """What else changed between a run and the one before it."""

    run: int
    """Position in `History.runs`."""
    what: str


@dataclass(frozen=True, slots=True)
class RunSeries:
    """One figure of one endpoint, run by run."""

    endpoint: str
    measure: TrackedFigure
    values: tuple[float | None, ...]
    """As many as runs; None where the run does not have it."""
    changes: tuple[LevelChange, ...]
    outliers: tuple[int, ...]
    """Runs far off the level that they belong to."""
    autocorrelation: float
    """Of neighbouring runs, 0 to 1, changes of level taken away."""
    trend: FigureTrend | None = None
    """Since the last change of level, where there are runs enough."""

    @property
    def drifts(self) -> bool:
        """Runs resemble their neighbours: the environment changes by itself."""
        known = sum(value is not None for value in self.values)
        return known >= _DRIFT_NEEDS and self.autocorrelation > _DRIFTS


@dataclass(frozen=True, slots=True)
class History:
    """All series of the runs that can be compared."""

    name: str
    runs: tuple[MeasuredRun, ...]
    """Oldest first."""
    series: tuple[RunSeries, ...]
    left_out: tuple[tuple[str, str], ...]
    """Runs that are in no series, with the reason."""
    tolerance: float
    marks: tuple[ContextChange, ...] = ()


def comparable(runs: Sequence[MeasuredRun]) -> tuple[list[MeasuredRun], list[tuple[str, str]]]:
    """The healthy runs with the newest one's scenario, load and target, oldest first; the others with why."""
    ordered = sorted(runs, key=lambda run: (run.started_at_s or 0.0, run.label))
    kept: list[MeasuredRun] = []
    left_out: list[tuple[str, str]] = []
    for run in ordered:
        if _same_load(run) != _same_load(ordered[-1]):
            left_out.append((run.label, "another scenario, load or target"))
        elif run.invalid:
            left_out.append((run.label, run.invalid[0]))
        else:
            kept.append(run)
    return kept, left_out


def _same_load(run: MeasuredRun) -> str:
    conditions = run.conditions
    told = (conditions.scenario, conditions.engine, conditions.profile, conditions.target)
    return json.dumps(told, sort_keys=True, default=str)


def history(
    name: str,
    runs: Sequence[MeasuredRun],
    *,
    endpoints: Sequence[str] = (),
    measures: Sequence[str] = (),
    tolerance: float = TOLERANCE,
) -> History:
    """The series of `runs`, which are sorted and sifted first, and their changes; pure and deterministic.

    Args:
        name: what the runs are called together.
        runs: of one scenario.
        endpoints: names of those wanted; all when empty.
        measures: names from MEASURES; all when empty.
        tolerance: least relative change that is told, above 0.
    """
    kept, left_out = comparable(runs)
    counts = Counter(endpoint.name for run in kept for endpoint in run.endpoints)
    names = sorted(name for name in counts if name != ALL_REQUESTS and (not endpoints or name in endpoints))
    if ALL_REQUESTS in counts and (not endpoints or ALL_REQUESTS in endpoints):
        names.append(ALL_REQUESTS)
    wanted = [MEASURES[measure] for measure in measures or MEASURES]
    values = {(name, m.name): _values(kept, name, m) for name in names for m in wanted}
    p_values = [p for found in values.values() if (p := scan_p(_known(found))) is not None]
    creeps = [creep.p for found in values.values() if (creep := creep_of(_known(found))) is not None]
    levels_of = _Levels(series_alpha(p_values), series_alpha(creeps, CREEP_ALPHA), tolerance, marks_of(kept))
    series = [
        _series(kept, name, measure, values[name, measure.name], levels_of)
        for name in names
        for measure in wanted
    ]
    return History(name, tuple(kept), tuple(series), tuple(left_out), tolerance, levels_of.marks)


def marks_of(runs: Sequence[MeasuredRun]) -> tuple[ContextChange, ...]:
    """Where the scenario, a version, the machine or the mix of requests changed: a change may be theirs."""
    marks = []
    for place, (before, run) in enumerate(pairwise(runs), start=1):
        old, new = before.conditions, run.conditions
        if old.fingerprint and new.fingerprint and old.fingerprint != new.fingerprint:
            marks.append(ContextChange(place, "the scenario was changed"))
        marks += [
            ContextChange(place, f"{program} {old.versions[program]} to {version}")
            for program, version in sorted(new.versions.items())
            if old.versions.get(program, version) != version
        ]
        if old.host and new.host and old.host != new.host:
            marks.append(ContextChange(place, "another machine"))
        mixed = mix_differs([before], [run])
        if mixed is not None:
            marks.append(ContextChange(place, mixed[1]))
    return tuple(marks)


@dataclass(frozen=True, slots=True)
class _Levels:
    """From when on something is told."""

    step_alpha: float
    creep_alpha: float
    tolerance: float
    marks: tuple[ContextChange, ...]


def _values(runs: Sequence[MeasuredRun], name: str, measure: TrackedFigure) -> tuple[float | None, ...]:
    found = [run.endpoint(name) for run in runs]
    return tuple(None if endpoint is None else measure.of(endpoint) for endpoint in found)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _series(
    runs: Sequence[MeasuredRun],
    endpoint: str,
    measure: TrackedFigure,
    values: tuple[float | None, ...],
    told: _Levels,
) -> RunSeries:
    places = [place for place, value in enumerate(values) if value is not None]
    known = _known(values)

    def differs(before: float, after: float) -> bool:
        if measure.unit is Unit.SHARE:
            return abs(after - before) >= SHARE_TOLERANCE
        return abs(after - before) >= told.tolerance * abs(before)

    found = worth_telling(known, change_points(known, told.step_alpha), differs)
    trend = _trend(known, told, differs, [])
    if trend is not None:
        found = []  # a line explains all runs better than levels do
    splits = [change.index for change in found]
    if splits:
        trend = _trend(known, told, differs, splits)
    changes = []
    for change, (before, after) in zip(found, pairwise(levels(known, splits)), strict=True):
        since, place = len(known) - change.index, places[change.index]
        said = f"{measure.name} of {endpoint} is {_by(measure, before, after)}"
        shown = f"{format_value(before, measure.unit)} before, {format_value(after, measure.unit)} since"
        sentence = _sentence(runs[place], f"{said}: {shown}", change.p, since)
        beside = [mark.what for mark in told.marks if mark.run == place]
        sentence += f"; with it: {', '.join(beside)}" if beside else ""
        changes.append(LevelChange(place, before, after, change.p, since, said, sentence))
    return RunSeries(
        endpoint=endpoint,
        measure=measure,
        values=values,
        changes=tuple(changes),
        outliers=tuple(places[i] for i in outliers(known, splits)),
        autocorrelation=autocorrelation(known, splits) if known else 0.0,
        trend=None if trend is None else _told(trend, places[splits[-1] if splits else 0], endpoint, measure),
    )


def _trend(
    known: Sequence[float], told: _Levels, differs: Callable[[float, float], bool], splits: Sequence[int]
) -> LinearTrend | None:
    """The creep since the last of `splits`, when it is sure, large enough, and no step."""
    creep = creep_of(known[splits[-1] if splits else 0 :])
    if creep is None or not creep.line_fits or creep.p > told.creep_alpha:
        return None
    return creep if differs(creep.start, creep.end) else None


def _told(creep: LinearTrend, first: int, endpoint: str, measure: TrackedFigure) -> FigureTrend:
    """ "p95 of GET /x creeps up by 1.02ms a run: 50ms to 64ms over 15 runs"."""
    way = "up" if creep.per_run > 0 else "down"
    by = format_value(abs(creep.per_run), measure.unit)
    ends = f"{format_value(creep.start, measure.unit)} to {format_value(creep.end, measure.unit)}"
    runs = round((creep.end - creep.start) / creep.per_run) + 1
    what = f"{measure.name} of {endpoint}"
    return FigureTrend(
        first, creep, f"{what} creeps {way} by {by} a run: {ends} over {runs} runs (p = {creep.p:.2g})"
    )


def _by(measure: TrackedFigure, before: float, after: float) -> str:
    """ "18 % higher"."""
    how = "higher" if after > before else "lower"
    if measure.unit is Unit.SHARE or before == 0:
        return how
    if after / before >= _TIMES:
        return f"{after / before:.3g} times as high"
    percent = abs(after / before - 1) * 100
    return f"{percent:.{0 if percent >= 10 else 1}f} % {how}"


def _sentence(run: MeasuredRun, what: str, p: float, since: int) -> str:
    """ "since run R of commit C p95 of GET /x is 18 % higher: ... (p = 0.01, 10 runs)"."""
    commit = f" of commit {run.commit[:10]}" if run.commit else ""
    said = f"since run {run.label}{commit} {what} (p = {p:.2g}"
    if since < CONFIRMED_AFTER:
        runs = "one run" if since == 1 else f"{since} runs"
        return f"{said}; provisional: only {runs} since)"
    return f"{said}, {since} runs)"
