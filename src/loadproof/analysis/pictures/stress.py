"""Stress: goodput and response time over the load, the knee, and the stage that broke."""

from __future__ import annotations

from collections.abc import Sequence

from loadproof.analysis.shapes.broken_stick import BrokenStick
from loadproof.analysis.shapes.stress import stages_of
from loadproof.analysis.shapes.stress_points import LoadPoint, ThroughputEnd, points_of
from loadproof.analysis.window.windows import sample
from loadproof.charts import Layer, LimitLine, Panel, Picture, Shape
from loadproof.model import Finding, Requirement, Subject, Unit
from loadproof.runfile.reader import Run
from loadproof.units import format_count, format_duration, format_rate

_DRAWN = {
    True: (Shape.DOTS, "pass", "held"),
    False: (Shape.CROSSES, "fail", "broke"),
    None: (Shape.RINGS, "inconclusive", "cannot be judged"),
}


def stress_picture(run: Run, findings: Sequence[Finding]) -> Picture | None:
    """None for a run without stages that climb."""
    told = {finding.id: finding for finding in findings}
    breaking, course = told.get("stress.breaking_point"), told.get("stress.stages")
    stages = stages_of(run) if breaking else []
    if breaking is None or not stages:
        return None
    peak = max(range(len(stages)), key=lambda index: stages[index].level)
    climb, descent = stages[: peak + 1], stages[peak + 1 :]
    quantile, limit_s = percentile_of(run)
    layers: list[Layer] = []
    points = points_of(run, climb)
    holds = [point for point in points if point.stage.from_level == point.stage.level]
    for held, (shape, ink, name) in _DRAWN.items():
        layers += _dots(run, [p for p in holds if p.stage.held is held], quantile, shape, ink, name)
    # A ramp breaks as a whole: which of its seconds did is read from the limit.
    ramps = [point for point in points if point not in holds]
    layers += _dots(run, ramps, quantile, Shape.DOTS, "series-1", "parts of the ramp")
    after = points_of(run, descent)
    layers += _dots(run, after, quantile, Shape.RINGS, "quiet", "after the peak")
    rules = (
        [] if limit_s is None else [LimitLine(f"limit {format_duration(limit_s)}", "quiet", limit_s, panel=1)]
    )
    end = course.detail if course else None
    if isinstance(end, ThroughputEnd) and (stick := end.plateau):
        layers.append(_fit(stick, max(point.load for point in points)))
        knee = f"knee {_load(run, stick.break_load)}"
        rules.append(LimitLine(knee, "series-2", stick.break_load))
    first = next((stage for stage in climb if stage.held is False), None)
    if first is not None and first.from_level == first.level:
        rules.append(LimitLine(f"stage {first.number} broke", "fail", first.level))
    title = "response time" if quantile is None else f"p{quantile * 100:g}"
    return Picture(
        name="stress",
        title="Goodput and response time over load",
        words=course.sentence if course else breaking.sentence,
        x_title="arrivals per second" if run.plan.profile.open_model else "users",
        x_unit=str(Unit.PER_SECOND) if run.plan.profile.open_model else "users",
        panels=(Panel("goodput", str(Unit.PER_SECOND)), Panel(title, str(Unit.SECONDS), log=True)),
        layers=tuple(layers),
        rules=tuple(rules),
        x_bounds=(0.0, 1.06 * max(point.load for point in (*points, *after))),
    )


def percentile_of(run: Run) -> tuple[float, float | None]:
    """The percentile to draw and its limit in seconds: the first that is required of all requests, or p95."""
    required: Requirement | None = next(
        (
            r
            for r in run.plan.requirements
            if r.subject is Subject.RESPONSE_TIME
            and r.quantile
            and not r.endpoint
            and r.operator.value[0] == "<"
        ),
        None,
    )
    return (
        (0.95, None) if required is None or required.quantile is None else (required.quantile, required.limit)
    )


def _dots(
    run: Run, points: Sequence[LoadPoint], quantile: float, shape: Shape, ink: str, name: str
) -> list[Layer]:
    """Goodput above, response time below; nothing for no points."""
    if not points:
        return []
    times = tuple(sample(point.slices).response.quantile(quantile) for point in points)
    loads = tuple(point.load for point in points)
    texts = tuple(
        f"stage {p.stage.number}, {_load(run, p.load)}: goodput {format_rate(p.goodput_per_s)}"
        + ("" if time is None else f", p{quantile * 100:g} {format_duration(time)}")
        for p, time in zip(points, times, strict=True)
    )
    return [
        Layer(name, shape, ink, loads, tuple(p.goodput_per_s for p in points), 0, texts=texts),
        Layer("", shape, ink, loads, times, 1, texts=texts),
    ]


def _fit(stick: BrokenStick, most: float) -> Layer:
    at, top, falls = stick.break_load, stick.capacity_per_s, stick.collapse
    x, y = [0.0, at], [0.0, top]
    if most > at:
        x.append(most)
        y.append(max(0.0, top - falls * (most - at)))
    return Layer("fit", Shape.DASHES, "series-2", tuple(x), tuple(y))


def _load(run: Run, level: float) -> str:
    return format_rate(level) if run.plan.profile.open_model else f"{format_count(round(level))} users"
