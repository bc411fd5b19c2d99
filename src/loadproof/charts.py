"""What a report draws: pictures of answers, series over one shared time axis, distributions, a heat map.

All of it is bounded, however long the run: see analysis/charts.py, which makes it. A value that was not
measured is None, never 0. Offsets are seconds since the start of the time axis, durations seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

Values = tuple[float | None, ...]
"""One for each step of the time axis."""
_HEADLINES: Final = re.compile(
    r"([\w:-]+\.)?(cpu|memory|queued|rss)|memory\.used|connections\.used|disk\.busy"
    r"|pressure\.(cpu|io|memory)|locks\.waiting|sessions\.active|throttled.*|schedule_lag_p99"
)


def is_headline(series: str) -> bool:
    """Whether it is of what saturates first, by the monitors' own names (docs/monitors.md)."""
    return _HEADLINES.fullmatch(series) is not None


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Steps of `step_s` whole seconds; the first begins at `start_s`, seconds since the epoch."""

    start_s: int
    step_s: int
    length_s: int
    """Of the whole axis: the last step may be shorter than the others."""

    @property
    def count(self) -> int:
        return -(-self.length_s // self.step_s)


@dataclass(frozen=True, slots=True)
class EndpointCourse:
    """One endpoint over time. Percentiles are those of all requests that ended in a step."""

    endpoint: str
    requests_per_s: Values
    failures_per_s: dict[str, Values]
    """By kind; kinds that never happened are not there."""
    p50_s: Values
    p95_s: Values
    p99_s: Values


@dataclass(frozen=True, slots=True)
class LoadCourse:
    """The load over time, in users, or in arrivals per second of the open model."""

    unit: str
    planned: Values
    achieved: Values
    dropped: Values
    """Arrivals per second that were never sent; all None where none are counted."""


@dataclass(frozen=True, slots=True)
class GrowthCourse:
    """What a series did in a soak, in its own unit: its windows, and the lines through their judged part."""

    windows: Values
    """The level of each window, at its middle."""
    slope: Values
    low: Values
    high: Values
    """The lines of the interval of the slope."""
    allowed: Values
    """What a requirement lets it grow by; all None where there is none."""
    forecast: str
    """When it is at its limit: "in about 3 hours"; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class ResourceCourse:
    """One watched series over time: the mean and the greatest of each step's readings."""

    source: str
    series: str
    unit: str
    limit: float | None
    mean: Values
    greatest: Values
    headline: bool
    """True: one to look at first. False: a part of another, or one without a limit of its own."""
    growth: GrowthCourse | None = None
    """Of a series that a soak is judged by."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment of the time axis."""

    offset_s: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """Seconds at rising quantiles (0 to 1), as far out as there are samples."""

    name: str
    count: int
    quantiles: tuple[float, ...]
    values_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """How many requests of each column of time took how long."""

    step_s: int
    edges_s: tuple[float, ...]
    """Rising limits of the rows: one more than there are rows."""
    rows: tuple[tuple[int, ...], ...]
    """One for each pair of neighbouring edges, with a count for each column."""


@dataclass(frozen=True, slots=True)
class SlowRequest:
    """One request that was slow, as the engine kept it."""

    offset_s: float
    endpoint: str
    response_time_s: float
    data: dict[str, Any] = field(default_factory=dict)
    """Status, sizes, trace id, server timing, error: what was known of it."""


@dataclass(frozen=True, slots=True)
class Charts:
    """Everything that is drawn."""

    axis: TimeAxis
    judged: tuple[tuple[int, int], ...]
    """Offsets of the first second of each judged part and of the first second after it."""
    marks: tuple[Mark, ...]
    load: LoadCourse
    total: EndpointCourse
    endpoints: tuple[EndpointCourse, ...]
    """The busiest ones, most requests first; empty when there is only one."""
    endpoints_left_out: int
    resources: tuple[ResourceCourse, ...]
    resources_left_out: int
    distributions: tuple[Distribution, ...]
    """All requests first, then the endpoints in their order."""
    heat_map: HeatMap | None
    slow_requests: tuple[SlowRequest, ...]


