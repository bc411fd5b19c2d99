"""The answer of a capacity run, and that it is the same each time."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from loadproof.analysis.judge import exit_code, judge
from loadproof.analysis.search.capacity import SearchDecision, SearchState, capacity_window
from loadproof.analysis.search.load_search import SearchEnd, TrialOutcome, TrialRole
from loadproof.analysis.search.trials import trials_of
from loadproof.errors import ExitCode
from loadproof.model import CapacityGoal, Finding, Reading, Report, Statistic, Unit, Verdict
from tests.analysis.searches import REPORT, Searched, Second, Service, sharp, threshold
from tests.runs import error_rate, loose, required, throughput

GOAL = CapacityGoal(least=20.0, greatest=400.0, precision=0.05)


def capacity_of(report: Report) -> Finding:
    """The finding that is the answer."""
    return next(finding for finding in report.findings if finding.id == "capacity")


def found(service: Service, goal: CapacityGoal = GOAL) -> Report:
    """The verdict on a whole search."""
    return judge(Searched(service, goal).search())


def test_a_capacity_is_the_headline_with_what_broke_above_it() -> None:
    """The sentence of the whole run has the interval and the reason; the exit code is 0."""
    report = found(sharp(123.0))
    evidence = loose(capacity_of(report).evidence)
    assert evidence["held"] <= 123.0 < evidence["broke"] <= evidence["held"] / 0.95
    assert report.sentence.startswith(f"it holds {evidence['held']:.0f}/s and breaks at")
    assert "p95 is 1s, required < 100ms" in report.sentence
    assert (report.verdict, exit_code(report)) == (Verdict.PASS, ExitCode.PASS)


def with_pool(load: float, _: int) -> Second:
    """Four connections that serve 100 requests a second and no more: the others wait."""
    answered = min(round(load), 100)
    return Second([0.01 if load <= 100 else 1.0] * answered)


def test_a_capacity_is_told_with_what_ends_it() -> None:
    """The trials are the levels of load: the pool was full where more load brought no more answers."""
    searched = Searched(with_pool, GOAL)
    for trial in trials_of(searched.search()):
        used, waiting = min(trial.load / 100, 1.0) * 4, max(0.0, trial.load - 100)
        for second in trial.seconds:
            looked_s = second + 1.004
            searched.readings += [
                Reading(looked_s, "pool", "connections.used", used, Unit.COUNT, 4.0),
                Reading(looked_s, "pool", "connections.waiting", waiting, Unit.COUNT),
            ]
    (found,) = [f for f in judge(searched.run()).findings if f.id == "bottleneck"]
    assert found.evidence["named"] == ["the connection pool"]
    assert found.evidence["plateau_per_s"] == pytest.approx(100.0, rel=0.02)


def test_the_answer_is_not_the_brink() -> None:
    """Of 100/s that the pool can serve the answer leaves something to spare, and says why."""
    report = found(with_pool)
    evidence = loose(capacity_of(report).evidence)
    assert evidence["held"] <= 95.2 < evidence["brink"] <= 100.0
    brink = f"; {evidence['brink']:.1f}/s held too, but leaves nothing to work off a disturbance"
    assert brink in capacity_of(report).sentence


def test_what_is_answered_is_counted_by_the_arrivals() -> None:
    """An arrival may make several requests: with two of each the brink is where it was."""

    def twice(load: float, second: int) -> Second:
        return Second(with_pool(load, second).times_s * 2)

    once, doubled = capacity_of(found(with_pool)).evidence, capacity_of(found(twice)).evidence
    assert (doubled["held"], doubled["brink"]) == (once["held"], once["brink"])


def test_failures_are_no_answers() -> None:
    """A service that turns away all above 100/s, at once, answers 100/s and no more."""

    def turns_away(load: float, _: int) -> Second:
        return Second([0.01] * round(load), failed=max(0, round(load) - 100))

    assert loose(capacity_of(found(turns_away)).evidence)["held"] <= 95.2


def test_a_capacity_that_was_not_reached_has_no_bottleneck() -> None:
    """Throughput followed the load to the greatest that was tried."""
    (note,) = [f for f in found(sharp(500.0)).findings if f.id == "bottleneck"]
    assert note.sentence == "nothing saturated: throughput still followed the load at 400/s of 400/s planned"


def test_requirements_are_judged_at_the_load_found() -> None:
    """The confirming trial is the judged window: trials that broke on purpose fail nothing."""
    run = Searched(sharp(123.0), GOAL).search()
    (p95,) = [f for f in judge(run).findings if f.id == "response_time.percentile"]
    course = SearchState(run)
    confirmation = [r for r in course.results if r.trial.role is TrialRole.CONFIRMATION][-1]
    assert p95.verdict is Verdict.PASS
    assert capacity_window(course).seconds == confirmation.trial.seconds


def test_the_same_file_gives_the_same_bytes() -> None:
    """Judging again is the same report, and the search is replayed to the same orders."""
    searched = Searched(sharp(123.0), GOAL)
    run = searched.search()
    assert json.dumps(asdict(judge(run))) == json.dumps(asdict(judge(run)))
    again = Searched(sharp(123.0), GOAL)
    again.search()
    assert again.orders == searched.orders


def test_not_reached_is_no_number() -> None:
    """A service that holds the greatest load has at least that capacity."""
    report = found(sharp(1000.0))
    assert "not reached: it is at least 400/s" in report.sentence
    assert capacity_of(report).evidence["broke"] is None
    assert exit_code(report) is ExitCode.PASS


def test_breaking_at_the_least_load_is_a_failure() -> None:
    """Exit code 3, and the reason."""
    report = found(sharp(1.0))
    assert "the least load that was tried, 20/s, does not hold: p95 is 1s" in report.sentence
    assert exit_code(report) is ExitCode.FAIL


@pytest.mark.parametrize(
    ("at_least", "code"), [(120.0, ExitCode.PASS), (126.0, ExitCode.FAIL), (300.0, ExitCode.FAIL)]
)
def test_a_required_capacity_decides_the_exit_code(at_least: float, code: ExitCode) -> None:
    """--at-least is met or not, also where it lies within the precision of the answer."""
    report = found(sharp(123.0), replace(GOAL, at_least=at_least))
    assert exit_code(report) is code


def test_a_required_throughput_is_judged_at_the_load_found() -> None:
    """`target_rps: 1000` fails a service that holds 123/s, and the headline says what it holds."""
    searched = Searched(sharp(123.0), GOAL, (required(0.1), throughput(1000.0)))
    report = judge(searched.search())
    assert report.verdict is Verdict.FAIL
    assert report.sentence.startswith("it holds")
    assert "throughput is" in report.sentence


def test_a_generator_that_cannot_make_the_load_is_inconclusive() -> None:
    """Above 100/s all is late at the generator: what is known is said, no capacity is."""
    slow_generator: Service = lambda load, _: Second(  # noqa: E731
        [1.0 if load > 100 else 0.01] * round(load), service_s=[0.01] * round(load)
    )
    report = found(slow_generator)
    assert exit_code(report) is ExitCode.INCONCLUSIVE
    assert "it holds 80/s" in capacity_of(report).sentence
    assert "the generator itself was late" in report.sentence


def test_the_service_gets_time_to_recover() -> None:
    """After a trial that broke a little load is played until the median is as before; then it goes on."""
    sick = [0]

    def service(load: float, _at: int) -> Second:
        if load > 123.0:
            sick[0] = 5
        slow = load > 123.0 or sick[0] > 0
        sick[0] -= load <= 123.0
        return Second([1.0 if slow else 0.01] * round(load))

    searched = Searched(service, GOAL)
    report = judge(searched.search())
    assert any(order.role == "cool-down" for order in searched.orders)
    assert capacity_of(report).evidence["held"] == pytest.approx(120.0, rel=0.05)


def test_a_service_that_never_recovers_ends_the_search() -> None:
    """It stays slow after the first overload: that is the finding, with what held before."""
    broken = [False]

    def service(load: float, _at: int) -> Second:
        broken[0] = broken[0] or load > 123.0
        return Second([1.0 if broken[0] else 0.01] * round(load))

    run = Searched(service, GOAL).search()
    assert SearchState(run).step is SearchEnd.NOT_RECOVERED
    report = judge(run)
    assert exit_code(report) is ExitCode.INCONCLUSIVE
    assert "did not come back" in report.sentence
    assert "it holds 80/s" in capacity_of(report).sentence


def test_the_time_limit_ends_the_search() -> None:
    """What is known by then is said; it is no answer."""
    report = found(sharp(123.0), replace(GOAL, duration_limit_s=40.0))
    assert exit_code(report) is ExitCode.INCONCLUSIVE
    assert "the time for the search was over" in report.sentence


def test_an_unfinished_search_is_no_answer() -> None:
    """A run that was cut off between two trials has no capacity."""
    searched = Searched(sharp(123.0), GOAL)
    searched.search()
    kept = searched.orders[:4]
    half = Searched(sharp(123.0), GOAL)
    for order in kept:
        half.play(order)
    report = judge(half.run())
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.sentence.startswith("the search did not end")


def test_other_requirements_judge_the_same_trials() -> None:
    """`judge --requirements` asks of the trials that were played: laxer ones hold at every load."""
    run = Searched(sharp(123.0), GOAL).search()
    report = judge(run, [required(2.0)])
    assert capacity_of(report).evidence["broke"] is None


def test_thresholds_of_trials_that_broke_fail_nothing() -> None:
    """A k6 script's thresholds are findings of the load found only."""
    searched = Searched(sharp(123.0), GOAL, (error_rate(0.5),), "k6")
    decision = SearchDecision(lambda _run, _course, _order: None)
    while (order := decision.next(searched.run())) is not None:
        searched.play(order)
        searched.events.append(threshold(searched.now_s - 1.0, ok=order.load <= 123.0))
    report = judge(searched.run())
    crossed = [finding for finding in report.findings if finding.id.startswith("http_req_duration")]
    assert [finding.verdict for finding in crossed] == [Verdict.PASS]
    assert capacity_of(report).evidence["held"] == pytest.approx(120.0, rel=0.05)


