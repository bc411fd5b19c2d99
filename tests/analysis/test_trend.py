"""Trends: what each shape is called, that test and interval say the same, and what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from loadproof.analysis.shapes.last_part import first_of_last_part
from loadproof.analysis.shapes.levels import after_collections, cycle_length_s
from loadproof.analysis.shapes.pieces import pieces_of
from loadproof.analysis.shapes.straight import fit_line
from loadproof.analysis.shapes.trend import (
    Growth,
    NoTrend,
    Trend,
    WindowLevel,
    trend_of,
)

HOUR = np.arange(0.0, 3600.0)


def _trend(values: np.ndarray, level: WindowLevel = WindowLevel.FLOOR) -> Trend:
    found = trend_of(HOUR, values, level)
    assert isinstance(found, Trend)
    return found


def _noise(deviation: float) -> np.ndarray:
    return np.random.default_rng(7).normal(0, deviation, HOUR.size)


def _stairs(steps: int, height: float = 2.0) -> np.ndarray:
    return height * np.floor(HOUR * steps / HOUR.size)


def test_a_line_under_independent_noise_is_that_of_least_squares() -> None:
    """Slope and base equal scipy's; the error is greater, for the correlation that a short series hides."""
    at = np.arange(40.0)
    levels = 3 + 0.25 * at + np.random.default_rng(11).normal(0, 1, 40)
    line, known = fit_line(at, levels), stats.linregress(at, levels)
    assert (line.slope, line.base) == pytest.approx((known.slope, known.intercept))
    assert known.stderr < line.error < 1.5 * known.stderr


@pytest.mark.parametrize(
    ("values", "growth"),
    [
        (100 + 0.01 * HOUR, Growth.GROWS),
        (100 + 0.01 * HOUR + _noise(1), Growth.GROWS),
        (100 + 0.01 * HOUR + _noise(5), Growth.GROWS),
        (100 + 0.01 * np.maximum(HOUR - 1_600, 0) + _noise(0.2), Growth.GROWS),
        (100 + _stairs(8) + _noise(0.1), Growth.GROWS),
        (100 + _stairs(8), Growth.GROWS),
        (100 + 30 * (1 - np.exp(-HOUR / 150)) + 0.01 * HOUR + _noise(0.5), Growth.GROWS),
        (100 + _noise(1), Growth.NOT_PROVEN),
        (100 - 0.01 * HOUR + _noise(1), Growth.NOT_PROVEN),
        (100 + 0.0003 * HOUR + _noise(0.1), Growth.NOT_PROVEN),
        (np.full(HOUR.size, 100.0), Growth.NOT_PROVEN),
        (100 + 20.0 * (HOUR > 1_500) + _noise(1), Growth.STEP),
        (100 + 20.0 * (HOUR > 1_500), Growth.STEP),
        (100 + 10.0 * (HOUR > 1_200) + 10.0 * (HOUR > 2_400) + _noise(1), Growth.STEP),
        (100 + 30 * np.minimum(HOUR / 900, 1) + _noise(1), Growth.LEVELS_OFF),
        (100 + 30 * np.minimum(HOUR / 2_900, 1), Growth.LEVELS_OFF),
        (100 + 30 * (1 - np.exp(-HOUR / 300)) + _noise(1), Growth.LEVELS_OFF),
        (100 + 30 * (1 - np.exp(-HOUR / 1_500)) + _noise(0.1), Growth.SLOWS),
    ],
    ids=[
        "no noise at all", "little noise", "much noise", "late", "stairs", "clean stairs", "first fill",
        "level", "shrinks", "under 2 %", "constant", "one step", "one clean step", "two steps", "full cache",
        "filled just before the end", "levels off", "slows down",
    ],
)  # fmt: skip
def test_shapes_are_told_apart(values: np.ndarray, growth: Growth) -> None:
    """Only what goes on growing is a leak."""
    assert _trend(values).growth is growth


@pytest.mark.parametrize("minutes", [3, 20, 60, 120])
@pytest.mark.parametrize("bend", [0.0, 0.005, 0.03])
def test_the_cleaner_the_surer(minutes: int, bend: float) -> None:
    """A line without noise, or bent a little, is certain, and the more so the longer it is."""
    t = np.arange(minutes * 60.0)
    x = t / t[-1]
    found = trend_of(t, 25e6 * (1 + 0.35 * (x + bend * np.sin(2 * np.pi * x))), WindowLevel.FLOOR)
    assert isinstance(found, Trend)
    assert found.growth is Growth.GROWS
    assert found.p < 1e-6
    assert found.low <= found.slope <= found.high


