"""What grows in a soak and is no leak of the service: the load's own users, garbage that nobody collected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.model import EventKind, Reading, Unit, Verdict
from tests.analysis.test_soak import MIB, SECONDS, finding_in, growth_in, watched
from tests.runs import START, event

if TYPE_CHECKING:
    from loadproof.runfile.reader import Run

_AT = np.arange(float(SECONDS))


def _with_users(made: Run, users: np.ndarray) -> Run:
    readings = [
        Reading(START + n, "load", "users", count, Unit.COUNT) for n, count in enumerate(users.tolist())
    ]
    return replace(made, readings=(*made.readings, *readings))


def _of_parts(made: Run, **processes: int) -> Run:
    """The service has these parts, of so many processes: each is called as its program."""
    parts = [
        {
            "name": name, "program": name, "role": "entry", "depth": 0, "reached": "port 80", "runtime": "",
            "processes": number, "replaced": 0, "workers": 0, "memory_is": "PSS", "cores": None,
            "memory": None,
        }
        for name, number in processes.items()
    ]  # fmt: skip
    return replace(made, events=(*made.events, event(0, EventKind.PARTS, parts=parts)))


@pytest.mark.parametrize(("users", "verdict"), [(20, Verdict.INCONCLUSIVE), (2, Verdict.FAIL)])
def test_files_of_as_many_users_as_came_are_no_leak(users: int, verdict: Verdict) -> None:
    """Twenty descriptors more, while an open model made twenty users, or two, since answers were late."""
    made = watched({"process.fds": 30 + np.floor(20 * _AT / SECONDS)}, "descriptor_growth: <10/h")
    made = _with_users(made, 15 + np.floor(users * _AT / SECONDS))
    assert growth_in(made).verdict is verdict
    assert ("the load's users rose by as many" in growth_in(made).advice) is (verdict is Verdict.INCONCLUSIVE)
    assert ("growing" in finding_in(made).evidence) is (verdict is Verdict.FAIL)


@pytest.mark.parametrize(("users", "verdict"), [(20, Verdict.PASS), (0, Verdict.INCONCLUSIVE)])
def test_a_step_of_as_many_threads_as_users_came_is_none(users: int, verdict: Verdict) -> None:
    """Twenty threads more at once, as the load's users, or without any: another step may come."""
    late = _AT > 800
    made = watched({"process.threads": 5 + 20.0 * late}, "thread_growth: <10/h")
    assert growth_in(_with_users(made, 15 + users * late)).verdict is verdict


def test_threads_of_users_who_have_left_are_not_theirs() -> None:
    """Twenty threads that came with twenty users and stayed when these left a minute later."""
    made = watched({"process.threads": 5 + 20.0 * (_AT > 800)}, "thread_growth: <10/h")
    made = _with_users(made, 15 + 20 * ((_AT > 800) & (_AT <= 860)))
    assert growth_in(made).verdict is Verdict.INCONCLUSIVE
    assert "rose in a step or two and stayed" in growth_in(made).advice


@pytest.mark.parametrize("came", [0, 300, 900, 1_500, 1_765])
def test_users_who_left_again_excuse_no_leak(came: int) -> None:
    """Eighty files more in a line, and a hundred users more for half a minute, whenever they came."""
    made = watched({"process.fds": 30 + np.floor(80 * _AT / SECONDS)}, "descriptor_growth: <10/h")
    made = _with_users(made, 15 + 100 * ((came <= _AT) & (came + 30 > _AT)))
    assert growth_in(made).verdict is Verdict.FAIL
    assert "growing" in finding_in(made).evidence


