"""Endpoints that wait longer since another one is faster: what an improvement does to its neighbours.

Users who wait less for one endpoint ask for the others sooner, and more of their requests are in the service
at once. So an index makes a report eight times as fast, and beside it each other median on a full machine a
third slower. No code of theirs costs more: their fastest answers, which meet nobody, take what they took.

A slow path of their own that not every answer takes leaves the fastest answers as they were, too. But waits
move the median with the tail: before a busy server they are nearly exponential (Kleinrock, "Queueing
Systems", volume 1, section 3.2, for M/M/1), and then every quantile moves by a known multiple of what the
median moves by. And who waits for the service does so with the others. What moved by much more than its
median, or than every other endpoint, has another reason, and decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.compare.comparison import Change, ComparisonRow
from loadproof.analysis.compare.mix import SAME_MIX
from loadproof.analysis.compare.quantities import FASTEST, LATE, LATENCIES, MEAN
from loadproof.analysis.compare.relative import RELATIVE

_OWN: Final = 2 / 3
"""Of a time's change, on the log scale: what costs more slows the fastest answers by as much at least."""
_BY_CHANCE: Final = 0.05
"""A p above which nothing is said to have moved."""
_WITH_MEDIAN: Final = {
    **{statistic: -math.log(1 - quantile) / math.log(2) for statistic, quantile in LATENCIES.items()},
    MEAN: 1 / math.log(2),
}
"""Seconds that a time moves by for each second of p50 where waits are exponential: 4.3 of p95, 6.6 of p99."""
_MOST: Final = 1.5
"""Times that much is waiting still: where a server is idle half of the time p99 moves by 1.4 times of it."""
_WITH_OTHERS: Final = 3.0
"""Times what another median may have moved by: endpoints of one service that is full do not wait alike."""
_TIMES: Final = (*_WITH_MEDIAN, LATE)
WAITS: Final = "waits longer beside"


def beside_an_improvement(rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """The same, where times of endpoints that only wait longer decide nothing; their reason says so.

    Only where all requests at one mix are proved to be faster, and an endpoint's fastest answers are. Where
    all requests only look faster, or the fastest answers of one that is slower are not known well enough, its
    times are open.
    """
    known: dict[str, dict[str, ComparisonRow]] = {}
    for row in rows:
        known.setdefault(row.subject, {})[row.statistic] = row
    faster = [
        name for name, own in known.items() if FASTEST in own and own[FASTEST].change is Change.IMPROVED
    ]
    whole = [row for row in rows if row.statistic in SAME_MIX]
    better = any(row.change is Change.IMPROVED for row in whole)
    looks_worse = any((row.ratio or 1.0) >= 1 for row in whole)
    if (
        not faster
        or not whole
        or (looks_worse and not better)
        or Change.REGRESSED in {r.change for r in whole}
    ):
        return list(rows)
    waits = f"{WAITS} {faster[0]}, which is faster"
    doubt = f"{waits}, or is slower itself: its fastest answers do not tell"
    undecided = f"{waits}; whether all requests together are faster is open"
    slower = {
        name: own for name, own in known.items() if name not in (*faster, ALL_REQUESTS) and "p50" in own
    }
    waiting = {
        name: _only_waits(own, [known[other] for other in slower if other != name])
        for name, own in slower.items()
    }

    def weighed(row: ComparisonRow) -> ComparisonRow:
        if (
            row.statistic not in (*_TIMES, FASTEST, RELATIVE)
            or row.change is not Change.REGRESSED
            or row.accepted
        ):
            return row
        match waiting.get(row.subject, False):
            case True if better:
                return replace(row, decides=False, reason=waits)
            case True | None as told:
                reason = undecided if told else doubt
                return replace(row, change=Change.INCONCLUSIVE, doubted=True, reason=reason)
        return row

    return [weighed(row) for row in rows]


def _only_waits(
    own: Mapping[str, ComparisonRow], others: Sequence[Mapping[str, ComparisonRow]]
) -> bool | None:
    """Whether an endpoint's times moved as waits make them; None where its fastest answers do not tell.

    These moved surely less than each time that is proved to be slower, its median about as those of
    `others` may have, and no time by much more than with the median: one that did is of the endpoint's own
    work, and then all decide.
    """
    fastest, median = own.get(FASTEST), own.get("p50")
    if fastest is None or median is None or fastest.harm_at_most is None or not _slower(median):
        return False
    proved = [own[name] for name in _WITH_MEDIAN if name in own and own[name].change is Change.REGRESSED]
    most = _OWN * math.log(min(row.ratio or 1.0 for row in proved or [own.get(MEAN, median)]))
    if math.log(fastest.ratio or 1.0) >= most:
        return False
    if others and not any(_shared(median, other["p50"]) for other in others):
        return False
    if not all(_moved_with(median, row, own) for name in _TIMES if (row := own.get(name)) and _slower(row)):
        return False
    # Equal is told by this bound, and so is that it is not the endpoint's own work.
    surely = math.log1p(fastest.harm_at_most) < most
    if fastest.change is Change.REGRESSED and not any(_as_fast(fastest, other) for other in others):
        return None if surely else False
    return True if surely else None


def _as_fast(fastest: ComparisonRow, other: Mapping[str, ComparisonRow]) -> bool:
    """Whether another endpoint's fastest answers may be as much slower, as where the whole machine does less.

    Between fewer requests its cores sleep, and wake for the next: all answers take longer, the fastest least.
    """
    known = other.get(FASTEST)
    return known is not None and known.interval is not None and (fastest.ratio or 1.0) <= known.interval[1]


def _shared(median: ComparisonRow, other: ComparisonRow) -> bool:
    """Whether another median moved as well, in seconds or as a share, as far as its interval tells."""
    if other.interval is None or other.base is None:
        return False
    most = max(other.interval[1], 1.0)
    in_seconds = _risen(median) <= _WITH_OTHERS * other.base * (most - 1)
    return in_seconds or math.log(median.ratio or 1.0) <= _WITH_OTHERS * math.log(most)


def _moved_with(median: ComparisonRow, row: ComparisonRow, own: Mapping[str, ComparisonRow]) -> bool:
    if median.interval is None or median.base is None:
        return False
    most_s = _MOST * median.base * (median.interval[1] - 1)
    if row.statistic != LATE:
        return _risen(row) <= _WITH_MEDIAN[row.statistic] * most_s
    # Of exponential waits a share b is beyond some time; with waits k times as long it is b to the 1/k.
    mean, fastest = own.get(MEAN), own[FASTEST]
    wait_s = (mean.base or 0.0) - (fastest.base or 0.0) if mean else 0.0
    if wait_s <= 0 or not row.head or not row.ratio:
        return False
    longer = 1 + _WITH_MEDIAN[MEAN] * most_s / wait_s
    return longer * math.log(row.head) <= math.log(row.head / row.ratio)


def _slower(row: ComparisonRow) -> bool:
    """Whether it looks worse, and hardly by chance."""
    return row.p is not None and row.p <= _BY_CHANCE and row.ratio is not None and row.ratio > 1


def _risen(row: ComparisonRow) -> float:
    """By so much, in its unit."""
    return (row.head or 0.0) - (row.base or 0.0)


def waiting_notes(rows: Sequence[ComparisonRow]) -> list[str]:
    """Which endpoints, for whoever reads of the improvement."""
    found = [row for row in rows if row.change is Change.REGRESSED and row.reason.startswith(WAITS)]
    names = ", ".join(f"{row.name} (x {row.ratio:.3g})" for row in found[:3] if row.ratio)
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return [f"slower, but not by their own work: {names}{more}: {found[0].reason}"] if found else []
