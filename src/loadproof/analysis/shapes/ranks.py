"""Trends by ranks: Mann and Kendall's score, and Theil and Sen's line, for values that are independent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mann_kendall_z(values: NDArray[np.float64]) -> float:
    """Mann and Kendall's standard score, ties corrected (Kendall, "Rank Correlation Methods", 1975)."""
    n = values.size
    s = float(np.sign(values[None, :] - values[:, None])[np.triu_indices(n, 1)].sum())
    _, ties = np.unique(values, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    return 0.0 if variance == 0 else float((s - np.sign(s)) / np.sqrt(variance))


def sen_line(times: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Slope, level at time 0, and the slope's interval of 95 %: Theil's, with Sen's interval (JASA 1968)."""
    from scipy import stats

    slope, intercept, low, high = stats.theilslopes(values, times, alpha=0.95)
    return float(slope), float(intercept), float(low), float(high)
