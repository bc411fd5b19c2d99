"""Trials by one process of the engine for each: k6 and JMeter cannot be told a new load while they run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from loadproof.model import Event, EventKind, Outcome, Plan, Profile, ProfileKind, Reading, Slice, Stage

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from loadproof.engines import Engine, Sink
    from loadproof.engines.trials import Orders, TrialOrder

_HOPELESS_EVERY_S = 1.0


class TrialsOneByOne:
    """A sequence of engines, each of which serves one trial."""

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        *,
        summary: str | None = None,
        cut_short: re.Pattern[str] | None = None,
    ) -> None:
        """What the engine prints of each trial is passed on, but not from the line with `summary` on.

        Nor a line like `cut_short` of a trial that was cut short on purpose.
        """
        self._make_engine = make_engine
        self._summary = summary
        self._cut_short = cut_short
        self._engine: Engine | None = None
        self._stops = 0

    async def run(self, plan: Plan, sink: Sink, orders: Orders) -> Outcome:
        """Play all trials. Raises EngineError when one could not begin."""
        began = False
        ended_s = sink.now()
        outcome = Outcome.COMPLETED
        while not self._stops and (order := orders.next()) is not None:
            trial = _TrialSink(sink, order, self._summary, self._cut_short, tell_start=not began)
            outcome = await self._play(plan, trial, order, orders)
            began, ended_s = began or trial.began, trial.ended_s or sink.now()
            if outcome is not Outcome.COMPLETED or trial.ended_by_others:
                break
        if began:
            sink.event(Event(ended_s, EventKind.LOAD_ENDED, "the load ended"))
        return Outcome.INTERRUPTED if self._stops else outcome

    def stop(self) -> None:
        """Gently the first time, at once the second."""
        self._stops += 1
        if self._engine is not None:
            self._engine.stop()

    async def _play(self, plan: Plan, sink: _TrialSink, order: TrialOrder, orders: Orders) -> Outcome:
        self._engine = self._make_engine()
        running = asyncio.create_task(self._engine.run(replace(plan, profile=_profile(plan, order)), sink))
        try:
            while not (await asyncio.wait({running}, timeout=_HOPELESS_EVERY_S))[0]:
                if sink.began and not sink.cut and not self._stops and orders.hopeless():
                    sink.cut = True
                    self._engine.stop()
            outcome = await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        sink.finish()
        return Outcome.COMPLETED if sink.cut and not self._stops else outcome


def _profile(plan: Plan, order: TrialOrder) -> Profile:
    stages = (Stage(order.duration_s, order.load),)
    return Profile(ProfileKind.CAPACITY, stages, plan.profile.open_model, start=order.load)


class _TrialSink:
    """Passes on what one process measures; its load's begin and end become those of the trial."""

    def __init__(
        self,
        sink: Sink,
        order: TrialOrder,
        summary: str | None,
        cut_short: re.Pattern[str] | None,
        *,
        tell_start: bool,
    ) -> None:
        self._summary = summary
        self._cut_short = cut_short
        self.cut = False
        self.began = False
        self.ended_by_others = False
        self.ended_s: float | None = None
        self._sink = sink
        self._order = order
        self._tell_start = tell_start
        self.slice: Callable[[Slice], None] = sink.slice
        self.reading: Callable[[Reading], None] = sink.reading
        self._summing_up = False
        self.now: Callable[[], float] = sink.now

    def log(self, line: str) -> None:
        """What the scenario prints; the engine's own summary is left out, and that it was cut short."""
        self._summing_up = self._summing_up or (self._summary is not None and self._summary in line)
        cut = self.cut and self._cut_short is not None and self._cut_short.search(line) is not None
        if not self._summing_up and not cut:
            self._sink.log(line)

    def event(self, event: Event) -> None:
        match event.kind:
            case EventKind.LOAD_STARTED:
                self.began = True
                if self._tell_start:
                    self._sink.event(event)
                self._sink.event(self._order.started(event.time_s))
            case EventKind.ENDED_BY:
                self.ended_by_others = True
                self._sink.event(event)
            case EventKind.LOAD_ENDED:
                self.ended_s = event.time_s
            case EventKind.IN_FLIGHT if self.cut:
                return  # it was cut off on purpose: what was in flight is no surprise
            case _:
                self._sink.event(event)

    def finish(self) -> None:
        """All was passed on."""
        if self.began:
            self._sink.event(self._order.ended(self.ended_s or self.now(), cut=self.cut))
