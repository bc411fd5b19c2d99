"""A history in the terminal, with sparklines, and as JSON."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, Final, TextIO

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadproof.analysis.across_runs.change_points import ALPHA
from loadproof.analysis.across_runs.history import LevelChange
from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.across_runs.trends import LEAST_RUNS
from loadproof.analysis.headline import fitting
from loadproof.analysis.verdict.requirements import format_value
from loadproof.reports.evidence import as_headline
from loadproof.reports.terminal import hanging, plain_table
from loadproof.units import cut_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from loadproof.analysis.across_runs.history import FigureTrend, History, RunSeries

_BARS: Final = "▁▂▃▄▅▆▇█"
_MISSING: Final = "·"
_MOST_RUNS_SHOWN: Final = 48
_MOST_ROWS: Final = 14
_MOST_CHANGES: Final = 12
_MOST_MARKS: Final = 8
_MOST_PICTURES: Final = 3
_FEW_RUNS: Final = 15
_LEAST_NAME, _MOST_NAME = 12, 36
_LEAST_BARS: Final = 8
_COMMIT: Final = 7
"""Characters: what git shows."""
_USUAL: Final = frozenset({"p95"})
_USUAL_OF_ALL: Final = frozenset({"p50", "p95", "p99", "throughput", "error rate"})


def print_history(history: History, console: Console, *, everything: bool = False) -> None:
    """The series (usual ones and those that changed, or `everything`); then what changed, where it stays."""
    shown = worth_showing(history, everything=everything)
    if shown:
        console.print()
        rows = shown if everything else _fewer(shown)
        console.print(Padding(_table(rows, console.width), (0, 0, 0, 1)))
    if len(shown) > _MOST_ROWS and not everything:
        console.print(f"    and {len(shown) - _MOST_ROWS} more series: --endpoint or --statistic shows them")
    console.print()
    for line in remarks(history):
        console.print(hanging(Text("note", "dim"), Text(line)))
    for mark in history.marks[-_MOST_MARKS:]:
        run = history.runs[mark.run]
        console.print(hanging(Text("·", "dim"), Text(f"at run {run.label}: {mark.what}")))
    console.print(Text.assemble((history.name, "bold"), f"  {headline(history)}"))
    changes = latest_first(history)
    for series, change in changes[:_MOST_CHANGES]:
        sign = ("~", "dark_goldenrod") if change.provisional else ("!", _style(series, change))
        console.print(hanging(Text(*sign), Text(change.sentence)))
    if len(changes) > _MOST_CHANGES:
        console.print(f"     and {len(changes) - _MOST_CHANGES} more: --json FILE has all")
    creeping = [series for series in history.series if series.trend is not None]
    for series in creeping[:_MOST_CHANGES]:
        if series.trend is not None:
            console.print(hanging(Text("↗", _style(series, series.trend)), Text(series.trend.sentence)))


def write_history_json(history: History, stream: TextIO) -> None:
    """Everything, for other programs; the same bytes for the same runs."""
    json.dump(history_json(history), stream, indent=2, ensure_ascii=False)
    stream.write("\n")


def history_json(history: History) -> dict[str, Any]:
    """JSON values only. Times in seconds, shares as fractions of 1; missing values are null."""
    return {
        "name": history.name,
        "alpha": ALPHA,
        "tolerance": history.tolerance,
        "runs": [
            {
                "run": run.label,
                "file": run.source,
                "started_at_s": run.started_at_s,
                "commit": run.commit,
                "branch": run.branch,
            }
            for run in history.runs
        ],
        "marks": [{"run": history.runs[mark.run].label, "what": mark.what} for mark in history.marks],
        "left_out": [{"run": label, "reason": reason} for label, reason in history.left_out],
        "series": [_series_json(history, series) for series in history.series],
    }


def _series_json(history: History, series: RunSeries) -> dict[str, Any]:
    return {
        "endpoint": series.endpoint,
        "statistic": series.measure.name,
        "unit": str(series.measure.unit),
        "values": list(series.values),
        "changes": [
            {
                "run": history.runs[change.run].label,
                "commit": history.runs[change.run].commit,
                "index": change.run,
                "before": change.before,
                "after": change.after,
                "p": change.p,
                "runs_since": change.runs_since,
                "provisional": change.provisional,
                "sentence": change.sentence,
            }
            for change in series.changes
        ],
        "trend": None
        if series.trend is None
        else {
            "since": history.runs[series.trend.run].label,
            "before": series.trend.before,
            "after": series.trend.after,
            "per_run": series.trend.line.per_run,
            "per_run_low": series.trend.line.low,
            "per_run_high": series.trend.line.high,
            "p": series.trend.line.p,
            "sentence": series.trend.sentence,
        },
        "outliers": [history.runs[place].label for place in series.outliers],
        "autocorrelation": series.autocorrelation,
    }


def write_history_svg(history: History, stream: TextIO, *, everything: bool = False) -> None:
    """Write the series that changed as one picture; where none did, those that are looked at first."""
    from loadproof.analysis.across_runs.picture import history_picture
    from loadproof.reports.svg import write_pictures

    first = changed_first(history, everything=everything)
    changed = [series for series in first if series.changes or series.trend]
    pictures = [history_picture(history, series) for series in (changed or first)[:_MOST_PICTURES]]
    word, ink, said = answer(history)
    write_pictures((word, ink), as_headline(said), pictures, f"{history.name} · {headline(history)}", stream)


def answer(history: History) -> tuple[str, str, str]:
    """A word for it, its ink, and what most series have in common now in one short sentence."""
    found = _foremost(history)
    if found:
        shown, change = found[0]
        ink = "fail" if _is_worse(shown, change) else "pass"
        if not isinstance(change, LevelChange):
            return "CREEPS", ink, fitting([change.sentence, change.sentence.partition(":")[0]])
        run = history.runs[change.run]
        said = f"{change.said} since {(run.commit or '')[:_COMMIT] or run.label}"
        said += ", provisional" if change.provisional else ""
        more = len(found) - 1
        return "CHANGED", ink, fitting([f"{said} (and {more} more)", said] if more else [said])
    if not history.runs:
        return "NO RUNS", "inconclusive", "no run that can be compared"
    if len(history.runs) == 1:
        return "ONE RUN", "inconclusive", "one run alone shows no change of level"
    return "NO CHANGE", "note", f"no change of level in {len(history.runs)} runs"


def _foremost(history: History) -> list[tuple[RunSeries, LevelChange | FigureTrend]]:
    """Those series that say the most important thing that holds now, the first of them as pictures stand.

    Of each series its newest change alone: an older one may have been undone since. What became worse goes
    before what became better, what is sure before what is provisional, a step before a creep; then the run
    at which most series changed, and of several the newest.
    """
    by_rank: dict[tuple[bool, bool, bool, int], list[tuple[RunSeries, LevelChange | FigureTrend]]] = {}
    for series in history.series:
        newest: list[LevelChange | FigureTrend] = [*series.changes[-1:]]
        newest += [series.trend] if series.trend else []
        for change in newest:
            step = isinstance(change, LevelChange)
            sure = not (isinstance(change, LevelChange) and change.provisional)
            by_rank.setdefault((_is_worse(series, change), sure, step, change.run), []).append(
                (series, change)
            )
    if not by_rank:
        return []
    _, found = max(by_rank.items(), key=lambda item: (item[0][:3], len(item[1]), item[0][3]))
    return sorted(found, key=lambda pair: _picture_rank(*pair))


def _picture_rank(series: RunSeries, change: LevelChange | FigureTrend) -> tuple[bool, float]:
    """The usual statistic of an endpoint first, and of several what moved most."""
    known = change.before > 0 < change.after
    moved = abs(math.log(change.after / change.before)) if known else 0.0
    return not _is_usual(series) or series.endpoint == ALL_REQUESTS, -moved


def _is_worse(series: RunSeries, change: LevelChange | FigureTrend) -> bool:
    return (change.after > change.before) == series.measure.higher_is_worse


def headline(history: History) -> str:
    """ "30 runs, 2027-01-15 to 2027-02-13: 2 of 18 series changed"."""
    runs = history.runs
    if not runs:
        return "no run that can be compared"
    first, last = (_date(run.started_at_s) for run in (runs[0], runs[-1]))
    number = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    changed = sum(bool(series.changes) for series in history.series)
    creeping = sum(series.trend is not None for series in history.series)
    said = f"{changed} of {len(history.series)} series changed" if changed else "no change of level"
    said += f", {creeping} creep" if creeping else ""
    return f"{number}, {first} to {last}: {said}"


def remarks(history: History) -> list[str]:
    """What a reader should know of the runs."""
    said = []
    if history.left_out:
        reasons: dict[str, int] = {}
        for _, reason in history.left_out:
            reasons[reason] = reasons.get(reason, 0) + 1
        told = "; ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
        said.append(f"left out: {told}")
    if 0 < len(history.runs) < _FEW_RUNS:
        said.append(f"a step is hard to tell before about {_FEW_RUNS} runs, a creep before {LEAST_RUNS}")
    drifting = sum(series.drifts for series in history.series)
    if drifting * 4 > len(history.series):
        said.append(
            f"{drifting} of {len(history.series)} series drift: runs resemble their neighbours, so that "
            "small changes are found late or not at all; a quieter machine helps"
        )
    return said


def latest_first(history: History) -> list[tuple[RunSeries, LevelChange]]:
    """The changes of level, the newest first."""
    found = [(series, change) for series in history.series for change in series.changes]
    return sorted(found, key=lambda pair: (-pair[1].run, pair[0].endpoint, pair[0].measure.name))


def worth_showing(history: History, *, everything: bool = False) -> list[RunSeries]:
    """The usual series, and those that changed or creep."""
    return [s for s in history.series if everything or _is_usual(s) or s.changes or s.trend]


def changed_first(history: History, *, everything: bool = False) -> list[RunSeries]:
    """The same in the order of pictures: what the answer is about first, and of it the p95."""
    foremost = [series for series, _ in _foremost(history)]

    def rank(series: RunSeries) -> tuple[bool, int, bool]:
        place = next((n for n, one in enumerate(foremost) if one is series), len(foremost))
        unchanged = not (series.changes or series.trend)
        return unchanged, place, not _is_usual(series) or series.endpoint == ALL_REQUESTS

    return sorted(worth_showing(history, everything=everything), key=rank)


def _is_usual(series: RunSeries) -> bool:
    names = _USUAL_OF_ALL if series.endpoint == ALL_REQUESTS else _USUAL
    return series.measure.name in names


def _fewer(shown: Sequence[RunSeries]) -> list[RunSeries]:
    """As many as fit: what changed first, then all requests, in the order that they have."""
    ranked = sorted(
        shown, key=lambda series: (not (series.changes or series.trend), series.endpoint != ALL_REQUESTS)
    )
    chosen = {id(series) for series in ranked[:_MOST_ROWS]}
    return [series for series in shown if id(series) in chosen]


def _table(shown: Sequence[RunSeries], width: int) -> Table:
    """Numbers stand whole; of a narrow terminal names lose their middle, and bars their oldest runs."""
    cells = [_figures(series) for series in shown]
    titles = ("statistic", "newest", "least … greatest")
    longest = [max(len(title), *(len(row[n]) for row in cells)) for n, title in enumerate(titles)]
    room = width - 1 - sum(longest) - 2 * (len(titles) + 2)
    bars = min(_MOST_RUNS_SHOWN, max(len(_sparkline(series, _MOST_RUNS_SHOWN)) for series in shown))
    name = min(_MOST_NAME, max(_LEAST_NAME, room - max(bars, _LEAST_BARS)))
    bars = max(_LEAST_BARS, min(bars, room - min(name, max(len(series.endpoint) for series in shown))))
    table = plain_table()
    table.add_column("endpoint", no_wrap=True)
    table.add_column("statistic", no_wrap=True, min_width=longest[0])
    title = next(title for title in ("oldest to newest", "runs") if len(title) <= bars)
    table.add_column(title, no_wrap=True, min_width=bars)
    table.add_column("newest", justify="right", no_wrap=True, min_width=longest[1])
    table.add_column("least … greatest", justify="right", no_wrap=True, style="dim", min_width=longest[2])
    for series, (measure, newest, span) in zip(shown, cells, strict=True):
        endpoint = Text(cut_name(series.endpoint, name))  # a name is no markup: GET /items/[id]
        table.add_row(endpoint, measure, _sparkline(series, bars), newest, span)
    return table


def _figures(series: RunSeries) -> tuple[str, str, str]:
    """Statistic, newest value, least and greatest."""
    known = [value for value in series.values if value is not None]
    unit = series.measure.unit
    newest = series.values[-1] if series.values else None
    return (
        series.measure.name,
        "—" if newest is None else format_value(newest, unit),
        f"{format_value(min(known), unit)} … {format_value(max(known), unit)}" if known else "",
    )


def _sparkline(series: RunSeries, most: int) -> Text:
    """One bar a run, the newest ones, in at most so many columns; the first run of a new level stands out."""
    known = [value for value in series.values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    at = {change.run: _style(series, change) for change in series.changes}
    line = Text()
    for place, value in enumerate(series.values):
        if place in at:
            line.append("|", style=at[place])
        line.append(_MISSING if value is None else _bar(value, low, high))
    return line[max(0, len(line) - most) :]


def _bar(value: float, low: float, high: float) -> str:
    if high <= low:
        return _BARS[0]
    return _BARS[min(int((value - low) / (high - low) * len(_BARS)), len(_BARS) - 1)]


def _style(series: RunSeries, change: LevelChange | FigureTrend) -> str:
    return "bold red" if _is_worse(series, change) else "bold green"


def _date(time_s: float | None) -> str:
    return "?" if time_s is None else time.strftime("%Y-%m-%d", time.localtime(time_s))
