"""Courses told apart: what is said of a series is what it did, whatever its rhythm."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pytest

from loadproof.analysis.shapes.pieces import pieces_of
from loadproof.analysis.shapes.trend import Growth, Trend, WindowLevel, trend_of, trend_of_levels
from loadproof.model import Verdict
from tests.analysis.test_soak import MIB, SECONDS, growth_in, soak, watched

_AT: Final = np.arange(float(SECONDS))
_SHARE: Final = _AT / SECONDS
_NOISE: Final = np.random.default_rng(11).normal(0, 0.2 * MIB, SECONDS)


def _in_irregular_rhythm(seed: int = 3) -> np.ndarray:
    """From 0 to 1 and down at once, in 12 to 48 s."""
    edges = np.cumsum(np.random.default_rng(seed).uniform(12, 48, SECONDS // 10))
    place = np.searchsorted(edges, _AT, side="right")
    before = np.where(place > 0, edges[place - 1], 0.0)
    return np.asarray((_AT - before) / (edges[place] - before))


@pytest.mark.parametrize(
    ("course", "growth"),
    [
        (np.minimum(_SHARE / 0.6, 1), Growth.LEVELS_OFF),
        (np.minimum(_SHARE / 0.75, 1), Growth.LEVELS_OFF),
        (np.minimum(_SHARE / 0.9, 1), Growth.LEVELS_OFF),
        (1 - np.exp(-_SHARE / 0.4), Growth.SLOWS),
        (np.where(_SHARE > 0.7, 1.0, 0.0), Growth.STEP),
        (np.where(_SHARE > 0.3, 0.5, 0.0) + np.where(_SHARE > 0.7, 0.5, 0.0), Growth.STEP),
        (_SHARE, Growth.GROWS),
        (np.floor(_SHARE * 6) / 6, Growth.GROWS),
        (np.maximum(_SHARE - 0.5, 0) * 2, Growth.GROWS),
        (_in_irregular_rhythm() / 2 + _SHARE, Growth.GROWS),
        (_in_irregular_rhythm() / 2, Growth.NOT_PROVEN),
        (_in_irregular_rhythm() * (0.2 + _SHARE), Growth.NOT_PROVEN),
    ],
    ids=[
        "full at 60 %", "full at 75 %", "full at 90 %", "fills by chance", "a step", "two steps", "a line",
        "six stairs", "from half time on", "rising floor", "level floor", "level floor, higher teeth",
    ],
)  # fmt: skip
def test_the_course_that_a_series_takes_is_told(course: np.ndarray, growth: Growth) -> None:
    """100 MiB and 30 more of each shape, in half an hour."""
    trend = trend_of(_AT, 100 * MIB + 30 * MIB * course + _NOISE, WindowLevel.FLOOR)
    assert isinstance(trend, Trend)
    assert trend.growth is growth


@pytest.mark.parametrize("seed", range(8))
def test_a_count_that_rises_by_chance_has_not_stopped(seed: int) -> None:
    """160 in half an hour, each by itself: such a walk strays from its line, and goes on all the same."""
    walk = np.cumsum(np.random.default_rng(seed).random(SECONDS) < 320 / 3_600)
    trend = trend_of(_AT, np.asarray(20.0 + walk, dtype=np.float64), WindowLevel.FLOOR)
    assert isinstance(trend, Trend)
    assert trend.growth not in (Growth.LEVELS_OFF, Growth.STEP)


@pytest.mark.parametrize(
    ("steps", "verdict", "word"),
    [
        ((200, 500, 1_100), Verdict.INCONCLUSIVE, ""),
        ((150, 450, 750, 1_050, 1_350), Verdict.FAIL, "process.fds grows by 11.3/h, 0.31 per 1,000 requests"),
        ((5, 10, 15, 20, 25, 30), Verdict.PASS, ""),
    ],
    ids=["three more", "one each 5 minutes", "a pool that fills at once"],
)
def test_a_few_more_files_are_no_leak(steps: tuple[int, ...], verdict: Verdict, word: str) -> None:
    """Three that came by chance accuse nobody; a pool's first fill is left out."""
    count = 8.0 + np.searchsorted(np.array(steps), _AT, side="right")
    finding = growth_in(watched({"process.fds": count}, "descriptor_growth: <5/h"))
    assert finding.verdict is verdict, finding.advice
    assert word in finding.advice


def test_a_turn_has_its_place_and_both_slopes() -> None:
    """Level for two thirds, then a rise of one each second."""
    at = np.arange(30.0)
    turn = pieces_of(at, np.maximum(at - 20, 0.0)).clear_turn
    assert turn is not None
    assert turn.at_s == pytest.approx(20)
    assert turn.rise == pytest.approx(9)
    assert turn.before == pytest.approx(0, abs=1e-9)
    assert turn.low <= 1 + 1e-9
    assert turn.high >= 1 - 1e-9


