"""Which of several full resources is the cause, and how each is called."""

from __future__ import annotations

import pytest

from loadproof.analysis.bottleneck import words
from loadproof.analysis.bottleneck.causes import NamedCause, Plateau, causes
from loadproof.analysis.bottleneck.database import Sessions
from loadproof.analysis.bottleneck.resources import KINDS


def named(*kinds: str) -> list[NamedCause]:
    return [NamedCause(kind.title, kind) for name in kinds for kind in KINDS[:-1] if kind.name == name][
        : len(kinds)
    ]


@pytest.mark.parametrize(
    ("full", "seen", "expected"),
    [
        (("thread", "host.cpu"), {"thread_waited": 0.05}, ["the service's busiest thread"]),
        (("thread", "host.cpu"), {"thread_waited": 0.5}, ["the machine's processors"]),
        (("thread",), {"thread_waited": 0.5}, ["the machine's processors"]),
        (
            ("thread", "pool"),
            {"thread_waited": 0.5, "sessions": Sessions({"CPU": 4.0}, 0.0, ())},
            ["PostgreSQL's processor time"],
        ),
        (("thread", "pool"), {}, ["the service's busiest thread"]),
        (("quota", "thread"), {}, ["the service's CPU quota"]),
        (("host.cpu",), {"sessions": Sessions({"CPU": 4.0}, 0.0, ())}, ["PostgreSQL's processor time"]),
        (("pool",), {"sessions": Sessions({"CPU": 0.5}, 0.0, ())}, ["the connection pool"]),
        ((), {"sessions": Sessions({"Lock": 4.0, "CPU": 1.0}, 1.0, ())}, ["row locks in PostgreSQL"]),
        (
            ("host.cpu",),
            {"generator_cores": 1.2, "service_cores": 0.4, "busy_cores": 2.0},
            ["the load generator, on the machine of the service"],
        ),
    ],
)
def test_symptoms_give_way_to_their_cause(
    full: tuple[str, ...], seen: dict[str, object], expected: list[str]
) -> None:
    """What is measured on the plateau decides between resources that are all full."""
    known = {"sessions": None, "cores": 2.0, "busy_cores": None, "service_cores": None,
             "generator_cores": None, "thread_waited": None}  # fmt: skip
    plateau = Plateau(**{**known, **seen})  # type: ignore[arg-type]
    assert [one.title for one in causes(named(*full), plateau)] == expected


@pytest.mark.parametrize(
    ("title", "verb"),
    [
        ("the machine's processors", "are"),
        ("the service's file descriptors", "are"),
        ("PostgreSQL's connections (postgres replica)", "are"),
        ("the connections that app may have", "are"),
        ("the connection pool", "is"),
        ("the service's busiest thread", "is"),
        ("the load generator, on the machine of the service", "is"),
    ],
)
def test_a_resource_has_its_verb(title: str, verb: str) -> None:
    """Plurals are told as such, also with a source or an owner behind them."""
    assert words._are(title) == verb


def test_a_machine_that_others_filled_is_no_limit_of_the_service() -> None:
    """It says who had the processors; where the service's own thread is full, that is the limit."""
    known = {"sessions": None, "cores": 2.0, "busy_cores": 2.0, "service_cores": 0.3,
             "generator_cores": 0.1, "strangers": "others used 1.6 of 2 cores (stress 1.5)"}  # fmt: skip
    (found,) = causes(named("host.cpu"), Plateau(**known, thread_waited=0.5))  # type: ignore[arg-type]
    assert (found.title, found.had_by) == (
        "the machine's processors",
        "others used 1.6 of 2 cores: stress 1.5",
    )
    assert found.kind.advice.startswith("stop what else runs on this machine")
    starved = causes(named("thread"), Plateau(**known, thread_waited=0.5))  # type: ignore[arg-type]
    assert [one.had_by for one in starved] == [found.had_by]
    (own,) = causes(named("thread", "host.cpu"), Plateau(**known, thread_waited=0.05))  # type: ignore[arg-type]
    assert (own.title, own.had_by) == ("the service's busiest thread", "")


@pytest.mark.parametrize(
    ("full", "busy_cores", "expected"),
    [
        (("host.cpu",), 2.0, []),
        (("host.cpu",), 0.9, ["the processor time of postgres"]),
        (("workers", "host.cpu"), 2.0, ["the threads that answer requests (by its metrics)"]),
    ],
)
def test_a_machine_that_others_keep_busy_without_a_wait_limits_nobody(
    full: tuple[str, ...], busy_cores: float, expected: list[str]
) -> None:
    """Others with less weight have most of it: of those who take part, the greatest is not to blame."""
    plateau = Plateau(sessions=None, cores=2.0, busy_cores=busy_cores, service_cores=0.2, generator_cores=0.3,
                      thread_waited=0.02, database="postgres", seen_database_cores=0.4)  # fmt: skip
    assert [one.title for one in causes(named(*full), plateau)] == expected
