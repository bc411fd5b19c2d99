"""What grows in a soak and is no leak of the service: the load's own users, garbage that nobody collected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadproof.model import Reading, Unit, Verdict
from tests.analysis.test_soak import MIB, SECONDS, finding_in, growth_in, watched
from tests.runs import START

_AT = np.arange(float(SECONDS))


@pytest.mark.parametrize(("users", "verdict"), [(20, Verdict.INCONCLUSIVE), (2, Verdict.FAIL)])
def test_files_of_as_many_users_as_came_are_no_leak(users: int, verdict: Verdict) -> None:
    """Twenty descriptors more, while an open model made twenty users, or two, since answers were late."""
    made = watched({"process.fds": 30 + np.floor(20 * _AT / SECONDS)}, "descriptor_growth: <10/h")
    rising = 15 + np.floor(users * _AT / SECONDS)
    readings = [
        Reading(START + n, "load", "users", count, Unit.COUNT) for n, count in enumerate(rising.tolist())
    ]
    made = replace(made, readings=(*made.readings, *readings))
    assert growth_in(made).verdict is verdict
    assert ("the load's users rose by as many" in growth_in(made).advice) is (verdict is Verdict.INCONCLUSIVE)
    assert ("growing" in finding_in(made).evidence) is (verdict is Verdict.FAIL)


@pytest.mark.parametrize(("users", "verdict"), [(20, Verdict.PASS), (0, Verdict.INCONCLUSIVE)])
def test_a_step_of_as_many_threads_as_users_came_is_none(users: int, verdict: Verdict) -> None:
    """Twenty threads more at once, as the load's users, or without any: another step may come."""
    late = _AT > 800
    made = watched({"process.threads": 5 + 20.0 * late}, "thread_growth: <10/h")
    readings = [
        Reading(START + n, "load", "users", count, Unit.COUNT)
        for n, count in enumerate((15 + users * late).tolist())
    ]
    made = replace(made, readings=(*made.readings, *readings))
    assert growth_in(made).verdict is verdict


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
