"""Capacity: each trial as a dot over its load, the limit, and the band in which the answer lies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from loadproof.analysis.search.capacity import describe, format_load, interval_of
from loadproof.analysis.search.load_search import TrialOutcome
from loadproof.charts import Layer, LimitLine, Panel, Picture, Shape, Tint
from loadproof.model import Requirement, Subject, Unit
from loadproof.units import format_duration, format_percent

if TYPE_CHECKING:
    from loadproof.analysis.search.capacity import SearchState
    from loadproof.analysis.search.trials import TrialResult
    from loadproof.runfile.reader import Run

_DRAWN = {
    TrialOutcome.HELD: (Shape.DOTS, "pass", "held"),
    TrialOutcome.BROKE: (Shape.CROSSES, "fail", "broke"),
    TrialOutcome.VOID: (Shape.RINGS, "quiet", "says nothing"),
}
_WIDE = 6.0
"""Loads that differ by more are drawn on a logarithmic axis."""


def capacity_picture(run: Run, course: SearchState) -> Picture | None:
    """None where no trial measured what a limit is set to."""
    scale = _Scale(run)
    layers = []
    for outcome, (shape, ink, name) in _DRAWN.items():
        tried = [(r, y) for r in course.results if r.outcome is outcome and (y := scale.value(r)) is not None]
        if tried:
            layers.append(
                Layer(
                    name=name,
                    shape=shape,
                    ink=ink,
                    x=tuple(result.trial.load for result, _ in tried),
                    y=tuple(value for _, value in tried),
                    texts=tuple(describe(course.goal, result).strip() for result, _ in tried),
                )
            )
    if not layers:
        return None
    loads = [x for layer in layers for x in layer.x]
    tints, rules = _answer(course)
    if scale.limit is not None:
        rules.append(LimitLine(f"limit {scale.said}", "quiet", scale.limit, panel=0))
    unit = "users" if course.goal.whole else Unit.PER_SECOND
    return Picture(
        name="capacity",
        title="Trials over load",
        words=_words(course, sum(len(layer.x) for layer in layers)),
        x_title="users" if course.goal.whole else "arrivals per second",
        x_unit=str(unit),
        panels=(Panel(scale.title, str(scale.unit), log=scale.log),),
        layers=tuple(layers),
        tints=tuple(tints),
        rules=tuple(rules),
        x_log=max(loads) > _WIDE * min(loads),
    )


def _answer(course: SearchState) -> tuple[list[Tint], list[LimitLine]]:
    interval = interval_of(course)
    tints = [] if interval is None else [Tint("the capacity lies here", "series-1", interval[0], interval[1])]
    rules = []
    held, least = course.bounds.held, course.goal.at_least
    if held is not None:
        rules.append(LimitLine(f"holds {format_load(course.goal, held)}", "pass", held))
    if least is not None:
        rules.append(LimitLine(f"required {format_load(course.goal, least)}", "quiet", least))
    return tints, rules


def _words(course: SearchState, drawn: int) -> str:
    held, broke = course.bounds.held, course.bounds.broke
    said = [f"{len(course.results)} trials"]
    if held is not None:
        said.append(f"the greatest load that held is {format_load(course.goal, held)}")
    if broke is not None:
        said.append(f"the least that broke {format_load(course.goal, broke)}")
    if drawn < len(course.results):
        said.append(f"{len(course.results) - drawn} without a value are not drawn")
    return "; ".join(said)


class _Scale:
    """What is drawn of a trial: the required response time, the worst of several by its limit, or errors."""

    def __init__(self, run: Run) -> None:
        upper = [r for r in run.plan.requirements if r.operator.is_upper]
        times = [r for r in upper if r.subject is Subject.RESPONSE_TIME]
        errors = [r for r in upper if r.subject is Subject.ERROR_RATE]
        self.log = bool(times)
        self.unit: Unit = Unit.SECONDS if len(times) == 1 else Unit.SHARE
        self.limit: float | None = None
        self.title, self.said = "response time by its limit", "100 %"
        self._value = self._by_limit
        if len(times) == 1:
            self.limit, self.title = times[0].limit, _title(times[0])
            self.said = format_duration(times[0].limit)
        elif times:
            self.limit = 1.0
        elif errors:
            self.limit, self.title, self.said = (
                errors[0].limit,
                "failed requests",
                format_percent(errors[0].limit),
            )
            self._value = self._errors
        else:
            self.unit, self.title, self.log = Unit.SECONDS, "p95", True
            self._value = self._p95

    def value(self, result: TrialResult) -> float | None:
        return self._value(result)

    def _by_limit(self, result: TrialResult) -> float | None:
        if result.margin is None or not math.isfinite(result.margin):
            return result.p95_s if self.title == "p95" else None
        return (self.limit or 1.0) * math.exp(-result.margin)

    @staticmethod
    def _errors(result: TrialResult) -> float | None:
        return result.error_rate

    @staticmethod
    def _p95(result: TrialResult) -> float | None:
        return result.p95_s


def _title(requirement: Requirement) -> str:
    named = "response time" if requirement.quantile is None else f"p{requirement.quantile * 100:g}"
    return f"{named} of {requirement.endpoint}" if requirement.endpoint else named