def test_each_load_has_its_row() -> None:
    """The evidence table: loads from the least, how many trials held and broke, and why."""
    rows = loose(capacity_of(found(sharp(123.0))).evidence)["rows"]
    assert [row["load"] for row in rows[:3]] == ["20/s", "40/s", "80/s"]
    assert rows[0]["trials"] == "1 held"
    broke = [row for row in rows if row["because"]]
    assert broke
    assert all(str(TrialOutcome.BROKE) in row["trials"] for row in broke)


def test_a_search_of_void_trials_says_why_they_are_void() -> None:
    """Not that the load was too short: it has no seconds since no trial held."""
    searched = Searched(lambda load, _: Second([0.01] * round(load / 2), started=round(load / 2)), GOAL)
    report = judge(searched.search())
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "too short" not in report.sentence
    assert report.sentence.startswith("too many trials say nothing about the service")


@pytest.mark.parametrize(
    ("service", "slow"),
    [
        pytest.param(lambda _load, _at: Second([0.3] * 20), True, id="slow, however few ask"),
        pytest.param(lambda _load, at: Second([0.3 + 0.2 * at] * 20), False, id="a queue that grows"),
        pytest.param(lambda _load, _at: Second([0.02] * 15 + [0.3] * 5), False, id="a quarter is slow"),
    ],
)
def test_an_endpoint_that_is_slow_at_any_load_is_the_answer(service: Service, slow: bool) -> None:
    """A lesser rate would not help, and is not proposed."""
    finding = capacity_of(found(service))
    assert finding.verdict is Verdict.FAIL
    assert ("GET / takes 300ms or more in nine of ten requests" in finding.sentence) is slow
    assert ("lesser --min-rate" not in finding.advice) is slow


