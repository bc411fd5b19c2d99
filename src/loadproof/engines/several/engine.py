"""Several scenarios at once, each driven by an engine of its own: one clock, one sink.

What they say is told apart by the scenario's name: before the names of endpoints and of messages, and under
`scenario` in the data of events (sink.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from loadproof.engines import DelayedEngine, Engine, Sink
from loadproof.engines.several.sink import ScenarioSink, SharedState
from loadproof.engines.table import load_engine
from loadproof.errors import EngineError, Problem
from loadproof.model import STREAMED, Event, EventKind, Inspection, OneOfSeveral, Outcome, Plan, Requirement


class SeveralEngines:
    """Runs one plan of several scenarios. See `Engine` for the contract."""

    def __init__(self) -> None:
        self._engines: dict[str, Engine] = {}
        """By the scenario's name."""
        self._stops = 0
        self._first: set[str] = set()
        """Those that play from the start and have not ended: the load begins with one of them."""
        self._failed: tuple[str, EngineError | None] | None = None
        """The first scenario whose engine failed; the error of one that could not start."""

    def versions(self) -> dict[str, str]:
        """None of its own: each of its engines has some."""
        return {}

    def inspect(self, plan: Plan) -> Inspection:
        """Every scenario as its own engine finds it."""
        found = [(one, self._inspect(one, plan)) for one in plan.several]
        several = tuple(_as_found(one, inspection) for one, inspection in found)
        if not several:
            hint = "write tests: {NAME: {scenarios: [...]}} in loadproof.yaml"
            return Inspection((Problem("there are no several scenarios to play at once", hint=hint),))
        return Inspection(
            problems=tuple(_named(one, p) for one, inspection in found for p in inspection.problems),
            targets=tuple(dict.fromkeys(target for _, i in found for target in i.targets)),
            advice=tuple(_named(one, p) for one, inspection in found for p in inspection.advice),
            missing=tuple(_named(one, p) for one, inspection in found for p in inspection.missing),
            several=several,
        )

    def _inspect(self, one: OneOfSeveral, plan: Plan) -> Inspection:
        return self._engine(one).inspect(_guarded(one, plan))

    def _engine(self, one: OneOfSeveral) -> Engine:
        if one.name not in self._engines:
            self._engines[one.name] = load_engine(one.plan.engine)
        return self._engines[one.name]

    async def run(self, plan: Plan, sink: Sink) -> Outcome:
        """Drive them all. Raises EngineError when one could not start and none had begun."""
        whole = SharedState(sink)
        self._first = {one.name for one in plan.several if not one.start_s}
        tasks = [asyncio.create_task(self._play(one, plan, whole)) for one in plan.several]
        try:
            outcomes = await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        whole.ended()
        if self._failed is not None:
            name, error = self._failed
            if error is not None and whole.began_s is None:
                raise EngineError(*(replace(p, message=f"{name}: {p.message}") for p in error.problems))
            if error is not None:
                message = f"{name}: {error}"
                sink.event(Event(sink.now(), EventKind.ENGINE_DIED, message, {"scenario": name}))
            return Outcome.ENGINE_FAILED
        return _together(outcomes, stopped=self._stops > 0)

    async def _play(self, one: OneOfSeveral, plan: Plan, whole: SharedState) -> Outcome:
        """One of them. Its engine is started at once, and its load begins at its own moment."""
        engine = self._engine(one)
        required = tuple(_alone(one, required) for required in plan.requirements)
        own = replace(_guarded(one, plan), requirements=required)
        sink = ScenarioSink(one, whole)
        begin = asyncio.create_task(whole.moment(one.played_start_s)) if one.start_s else None
        try:
            outcome = await cast("DelayedEngine", engine).run(own, sink, begin)
        except EngineError as error:
            self._end_all(one, error)
            sink.ended(Outcome.ENGINE_FAILED)
            return Outcome.ENGINE_FAILED
        finally:
            if begin is not None:
                begin.cancel()
        if outcome is Outcome.ENGINE_FAILED:
            self._end_all(one, None)
        if begin is not None and not sink.began and outcome is Outcome.INTERRUPTED:
            return outcome
        self._first.discard(one.name)
        if not self._first and whole.began_s is None:
            self._stop(self._engines.values())  # no other scenario can begin any more
        sink.ended(outcome)
        return outcome

    def _end_all(self, one: OneOfSeveral, error: EngineError | None) -> None:
        """One has failed: the load is not the one that was asked for, and ends."""
        if self._failed is not None:
            return
        self._failed = (one.name, error)
        if not self._stops:
            self._stop(engine for name, engine in self._engines.items() if name != one.name)

    def stop(self) -> None:
        """All of them: gently the first time, at once the second."""
        self._stops += 1
        self._stop(self._engines.values())

    def _stop(self, engines: Iterable[Engine]) -> None:
        for engine in engines:
            engine.stop()


def _guarded(one: OneOfSeveral, plan: Plan) -> Plan:
    """Its own plan, held to the hosts that the whole may load."""
    return replace(one.plan, options=replace(one.plan.options, guard=plan.options.guard))


def _alone(one: OneOfSeveral, required: Requirement) -> Requirement:
    """As it would be written for this one alone: what it needs to measure, and names that are to be kept."""
    if required.endpoint is None:
        return required
    beside = next((f"{method} " for method in STREAMED if required.endpoint.startswith(f"{method} ")), "")
    endpoint = required.endpoint.removeprefix(beside).removeprefix(f"{one.name}: ")
    return replace(required, endpoint=f"{beside}{endpoint}")


def _together(outcomes: Iterable[Outcome], *, stopped: bool) -> Outcome:
    cut = Outcome.INTERRUPTED in outcomes
    return Outcome.INTERRUPTED if stopped or cut else Outcome.COMPLETED


def _named(one: OneOfSeveral, problem: Problem) -> Problem:
    return replace(problem, message=f"{one.name}: {problem.message}")


def _as_found(one: OneOfSeveral, inspection: Inspection) -> OneOfSeveral:
    """With what its engine knows of it."""
    plan = one.plan
    options = replace(
        plan.options,
        targets=inspection.targets,
        scenario_target=inspection.targets[0] if not plan.target and len(inspection.targets) == 1 else None,
    )
    profile = plan.profile if plan.profile.stages else inspection.profile or plan.profile
    return replace(
        one, plan=replace(plan, profile=profile, options=options, engine_options=inspection.options)
    )