class Shape(StrEnum):
    """How the values of a layer are drawn."""

    LINE = "line"
    DASHES = "dashes"
    DOTS = "dots"
    CROSSES = "crosses"
    RINGS = "rings"
    INTERVALS = "intervals"
    """A dot with a stroke along x from `low` to `high`."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the axes that stand above each other over the same x."""

    title: str
    unit: str
    log: bool = False
    from_zero: bool = True
    """A linear axis begins at 0, so that lengths are values; where a slope is the answer it need not."""
    rows: tuple[str, ...] = ()
    """Names, the first on top, where y is a place (0, 1, ...) and no measurement."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Values that are drawn alike. `ink` is a colour of the page's by its name: "pass", "series-1"."""

    name: str
    shape: Shape
    ink: str
    x: tuple[float, ...]
    y: Values
    panel: int = 0
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    texts: tuple[str, ...] = ()
    """One for each value, in words; may be empty."""


@dataclass(frozen=True, slots=True)
class Tint:
    """A stretch of x with a ground of its own."""

    name: str
    ink: str
    low: float
    high: float
    row: int | None = None
    """Only in this row of the panel."""


@dataclass(frozen=True, slots=True)
class LimitLine:
    """A straight line through one panel at a value of y, or through all at one of x."""

    name: str
    ink: str
    at: float
    panel: int | None = None
    """None: it is a value of x."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The answer to one question, with all that is needed to see that it is the answer."""

    name: str
    """For programs and links: "capacity"."""
    title: str
    words: str
    """What is seen, for those who do not see it, and under the picture for those who do."""
    x_title: str
    x_unit: str
    """A unit; or "time" (seconds since the load began), "ratio" (1 is no change), "run" (of `x_names`)."""
    panels: tuple[Panel, ...]
    layers: tuple[Layer, ...]
    tints: tuple[Tint, ...] = ()
    rules: tuple[LimitLine, ...] = ()
    x_log: bool = False
    x_names: tuple[str, ...] = ()
    x_bounds: tuple[float, float] | None = None
    """What is seen of x; by default all that there is."""

    @property
    def x_range(self) -> tuple[float, float]:
        """The least and the greatest x that is seen, with a little room on both sides."""
        if self.x_bounds is not None:
            return self.x_bounds
        known = [x for layer in self.layers for x in (*layer.x, *layer.low, *layer.high)]
        known += [bound for tint in self.tints for bound in (tint.low, tint.high)]
        known += [rule.at for rule in self.rules if rule.panel is None]
        return _with_room(known, log=self.x_log, from_zero=self.x_unit == "time")

    def y_range(self, panel: int) -> tuple[float, float]:
        """The same of one panel's y. A limit that is far above all that was measured is left out."""
        drawn = self.panels[panel]
        if drawn.rows:
            return -0.6, len(drawn.rows) - 0.4
        known = [y for layer in self.layers if layer.panel == panel for y in layer.y if y is not None]
        known = [y for y in known if y > 0] if drawn.log else known
        most = max(known, default=0.0)  # 0: nothing was measured, or nothing but 0
        known += [
            r.at for r in self.rules if r.panel == panel and (drawn.log or not most or r.at <= 4 * most)
        ]
        return _with_room(known, log=drawn.log, from_zero=drawn.from_zero)


def _with_room(values: list[float], *, log: bool, from_zero: bool) -> tuple[float, float]:
    """Around all values; a linear axis may begin at 0, which is no rounding."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if log:
        low = low if low > 0 else min((value for value in values if value > 0), default=1.0)
        high = max(high, low)
        factor = max((high / low) ** 0.1, 1.12)  # room for a whole dot above the axis
        return low / factor, high * factor
    room = 0.06 * (high - low)
    if from_zero and low >= 0:
        return 0.0, (high + 0.06 * high) or 1.0
    room = room or 0.1 * abs(high) or 0.5
    return low - room, high + room
