"""What the page's script draws, as JSON that is safe inside a script element."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import orjson
from markupsafe import Markup

from loadproof.charts import Charts, EndpointCourse, GrowthCourse, Layer, Picture, ResourceCourse
from loadproof.model import EventKind, Finding, Report, Subject, Unit

_DIGITS = 4
"""Significant digits of what is drawn: a pixel holds fewer. Tables have the values as they were measured."""
_NO_LATENCY = str(Subject.RECOVERY_TIME)
"""Requirements in seconds that no response time is drawn beside."""
_HARMLESS = {"stage", EventKind.STAGE_STARTED, EventKind.LOAD_ENDED, EventKind.MONITOR_RECOVERED}
_SLOPES = (Unit.SHARE_PER_HOUR, Unit.BYTES_PER_HOUR, Unit.PER_HOUR)
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def page_data(report: Report) -> dict[str, Any]:
    """All that the script of a report's page draws."""
    course = None if report.charts is None else chart_data(report)
    return {"pictures": picture_data(report.pictures), "course": course}


def chart_data(report: Report) -> dict[str, Any]:
    """The charts of a report that has them, rounded to what can be seen."""
    charts = report.charts
    if charts is None:
        raise ValueError("this report has no charts")
    return {
        "axis": {
            "start": charts.axis.start_s, "step": charts.axis.step_s, "count": charts.axis.count,
            "length": charts.axis.length_s,
        },
        "judged": charts.judged,
        "marks": [{"at": m.offset_s, "harmless": m.kind in _HARMLESS} for m in charts.marks],
        "load": {
            "unit": charts.load.unit,
            "planned": _rounded(charts.load.planned),
            "achieved": _rounded(charts.load.achieved),
            "dropped": _rounded(charts.load.dropped),
        },
        "courses": [_course(course) for course in (charts.total, *charts.endpoints)],
        "resources": [_resource(course, report.findings) for course in charts.resources],
        "distributions": [
            {"name": d.name, "count": d.count, "q": d.quantiles, "v": _rounded(d.values_s)}
            for d in charts.distributions
        ],
        "heat": _heat(charts),
        "limits": [limit for finding in report.findings if (limit := limit_of(finding)) is not None],
    }  # fmt: skip


def picture_data(pictures: Iterable[Picture]) -> list[dict[str, Any]]:
    """The pictures of the answer, in their order."""
    return [_picture(picture) for picture in pictures]


def _picture(picture: Picture) -> dict[str, Any]:
    panels = [
        {
            "title": panel.title, "unit": panel.unit, "log": panel.log, "rows": panel.rows,
            "range": picture.y_range(number),
        }
        for number, panel in enumerate(picture.panels)
    ]  # fmt: skip
    return {
        "name": picture.name,
        "title": picture.title,
        "x": {
            "title": picture.x_title, "unit": picture.x_unit, "log": picture.x_log, "names": picture.x_names,
            "range": picture.x_range,
        },
        "panels": panels,
        "layers": [_layer(layer) for layer in picture.layers],
        "tints": [asdict(tint) for tint in picture.tints],
        "rules": [asdict(rule) for rule in picture.rules],
    }  # fmt: skip


def _layer(layer: Layer) -> dict[str, Any]:
    """Where the values are stays as exact as it is: times of long runs have more digits than are seen."""
    return {**asdict(layer), "y": _rounded(layer.y)}


def script_json(data: object) -> Markup:
    """JSON in which nothing can end the script element that holds it, whatever a name contains."""
    text = orjson.dumps(data).decode("utf-8")
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704  # escaped above


def _course(course: EndpointCourse) -> dict[str, Any]:
    return {
        "name": course.endpoint,
        "requests": _rounded(course.requests_per_s),
        "failures": {kind: _rounded(values) for kind, values in course.failures_per_s.items()},
        "p50": _rounded(course.p50_s),
        "p95": _rounded(course.p95_s),
        "p99": _rounded(course.p99_s),
    }


def _resource(course: ResourceCourse, findings: Iterable[Finding]) -> dict[str, Any]:
    name = f"{course.source}.{course.series}"
    mean, greatest = _rounded(course.mean), _rounded(course.greatest)
    return {
        "name": name,
        "unit": course.unit,
        "limit": course.limit,
        "mean": mean,
        "greatest": None if mean == greatest else greatest,
        "headline": course.headline,
        "required": _required(name, course, findings),
        "growth": _growth(course.growth) if course.growth else None,
    }


def _growth(growth: GrowthCourse) -> dict[str, Any]:
    lines = ("windows", "slope", "low", "high", "allowed")
    return {"forecast": growth.forecast, **{name: _rounded(getattr(growth, name)) for name in lines}}


def _required(name: str, course: ResourceCourse, findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The limits that requirements set to this series, in its own unit."""
    found = []
    for finding in findings:
        measure = finding.measure
        if measure is None or measure.series != name or measure.limit is None:
            continue
        if measure.unit in _SLOPES:
            continue  # drawn as a slope
        value = measure.limit
        if measure.unit is Unit.SHARE and course.unit != Unit.SHARE:
            if course.limit is None:
                continue
            value *= course.limit
        found.append({"value": value, "label": f"{finding.subject} {measure.operator}"})
    return found


def limit_of(finding: Finding) -> dict[str, Any] | None:
    """The limit of a requirement on requests, for the chart of its unit."""
    measure = finding.measure
    if measure is None or measure.series or measure.limit is None or finding.id.startswith(_NO_LATENCY):
        return None
    known = {Unit.SECONDS: "response", Unit.SHARE: "errors", Unit.PER_SECOND: "throughput"}
    chart = known.get(measure.unit)
    if chart is None:
        return None
    subject = finding.subject.replace(f" of {finding.endpoint}", "", 1)
    return {
        "chart": chart, "subject": subject, "endpoint": finding.endpoint or "",
        "operator": str(measure.operator), "value": measure.limit, "verdict": str(finding.verdict),
    }  # fmt: skip


def _heat(charts: Charts) -> dict[str, Any] | None:
    heat = charts.heat_map
    if heat is None:
        return None
    rows = [[count or None for count in row] for row in heat.rows]
    return {"step": heat.step_s, "edges": _rounded(heat.edges_s), "rows": rows}


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    """Each to a few significant digits; None stays None."""
    return [None if value is None else _round(value) for value in values]


def _round(value: float) -> float:
    if value == 0:
        return 0
    places = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    return int(rounded) if rounded == int(rounded) else rounded
