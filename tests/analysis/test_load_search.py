"""Which load a search tries next, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.search.load_search import (
    Attempt,
    Bounds,
    NextTrial,
    SearchEnd,
    TrialOutcome,
    TrialRole,
    bounds_of,
    next_step,
)
from loadproof.model import CapacityGoal

if TYPE_CHECKING:
    from collections.abc import Callable

GOAL = CapacityGoal(least=10.0, greatest=1000.0, precision=0.02, trial_s=10.0)
HELD, BROKE, VOID = TrialOutcome.HELD, TrialOutcome.BROKE, TrialOutcome.VOID


def searched(
    goal: CapacityGoal, answer: Callable[[float, int], TrialOutcome], most: float | None = None
) -> tuple[SearchEnd, list[Attempt]]:
    """A search to its end; `answer` gets the load and the number of the trial.

    `most` is the greatest throughput of the service, where that is measured.
    """
    attempts: list[Attempt] = []
    while isinstance(step := next_step(goal, attempts), NextTrial):
        outcome = answer(step.load, len(attempts))
        answered = None if most is None else min(step.load, most)
        attempts.append(Attempt(step.load, step.duration_s, outcome, step.role, answered))
    return step, attempts


@pytest.mark.parametrize("capacity", [10.0, 11.3, 99.0, 123.4, 640.0, 999.0])
def test_a_sharp_limit_is_found_within_the_precision(capacity: float) -> None:
    """The bounds stand on both sides of the truth, as near to each other as was asked."""
    end, attempts = searched(GOAL, lambda load, _: HELD if load <= capacity else BROKE)
    found = bounds_of(GOAL, attempts)
    assert end is SearchEnd.FOUND
    assert found.held is not None
    assert found.broke is not None
    assert found.held <= capacity < found.broke
    assert (found.broke - found.held) / found.broke <= 0.02
    assert len(attempts) <= 25


def test_the_load_found_is_confirmed_by_a_longer_trial() -> None:
    """The last trial of a search without noise is six times as long, at the load that held."""
    _, attempts = searched(GOAL, lambda load, _: HELD if load <= 123.0 else BROKE)
    last = attempts[-1]
    assert (last.role, last.duration_s) == (TrialRole.CONFIRMATION, 60.0)
    assert last.load == bounds_of(GOAL, attempts).held


def with_throughput(goal: CapacityGoal, capacity: float, most: float) -> list[Attempt]:
    """A search of a service that holds up to `capacity` and never answers more than `most`."""
    return searched(goal, lambda load, _: HELD if load <= capacity else BROKE, most)[1]


@pytest.mark.parametrize(("precision", "spare"), [(0.02, 0.02), (0.05, 0.05), (0.3, 0.05)])
def test_the_load_found_leaves_the_service_something_to_spare(precision: float, spare: float) -> None:
    """At all that it can answer a queue is never worked off: the load found lies a little below."""
    goal = CapacityGoal(least=10.0, greatest=1000.0, precision=precision)
    attempts = with_throughput(goal, capacity=123.0, most=123.0)
    found = bounds_of(goal, attempts)
    assert found.held is not None
    assert 123.0 * (1 - spare) * (1 - precision) <= found.held <= 123.0 * (1 - spare)
    assert attempts[-1].role is TrialRole.CONFIRMATION
    assert attempts[-1].load == found.held


def test_the_greatest_load_that_held_is_told_where_it_is_the_brink() -> None:
    """It is known, but it is not the answer."""
    attempts = with_throughput(GOAL, 123.0, 123.0)
    held = max(a.load for a in attempts if a.outcome is HELD)
    assert held > 123.0 * 0.98
    assert bounds_of(GOAL, attempts).brink == held


def test_a_load_above_the_limit_shows_the_greatest_throughput() -> None:
    """The least load that broke was just above it, and nothing further up was tried: 1.2 times it is."""
    goal = CapacityGoal(least=62.0, greatest=1000.0, precision=0.02)
    attempts = with_throughput(goal, capacity=123.0, most=123.0)
    broke = min(a.load for a in attempts if a.outcome is BROKE)
    assert max(a.load for a in attempts) == pytest.approx(1.2 * broke, rel=0.001)
    held = bounds_of(goal, attempts).held
    assert held is not None
    assert held <= 123.0 * 0.98
    # Not above the greatest load that may be tried: then nobody knows.
    held = bounds_of(goal, with_throughput(replace(goal, greatest=130.0), 123.0, 123.0)).held
    assert held is not None
    assert held > 123.0 * 0.98


@pytest.mark.parametrize("most", [125.6, 150.0, 1000.0])
def test_a_limit_below_what_the_service_can_answer_is_the_limit(most: float) -> None:
    """Where response times break first there is something to spare at any load that holds."""
    found = bounds_of(GOAL, with_throughput(GOAL, 123.0, most))
    assert found.held == bounds_of(GOAL, with_throughput(GOAL, 123.0, 1e6)).held
    assert found.brink is None


def test_a_service_that_was_never_overloaded_has_no_brink() -> None:
    """Up to a load just beyond its greatest throughput nobody knows that there is no more."""
    attempts = [Attempt(100.0, 10.0, HELD, answered=100.0), Attempt(105.0, 10.0, BROKE, answered=104.0)]
    assert bounds_of(GOAL, attempts).held == 100.0
    beyond = [*attempts, Attempt(120.0, 10.0, BROKE, answered=101.0)]
    assert bounds_of(GOAL, beyond).held == 100.0
    overloaded = [*attempts[:1], Attempt(120.0, 10.0, BROKE, answered=101.0)]
    lower = [Attempt(90.0, 10.0, HELD, answered=90.0), *overloaded]
    assert bounds_of(GOAL, lower) == Bounds(held=90.0, broke=120.0, brink=100.0)


def test_the_confirmation_is_long_enough_for_the_samples_that_are_needed() -> None:
    """An error rate of 0.1 % needs 3,000 requests: at 20/s that takes 150 s, not 60."""
    goal = CapacityGoal(least=10.0, greatest=20.0, samples=3000)
    _, attempts = searched(goal, lambda _load, _: HELD)
    assert attempts[-1].duration_s == 151.0


def test_the_search_begins_at_the_least_load_and_doubles() -> None:
    """A service is never driven far beyond what is known to hold."""
    _, attempts = searched(GOAL, lambda load, _: HELD if load <= 100.0 else BROKE)
    assert [attempt.load for attempt in attempts[:5]] == [10.0, 20.0, 40.0, 80.0, 160.0]


def test_a_limit_that_is_never_reached_is_no_number() -> None:
    """When the greatest load holds the search says that it was not reached."""
    end, attempts = searched(GOAL, lambda _load, _: HELD)
    found = bounds_of(GOAL, attempts)
    assert (end, found.held, found.broke) == (SearchEnd.NOT_REACHED, 1000.0, None)


def test_a_service_that_breaks_at_the_least_load_says_so() -> None:
    """After three trials at the least load that broke there is nothing less to try."""
    end, attempts = searched(GOAL, lambda _load, _: BROKE)
    assert (end, len(attempts)) == (SearchEnd.LEAST_BROKE, 3)
    assert bounds_of(GOAL, attempts).held is None


def test_one_disturbed_trial_changes_nothing() -> None:
    """A trial that broke by chance is outvoted by two that held, wherever it was."""
    _, undisturbed = searched(GOAL, lambda load, _: HELD if load <= 300.0 else BROKE)
    for disturbed in range(len(undisturbed) - 1):
        end, attempts = searched(
            GOAL,
            lambda load, number, at=disturbed: HELD if load <= 300.0 and number != at else BROKE,  # type: ignore[misc]
        )
        found = bounds_of(GOAL, attempts)
        assert end is SearchEnd.FOUND
        assert found.held is not None
        assert 0.96 * 300.0 <= found.held <= 300.0, disturbed


def test_a_void_trial_is_repeated() -> None:
    """A trial that says nothing is played again, and counts for nothing."""
    _, attempts = searched(GOAL, lambda load, n: VOID if n == 3 else HELD if load <= 300.0 else BROKE)
    assert attempts[3].load == attempts[4].load
    assert attempts[4].outcome is HELD


def test_three_void_trials_in_a_row_end_the_search() -> None:
    """A generator that cannot make the load will not make it the fourth time either."""
    end, attempts = searched(GOAL, lambda load, _: VOID if load > 200.0 else HELD)
    assert end is SearchEnd.TOO_MANY_VOID
    assert bounds_of(GOAL, attempts).held == 160.0


def test_too_many_void_trials_end_the_search() -> None:
    """Every second trial void, never three in a row: more than a third is no measurement."""
    end, _ = searched(GOAL, lambda load, n: VOID if n % 2 else HELD if load <= 300.0 else BROKE)
    assert end is SearchEnd.TOO_MANY_VOID


def test_a_required_load_is_tried_itself() -> None:
    """With --at-least 500/s the answer says for sure whether 500/s hold."""
    goal = CapacityGoal(least=10.0, greatest=1000.0, at_least=500.0)
    for capacity, held in ((495.0, False), (505.0, True)):
        _, attempts = searched(goal, lambda load, _, c=capacity: HELD if load <= c else BROKE)  # type: ignore[misc]
        found = bounds_of(goal, attempts)
        assert any(attempt.load == 500.0 for attempt in attempts)
        assert found.held is not None
        assert (found.held >= 500.0) is held


def test_users_are_whole() -> None:
    """A search by users ends when there is no number between the bounds."""
    goal = CapacityGoal(least=1.0, greatest=100.0, precision=0.001, whole=True)
    _, attempts = searched(goal, lambda load, _: HELD if load <= 37 else BROKE)
    found = bounds_of(goal, attempts)
    assert (found.held, found.broke) == (37.0, 38.0)
    assert all(attempt.load.is_integer() for attempt in attempts)


def test_confirmations_that_break_lower_the_answer() -> None:
    """What three trials of 10 s held and 30 s never do is not the capacity: the search gives up on it."""
    attempts: list[Attempt] = []
    while isinstance(step := next_step(GOAL, attempts), NextTrial):
        good = step.load <= 300.0 and step.role is not TrialRole.CONFIRMATION
        attempts.append(Attempt(step.load, step.duration_s, HELD if good else BROKE, step.role))
    assert step is SearchEnd.UNSTABLE
