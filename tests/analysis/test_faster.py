"""Warm-up: what `warm_up` leaves out, and a service that was still getting faster while it was judged."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from loadproof.analysis.judge import judge
from loadproof.analysis.window.windows import judged_window
from loadproof.model import Finding, Plan, Profile, ProfileKind, Report, RunOptions, Slice, Verdict
from tests.runs import LOANS, START, part, plan, required, run, staged

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def held(*lengths_s: int) -> Profile:
    """Holds at 10 users, a second of ramp before each but the first."""
    stages: list[tuple[float, float]] = [(lengths_s[0], 10)]
    for at, length_s in enumerate(lengths_s[1:], start=1):
        stages += [(1, 10 + 5 * at), (length_s, 10 + 5 * at)]
    return staged(*stages, start=10)


@pytest.mark.parametrize(
    ("of", "seconds", "judged", "description"),
    [
        (plan(profile=held(40), options=RunOptions(warm_up_s=30.0)), 40, range(30, 40),
         "10s of steady load, first 30s left out by warm_up"),
        (plan(replace(required(0.5), warm_up_s=30.0), profile=held(40)), 40, range(30, 40),
         "10s of steady load, first 30s left out by warm_up"),
        (plan(replace(required(0.5), warm_up_s=5.0), profile=held(40), options=RunOptions(warm_up_s=30.0)),
         40, range(30, 40), "10s of steady load, first 30s left out by warm_up"),
        (plan(profile=held(10, 10), options=RunOptions(warm_up_s=4.0)), 21, [*range(4, 10), *range(15, 21)],
         "12s of steady load, ramps left out, first 4s of each hold left out by warm_up"),
        (plan(profile=Profile(ProfileKind.SCENARIO), options=RunOptions(warm_up_s=4.0)), 10, range(4, 10),
         "the whole load (10s), first 4s left out by warm_up"),
        (plan(profile=held(40), options=RunOptions(warm_up_s=30.0), time_scale=0.5), 20, range(15, 20),
         "5s of steady load, first 15s left out by warm_up"),
        (plan(profile=replace(held(40), kind=ProfileKind.STRESS), options=RunOptions(warm_up_s=30.0)),
         40, range(40),
         "the whole load (40s)"),
        (plan(profile=held(40)), 40, range(40), "the whole load (40s)"),
    ],
)  # fmt: skip
def test_the_start_of_each_hold_is_left_out(
    of: Plan, seconds: int, judged: list[int], description: str
) -> None:
    """Wherever it was asked for, and the window says so."""
    window = judged_window(run(*(part(n) for n in range(seconds)), of=of, seconds=seconds))
    assert {second - START for second in window.seconds} == set(judged)
    assert window.description == description


def test_a_hold_that_ended_within_its_warm_up_is_no_pass() -> None:
    """Nothing is left of it: that is no verdict."""
    of = plan(required(0.5), profile=held(40), options=RunOptions(warm_up_s=30.0))
    report = judge(run(*(part(n) for n in range(20)), of=of, seconds=20))
    assert report.verdict is UNKNOWN


def warming(seconds: int, first_s: float = 0.8, last_s: float = 0.02) -> list[Slice]:
    """Times that fall in a straight line in the first two thirds and stay."""
    flat = seconds * 2 // 3
    fall = [max(first_s + (last_s - first_s) * n / flat, last_s) for n in range(seconds)]
    return [part(n, LOANS, (time_s, time_s * 1.01) * 20) for n, time_s in enumerate(fall)]


def note(report: Report) -> Finding | None:
    return next((finding for finding in report.findings if finding.id == "steady.faster"), None)


@pytest.mark.parametrize("seconds", [12, 20, 40, 59])
def test_a_short_hold_that_gets_faster_is_told(seconds: int) -> None:
    """And a FAIL that the warm service would not have had says so, with its value there."""
    report = judge(run(*warming(seconds), of=plan(required(0.1), profile=held(seconds))))
    told = note(report)
    assert told is not None
    assert "still getting faster" in told.sentence
    assert report.verdict is FAIL
    assert f"required < 100ms, still getting faster: 20.2ms in the last {seconds // 3}s" in report.sentence


def test_a_long_hold_that_gets_faster_explains_its_fail_too() -> None:
    """Of a minute and more the note is that it never became steady."""
    fall = [part(n, LOANS, (0.5 - 0.003 * n,) * 40) for n in range(120)]
    report = judge(run(*fall, of=plan(required(0.3), profile=held(120))))
    assert note(report) is None
    assert "still getting faster" in report.sentence


def test_with_its_warm_up_left_out_the_same_run_passes() -> None:
    """This is what the advice says."""
    of = plan(required(0.1), profile=held(40), options=RunOptions(warm_up_s=27.0))
    report = judge(run(*warming(40), of=of))
    assert (report.verdict, note(report)) == (PASS, None)


def test_a_fail_that_the_warm_service_has_too_stays_as_it_is() -> None:
    """Faster, and still too slow: warm-up is no excuse."""
    report = judge(run(*warming(40), of=plan(required(0.01), profile=held(40))))
    assert report.verdict is FAIL
    assert "still getting faster" not in report.sentence


@pytest.mark.parametrize("seconds", [8, 10, 20, 40, 59])
def test_healthy_holds_are_not_told(seconds: int) -> None:
    """Level with noise, with a slow first second for the connections: 300 of each length, none is told."""
    draw = random.Random(seconds)
    for _ in range(300):
        times = [0.05 * draw.lognormvariate(0, 0.15) * (4 if n == 0 else 1) for n in range(seconds)]
        made = run(*(part(n, LOANS, (time_s,) * 5) for n, time_s in enumerate(times)),
                   of=plan(required(0.5), profile=held(seconds)))  # fmt: skip
        assert note(judge(made)) is None


def test_a_service_that_gets_slower_is_not_told_to_get_faster() -> None:
    """The trend has a direction."""
    slices = [part(n, LOANS, (0.02 + 0.01 * n,) * 20) for n in range(40)]
    assert note(judge(run(*slices, of=plan(required(0.5), profile=held(40))))) is None
