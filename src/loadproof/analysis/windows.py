"""Which seconds of a run are judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadproof.histogram import merged
from loadproof.model import EventKind
from loadproof.plan.profiles import hold_windows
from loadproof.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadproof.histogram import Histogram
    from loadproof.model import Slice
    from loadproof.run.reader import Run


@dataclass(frozen=True, slots=True)
class Window:
    """Whole seconds since the epoch, and why it is these."""

    seconds: frozenset[int]
    description: str

    @property
    def duration_s(self) -> int:
        return len(self.seconds)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a set of slices adds up to."""

    requests: int
    failed: int
    response: Histogram


def load_span(run: Run) -> tuple[float, float] | None:
    """When the load started and ended, in seconds since the epoch; None when it never started.

    A run that was cut off ends with its last whole second.
    """
    started = run.events_of(EventKind.LOAD_STARTED)
    if not started:
        return None
    ended = run.events_of(EventKind.LOAD_ENDED)
    if ended:
        return started[0].time_s, ended[-1].time_s
    last = max((part.second + 1 for part in run.slices), default=started[0].time_s)
    return started[0].time_s, float(last)


def judged_window(run: Run) -> Window:
    """The seconds that requirements are judged over: the load without its ramps.

    Without a known profile, or when it only ramps, that is the whole load. A second counts when it lies
    inside the load as a whole.
    """
    span = load_span(run)
    if span is None:
        return Window(frozenset(), "the load never started")
    start_s, end_s = span
    holds = hold_windows(run.plan.played_profile)
    whole = _whole_seconds(start_s, end_s)
    held: set[int] = set()
    for hold_start_s, hold_end_s, _level in holds:
        held |= _whole_seconds(start_s + hold_start_s, min(start_s + hold_end_s, end_s))
    profile = run.plan.played_profile
    if profile.stages and profile.stages[-1].target > 0 and not profile.open_model:
        # Without a planned end (Locust without --run-time) the load stays at its last level.
        held |= _whole_seconds(start_s + profile.duration_s + 1.0, end_s)
    if held:
        lengths = format_duration(len(held))
        if len(held) >= len(whole):
            return Window(frozenset(held), f"the whole load ({lengths})")
        return Window(frozenset(held), f"{lengths} of steady load, ramps left out")
    return Window(frozenset(whole), f"the whole load ({format_duration(len(whole))})")


def sample(slices: Iterable[Slice]) -> Sample:
    """The slices' sum."""
    requests = failed = 0
    responses = []
    for part in slices:
        requests += part.requests
        if part.failures:
            failed += part.failed
        responses.append(part.response)
    return Sample(requests, failed, merged(responses))


def _whole_seconds(start_s: float, end_s: float) -> set[int]:
    return set(range(math.ceil(start_s), math.floor(end_s)))
