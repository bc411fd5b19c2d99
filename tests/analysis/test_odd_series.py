"""Series that are easily told wrong: teeth in a part of the time, or cut, what fills late, and odd ones."""

from __future__ import annotations

import numpy as np
import pytest

from loadproof.analysis.shapes.trend import Growth, NoTrend, Trend, WindowLevel, trend_of

HOUR = np.arange(0.0, 3600.0)


def _noise(deviation: float) -> np.ndarray:
    return np.random.default_rng(7).normal(0, deviation, HOUR.size)


def _found(values: np.ndarray) -> Trend:
    found = trend_of(HOUR, values, WindowLevel.FLOOR)
    assert isinstance(found, Trend)
    return found


def _growth(found: Trend | NoTrend) -> Growth | None:
    return found.growth if isinstance(found, Trend) else None


@pytest.mark.parametrize(("minutes", "period"), [(30, 30), (60, 60), (60, 90)])
def test_a_tooth_that_the_begin_cut_is_no_restart(minutes: int, period: int) -> None:
    """A cache that is flushed each half hour, or hour, whenever it was first: what fell comes no higher."""
    at = np.arange(minutes * 60.0)
    for first in np.array([0.1, 0.17, 0.25, 0.33, 0.4]) * minutes:
        tooth = ((at / 60 - first) % period) / period
        found = trend_of(at, 100 + 60 * tooth + _noise(0.2)[: at.size], WindowLevel.FLOOR)
        assert _growth(found) is not Growth.GROWS


def _for_a_time(times_s: np.ndarray, begin: float, end: float, each_s: float) -> np.ndarray:
    """Teeth of so many seconds between two shares of the time, 0 before and after."""
    inside = (times_s >= begin * times_s[-1]) & (times_s < end * times_s[-1])
    return np.asarray(np.where(inside, times_s % each_s / each_s, 0.0))


@pytest.mark.parametrize("level", [WindowLevel.FLOOR, WindowLevel.HEAP])
def test_teeth_that_stand_close_together(level: WindowLevel) -> None:
    """In a part of the time: the readings of a process are known in the rest as well, a heap is not."""
    random = np.random.default_rng(5)
    for _ in range(40):
        at = np.arange(60.0 * random.integers(10, 30))
        begin, width = random.uniform(0, 0.7), random.uniform(0.02, 0.24)
        teeth = random.uniform(10, 60) * _for_a_time(at, begin, begin + width, random.uniform(3, 25))
        found = trend_of(at, 100 + teeth + random.choice([0, 0.01, 1]) * _noise(1)[: at.size], level)
        assert _growth(found) is not Growth.GROWS
        if level is not WindowLevel.HEAP:
            assert isinstance(found, Trend)


def test_a_line_through_two_feet_says_nothing() -> None:
    """Long teeth in the first minutes only, short ones until the end: all of them tell what is left."""
    at = np.arange(1_500.0)
    falls = np.concatenate((np.arange(8.0, 248.0, 10.0), np.arange(248.0, 1_500.0, 7.0)))
    since = at - np.concatenate(([0.0], falls))[np.searchsorted(falls, at, side="right")]
    found = trend_of(at, 100 + 3 * since + 0.01 * at, WindowLevel.HEAP)
    assert isinstance(found, Trend)
    assert found.growth is Growth.GROWS
    assert found.slope == pytest.approx(0.01, rel=0.1)


def test_what_rises_when_its_teeth_have_ended_is_seen() -> None:
    """Level under teeth for two fifths of the hour, then 30 % more without a fall."""
    values = 100 + 30 * _for_a_time(HOUR, 0, 0.4, 20) + 30 * np.maximum(HOUR / 3_600 - 0.4, 0) + _noise(0.2)
    found = _found(values)
    assert found.high * 3_600 > 25
    heap = trend_of(HOUR, values, WindowLevel.HEAP)
    assert isinstance(heap, NoTrend)
    assert "what it kept in the rest is not known" in heap.reason
    left = trend_of(HOUR, 60 + np.floor(np.minimum(HOUR, 1_200) / 60) % 2, WindowLevel.LEFT)
    assert left == heap


@pytest.mark.parametrize("deviation", [0.0, 0.3])
@pytest.mark.parametrize("share", [0.12, 0.19, 0.3])
def test_what_begins_late_and_slows_down_is_no_line(deviation: float, share: float) -> None:
    """A cache that begins to fill at 62 % of the hour: the slope since then is not that of its end."""
    filled = 1 - np.exp(-np.maximum(HOUR / HOUR.size - 0.62, 0) / share)
    assert _found(100 + 40 * filled + _noise(deviation)).growth is not Growth.GROWS


@pytest.mark.parametrize("level", list(WindowLevel))
def test_no_series_is_too_odd(level: WindowLevel) -> None:
    """Few readings, of one moment or far apart, of one value or of any: an answer, or why there is none."""
    random = np.random.default_rng(9)
    for _ in range(120):
        size = int(random.choice([0, 1, 2, 47, 48, 60, 119, 120, 121, 400]))
        steps = random.choice([0.0, 1.0, 8.0, 600.0], size, p=random.dirichlet(np.full(4, 0.3)))
        spread = random.choice([0.0, 1e-12, 1.0, 1e9])
        values = random.choice([0.0, 1.0, 1e9]) + spread * random.choice(
            [np.zeros(size), random.standard_normal(size), 1.0 * (np.arange(size) % 7 == 0),
             np.where(np.arange(size) < size // 5, np.arange(size) % 3, 0.0), np.arange(size) // 40 * 1.0]
        )  # fmt: skip
        assert isinstance(trend_of(np.cumsum(steps), values, level), Trend | NoTrend)
