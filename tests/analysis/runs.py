"""Runs made by hand, whose truth is known because the test wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadproof.histogram import Histogram
from loadproof.model import (
    ConsistencyCheck,
    Endpoint,
    Event,
    EventKind,
    FailureKind,
    Plan,
    Profile,
    ProfileKind,
    Reading,
    Requirement,
    Slice,
    Stage,
    Unit,
)
from loadproof.runfile.reader import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START = 1_000
SECONDS = 60


def load(*, events: Sequence[Event] = (), readings: Sequence[Reading] = (), slices: Sequence[Slice] = (),
         requirements: Sequence[Requirement] = (), checks: Sequence[ConsistencyCheck] = (),
         stages: Sequence[Stage] = ()) -> Run:  # fmt: skip
    """A run of 60 s that began at 1000, at 10 users unless `stages` say otherwise."""
    plan = Plan(
        name="made",
        scenario=Path("locustfile.py"),
        engine="locust",
        target=None,
        profile=Profile(ProfileKind.LOAD, tuple(stages) or (Stage(float(SECONDS), 10.0),), start=10.0),
        requirements=tuple(requirements),
        consistency=tuple(checks),
    )
    span = [
        Event(float(START), EventKind.LOAD_STARTED, "the load started"),
        Event(float(START + SECONDS), EventKind.LOAD_ENDED, "the load ended"),
    ]
    ordered = tuple(sorted([*span, *events], key=lambda event: event.time_s))
    facts = {"state": "FINISHED", "outcome": "completed", "started_at_s": float(START)}
    return Run(Path("made.db"), facts, plan, tuple(slices), tuple(readings), ordered, ())


def series(name: str, values: Mapping[int, float] | float, unit: Unit = Unit.NONE, limit: float | None = None,
           looks: bool = True) -> list[Reading]:  # fmt: skip
    """One reading a second, a little late, and the monitor's own reading of each look."""
    source, _, rest = name.partition(".")
    by_second = (
        values if not isinstance(values, float | int) else dict.fromkeys(range(SECONDS), float(values))
    )
    readings = [Reading(START + s + 0.004, source, rest, v, unit, limit) for s, v in by_second.items()]
    own = [Reading(START + s + 0.004, source, "sample.duration", 0.01, Unit.SECONDS) for s in by_second]
    return [*readings, *(own if looks else [])]


def lost(monitor: str, since: float, until: float | None = None) -> list[Event]:
    """A monitor lost at a second of the run, and back at another."""
    data: dict[str, Any] = {"monitor": monitor, "sources": [monitor], "since_s": START + since}
    events = [Event(START + since + 1, EventKind.MONITOR_LOST, f"the monitor {monitor} is lost: away", data)]
    if until is not None:
        events.append(Event(START + until, EventKind.MONITOR_RECOVERED, "back", data))
    return events


def requests(name: str, count: int, failed: int = 0) -> Slice:
    """So many requests of one endpoint in one second."""
    histogram = Histogram()
    histogram.record_all([0.01] * count)
    failures = {FailureKind.STATUS: failed} if failed else {}
    return Slice(START + 1, Endpoint("POST", name), count, failures, 0, histogram)
