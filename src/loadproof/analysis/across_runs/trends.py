"""Whether a series of runs creeps: a little more with each run, where no single run is a step.

Mann and Kendall's test with Sen's slope; its spread is widened by the autocorrelation of what is left.
A creep and a step look alike to both tests: what explains the runs better, a line or two levels (by BIC), is
told, and the other is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from loadproof.analysis.across_runs.change_points import autocorrelation
from loadproof.analysis.shapes.ranks import mann_kendall_z, sen_line

LEAST_RUNS: Final = 8
"""Before that a line through the runs is no finding: one bad run at either end makes most of it."""
_FAR_MAD: Final = 4.0
_CLEAR: Final = 5.0
_STEP_PARAMETERS: Final = 4
"""Two levels, their common spread less the line's own, and a place that is the best of all."""


@dataclass(frozen=True, slots=True)
class LinearTrend:
    """A line through a series, in the series' unit by run."""

    start: float
    """At its first run, by the line."""
    end: float
    per_run: float
    low: float
    high: float
    """The slope's interval of 95 %."""
    p: float
    line_fits: bool
    """A line explains the runs better than one step does."""


def creep_of(values: Sequence[float]) -> LinearTrend | None:
    """The line through `values`, in order of time; None when they are too few or all the same."""
    series = np.asarray(values, dtype=np.float64)
    if series.size < LEAST_RUNS or not np.ptp(series):
        return None
    at = np.arange(series.size, dtype=np.float64)
    slope, level, low, high = sen_line(at, series)
    line = level + slope * at
    left = _within(series - line)
    # A rise of many times the scatter around the line is more than a drift.
    clear = abs(line[-1] - line[0]) >= _CLEAR * float(left.std(ddof=2))
    rho = 0.0 if clear else autocorrelation(left.tolist(), [])
    z = mann_kendall_z(series) / np.sqrt((1 + rho) / (1 - rho))
    return LinearTrend(
        start=float(line[0]),
        end=float(line[-1]),
        per_run=slope,
        low=low,
        high=high,
        p=float(2 * stats.norm.sf(abs(z))),
        line_fits=_line_fits(at, line + left),
    )


def _line_fits(at: NDArray[np.float64], values: NDArray[np.float64]) -> bool:
    """Whether a line leaves less than two levels do, by BIC; where the step is costs a parameter, too."""
    count = values.size
    rest = values - np.polyval(np.polyfit(at, values, 1), at)
    steps = [
        float(((values[:k] - values[:k].mean()) ** 2).sum() + ((values[k:] - values[k:].mean()) ** 2).sum())
        for k in range(2, count - 1)
    ]
    tiny = 1e-12 * float((values**2).sum())
    step = count * np.log((min(steps) + tiny) / count) + _STEP_PARAMETERS * np.log(count)
    line = count * np.log((float((rest**2).sum()) + tiny) / count) + 2 * np.log(count)
    return bool(line < step)


def _within(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    """One wild run must not decide between a line and a step."""
    reach = _FAR_MAD * float(np.median(np.abs(residuals - np.median(residuals))))
    return np.clip(residuals, -reach, reach) if reach > 0 else residuals
