"""Requirements over the whole load, each stage, and any 30 s in a row."""

from __future__ import annotations

import numpy as np
import pytest

from loadproof.analysis.judge import judge
from loadproof.analysis.verdict.by_window import rolled_quantiles_s
from loadproof.analysis.window.seconds import course
from loadproof.histogram import merged
from loadproof.model import Finding, Requirement, Verdict
from loadproof.plan.requirements import parse_requirements
from tests.runs import LOANS, LOGIN, START, part, plan, run, staged

# 10 s up, 40 s at 5 users, 10 s up, 40 s at 10 users, 10 s down.
PROFILE = staged((10, 5), (40, 5), (10, 10), (40, 10), (10, 0))
SECONDS = 110


def _judged(written: str, slow: range = range(0), failed: range = range(0), times: int = 100) -> Finding:
    """100 ms, 300 ms in the `slow` seconds; a tenth of the requests of the `failed` seconds fail."""
    slices = [
        part(n, times_s=[0.3 if n in slow else 0.1] * times, failed=times // 10 if n in failed else 0)
        for n in range(SECONDS)
    ]
    (requirement,) = parse_requirements(written, "requirements.yaml")
    (finding,) = (
        finding
        for finding in judge(run(*slices, of=plan(requirement, profile=PROFILE))).findings
        if finding.id == requirement.id
    )
    return finding


STEADY = "1m20s of steady load, ramps left out"
FAIL, PASS, UNKNOWN = Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("written", "slow", "verdict", "window", "reason"),
    [
        ("p95: <200ms", range(10), PASS, "", "the ramp is left out"),
        ("p95: <200ms over the whole load", range(10), FAIL, "the whole load (1m50s)", "the ramp is in it"),
        ("p95: <200ms over steady state", range(10), PASS, "", "the same"),
        ("p90: <200ms", range(60, 67), PASS, "", "7 of 80 s"),
        ("p90: <200ms over each stage", range(60, 67), FAIL, "stage 2, at 10 (40s)", "7 of 40 s"),
        ("p50: <200ms over any 10s", range(60, 65), PASS, "", "5 of 10 s"),
        ("p50: <200ms over any 10s", range(61, 67), FAIL, "the worst 10s, from 1m on", "6 of 10 s"),
        ("mean: <210ms over any 10s", range(61, 67), FAIL, "the worst 10s, from 1m on", "220 ms"),
        ("max: <200ms over any 10s", range(61, 62), FAIL, "the worst 10s, from 1m on", "one is enough"),
        ("p50: <200ms over any 50s", range(0), UNKNOWN, STEADY, "none is so long"),
    ],
)  # fmt: skip
def test_response_times_by_window(
    written: str, slow: range, verdict: Verdict, window: str, reason: str
) -> None:
    """The worst window decides, and is named."""
    finding = _judged(f"response_time: {{{written}}}", slow)
    assert finding.verdict is verdict, reason
    if verdict is not PASS:
        assert finding.window == window


def test_error_rate_and_throughput_by_window() -> None:
    """One per cent of all, and ten of the worst five seconds; 100 a second everywhere."""
    assert _judged("error_rate: {max_rate: 2%}", failed=range(65, 70)).verdict is PASS
    worst = _judged("error_rate: {max_rate: 2% over any 5s}", failed=range(65, 70))
    assert (worst.verdict, worst.value) == (FAIL, 0.1)
    assert worst.id == "error_rate.rate:any 5s"
    assert _judged("throughput: {min_rps: '>=100 over any 5s'}").verdict is PASS
    assert _judged("throughput: {min_rps: '>100 over any 5s'}").verdict is FAIL


def test_windows_with_too_few_requests_are_no_pass() -> None:
    """One request a second: no 10 s of them say anything of p95."""
    finding = _judged("response_time: {p95: <200ms over any 10s}", times=1)
    assert finding.verdict is UNKNOWN
    assert "10 samples are too few" in finding.advice


def test_an_endpoint_that_was_silent_for_a_window_is_no_pass() -> None:
    """Nobody asked it for 20 s: what it would have done is not known."""
    slices = [part(n, LOANS, [0.1] * 100) for n in range(SECONDS)]
    slices += [part(n, LOGIN, [0.1] * 100) for n in range(SECONDS) if not 70 <= n < 90]
    (requirement,) = parse_requirements(
        "endpoints: {POST /api/auth/login: {response_time: {p95: <1s over any 10s}}}", "x"
    )
    finding = judge(run(*slices, of=plan(requirement, profile=PROFILE))).findings[-1]
    assert (finding.verdict, finding.id) == (UNKNOWN, "POST /api/auth/login:response_time.p95:any 10s")
    assert "too few requests ended" in finding.advice


@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.95, 0.999])
def test_rolling_quantiles_equal_those_of_merged_histograms(quantile: float) -> None:
    """Within half a bucket of the extremes, exactly otherwise."""
    random = np.random.default_rng(1)
    slices = [part(n, times_s=random.lognormal(-2, 1, random.integers(1, 50)).tolist()) for n in range(40)]
    own = course(slices, range(START, START + 40))
    plain = [
        merged(h for h in own.response[n : n + 7] if h is not None).quantile(quantile) for n in range(34)
    ]
    assert rolled_quantiles_s(own, 7, quantile) == pytest.approx(plain, rel=0.0051)


def test_a_window_is_a_requirement_of_its_own() -> None:
    """The same limit over two windows stands side by side; `over steady state` is the default."""
    found: tuple[Requirement, ...] = parse_requirements(
        "response_time: {p95: <1s, p99: <2s over each stage}\nerror_rate: {max_rate: 1% over the whole load}",
        "x",
    )
    assert [(r.id, r.window) for r in found] == [
        ("response_time.p95", ""),
        ("response_time.p99:stage", "stage"),
        ("error_rate.rate:whole", "whole"),
    ]