def beside_reports(share: float) -> Service:
    """A search that queues, and this share of slow reports, 500 requests a second together."""
    reports = round(500 * share)
    return lambda _, at: Second([0.05 + 0.05 * at] * (500 - reports), reports_s=[0.8] * reports)


@pytest.mark.parametrize(
    ("service", "of", "slow"),
    [
        (beside_reports(0.02), {}, False),
        (beside_reports(0.1), {}, True),
        (beside_reports(0.02), {"endpoint": str(REPORT)}, True),
        (beside_reports(0.02), {"statistic": Statistic.MAXIMUM}, True),
        (beside_reports(0.1), {"statistic": Statistic.MEAN}, False),
        (lambda _load, _at: Second([0.3] * 20, started=12), {}, False),
    ],
    ids=[
        "2 % of all",
        "10 % of all",
        "of itself",
        "the slowest",
        "the mean",
        "arrivals that were not played",
    ],
)
def test_a_slow_endpoint_is_the_answer_only_if_it_breaks_the_requirement_alone(
    service: Service, of: dict[str, Any], slow: bool
) -> None:
    """p95 of all requests leaves room for the 2 % that are reports: a lesser rate may well hold."""
    finding = capacity_of(judge(Searched(service, GOAL, (required(0.1, **of),)).search()))
    assert finding.verdict is Verdict.FAIL
    assert ("too slow at any load" in finding.sentence) is slow


@pytest.mark.parametrize(("users", "slow"), [(1.0, True), (10.0, False)])
def test_several_users_may_wait_for_each_other_at_the_least_load(users: float, slow: bool) -> None:
    """Ten who share one lock wait as long from the first second to the last: no queue grows."""
    goal = CapacityGoal(least=users, greatest=400.0, precision=0.05, whole=True)
    assert (
        "too slow at any load" in capacity_of(found(lambda *_: Second([0.3] * 33), goal)).sentence
    ) is slow
