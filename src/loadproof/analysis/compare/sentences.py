"""A comparison in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.compare.comparison import Change, Comparison, ComparisonRow
from loadproof.analysis.compare.decision import harm_bound, open_rows, settling
from loadproof.analysis.compare.estimate import BASE_FOR_ONE
from loadproof.analysis.compare.mix import SAME_MIX
from loadproof.analysis.compare.percent import interval_text, percent_change
from loadproof.analysis.compare.quantities import (
    BYTES,
    ERROR_RATE,
    FASTEST,
    LATE,
    LATENCIES,
    MEAN,
    THROUGHPUT,
)
from loadproof.analysis.compare.work import CONNECTIONS, KINDS
from loadproof.model import Unit, is_beside
from loadproof.units import format_percent

_WORK: Final = frozenset(kind.statistic for kind in KINDS)


def sentence_of(comparison: Comparison) -> str:
    """What an engineer should know first."""
    match comparison.change:
        case Change.INVALID:
            grave = comparison.obstacles
            return f"these runs cannot be compared: {grave[0]}" + _more(len(grave) - 1)
        case Change.REGRESSED | Change.IMPROVED:
            found = comparison.proved(comparison.change)
            runs = f"{len(comparison.base.runs)} runs against {len(comparison.head.runs)}"
            where = where_it_is(found[0], comparison.rows)
            said = f"{moved(found[0])}{_with_work(found)}{where}, {runs}" + _more(len(found) - 1)
            better = comparison.proved(Change.IMPROVED) if comparison.change is Change.REGRESSED else ()
            return f"{said}; {moved(better[0])}" if better else said
        case Change.SAME:
            return _same(comparison)
        case _:
            return _inconclusive(comparison)


def _with_work(found: Sequence[ComparisonRow]) -> str:
    """ ", with statements a request +128%": proved beside a time, it tells where the time goes."""
    work = [row for row in found if row.statistic in _WORK]
    if not work or found[0] in work:
        return ""
    most = max(work, key=lambda row: abs(math.log(row.ratio or 1.0)))
    moved_by = percent_change(most.ratio or 1.0)
    if most.statistic == CONNECTIONS:  # of next to none: no ratio says much
        moved_by = f"from {most.base or 0.0:.2g} to {most.head or 0.0:.2g}"
    return f", with {most.statistic} {moved_by}"


def moved(row: ComparisonRow) -> str:
    """ "p50 of GET /items is 16.4 times as high (x 4.7 to x 57.3)"; shares of the requests as they are."""
    ratio = row.ratio or 1.0
    if row.unit is Unit.SHARE and row.base is not None and row.head is not None:
        shares = " to ".join(_share_text(value) for value in (row.base, row.head))
        least = f" (x {row.interval[0]:.3g} at least)" if row.interval and ratio > 1 else ""
        limit = f" ({row.reason})" if row.statistic == LATE and row.reason else ""
        return f"{row.name}{limit} {'rose' if ratio > 1 else 'fell'} from {shares}{least}"
    size = format_percent(round(abs(ratio - 1), 3)) if ratio < 4 else f"{ratio:.3g} times"
    word = "as high" if ratio >= 4 else "higher" if ratio > 1 else "lower"
    interval = f" ({interval_text(row.interval)})" if row.interval else ""
    return f"{row.name} is {size} {word}{interval}"


def _share_text(share: float) -> str:
    return format_percent(float(f"{share:.2g}"))


def where_it_is(proved: ComparisonRow, rows: Sequence[ComparisonRow]) -> str:
    """ ", most likely of POST /orders, whose mean moved by +9%": the endpoint behind what all requests say.

    Work is counted by the service or its database, which know no endpoint; times and failures of all
    requests may be proved before those of one. It is named only where its own rows point the same way (p up
    to 0.05, divided by the number of endpoints) and no other endpoint's do; they prove nothing by themselves.
    """
    pointing = pointing_at(proved, rows)
    if len({row.subject for row in pointing}) != 1:
        return ""
    row = min(pointing, key=lambda row: row.p or 0.0)
    if row.statistic == ERROR_RATE:
        if any(_fails_as_often(other, row) for other in rows):
            return ""
        return f", most likely of {row.subject}, with {_share_text(row.head or 0.0)}"
    size = percent_change(row.ratio or 1.0)
    return f", most likely of {row.subject}, whose {row.statistic} moved by {size}"


def _fails_as_often(other: ComparisonRow, row: ComparisonRow) -> bool:
    """Whether another endpoint's failures rose to half of this one's share or more: then it is not alone."""
    if other.statistic != ERROR_RATE or other.subject in (row.subject, ALL_REQUESTS):
        return False
    return (other.head or 0.0) > (other.base or 0.0) and 2 * (other.head or 0.0) >= (row.head or 0.0)


def explained(rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """The rows of all requests that a regression which is meant explains, as meant as it is.

    A slower endpoint makes fewer requests and takes its work; what else got worse has rows of its own.
    """
    meant = {row.subject for row in rows if row.accepted and row.unit is Unit.SECONDS}

    def follows(row: ComparisonRow) -> bool:
        if not meant or row.subject != ALL_REQUESTS or row.change is not Change.REGRESSED:
            return False
        of = {one.subject for one in pointing_at(row, rows)} if row.statistic in _WORK else set()
        return row.statistic == THROUGHPUT or bool(of and of <= meant)

    return [replace(row, accepted=True) if follows(row) else row for row in rows]


def pointing_at(proved: ComparisonRow, rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """Rows of endpoints that point where what all requests say comes from: times, or of failures failures."""
    if proved.subject != ALL_REQUESTS or proved.ratio is None:
        return []
    if proved.statistic == ERROR_RATE:
        return _pointing((ERROR_RATE,), proved, rows)
    # The fastest answers tell best which of several does the work, as the others wait for what all of them
    # share; but a path that only some answers take moves none of them: then they choose nobody.
    times = _pointing((MEAN, "p50"), proved, rows)
    fastest = _pointing((FASTEST,), proved, rows)
    subjects = {row.subject for row in times}
    chosen = [row for row in fastest if row.subject in subjects] if subjects else fastest
    return chosen if len({row.subject for row in chosen}) == 1 else times or chosen


def _pointing(
    statistics: Sequence[str], proved: ComparisonRow, rows: Sequence[ComparisonRow]
) -> list[ComparisonRow]:
    more = ((proved.ratio or 1.0) > 1) == proved.worse_when_greater
    known = [
        row
        for row in rows
        if row.statistic in statistics
        and row.subject != ALL_REQUESTS
        and not is_beside(row.subject)
        and row.unit in (Unit.SECONDS, Unit.SHARE)
        and row.p is not None
        and row.ratio is not None
    ]
    limit = _POINTS / max(len({row.subject for row in known}), 1)
    return [row for row in known if (row.p or 0.0) <= limit and ((row.ratio or 0.0) > 1) == more]


_POINTS: Final = 0.05
_TIMES: Final = (*LATENCIES, MEAN, *SAME_MIX)


def _same(comparison: Comparison) -> str:
    """How large a change could still hide, over all requests and on the endpoint that is known least."""
    must = settling(comparison.rows, declared=comparison.declared)
    whole = max((bound for row in must if (bound := harm_bound(row)) is not None), default=0.0)
    said = f"no change larger than {_percent(whole)}"
    if any(row.statistic in SAME_MIX for row in must):
        said += f" over {ALL_REQUESTS}"
    known: dict[str, tuple[float, ComparisonRow]] = {}
    for row in comparison.rows:
        bound = harm_bound(row)
        own = row.decides and row.statistic in _TIMES and row not in must and row.base
        # Of an endpoint what is known best: a mean that hardly moved is not told by its p99.
        if own and bound is not None and bound < known.get(row.subject, (math.inf, row))[0]:
            known[row.subject] = bound, row
    least = max(known.values(), key=lambda pair: pair[0], default=None)
    if least is not None and least[0] > whole:
        said += f" ({least[1].name}: none larger than {_percent(least[0])})"
    return said + _untold(comparison.rows)


def _untold(rows: Sequence[ComparisonRow]) -> str:
    """ "; of GET /export there are too few requests to tell": endpoints of which no time is known."""
    told = {row.subject for row in rows if row.interval and row.statistic in (*LATENCIES, MEAN)}
    names = sorted({row.subject for row in rows if row.decides and row.statistic == MEAN} - told)
    if not names:
        return ""
    return f"; of {', '.join(names[:3])}{_more(len(names) - 3)} there are too few requests to tell"


def _percent(bound: float) -> str:
    """Rounded up: no less than what is claimed."""
    return "0.1%" if bound < 0.001 else format_percent(-(-bound * 1000 // 1) / 1000)


def _inconclusive(comparison: Comparison) -> str:
    base_runs, head_runs = len(comparison.base.runs), len(comparison.head.runs)
    if base_runs == head_runs == 1:
        return (
            "one run against one run is never a proof: runs of one build differ by themselves; "
            f"make {BASE_FOR_ONE} runs of each"
        )
    if 1 in (base_runs, head_runs) and max(base_runs, head_runs) < BASE_FOR_ONE:
        return (
            f"one run can be judged against {BASE_FOR_ONE} or more, not against {max(base_runs, head_runs)}"
        )
    must = settling(comparison.rows, declared=comparison.declared)
    unknown = open_rows(comparison.rows, must)
    if not unknown:
        return "nothing could be compared"
    # What no number of runs would settle comes first: then the rest does not matter.
    worst = max(unknown, key=lambda row: (row.doubted, row.runs_needed or 10**6))
    reason = worst.reason or "worse, and not yet beyond chance"
    if worst.doubted and worst.statistic in (ERROR_RATE, BYTES):  # what is open there no interval says
        said = f"{moved(worst)}: {reason}" if worst.statistic == BYTES else reason
        return said + _more(len(unknown) - 1)
    within = f" may have changed by {interval_text(worst.interval)}" if worst.interval else ""
    return f"{worst.name}{within}: {reason}" + _more(len(unknown) - 1)


def _more(number: int) -> str:
    return f" (and {number} more)" if number > 0 else ""
