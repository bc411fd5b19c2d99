"""Users without a wait give way in turn, and none that was stopped in the queue is woken."""

from __future__ import annotations

import gevent

from loadproof.engines.locust.session.turns import Turns


def test_all_have_their_turn_before_anybody_has_two() -> None:
    """As with gevent's own sleep of 0 seconds."""
    turns, order = Turns(), []

    def user(name: str) -> None:
        for _ in range(3):
            order.append(name)
            turns.give()

    gevent.joinall([gevent.spawn(user, name) for name in "abc"], raise_error=True)
    assert order == list("abc" * 3)


def test_who_is_stopped_while_it_waits_is_not_woken() -> None:
    """It would come out of whatever it waits for then."""
    turns, told = Turns(), []

    def stopped() -> None:
        gevent.getcurrent().kill(block=False)  # comes before its turn does
        try:
            turns.give()
        finally:
            told.append(gevent.sleep(0.01))

    gevent.joinall([gevent.spawn(stopped)], raise_error=True)
    assert told == [None]


def test_an_error_of_one_keeps_nobody_else_waiting() -> None:
    """Those behind it in the queue have their turn all the same."""
    turns, done = Turns(), []

    def broken() -> None:
        turns.give()
        raise ValueError("of the scenario")

    def good(name: str) -> None:
        turns.give()
        done.append(name)

    users = [gevent.spawn(broken), *(gevent.spawn(good, name) for name in "ab")]
    gevent.joinall(users)
    assert done == ["a", "b"]
    assert isinstance(users[0].exception, ValueError)
