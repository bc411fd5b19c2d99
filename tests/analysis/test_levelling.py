"""What fills more and more slowly is no leak yet; what goes on behind a first fill is one."""

from __future__ import annotations

import numpy as np
import pytest

from loadproof.analysis.shapes.levelling import Kind, Levelling
from loadproof.analysis.shapes.trend import Growth, Trend, WindowLevel, trend_of, trend_of_levels
from loadproof.model import Verdict
from tests.analysis.test_soak import MIB, growth_in, soak

_AT = np.arange(1_200.0)
_NOISE = np.random.default_rng(17).normal(0, 1, _AT.size)
_MEMO = np.array([
    15.9, 18.3, 19.8, 21.3, 23.4, 25.6, 26.4, 27.3, 28.1, 28.9, 29.8, 30.4, 30.8, 31.3, 31.7, 32, 32.4, 32.7,
    33, 33.3, 33.5, 33.7, 34, 34.2, 34.3, 34.5, 34.5, 34.7, 34.8, 34.9, 35, 35.1, 35.2, 35.3, 35.3, 35.4,
    35.6, 35.7, 35.8, 36,
])  # fmt: skip
"""MB of a real CPython that fills a memo of 4,000 entries by chance, each half minute."""


def _found(values: np.ndarray) -> Trend:
    trend = trend_of(_AT, values, WindowLevel.FLOOR)
    assert isinstance(trend, Trend)
    return trend


def _fills(constant_s: float) -> np.ndarray:
    return np.asarray(1 - np.exp(-_AT / constant_s))


@pytest.mark.parametrize(
    ("values", "growth"),
    [
        (np.interp(_AT, 30 * np.arange(40) + 15, _MEMO), Growth.SLOWS),
        (100 + 40 * _fills(267) + 0.5 * _NOISE, Growth.SLOWS),
        (100 + 10 * np.log1p(_AT) + 0.5 * _NOISE, Growth.SLOWS),
        (100 + 30 * _fills(60) + 8 * _AT / 1_200 + 0.5 * _NOISE, Growth.GROWS),
        (100 + 8 * _AT / 1_200 + 1.5 * _NOISE, Growth.GROWS),
    ],
    ids=["a real memo", "a memo", "a logarithm", "a leak behind a first fill", "a leak"],
)
def test_what_fills_is_no_leak_and_what_leaks_is_no_fill(values: np.ndarray, growth: Growth) -> None:
    """A last third of a curve is nearly straight; one curve through all of it tells."""
    assert _found(values).growth is growth


def test_a_rise_that_may_have_ended_is_not_proven_to_go_on() -> None:
    """Full after two thirds of the time, of a height that noise nearly hides."""
    full = 100 + 8 * np.minimum(_AT / 800, 1) + 2 * _NOISE
    assert _found(full).growth is not Growth.GROWS


@pytest.mark.parametrize("low", [True, False], ids=["one low window", "still for three minutes"])
def test_a_leak_is_not_full_by_what_its_last_minutes_do(low: bool) -> None:
    """An hour of 60 MB/h: two of forty levels behind an end are too few to call it level."""
    at = np.arange(3_600.0)
    leak = 100 + 60 * np.minimum(at, 3_600 if low else 3_420) / 3_600 - 6 * (low & (at >= 3_510))
    trend = trend_of(at, leak + np.random.default_rng(5).normal(0, 0.3, at.size), WindowLevel.FLOOR)
    assert isinstance(trend, Trend)
    assert trend.growth is Growth.GROWS


def test_when_a_curve_is_below_the_limit_is_said() -> None:
    """An exponential: its slope falls to a tenth in 2.3 time constants."""
    curve = Levelling(Kind.EXPONENTIAL, scale=100.0, constant_s=600.0, span_s=600.0)
    assert curve.below_s(100 / 600 / 10) == pytest.approx(600 * np.log(10) - 600)
    assert curve.below_s(1.0) == 0
    assert curve.below_s(0.0) is None
    assert Levelling(Kind.LOGARITHM, 100.0, 10.0, 600.0).below_s(0.1) == pytest.approx(390)
    assert Levelling(Kind.HYPERBOLA, 100.0, 100.0, 600.0).below_s(0.01) == pytest.approx(300)
    assert Levelling(Kind.FULL, 1.0, 400.0, 600.0).below_s(0.1) is None, "it is level: only waiting tells"


def test_a_service_that_still_fills_is_told_how_long_to_wait() -> None:
    """INCONCLUSIVE, with the time after which its curve is below the limit."""
    at = np.arange(1_800.0)
    noise = np.random.default_rng(3).normal(0, 0.3 * MIB, at.size)
    finding = growth_in(soak(100 * MIB + 10 * MIB * np.log1p(at / 20) + noise, "memory_growth: <10%/h"))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "rises more and more slowly, as what fills does: it would be below this limit in" in finding.advice


def test_few_levels_that_turn_upwards_are_whole() -> None:
    """Seven collections of a heap, of which the last ones leave more: too few to leave any of them out."""
    at = np.arange(7.0) * 900
    trend = trend_of_levels(at, np.array([100.0, 100.1, 100, 100.1, 103, 106, 109]), 6_300.0)
    assert trend.since_s == 0
    assert trend.windows == 7
