"""What a report draws: series over one shared time axis, distributions, a heat map, single slow requests.

All of it is bounded, however long the run: see analysis/charts.py, which makes it. A value that was not
measured is None, never 0. Offsets are seconds since the start of the time axis, durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Values = tuple[float | None, ...]
"""One for each step of the time axis."""


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
