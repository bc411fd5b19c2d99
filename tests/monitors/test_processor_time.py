"""The processor time of each part, and what it says of a runtime's own limit."""

from __future__ import annotations

import pytest

from loadproof.monitors.limits import PartLimit, exceeded
from loadproof.monitors.parts.part import Part, PartRole
from loadproof.monitors.parts.table import Stat
from loadproof.monitors.readings.cpu import ProcessorTime


def _process(user_s: float, system_s: float) -> Stat:
    return Stat(7, "gunicorn", False, 1, user_s, system_s, 0.0, 0.0, 9, 5.0, 0)


@pytest.mark.parametrize(("user_s", "system_s", "free"), [(0.9, 0.3, False), (1.3, 0.1, True)])
def test_only_what_a_process_computes_frees_it_of_its_lock(
    user_s: float, system_s: float, free: bool
) -> None:
    """Threads that wait for the lock take it by system calls; code that left it computes beside it."""
    service = Part("gunicorn", "gunicorn", PartRole.ENTRY, 0, "port 8000")
    time = ProcessorTime()
    assert time.step({7: _process(0, 0)}, {7: service}, 10.0) is None
    used = time.step({7: _process(user_s, system_s)}, {7: service}, 11.0)
    assert used is not None
    mine = used["gunicorn"]
    assert (mine.busiest_s, mine.busiest_user_s) == pytest.approx((user_s + system_s, user_s))
    assert exceeded(mine.busiest_user_s, PartLimit("the interpreter lock", 1.0)) is free
