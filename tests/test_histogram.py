"""The histogram stands for its samples within its bucket width, merges without a trace, and crosses disks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadproof.histogram import GROWTH, LEAST_S, Histogram, merged

QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999, 0.9999)
durations_s = st.lists(st.floats(min_value=0, max_value=1e6, allow_nan=False), max_size=60)


def filled(*values_s: float) -> Histogram:
    histogram = Histogram()
    for value_s in values_s:
        histogram.record(value_s)
    return histogram


def log_normal(seed: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Latencies as services have them: a median of 100 ms, one in a hundred five times slower."""
    generator = np.random.default_rng(seed)
    times_s = np.exp(math.log(0.1) + 0.5 * generator.standard_normal(count))
    times_s[generator.random(count) < 0.01] *= 5
    return times_s


def test_a_million_samples_are_within_a_bucket_of_numpy() -> None:
    """From the median to p99.99 the relative error is at most the bucket width."""
    times_s = log_normal(7, 1_000_000)
    histogram = Histogram()
    histogram.record_all(times_s)
    for q in QUANTILES:
        truth_s = float(np.quantile(times_s, q, method="inverted_cdf"))
        assert histogram.quantile(q) == pytest.approx(truth_s, rel=GROWTH - 1), q
    assert histogram.count == times_s.size
    assert histogram.mean_s == pytest.approx(float(times_s.mean()), rel=1e-6)
    assert (histogram.minimum_s, histogram.maximum_s) == (times_s.min(), times_s.max())


def test_a_minute_of_seconds_merged_is_the_whole_bit_for_bit() -> None:
    """Sixty per-second histograms add up to the very bytes of one with all the samples."""
    times_s = log_normal(11, 60_000)
    whole = Histogram()
    whole.record_all(times_s)
    seconds = []
    for part in np.split(times_s, 60):
        second = Histogram()
        second.record_all(part)
        seconds.append(second)
    assert merged(seconds).to_bytes() == whole.to_bytes()
    assert merged(reversed(seconds)).to_bytes() == whole.to_bytes()


def test_a_shift_of_three_percent_is_kept() -> None:
    """What a comparison must see is not lost in the buckets."""
    before, after = Histogram(), Histogram()
    times_s = log_normal(3, 20_000)
    before.record_all(times_s)
    after.record_all(times_s * 1.03)
    for q in (0.5, 0.95, 0.99):
        old_s, new_s = before.quantile(q), after.quantile(q)
        assert old_s is not None
        assert new_s is not None
        assert new_s / old_s == pytest.approx(1.03, abs=0.0101), q


@given(durations_s)
def test_a_blob_holds_everything(values_s: list[float]) -> None:
    """The bytes of any histogram read back to an equal one, which has the same bytes."""
    histogram = filled(*values_s)
    copy = Histogram.from_bytes(histogram.to_bytes())
    assert copy == histogram
    assert (copy.count, copy.sum_ns, copy.buckets) == (histogram.count, histogram.sum_ns, histogram.buckets)
    assert (copy.minimum_s, copy.maximum_s) == (histogram.minimum_s, histogram.maximum_s)


@given(durations_s)
def test_many_at_once_are_one_by_one(values_s: list[float]) -> None:
    """The vectorised way fills the same buckets as the plain one."""
    at_once = Histogram()
    at_once.record_all(values_s)
    assert at_once == filled(*values_s)


@given(durations_s, durations_s)
def test_merging_does_not_depend_on_the_order(left_s: list[float], right_s: list[float]) -> None:
    """A with B is B with A is both filled at once."""
    both = filled(*left_s, *right_s)
    assert merged([filled(*left_s), filled(*right_s)]) == both
    assert merged([filled(*right_s), filled(*left_s)]) == both


