"""The window that is judged, the verdict over all findings, and the exit code."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.judge import exit_code, judge, overall_verdict
from loadproof.analysis.window.windows import judged_window
from loadproof.errors import ConfigError, ExitCode
from loadproof.model import Event, EventKind, Finding, Outcome, Profile, ProfileKind, Stage, Verdict
from loadproof.pipeline import suggesting
from tests.runs import (
    LOANS,
    START,
    error_rate,
    event,
    part,
    plan,
    required,
    run,
    staged,
    throughput,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.model import Requirement

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
RAMPED = staged((3, 10), (4, 10), (3, 0))


@pytest.mark.parametrize(
    ("profile", "seconds", "judged", "description"),
    [
        (Profile(ProfileKind.SCENARIO), 5, range(5), "the whole load (5s)"),
        (Profile(ProfileKind.SCENARIO), 5.7, range(5), "the whole load (5s)"),
        (RAMPED, 10, range(3, 7), "4s of steady load, ramps left out"),
        (RAMPED, 5, range(3, 5), "2s of steady load, ramps left out"),
        (RAMPED, 2, range(2), "the whole load (2s)"),
        (staged((5, 10)), 5, range(5), "the whole load (5s)"),
        (staged((5, 10), start=10), 5, range(5), "the whole load (5s)"),
        (
            staged((2, 5), (2, 5), (1, 9), (2, 9), (1, 0)),
            8,
            [2, 3, 5, 6],
            "4s of steady load, ramps left out",
        ),
        (Profile(ProfileKind.SCENARIO, (Stage(2, 10),)), 8, range(3, 8), "5s of steady load, ramps left out"),
        (Profile(ProfileKind.SCENARIO), 0.5, range(1), "the whole load (500ms)"),
    ],
)
def test_ramps_are_left_out(
    profile: Profile, seconds: float, judged: Sequence[int], description: str
) -> None:
    """Whole seconds of steady load; without a steady part, the whole load."""
    slices = [part(second) for second in range(int(seconds) + 1)]
    window = judged_window(run(*slices, of=plan(profile=profile), seconds=seconds))
    assert {second - START for second in window.seconds} == set(judged)
    assert window.description == description


def test_a_rehearsal_is_judged_over_its_own_time() -> None:
    """The profile as it was played."""
    hurried = plan(profile=staged((30, 10), (40, 10), (30, 0)), time_scale=0.1)
    window = judged_window(run(*[part(n) for n in range(10)], of=hurried))
    assert {second - START for second in window.seconds} == {3, 4, 5, 6}


def test_a_run_that_was_cut_off_is_judged_to_its_last_second() -> None:
    """There is no LOAD_ENDED in it."""
    whole = run(part(0), part(4))
    cut = [e for e in whole.events if e.kind is not EventKind.LOAD_ENDED]
    object.__setattr__(whole, "events", tuple(cut))
    assert judged_window(whole).duration_s == 5


EXPLORING = plan(profile=staged((20, 10), start=10))
BY_HAND = event(1, EventKind.LOAD_CHANGED, "the load was changed by hand, from 10 to 20 users")


def test_a_load_that_was_changed_by_hand_answers_whatever_has_a_verdict() -> None:
    """A baseline, a gate of the scenario's own, a run that must decide: not only requirements."""
    explored = run(*[part(n) for n in range(20)], of=EXPLORING, events=[BY_HAND])
    assert judge(explored).verdict is Verdict.DONE
    gate = event(20, EventKind.OWN_GATE, "no", how="process_exit_code", exit_code=1, inconclusive=False)
    said_no = replace(explored, events=(*explored.events, gate))
    for report in (
        judge(explored, further=[finding(PASS)]),
        judge(explored, further=[finding(FAIL)]),
        judge(said_no),
        judge(explored, must_decide=True),
    ):
        assert report.verdict is UNKNOWN
        assert "changed by hand" in report.sentence
    assert (
        judge(replace(said_no, events=tuple(e for e in said_no.events if e is not BY_HAND))).verdict is FAIL
    )


