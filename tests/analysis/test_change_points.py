"""Changes of level in a series: found where they are, told when they matter."""

from __future__ import annotations

import numpy as np
import pytest

from loadproof.analysis.across_runs.change_points import (
    LevelShift,
    autocorrelation,
    change_points,
    levels,
    outliers,
    scan_p,
    series_alpha,
    worth_telling,
)

OTAVA = [1.02, 0.95, 0.99, 1.00, 1.12, 1.00, 1.01, 0.98, 1.01, 0.96,
         0.50, 0.51, 0.48, 0.48, 0.55, 0.50, 0.49, 0.51, 0.50, 0.49]  # fmt: skip
"""The series of Apache Otava's own first test, in which it finds [10]."""


def _places(values: list[float]) -> list[int]:
    return [change.index for change in change_points(values)]


def test_the_series_of_otavas_test_has_its_change() -> None:
    """One change, at the eleventh run."""
    assert _places(OTAVA) == [10]


def test_the_same_series_gives_the_same_answer() -> None:
    """Nothing in it is left to chance."""
    series = np.random.default_rng(5).normal(100, 3, 60)
    series[30:] += 10
    first = change_points(series.tolist())
    assert first
    assert change_points(series.tolist()) == first


def test_two_changes_are_both_found() -> None:
    """Each within its own segment."""
    random = np.random.default_rng(6)
    series = np.concatenate([random.normal(level, 2, 20) for level in (100, 130, 100)])
    assert _places(series.tolist()) == [20, 40]


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 5, [1.0, 2.0] * 2, [3.0] * 50], ids=len)
def test_too_little_or_nothing_to_tell_apart_is_no_change(values: list[float]) -> None:
    """Fewer than two segments of three runs, or one value over and over, have no p at all."""
    assert scan_p(values) is None
    assert change_points(values) == []


def test_many_ties_are_no_change() -> None:
    """An error rate that is 0 but for a run now and then."""
    series = [0.0] * 40
    series[7] = series[31] = 0.02
    assert change_points(series) == []


def test_a_rise_from_zero_is_found_among_ties() -> None:
    """The error rate was 0 in each run, and is not any more."""
    assert _places([0.0] * 20 + [0.01, 0.02, 0.015, 0.01, 0.02, 0.03, 0.01, 0.02]) == [20]


def test_small_changes_are_joined_with_their_neighbours() -> None:
    """A change below the tolerance is dropped, and the levels are computed again without it."""
    series = [100.0] * 20 + [102.0] * 20 + [120.0] * 20
    found = [LevelShift(20, 0.01), LevelShift(40, 0.001)]
    told = worth_telling(series, found, lambda before, after: abs(after - before) > 0.05 * before)
    assert [change.index for change in told] == [40]
    assert levels(series, [40]) == [101, 120]


def test_one_wild_run_is_an_outlier() -> None:
    """It is named, and it is no change."""
    series = np.random.default_rng(9).normal(100, 3, 30)
    series[12] = 250
    assert change_points(series.tolist()) == []
    assert outliers(series.tolist(), []) == [12]


def test_a_drifting_environment_shows() -> None:
    """Runs that resemble their neighbours have an autocorrelation, independent ones little."""
    noise = np.random.default_rng(10).normal(size=200)
    drifting = noise.copy()
    for i in range(1, drifting.size):
        drifting[i] += 0.7 * drifting[i - 1]
    assert autocorrelation(noise.tolist(), []) < 0.2
    assert autocorrelation(drifting.tolist(), []) > 0.5


ALPHAS = [([], 0.0), ([0.2, 0.5], 0.0), ([0.04], 0.05), ([0.01, 0.04, 0.5, 0.6], 0.0125),
          ([0.001] * 10, 0.05), ([0.024, 0.025], 0.05)]  # fmt: skip


@pytest.mark.parametrize(("p_values", "alpha"), ALPHAS)
def test_looking_at_many_series_costs(p_values: list[float], alpha: float) -> None:
    """Benjamini and Hochberg: the p up to which a series is told sinks with the number of series."""
    assert series_alpha(p_values) == pytest.approx(alpha)