@given(st.lists(st.floats(min_value=LEAST_S, max_value=1e6), min_size=1, max_size=80), st.floats(0, 1))
def test_a_quantile_is_the_sample_it_stands_for(values_s: list[float], q: float) -> None:
    """Half a percent away at most, and never outside what was measured."""
    rank = max(1, math.ceil(q * len(values_s) - 1e-9))
    found_s = filled(*values_s).quantile(q)
    assert found_s == pytest.approx(sorted(values_s)[rank - 1], rel=0.00501)
    assert found_s is not None
    assert min(values_s) <= found_s <= max(values_s)


@pytest.mark.parametrize(
    ("blob", "why"),
    [
        (b"", "at least"),
        (bytes(23), "at least"),
        (filled(0.1).to_bytes()[:-1], "middle of a bucket"),
        (filled(0.1).to_bytes() + b"\x80", "middle of a number"),
        (filled(0.1).to_bytes() + b"\x01", "middle of a bucket"),
    ],
)
def test_a_damaged_blob_raises(blob: bytes, why: str) -> None:
    """A histogram that ends where none can end is never read as a smaller one."""
    with pytest.raises(ValueError, match=why):
        Histogram.from_bytes(blob)


@pytest.mark.parametrize("value_s", [-1e-9, -1.0, math.nan, math.inf, -math.inf])
def test_what_is_no_duration_is_refused(value_s: float) -> None:
    """One by one and many at once, and nothing of it is kept."""
    histogram = Histogram()
    with pytest.raises(ValueError, match="finite and not negative"):
        histogram.record(value_s)
    with pytest.raises(ValueError, match="finite and not negative"):
        histogram.record_all([0.1, value_s])
    assert histogram == Histogram()


@pytest.mark.parametrize("value_s", [0.0, 1e-9, LEAST_S, LEAST_S * 1.0001, 1e-3, 1.0, 3600.0, 1e6])
def test_a_single_sample_is_every_quantile(value_s: float) -> None:
    """The least and the greatest value are exact, so one sample is itself, not the middle of a bucket."""
    histogram = filled(value_s)
    assert [histogram.quantile(q) for q in (0.0, 0.5, 1.0)] == [value_s] * 3
    assert histogram.mean_s == pytest.approx(value_s, abs=1e-9)


def test_an_empty_one_knows_nothing() -> None:
    """None, never 0."""
    empty = Histogram()
    empty.record_all([])
    assert [empty.quantile(0.5), empty.mean_s, empty.share_above(1.0)] == [None, None, None]
    assert merged([]) == empty


@pytest.mark.parametrize("q", [-0.01, 1.01, 101, math.nan])
def test_a_quantile_lies_between_0_and_1(q: float) -> None:
    """A percentile of 101 is an error, not the maximum."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        filled(1.0).quantile(q)


@pytest.mark.parametrize(
    ("q", "expected_s"),
    [(0.0, 1.0), (0.01, 1.0), (0.5, 50.0), (0.95, 95.0), (0.951, 96.0), (0.99, 99.0), (1.0, 100.0)],
)
def test_the_rank_is_exact(q: float, expected_s: float) -> None:
    """0.95 of 100 samples is the 95th, whatever 0.95 * 100 is in floating point."""
    assert filled(*(float(n) for n in range(1, 101))).quantile(q) == pytest.approx(expected_s, rel=0.005)


def test_the_share_above_a_limit() -> None:
    """Samples wholly above it, as a fraction of all."""
    histogram = filled(*[0.1] * 90, *[1.0] * 10)
    assert [histogram.share_above(s) for s in (0.0, 0.5, 2.0)] == [1.0, 0.1, 0.0]


def test_an_outage_of_a_day_in_every_request_still_fits() -> None:
    """65,536 requests of 24 hours each in one second keep their exact sum."""
    histogram = filled(86400.0)
    for _ in range(16):
        histogram.merge(Histogram.from_bytes(histogram.to_bytes()))
    assert histogram.count == 2**16
    assert Histogram.from_bytes(histogram.to_bytes()).mean_s == 86400.0
