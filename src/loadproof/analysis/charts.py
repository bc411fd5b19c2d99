"""What a report draws, from a run: every series bounded, whatever the length of the run.

Steps of the time axis hold merged histograms, so that a percentile of a long step is that of its requests,
never a mean of percentiles. Of a resource each step keeps its greatest reading beside the mean: a peak is
not smoothed away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.resource_charts import resource_courses
from loadproof.analysis.window.columns import Columns, HistogramRows
from loadproof.analysis.window.windows import Window, end_of, load_span, within
from loadproof.charts import (
    Charts,
    Distribution,
    EndpointCourse,
    HeatMap,
    LoadCourse,
    Mark,
    SlowRequest,
    TimeAxis,
    Values,
)
from loadproof.histogram import bucket_s
from loadproof.model import EventKind
from loadproof.plan.profiles import hold_windows
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_rate

MOST_STEPS: Final = 600
"""Points of a series: no screen shows more of them beside each other."""
MOST_ENDPOINTS: Final = 100
MOST_SLOW: Final = 60
MOST_MARKS: Final = 40
_HEAT_COLUMNS, _HEAT_ROWS = 160, 48
_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_PER_DECADE = 12
"""Points of a distribution for each further nine of the percentile."""
_MARKED: Final = (
    EventKind.MONITOR_LOST, EventKind.MONITOR_RECOVERED, EventKind.WORKER_LOST, EventKind.ENGINE_DIED,
    EventKind.INTERRUPTED, EventKind.DROPPED, EventKind.SESSION_FALLBACK, EventKind.STAGE_STARTED,
    EventKind.LOAD_ENDED,
)  # fmt: skip


def charts_of(run: Run, window: Window) -> Charts | None:
    """Everything that a report draws; None when the load never started or nothing lasted a second.

    `window` is the judged one. Pure: the same run gives the same charts.
    """
    axis = _axis(run)
    if axis is None:
        return None
    columns = Columns(run.slices, axis)
    total = columns.by_step()
    counts = np.bincount(columns.endpoint, weights=columns.requests, minlength=len(columns.endpoints))
    order = [int(n) for n in np.argsort(-counts, kind="stable")] if len(columns.endpoints) > 1 else []
    shown = order[:MOST_ENDPOINTS]
    resources, left_out = resource_courses(run, axis, window)
    return Charts(
        axis=axis,
        judged=_judged(axis, window, run.step_s),
        marks=_marks(run, axis),
        load=_load(run, axis),
        total=_course("all requests", columns, total, None),
        endpoints=tuple(_endpoint(columns, number) for number in shown),
        endpoints_left_out=len(order) - len(shown),
        resources=resources,
        resources_left_out=left_out,
        distributions=_distributions(run, window, columns, shown),
        heat_map=_heat_map(total, axis),
        slow_requests=_slow_requests(run, axis),
    )


def _axis(run: Run) -> TimeAxis | None:
    span = load_span(run)
    if span is None:
        return None
    # The last answers come after the load ended: what was sent until then is still on its way.
    last_s = end_of(run.slices) or 0
    start_s, end_s = math.floor(span[0] / run.step_s) * run.step_s, max(math.ceil(span[1]), last_s)
    length_s = end_s - start_s
    if length_s <= 0:
        return None
    fitting = (step for step in _STEPS_S if length_s <= step * MOST_STEPS and step % run.step_s == 0)
    step_s = next(fitting, None)
    if step_s is None:
        hours = max(3600, run.step_s)
        step_s = hours * math.ceil(length_s / hours / MOST_STEPS)
    return TimeAxis(start_s, step_s, length_s)


def _judged(axis: TimeAxis, window: Window, run_step_s: int) -> tuple[tuple[int, int], ...]:
    seconds = sorted(window.seconds)
    breaks = [n for n in range(1, len(seconds)) if seconds[n] != seconds[n - 1] + run_step_s]
    firsts, ends = [0, *breaks], [*breaks, len(seconds)]
    return tuple(
        (seconds[first] - axis.start_s, seconds[end - 1] + run_step_s - axis.start_s)
        for first, end in zip(firsts, ends, strict=True)
        if end > first
    )


def _endpoint(columns: Columns, number: int) -> EndpointCourse:
    rows = columns.of_endpoint(number)
    return _course(str(columns.endpoints[number]), columns, columns.by_step(rows), rows)


def _course(
    name: str, columns: Columns, histograms: HistogramRows, rows: NDArray[np.int64] | None
) -> EndpointCourse:
    failures = {str(kind): columns.per_step(values, rows) for kind, values in columns.failures.items()}
    return EndpointCourse(
        endpoint=name,
        requests_per_s=_rates(columns.per_step(columns.requests, rows), columns.axis),
        failures_per_s={kind: _rates(sums, columns.axis) for kind, sums in failures.items() if sums.any()},
        p50_s=histograms.quantile(0.50),
        p95_s=histograms.quantile(0.95),
        p99_s=histograms.quantile(0.99),
    )


def _rates(sums: NDArray[np.int64], axis: TimeAxis) -> Values:
    return tuple((sums / _covered_s(axis)).tolist())


def _covered_s(axis: TimeAxis) -> NDArray[np.float64]:
    """Seconds of the axis that lie in each step."""
    seconds = np.full(axis.count, float(axis.step_s))
    seconds[-1] = axis.length_s - axis.step_s * (axis.count - 1)
    return seconds


def _load(run: Run, axis: TimeAxis) -> LoadCourse:
    profile = run.plan.played_profile
    span = load_span(run)
    origin_s = span[0] if span else float(axis.start_s)
    middles = [axis.start_s + (n + 0.5) * axis.step_s - origin_s for n in range(axis.count)]
    planned: Values = (None,) * axis.count
    if profile.stages:
        planned = tuple(profile.level_at(at) if 0 <= at <= profile.duration_s else None for at in middles)
    if not profile.open_model:
        return LoadCourse("users", planned, _readings(run, axis, "users"), (None,) * axis.count)
    achieved = _readings(run, axis, "started", per_second=True)
    return LoadCourse("arrivals/s", planned, achieved, _readings(run, axis, "dropped", per_second=True))


def _readings(run: Run, axis: TimeAxis, series: str, *, per_second: bool = False) -> Values:
    """The mean of each step's readings of one series of the load; of counts, each step's sum per second."""
    sums, counts = np.zeros(axis.count), np.zeros(axis.count)
    own = Readings.of(run.readings).of_series("load", series)
    steps = ((own.time_s - axis.start_s) // axis.step_s).astype(np.int64)
    inside = (steps >= 0) & (steps < axis.count)
    np.add.at(sums, steps[inside], own.value[inside])
    np.add.at(counts, steps[inside], 1)
    divisor = _covered_s(axis) if per_second else np.maximum(counts, 1)
    return tuple(
        value if count else None
        for value, count in zip((sums / divisor).tolist(), counts.tolist(), strict=True)
    )


def _marks(run: Run, axis: TimeAxis) -> tuple[Mark, ...]:
    marks = []
    span = load_span(run)
    if span is not None:
        for start_s, _end_s, level in hold_windows(run.plan.played_profile):
            what = format_rate(level) if run.plan.profile.open_model else f"{level:g} users"
            marks.append(Mark(span[0] + start_s - axis.start_s, "stage", f"hold at {what}"))
    for event in run.events:
        offset_s = event.time_s - axis.start_s
        if event.kind in _MARKED and 0 <= offset_s <= axis.length_s:
            marks.append(Mark(offset_s, str(event.kind), event.message))
    return tuple(sorted(marks[:MOST_MARKS], key=lambda mark: mark.offset_s))


def _distributions(
    run: Run, window: Window, columns: Columns, shown: Sequence[int]
) -> tuple[Distribution, ...]:
    histograms = columns.by_endpoint(columns.within(window.seconds))
    rows = [_distribution("all requests", histograms.total())]
    sent = within(run.slices, window.seconds)
    if sent.service is not None and sent.service.present.any():
        service = Columns(sent, columns.axis, sent.service.filled(sent.response))
        rows.append(_distribution("all requests, from the actual send", service.by_step().total()))
    rows += [_distribution(str(columns.endpoints[number]), histograms.row(number)) for number in shown]
    return tuple(row for row in rows if row is not None)


def _distribution(name: str, histogram: HistogramRows) -> Distribution | None:
    """The one row of `histogram`, from its least value as far out as there are samples; None when empty."""
    count = int(histogram.counts[0])
    if not count:
        return None
    steps = range(int(math.log10(count) * _PER_DECADE) + 1)
    # The greatest stands where the last sample begins: beyond it nothing was measured.
    quantiles = [*(1 - 10 ** (-n / _PER_DECADE) for n in steps), 1 - 1 / count]
    read_at = [*quantiles[:-1], 1.0]
    values_s = [value for q in read_at if (value := histogram.quantile(q)[0]) is not None]
    return Distribution(name, count, tuple(quantiles), tuple(values_s))


def _heat_map(histograms: HistogramRows, axis: TimeAxis) -> HeatMap | None:
    matrix = histograms.matrix
    if not matrix.any():
        return None
    wide, high = math.ceil(axis.count / _HEAT_COLUMNS), math.ceil(matrix.shape[1] / _HEAT_ROWS)
    padded = np.pad(matrix, ((0, -matrix.shape[0] % wide), (0, -matrix.shape[1] % high)))
    steps, buckets = padded.shape[0] // wide, padded.shape[1] // high
    counts = padded.reshape(steps, wide, buckets, high).sum(axis=(1, 3)).T
    edges = [bucket_s(histograms.lowest + n * high) for n in range(buckets + 1)]
    return HeatMap(axis.step_s * wide, tuple(edges), tuple(tuple(row) for row in counts.tolist()))


def _slow_requests(run: Run, axis: TimeAxis) -> tuple[SlowRequest, ...]:
    found = [
        SlowRequest(
            event.time_s - axis.start_s,
            str(event.data.get("endpoint", "")),
            event.number("response_time_s"),
            {key: value for key, value in event.data.items() if key not in {"endpoint", "response_time_s"}},
        )
        for event in run.events_of(EventKind.SLOW_REQUEST)
        if "response_time_s" in event.data
    ]
    return tuple(sorted(found, key=lambda slow: (-slow.response_time_s, slow.offset_s))[:MOST_SLOW])