def test_no_limits_are_proposed_from_a_load_that_was_changed_by_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither by the end of the run, nor by `suggest` itself, which says what to do instead."""
    planned = run(*[part(n, times_s=[0.1] * 50) for n in range(20)], of=EXPLORING)
    changed = replace(planned, events=(*planned.events, BY_HAND))
    assert "loadproof suggest" in " ".join(f.advice for f in judge(planned).findings)
    assert "loadproof suggest" not in " ".join(f.advice for f in judge(changed).findings)
    found = [planned, changed]
    monkeypatch.setattr(suggesting, "open_any", lambda *_: found.pop(0))
    assert "p95:" in suggesting.suggest_requirements(planned.path, lambda _: nullcontext())
    with pytest.raises(ConfigError, match="from 10 to 20 users") as refused:
        suggesting.suggest_requirements(planned.path, lambda _: nullcontext())
    assert "run it again" in refused.value.problems[0].hint


def finding(verdict: Verdict, *, invalid: bool = False) -> Finding:
    return Finding("x", verdict, "x", invalidates=invalid)


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], UNKNOWN),
        ([finding(PASS)], PASS),
        ([finding(PASS), finding(UNKNOWN)], UNKNOWN),
        ([finding(PASS), finding(UNKNOWN), finding(FAIL)], FAIL),
        ([finding(FAIL), finding(UNKNOWN, invalid=True)], UNKNOWN),
        ([finding(PASS), finding(UNKNOWN, invalid=True)], UNKNOWN),
    ],
)
def test_a_measurement_that_cannot_be_trusted_beats_all(findings: list[Finding], verdict: Verdict) -> None:
    """Then a FAIL, then an INCONCLUSIVE; only PASS alone is a PASS."""
    assert overall_verdict(findings) is verdict


GOOD = [part(n, LOANS, [0.1] * 100) for n in range(3)]


@pytest.mark.parametrize(
    ("limit_s", "outcome", "events", "verdict", "code"),
    [
        (0.5, Outcome.COMPLETED, [], PASS, ExitCode.PASS),
        (0.01, Outcome.COMPLETED, [], FAIL, ExitCode.FAIL),
        (0.5, Outcome.INTERRUPTED, [], UNKNOWN, ExitCode.INTERRUPTED),
        (0.01, Outcome.INTERRUPTED, [], UNKNOWN, ExitCode.INTERRUPTED),
        (0.5, Outcome.ENGINE_FAILED, [], UNKNOWN, ExitCode.ENGINE),
        (0.01, Outcome.ENGINE_FAILED, [], UNKNOWN, ExitCode.ENGINE),
        (0.5, Outcome.ABORTED, [], UNKNOWN, ExitCode.INCONCLUSIVE),
        (0.5, Outcome.COMPLETED, [event(1, EventKind.WORKER_LOST)], UNKNOWN, ExitCode.INCONCLUSIVE),
        (0.01, Outcome.COMPLETED, [event(1, EventKind.RECORDER_MISMATCH)], UNKNOWN, ExitCode.INCONCLUSIVE),
        (0.5, Outcome.COMPLETED, [event(1, EventKind.IN_FLIGHT, count=2)], PASS, ExitCode.PASS),
    ],
)
def test_the_exit_code_says_how_it_ended(
    limit_s: float, outcome: Outcome, events: list[Event], verdict: Verdict, code: ExitCode
) -> None:
    """The outcome first, then the verdict; a failed engine is never a verdict on the service."""
    report = judge(run(*GOOD, of=plan(required(limit_s)), outcome=outcome, events=events))
    assert (report.verdict, exit_code(report)) == (verdict, code)


def test_a_run_that_goes_on_is_no_pass() -> None:
    """Its writer lives: what it says now may not hold in a minute."""
    import psutil

    own = {"pid": psutil.Process().pid, "started_at_s": psutil.Process().create_time()}
    report = judge(run(*GOOD, of=plan(required(0.5)), state="RUNNING", writer=own))
    assert (report.verdict, report.outcome, exit_code(report)) == (
        UNKNOWN,
        Outcome.RUNNING,
        ExitCode.INCONCLUSIVE,
    )
    assert "the run is not over" in report.sentence


@pytest.mark.parametrize(
    ("slices", "seconds", "sentence"),
    [((), 5, "no request was made"), ((part(0),), 0.5, "1 of the 72 samples needed")],
)
def test_a_load_that_was_none_is_no_pass(slices: tuple[object, ...], seconds: float, sentence: str) -> None:
    """Nothing to judge is INCONCLUSIVE, whatever was required."""
    report = judge(run(*slices, of=plan(required(0.5)), seconds=seconds))  # type: ignore[arg-type]
    assert report.verdict is UNKNOWN
    assert sentence in report.sentence


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([event(1, EventKind.IN_FLIGHT, count=12)], "no request was answered: 12 in flight"),
        ([event(1, EventKind.UNTOLD, count=7, why="no name")], "no request is in a count: of 7"),
        ([event(1, EventKind.UNREPORTED)], "no request was recorded before the run was cut off"),
        (
            [event(1, EventKind.WORKER_LOST, "worker 1 stopped answering")],
            "no request was reported by the workers that were lost",
        ),
    ],
)
def test_requests_that_nobody_counted_were_made(events: list[Event], said: str) -> None:
    """Nothing was answered, or no row could be made of it: that is no load without requests."""
    report = judge(run(of=plan(required(0.5)), seconds=5, events=events))
    assert report.verdict is UNKNOWN
    texts = [report.sentence, *(c.sentence for c in report.conditions), *_spoken(report.findings)]
    assert any(said in text for text in texts)
    assert not any("no request was made" in text for text in texts)


def test_a_run_that_was_killed_before_its_first_report_does_not_claim_that_nothing_was_sent() -> None:
    """It has a beginning and no end: what it sent since is not known."""
    made = run(of=plan(required(0.5)), seconds=5, outcome=Outcome.ABORTED)
    begun = replace(made, events=tuple(e for e in made.events if e.kind is not EventKind.LOAD_ENDED))
    report = judge(begun)
    texts = [report.sentence, *(c.sentence for c in report.conditions), *_spoken(report.findings)]
    assert any("no request was recorded before the run was cut off" in text for text in texts)
    assert not any("no request was made" in text for text in texts)


@pytest.mark.parametrize(
    ("requirement", "why"),
    [
        (required(0.5), "45 samples are too few"),
        (error_rate(0.01), "45 samples are too few"),
        (throughput(1), "too short to hold a whole second"),
        (required(0.5, endpoint=LOANS.name), "45 samples are too few"),
    ],
)
def test_requests_of_a_load_without_a_whole_second_are_not_denied(requirement: Requirement, why: str) -> None:
    """45 requests, and the load ended after 0.4 seconds: they are what there is, and too few."""
    report = judge(run(part(0, LOANS, [0.01] * 45), of=plan(requirement), seconds=0.4))
    assert report.verdict is UNKNOWN
    spoken = " | ".join(_spoken(report.findings))
    assert why in spoken
    assert "request was made" not in spoken
    assert "endpoint was made" not in spoken


def _spoken(findings: Sequence[Finding]) -> list[str]:
    return [f"{finding.sentence}; {finding.advice}" for finding in findings]


def test_nothing_required_is_a_neutral_end_and_no_pass() -> None:
    """It exits with 0, says what was found, and the advice says how to require something."""
    report = judge(run(*GOOD))
    (finding,) = (found for found in report.findings if found.verdict is Verdict.DONE)
    assert (report.verdict, report.passed, exit_code(report)) == (Verdict.DONE, False, ExitCode.PASS)
    assert finding.sentence == "nothing was required"
    assert "loadproof suggest" in finding.advice
    assert report.sentence.startswith("nothing was required: p95 ")


@pytest.mark.parametrize("kept", [True, False])
def test_where_there_has_to_be_a_verdict_nothing_required_is_4(kept: bool) -> None:
    """Whether the run was to decide, as its file keeps it, or whoever judges it now says so."""
    report = judge(run(*GOOD, verdict_required=kept), must_decide=not kept)
    assert (report.verdict, report.sentence) == (UNKNOWN, "nothing was required")
    assert exit_code(report) is ExitCode.INCONCLUSIVE


def test_an_exploration_that_is_not_valid_is_still_inconclusive() -> None:
    """Most requests failed: what was found is nothing to write limits from."""
    failing = judge(run(*(part(second, times_s=[0.1] * 20, failed=15) for second in range(20))))
    assert (failing.verdict, exit_code(failing)) == (UNKNOWN, ExitCode.INCONCLUSIVE)
    assert "failed" in failing.sentence


def test_other_requirements_replace_those_of_the_plan() -> None:
    """The run is judged again by what is asked now."""
    made = run(*GOOD, of=plan(required(0.5)))
    assert judge(made, [required(0.01)]).verdict is FAIL
    assert judge(made).verdict is PASS


@pytest.mark.parametrize(
    ("failed", "requirements", "told"),
    [
        (2, [required(0.5)], ["20 of 1,000 requests failed (2%), and nothing limits failures"]),
        (2, [required(0.5), error_rate(0.05)], []),
        (0, [required(0.5)], []),
        (2, [], []),
    ],
)
def test_a_pass_of_times_alone_says_that_nothing_limits_failures(
    failed: int, requirements: list[Requirement], told: list[str]
) -> None:
    """A note that changes no verdict, where a hundredth failed and more; a DONE says it in its headline."""
    made = run(*(part(second, LOANS, [0.1] * 100, failed=failed) for second in range(10)))
    report = judge(made, requirements)
    notes = [finding for finding in report.findings if finding.id == "valid.unlimited"]
    assert [note.sentence for note in notes] == told
    assert all(note.is_note for note in notes)
    assert report.verdict is (PASS if requirements else Verdict.DONE)


@pytest.mark.parametrize(("ok", "verdict"), [(True, PASS), (False, FAIL), (None, UNKNOWN)])
def test_the_engines_own_thresholds_are_findings(ok: bool | None, verdict: Verdict) -> None:
    """A threshold over an empty metric is no pass."""
    threshold = event(
        3, EventKind.ENGINE_THRESHOLD, "checks rate>0.9", metric="checks", expression="rate>0.9", ok=ok
    )
    assert judge(run(*GOOD, events=[threshold])).verdict is verdict


def test_a_rehearsal_says_that_it_is_one() -> None:
    """In the sentence, in a note and in the report."""
    report = judge(run(*GOOD, of=plan(required(0.5), time_scale=0.1)))
    assert report.rehearsal
    assert report.sentence == "the requirement holds (a rehearsal, no proof)"
    assert report.notes == ("rehearsal: the profile was played in 0.1 of its time",)


def test_errors_are_added_up_by_their_text() -> None:
    """Most frequent first."""
    samples = [
        event(0, EventKind.ERROR_SAMPLE, "500", endpoint="GET /a", count=2),
        event(1, EventKind.ERROR_SAMPLE, "reset", endpoint="GET /a", count=4),
        event(2, EventKind.ERROR_SAMPLE, "500", endpoint="GET /a", count=3),
    ]
    assert judge(run(*GOOD, events=samples)).errors == (("GET /a: 500", 5), ("GET /a: reset", 4))