@pytest.mark.parametrize(
    ("minutes", "period_s"), [(10, 45), (10, 90), (18, 120), (60, 300), (60, 600), (120, 600)]
)
def test_a_count_that_rises_slowly_is_told(minutes: int, period_s: int) -> None:
    """+1 each so many seconds, from ten minutes on, in every phase."""
    t = np.arange(minutes * 60.0)
    for phase in np.linspace(0, period_s, 10, endpoint=False):
        found = trend_of(t, 20 + np.floor((t + phase) / period_s), WindowLevel.FLOOR)
        assert isinstance(found, Trend)
        assert found.growth is Growth.GROWS
        assert found.slope == pytest.approx(1 / period_s, rel=0.1)


@pytest.mark.parametrize("seed", range(20))
def test_test_and_interval_say_the_same(seed: int) -> None:
    """The interval leaves 0 out exactly where the slope is proven."""
    random = np.random.default_rng(seed)
    values = 100 + 0.001 * random.uniform(0, 3) * HOUR + random.normal(0, 3, HOUR.size)
    found = _trend(values)
    assert (found.p < 0.01) is (found.low > 0 or found.high < 0)
    assert found.smallest >= found.high


def test_the_slope_has_its_interval() -> None:
    """36 an hour, on 100 at the beginning."""
    trend = _trend(100 + 0.01 * HOUR + _noise(1), WindowLevel.MEDIAN)
    assert trend.slope == pytest.approx(0.01, rel=0.05)
    assert trend.low < 0.01 < trend.high
    assert trend.base == pytest.approx(100, rel=0.01)
    assert trend.since_s == 0


def test_a_first_fill_is_left_out_and_told() -> None:
    """30 in the first five minutes, then 36 an hour on 130."""
    trend = _trend(100 + 30 * np.minimum(HOUR / 300, 1) + 0.01 * HOUR + _noise(0.2))
    assert trend.since_s == pytest.approx(300, abs=100)
    assert trend.first_rise == pytest.approx(33, abs=3)
    assert trend.slope == pytest.approx(0.01, rel=0.05)
    assert trend.base == pytest.approx(130, rel=0.02)


def test_a_late_leak_has_its_own_slope() -> None:
    """36 an hour from the 25th minute on, not the mean over all."""
    trend = _trend(100 + 0.01 * np.maximum(HOUR - 1_500, 0) + _noise(0.1))
    assert trend.since_s == pytest.approx(1_500, abs=100)
    assert trend.slope == pytest.approx(0.01, rel=0.05)
    assert trend.base == pytest.approx(100, rel=0.01)


def test_how_much_longer_it_takes() -> None:
    """A limit inside the interval needs a longer run, the nearer to the slope the longer."""
    trend = _trend(100 + 0.002 * HOUR + _noise(4))
    near, far = trend.needed_s(1.05 * trend.slope), trend.needed_s(4 * trend.slope)
    assert near is not None
    assert far is not None
    assert near > trend.span_s > far
    assert trend.needed_s(trend.slope) is None


def test_the_floor_is_what_garbage_collection_leaves() -> None:
    """A saw-tooth of a minute, half as high as the rest, on a leak of 20 an hour."""
    assert _trend(100 + 50 * (HOUR % 60) / 60 + 20 * HOUR / 3600).slope == pytest.approx(20 / 3600, rel=0.1)


@pytest.mark.parametrize(
    ("cycle_s", "known"), [(60, True), (300, True), (440, True), (800, True), (1_000, False), (1_200, False)]
)
def test_too_few_cycles_say_nothing(cycle_s: int, known: bool) -> None:
    """Four of them are needed in an hour."""
    found = trend_of(HOUR, 100 + 50 * (HOUR % cycle_s) / cycle_s + _noise(1), WindowLevel.FLOOR)
    assert isinstance(found, Trend) is known
    if isinstance(found, NoTrend):
        assert "goes up and down" in found.reason


def test_what_never_falls_does_not_go_up_and_down() -> None:
    """Stairs repeat themselves once their line is taken away; they have no cycle all the same."""
    assert cycle_length_s(HOUR, _stairs(6) + _noise(0.05)) is None


