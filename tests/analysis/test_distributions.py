"""Tails and quantiles are those that scipy.stats has."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from scipy import stats

from loadproof.analysis.distributions import (
    binomial_quantile,
    binomial_tail,
    proportion_interval,
    t_quantile,
    t_tail,
)


@pytest.mark.parametrize("z", [-3.0, 0.0, 0.5, 4.2, 9.0])
def test_tails_of_bells(z: float) -> None:
    """Far out as well."""
    for freedom in (1, 4.5, 200):
        assert t_tail(z, freedom) == pytest.approx(stats.t.sf(z, freedom), rel=1e-9)
        share = stats.t.cdf(z, freedom)
        assert t_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("chance", [0.001, 0.05, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("trials", [1, 7, 60, 5_000, 200_000])
def test_counts_of_successes(trials: int, chance: float) -> None:
    """Quantiles are whole and exact, on the steps as well as between them."""
    for share in (0.001, 0.025, 0.5, 0.975, 0.999):
        assert binomial_quantile(share, trials, chance) == stats.binom.ppf(share, trials, chance)
    for successes in {-1, 0, 1, trials // 2, round(trials * chance), trials - 1, trials}:
        expected = stats.binom.sf(successes, trials, chance)
        assert binomial_tail(successes, trials, chance) == pytest.approx(expected, rel=1e-7, abs=1e-300)


@pytest.mark.parametrize(
    ("successes", "trials"),
    [(0, 1), (1, 1), (0, 300), (3, 300), (299, 300), (7, 90_000), (0, 21_600_000), (1, 21_600_000),
     (500, 216_000), (215_500, 216_000), (50_000, 21_600_000), (21_400_000, 21_600_000)],
)  # fmt: skip
def test_the_interval_of_a_share(successes: int, trials: int) -> None:
    """Clopper and Pearson's, as a binomial test has it."""
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="exact")
    assert proportion_interval(successes, trials, 0.95) == pytest.approx(tuple(expected), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("trials", [2, 1_000, 10_000_000, 10**9])
def test_one_of_many_that_failed_is_as_exact_as_one_that_did_not(trials: int) -> None:
    """The bound of one in n has a formula; near 1 the interval ended above 1."""
    tail = 0.025
    least = -math.expm1(math.log1p(-tail) / trials)
    assert proportion_interval(1, trials, 0.95)[0] == pytest.approx(least, rel=1e-7)
    assert 1 - proportion_interval(trials - 1, trials, 0.95)[1] == pytest.approx(least, rel=1e-5)


@pytest.mark.parametrize("trials", [3_313, 1_000_001, 60_598_461])
def test_half_of_an_odd_number_of_fair_coins(trials: int) -> None:
    """Just half of the distribution is at most half of the coins, however many there are."""
    assert binomial_tail(trials // 2, trials, 0.5) == pytest.approx(0.5, rel=1e-9)
    assert binomial_quantile(0.5, trials, 0.5) == trials // 2
    low, high = proportion_interval(trials // 2, trials, 0.95)
    assert low < 0.5 < high


def test_a_verdict_needs_no_scipy() -> None:
    """It would take more memory than an hour's run; only searches, comparisons and histories wait for it."""
    code = "import sys, loadproof.analysis.judge; print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
