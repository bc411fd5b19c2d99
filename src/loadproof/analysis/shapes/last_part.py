"""The last straight part of a series: where it begins, and whether what it does goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.distributions import t_quantile
from loadproof.analysis.shapes.pieces import PiecewiseFits, SlopeChange, pieces_of
from loadproof.analysis.shapes.straight import (
    CONFIDENCE,
    SIGNIFICANCE,
    Bend,
    Line,
    fit_bend,
    fit_line,
    slopes_of_thirds,
)

LEAST_TAIL: Final = 1 / 3
"""Of the windows: so much is left when the beginning is cut."""
_LEAST_TAIL_WINDOWS: Final = 10
_LEAST_GAIN: Final = 0.6
"""A cut must make the slope's variance so many times smaller."""
_SAME: Final = 0.1
"""Of a rise: so much apart two parts of one line may be."""
_SLOWS: Final = 0.8
"""The second half's slope is below this share of the first's, and the difference is no chance."""
_SLOWS_LATE: Final = 0.6
"""The same of the last quarter and the one before it, whatever came before."""
_FASTER: Final = 2.0
"""Times the slope before a turn: a load that changes bends what grows by less."""
_LEAST_HALVED: Final = 20
"""Levels, for each half to have two parts."""
_SURE_SLOWER: Final = 0.95
_LIKELY_SLOWER: Final = 0.8
"""Of what is left when a first fill is over: fewer levels."""
_LATE_TURN: Final = 0.72
_FALLS: Final = 0.6
"""Of the second quarter's slope: the third's is below it in what fills."""
_FALLS_ON: Final = 0.8
"""Of the third quarter's slope: so is the last one's."""
_ENDS: Final = 3
"""Levels at either end."""
_END: Final = 0.2
"""Of the judged part: its end, which must not fall behind the rest."""
_FLAT: Final = 0.25
"""Of the slope before: what rises by less has stopped."""
_GREATEST_FALL: Final = 0.5
"""Of what it rises at the end: what fell by more before goes up and down."""
_AT_ONCE: Final = 0.8
"""Of a fall, within three windows."""
_OUTLASTS: Final = 1.25
"""Times what came before a restart, and times what it fell by: a saw-tooth would have fallen again."""
_BEHIND: Final = 5.0
"""Times the rest around the line: so far behind, the growth has stopped."""


@dataclass(frozen=True, slots=True)
class RiseCriteria:
    """How a rise that goes on is told from one that slows down or has stopped."""

    sure: float
    """Confidence of the interval of the second half's slope."""
    slows_late: float
    """The last third rises less and less where its second half's slope is below this share of the first's."""
    goes_on: float = 0.15
    """The second half's slope is surely above this share of the whole."""
    stops: tuple[float, ...] = ()
    """Shares of the judged part: whether a rise has stopped there is looked at."""
    clearer: float = 0.0
    """By so much of BIC a line must explain it better than steps do: those may look like lines."""


READINGS: Final = RiseCriteria(0.9, 0.92, 0.2, (0.6, 0.7))
"""Of a logarithm the last third is nearly straight."""
LOGARITHMS: Final = RiseCriteria(0.9, _SLOWS, clearer=4.0)
"""Of response times: what rises in a straight line slows down in them."""
TAIL: Final = RiseCriteria(0.85, _SLOWS, clearer=4.0)
"""Of the slowest quarter, which sees at few requests what the others do not: a little less sure."""


def first_of_last_part(at: NDArray[np.float64], levels: NDArray[np.float64]) -> int:
    """Where the last straight part begins: how many of the levels are left out before it.

    The cut that gives the slope of what is kept the least variance, sum of squares around its line over the
    spread of its times: MSER (see window/steady.py) with a line in the place of the mean. Cutting costs:
    that variance grows with the third power of what is cut: a straight series stays whole.
    """
    n = at.size
    least = max(_LEAST_TAIL_WINDOWS, int(np.ceil(n * LEAST_TAIL)))
    if n <= least:
        return 0
    x = at - at[0]
    y = levels - levels[0]
    starts = np.arange(n - least + 1)
    kept = n - starts
    sums = [np.cumsum(part[::-1])[::-1][starts] for part in (x, y, x * x, x * y, y * y)]
    sx, sy, sxx, sxy, syy = sums
    spread = sxx - sx * sx / kept
    together = sxy - sx * sy / kept
    squares = np.maximum(0.0, syy - sy * sy / kept - together**2 / spread)
    tiny = (1e-7 * float(np.abs(levels).max())) ** 2 * kept
    variances = np.where(squares > tiny, squares, tiny) / (kept - 2) / spread
    best = int(np.argmin(variances))
    return best if variances[best] < _LEAST_GAIN * variances[0] else 0


def goes_on_from_before(at: NDArray[np.float64], levels: NDArray[np.float64], cut: int) -> bool:
    """Whether the line behind a cut is nearly that before it: a clean line that is bent a little is one."""
    line = fit_line(at[cut:], levels[cut:])
    before = np.polyfit(at[:cut] - at[0], levels[:cut], 1)[0] if cut > 1 else np.inf
    rose = line.base - float(levels[0])
    expected = line.slope * float(at[cut] - at[0])
    apart = max(abs(rose - expected), abs(before * float(at[cut] - at[0]) - expected))
    return line.slope > 0 and line.p < SIGNIFICANCE and apart <= _SAME * expected


