"""Trends of what scatters by shares of itself: percentiles of the response times of the same requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.shapes.last_part import LOGARITHMS, RiseCriteria, turn_of
from loadproof.analysis.shapes.pieces import pieces_of
from loadproof.analysis.shapes.straight import fit_line
from loadproof.analysis.shapes.trend import LEAST_GROWTH, Growth, Trend, trend_of_levels

_MOST_LOG: Final = 50.0
"""Of a ratio: beyond it nothing that is measured grows."""
_END: Final = 0.2
"""Of the windows: the first ones and the last ones that are compared."""
_MANY: Final = 2.0
"""Times the highest of the first windows is below the lowest of the last ones. Of eight healthy services
beside fifteen leaking ones, on two cores at a load of 30 to 127, none came to one time."""
_ENDS: Final = 4
"""Windows at either end, at least: two of them are one disturbed minute of a short run."""
_LATER: Final = 1.5
"""Times the second fifth is below the last half: what was as slow so early is no growth."""
_ABOVE: Final = 1.1
"""Times the highest of the last windows: what was higher before has come down since."""
_BENDS: Final = 0.6
"""Of what there was: a line that rises by more is bent in its logarithms."""
_SURE_ALONE: Final = 1e-7
"""Of one percentile that drifts where the others do not."""


def trend_of_ratios(
    at: NDArray[np.float64], levels: NDArray[np.float64], span_s: float, care: RiseCriteria = LOGARITHMS
) -> Trend:
    """The same of what grows and scatters by shares of itself, as response times do: by logarithms.

    One window in which a machine paused is then no outlier that hides all others. Slopes are the mean ones
    over the judged part, in the levels' own unit. What is many times what it was has grown, in
    whatever shape: a service that is full becomes no slower, since all users wait for it already.
    """
    least = float(levels.min())
    matters = float(np.log1p(LEAST_GROWTH))
    logs = trend_of_levels(at, np.log(levels / least), span_s, matters, care)
    base = least * float(np.exp(logs.base))

    def slope(of_logs: float, over_s: float = logs.span_s, begins: float = base) -> float:
        return begins * float(np.expm1(min(of_logs * over_s, _MOST_LOG))) / over_s

    half_s = logs.span_s / 2
    middle = base * float(np.exp(min(logs.slope * half_s, _MOST_LOG)))
    low, high = (slope(bound, half_s, middle) for bound in logs.last)
    found = replace(
        logs,
        base=base,
        slope=slope(logs.slope),
        low=slope(logs.low),
        high=slope(logs.high),
        likely=(slope(logs.likely[0]), slope(logs.likely[1])),
        last=(low, high),
        smallest=slope(logs.smallest),
        first_rise=float(levels[0]) * float(np.expm1(min(logs.first_rise, _MOST_LOG))),
        fell=base * float(np.expm1(min(logs.fell, _MOST_LOG))),
        turn=turn_of(at, levels, pieces_of(at, levels)),
        levels=tuple(zip(at.tolist(), levels.tolist(), strict=True)),
    )
    # What rises by much in a straight line slows down in its logarithms.
    straight = trend_of_levels(at, levels, span_s, care=care)
    if straight.lasting and straight.slope * straight.span_s > _BENDS * straight.base:
        return straight
    return found if found.lasting else _raised(found, at, levels, span_s) or found


def _raised(
    trend: Trend, at: NDArray[np.float64], levels: NDArray[np.float64], span_s: float
) -> Trend | None:
    """The whole time's rise, of what is many times what it was at the end; None where it is not."""
    some = max(_ENDS, int(_END * levels.size))
    first, last = levels[:some], levels[-some:]
    if levels.size < 3 * some or not float(last.min()) > _MANY * float(first.max()):
        return None
    if not _stays_raised(at, levels, some):
        return None
    apart_s = float(at[-some:].mean() - at[:some].mean())
    slope = float(np.median(last) - np.median(first)) / apart_s
    interval = (float(last.min() - first.max()) / apart_s, float(last.max() - first.min()) / apart_s)
    return replace(
        trend,
        growth=Growth.RAISED,
        base=float(np.median(first)),
        slope=slope,
        low=interval[0],
        high=interval[1],
        likely=interval,
        last=interval,
        smallest=interval[1],
        span_s=span_s,
        since_s=0.0,
        first_rise=0.0,
        fell=0.0,
        lasting=True,
    )


def _stays_raised(at: NDArray[np.float64], levels: NDArray[np.float64], some: int) -> bool:
    """Whether what lies between the first and the last `some` windows leads from the ones to the others.

    A step soon after the beginning, what falls again, and what was higher before are no growth.
    """
    first, last = levels[:some], levels[-some:]
    middle = [float(np.median(part)) for part in np.array_split(levels[some:-some], 3)]
    if min(middle) < float(first.min()) or max(middle) > _ABOVE * float(last.max()):
        return False
    half = levels.size // 2
    early = float(np.median(levels[half:])) <= _LATER * middle[0]
    return not early and fit_line(at[half:], np.log(levels[half:])).interval()[1] >= 0


def agreed(trends: Sequence[Trend]) -> list[Trend]:
    """Of percentiles of the same requests: where one alone drifts, it must be surer of that.

    With three of them chance has three tries, most of all where few requests are in each window.
    """
    drifting = [trend for trend in trends if trend.growth is Growth.GROWS]
    if len(drifting) != 1 or drifting[0].p < _SURE_ALONE:
        return list(trends)
    alone = drifting[0]
    doubted = replace(alone, growth=Growth.NOT_PROVEN, lasting=False)
    return [doubted if trend is alone else trend for trend in trends]
