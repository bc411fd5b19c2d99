"""Limits inside of a service's parts, on runs whose bottleneck is written into them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.analysis.bottleneck import find_bottleneck
from loadproof.analysis.window.windows import judged_window
from loadproof.model import Profile, ProfileKind, Stage, Unit
from tests.analysis import runs
from tests.analysis.test_bottleneck import CAPACITY, USERS, part, throughput, use
from tests.analysis.test_service_parts import part as of_service
from tests.analysis.test_service_parts import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.model import Finding, Reading


def stress(
    facts: Sequence[dict[str, Any]], *readings: list[Reading], capacity: float = CAPACITY,
    most: float = math.inf,
) -> Finding:  # fmt: skip
    """A stress test from 1 to 60 users in a minute, of a service with these parts, which answers the first
    `most` of them.
    """
    users = list(runs.series("load.users", USERS, Unit.COUNT, looks=False))
    served = {second: min(n, most) for second, n in USERS.items()}
    slices = [part(second, throughput(n, capacity), n) for second, n in served.items()]
    run = runs.load(
        readings=[*users, *(r for rs in readings for r in rs)], slices=slices, events=[told(*facts)]
    )
    profile = Profile(ProfileKind.STRESS, (Stage(float(runs.SECONDS), 60.0),), start=1.0)
    run = replace(run, plan=replace(run.plan, profile=profile))
    (finding,) = find_bottleneck(run, judged_window(run))
    return finding


def used(series: str, share: float, limit: float, unit: Unit = Unit.CORES) -> list[Reading]:
    """Of `limit`, `share` at the plateau, and below it in proportion to throughput."""
    return use(f"process.{series}", lambda rate: share * rate / CAPACITY, limit, unit)


def constant(series: str, value: float, limit: float | None = None) -> list[Reading]:
    return list(runs.series(f"process.{series}", value, Unit.COUNT, limit))


def queued(name: str) -> list[Reading]:
    """Whoever is more than 22 waits outside."""
    return list(runs.series(f"process.{name}.queued", QUEUE, Unit.COUNT, 100.0))


def dropped(name: str) -> list[Reading]:
    """A queue of five is soon full."""
    rates = {second: max(0.0, n - 22) for second, n in USERS.items()}
    return list(runs.series(f"process.{name}.dropped", rates, Unit.PER_SECOND))


QUEUE = {second: max(0.0, n - 22) for second, n in USERS.items()}
LOCK = ("one interpreter lock", 1.0)


@pytest.mark.parametrize(
    ("facts", "readings", "named"),
    [
        pytest.param(
            of_service("python", cores=LOCK, runtime="python"),
            [used("python.ready", 1.0, 1.0), used("python.thread.busy", 0.2, 1.0, Unit.SHARE)],
            "the interpreter lock of python", id="many threads share one interpreter lock, none is full",
        ),
        pytest.param(
            of_service("uvicorn", cores=LOCK, runtime="python"),
            [used("uvicorn.ready", 1.0, 1.0), used("uvicorn.thread.busy", 1.0, 1.0, Unit.SHARE)],
            "the busiest thread of uvicorn", id="one thread does all",
        ),
        pytest.param(
            of_service("pocketbase", cores=("GOMAXPROCS=1", 1.0), runtime="go"),
            [used("pocketbase.ready", 1.0, 1.0), used("pocketbase.thread.busy", 0.6, 1.0, Unit.SHARE)],
            "GOMAXPROCS=1 of pocketbase", id="Go may run one thread at a time",
        ),
        pytest.param(
            of_service("gunicorn", cores=LOCK, workers=1, pool=True, processes=2),
            [used("gunicorn.ready", 0.1, 1.0), queued("gunicorn")],
            "the only worker of gunicorn", id="one synchronous worker that waits for somebody else",
        ),
        pytest.param(
            of_service("php-fpm", workers=2, pool=True, processes=3),
            [queued("php-fpm")],
            "the 2 workers of php-fpm", id="a pool of two, with more who queue",
        ),
        pytest.param(
            of_service("gunicorn", workers=2, pool=True, processes=2),
            [used("gunicorn.ready", 0.3, 2.0), constant("gunicorn.queued", 0.0, 100.0)],
            None, id="workers that nobody waits for are just enough",
        ),
        pytest.param(
            of_service("gunicorn", workers=2, pool=True, processes=1),
            [used("gunicorn.ready", 0.3, 2.0), constant("gunicorn.queued", 0.0, 100.0)],
            "the 2 workers of gunicorn", id="two threads of one process: who waits does so inside",
        ),
        pytest.param(
            of_service("python"),
            [list(runs.series("process.python.queued", QUEUE, Unit.COUNT, 5.0)), dropped("python")],
            "the listen queue of python, which holds 5 connections", id="nobody else is known to be full",
        ),
        pytest.param(
            of_service("gunicorn", workers=1, pool=True, processes=2),
            [list(runs.series("process.gunicorn.queued", QUEUE, Unit.COUNT, 5.0)), dropped("gunicorn")],
            "the only worker of gunicorn", id="a queue that is full since its worker is occupied",
        ),
        pytest.param(
            of_service("worker", cores=("the machine", 4.0)),
            [used("worker.cpu", 0.5, 4.0)],
            "2 cores, which worker stays at", id="flat at two cores of four, whoever set that limit",
        ),
        pytest.param(
            of_service("worker", cores=("the machine", 4.0)),
            [used("worker.cpu", 0.4, 4.0)],
            None, id="1.6 cores are no whole number",
        ),
    ],
)  # fmt: skip
def test_the_limit_of_a_part_is_named(
    facts: dict[str, Any], readings: list[list[Reading]], named: str | None
) -> None:
    """Each row is one service with one limit."""
    finding = stress([facts], *readings)
    assert finding.evidence["named"] == ([named] if named else [])


def test_users_who_stand_outside_are_in_no_response_time() -> None:
    """Puma keeps the connections of three users open: the others wait for their first answer all the time."""
    finding = stress(
        [of_service("puma", workers=2, pool=True, processes=1, cores=LOCK, runtime="ruby")],
        used("puma.ready", 0.1, 1.0),
        list(
            runs.series(
                "process.puma.queued", {s: max(0.0, n - 3) for s, n in USERS.items()}, Unit.COUNT, 99.0
            )
        ),
        most=3.0,
    )
    assert finding.evidence["named"] == ["the 2 workers of puma"]


def test_workers_that_wait_for_a_full_pool_are_its_symptom() -> None:
    """The innermost of what is full is named."""
    finding = stress(
        [of_service("gunicorn", workers=2, pool=True, processes=3)],
        queued("gunicorn"),
        use("pool.connections.used", lambda rate: rate / CAPACITY, 4),
        list(runs.series("pool.connections.waiting", QUEUE, Unit.COUNT)),
    )
    assert finding.evidence["named"] == ["the connection pool"]


def test_a_database_that_uses_the_machine_is_named() -> None:
    """By what its processes were seen to use; that needs no connection to it."""
    finding = stress(
        [of_service("php-fpm"), of_service("mariadbd", 1, role="database")],
        use("host.cpu", lambda rate: rate / CAPACITY, 2.0, Unit.CORES),
        use("host.pressure.cpu", lambda rate: 0.5 * rate / CAPACITY, 1.0, Unit.SHARE),
        used("php-fpm.cpu", 0.2, 2.0),
        used("mariadbd.cpu", 0.7, 2.0),
    )
    assert finding.evidence["named"] == ["the processor time of mariadbd"]


def test_processes_of_one_thread_are_not_taken_to_be_occupied() -> None:
    """Workers of nginx have thousands of requests each: they are not what would be first."""
    finding = stress(
        [of_service("nginx", workers=8, processes=9)],
        constant("nginx.queued", 0.0, 511.0),
        capacity=1e9,
    )
    assert finding.sentence.startswith("nothing saturated")
    assert "nginx" not in finding.sentence


POOL_OF_2 = "a lock, or a pool of about 2, inside gunicorn or behind it"


@pytest.mark.parametrize(
    ("workers", "opened_per_s", "named"),
    [
        pytest.param(32, 0.0, POOL_OF_2, id="more than users who pause for 0.5 s could hold"),
        pytest.param(12, CAPACITY, POOL_OF_2, id="each request has a connection of its own"),
        pytest.param(12, 0.0, "the 12 workers of gunicorn", id="or they wait for the next request"),
        pytest.param(3, CAPACITY, "the 3 workers of gunicorn", id="two of three are at work"),
    ],
)  # fmt: skip
def test_workers_that_wait_inside_are_a_symptom(workers: int, opened_per_s: float, named: str) -> None:
    """40/s of 50 ms each are two requests at a time, whoever else is occupied: more workers help nobody."""
    finding = stress(
        [of_service("gunicorn", workers=workers, pool=True, processes=2)],
        queued("gunicorn"),
        used("cpu", 0.1, 4.0),
        used("gunicorn.cpu", 0.1, 4.0),
        list(runs.series("load.connections.opened", opened_per_s, Unit.PER_SECOND, looks=False)),
    )
    assert finding.evidence["named"] == [named]
    both = "they wait for something inside, or for the next request of connections that stay open"
    assert (both in finding.sentence) is (workers == 12 and not opened_per_s)


def test_a_pool_through_a_unix_socket_is_told_by_the_monitor_of_mysql() -> None:
    """Three connections, of which one is the monitor's own."""
    facts = [
        of_service("node", cores=("one event loop", 1.0), runtime="node", processes=1),
        of_service("mariadbd", 1, role="database", processes=1),
    ]
    active = use("mysql.sessions.active", lambda rate: rate / CAPACITY, 2.0)
    held = list(runs.series("mysql.connections.used", 3.0, Unit.COUNT, 151.0))
    assert stress(facts, active, held).evidence["named"] == ["the 2 connections of node to mariadbd"]
