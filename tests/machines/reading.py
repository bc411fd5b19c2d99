"""What a run file holds, in the words of the tests."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from loadproof.runfile.reader import read_run
from tests.runs import loose

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.model import Event, EventKind
    from loadproof.runfile.reader import Run

RUN_FILE = "run.db"


def run_in(folder: Path) -> Run:
    return read_run(folder / RUN_FILE)


def requests(run: Run) -> Counter[str]:
    """Recorded requests by path."""
    counts: Counter[str] = Counter()
    for part in run.slices:
        counts[part.endpoint.name] += part.requests
    return counts


def in_flight(run: Run) -> int:
    """Requests that were sent and had no answer at the stop."""
    return sum(
        int(loose(event.data)["count"])
        for event in run.events
        if event.kind == "requests in flight at the stop"
    )


def of(run: Run, kind: EventKind) -> list[Event]:
    return [event for event in run.events if event.kind is kind]


def users(run: Run) -> list[int]:
    """Virtual users, once a second."""
    return [int(reading.value) for reading in run.readings if reading.series == "users"]
