"""Curves that rise more and more slowly: a cache that fills by chance, a logarithm, what fills and is full.

What is left of such a curve when its first part is cut is nearly a straight line. So before a last part is
called a leak, one curve through all of it is tried: where that explains the last part as well as the line
does, nobody knows yet whether it goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.shapes.straight import Line, fit_bend

_SHAPES: Final = 14
"""Time constants that are tried of each kind."""
_CLEARLY: Final = 6.0
"""Difference of BIC that is strong evidence (Kass and Raftery, JASA 1995)."""
_RATHER: Final = 3.0
"""The same, where a first fill and a line behind it are as simple."""
_AS_WELL: Final = 9.0
"""Of a chi-square: by so much more the line through the last part alone may explain it."""
_ROUNDING: Final = 1e-7
"""Of the greatest level: what is left by rounding alone explains nothing."""
_SOON: Final = 0.12
"""Of the time: a first fill whose time constant is below it is over before the last part."""
_STOPS: Final = np.linspace(0.5, 0.75, 6)
"""Shares of the time at which a rise may have ended."""
_BETTER: Final = 4.0
"""Of a chi-square: by so much a line that ends explains it better than one that goes on."""
_LIKELY: Final = 0.9
"""Confidence of the interval of the slope behind that end."""
_FULL: Final = (0.3, float(_STOPS[-1]))
"""Shares of the time at which what fills in a straight line may be full, to be explained so as a whole."""
_LEAST_FULL: Final = 7
"""Levels behind the end of what fills: fewer may be one low reading at the end of a leak."""


class Kind(StrEnum):
    """What a curve does in the end."""

    EXPONENTIAL = "it levels off"
    LOGARITHM = "its rise halves when the time doubles"
    HYPERBOLA = "what is left to fill halves when the time doubles"
    FULL = "it is full"


@dataclass(frozen=True, slots=True)
class Levelling:
    """A curve: `scale` times one of the kinds, whose time constant is `constant_s`."""

    kind: Kind
    scale: float
    constant_s: float
    span_s: float
    """From where its time begins to the end of what was watched."""

    def below_s(self, slope: float) -> float | None:
        """How long after the end it rises by less than `slope` in a second; None when it never does, and of
        what seems to be full: it is level already, and only more of it tells.
        """
        if not slope > 0 or self.kind is Kind.FULL:
            return None
        if self.kind is Kind.EXPONENTIAL:
            at_s = self.constant_s * float(np.log(max(self.scale / self.constant_s / slope, 1.0)))
        elif self.kind is Kind.LOGARITHM:
            at_s = self.scale / slope - self.constant_s
        else:
            at_s = float(np.sqrt(self.scale * self.constant_s / slope)) - self.constant_s
        return max(0.0, at_s - self.span_s)


def levelling_of(
    at: NDArray[np.float64], levels: NDArray[np.float64], cut: int, line: Line
) -> Levelling | None:
    """The curve that explains the levels behind `cut` as well as their `line`, and all of them clearly better
    than one straight line does; None when there is none.
    """
    kept = levels[cut:]
    by_line = line.base + line.slope * (at[cut:] - at[cut])
    tiny = (_ROUNDING * float(np.abs(levels).max())) ** 2
    left = float(np.sum((kept - by_line) ** 2)) + tiny * kept.size
    # Levels that depend on each other say less than as many independent ones.
    alone = max((1 - line.correlation) / (1 + line.correlation), 1 / kept.size)
    curve, rest, clearer = _best_curve(at, levels, alone, tiny)
    if curve is None or clearer < _CLEARLY:
        return None
    before = _left_by_a_first_fill(at, levels) + tiny * levels.size
    if levels.size * alone * np.log((float(rest @ rest) + tiny) / before) > _RATHER:
        return None
    by_curve = float(np.sum(rest[cut:] ** 2))
    variance = left / max(1, kept.size - 2)
    return curve if by_curve - left < _AS_WELL * variance / alone else None


def _left_by_a_first_fill(at: NDArray[np.float64], levels: NDArray[np.float64]) -> float:
    """The least squares around a line behind an exponential that is over soon."""
    x = at - at[0]
    fills = 1 - np.exp(-x / (x[-1] * np.geomspace(0.01, _SOON, _SHAPES)[:, None]))
    line = np.column_stack([np.ones(x.size), x / x[-1]])
    inverse = np.linalg.inv(line.T @ line)
    rest = levels - line @ (inverse @ (line.T @ levels))
    bare = fills - fills @ line @ inverse @ line.T
    left = rest - (bare @ rest / np.einsum("ij,ij->i", bare, bare))[:, None] * bare
    return float(np.einsum("ij,ij->i", left, left).min())


def may_have_stopped(at: NDArray[np.float64], levels: NDArray[np.float64]) -> bool:
    """Whether a line that ends in the second half explains the levels better than one that goes on, where
    what comes behind its end may be level.
    """
    x = (at - at[0]) / (at[-1] - at[0])
    y = levels - levels.mean()
    shapes = np.vstack([np.minimum(x, _STOPS[:, None]), x])
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    rest = y - (centred @ y / np.einsum("ij,ij->i", centred, centred))[:, None] * centred
    squares = np.einsum("ij,ij->i", rest, rest) + y.size * (_ROUNDING * float(np.abs(levels).max())) ** 2
    best = int(np.argmin(squares[:-1]))
    if squares[best] > squares[-1] * (1 - _BETTER / y.size):
        return False
    return _is_level_behind(at, levels, float(_STOPS[best] * (at[-1] - at[0])))


def _is_level_behind(at: NDArray[np.float64], levels: NDArray[np.float64], end_s: float) -> bool:
    """Whether it may be level from so long after the first level on."""
    return fit_bend(at, levels, end_s).last_interval(_LIKELY)[0] <= 0


def _best_curve(
    at: NDArray[np.float64], levels: NDArray[np.float64], alone: float, tiny: float
) -> tuple[Levelling | None, NDArray[np.float64], float]:
    """The rising curve with the least squares, what it leaves, and by how much BIC prefers it to a line."""
    x = at - at[0]
    span_s = float(x[-1])
    y = levels - levels.mean()
    exponential = span_s * np.geomspace(0.03, 1.0, _SHAPES)
    logarithm = span_s * np.geomspace(0.002, 0.5, _SHAPES)
    hyperbola = span_s * np.geomspace(0.02, 0.5, _SHAPES)
    full = span_s * np.linspace(_FULL[0], _FULL[1], _SHAPES)
    shapes = np.concatenate(
        [
            1 - np.exp(-x / exponential[:, None]),
            np.log1p(x / logarithm[:, None]),
            x / (x + hyperbola[:, None]),
            np.minimum(x, full[:, None]),
            x[None, :],
        ]
    )
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    weights = centred @ y / np.einsum("ij,ij->i", centred, centred)
    rest = y - weights[:, None] * centred
    squares = np.einsum("ij,ij->i", rest, rest) + tiny * y.size
    squares[:-1][weights[:-1] <= 0] = np.inf
    filled = squares[-1 - _SHAPES : -1]
    filled[[np.count_nonzero(x > end) < _LEAST_FULL for end in full]] = np.inf
    if not _is_level_behind(at, levels, float(full[np.argmin(filled)])):
        filled[:] = np.inf
    best = int(np.argmin(squares[:-1]))
    if not squares[best] > 0 or not np.isfinite(squares[best]):
        return None, y, 0.0
    n = y.size * alone
    clearer = float(n * np.log(squares[-1] / squares[best]) - np.log(max(n, 2.0)))
    kind = list(Kind)[best // _SHAPES]
    constant_s = float(np.concatenate([exponential, logarithm, hyperbola, full])[best])
    scale = float(weights[best])
    return Levelling(kind, scale, constant_s, span_s), rest[best], clearer
