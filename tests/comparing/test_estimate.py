"""The arithmetic of comparisons, against other people's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from loadproof.analysis.across_runs.measured import TimesBySecond
from loadproof.analysis.compare.estimate import blocked, compared, moderated, one_against, welch
from loadproof.analysis.compare.families import false_discovery, familywise
from loadproof.analysis.compare.looks import look_levels, look_rounds, nominal_levels
from loadproof.analysis.compare.power import SettlingLevels, runs_needed
from loadproof.analysis.compare.within_run import MOST_STRETCHES, Stretches, block_length, interval, resample
from loadproof.histogram import Histogram
from loadproof.runfile.histograms import Histograms

RANDOM = np.random.default_rng(7)
BASE, HEAD = RANDOM.normal(0, 0.05, 6), RANDOM.normal(0.1, 0.08, 4)


def test_welch_is_scipys() -> None:
    """The same p-value and the same interval."""
    found, oracle = welch(BASE, HEAD), stats.ttest_ind(HEAD, BASE, equal_var=False)
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-9)
    low, high = oracle.confidence_interval(0.95)
    assert found.interval(0.05) == pytest.approx((low, high), rel=1e-9)


def test_one_run_is_judged_by_the_prediction_interval() -> None:
    """t with m - 1 degrees of freedom, times sqrt(1 + 1/m)."""
    found = one_against(BASE, 0.2)
    reach = stats.t.ppf(0.975, 5) * BASE.std(ddof=1) * math.sqrt(1 + 1 / 6)
    assert found.interval(0.05) == pytest.approx((0.2 - BASE.mean() - reach, 0.2 - BASE.mean() + reach))


def test_blocks_are_least_squares_with_a_column_for_each_block() -> None:
    """The same difference and standard error as ordinary regression."""
    base, head = RANDOM.normal(0, 1, 6), RANDOM.normal(0.5, 1, 6)
    values = np.concatenate([base, head])
    columns = np.zeros((12, 4))
    columns[6:, 0] = 1
    for run in range(12):
        columns[run, 1 + (run % 6) // 2] = 1
    answer, squares, *_ = np.linalg.lstsq(columns, values, rcond=None)
    error = math.sqrt(squares[0] / 8 * np.linalg.inv(columns.T @ columns)[0, 0])
    found = blocked(base, head, 3)
    assert (found.difference, found.error, found.df) == pytest.approx((answer[0], error, 8))


def test_too_few_runs_estimate_nothing() -> None:
    """One against one, and one against four, have no error that could be known."""
    assert compared(BASE[:1], HEAD[:1]) is None
    assert compared(BASE[:4], HEAD[:1]) is None
    turned = compared(BASE[:1], np.append(HEAD, 0.1))
    assert turned is not None
    assert turned.difference == pytest.approx(np.append(HEAD, 0.1).mean() - BASE[0])


def test_equal_readings_are_no_proof_of_equal_runs() -> None:
    """A histogram's bucket is 1 % wide: identical quantiles still have an error."""
    found = welch(np.full(3, -2.0), np.full(3, -1.99))
    assert found.error == pytest.approx(math.log(1.01) / math.sqrt(12) * math.sqrt(2 / 3))


def test_endpoints_with_one_variance_share_it() -> None:
    """Moderated variances lie between each one's own and the common one, with more degrees of freedom."""
    pairs = [(RANDOM.normal(0, 0.05, 5), RANDOM.normal(0, 0.05, 5)) for _ in range(200)]
    own = np.array([welch(*pair).error for pair in pairs])
    shared = moderated(pairs)
    errors = np.array([estimate.error for estimate in shared])
    truth = 0.05 * math.sqrt(2 / 5)
    assert np.abs(errors - truth).mean() < 0.6 * np.abs(own - truth).mean()
    assert {estimate.df for estimate in shared} == {16.0}  # 8 of the data, the prior capped at as many


def test_the_prior_is_found_again() -> None:
    """Variances drawn from the prior that the method assumes give its degrees of freedom back."""
    prior_df, df, count = 10.0, 8, 4_000
    variances = 0.01 * prior_df / RANDOM.chisquare(prior_df, count)
    halves = np.sqrt(variances * 5 / 4)[:, None] * RANDOM.standard_normal((count, 10))
    estimates = moderated([(row[:5], row[5:]) for row in halves])
    assert estimates[0].df == pytest.approx(df + prior_df / 2, rel=0.1)


