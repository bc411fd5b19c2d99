"""Spike: before, during and after on one axis of time, with the moment from which on all was as before."""

from __future__ import annotations

from collections.abc import Sequence

from loadproof.analysis.pictures.requirement import TIME
from loadproof.analysis.shapes.spike import Spike, find_spike
from loadproof.charts import Charts, Layer, LimitLine, Panel, Picture, Shape, Tint, Values
from loadproof.model import Finding, Unit
from loadproof.runfile.reader import Run
from loadproof.units import format_duration


def spike_picture(run: Run, charts: Charts, findings: Sequence[Finding]) -> Picture | None:
    """None for a run without a spike that it comes back from."""
    told = next((finding for finding in findings if finding.id == "spike"), None)
    spike = find_spike(run) if told else None
    if spike is None or told is None:
        return None
    axis = charts.axis
    x = tuple(float(n * axis.step_s) for n in range(axis.count))
    layers = [
        Layer("goodput", Shape.LINE, "series-1", x, _good(charts)),
        Layer("p95", Shape.LINE, "series-3", x, charts.total.p95_s, 1),
    ]
    open_model = run.plan.profile.open_model
    if open_model:
        layers.append(Layer("planned arrivals", Shape.DASHES, "quiet", x, charts.load.planned))
    rules = [
        LimitLine(f"as before: {format_duration(r.limit)} or less", "pass", r.limit, panel=1)
        for r in spike.recoveries
        if r.signal == "p95"
    ]
    rules += _recovered(spike, axis.start_s)
    return Picture(
        name="spike",
        title="Before, during and after the spike",
        words=told.sentence,
        x_title=TIME,
        x_unit="time",
        panels=(Panel("goodput", str(Unit.PER_SECOND)), Panel("p95", str(Unit.SECONDS), log=True)),
        layers=tuple(layers),
        tints=tuple(_parts(spike, axis.start_s)),
        rules=tuple(rules),
        x_bounds=(0.0, float(axis.length_s)),
    )


def _good(charts: Charts) -> Values:
    failed = [[value or 0.0 for value in values] for values in charts.total.failures_per_s.values()]
    sums = [sum(step) for step in zip(*failed, strict=True)] if failed else [0.0] * charts.axis.count
    return tuple(
        None if requests is None else requests - lost
        for requests, lost in zip(charts.total.requests_per_s, sums, strict=True)
    )


def _parts(spike: Spike, start_s: int) -> list[Tint]:
    before, end, stop = (
        spike.baseline.start - start_s,
        spike.watched.start - start_s,
        spike.watched.stop - start_s,
    )
    parts = [
        Tint("before", "pass", float(max(before, 0)), float(spike.start - start_s)),
        Tint("spike", "fail", float(spike.start - start_s), float(end)),
    ]
    if stop > end:
        recovery_s = spike.recovery_s
        until = float(stop) if recovery_s is None else min(end + recovery_s, stop)
        parts.append(Tint("recovery", "inconclusive", float(end), until))
    return [part for part in parts if part.high > part.low]


def _recovered(spike: Spike, start_s: int) -> list[LimitLine]:
    at = spike.recovery_s
    if at is None:
        at = spike.back_after_s
        if at is None:
            return []
        return [
            LimitLine(f"back after {format_duration(at)}", "inconclusive", spike.watched.start - start_s + at)
        ]
    return [LimitLine(f"recovered after {format_duration(at)}", "pass", spike.watched.start - start_s + at)]
