"""Trends: equal to an independent implementation, and what a shape without a leak is called."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from loadproof.analysis.shapes.trend import (
    Growth,
    Level,
    Trend,
    Untold,
    cycle_length_s,
    is_one_step,
    mann_kendall_z,
    sen_line,
    trend_of,
)

HOUR = np.arange(0.0, 3600.0)

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
    """E6: to 1e-9, ties included."""
    series = np.array(values, dtype=np.float64)
    z = mann_kendall_z(series)
    slope, intercept, _, _ = sen_line(np.arange(series.size, dtype=np.float64), series)
    assert (z, 2 * stats.norm.sf(abs(z)), slope, intercept) == pytest.approx(expected, abs=1e-9)


def _trend(values: np.ndarray, level: Level = Level.FLOOR) -> Trend:
    found = trend_of(HOUR, values, level)
    assert isinstance(found, Trend)
    return found


def _noise(deviation: float) -> np.ndarray:
    return np.random.default_rng(7).normal(0, deviation, HOUR.size)


@pytest.mark.parametrize(
    ("values", "growth"),
    [
        (100 + 0.01 * HOUR + _noise(1), Growth.GROWS),
        (100 + _noise(1), Growth.NOT_PROVEN),
        (100 - 0.01 * HOUR + _noise(1), Growth.NOT_PROVEN),
        (100 + 0.001 * HOUR + _noise(0.1), Growth.NOT_PROVEN),
        (100 + 20.0 * (HOUR > 1_500) + _noise(1), Growth.STEP),
        (100 + 30 * (1 - np.exp(-HOUR / 900)) + _noise(3), Growth.LEVELS_OFF),
        (np.full(HOUR.size, 100.0), Growth.NOT_PROVEN),
        (100 + 0.01 * HOUR, Growth.GROWS),
    ],
    ids=["leak", "level", "shrinks", "under 5 %", "one step", "levels off", "constant", "no noise at all"],
)
def test_shapes_are_told_apart(values: np.ndarray, growth: Growth) -> None:
    """Only what goes on growing is a leak."""
    assert _trend(values).growth is growth


def test_the_slope_has_its_interval() -> None:
    """36 an hour, on 100 at the beginning."""
    trend = _trend(100 + 0.01 * HOUR + _noise(1), Level.MEDIAN)
    assert trend.slope == pytest.approx(0.01, rel=0.05)
    assert trend.low < 0.01 < trend.high
    assert trend.base == pytest.approx(100, rel=0.01)
    assert trend.smallest == pytest.approx(5 / 3600, rel=0.01)


def test_the_floor_is_what_garbage_collection_leaves() -> None:
    """A saw-tooth of a minute, half as high as the rest, on a leak of 20 an hour."""
    assert _trend(100 + 50 * (HOUR % 60) / 60 + 20 * HOUR / 3600).slope == pytest.approx(20 / 3600, rel=0.1)


@pytest.mark.parametrize(
    ("cycle_s", "known"), [(60, True), (300, True), (440, True), (900, False), (1_200, False)]
)
def test_too_few_cycles_say_nothing(cycle_s: int, known: bool) -> None:
    """E5: eight of them are needed in an hour."""
    found = trend_of(HOUR, 100 + 50 * (HOUR % cycle_s) / cycle_s + _noise(1), Level.FLOOR)
    assert isinstance(found, Trend) is known
    assert isinstance(found, Trend) or "goes up and down" in found.reason


def test_too_few_readings_say_nothing() -> None:
    """E5: twelve windows of ten readings each are the least."""
    found = trend_of(HOUR[:119], HOUR[:119], Level.MEDIAN)
    assert found == Untold("119 readings are too few, 120 are needed: run longer")
    assert isinstance(trend_of(HOUR[:120], HOUR[:120] + 1, Level.MEDIAN), Trend)


def test_a_monitor_that_was_away_says_nothing() -> None:
    """Most of the hour without a reading: the windows that are left are too few."""
    kept = (HOUR < 600) | (HOUR > 3_000)
    found = trend_of(HOUR[kept], HOUR[kept], Level.MEDIAN)
    assert isinstance(found, Untold)
    assert "too few readings" in found.reason


def test_nothing_measured_says_nothing() -> None:
    """No reading at all."""
    assert isinstance(trend_of(np.array([]), np.array([]), Level.FLOOR), Untold)


def test_the_length_of_a_cycle_is_found() -> None:
    """To a few seconds, under noise and a leak; noise alone has none."""
    wave = 10 * ((HOUR % 240) / 240) + 0.01 * HOUR + _noise(1)
    assert cycle_length_s(HOUR, wave) == pytest.approx(240, abs=10)
    assert cycle_length_s(HOUR, 100 + _noise(1)) is None
    assert cycle_length_s(HOUR, np.full(HOUR.size, 3.0)) is None


def test_a_step_is_no_line() -> None:
    """And a line no step."""
    at = np.arange(24.0)
    noise = np.random.default_rng(3).normal(0, 0.1, 24)
    assert is_one_step(at, (at > 9) + noise)
    assert not is_one_step(at, at / 10 + noise)
