"""A spike's recovery, from runs whose queue is known: capacity 100/s; 70/s, 150/s for 10 s, 70/s again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.judge import judge
from loadproof.analysis.shapes.recovery import Signal, recovery_of
from loadproof.analysis.shapes.surge import find_surge
from loadproof.model import Profile, ProfileKind, Reading, Stage, Unit, Verdict
from loadproof.plan.requirements import parse_requirements
from tests.runs import START, loose, part, plan, required, run, staged

if TYPE_CHECKING:
    from loadproof.model import Finding, Requirement
    from loadproof.runfile.reader import Run

CAPACITY, BASE, PEAK, SPIKE_S, BEFORE_S = 100, 70, 150, 10, 60
DRAIN_S = (PEAK - CAPACITY) * SPIKE_S / (CAPACITY - BASE)


def _profile(after_s: float) -> Profile:
    stages = ((BEFORE_S, BASE), (0, PEAK), (SPIKE_S, PEAK), (0, BASE), (after_s, BASE))
    return Profile(ProfileKind.SPIKE, staged(*stages).stages, open_model=True, start=BASE)


def queue(*requirements: Requirement, after_s: int = 60, stays: float = 1.0, failing: int = 0) -> Run:
    """A run of the queue: 20 ms and the wait; `failing` requests fail in each second of the spike.

    `stays`: how many times as slow it is from the spike on, for ever.
    """
    slices, backlog = [], 0.0
    for second in range(BEFORE_S + SPIKE_S + after_s):
        spiking = BEFORE_S <= second < BEFORE_S + SPIKE_S
        offered = PEAK if spiking else BASE
        served = min(CAPACITY, offered + backlog)
        backlog += offered - served
        wobble = (1.0, 1.02, 0.98, 1.01, 0.99)[second % 5]
        time_s = 0.02 * wobble * (stays if second >= BEFORE_S else 1.0) + backlog / CAPACITY
        slices.append(part(second, times_s=[time_s] * int(served), failed=failing if spiking else 0))
    return run(*slices, of=plan(*requirements, profile=_profile(after_s)))


def _written(text: str) -> Requirement:
    (requirement,) = parse_requirements(text, "requirements.yaml")
    return requirement


def _finding(made: Run, identity: str) -> Finding:
    return next(finding for finding in judge(made).findings if finding.id == identity)


def test_recovery_is_when_the_queue_is_empty() -> None:
    """500 requests of backlog drain at 30/s: 16.7 s."""
    note = _finding(queue(), "spike")
    assert note.evidence["status"] == "recovered"
    assert note.evidence["recovery_s"] == pytest.approx(DRAIN_S, abs=1)
    assert note.evidence["worst_p95_s"] == pytest.approx(5, rel=0.05)
    assert note.evidence["baseline_p95_s"] == pytest.approx(0.02, rel=0.05)
    assert note.sentence.startswith("the service recovered from the spike after 1")


@pytest.mark.parametrize(
    ("limit_s", "after_s", "verdict", "reason"),
    [
        (30, 60, Verdict.PASS, "17 s"),
        (10, 60, Verdict.FAIL, "17 s"),
        (5, 12, Verdict.FAIL, "12 s are watched, and it is not back: more than 5 s already"),
        (30, 12, Verdict.INCONCLUSIVE, "the run ends before it could be known"),
        (20, 35, Verdict.INCONCLUSIVE, "back, as it seems, and not watched for 30 s more"),
        (10, 35, Verdict.FAIL, "whatever came later, it was not back after 10 s"),
    ],
)
def test_a_recovery_time_that_was_not_seen_fails_only_when_proven(
    limit_s: float, after_s: int, verdict: Verdict, reason: str
) -> None:
    """Censored: a FAIL when it is already too late, INCONCLUSIVE otherwise."""
    finding = _finding(queue(_written(f"recovery_time: <{limit_s}s"), after_s=after_s), "recovery_time.max")
    assert finding.verdict is verdict, reason


@pytest.mark.parametrize(
    ("limit_s", "verdict", "judged"),
    [(20, Verdict.INCONCLUSIVE, "required < 20s"), (10, Verdict.FAIL, "required < 10s")],
)
def test_what_is_back_and_was_not_watched_for_long_enough_is_said_so(
    limit_s: float, verdict: Verdict, judged: str
) -> None:
    """Back after 16 s, has to stay for 30 s, and the load ends after 35: nobody says "not recovered"."""
    made = queue(_written(f"recovery_time: <{limit_s}s"), after_s=35)
    back = "back after 16s, watched for 35s of the 46s asked for"
    note, finding = _finding(made, "spike"), _finding(made, "recovery_time.max")
    assert note.sentence.startswith(f"the service was {back}")
    assert note.evidence["back_after_s"] == 16
    assert finding.sentence == f"recovery time is 16s or more ({back}), {judged}"
    assert finding.verdict is verdict
    assert finding.advice == "hold the load 11s longer after the spike: what is back must stay for 30s"


@pytest.mark.parametrize("bad_s", [0, 1, 2, 3, 4])
def test_a_recovery_of_a_second_or_two_is_not_smoothed_away(bad_s: int) -> None:
    """So many seconds behind the spike are slow, and none later."""
    before = np.tile([0.02, 0.0204, 0.0196, 0.0202, 0.0198], 12)
    after = before.copy()
    after[:bad_s] = 0.9
    found = recovery_of(Signal("p95", before, after))
    assert found is not None
    assert found.recovery_s == bad_s


def test_what_is_not_back_had_not_recovered() -> None:
    """The backlog takes 17 s to drain, and 12 s were watched."""
    note = _finding(queue(after_s=12), "spike")
    assert note.sentence.startswith("12s after the spike the service had not recovered (p95)")
    assert note.evidence["back_after_s"] is None


@pytest.mark.parametrize(("busy", "verdict"), [(0.1, Verdict.FAIL), (0.9, Verdict.INCONCLUSIVE)])
def test_strangers_explain_a_slow_recovery_only_of_a_service_with_work(busy: float, verdict: Verdict) -> None:
    """The machine is full. An idle service's queue is not for a processor; one busy after the spike may be.

    It was idle before the spike in both: what counts is the time in which it recovered.
    """
    made = queue(_written("recovery_time: <4s"), after_s=12)
    readings = []
    for second in range(BEFORE_S + SPIKE_S + 12):
        after = second >= BEFORE_S + SPIKE_S
        for source, series, value in (
            ("host", "cpu", 2.0), ("host", "cpu.program.stress", 1.5), ("process", "cpu", 0.05),
            ("process", "thread.busy", busy if after else 0.1), ("process", "thread.waited", 0.05),
        ):  # fmt: skip
            readings.append(Reading(START + second + 0.5, source, series, value, Unit.CORES, 2.0))
    finding = _finding(replace(made, readings=tuple(readings)), "recovery_time.max")
    assert finding.verdict is verdict


@pytest.mark.parametrize("late_s", [0.0, 0.4])
def test_the_break_is_told_with_the_load_of_the_seconds_that_broke(late_s: float) -> None:
    """30/s for 14 s, 260/s for 5 s, 30/s again: slow from the step on, also when seconds lie across steps."""
    stages = ((14, 30), (0, 260), (5, 260), (0, 30), (28, 30))
    profile = Profile(ProfileKind.SPIKE, staged(*stages).stages, open_model=True, start=30)
    slices = [part(n, times_s=[0.9 if 14 <= n < 21 else 0.02] * 30) for n in range(47)]
    made = run(*slices, of=plan(required(0.1), profile=profile), seconds=47)
    started, *rest = made.events
    made = replace(made, events=(replace(started, time_s=started.time_s + late_s), *rest))
    note = _finding(made, "breach.first")
    assert loose(note.evidence)["rows"][0]["load"] == "260/s"
    assert "into the load at 260/s" in note.sentence
    assert note.sentence.endswith("in those 5s" if not late_s else "in those 4s")


def test_a_service_that_stays_slower_has_not_recovered() -> None:
    """Twice as slow for ever: inside no band, and not getting better."""
    made = queue(_written("recovery_time: <30s"), after_s=120, stays=2.0)
    assert _finding(made, "spike").evidence["status"] == "not recovered"
    finding = _finding(made, "recovery_time.max")
    assert finding.verdict is Verdict.FAIL
    assert finding.sentence == "recovery time is more than 2m (not recovered), required < 30s"


def test_without_a_spike_the_requirement_is_not_measured() -> None:
    """The advice says what load would show it."""
    made = run(
        *[part(n) for n in range(20)],
        of=plan(_written("recovery_time: <30s"), profile=staged((20, 10), start=10)),
    )
    finding = _finding(made, "recovery_time.max")
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "--stage" in finding.advice


def test_the_default_spike_profile_says_what_it_cannot_show() -> None:
    """It ends with the spike: nothing shows whether the service recovers."""
    profile = staged((10, 50), (5, 500), (10, 500), (10, 50))
    made = run(
        *[part(n, times_s=[0.1] * 20) for n in range(35)],
        of=plan(_written("recovery_time: <30s"), profile=profile),
    )
    finding = _finding(made, "recovery_time.max")
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.advice == "the load ended with the spike: add a last stage such as 3m:50"


@pytest.mark.parametrize(
    ("failing", "limit", "verdict"),
    [
        (30, 0.05, Verdict.FAIL), (3, 0.05, Verdict.PASS), (0, 0.05, Verdict.PASS),
        (0, 0.001, Verdict.INCONCLUSIVE),
    ],
)  # fmt: skip
def test_the_peak_error_rate_is_that_of_the_worst_five_seconds(
    failing: int, limit: float, verdict: Verdict
) -> None:
    """30 of 100 fail, 3 of 100, none; with 350 requests in 5 s nobody can tell 0.1 %."""
    finding = _finding(
        queue(_written(f"peak_error_rate: <{limit:.1%}"), failing=failing), "peak_error_rate.max"
    )
    assert finding.verdict is verdict
    assert finding.value == pytest.approx(failing / CAPACITY)


def test_breaches_are_told_with_their_first_second_and_area() -> None:
    """p95 above 1 s from 100 requests of backlog on, which is 2 s into the spike."""
    note = _finding(queue(required(1.0)), "spike")
    (breach,) = loose(note.evidence)["breaches"]
    assert (breach["requirement"], breach["after_s"]) == ("p95", pytest.approx(2, abs=1))
    waits_s = np.array([min(t + 1, 10) * 0.5 - max(t - 9, 0) * 0.3 for t in range(30)])
    assert breach["area_request_s"] == pytest.approx(100 * np.clip(waits_s - 0.98, 0, None).sum(), rel=0.05)


def test_what_was_never_sent_is_told() -> None:
    """Dropped arrivals of the spike, and requests that failed in it."""
    made = queue(failing=5)
    readings = [
        Reading(START + second, "load", series, value, Unit.COUNT)
        for second in range(BEFORE_S + SPIKE_S + 60)
        for series, value in (
            ("planned", 70.0),
            ("started", 70.0),
            ("dropped", float(second == BEFORE_S + 1)),
        )
    ]
    note = _finding(replace(made, readings=tuple(readings)), "spike")
    assert (note.evidence["failed"], note.evidence["dropped"]) == (50, 1.0)
    assert note.sentence.endswith("50 requests failed, 1 were never sent")


def test_a_short_baseline_is_told() -> None:
    """Under a minute of normal load is used, and said."""
    made = queue()
    profile = made.plan.profile
    short = replace(profile, stages=(replace(profile.stages[0], duration_s=30.0), *profile.stages[1:]))
    cut = tuple(replace(s, second=s.second - 30) for s in made.slices if s.second >= START + 30)
    note = _finding(replace(made, plan=plan(profile=short), slices=cut), "spike")
    assert note.evidence["baseline_s"] == 30
    assert "only 30s before the spike" in note.advice


SURGES = [
    ([(60, 50), (30, 500), (60, 500), (60, 50), (120, 50)], 0, (60, 210, 330), "ramps up and down"),
    ([(60, 50), (30, 500), (60, 500), (60, 50)], 0, (60, 210, 210), "it ends when the load is back"),
    ([(60, 10), (0, 50), (10, 50), (0, 10), (60, 10), (5, 0)], 10, (60, 70, 130), "steps"),
    ([(60, 10), (10, 50), (10, 9), (60, 11)], 10, (60, 80, 140), "nearly the same level"),
]


@pytest.mark.parametrize(("stages", "start", "times", "reason"), SURGES)
def test_the_spike_is_found_in_the_profile(
    stages: list[tuple[float, float]], start: float, times: tuple[float, ...], reason: str
) -> None:
    """Begin, end, and until when the load stays."""
    surge = find_surge(staged(*stages, start=start))
    assert surge is not None
    assert (surge.start_s, surge.end_s, surge.until_s) == times, reason


@pytest.mark.parametrize(
    "stages",
    [
        [(60, 50), (60, 50), (60, 0)],
        [(60, 100), (60, 200), (60, 300), (60, 0)],
        [(60, 50), (60, 60), (60, 50)],
    ],
    ids=["a hold", "stairs up", "a small step"],
)  # fmt: skip
def test_other_loads_have_no_spike(stages: list[tuple[float, float]]) -> None:
    """No step up and back down to the load before it."""
    assert find_surge(Profile(ProfileKind.LOAD, tuple(Stage(*stage) for stage in stages))) is None