@pytest.mark.parametrize("seed", [1, 2, 4, 7, 10])
def test_a_file_for_each_user_is_never_a_leak(seed: int) -> None:
    """However users come and go: in lines from anywhere to anywhere, at once, and for a moment."""
    random = np.random.default_rng(seed)
    users = 15 + random.integers(20, 120) * np.clip(
        (_AT / SECONDS - random.uniform(-0.2, 0.8)) / random.choice([0.01, 0.3, 1.2]), 0, 1
    )
    came = random.uniform(0, SECONDS)
    users = np.floor(users + random.integers(0, 60) * ((came < _AT) & (came + 90 > _AT)))
    made = watched({"process.fds": 30 + users}, "descriptor_growth: <10/h")
    assert growth_in(_with_users(made, users)).verdict is not Verdict.FAIL


@pytest.mark.parametrize(("grown", "verdict"), [(4, Verdict.INCONCLUSIVE), (14, Verdict.FAIL)])
def test_what_v8_may_not_have_collected_is_no_leak(grown: int, verdict: Verdict) -> None:
    """So many MiB in half an hour, in a straight line: V8 looks at its old space after ten."""
    heap = 4 * MIB + grown * MIB * _AT / SECONDS + MIB * (_AT % 20) / 20
    made = watched(
        {"metrics.nodejs_heap_size_used_bytes": heap, "process.memory": 20 * MIB + heap},
        "memory_growth: <10%/h",
    )
    assert growth_in(made).verdict is verdict
    waits = "may be garbage that V8 has not collected yet: hold the load for about"
    assert (waits in growth_in(made).advice) is (verdict is Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("processes", "grown", "verdict"),
    [(8, 14, Verdict.INCONCLUSIVE), (8, 100, Verdict.FAIL), (1, 14, Verdict.FAIL)],
)
def test_each_process_of_node_has_an_old_space(processes: int, grown: int, verdict: Verdict) -> None:
    """So many MiB of all together in half an hour: eight may wait for ten each."""
    memory = (40 * processes + grown * _AT / SECONDS) * MIB
    made = watched({"process.memory": memory, "process.node.memory": memory}, "memory_growth: <10MiB/h")
    assert growth_in(_of_parts(made, node=processes)).verdict is verdict


@pytest.mark.parametrize("front", ["node", "java"])
@pytest.mark.parametrize(("grown", "verdict"), [(8, Verdict.FAIL), (0, Verdict.PASS)])
def test_a_leak_beside_node_or_a_jvm_is_no_garbage_of_theirs(
    front: str, grown: int, verdict: Verdict
) -> None:
    """Eight MiB more of Python in half an hour: less than V8 may hold, and no heap of a JVM."""
    python, beside = (40 + grown * _AT / SECONDS) * MIB, 60 * MIB + 0 * _AT
    heap = 'metrics.jvm_memory_used_bytes{area="heap",id="G1 Eden Space"}'
    made = watched(
        {
            "process.memory": python + beside, "process.python.memory": python,
            f"process.{front}.memory": beside, **({heap: (20 + _AT % 61) * MIB} if front == "java" else {}),
        },
        "memory_growth: <10%/h",
    )  # fmt: skip
    found = growth_in(_of_parts(made, python=1, **{front: 1}))
    assert found.verdict is verdict
    assert found.advice.startswith("process.python.memory grows by 16MiB/h") is (verdict is Verdict.FAIL)


def test_the_page_of_another_runtime_tells_nothing_of_a_jvm() -> None:
    """Go's heap is level: what the JVM beside it keeps is not known all the same."""
    level = {"process.memory": 300 * MIB + 0 * _AT, "metrics.go_memstats_heap_inuse_bytes": 9 * MIB + 0 * _AT}
    found = growth_in(_of_parts(watched(level, "memory_growth: <10%/h"), java=1, service=1))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "jvm_memory_used_bytes" in found.advice


def test_what_cannot_be_ruled_out_is_not_less_than_what_rises() -> None:
    """One part of memory is level to the byte, another rises: no "grows by less than" is said."""
    made = watched(
        {
            "process.memory": 100 * MIB + 4 * MIB * _AT / 3_600,
            "metrics.nodejs_external_memory_bytes": 2 * MIB + 0 * _AT,
        }
    )
    sentence = finding_in(made).sentence
    assert "process.memory" in sentence
    assert "cannot be ruled out" not in sentence
