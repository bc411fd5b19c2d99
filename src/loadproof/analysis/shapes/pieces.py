"""Which simple course explains levels best: one line, two lines that meet, or one or two steps (by BIC)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.distributions import t_quantile

_ROUNDING: Final = 1e-7
"""Of the greatest level: what is left by rounding alone explains nothing."""
_LEAST_LEVELS: Final = 5
_LEAST_PIECE: Final = 3
"""Levels on either side of a turn."""
_CLEARLY: Final = 6.0
"""Difference of BIC that is strong evidence (Kass and Raftery, JASA 1995)."""
_FLAT: Final = 0.25
"""Of the slope before a turn: what rises by less after it has levelled off."""


@dataclass(frozen=True, slots=True)
class SlopeChange:
    """Two lines that meet; slopes in the levels' unit per second."""

    at_s: float
    """From the first level on."""
    before: float
    after: float
    low: float
    """The interval of 90 % of `after`, by the levels behind the turn alone."""
    high: float
    rise: float
    """From the turn to the last level."""

    @property
    def levels_off(self) -> bool:
        """What rose before hardly rises any more."""
        return self.before > 0 and self.high < _FLAT * self.before


@dataclass(frozen=True, slots=True)
class PiecewiseFits:
    """How well each course explains the levels: its BIC, less is better."""

    line: float
    steps: float
    turned: float
    turn: SlopeChange | None = None

    @property
    def is_steps(self) -> bool:
        """One or two steps between constant levels; stairs of more steps are nearer to a line."""
        return self.steps < min(self.line, self.turned)

    @property
    def clear_turn(self) -> SlopeChange | None:
        """Where it turns, if it surely does."""
        return self.turn if self.turned < min(self.line - _CLEARLY, self.steps) else None


def pieces_of(at: NDArray[np.float64], levels: NDArray[np.float64]) -> PiecewiseFits:
    """Levels at equal distances of time; fewer than five are a line."""
    n = levels.size
    if n < _LEAST_LEVELS:
        return PiecewiseFits(0.0, np.inf, np.inf)
    y = levels - levels.mean()
    tiny = (_ROUNDING * float(np.abs(levels).max())) ** 2 * n + 1e-300

    def bic(left: float, weights: int) -> float:
        return float(n * np.log((max(left, 0.0) + tiny) / n) + weights * np.log(n))

    line = y - np.polyval(np.polyfit(at - at[0], y, 1), at - at[0])
    one, two = _steps(y)
    turn, left = _turn(at - at[0], y)
    return PiecewiseFits(bic(float(line @ line), 2), min(bic(one, 3), bic(two, 7)), bic(left, 4), turn)


def _steps(y: NDArray[np.float64]) -> tuple[float, float]:
    """Least sums of squares around one and around two steps."""
    n = y.size
    sums, squares = (np.concatenate(([0.0], np.cumsum(part))) for part in (y, y * y))

    def within(first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
        total = sums[end] - sums[first]
        return np.asarray(squares[end] - squares[first] - total * total / (end - first))

    splits = np.arange(2, n - 1)
    zero, whole = np.zeros_like(splits), np.full_like(splits, n)
    one = within(zero, splits) + within(splits, whole)
    first, second = (part.ravel() for part in np.meshgrid(splits, splits, indexing="ij"))
    apart = second - first >= 2
    first, second = first[apart], second[apart]
    two = within(0 * first, first) + within(first, second) + within(second, 0 * first + n)
    return float(one.min()), float(two.min()) if two.size else np.inf


def _turn(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[SlopeChange | None, float]:
    """The best place for a turn, and the sum of squares that is left."""
    n = y.size
    places = np.arange(_LEAST_PIECE - 1, n - _LEAST_PIECE)
    if not places.size:
        return None, np.inf
    # Each hinge without its own line; all at once, since one of forty would be as long as the whole.
    hinges = np.maximum(x - x[places, None], 0.0) / x[-1]
    flat = np.column_stack([np.ones(n), x / x[-1]])
    inverse = np.linalg.inv(flat.T @ flat)
    line = inverse @ (flat.T @ y)
    own = hinges @ flat @ inverse
    bare = hinges - own @ flat.T
    bends = (bare @ y) / np.einsum("ij,ij->i", bare, bare)
    rests = (y - flat @ line) - bends[:, None] * bare
    squares = np.einsum("ij,ij->i", rests, rests)
    place = int(np.argmin(squares))
    best, left, bend = int(places[place]), float(squares[place]), float(bends[place])
    weights = np.array([0.0, line[1] - bend * own[place, 1], bend])
    before, after = float(weights[1]) / x[-1], float(weights[1] + weights[2]) / x[-1]
    behind = x[best:] - x[best:].mean()
    error = np.sqrt(left / max(1, n - 4) / (behind @ behind))
    half = t_quantile((1 + 0.9) / 2, max(1, behind.size - 2)) * float(error)
    rise = after * float(x[-1] - x[best])
    return SlopeChange(float(x[best]), before, after, after - half, after + half, rise), left