@pytest.mark.parametrize("noise", [0.0, 0.4], ids=["clean", "noisy"])
def test_a_line_has_no_turn(noise: float) -> None:
    """Neither a clean one nor one with noise."""
    at = np.arange(40.0)
    pieces = pieces_of(at, at + noise * np.random.default_rng(1).standard_normal(40))
    assert pieces.clear_turn is None
    assert not pieces.is_steps


@pytest.mark.parametrize(("since", "per_hour"), [(0.75, 0.4), (0.85, 0.7), (0.9, 1.2)])
def test_what_began_to_rise_at_the_end_is_no_pass(since: float, per_hour: float) -> None:
    """Its mean over the half hour is below the limit: what it does now is what counts."""
    hours = np.maximum(_AT - since * SECONDS, 0) / 3_600
    made = soak(100 * MIB * (1 + per_hour * hours) + _NOISE, "memory_growth: <15%/h")
    finding = growth_in(made)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "began to rise late" in finding.advice


def test_a_page_more_at_the_end_is_a_pass() -> None:
    """A fifth of what the limit allows in this time accuses nobody, however fast it came."""
    late = 0.4 * MIB * np.clip((_AT - 0.9 * SECONDS) / 60, 0, 1)
    assert growth_in(soak(100 * MIB + late + 0.1 * _NOISE, "memory_growth: <10%/h")).verdict is Verdict.PASS


def test_what_grows_faster_and_faster_has_a_beginning() -> None:
    """From 10 ms to 2 s with the third power: the line begins below 0, of which nothing is a share."""
    at = np.arange(40.0) * 30
    trend = trend_of_levels(at, 0.01 + 2 * (at / at[-1]) ** 3, 1_200.0)
    assert trend.lasting
    assert trend.base >= 0.01


def test_open_files_of_one_part_are_told_where_anothers_may_not_be_read() -> None:
    """A database of another user: the service's own files are judged all the same."""
    finding = growth_in(watched({"process.python.fds": np.floor(8 + 0.02 * _AT)}, "descriptor_growth: <10/h"))
    assert finding.verdict is Verdict.FAIL
    assert finding.advice.startswith("process.python.fds grows by 72/h")


def test_a_clean_line_that_is_bent_a_little_is_judged_whole() -> None:
    """2 % steeper in its second half: nothing is left out, and no first rise is told of a straight leak."""
    trend = trend_of(
        _AT, 100 * MIB + 30 * MIB * (_SHARE + 0.02 * np.maximum(_SHARE - 0.5, 0)), WindowLevel.FLOOR
    )
    assert isinstance(trend, Trend)
    assert trend.growth is Growth.GROWS
    assert trend.since_s == 0


def test_a_late_leak_is_no_first_rise() -> None:
    """Quiet for a quarter of the time: it is said from when on it rises."""
    made = soak(100 * MIB * (1 + np.maximum(_AT - 450, 0) / 3_600) + 0.1 * _NOISE, "memory_growth: <10%/h")
    advice = growth_in(made).advice
    assert re.search(r"process\.rss rises from [78]m", advice)
    assert "first rose" not in advice


def test_of_memory_bytes_come_before_objects() -> None:
    """Both are beyond the limit, objects by far more shares: the developer is told bytes, with thousands."""
    series = {
        "metrics.go_memstats_heap_objects": 2_000 + np.floor(3 * _AT),
        "process.memory": 50 * MIB + 20_000 * _AT,
        "process.fds": np.floor(8 + 0.5 * _AT),
    }
    finding = growth_in(watched(series, "memory_growth: <10%/h"))
    assert finding.verdict is Verdict.FAIL
    assert finding.advice.startswith("process.memory grows by 68.7MiB/h")
    files = growth_in(watched(series, "descriptor_growth: <10/h"))
    assert files.advice.startswith("process.fds grows by 1,801/h, 50 per 1,000 requests")


def test_two_pages_more_behind_a_full_cache_are_no_step() -> None:
    """20 MiB in the first seven minutes, then a tenth of one twice: it levelled off, and is a PASS."""
    filled = 14 * MIB + 20 * MIB * np.minimum(_AT / 420, 1)
    pages = 0.1 * MIB * np.searchsorted([900.0, 1_400.0], _AT)
    made = soak(filled + pages + 0.02 * _NOISE, "memory_growth: <10%/h")
    finding = growth_in(made)
    assert finding.verdict is Verdict.PASS, finding.advice
    assert finding.evidence["growth"] == "levels off"