def _heap(left: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Fills by 100 in each period between the collections at `at`, each leaving what `left` says."""
    index = np.searchsorted(at, HOUR, side="right")
    begun = np.concatenate(([0.0], at))[index]
    return np.asarray(np.concatenate(([20.0], left))[index] + 100 * (HOUR - begun) / 300)


def test_a_heap_is_what_its_collections_leave() -> None:
    """Collected at odd moments, 12 times; 2 more are left each time."""
    at = np.cumsum(np.random.default_rng(3).uniform(200, 350, 12))
    found_s, left = after_collections(HOUR, _heap(20 + 2.0 * np.arange(1, 13), at))
    assert found_s.size == 12
    assert left[-1] == pytest.approx(44, abs=1)
    grows = _trend(_heap(20 + 2.0 * np.arange(1, 13), at), WindowLevel.HEAP)
    assert grows.growth is Growth.GROWS
    assert grows.slope * 3_600 == pytest.approx(2 * 3_600 / 275, rel=0.1)
    assert _trend(_heap(np.full(12, 20.0), at), WindowLevel.HEAP).growth is Growth.NOT_PROVEN


def test_a_heap_that_was_hardly_collected_says_nothing() -> None:
    """Three collections: what they left is too little to tell."""
    found = trend_of(
        HOUR, _heap(np.array([22.0, 24.0, 26.0]), np.array([900.0, 1_800.0, 2_700.0])), WindowLevel.HEAP
    )
    assert found == NoTrend("its garbage was collected 3 times while it was watched: 5 are needed")


def test_too_few_readings_say_nothing() -> None:
    """Twelve windows of ten readings each are the least."""
    found = trend_of(HOUR[:119], HOUR[:119], WindowLevel.MEDIAN)
    assert found == NoTrend("118 s are too short, two minutes are needed: run longer")
    found = trend_of(HOUR[:600:20], HOUR[:600:20], WindowLevel.MEDIAN)
    assert found == NoTrend("30 readings are too few, 48 are needed: run longer")
    assert isinstance(trend_of(HOUR[:120], HOUR[:120] + 1, WindowLevel.MEDIAN), Trend)


def test_a_monitor_that_was_away_says_nothing() -> None:
    """Most of the hour without a reading: the windows that are left are too few."""
    kept = (HOUR < 300) | (HOUR > 3_300)
    found = trend_of(HOUR[kept], HOUR[kept], WindowLevel.MEDIAN)
    assert isinstance(found, NoTrend)
    assert "too few readings" in found.reason


def test_nothing_measured_says_nothing() -> None:
    """No reading at all."""
    assert isinstance(trend_of(np.array([]), np.array([]), WindowLevel.FLOOR), NoTrend)


def test_the_length_of_a_cycle_is_found() -> None:
    """To a few seconds, under noise and a leak; noise alone has none."""
    wave = 10 * ((HOUR % 240) / 240) + 0.01 * HOUR + _noise(1)
    assert cycle_length_s(HOUR, wave) == pytest.approx(240, abs=10)
    assert cycle_length_s(HOUR, 100 + _noise(1)) is None
    assert cycle_length_s(HOUR, np.full(HOUR.size, 3.0)) is None


def test_steps_are_no_line() -> None:
    """One or two; a line is none, and five steps are nearer to it."""
    at = np.arange(40.0)
    noise = np.random.default_rng(3).normal(0, 0.1, 40)
    assert pieces_of(at, (at > 9) + noise).is_steps
    assert pieces_of(at, 1.0 * (at > 12) + (at > 28) + noise).is_steps
    assert not pieces_of(at, at / 10 + noise).is_steps
    assert not pieces_of(at, np.floor(at / 8) + noise).is_steps


def test_a_straight_series_stays_whole() -> None:
    """Under noise of any kind of a line nothing is cut, and of a bent one what is before the bend."""
    at = np.arange(40.0)
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0, 1, 40)
        assert first_of_last_part(at, at + noise) == 0
        assert first_of_last_part(at, 5 * np.minimum(at, 10) + noise) == pytest.approx(10, abs=2)


@pytest.mark.parametrize(("every_s", "minutes"), [(8, 7), (15, 12)])
def test_what_is_looked_at_seldom_is_told_all_the_same(every_s: int, minutes: int) -> None:
    """Connections by their other end, a page that is read four times a minute: one more each 30 s."""
    at = np.arange(0.0, minutes * 60.0, every_s)
    leaks = trend_of(at, 5 + np.floor(at / 30), WindowLevel.FLOOR)
    level = trend_of(at, 5.0 + (np.arange(at.size) % 3 == 1), WindowLevel.FLOOR)
    assert isinstance(leaks, Trend)
    assert isinstance(level, Trend)
    assert (leaks.growth, level.growth) == (Growth.GROWS, Growth.NOT_PROVEN)
    assert leaks.slope == pytest.approx(1 / 30, rel=0.1)


def test_a_monitor_that_was_away_for_a_moment_hides_nothing() -> None:
    """One and a half of twelve minutes without a reading: what came before and after is one line."""
    at = np.arange(0.0, 720.0, 8.0)
    at = at[(at < 300) | (at > 390)]
    trend = trend_of(at, 5 + at / 30, WindowLevel.FLOOR)
    assert isinstance(trend, Trend)
    assert trend.growth is Growth.GROWS


def _teeth(random: np.random.Generator, times_s: np.ndarray) -> np.ndarray:
    """From 0 to 1 and down at once, each 12 to 48 s."""
    edges = np.cumsum(random.uniform(12, 48, 2 * times_s.size // 12))
    place = np.searchsorted(edges, times_s, side="right")
    before = np.where(place > 0, edges[place - 1], 0.0)
    return np.asarray((times_s - before) / (edges[place] - before))


@pytest.mark.parametrize(("leak", "growth"), [(0.2, Growth.GROWS), (0.0, Growth.NOT_PROVEN)])
@pytest.mark.parametrize("peaks", [False, True])
def test_all_readings_of_a_tooth_tell_its_foot(leak: float, growth: Growth, *, peaks: bool) -> None:
    """Twenty minutes, teeth of 30 %, 3 % of noise or peaks: one reading after each fall proves nothing."""
    random = np.random.default_rng(1)
    times_s = np.arange(1_200.0)
    noise = 0.03 * random.standard_normal(1_200)
    if peaks:
        noise = noise / 3 + 0.3 * (random.random(1_200) < 0.05)
    values = 100 * (1 + 0.3 * _teeth(random, times_s) + leak * times_s / 3_600 + noise)
    found = trend_of(times_s, values, WindowLevel.FLOOR)
    assert isinstance(found, Trend)
    assert found.growth is growth
    assert abs(found.slope * 3_600 - 100 * leak) < 5


def test_feet_of_bent_teeth_are_the_readings() -> None:
    """Teeth that are bent and grow: lines through them miss their feet more and more, the readings do not."""
    teeth = _teeth(np.random.default_rng(2), HOUR)
    found = _trend(100 + (5 + 40 * HOUR / HOUR.size) * np.sqrt(teeth) + _noise(0.1))
    assert found.growth is not Growth.GROWS


def test_what_rises_faster_and_faster_is_judged_from_where_it_turns() -> None:
    """The line through all of it has a rest that hides it, and a slope that it has at no time."""
    values = 100 + 20 * np.expm1(3 * HOUR / HOUR.size) / np.expm1(3) + _noise(3)
    found = _trend(values)
    assert found.growth is Growth.GROWS
    assert found.since_s > 1_200
    assert found.slope * 3_600 > 35


def test_what_rises_slower_and_slower_at_the_end_is_no_line() -> None:
    """As an S: as steep in the second half as in the first, and level at both ends."""
    found = _trend(100 + 20 * np.sin(np.pi * (HOUR / HOUR.size - 0.5)) + _noise(0.3))
    assert found.growth is Growth.LEVELS_OFF


@pytest.mark.parametrize(("at", "growth"), [(0.35, Growth.GROWS), (0.5, Growth.NOT_PROVEN)])
def test_a_leak_goes_on_behind_a_restart(at: float, growth: Growth) -> None:
    """A second tooth that lasts longer than the first is none; as long as it, it may fall again."""
    began = at * HOUR.size
    found = _trend(100 + 0.01 * np.where(began > HOUR, HOUR, HOUR - began) + _noise(0.1))
    assert found.growth is growth
    assert found.fell == pytest.approx(0.01 * began, rel=0.1)


def test_what_is_level_since_a_restart_goes_not_up_and_down() -> None:
    """It fills in two minutes, falls once and fills again: no cycles, and level at the end."""
    since = np.where(HOUR < 1_500, HOUR, HOUR - 1_500)
    found = _trend(100 + 30 * (1 - np.exp(-since / 40)) + _noise(0.3))
    assert found.growth is not Growth.GROWS
    assert found.slope * 3_600 < 1
