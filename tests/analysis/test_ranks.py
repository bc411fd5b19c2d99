"""Trends by ranks equal an independent implementation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from loadproof.analysis.shapes.ranks import mann_kendall_z, sen_line

# Values, and z, p, slope and intercept that pymannkendall 1.4.3's original_test gives for them.
ORACLE = [
    (
        [3.1, 2.9, 3.4, 3.3, 3.3, 3.8, 3.6, 4.1, 4.0, 4.4, 4.2, 4.9],
        (3.574185662442048, 0.0003513195861588603, 0.14999999999999997, 2.8750000000000004),
    ),
    (
        [5, 5, 5, 6, 5, 7, 7, 6, 8, 8, 7, 9, 9, 9],
        (3.714749846258096, 0.0002034048124475163, 0.3333333333333333, 4.833333333333334),
    ),
    (
        [9, 8.5, 8.7, 8.1, 8.2, 7.7, 7.9, 7.1, 7.3],
        (-2.8149445897705094, 0.004878564475033542, -0.2062500000000001, 8.925),
    ),
]


@pytest.mark.parametrize(("values", "expected"), ORACLE)
def test_mann_kendall_and_sen_equal_pymannkendall(values: list[float], expected: tuple[float, ...]) -> None:
    """To 1e-9, ties included."""
    series = np.array(values, dtype=np.float64)
    z = mann_kendall_z(series)
    slope, intercept, _, _ = sen_line(np.arange(series.size, dtype=np.float64), series)
    assert (z, 2 * stats.norm.sf(abs(z)), slope, intercept) == pytest.approx(expected, abs=1e-9)
