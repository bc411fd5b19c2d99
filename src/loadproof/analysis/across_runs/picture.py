"""A history: one small picture a series, with its levels and the commit at which it changed."""

from __future__ import annotations

import time

from loadproof.analysis.across_runs.history import FigureTrend, History, LevelChange, RunSeries
from loadproof.analysis.verdict.requirements import format_value
from loadproof.charts import Layer, LimitLine, Panel, Picture, Shape

_TIMES = 4
_NAMED = 7
"""Characters of a commit: what git shows."""


def history_picture(history: History, series: RunSeries) -> Picture:
    """The runs from the oldest to the newest."""
    return Picture(
        name="history",
        title=f"{series.measure.name} of {series.endpoint}",
        words="; ".join(
            [change.sentence for change in series.changes] + ([series.trend.sentence] if series.trend else [])
        ),
        x_title="",
        x_unit="run",
        panels=(Panel(series.measure.name, str(series.measure.unit)),),
        layers=(*_runs(history, series), *_levels(series)),
        rules=(*(_rule(history, series, change) for change in series.changes), *_marks(history, series)),
        x_names=_moments(history),
        x_bounds=(-0.7, len(history.runs) - 0.3),
    )


def _runs(history: History, series: RunSeries) -> list[Layer]:
    """Those of a level, and those far off it."""
    found = []
    for name, shape, ink, far in (
        ("runs", Shape.DOTS, "series-1", False),
        ("far off", Shape.RINGS, "quiet", True),
    ):
        places = [
            (n, value)
            for n, value in enumerate(series.values)
            if value is not None and (n in series.outliers) is far
        ]
        if places:
            found.append(
                Layer(
                    name=name,
                    shape=shape,
                    ink=ink,
                    x=tuple(float(n) for n, _ in places),
                    y=tuple(value for _, value in places),
                    texts=tuple(_text(history, series, n, value) for n, value in places),
                )
            )
    return found


def _text(history: History, series: RunSeries, place: int, value: float) -> str:
    run = history.runs[place]
    commit = f" of {run.commit[:_NAMED]}" if run.commit else ""
    return f"{run.label}{commit}: {format_value(value, series.measure.unit)}"


def _levels(series: RunSeries) -> list[Layer]:
    """The median of each level, and the line of what creeps."""
    starts = [0, *(change.run for change in series.changes)]
    ends = [*starts[1:], len(series.values)]
    values = [change.before for change in series.changes[:1]] + [change.after for change in series.changes]
    found = [
        Layer("level", Shape.LINE, "quiet", (start - 0.5, end - 0.5), (value, value))
        for start, end, value in zip(starts, ends, values, strict=False)
        if not (series.trend and start >= series.trend.run)
    ]
    if series.trend:
        ends_at = float(max(n for n, value in enumerate(series.values) if value is not None))
        line = (series.trend.before, series.trend.after)
        ink = _ink(series, series.trend)
        found.append(Layer("creep", Shape.DASHES, ink, (float(series.trend.run), ends_at), line))
    return found


def _rule(history: History, series: RunSeries, change: LevelChange) -> LimitLine:
    commit = history.runs[change.run].commit
    name = commit[:_NAMED] if commit else history.runs[change.run].label
    if change.before and str(series.measure.unit) != "share":
        ratio = change.after / change.before
        name += f" x {ratio:.3g}" if ratio >= _TIMES else f" {(ratio - 1) * 100:+.0f} %"
    return LimitLine(name, _ink(series, change), change.run - 0.5)


def _marks(history: History, series: RunSeries) -> list[LimitLine]:
    """What else changed, where the series did not."""
    taken = {change.run for change in series.changes}
    return [LimitLine(mark.what, "quiet", mark.run - 0.5) for mark in history.marks if mark.run not in taken]


def _ink(series: RunSeries, change: LevelChange | FigureTrend) -> str:
    return "fail" if (change.after > change.before) == series.measure.higher_is_worse else "pass"


def _moments(history: History) -> tuple[str, ...]:
    """When each run began: the day, or the time where all are of one day."""
    begins = [run.started_at_s for run in history.runs]
    days = {time.strftime("%F", time.gmtime(begin)) for begin in begins if begin is not None}
    form = "%b %d" if len(days) > 1 else "%H:%M"
    return tuple(
        run.label if run.started_at_s is None else time.strftime(form, time.gmtime(run.started_at_s))
        for run in history.runs
    )
