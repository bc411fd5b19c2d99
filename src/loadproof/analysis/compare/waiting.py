"""Endpoints that wait longer since another one is faster: what an improvement does to its neighbours.

Users who wait less for one endpoint ask for the others sooner, and more of their requests are in the service
at once. So an index makes a report eight times as fast, and beside it each other median on a full machine a
third slower. No code of theirs costs more: their fastest answers, which meet nobody, take what they took.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.compare.comparison import Change, ComparisonRow
from loadproof.analysis.compare.mix import SAME_MIX
from loadproof.analysis.compare.quantities import FASTEST, LATENCIES, MEAN

_OWN: Final = 2 / 3
"""Of a time's change, on the log scale: what costs more slows the fastest answers by as much at least."""
WAITS: Final = "waits longer beside"


def beside_an_improvement(rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """The same, where times of endpoints that only wait longer decide nothing; their reason says so.

    Only where all requests at one mix are proved to be faster, and an endpoint's fastest answers are.
    """
    fastest = {row.subject: row for row in rows if row.statistic == FASTEST}
    faster = [row.subject for row in fastest.values() if row.change is Change.IMPROVED]
    whole = {row.change for row in rows if row.statistic in SAME_MIX}
    if not faster or Change.IMPROVED not in whole or Change.REGRESSED in whole:
        return list(rows)

    def waits(row: ComparisonRow) -> bool:
        own = fastest.get(row.subject)
        if row.change is not Change.REGRESSED or own is None or row.statistic not in (*LATENCIES, MEAN):
            return False
        if own.change is Change.REGRESSED or row.subject in (*faster, ALL_REQUESTS):
            return False
        return math.log(own.ratio or 1.0) < _OWN * math.log(row.ratio or 1.0)

    reason = f"{WAITS} {faster[0]}, which is faster"
    return [replace(row, decides=False, reason=reason) if waits(row) else row for row in rows]


def waiting_notes(rows: Sequence[ComparisonRow]) -> list[str]:
    """Which endpoints, for whoever reads of the improvement."""
    found = [row for row in rows if row.change is Change.REGRESSED and row.reason.startswith(WAITS)]
    names = ", ".join(f"{row.name} (x {row.ratio:.3g})" for row in found[:3] if row.ratio)
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return [f"slower, but not by their own work: {names}{more}: {found[0].reason}"] if found else []
