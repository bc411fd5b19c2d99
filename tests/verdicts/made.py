"""Runs whose load, events and endings are known: a healthy one, and what may be done to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from loadproof.model import EventKind, FailureKind, Outcome, Reading, Unit
from tests.runs import LOANS, START, error_rate, event, part, plan, required, run, staged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadproof.model import ConsistencyCheck, Event, Profile, Requirement, Slice
    from loadproof.runfile.reader import Run

TARGET = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Made:
    """One run. A healthy one of 20 s with 10 users, whose requests take 100 ms; fields say what differs."""

    planned_s: int = 20
    played_s: float | None = None
    """By default as long as planned."""
    level: int = 10
    there: float | None = None
    """Users there, or arrivals started; by default as many as planned."""
    open_model: bool = False
    profile: Profile | None = None
    """Instead of one hold at `level`."""
    times_s: tuple[float, ...] = (0.1,) * 20
    """Of the requests of each second."""
    failed: int = 0
    """Of them."""
    kind: FailureKind = FailureKind.STATUS
    slices: tuple[Slice, ...] | None = None
    """Instead of those."""
    tells: bool = True
    """The engine reports what 0.2 reports: without, it is an older run file."""
    tasks: tuple[int, int] = (20, 0)
    """Tasks that ended in each second, and how many of them raised."""
    hosts: Mapping[str, int] | None = None
    events: tuple[Event, ...] = ()
    outcome: Outcome | None = Outcome.COMPLETED
    lag_s: float | None = 0.002
    series: Mapping[tuple[str, str], tuple[float, Unit, float | None]] | None = None
    """Further series, the same in each second: value, unit, limit."""
    readings: tuple[tuple[float, str, str, float], ...] = ()
    """Single ones beside them: when, source, series, value."""
    requirements: tuple[Requirement, ...] = (required(0.5), error_rate(0.02))
    consistency: tuple[ConsistencyCheck, ...] = ()
    engine: str = "locust"
    target: str | None = TARGET
    facts: tuple[tuple[str, Any], ...] = ()

    def run(self) -> Run:
        """As its run file would be read."""
        profile = self.profile or staged(
            (float(self.planned_s), float(self.level)), start=float(self.level), open_model=self.open_model
        )
        played_s = self.planned_s if self.played_s is None else self.played_s
        seconds = range(max(1, int(played_s)))
        slices = self.slices
        if slices is None:
            slices = tuple(part(s, LOANS, self.times_s, self.failed, self.kind) for s in seconds)
            slices = tuple(one for one in slices if one.requests)
        made = run(
            *slices,
            of=plan(
                *self.requirements,
                profile=profile,
                engine=self.engine,
                target=self.target,
                consistency=self.consistency,
            ),
            seconds=played_s,
            events=[*(self._told(seconds, slices) if self.tells else ()), *self.events],
            outcome=self.outcome,
            **dict(self.facts),
        )
        return replace(made, readings=tuple(self._readings(seconds, profile)))

    def _told(self, seconds: Sequence[int], slices: Sequence[Slice]) -> list[Event]:
        count, raised = self.tasks
        found = []
        for second in seconds:
            there = sum(one.requests for one in slices if one.second == START + second)
            if self.slices is not None and not there:
                continue  # who makes no request plays no task
            found.append(event(second + 0.9, EventKind.PLAYED, count=count, raised=raised))
            hosts = self.hosts or ({"127.0.0.1:8000": there} if there else {})
            found.append(event(second + 0.9, EventKind.AIMED, hosts=dict(hosts)))
        return found

    def _readings(self, seconds: Sequence[int], profile: Profile) -> list[Reading]:
        found = []
        for second in seconds:
            at = START + second + 0.5
            planned = profile.level_at(second + 0.5)
            there = planned if self.there is None else self.there
            if self.open_model:
                found.append(Reading(at, "load", "planned", planned))
                found.append(Reading(at, "load", "started", there))
            else:
                found.append(Reading(at, "load", "users", there, Unit.COUNT))
            if self.lag_s is not None:
                found.append(Reading(at, self.engine, "scheduler_lag", self.lag_s, Unit.SECONDS))
            for (source, name), (value, unit, limit) in (self.series or {}).items():
                found.append(Reading(at, source, name, value, unit, limit))
        for at_s, source, name, value in self.readings:
            found.append(Reading(START + at_s, source, name, value))
        return found
