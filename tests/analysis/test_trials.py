"""What one trial says of the service at its load."""

from __future__ import annotations

import pytest

from loadproof.analysis.search.load_search import TrialOutcome
from loadproof.analysis.search.trials import TrialJudge, TrialResult, is_hopeless, trials_of
from loadproof.engines.trials import TrialOrder
from loadproof.model import CapacityGoal, Endpoint, EventKind, Requirement
from tests.analysis.searches import Searched, Second, Service, sharp, threshold
from tests.runs import START, error_rate, event, required

GOAL = CapacityGoal(least=10.0, greatest=1000.0)
FAST, SLOW = 0.01, 1.0


def judged(
    service: Service,
    *requirements: Requirement,
    engine: str = "locust",
    cut_after_s: int | None = None,
    goal: CapacityGoal = GOAL,
) -> TrialResult:
    """The result of one trial of 10 s at 100/s."""
    searched = Searched(service, goal, requirements or (required(0.1), error_rate(0.01)), engine)
    searched.play(TrialOrder(1, 100.0, 10.0, "search"), cut_after_s)
    run = searched.run()
    (trial,) = trials_of(run)
    return TrialJudge(run).judge(trial)


def test_a_trial_that_meets_everything_held() -> None:
    """Fast answers, no errors, all arrivals: held, with what was measured."""
    result = judged(sharp(100.0))
    assert (result.outcome, result.reason) == (TrialOutcome.HELD, "")
    assert result.achieved_per_s == 100.0
    assert result.margin == pytest.approx(2.302, abs=0.01)


def test_a_slow_answer_breaks_it() -> None:
    """The reason is the requirement's own sentence."""
    result = judged(sharp(50.0))
    assert result.outcome is TrialOutcome.BROKE
    assert "p95 is 1s, required < 100ms" in result.reason


def test_errors_break_it() -> None:
    """Five of a hundred requests failed."""
    result = judged(lambda load, _: Second([FAST] * round(load), failed=5))
    assert result.outcome is TrialOutcome.BROKE
    assert "error rate is 5%" in result.reason


def test_requests_that_the_generator_could_not_send_make_it_void() -> None:
    """They failed, and the service never saw them: its capacity is another."""
    searched = Searched(lambda load, _: Second([FAST] * round(load), failed=5), GOAL)
    searched.play(TrialOrder(1, 100.0, 10.0, "search"))
    searched.events.append(
        event(5.0, EventKind.ERROR_SAMPLE, "[Errno 99] Cannot assign requested address", count=40)
    )
    run = searched.run()
    result = TrialJudge(run).judge(trials_of(run)[0])
    assert result.outcome is TrialOutcome.VOID
    assert result.reason.startswith("the generator was out of local ports")
    assert "keep-alive" in result.advice


def test_the_first_second_is_not_judged() -> None:
    """Connections are opened in it: a slow first second of ten breaks nothing."""
    result = judged(lambda load, at: Second([SLOW if at == 0 else FAST] * round(load)))
    assert result.outcome is TrialOutcome.HELD


def test_a_late_generator_makes_it_void() -> None:
    """Slow from the intended start, fast from the send: that was the generator."""
    late = Second([SLOW] * 100, service_s=[FAST] * 100)
    result = judged(lambda _load, _at: late)
    assert result.outcome is TrialOutcome.VOID
    assert "the generator itself was late" in result.reason


def test_a_pool_that_is_too_small_makes_it_void() -> None:
    """Arrivals without a free user, while what was sent was fast: raise --max-users."""
    result = judged(lambda _load, _at: Second([FAST] * 80, started=80))
    assert (result.outcome, result.advice) == (TrialOutcome.VOID, "raise --max-users")


def test_a_slow_service_is_never_the_generators_fault() -> None:
    """Where what was sent was slow too, arrivals without a user are the service's doing."""
    result = judged(lambda _load, _at: Second([SLOW] * 80, started=80))
    assert result.outcome is TrialOutcome.BROKE


def test_dropped_iterations_of_k6_count_as_not_started() -> None:
    """k6 drops what it has no free user for: with fast answers that is its own fault."""
    result = judged(lambda _load, _at: Second([FAST] * 80, started=80), engine="k6")
    assert result.outcome is TrialOutcome.VOID


