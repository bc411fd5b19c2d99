"""Response times that grow: by a line, by many times, and by chance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.judge import judge
from loadproof.analysis.shapes.ratios import agreed, trend_of_ratios
from loadproof.analysis.shapes.trend import Growth
from loadproof.model import Profile, ProfileKind, Stage, Verdict
from loadproof.plan.requirements import parse_requirements
from tests.runs import part, plan, run

if TYPE_CHECKING:
    from loadproof.model import Finding

_AT = np.arange(15.0, 1_215.0, 30.0)
_SCATTER = np.exp(np.random.default_rng(17).normal(0, 0.3, 40))


@pytest.mark.parametrize(
    ("values", "growth"),
    [
        (np.where(_AT < 500, 0.05, 28.0), Growth.RAISED),
        (np.minimum(0.05 * np.exp(_AT / 90), 28.0), Growth.RAISED),
        (np.where((_AT > 500) & (_AT < 900), 28.0, 0.05), Growth.NOT_PROVEN),
        (np.where(_AT < 500, 0.05, 0.075), Growth.STEP),
        (np.full(40, 0.05), Growth.NOT_PROVEN),
    ],
    ids=["at once", "until all users wait", "and back", "by a half", "level"],
)
def test_times_that_are_many_times_what_they_were_have_grown(values: np.ndarray, growth: Growth) -> None:
    """In whatever shape, if they stay there; a step by a half is one step."""
    assert trend_of_ratios(_AT, values * _SCATTER**0.3, 1_200.0).growth is growth


@pytest.mark.parametrize(
    "values",
    [
        np.repeat([0.03, 0.1], [8, 32]),
        np.repeat([0.03, 0.1, 0.07], [8, 24, 8]),
        np.append(np.full(8, 0.03), np.linspace(0.4, 0.07, 32)),
        np.repeat([0.1, 0.23, 0.24], [10, 1, 1]),
        np.repeat([0.1, 0.03, 0.3], [8, 24, 8]),
    ],
    ids=["early", "and down again", "that falls", "one disturbed minute", "after a dip"],
)
def test_a_step_that_does_not_go_on_is_no_growth(values: np.ndarray) -> None:
    """Many times as slow at the end as in the beginning, and healthy: what lies between tells."""
    scattered = values * _SCATTER[: values.size] ** 0.1
    trend = trend_of_ratios(_AT[: values.size], scattered, 30.0 * values.size)
    assert not trend.lasting
    assert trend.growth is not Growth.RAISED


@pytest.mark.parametrize("times", [1.2, 3.0, 10.0])
@pytest.mark.parametrize("scatter", [0.0, 0.03])
def test_a_straight_rise_grows_however_high(times: float, scatter: float) -> None:
    """Of a list that each request scans: its logarithms slow down, the times do not."""
    values = 0.01 * (1 + (times - 1) * _AT / 1_200) * _SCATTER ** (scatter / 0.3)
    trend = trend_of_ratios(_AT, values, 1_200.0)
    assert trend.growth is Growth.GROWS
    assert trend.slope * 1_200 == pytest.approx(0.01 * (times - 1), rel=0.2)


def test_one_percentile_alone_must_be_surer() -> None:
    """Chance has three tries with three of them."""
    drifts = trend_of_ratios(_AT, 0.1 * np.exp(_AT / 6_000), 1_200.0)
    level = trend_of_ratios(_AT, np.full(40, 0.1), 1_200.0)
    assert drifts.growth is Growth.GROWS
    unsure = replace(drifts, p=1e-4)
    assert [trend.growth for trend in agreed([level, unsure, level])] == [Growth.NOT_PROVEN] * 3
    assert [trend.growth for trend in agreed([level, drifts, level])][1] is Growth.GROWS
    assert [trend.growth for trend in agreed([level, unsure, unsure])][1] is Growth.GROWS


def _latency(seconds: int, times_s: np.ndarray) -> tuple[Finding, Finding]:
    slices = [part(n, times_s=[float(value)] * 20) for n, value in enumerate(times_s)]
    asked = parse_requirements("latency_growth: <10%/h", "requirements.yaml")
    profile = Profile(ProfileKind.SOAK, (Stage(seconds, 10),), start=10)
    findings = judge(run(*slices, of=plan(*asked, profile=profile))).findings
    by_id = {finding.id: finding for finding in findings}
    return by_id["latency_growth.rate"], by_id["soak"]


def test_a_service_that_is_full_has_degraded() -> None:
    """From 50 ms to 20 s at a level load: a FAIL, in the words of what happened."""
    at = np.arange(1_200.0)
    finding, note = _latency(1_200, np.minimum(0.05 * np.exp(at / 80), 20.0))
    assert finding.verdict is Verdict.FAIL
    assert finding.advice.startswith("p50 of all requests went from ")
    assert "and stays there" in note.sentence
    assert finding.evidence["growth_low_per_hour"] is None, "no line says how fast"
    assert finding.measure is not None
    assert finding.measure.interval is None


@pytest.mark.parametrize("seconds", [60, 240])
def test_a_short_run_has_no_growth_of_times(seconds: int) -> None:
    """A minute of a service that warms up is not -1,824 %/h: it is too short."""
    at = np.arange(float(seconds))
    finding, _ = _latency(seconds, 0.05 + 0.2 * np.exp(-at / 20))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "too short, 5m are needed" in finding.advice
    assert finding.value is None
