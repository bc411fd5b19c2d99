"""Coordinated omission: Tene's oracle, a simulated pool with stalls, and what was never sent."""

from __future__ import annotations

import random

import pytest

from loadproof.analysis.window.omission import GREATEST_RATIO, Corrected
from loadproof.histogram import Histogram


def _filled(values_s: list[float]) -> Histogram:
    histogram = Histogram()
    histogram.record_all(values_s)
    return histogram


@pytest.fixture(scope="module")
def tene() -> Histogram:
    """10,000 answers in 1 ms and one in 100 s (HdrHistogram's own test data)."""
    return _filled([0.001] * 10_000 + [100.0])


def test_raw_percentiles_hide_the_stall(tene: Histogram) -> None:
    """Uncorrected, p99.99 of a service that stood still half of the time is 1 ms."""
    assert tene.count == 10_001
    assert tene.quantile(0.99) == pytest.approx(0.001, rel=0.005)
    assert tene.quantile(0.9999) == pytest.approx(0.001, rel=0.005)


@pytest.mark.parametrize(("q", "expected_s"), [(0.5, 0.001), (0.75, 50), (0.9, 80), (0.99, 98), (1, 100)])
def test_corrected_percentiles_are_tenes(tene: Histogram, q: float, expected_s: float) -> None:
    """With an interval of 10 ms the percentiles are the talk's, within 0.1 % (1 ms: a bucket)."""
    tolerance = 0.005 if expected_s == 0.001 else 0.001
    assert Corrected(tene, 0.010).quantile(q) == pytest.approx(expected_s, rel=tolerance)


def test_corrected_totals_are_tenes(tene: Histogram) -> None:
    """20,000 samples, a mean of 25.0005 s, a maximum of 100 s, within 0.1 %."""
    corrected = Corrected(tene, 0.010)
    assert corrected.count == 20_000
    assert corrected.maximum_s == 100


def test_correcting_afterwards_is_correcting_each_sample() -> None:
    """Pre-corrected and post-corrected totals are equal."""
    values_s = [0.001] * 50 + [0.035, 0.04, 0.25, 1.0]
    one_by_one = list(values_s)
    for value_s in values_s:
        filled_s = value_s - 0.010
        while filled_s >= 0.010 - 1e-12:
            one_by_one.append(filled_s)
            filled_s -= 0.010
    # Each sample exactly: the least and the greatest value of a histogram are.
    assert sum(Corrected(_filled([value_s]), 0.010).count for value_s in values_s) == len(one_by_one)
    corrected = Corrected(_filled(values_s), 0.010)
    assert corrected.count == pytest.approx(len(one_by_one), abs=1)
    for q in (0.5, 0.8, 0.9, 0.95, 0.99):
        rank_s = sorted(one_by_one)[max(0, -(-int(q * 1e6) * len(one_by_one) // 10**6) - 1)]
        assert corrected.quantile(q) == pytest.approx(rank_s, abs=0.0101)  # one fill


def test_an_interval_longer_than_every_sample_changes_nothing(tene: Histogram) -> None:
    """Nothing was omitted when no sample outlasts the interval between two starts."""
    corrected = Corrected(tene, 200.0)
    assert corrected.count == tene.count


def test_no_samples_have_no_corrected_percentile() -> None:
    """Empty is None, never 0."""
    corrected = Corrected(Histogram(), 0.01)
    assert (corrected.count, corrected.quantile(0.99)) == (0, None)


def _simulate(seed: int, *, stalls: bool) -> tuple[list[float], list[float]]:
    """Closed and open response times in seconds: 10 users of 100 ms pace, 10 ms service, 310 s.

    The service stands still for 1 s about every 31 s. Closed users send when they were meant to or, if their
    last answer was later, at once, and plan anew from there (Locust's constant_pacing). The open truth is
    what requests at the planned moments would have taken.
    """
    generator = random.Random(seed)
    begins_s = [31.0 * k + generator.uniform(0, 31) for k in range(10)] if stalls else []
    closed: list[float] = []
    opened: list[float] = []

    def took_s(sent_s: float) -> float:
        for stall_s in begins_s:
            if stall_s <= sent_s < stall_s + 1:
                return stall_s + 1 - sent_s + generator.uniform(0.008, 0.012)
        return generator.uniform(0.008, 0.012)

    for user in range(10):
        now_s = user * 0.01
        while now_s < 310:
            answer_s = took_s(now_s)
            closed.append(answer_s)
            now_s += max(0.1, answer_s)
        opened += [took_s(user * 0.01 + k * 0.1) for k in range(3100)]
    return closed, opened


@pytest.mark.parametrize("seed", range(20))
def test_a_stall_is_flagged_and_its_size_told(seed: int) -> None:
    """A closed run with stalls is flagged, its corrected p99 within 10 % of the open truth."""
    closed, opened = _simulate(seed, stalls=True)
    raw = _filled(closed)
    raw_s, truth_s = raw.quantile(0.99), _filled(opened).quantile(0.99)
    corrected_s = Corrected(raw, 0.1).quantile(0.99)
    assert raw_s is not None
    assert corrected_s is not None
    assert raw_s < 0.05
    assert corrected_s / raw_s > GREATEST_RATIO
    assert corrected_s == pytest.approx(truth_s, rel=0.10)


@pytest.mark.parametrize("seed", range(20))
def test_a_run_without_stalls_is_not_flagged(seed: int) -> None:
    """No false alarm."""
    raw = _filled(_simulate(seed, stalls=False)[0])
    raw_s, corrected_s = raw.quantile(0.99), Corrected(raw, 0.1).quantile(0.99)
    assert raw_s is not None
    assert corrected_s is not None
    assert corrected_s / raw_s < GREATEST_RATIO
