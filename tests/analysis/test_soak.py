"""Leaks in hand-made soaks: an hour at one level, a reading each second, memory that is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.judge import judge
from loadproof.model import Profile, ProfileKind, Reading, Stage, Unit, Verdict
from loadproof.plan.requirements import parse_requirements
from tests.runs import START, measure_of, part, plan, run

if TYPE_CHECKING:
    from loadproof.model import Finding
    from loadproof.runfile.reader import Run

SECONDS = 1_800
MIB = 2.0**20
_AT = np.arange(float(SECONDS))
_NOISE = np.random.default_rng(5).normal(0, 0.5 * MIB, SECONDS)
LEVEL = 100 * MIB + _NOISE
LEAK = LEVEL + 20 * MIB * _AT / SECONDS  # 40 MiB an hour


def _soak(
    memory: np.ndarray | None = LEAK,
    written: str = "",
    kind: ProfileKind = ProfileKind.SOAK,
    slower: float = 0.0,
    series: str = "process.rss",
    limit: float | None = 1024 * MIB,
) -> Run:
    """Ten requests a second; p95 grows by the share `slower` over the run."""
    slices = [
        part(n, times_s=[0.1 * (1 + slower * n / SECONDS) * w] * 10)
        for n, w in enumerate(np.tile([1, 1.02, 0.98], SECONDS // 3).tolist())
    ]
    source, _, name = series.partition(".")
    values = [] if memory is None else memory.tolist()
    readings = tuple(
        Reading(START + n + 0.01, source, name, value, Unit.BYTES, limit) for n, value in enumerate(values)
    )
    requirements = parse_requirements(written, "requirements.yaml") if written else ()
    profile = Profile(kind, (Stage(SECONDS, 10),), start=10)
    return replace(run(*slices, of=plan(*requirements, profile=profile)), readings=readings)


def _finding(made: Run, identity: str = "soak") -> Finding:
    return next(finding for finding in judge(made).findings if finding.id == identity)


def test_a_leak_is_told_with_its_rate_and_its_end() -> None:
    """40 MiB an hour, 1.14 MiB per 1,000 requests, and the limit in about 22 hours."""
    note = _finding(_soak())
    assert note.evidence["growing"] == ["process.rss"]
    (row,) = [row for row in note.evidence["rows"] if row["series"] == "process.rss"]
    assert row["growth_per_hour"] == pytest.approx(40 * MIB, rel=0.05)
    assert row["growth_low_per_hour"] < 40 * MIB < row["growth_high_per_hour"]
    assert row["growth_per_1000_requests"] == pytest.approx(20 * MIB / 18, rel=0.05)
    assert row["hours_to_limit"] == pytest.approx((1024 - 120) / 40, rel=0.05)
    assert note.sentence.startswith("it grows for as long as it runs: process.rss by ")
    assert "at its limit in 22h" in note.sentence


def test_without_a_leak_it_says_how_small_a_one_it_would_have_missed() -> None:
    """Never "no leak" alone."""
    note = _finding(_soak(LEVEL))
    assert note.sentence.startswith("no leak or drift found in memory, latency, error rate")
    assert "cannot be ruled out" in note.sentence
    (row,) = [row for row in note.evidence["rows"] if row["series"] == "process.rss"]
    assert row["smallest_seen_per_hour"] == pytest.approx(10 * MIB, rel=0.05)


def test_latency_that_drifts_is_told() -> None:
    """A third more over the run."""
    note = _finding(_soak(LEVEL, slower=0.33))
    assert note.evidence["growing"] == ["p95 of all requests"]


def test_an_unmeasured_memory_is_told() -> None:
    """What was seen is said, and what to measure."""
    note = _finding(_soak(None))
    assert "memory" not in note.sentence
    assert note.advice.startswith("no monitor measures the service's memory")


def test_other_loads_are_not_asked() -> None:
    """A load test has no note on leaks."""
    report = judge(_soak(kind=ProfileKind.LOAD))
    assert "soak" not in {finding.id for finding in report.findings}


@pytest.mark.parametrize("series", ["host.memory.used", "generator.rss", "locust.rss"])
def test_the_generator_and_its_machine_do_not_leak_for_the_service(series: str) -> None:
    """Their memory is no evidence on the service."""
    assert "growing" not in _finding(_soak(series=series)).evidence


@pytest.mark.parametrize(
    ("memory", "written", "verdict", "reason"),
    [
        (LEAK, "memory_growth: <10MiB/h", Verdict.FAIL, "40 MiB/h"),
        (LEAK, "memory_growth: <100MiB/h", Verdict.PASS, "40 MiB/h"),
        (LEAK, "memory_growth: <5%/h", Verdict.FAIL, "40 %/h"),
        (LEAK, "memory_growth: <60%/d", Verdict.FAIL, "2.5 %/h are allowed"),
        (LEAK, "memory_growth: <39.8MiB/h", Verdict.INCONCLUSIVE, "the limit is inside the interval"),
        (LEVEL, "memory_growth: <5%/h", Verdict.PASS, "nothing grows, and the interval ends below"),
        (LEVEL, "memory_growth: <0.01%/h", Verdict.INCONCLUSIVE, "so little cannot be seen"),
        (LEVEL + 20 * MIB * (_AT > 700), "memory_growth: <5%/h", Verdict.INCONCLUSIVE, "one step"),
        (None, "memory_growth: <5%/h", Verdict.INCONCLUSIVE, "nobody measured it"),
        (LEAK, "connection_growth: <2/h", Verdict.INCONCLUSIVE, "nobody measured it"),
        (LEVEL, "latency_growth: <5%/h", Verdict.PASS, "from the requests themselves"),
    ],
)
def test_growth_requirements(memory: np.ndarray | None, written: str, verdict: Verdict, reason: str) -> None:
    """PASS when all that is possible holds, FAIL when what is proven does not."""
    made = _soak(memory, written, kind=ProfileKind.LOAD)
    finding = _finding(made, made.plan.requirements[0].id)
    assert finding.verdict is verdict, reason
    assert finding.verdict is Verdict.PASS or finding.advice


def test_a_growth_has_the_evidence_of_every_requirement() -> None:
    """Value, interval, window, samples, margin, and the series."""
    finding = _finding(_soak(written="memory_growth: <10MiB/h"), "memory_growth.rate")
    assert finding.value == pytest.approx(40 * MIB, rel=0.05)
    low, high = measure_of(finding).interval or (0.0, 0.0)
    assert low < 40 * MIB < high
    assert finding.window == "the longest hold (30m)"
    assert (measure_of(finding).samples, measure_of(finding).series) == (SECONDS, "process.rss")
    assert finding.sentence.startswith("growth of memory is 40.")
    assert finding.sentence.endswith("MiB/h, required < 10MiB/h")


def test_the_same_run_gives_the_same_bytes() -> None:
    """Nothing is drawn at random."""
    assert repr(judge(_soak())) == repr(judge(_soak()))