def test_corrections_for_many_are_the_published_examples() -> None:
    """Hochberg steps up: the greatest stands as it is, and where all say the same nothing is lost."""
    assert familywise([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert familywise([0.02] * 5) == pytest.approx([0.02] * 5)
    assert familywise([0.02, 0.9, 0.9]) == pytest.approx([0.06, 0.9, 0.9])
    assert false_discovery([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert (familywise([]), false_discovery([])) == ([], [])


def test_runs_needed_are_those_of_the_textbook() -> None:
    """A difference of one standard deviation takes 17 a side at alpha 0.05 and power 0.8 (Cohen)."""
    assert runs_needed(1.0, 1.0, 1e-9, SettlingLevels(0.05, 0.025), 2) == 17
    assert runs_needed(0.05, 0.5, math.log(1.05), SettlingLevels(0.05, 0.05), 2) is None


@pytest.mark.parametrize("family", [1, 20])
def test_what_is_equal_needs_the_runs_of_one_bound(family: int) -> None:
    """Nine a side where runs differ by 4 % and the tolerance is 5 %, however many gates there are: simulated
    20,000 times, the one-sided bound was below it in 77 % with eight a side and in 81 % with nine.
    """
    assert runs_needed(0.0, 0.04, 0.05, SettlingLevels(0.05 / family, 0.05), 2) == 9


def spending(kind: str, fraction: float) -> float:
    """The spending functions of Lan and DeMets (1983), two-sided at 0.05."""
    if kind == "Pocock":
        return 0.05 * math.log(1 + (math.e - 1) * fraction)
    return 2 * (2 - 2 * float(special.ndtr(special.ndtri(1 - 0.0125) / math.sqrt(fraction))))


@pytest.mark.parametrize(
    ("kind", "limits"),
    [
        ("O'Brien-Fleming", [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        ("Pocock", [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]),
    ],
)
def test_boundaries_are_the_published_ones(kind: str, limits: list[float]) -> None:
    """The tables for five looks that every program for sequential designs prints."""
    fractions = [0.2, 0.4, 0.6, 0.8, 1.0]
    levels = nominal_levels(fractions, [spending(kind, fraction) for fraction in fractions])
    assert [float(-special.ndtri(level / 2)) for level in levels] == pytest.approx(limits, abs=2e-4)


@pytest.mark.parametrize(
    ("most", "rounds"), [(1, (1,)), (2, (2,)), (4, (2, 3, 4)), (6, (2, 4, 6)), (12, (4, 8, 12))]
)
def test_looks_are_few_and_the_last_is_the_end(most: int, rounds: tuple[int, ...]) -> None:
    """At most three, never after a single round of several, each stricter than a test on its own."""
    assert look_rounds(most) == rounds
    levels = look_levels(rounds, 0.05)
    assert max(levels.values()) <= 0.05
    assert sum(levels.values()) >= 0.05 * (0.9 if len(rounds) > 1 else 1)


# arch 8.0.0, arch.bootstrap.optimal_block_length(series(seed))["circular"], on numpy 2.4.6.
ARCH = [
    1.2395286661958145, 2.3712349104366517, 5.058314566204163, 11.087877883380687, 20.262050988727548,
    1.0101361936121849, 6.96643473359679, 11.083929021300289, 13.646142434404377, 19.320314987181543,
    2.149825785030848, 5.266914058293614, 8.773415494223984, 18.600784764859004, 30.47745108911091,
    2.669129872686064, 6.9652904252792, 17.35910601198438, 22.453814261997366, 29.859271877516687,
]  # fmt: skip


def series(seed: int) -> np.ndarray:
    """AR(1) of 120 to 500 samples, phi 0 to 0.9."""
    size, phi = 120 + 20 * seed, (0, 0.3, 0.6, 0.8, 0.9)[seed % 5]
    steps = np.random.default_rng(seed).standard_normal(size)
    values = steps.copy()
    for index in range(1, size):
        values[index] = phi * values[index - 1] + steps[index]
    return values


@pytest.mark.parametrize("seed", range(20))
def test_block_lengths_are_those_of_arch(seed: int) -> None:
    """Equal to arch.bootstrap.optimal_block_length to 1e-6."""
    assert block_length(series(seed)) == pytest.approx(ARCH[seed], rel=1e-6)


def test_a_series_without_spread_has_blocks_of_one() -> None:
    """As have those too short to tell."""
    assert block_length(np.full(50, 3.0)) == 1.0
    assert block_length(np.array([1.0, 2.0])) == 1.0


def by_second(seconds: int, seed: int) -> tuple[TimesBySecond, range]:
    """A run of 20 requests a second whose level wanders."""
    random = np.random.default_rng(seed)
    level = np.repeat(random.normal(0, 0.1, seconds // 20), 20)
    histograms = []
    for move in level:
        one = Histogram()
        one.record_all(0.1 * np.exp(move + 0.3 * random.standard_normal(20)))
        histograms.append(one)
    return TimesBySecond(np.arange(seconds) + 100, Histograms.of(histograms)), range(100, 100 + seconds)


def test_a_long_run_is_as_sure_of_itself_in_stretches_as_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interval from so many stretches is as wide as the one from every second, but for resampling."""
    found, window = by_second(3000, 1)
    short = Stretches.of(found, window)
    monkeypatch.setattr("loadproof.analysis.compare.within_run.MOST_STRETCHES", 10_000)
    whole = Stretches.of(found, window)
    assert (short.counts.shape[0], short.each_s, whole.counts.shape[0]) == (MOST_STRETCHES, 5.0, 3000)
    assert short.counts.sum() == whole.counts.sum() == 60_000
    widths = []
    for one in (short, whole):
        drawn = resample(one, (0.5, 0.95), "x")
        assert drawn is not None
        for column in range(2):
            low, high = interval(drawn.log_quantiles[:, column], drawn.blocks)
            widths.append(high - low)
    assert widths[:2] == pytest.approx(widths[2:], rel=0.25)


def test_seconds_outside_the_window_and_without_a_request_have_their_place() -> None:
    """A row of zeros for one without; none for one that is not judged."""
    found, _ = by_second(40, 2)
    rows = Stretches.of(found, [90, 100, 101, 139])
    assert rows.counts.sum(axis=1).tolist() == [0.0, 20.0, 20.0, 20.0]
