"""What grows in a soak and is no leak: the load's own users, and what a runtime has not collected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.shapes.gauges import JVM
from loadproof.analysis.shapes.levels import LOW, WindowLevel, window_levels
from loadproof.analysis.shapes.trend import WINDOWS, NoTrend, Trend
from loadproof.analysis.verdict.resources import inside_of
from loadproof.analysis.verdict.service import SOURCE
from loadproof.analysis.window.windows import Window
from loadproof.model import EventKind
from loadproof.model.values import rows, whole
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings

USERS: Final = "users"
"""The load's, as a series."""
_NODE: Final = re.compile(r"nodejs_.*")
_UNCOLLECTED: Final = 10.0 * 2**20
"""By so much V8 lets its old space grow before it collects it (Node 20: 13.9 MB of a heap that began
with 3.5): what lived long enough to get there and is garbage by now looks like a leak until then. Each
process has an old space of its own."""
_PARTS: Final = 10
"""Of a time: the users of each are their median there."""
_MOST_BY_LINE: Final = 1.5
"""Times as many as stayed: by so much a line through them may rise, for those who came and left to count."""


def more_users(run: Run, held: Window, trend: Trend | NoTrend) -> tuple[float, float]:
    """By how many the load's users rose before the judged part and in it: late answers make more of them.

    Only those who stayed: what is still there when its users have left again is not theirs.
    """
    users = Readings.of(run.readings).by_series().get(("load", USERS))
    if users is None or isinstance(trend, NoTrend):
        return 0.0, 0.0
    inside = inside_of(users, held)
    counts = inside.value
    first = int(counts.size * trend.since_s / trend.whole_s)
    judged = counts[first:]
    if judged.size < 2 or not np.ptp(inside.time_s) > 0:
        return 0.0, 0.0
    levels = _medians(judged)
    stayed = max(0.0, levels[-1] - min(levels[: _PARTS // 2]))
    # By a line through low ends, as the growth that they may explain; but hardly more than stayed.
    at, lows = window_levels(inside.time_s, counts, min(WINDOWS, counts.size), WindowLevel.FLOOR, LOW)
    kept = at - inside.time_s[0] >= trend.since_s
    rise = float(np.polyfit(at[kept] - at[-1], lows[kept], 1)[0]) * trend.span_s if kept.sum() > 1 else 0.0
    during = min(max(rise, stayed), _MOST_BY_LINE * stayed)
    if not first:
        return 0.0, during
    return max(0.0, min(levels[0], levels[-1]) - _medians(counts[:first])[0]), during


def _medians(counts: NDArray[np.float64]) -> list[float]:
    parts = np.array_split(counts, min(_PARTS, counts.size))
    return [float(np.median(part)) for part in parts]


def uncollected_s(run: Run, source: str, name: str, trend: Trend | NoTrend) -> float:
    """How much longer bytes in V8 must grow before they are more than garbage that waits; else 0."""
    if isinstance(trend, NoTrend) or not trend.lasting:
        return 0.0
    parts = _parts(run)
    pages = {page for page, told_as in Readings.of(run.readings).by_series() if _NODE.fullmatch(told_as)}
    holding = [part for part in parts.values() if _is("node", part)]
    is_node = source in pages
    if source == SOURCE:
        part = parts.get(name.removesuffix(".memory"))
        # Without parts the page of metrics says what the process is.
        is_node = _is("node", part) if part else bool(holding if parts else pages)
        holding = [part] if part else holding
    processes = max(1, sum(whole(part["processes"]) for part in holding))
    return max(0.0, processes * _UNCOLLECTED / trend.slope - trend.span_s) if is_node else 0.0


def is_jvm(run: Run) -> bool:
    """Whether the service is seen to run on a JVM: by a part's program, or by its page of metrics."""
    if any(_is("java", part) for part in _parts(run).values()):
        return True
    return any(JVM.fullmatch(name) for _, name in Readings.of(run.readings).by_series())


def told_apart(run: Run) -> frozenset[str]:
    """The series of memory of parts beside a JVM or Node: what makes allowances for these hides no others."""
    parts = _parts(run)
    java, node = ({name for name, part in parts.items() if _is(what, part)} for what in ("java", "node"))
    others = parts.keys() - (java or node)
    return frozenset(f"{name}.memory" for name in others if java or node)


def _parts(run: Run) -> dict[str, Mapping[str, object]]:
    """By name, as they were told at last."""
    told = (part for event in run.events_of(EventKind.PARTS) for part in rows(event.data.get("parts")))
    return {str(part["name"]): part for part in told}


def _is(program: str, part: Mapping[str, object]) -> bool:
    return program in (part.get("program"), part.get("runtime"))
