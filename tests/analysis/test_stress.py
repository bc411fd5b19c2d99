"""Stage by stage what held, what broke first, and what was seen of recovery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.judge import judge
from loadproof.analysis.shapes.stress import find_breaking_point
from loadproof.analysis.window.windows import Window
from loadproof.histogram import Histogram
from loadproof.model import (
    Endpoint,
    FailureKind,
    Finding,
    Operator,
    Profile,
    ProfileKind,
    Requirement,
    Slice,
    Statistic,
    Subject,
    Unit,
    Verdict,
)
from tests.runs import LOANS, LOGIN, START, error_rate, loose, plan, required, run, staged, throughput

if TYPE_CHECKING:
    from loadproof.runfile.reader import Run

Answers = Callable[[float, int], tuple[int, float, int]]
"""From the level and the second: requests, their response time in seconds, how many failed."""
_WINDOW = Window(frozenset(), "")


def steps(*levels: float, open_model: bool = False, length_s: float = 20.0) -> Profile:
    """Holds of 20 s at each level, a jump between them."""
    stages = [part for level in levels for part in ((0.0, level), (length_s, level))]
    return replace(staged(*stages, open_model=open_model), kind=ProfileKind.STRESS)


def stressed(profile: Profile, answers: Answers, endpoint: Endpoint = LOANS) -> Run:
    """A run of that profile against a service that answers so."""
    slices = []
    for second in range(int(profile.duration_s)):
        requests, time_s, failed = answers(profile.level_at(second + 0.5), second)
        histogram = Histogram()
        histogram.record_all([time_s] * requests)
        failures = {FailureKind.STATUS: failed} if failed else {}
        slices.append(Slice(START + second, endpoint, requests, failures, 0, histogram))
    made = plan(required(0.5), error_rate(0.05), profile=profile)
    return run(*slices, of=made, seconds=profile.duration_s)


def limited(capacity_per_s: float) -> Answers:
    """Two requests per second of each user, up to a capacity; slow beyond."""
    return lambda level, _: (
        round(min(2 * level, capacity_per_s)), 0.1 if 2 * level <= capacity_per_s else 1.0, 0,
    )  # fmt: skip


def both(run_: Run) -> tuple[Finding, Finding]:
    """The breaking point and the stages."""
    breaking, stages = find_breaking_point(run_, _WINDOW)
    return breaking, stages


def test_the_first_stage_that_broke_is_named_with_requirement_and_endpoint() -> None:
    """Users 50, 100, 150, 200, with a capacity of 250 requests/s: 150 users are too many."""
    breaking, _ = both(stressed(steps(50, 100, 150, 200), limited(250.0)))
    assert breaking.sentence == (
        "it held up to stage 2, 100 users; stage 3, 150 users, broke: p95 is 1s, required < 500ms, "
        "worst on GET /api/loans"
    )
    assert breaking.evidence["held_level"] == 100
    assert breaking.evidence["broken"] == "response_time.percentile"


def test_the_breaking_point_is_the_headline() -> None:
    """Requirements over the whole run fail; the sentence of the run says up to where it held."""
    report = judge(stressed(steps(50, 100, 150, 200), limited(250.0)))
    assert report.verdict is Verdict.FAIL
    assert report.sentence.startswith("it held up to stage 2, 100 users")


def test_that_it_held_is_no_reason_of_a_fail() -> None:
    """Every stage met its limits and the run misses another one: the headline is that one."""
    held = stressed(steps(10, 20, 30), limited(1e9))
    report = judge(replace(held, plan=replace(held.plan, requirements=(required(0.5), throughput(1e6)))))
    assert report.verdict is Verdict.FAIL
    assert report.sentence.startswith("throughput is ")
    assert "held" not in report.sentence


def test_a_stage_that_cannot_be_judged_has_not_held() -> None:
    """ "In every stage" is said where it was every stage."""
    few = stressed(steps(10, 20, 300), lambda level, _: (20 if level < 300 else 0, 0.1, 0))
    breaking, _ = both(few)
    assert breaking.sentence.startswith("it held in 2 of 3 stages, up to 20 users; 1 cannot be judged")


def must_hold(users: float) -> Requirement:
    """Every stage up to there."""
    made = required(users, Subject.HELD_LOAD, Statistic.VALUE, Operator.GREATER_EQUAL)
    return replace(made, id="held_load", unit=Unit.COUNT)


def test_each_stage_answers_for_itself() -> None:
    """One broken stage among four that are light is a FAIL, though p95 over all of them holds."""
    broken = stressed(
        steps(50, 100, 150, 200, 250),
        lambda level, _: (100 if level < 250 else 4, 0.1 if level < 250 else 0.9, 0),
    )
    diluted = replace(broken, plan=replace(broken.plan, requirements=(required(0.5),)))
    report = judge(diluted)
    assert {f.id: f.verdict for f in report.findings}["response_time.percentile"] is Verdict.PASS
    assert report.verdict is Verdict.FAIL
    (whole,) = (finding.sentence for finding in report.findings if finding.headline)
    assert whole.startswith("it held up to stage 4, 200 users; stage 5, 250 users, broke: p95 is 900ms")
    # What it held does not fit as well: what broke, its value and its limit do.
    assert report.sentence.startswith("stage 5, 250 users, broke: p95 is 900ms, required < 500ms")


@pytest.mark.parametrize(
    ("users", "verdict"),
    [(100.0, Verdict.PASS), (50.0, Verdict.PASS), (150.0, Verdict.FAIL), (500.0, Verdict.FAIL)],
)
def test_must_hold_says_how_far(users: float, verdict: Verdict) -> None:
    """A service of 250 requests/s holds 100 users: that is enough where no more has to hold."""
    made = stressed(steps(50, 100, 150, 200), limited(250.0))
    made = replace(made, plan=replace(made.plan, requirements=(required(0.5), must_hold(users))))
    report = judge(made)
    assert {f.id: f.verdict for f in report.findings}["held_load"] is verdict
    assert report.verdict is verdict


def test_a_load_that_never_went_so_far_is_open() -> None:
    """Nothing broke, and nobody tried: INCONCLUSIVE."""
    made = stressed(steps(50, 100, 150), limited(1000.0))
    made = replace(made, plan=replace(made.plan, requirements=(required(0.5), must_hold(300))))
    report = judge(made)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "held load is at least 150 users" in report.sentence


def test_errors_break_a_stage_too() -> None:
    """A stage that is fast and fails does not hold."""
    breaking, _ = both(stressed(steps(50, 100, 150), lambda level, _: (100, 0.1, 10 if level > 100 else 0)))
    assert "stage 3, 150 users, broke: error rate is 10%" in breaking.sentence


def test_the_worst_endpoint_is_blamed() -> None:
    """Of two endpoints the slower one is named."""
    profile = steps(50, 100, 150)
    fast = stressed(profile, lambda _level, _: (100, 0.01, 0), LOGIN)
    slow = stressed(profile, limited(210.0))
    breaking, _ = both(replace(slow, slices=(*fast.slices, *slow.slices)))
    assert breaking.endpoint == "GET /api/loans"


def test_a_service_that_holds_everything_says_so() -> None:
    """No breaking point is invented."""
    breaking, stages = both(stressed(steps(50, 100, 150, 200), limited(1000.0)))
    assert breaking.sentence == "it held in every stage, up to 200 users"
    assert "throughput followed the load to its peak" in stages.sentence
    assert "plateau" not in stages.evidence


def test_a_plateau_has_its_interval() -> None:
    """Goodput of 2 x users levels off at 250/s."""
    _, stages = both(stressed(steps(40, 80, 120, 160, 200, 240), limited(250.0)))
    plateau = loose(stages.evidence)["plateau"]
    assert abs(plateau["goodput_per_s"] - 250.0) < 2.5
    assert "goodput levels off at 250/s" in stages.sentence


def test_no_goodput_is_told_that_no_stage_had() -> None:
    """The corner of the fitted lines lies at about 160/s, above the 117/s that the best stage had."""
    served = {20: 40, 40: 80, 60: 117, 100: 117, 120: 60, 140: 3}
    _, stages = both(stressed(steps(*served), lambda level, _: (served[int(level)], 0.1, 0)))
    assert "plateau" not in stages.evidence
    assert stages.sentence.startswith("goodput was 117/s at most, and no longer followed the load")
    assert "levels off" not in stages.sentence


@pytest.mark.parametrize(
    ("most_per_s", "bottleneck", "stages"),
    [
        (90.0, "throughput ended at 90/s, from ", "goodput levels off at "),
        (104.0, "nothing saturated: throughput grew more slowly than the load at 104/s", "no stage follows"),
        (500.0, "nothing saturated: throughput still followed the load at 120/s", "throughput followed the "),
    ],
    ids=["both say that it ended", "one of them alone", "both say that it did not"],
)
def test_where_throughput_ended_is_told_in_one_way(most_per_s: float, bottleneck: str, stages: str) -> None:
    """Arrivals of 20 to 120/s: what the stages say of throughput never excludes what the bottleneck says."""
    profile = steps(20, 40, 60, 80, 100, 120, open_model=True)
    report = judge(stressed(profile, lambda level, _: (round(min(level, most_per_s)), 0.1, 0)))
    said = {finding.id: finding.sentence for finding in report.findings}
    assert said["bottleneck"].startswith(bottleneck)
    assert said["stress.stages"].startswith(stages)


def test_ramps_that_the_bottleneck_tells_otherwise_name_no_other_break() -> None:
    """A ramp that bends near its top breaks: up to where it was followed is left to the bottleneck."""
    ramps = staged((20.0, 40.0), (20.0, 80.0), (20.0, 120.0), open_model=True)
    made = stressed(
        replace(ramps, kind=ProfileKind.STRESS),
        lambda level, _: (round(min(level, 104)), 0.1 if level < 95 else 1.0, 0),
    )
    (breaking, _), told = both(made), judge(made).findings
    assert "the service followed the load up to " in breaking.sentence
    (kept,) = [finding for finding in told if finding.id == breaking.id]
    assert kept.sentence == breaking.sentence.partition("; the service followed")[0]
    assert "break_load" not in kept.evidence


def test_too_few_requests_are_no_pass() -> None:
    """A stage with three requests is unknown, not held."""
    breaking, stages = both(stressed(steps(1, 2, 3, length_s=3.0), lambda _l, _s: (1, 0.1, 0)))
    assert "no stage can be judged" in breaking.sentence
    assert {row["requirements"] for row in loose(stages.evidence)["rows"]} == {"unknown"}


def test_recovery_is_seen_in_the_last_stage() -> None:
    """Back at 50 users it meets the requirements again, or does not."""
    profile = steps(50, 100, 150, 50)
    _, well = both(stressed(profile, limited(250.0)))
    assert "it recovered in the last stage" in well.sentence
    _, ill = both(stressed(profile, lambda level, at: limited(250.0)(200.0 if at > 40 else level, at)))
    assert "it had not recovered at the end: p95 is 1s" in ill.sentence


def test_the_default_ramps_are_stages_as_well() -> None:
    """`--profile stress` only ramps: each ramp is a stage, the last one down shows recovery."""
    ramps = staged((20.0, 50.0), (20.0, 100.0), (20.0, 150.0), (20.0, 200.0), (20.0, 0.0))
    breaking, stages = both(stressed(replace(ramps, kind=ProfileKind.STRESS), limited(250.0)))
    assert breaking.evidence["stage"] == 3
    assert "the service followed the load up to 125 users" in breaking.sentence.replace("124", "125")
    assert [row["load"] for row in loose(stages.evidence)["rows"]][-1] == "200 to 0 users"


def test_three_rising_levels_make_any_load_a_stress_test() -> None:
    """Two do not, and neither does a load that is steady."""
    rising = replace(steps(50, 100, 150), kind=ProfileKind.LOAD)
    assert find_breaking_point(stressed(rising, limited(1000.0)), _WINDOW)
    for levels in ((50, 100), (100, 100, 100), (150, 100, 50)):
        other = replace(steps(*levels), kind=ProfileKind.LOAD)
        assert find_breaking_point(stressed(other, limited(1000.0)), _WINDOW) == []


def test_the_scalability_law_is_fitted_to_six_levels_of_users_only() -> None:
    """Throughput after the law itself gives its parameters; five levels give none, arrivals neither."""

    def law(level: float, _: int) -> tuple[int, float, int]:
        return round(50 * level / (1 + 0.02 * (level - 1) + 0.002 * level * (level - 1))), 0.1, 0

    _, six = both(stressed(steps(4, 8, 12, 16, 20, 24), law))
    assert abs(loose(six.evidence)["usl"]["best_users"] - 22.1) < 1.5
    assert "users (USL)" in six.sentence
    _, five = both(stressed(steps(4, 8, 12, 16, 20), law))
    assert "usl" not in five.evidence
    _, arrivals = both(stressed(steps(4, 8, 12, 16, 20, 24, open_model=True), law))
    assert "usl" not in arrivals.evidence


def test_an_optimum_far_beyond_what_was_tested_is_not_told() -> None:
    """Tested to a third of the optimum: the fit stands in the evidence, no greatest throughput does."""

    def law(level: float, _: int) -> tuple[int, float, int]:
        return round(500 * level / (1 + 0.02 * (level - 1) + 0.0002 * level * (level - 1))), 0.1, 0

    _, stages = both(stressed(steps(4, 8, 12, 16, 20, 24), law))
    assert loose(stages.evidence)["usl"]["best_users"] is None
    assert "USL" not in stages.sentence
