"""A full heap of Node, of which it tells nothing itself, beside threads that are busy with something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.judge import judge
from loadproof.model import Unit
from tests.analysis import runs
from tests.analysis.test_bottleneck import CAPACITY
from tests.analysis.test_bottleneck_parts import constant, stress, used
from tests.analysis.test_service_parts import part as of_service
from tests.analysis.test_service_parts import told
from tests.runs import loose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.model import Finding, Reading

MIB = 2.0**20
GROUP = {"name": "its control group (memory.max)", "value": 64 * MIB}
HEAP = "the heap of node (--max-old-space-size=64)"
LOOP = "the event loop of node"
KILLED = "the memory that gunicorn may have"
THREAD = "the busiest thread of gunicorn"


def node(
    first: float, loop: float, others: float, held_mib: float, *, until: int = runs.SECONDS,
    capacity: float = CAPACITY,
) -> Finding:  # fmt: skip
    """A stress test of a process that is there `until` a second; the shares are the plateau's."""
    heap = {"name": "--max-old-space-size=64", "value": 64 * MIB}
    readings = [
        used("node.thread.busy", first, 1.0, Unit.SHARE),
        used("node.loop.busy", loop, 1.0, Unit.SHARE),
        used("node.ready", first + others, 1.0),
        constant("node.memory", held_mib * MIB),
    ]
    return stress(
        [of_service("node", processes=1, runtime="node", heap=heap, cores=("one event loop", 1.0))],
        *([one for one in own if one.time_s < runs.START + until] for own in readings),
        capacity=capacity,
    )


def kills(*seconds: int) -> list[Reading]:
    """One process of gunicorn in each of these seconds."""
    return runs.series(
        "process.gunicorn.oom_kills", {one + 1: 1.0 for one in seconds}, Unit.COUNT, looks=False
    )


@pytest.mark.parametrize(
    ("first", "loop", "others", "held_mib", "named"),
    [
        pytest.param(1.0, 1.0, 0.6, 110.0, [HEAP], id="its threads mark all the time"),
        pytest.param(1.0, 1.0, 0.05, 110.0, [LOOP], id="it only computes"),
        pytest.param(1.0, 1.0, 0.25, 110.0, [LOOP], id="a full loop, which has some passwords hashed"),
        pytest.param(1.0, 1.0, 0.6, 80.0, [LOOP], id="less memory than a full heap takes"),
        pytest.param(1.0, 1.0, 0.6, 300.0, [LOOP], id="buffers, of which the heap is the least"),
        pytest.param(0.5, 0.2, 0.6, 110.0, [], id="a loop with time left, and four threads that hash"),
    ],
)
def test_a_full_heap_of_node_shows_in_its_threads(
    first: float, loop: float, others: float, held_mib: float, named: list[str]
) -> None:
    """Of a page of metrics there is no need; other work of its threads leaves its loop time."""
    assert node(first, loop, others, held_mib).evidence["named"] == named


def test_threads_that_compute_beside_a_free_loop_are_no_heap() -> None:
    """Two workers (worker_threads) have a processor each, and heaps of their own."""
    assert HEAP not in loose(node(1.0, 0.1, 1.0, 110.0).evidence)["named"]


@pytest.mark.parametrize(
    ("until", "named"),
    [(25, [HEAP]), (runs.SECONDS, [])],
    ids=["the process ends, as of a full heap", "it goes on to compress"],
)
def test_a_heap_that_ends_node_is_named_without_a_plateau(until: int, named: list[str]) -> None:
    """Connections are refused at once from then on, and throughput follows the load."""
    finding = node(0.5, 0.2, 0.7, 110.0, until=until, capacity=1e9)
    assert finding.evidence["named"] == named


@pytest.mark.parametrize("capacity", [CAPACITY, 1e9], ids=["throughput ends", "it follows the load"])
def test_processes_that_the_kernel_kills_are_named_first(capacity: float) -> None:
    """Whatever else is full: workers that are killed for their group's memory answer nobody."""
    killed = constant("gunicorn.oom_kills", 1.0)[20:]
    finding = stress(
        [of_service("gunicorn", memory=GROUP)],
        used("gunicorn.thread.busy", 1.0, 1.0, Unit.SHARE),
        killed,
        capacity=capacity,
    )
    assert finding.evidence["named"] == ["the memory that gunicorn may have"]
    assert " of its processes, since its control group (memory.max) allows 64MiB" in finding.sentence


@pytest.mark.parametrize(
    ("seconds", "memory_mib", "until", "named"),
    [
        pytest.param([40], 32.0, runs.SECONDS, THREAD, id="once, and it goes on"),
        pytest.param([40, 41, 42], 32.0, runs.SECONDS, THREAD, id="three workers in one moment"),
        pytest.param([30, 58], 32.0, runs.SECONDS, THREAD, id="twice by chance"),
        pytest.param([30, 44, 58], 32.0, runs.SECONDS, KILLED, id="again and again"),
        pytest.param([40], 60.0, runs.SECONDS, KILLED, id="once, and the memory stays near its limit"),
        pytest.param([54], 32.0, 54, KILLED, id="once, and nobody is there any more"),
    ],
)
def test_a_kill_is_a_limit_only_where_it_ended_the_throughput(
    seconds: Sequence[int], memory_mib: float, until: int, named: str
) -> None:
    """A thread is busy all over the plateau, from 22 users on; the machine kills a process beside it."""
    memory = list(runs.series("process.gunicorn.memory", memory_mib * MIB, Unit.BYTES, 64 * MIB))
    finding = stress(
        [of_service("gunicorn", memory=GROUP)],
        used("gunicorn.thread.busy", 1.0, 1.0, Unit.SHARE),
        kills(*seconds),
        [one for one in memory if one.time_s < runs.START + until],
    )
    assert finding.evidence["named"] == [named]


def test_one_kill_makes_no_saturation() -> None:
    """Throughput follows the load from the first user to the last."""
    finding = stress([of_service("gunicorn", memory=GROUP)], kills(40), capacity=1e9)
    assert finding.sentence.startswith("nothing saturated: throughput still followed the load")


def test_kills_are_told_as_a_fact() -> None:
    """Of each part how many, also in a run that saturates nothing; -1, as old run files have it, is none."""
    looks = [*kills(20, 40), *runs.series("process.nginx.oom_kills", {30: -1.0}, Unit.COUNT)]
    parts = told(of_service("gunicorn", memory=GROUP), of_service("nginx"))
    run = runs.load(events=[parts], readings=looks, slices=[runs.requests("/x", 9)])
    (finding,) = [one for one in judge(run).findings if one.id == "service.killed"]
    assert finding.is_note
    assert finding.evidence == {"killed": {"gunicorn": 2}}
    assert finding.sentence == (
        "the kernel killed processes of the service: 2 of gunicorn, since its control group (memory.max) "
        "allows 64MiB"
    )