def turns_upwards(at: NDArray[np.float64], levels: NDArray[np.float64]) -> int:
    """Where what rises faster and faster surely turns: how many levels are left out before; else 0.

    The line through all of it has the slope of no time, and a rest that hides it. That of what is left has
    the mean slope since the turn, and what is left may slow down again.
    """
    turn = turn_of(at, levels, pieces_of(at, levels))
    if turn is None or not turn.low > 0 or not turn.after > _FASTER * turn.before:
        return 0
    least = max(_LEAST_TAIL_WINDOWS, int(np.ceil(at.size * LEAST_TAIL)))
    place = int(np.searchsorted(at - at[0], turn.at_s))
    # A turn a little later is one of a curve that has bent for long: its last third is judged.
    return max(0, min(place, at.size - least)) if place <= _LATE_TURN * at.size else 0


def turn_of(
    at: NDArray[np.float64], levels: NDArray[np.float64], pieces: PiecewiseFits
) -> SlopeChange | None:
    """Where it surely turns, though levels depend on each other: what rises by chance has no turns."""
    turn = pieces.clear_turn
    if turn is None:
        return None
    low, high = fit_bend(at, levels, turn.at_s).loss_interval(_SURE_SLOWER)
    return turn if low > 0 or high < 0 else None


def slows_at_last(
    at: NDArray[np.float64], levels: NDArray[np.float64], cut: int, line: Line, care: RiseCriteria
) -> bool:
    """Whether it slows down, the cut left out of account, and not only because of a first fill's rest.

    `line`: of what is behind the cut.
    """
    late = cut > 0 and _FASTER * (line.base - float(levels[0])) < line.slope * float(at[cut] - at[0])
    if late and slows(fit_bend(at[cut:], levels[cut:])):
        return True  # if the quiet time before it is included, it never seems to slow
    half = at.size // 2
    if (
        care.stops
        and at.size >= _LEAST_HALVED
        and slows(fit_bend(at[half:], levels[half:]), CONFIDENCE, _SLOWS_LATE)
    ):
        return True  # faster and faster, then slower and slower
    early = int(at.size * LEAST_TAIL)
    # A cut must not hide that it slows down: what is left of a curve is straight.
    seen = min(cut, early)
    if not slows(fit_bend(at[seen:], levels[seen:])):
        return False
    kept = max(cut, early)
    return slows(fit_bend(at[kept:], levels[kept:]), _LIKELY_SLOWER, care.slows_late)


def slows(bend: Bend, confidence: float = _SURE_SLOWER, share: float = _SLOWS) -> bool:
    """Whether the second half surely rises less than the first, and by much."""
    low, _ = bend.loss_interval(confidence)
    return bend.last < share * bend.first and low > 0


def falls_steadily(at: NDArray[np.float64], levels: NDArray[np.float64]) -> bool:
    """Whether each quarter of the whole time rises by clearly less than the one before: no part is straight.

    A first fill with a leak behind it has a straight part; without one nobody can tell it from a fill alone.
    """
    if at.size < _LEAST_HALVED:
        return False
    first = at.size // 4
    slopes, covariance = slopes_of_thirds(at[first:], levels[first:])
    second, third, last = slopes
    variance = covariance[0, 0] - 2 * covariance[0, 2] + covariance[2, 2]
    half = t_quantile((1 + CONFIDENCE) / 2, at.size - first - 5) * float(np.sqrt(max(0.0, float(variance))))
    before = float(levels[first] - levels[0]) / float(at[first] - at[0])
    falls = before > second > 0 and third < _FALLS * second and last < _FALLS_ON * third
    return bool(falls and second - last > half)


def stays_above(levels: NDArray[np.float64]) -> bool:
    """Whether it ends above where it began: a hump is no step."""
    rose = float(np.median(levels[-_ENDS:]) - np.median(levels[:_ENDS]))
    return rose > _FLAT * float(np.ptp(levels))


def fell_before(at: NDArray[np.float64], levels: NDArray[np.float64], cut: int, line: Line) -> float:
    """By how much it fell before its last part, where that part has not made up for it twice; else 0."""
    fell = float(levels[:cut].max()) - line.base if cut else 0.0
    return fell if fell > _GREATEST_FALL * max(line.slope, 0.0) * float(at[-1] - at[cut]) else 0.0


def has_restarted(at: NDArray[np.float64], levels: NDArray[np.float64], cut: int, line: Line) -> bool:
    """It fell once, at once, and has risen for longer since than before, and by more than it fell.

    So does a process that began anew. A saw-tooth whose first tooth was cut by the run's begin lasts longer
    than what was seen of that one as well, but comes no higher.
    """
    near = levels[max(0, cut - 2) : cut + 2]
    most, least = float(levels[: cut + 2].max()), float(near.min())
    at_once = float(near.max()) - least > _AT_ONCE * (most - least)
    since_s = float(at[-1] - at[cut])
    fell = float(levels[:cut].max()) - line.base
    outlasts = since_s > _OUTLASTS * float(at[cut] - at[0]) and line.slope * since_s > _OUTLASTS * fell
    return at_once and outlasts


def has_stopped(at: NDArray[np.float64], levels: NDArray[np.float64], care: RiseCriteria) -> bool:
    """Whether the end stays far below where the line through all before it leads, or surely rises no more."""
    end = max(2, int(_END * at.size))
    if at.size - end < 4:
        return False
    line = fit_line(at[:-end], levels[:-end])
    behind = line.base + line.slope * (at[-end:] - at[0]) - levels[-end:]
    late = max(2, end // 2)
    rises = np.polyfit(at[-late:] - at[-1], levels[-late:], 1)[0]
    far = max(_BEHIND * line.rest, line.slope * float(at[-1] - at[-end]) / 4)
    if rises < line.slope / 4 and np.mean(behind[-late:]) > far:
        return True
    return any(_stays(fit_bend(at, levels, share * float(at[-1] - at[0]))) for share in care.stops)


def _stays(bend: Bend) -> bool:
    low, _ = bend.loss_interval(CONFIDENCE)
    return bend.last < _FLAT * bend.first and low > 0
