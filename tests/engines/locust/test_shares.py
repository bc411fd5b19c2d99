"""The arithmetic of a lost worker's share."""

from __future__ import annotations

from collections import Counter

import pytest

from loadproof.engines.locust.inside.ledger import why_dropped
from loadproof.engines.locust.machines.shares import Shares, offsets_from
from loadproof.engines.locust.open_model.schedule import Schedule
from tests.engines.locust.open_load import rates


def test_a_split_share_is_split_again_and_nothing_is_sent_twice_or_never() -> None:
    """Two of four workers are lost, one by one: from then on the others send the whole schedule."""
    schedule = Schedule(rates((10.0, 97.0), (10.0, 13.0), start=31.0))
    shares = Shares()
    held = {name: [share] for name, share in shares.begin(["a", "b", "c", "d"]).items()}
    for lost, others in (("b", ["a", "c", "d"]), ("d", ["a", "c"])):
        for name, more in shares.hand_over(lost, others).items():
            held[name] += more
        del held[lost]
    sent = [offset for name in held for offset in offsets_from(schedule, held[name], 5.0)]
    assert Counter(sent) == Counter(offset for offset in schedule.offsets_s() if offset >= 5.0)
    counts = [sum(1 for _ in offsets_from(schedule, each, 0.0)) for each in held.values()]
    assert max(counts) - min(counts) <= 4


def test_the_last_workers_share_goes_to_nobody() -> None:
    """And one that is lost twice has nothing any more."""
    shares = Shares()
    shares.begin(["a", "b"])
    assert shares.hand_over("a", ["b"])
    assert shares.hand_over("a", ["b"]) == {}
    assert shares.hand_over("b", []) == {}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"users": 50, "lag_p99_s": 0.002}, "none of 50 users (--max-users) got free"),
        ({"users": 20, "lag_p99_s": 0.002}, "no user got free for them within 10s"),
        ({"users": 50, "lag_p99_s": 1.5}, "the generator was late itself (p99 1.5s"),
        ({"users": 20, "lag_p99_s": None}, "no user got free"),
        ({"users": 20, "lag_p99_s": None, "unserved": 0}, "100 were a lost worker's"),
    ],
)
def test_why_arrivals_were_dropped_is_what_is_known(facts: dict[str, object], said: str) -> None:
    """Users are blamed when they were busy, the generator when it was late where users were free."""
    text = why_dropped({"dropped": 100, "unserved": 100, "max_users": 50, **facts})
    assert text.startswith(said)
    assert "; " not in text