def test_a_queue_that_grows_breaks_it() -> None:
    """Answers within the limit that take 20 ms longer each second: the load is not sustained."""
    result = judged(lambda load, at: Second([0.02 * (at + 1)] * round(load)), required(1.0))
    assert result.outcome is TrialOutcome.BROKE
    assert "a queue grew" in result.reason


def test_answers_that_stay_out_break_it() -> None:
    """Fast answers that get fewer and fewer are no sustained load."""
    result = judged(lambda load, at: Second([FAST] * round(load * (10 - at) / 10)))
    assert result.outcome is TrialOutcome.BROKE
    assert "answers stayed out" in result.reason


def test_no_answer_at_all_breaks_it() -> None:
    """Arrivals that started and were not answered within the trial."""
    result = judged(lambda load, _: Second([], started=round(load)))
    assert (result.outcome, result.reason) == (TrialOutcome.BROKE, "no request was answered")


def test_nothing_sent_is_void() -> None:
    """No data is never a verdict on the service."""
    result = judged(lambda _load, _at: Second([], started=0))
    assert result.outcome is TrialOutcome.VOID


def test_an_endpoint_without_data_makes_it_void() -> None:
    """A requirement that nothing was measured for is not met."""
    result = judged(sharp(100.0), required(0.1, endpoint="GET /other"))
    assert result.outcome is TrialOutcome.VOID
    assert "has no data" in result.reason


def test_what_broke_stands_even_where_another_endpoint_has_no_data() -> None:
    """An overloaded service may never answer what comes second: the first requirement tells."""
    result = judged(sharp(50.0), required(0.1), required(0.1, endpoint="GET /other"))
    assert result.outcome is TrialOutcome.BROKE


def test_a_trial_cut_short_that_would_hold_says_nothing() -> None:
    """It was cut because it could not hold then: against laxer requirements nothing is known."""
    assert judged(sharp(50.0), required(2.0), cut_after_s=3).outcome is TrialOutcome.VOID
    assert judged(sharp(50.0), required(0.1), cut_after_s=3).outcome is TrialOutcome.BROKE


def test_a_crossed_threshold_of_the_script_breaks_it() -> None:
    """k6 tells after each trial what became of the script's thresholds."""
    for ok, outcome in ((True, TrialOutcome.HELD), (False, TrialOutcome.BROKE)):
        searched = Searched(sharp(100.0), GOAL, (error_rate(0.01),), "k6")
        searched.play(TrialOrder(1, 100.0, 10.0, "search"))
        searched.events.append(threshold(START + 10.5, ok=ok))
        run = searched.run()
        assert TrialJudge(run).judge(trials_of(run)[0]).outcome is outcome


@pytest.mark.parametrize(("limit_s", "hopeless"), [(0.1, True), (2.0, False)])
def test_a_trial_is_hopeless_when_too_many_answers_were_too_slow(limit_s: float, hopeless: bool) -> None:
    """After three of ten seconds of nothing but slow answers no p95 can be met any more."""
    searched = Searched(sharp(50.0), GOAL, (required(limit_s),))
    searched.play(TrialOrder(1, 100.0, 10.0, "search"))
    searched.events.pop()
    searched.slices = searched.slices[:4]
    assert is_hopeless(searched.run()) is hopeless


def test_a_trial_that_has_ended_is_not_hopeless() -> None:
    """Between trials, and while the service cools down, there is nothing to cut."""
    searched = Searched(sharp(50.0), GOAL, (required(0.1),))
    searched.play(TrialOrder(1, 100.0, 10.0, "search"))
    assert not is_hopeless(searched.run())


def test_an_endpoint_is_judged_by_its_name() -> None:
    """Requirements of one endpoint see its requests alone."""
    other = Endpoint("GET", "/slow")
    service: Service = lambda load, _: Second([SLOW] * round(load), endpoint=other)  # noqa: E731
    assert judged(service, required(0.1, endpoint="GET /slow")).outcome is TrialOutcome.BROKE
