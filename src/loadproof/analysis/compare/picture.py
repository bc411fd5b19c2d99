"""A comparison: each quantity's interval on one axis of change, over what does not matter (a forest plot)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loadproof.analysis.compare.comparison import Change, Comparison, ComparisonRow
from loadproof.analysis.compare.percent import interval_text, percent_change
from loadproof.analysis.compare.quantities import ERROR_RATE, LATE
from loadproof.analysis.verdict.requirements import format_value
from loadproof.charts import Layer, LimitLine, Panel, Picture, Shape, Tint
from loadproof.units import format_percent

MOST_ROWS: Final = 24
_WIDEST: Final = 64.0
"""Intervals end at so many times as much, or as little: one side may be open."""
_BEYOND: Final = 2.0
"""The axis ends at so many times the outermost change: a wide interval would leave no room for the others."""
_SHARES: Final = (ERROR_RATE, LATE)
_INKS: Final = {
    Change.REGRESSED: "fail",
    Change.IMPROVED: "pass",
    Change.SAME: "series-1",
    Change.INCONCLUSIVE: "inconclusive",
}


def comparison_pictures(comparison: Comparison) -> tuple[Picture, ...]:
    """What has an interval; shares in a picture of their own: they change by other factors."""
    rows = [
        row
        for row in comparison.rows
        if _interval(row) is not None
        and row.ratio is not None
        and (row.gate or row.decides or row.statistic != "mean")
    ]
    errors = [row for row in rows if row.statistic in _SHARES]
    others = [row for row in rows if row.statistic not in _SHARES]
    sides = f"{comparison.head.label} against {comparison.base.label}"
    shares = f"{sides}: errors and late answers"
    titles = (("comparison", sides, others), ("comparison-errors", shares, errors))
    found = [_picture(comparison, name, title, chosen) for name, title, chosen in titles if chosen]
    proved = {row.statistic in _SHARES for row in rows[:1]}
    return tuple(reversed(found) if proved == {True} else found)


def _picture(comparison: Comparison, name: str, title: str, rows: Sequence[ComparisonRow]) -> Picture:
    shown = rows[:MOST_ROWS]
    layers = [
        layer
        for change, ink in _INKS.items()
        if (layer := _layer(shown, change, ink, str(change).lower())) is not None
    ]
    tints = [tint for place, row in enumerate(shown) if (tint := _tolerance(comparison, row, place))]
    ratios = [row.ratio for row in shown if row.ratio is not None]
    lows, highs = zip(*(_clipped(row) for row in shown), strict=True)
    bounds = [bound for tint in tints for bound in (tint.low, tint.high)]
    low = max(min([*lows, *bounds]), min([*ratios, 1.0]) / _BEYOND)
    high = min(max([*highs, *bounds]), max([*ratios, 1.0]) * _BEYOND)
    return Picture(
        name=name,
        title=title,
        words=_words(comparison, len(rows) - len(shown), errors=shown[0].statistic in _SHARES),
        x_title=f"change, with its {format_percent(comparison.confidence)} interval",
        x_unit="ratio",
        panels=(Panel("", "", rows=tuple(row.name for row in shown)),),
        layers=tuple(layers),
        tints=tuple(tints),
        rules=(LimitLine("no change", "quiet", 1.0),),
        x_log=True,
        x_bounds=(low / 1.04, high * 1.04),
    )


def _interval(row: ComparisonRow) -> tuple[float, float] | None:
    return row.interval or row.within_run


def _clipped(row: ComparisonRow) -> tuple[float, float]:
    low, high = _interval(row) or (1.0, 1.0)
    return max(low, 1 / _WIDEST), min(high, _WIDEST)


def _layer(shown: Sequence[ComparisonRow], change: Change, ink: str, name: str) -> Layer | None:
    chosen = [(place, row) for place, row in enumerate(shown) if row.change is change]
    if not chosen:
        return None
    intervals = [_clipped(row) for _, row in chosen]
    return Layer(
        name=name,
        shape=Shape.INTERVALS,
        ink=ink,
        x=tuple(row.ratio or 1.0 for _, row in chosen),
        y=tuple(float(place) for place, _ in chosen),
        low=tuple(low for low, _ in intervals),
        high=tuple(high for _, high in intervals),
        texts=tuple(_text(row) for _, row in chosen),
    )


def _text(row: ComparisonRow) -> str:
    sides = [("—" if v is None else format_value(v, row.unit)) for v in (row.base, row.head)]
    interval = _interval(row)
    said = f"{row.name}: {percent_change(row.ratio or 1.0)}"
    said += f" ({interval_text(interval)})" if interval else ""
    within = ", within one run a side: no proof" if row.interval is None else ""
    accepted = ", accepted" if row.accepted else ""
    return f"{said}, {sides[0]} to {sides[1]}{within}{accepted}"


def _tolerance(comparison: Comparison, row: ComparisonRow, place: int) -> Tint | None:
    """What does not matter, of error rates in points: without any in base a ratio says nothing of them."""
    share = comparison.tolerance
    if row.statistic == LATE:
        return None
    if row.statistic in _SHARES:
        if not row.base or comparison.error_tolerance >= row.base:
            return None
        share = comparison.error_tolerance / row.base
    return Tint("does not matter", "quiet", 1 / (1 + share), 1 + share, place)


def _words(comparison: Comparison, left_out: int, *, errors: bool) -> str:
    least = f"{format_percent(comparison.error_tolerance)} of all requests" if errors else ""
    said = f"What lies within {least or format_percent(comparison.tolerance)} either way does not matter."
    if left_out:
        said += f" {left_out} more {'row is' if left_out == 1 else 'rows are'} not drawn."
    return said
