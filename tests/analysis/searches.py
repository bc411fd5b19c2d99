"""Capacity runs made by hand: trials are played on a service that answers as the test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from loadproof.analysis.search.capacity import SearchDecision
from loadproof.histogram import Histogram
from loadproof.model import (
    CapacityGoal,
    Endpoint,
    Event,
    EventKind,
    FailureKind,
    Outcome,
    Profile,
    ProfileKind,
    Reading,
    Requirement,
    RunOptions,
    Slice,
    Unit,
)
from tests.runs import START, error_rate, plan, required, run

if TYPE_CHECKING:
    from loadproof.engines.trials import TrialOrder
    from loadproof.runfile.reader import Run

GAP_S = 2
HOME, REPORT = Endpoint("GET", "/"), Endpoint("GET", "/report")


@dataclass(frozen=True, slots=True)
class Second:
    """What one second of a trial brought."""

    times_s: list[float]
    """Response time of each request."""
    failed: int = 0
    service_s: list[float] | None = None
    """From the send, where that differs."""
    started: int | None = None
    """Arrivals that started; None for all that were planned."""
    endpoint: Endpoint = HOME
    reports_s: list[float] = field(default_factory=list)
    """Of requests of a second endpoint."""


Service = Callable[[float, int], Second]
"""From the load and the second within the trial."""


def sharp(capacity_per_s: float, fast_s: float = 0.01, slow_s: float = 1.0) -> Service:
    """Fast up to the capacity, slow beyond."""
    return lambda load, _: Second([fast_s if load <= capacity_per_s else slow_s] * round(load))


@dataclass
class Searched:
    """A run in the making."""

    service: Service
    goal: CapacityGoal
    requirements: tuple[Requirement, ...] = (required(0.1), error_rate(0.01))
    engine: str = "locust"
    slices: list[Slice] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    orders: list[TrialOrder] = field(default_factory=list)
    now_s: int = START

    def run(self, outcome: Outcome | None = Outcome.COMPLETED) -> Run:
        """The run so far."""
        profile = Profile(ProfileKind.CAPACITY, open_model=not self.goal.whole)
        made = plan(
            *self.requirements, profile=profile, engine=self.engine, options=RunOptions(capacity=self.goal)
        )
        whole = run(*self.slices, of=made, seconds=self.now_s - START, events=self.events, outcome=outcome)
        events = tuple(sorted(whole.events, key=lambda event: event.time_s))
        return replace(whole, readings=tuple(self.readings), events=events)

    def play(self, order: TrialOrder, cut_after_s: int | None = None) -> None:
        """Play one trial, to its end or cut short."""
        begin_s, length_s = self.now_s, cut_after_s or round(order.duration_s)
        self.orders.append(order)
        self.events.append(order.started(float(begin_s)))
        for at in range(length_s):
            self._second(begin_s + at, order.load, self.service(order.load, at))
        end_s = begin_s + length_s
        self.events.append(order.ended(float(end_s), cut=cut_after_s is not None))
        self.now_s = end_s + GAP_S

    def search(self, most: int = 200) -> Run:
        """Play until there are no more orders."""
        decision = SearchDecision(lambda _run, _course, _order: None)
        for _ in range(most):
            order = decision.next(self.run())
            if order is None:
                return self.run()
            self.play(order)
        raise AssertionError("the search does not end")

    def _second(self, second: int, load: float, brought: Second) -> None:
        response, service = Histogram(), None
        response.record_all(brought.times_s)
        if brought.service_s is not None:
            service = Histogram()
            service.record_all(brought.service_s)
        failures = {FailureKind.STATUS: brought.failed} if brought.failed else {}
        if brought.times_s:
            count = len(brought.times_s)
            self.slices.append(Slice(second, brought.endpoint, count, failures, 0, response, service))
        if brought.reports_s:
            reports = Histogram()
            reports.record_all(brought.reports_s)
            self.slices.append(Slice(second, REPORT, len(brought.reports_s), {}, 0, reports))
        planned = round(load)
        started = planned if brought.started is None else brought.started
        if self.engine == "k6":
            dropped = float(planned - started)
            self.readings.append(Reading(second + 0.5, "k6", "dropped_iterations", dropped, Unit.COUNT))
        elif not self.goal.whole:
            counts = {"planned": planned, "started": started, "dropped": planned - started}
            for series, count in counts.items():
                self.readings.append(Reading(float(second), "load", series, float(count), Unit.COUNT))


def threshold(second_s: float, *, ok: bool) -> Event:
    """What k6 says of one of its script's thresholds."""
    data = {"metric": "http_req_duration", "expression": "p(95)<100", "ok": ok}
    return Event(second_s, EventKind.ENGINE_THRESHOLD, "http_req_duration p(95)<100", data)
