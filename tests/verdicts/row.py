"""One row of the catalogue of verdicts, and what many rows are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from loadproof.model import (
    EventKind,
    Unit,
    Verdict,
)
from tests.runs import event, required

if TYPE_CHECKING:
    from loadproof.model import Event
    from tests.verdicts.made import Made

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


class Row(NamedTuple):
    """One run and what is right to say of it."""

    name: str
    made: Made
    verdict: Verdict
    code: int
    condition: str = ""
    says: str = ""
    """Somewhere in what the report says."""


def ended(by: str, how: str, where: str = "") -> tuple[Event, ...]:
    """The load's end before its plan."""
    return (event(4, EventKind.ENDED_BY, by=by, how=how, where=where),)


SLOW = (0.9,) * 20
FEW = (0.1,) * 50
TIMES = (required(0.5),)
SERVICE = {
    ("host", "cpu"): (2.0, Unit.CORES, 2.0),
    ("process", "cpu"): (0.4, Unit.CORES, 2.0),
    ("process", "thread.waited"): (0.4, Unit.SHARE, 1.0),
    ("host", "cpu.program.stress"): (1.5, Unit.CORES, 2.0),
}
OWN_BURN = {
    **SERVICE,
    ("process", "cpu"): (1.9, Unit.CORES, 2.0),
    ("host", "cpu.program.stress"): (0.0, Unit.CORES, 2.0),
}
IDLE = {
    **SERVICE,
    ("process", "cpu"): (0.01, Unit.CORES, 2.0),
    ("process", "thread.busy"): (0.05, Unit.SHARE, 1.0),
    ("process", "thread.waited"): (0.04, Unit.SHARE, 1.0),
}
QUIET = {
    **IDLE,
    ("host", "cpu"): (0.1, Unit.CORES, 2.0),
    ("host", "cpu.program.stress"): (0.0, Unit.CORES, 2.0),
}
NICED = {
    **SERVICE,
    ("host", "cpu.nice"): (1.5, Unit.CORES, 2.0),
    ("host", "pressure.cpu"): (0.9, Unit.SHARE, 1.0),
    ("process", "thread.waited"): (0.02, Unit.SHARE, 1.0),
}
FULL = {
    **SERVICE,
    ("process", "thread.busy"): (0.95, Unit.SHARE, 1.0),
    ("process", "thread.waited"): (0.4, Unit.SHARE, 1.0),
}
DATABASE = {
    **SERVICE,
    ("host", "cpu.program.stress"): (0.0, Unit.CORES, 2.0),
    ("host", "cpu.program.postgres"): (1.5, Unit.CORES, 2.0),
}


def threshold(metric: str, expression: str, value: float, unit: str = "", *, aborts: bool = False) -> Event:
    """One of k6's that does not hold."""
    return event(20, EventKind.ENGINE_THRESHOLD, f"{metric} {expression}", metric=metric, unit=unit,
                 expression=expression, ok=False, value=value, samples=400, abort_on_fail=aborts)  # fmt: skip


def raised(what: str, count: int, died: int = 0) -> Event:
    """What the scenario's own code raised."""
    return event(3, EventKind.RAISED, what=what, exception="KeyError: 'token'", where="shop.py:7",
    count=count,
                 users_died=died, traceback="Traceback (most recent call last): ...")  # fmt: skip


def gate(how: str, code: int, *, inconclusive: bool = False) -> Event:
    """The scenario's own answer to its run."""
    return event(20, EventKind.OWN_GATE, f"the scenario said no by {how}", how=how, exit_code=code,
                 inconclusive=inconclusive)  # fmt: skip


def told(kind: EventKind, message: str = "", **data: object) -> tuple[Event, ...]:
    """One event in the middle of the run."""
    return (event(3, kind, message, **data),)
