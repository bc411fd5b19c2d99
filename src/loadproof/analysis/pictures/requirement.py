"""A requirement over time: the one that was missed by most, or that is nearest to its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadproof.analysis.verdict.requirements import format_value, matching
from loadproof.analysis.window.columns import Columns
from loadproof.charts import Charts, Layer, LimitLine, Panel, Picture, Shape, Tint, Values
from loadproof.model import Finding, Measure, Statistic, Subject, Unit, Verdict
from loadproof.runfile.reader import Run

TIME: Final = "time since the load began"
_WHOLE: Final = 0.97
_FAR: Final = 4
_ORDER = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


@dataclass(frozen=True, slots=True)
class _Drawn:
    values: Values
    unit: Unit


def requirement_picture(run: Run, charts: Charts, findings: Sequence[Finding]) -> Picture | None:
    """None where no requirement is on something that has a value at each moment."""
    rated = [
        (finding, finding.measure)
        for finding in findings
        if finding.measure is not None
        and finding.measure.value is not None
        and finding.measure.limit is not None
    ]
    rated.sort(key=lambda pair: _rank(*pair))
    for finding, measure in rated:
        drawn = _values(run, charts, finding, measure)
        if drawn is not None and any(value is not None for value in drawn.values):
            return _picture(charts, finding, measure, drawn)
    return None


def course_picture(charts: Charts) -> Picture:
    """What the load brought, where nothing is required of it."""
    axis = charts.axis
    x = tuple(float(n * axis.step_s) for n in range(axis.count))
    return Picture(
        name="course",
        title="Throughput and response time over time",
        words="",
        x_title=TIME,
        x_unit="time",
        panels=(Panel("throughput", str(Unit.PER_SECOND)), Panel("p95", str(Unit.SECONDS), log=True)),
        layers=(
            Layer("requests", Shape.LINE, "series-1", x, charts.total.requests_per_s),
            Layer("p95", Shape.LINE, "series-3", x, charts.total.p95_s, 1),
        ),
        tints=judged_tints(charts),
        x_bounds=(0.0, float(axis.length_s)),
    )


def judged_tints(charts: Charts) -> tuple[Tint, ...]:
    """The judged parts; none where all is judged."""
    whole = sum(end - begin for begin, end in charts.judged) >= _WHOLE * charts.axis.length_s
    parts = () if whole else charts.judged
    return tuple(Tint("judged", "series-1", float(begin), float(end)) for begin, end in parts)


def _is_far(limit: float, drawn: _Drawn) -> bool:
    """Whether a linear axis with the limit on it would leave a time no room."""
    known = [value for value in drawn.values if value]
    return drawn.unit is Unit.SECONDS and bool(known) and limit > _FAR * max(known)


def _rank(finding: Finding, measure: Measure) -> tuple[int, bool, float]:
    """The first that failed is the headline's; of those that hold the nearest to its limit comes first."""
    held = finding.verdict is Verdict.PASS
    margin = float("inf") if measure.margin is None else measure.margin
    return _ORDER.index(finding.verdict), measure.by_default, margin if held else 0.0


def _picture(charts: Charts, finding: Finding, measure: Measure, drawn: _Drawn) -> Picture:
    axis, verdict = charts.axis, str(finding.verdict).lower()
    assert measure.limit is not None  # noqa: S101  # only those are drawn
    limit = f"{measure.operator} {format_value(measure.limit, measure.unit)}"
    value = "nothing" if measure.value is None else format_value(measure.value, measure.unit)
    name = finding.named_subject
    return Picture(
        name="requirement",
        title=f"{name} over time",
        words=f"{value} over {finding.window}" if finding.window else value,
        x_title=TIME,
        x_unit="time",
        panels=(Panel(name, str(drawn.unit), log=_is_far(measure.limit, drawn)),),
        layers=(
            Layer(
                "each second" if axis.step_s == 1 else f"each {axis.step_s} s",
                Shape.LINE,
                "series-1",
                tuple(float(n * axis.step_s) for n in range(axis.count)),
                drawn.values,
            ),
        ),
        tints=judged_tints(charts),
        rules=(LimitLine(f"required {limit}", verdict, measure.limit, panel=0),),
        x_bounds=(0.0, float(axis.length_s)),
    )


def _values(run: Run, charts: Charts, finding: Finding, measure: Measure) -> _Drawn | None:
    if measure.series:
        return _resource(charts, measure)
    slices = matching(finding.endpoint, run.slices)
    if not slices:
        return None
    columns = Columns(slices, charts.axis)
    requests = columns.per_step(columns.requests)
    if measure.unit is Unit.SECONDS and measure.quantile is not None:
        return _Drawn(columns.by_step().quantile(measure.quantile), Unit.SECONDS)
    of_errors = any(r.id == finding.id and r.subject is Subject.ERROR_RATE for r in run.plan.requirements)
    if measure.unit is Unit.SHARE and of_errors:
        failed = sum(columns.per_step(counts) for counts in columns.failures.values())
        shares = [
            None if not n else float(f) / float(n)
            for f, n in zip(failed + 0 * requests, requests, strict=True)
        ]
        return _Drawn(tuple(shares), Unit.SHARE)
    if measure.unit is Unit.PER_SECOND:
        return _Drawn(tuple((requests / charts.axis.step_s).tolist()), Unit.PER_SECOND)
    return None


def _resource(charts: Charts, measure: Measure) -> _Drawn | None:
    """In the unit of the requirement: a share is of the series' own limit."""
    found = next((c for c in charts.resources if f"{c.source}.{c.series}" == measure.series), None)
    if found is None:
        return None
    values = found.greatest if measure.statistic is Statistic.MAXIMUM else found.mean
    if found.unit == str(measure.unit):
        return _Drawn(values, measure.unit)
    if measure.unit is not Unit.SHARE or not found.limit:
        return None
    return _Drawn(tuple(None if v is None else v / found.limit for v in values), Unit.SHARE)
