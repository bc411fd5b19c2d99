"""What the rows say together: what is proved decides, and equal is what every time says of all requests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from scipy import special

from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.compare.comparison import Change, ComparisonRow
from loadproof.analysis.compare.mix import MEAN_AT_ONE_MIX, SAME_MIX
from loadproof.analysis.compare.quantities import BYTES, ERROR_RATE, FASTEST, LATE, LATENCIES, MEAN
from loadproof.analysis.compare.relative import RELATIVE
from loadproof.model import Unit

if TYPE_CHECKING:
    from loadproof.analysis.compare.settings import ComparisonSettings

SUSPICIOUS: Final = 0.1
"""An adjusted p-value below which a row that is worse by the tolerance is left open, not called equal."""
SUSPICIOUS_ERRORS: Final = 0.1
"""The same of error rates, not adjusted."""


def in_order(rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """What regressed first, what improved next, each by its proved size; then the gates, then the rest.

    Of one endpoint its times and errors stand before its tail and its bytes, which tell users less; and what
    its fastest answers take, which proves most, behind the times that users know.
    """
    rank = {Change.REGRESSED: 0, Change.IMPROVED: 1}

    def decides(row: ComparisonRow) -> bool:
        return row.decides and not row.accepted and row.change in rank

    largest: dict[tuple[str, Change], float] = {}
    for row in filter(decides, rows):
        if row.statistic not in (BYTES, LATE):
            known = largest.get((row.subject, row.change), 0.0)
            largest[row.subject, row.change] = max(known, proved_size(row))

    def key(row: ComparisonRow) -> tuple[int, bool, int, float, bool, float]:
        if not decides(row):
            return 2 if row.gate else 3, False, 0, 0.0, False, 0.0
        everything = row.subject == ALL_REQUESTS
        if row.statistic == BYTES:  # what is sent in all is what costs: 3 kB of 30 before 2 bytes of 10
            sent = (row.head or 0.0) - (row.base or 0.0)
            return rank[row.change], everything, 2, -abs(sent), False, 0.0
        size = largest.get((row.subject, row.change), 0.0)
        own = (row.statistic in (FASTEST, RELATIVE), -proved_size(row))
        return rank[row.change], everything, int(row.statistic == LATE), -size, *own

    return sorted(rows, key=key)


def proved_size(row: ComparisonRow) -> float:
    """How far the interval stays from no change, on the log scale: what few requests say is no headline."""
    if row.interval is None:
        return 0.0
    low, high = (math.log(bound) if bound > 0 else -math.inf for bound in row.interval)
    return max(low, -high, 0.0)


def overall(rows: Sequence[ComparisonRow], grave: Sequence[str], *, declared: bool) -> Change:
    """INCONCLUSIVE is only where nothing is proved and something could be, or where it is not known what an
    improvement cost: a declared gate has no data, or others are slower and nobody can tell why.

    `declared`: somebody said what must settle; then every gate must. Else all requests at one mix, or the
    median and mean of the only endpoint (the median alone where p95 of each endpoint has settled), and no
    other row that decides may be suspicious.
    """
    if grave:
        return Change.INVALID
    known = {row.change for row in rows if row.decides and not row.accepted}
    must = settling(rows, declared=declared)
    if Change.REGRESSED in known:
        return Change.REGRESSED
    untold = any(row.doubted for row in rows) or (declared and any(_unknown(row) for row in must))
    if Change.IMPROVED in known and not untold:
        return Change.IMPROVED
    return Change.SAME if must and not open_rows(rows, must) else Change.INCONCLUSIVE


def _unknown(row: ComparisonRow) -> bool:
    """Nothing at all is known of it."""
    return row.change is Change.INCONCLUSIVE and row.interval is None


def settling(rows: Sequence[ComparisonRow], *, declared: bool) -> list[ComparisonRow]:
    """The gates that must settle."""
    gates = [row for row in rows if row.gate and not row.accepted]
    if declared:
        return gates
    gone = [row for row in gates if _unknown(row)]
    if _tails_settled(rows):
        gates = [row for row in gates if row.statistic not in (MEAN, MEAN_AT_ONE_MIX)]
    mixed = [row for row in gates if row.statistic in SAME_MIX]
    if mixed:
        return [*mixed, *(row for row in gone if row not in mixed)]
    times = [row for row in gates if row.statistic in ("p50", MEAN)]
    return [*(times or [row for row in gates if row.statistic in LATENCIES] or gates), *gone]


def _tails_settled(rows: Sequence[ComparisonRow]) -> bool:
    """Whether p95 of every endpoint is known to be equal: then the mean need not settle.

    It would take hundreds of runs where a seventh of the answers take ten times as long as the others. It is
    compared all the same, and so is the share of late answers.
    """
    timed = {row.subject for row in rows if row.decides and row.statistic == MEAN}
    equal = {row.subject for row in rows if row.statistic == "p95" and row.change is Change.SAME}
    return bool(timed) and timed <= equal


def open_rows(rows: Sequence[ComparisonRow], must: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """Those that must settle and have not, and those that look worse than chance."""
    return [row for row in rows if (row in must and row.change is Change.INCONCLUSIVE) or suspicious(row)]


def suspicious(row: ComparisonRow) -> bool:
    """Worse by what matters, and hardly by chance, without being proved."""
    if row.doubted:
        return True
    if (
        not row.decides
        or row.change is not Change.INCONCLUSIVE
        or row.ratio is None
        or row.p_adjusted is None
    ):
        return False
    worse = row.ratio > 1 if row.worse_when_greater else row.ratio < 1
    if row.statistic == ERROR_RATE:  # a few failures take many requests to be proved
        return worse and row.p is not None and row.p <= SUSPICIOUS_ERRORS
    return worse and row.p_adjusted <= SUSPICIOUS


def may_be_worse(rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """What decides, looks worse by what matters, and would be so by chance in less than one of ten such rows.

    For a comparison that would otherwise end with an improvement: more rounds may prove what it cost. Where
    an endpoint improved, its tail and its failures are asked more closely: a cache is rebuilt now and then.
    """
    improved = {row.subject for row in rows if row.decides and row.change is Change.IMPROVED}

    def worth(row: ComparisonRow) -> float:
        rare = row.statistic in (LATE, ERROR_RATE) and row.subject in improved
        return _WORTH_THEN if rare else _WORTH_A_LOOK

    return [
        row
        for row in rows
        if row.decides
        and row.change is Change.INCONCLUSIVE
        and row.p is not None
        and row.p <= worth(row)
        and row.ratio is not None
        and (row.ratio > 1) == row.worse_when_greater
    ]


_WORTH_A_LOOK, _WORTH_THEN = 0.1, 0.3


def promising(rows: Sequence[ComparisonRow], done: float, alpha: float) -> bool:
    """Whether one that looks worse would be proved by what is left of the rounds, were its difference true.

    `done`: the share of all rounds so far; z grows with its root. The level is Bonferroni's, over all that
    decide.
    """
    asked = [row for row in rows if row.decides and row.p is not None]
    limit = float(special.ndtri(1 - alpha / 4 / max(len(asked), 1)))
    worse = (row.p or 0.0 for row in asked if row in may_be_worse(asked))
    return any(-float(special.ndtri(max(p, 1e-300) / 2)) >= limit * math.sqrt(done) for p in worse)


def wide_enough(rows: Sequence[ComparisonRow], settings: ComparisonSettings) -> list[str]:
    """What tolerance would call it equal, where only how much runs differ keeps it open."""
    must = settling(rows, declared=bool(settings.gates))
    left = open_rows(rows, must)
    bounds = [row.harm_at_most for row in left if row.harm_at_most is not None and row.unit is not Unit.SHARE]
    if not bounds or len(bounds) < len(left) or any(row not in must or suspicious(row) for row in left):
        return []
    most = math.ceil(max(bounds) * 100 + 1e-9)
    if not settings.tolerance * 100 < most <= _WIDEST:
        return []
    return [f"--tolerance {most}% would call this equal: what must settle is slower by less"]


_WIDEST: Final = 25
"""Percent: who does not mind more than that compares nothing."""


def harm_bound(row: ComparisonRow) -> float | None:
    """The greatest change to the worse that is left possible, as a share; None where nothing is known."""
    if row.harm_at_most is not None:
        return row.harm_at_most
    if row.interval is None:
        return None
    low, high = row.interval
    return high - 1 if row.worse_when_greater else 1 / low - 1 if low > 0 else math.inf
