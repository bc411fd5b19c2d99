"""The conductor: drives one engine, watches, and commits what they say to the run file once a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

from loadproof.clock import Clock, until_s
from loadproof.engines import Engine
from loadproof.engines.steering import SteeredEngine
from loadproof.errors import EngineError, Problem, RunFileError
from loadproof.model import Endpoint, Event, EventKind, Outcome, Plan, Reading, Slice, Watch
from loadproof.plan.watching import secrets_in, secrets_of_plan
from loadproof.routes import MOST_NAMES, KeptNames
from loadproof.run.consistency import Consistency
from loadproof.run.probing import Probe
from loadproof.run.progress import Progress
from loadproof.run.watch import Watcher
from loadproof.runfile.writer import RunWriter, UncommittedRows
from loadproof.safety.guard import PRODUCTION_MOST_PER_S
from loadproof.safety.known import Redactor
from loadproof.safety.plain import lines, one_line
from loadproof.safety.redact import redact_url

_COMMIT_EVERY_S = 1.0
_COMMIT_AT_S = 0.15
"""Of each second: engines hand a second over just after its end, and none of it waits for the next commit."""
_CLOCK_STEP_S = 0.1
"""In a second; a clock that is only steered moves by half a millisecond."""
"""Distinct endpoints kept; a scenario that puts ids into names would fill the disk with them."""
_SERIES_REMEMBERED = 20_000
OTHER_ENDPOINTS = Endpoint("", "(other endpoints)")


class Observer:
    """Hears what is recorded, as it is recorded; must return at once."""

    def slice(self, part: Slice) -> None:
        """One second of one endpoint."""

    def reading(self, reading: Reading) -> None:
        """One value of a series."""

    def event(self, event: Event) -> None:
        """Something that happened."""


class Conductor:
    """One run, from the first process to the last commit. Implements the engines' Sink.

    Everything that goes to the file or the screen passes here, so here secrets are taken out.
    """

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        writer: RunWriter,
        clock: Clock,
        watches: Sequence[Watch] = (),
        observers: Sequence[Observer] = (),
    ) -> None:
        self._observers = observers
        self._stopped_early = False
        self.progress = Progress(plan)
        self._plan = plan
        self._engine = engine
        self._writer = writer
        self._clock = clock
        self._batch = UncommittedRows()
        self._names: dict[Endpoint, Endpoint] = {}
        self._kept = KeptNames(
            (r.endpoint for r in plan.requirements if r.endpoint), routes=plan.options.routes
        )
        self._stops = 0
        self._broken: Exception | None = None
        """What ended the run from our own side: a disk that refuses, a view that fails."""
        settings = [watch.settings for watch in watches] + [check.settings for check in plan.consistency]
        hide = Redactor((*secrets_of_plan(plan), *secrets_in(settings)))
        self._redact, self._redact_line = hide.text, hide.line
        self._series: dict[str, str] = {}
        self._watcher = Watcher(watches, self)
        self._consistency = Consistency(plan, watches, self)
        self._probe = Probe(plan, self)
        self._wall_offset_s: float | None = None

    async def run(self, on_second: Callable[[Progress, float], None]) -> Outcome:
        """Drive the load to its end; `on_second` is called after each commit.

        Raises:
            EngineError: the engine could not start; the run file says so too.
            RunFileError: the disk refused a commit; the load was stopped.
        """
        self.event(Event(self.now(), EventKind.RUN_STARTED, f"run {self._plan.name}"))
        with ThreadPoolExecutor(1, "run-file") as disk:
            committing = asyncio.create_task(self._commit_for_ever(disk, on_second))
            try:
                await self._watcher.start()
                await self._consistency.ask("before")
                await self._probe.start()
                outcome = await self._engine.run(self._plan, self)
                if outcome is Outcome.INTERRUPTED and self._stopped_early and not self._stops:
                    outcome = Outcome.STOPPED
                await self._consistency.ask("after")
            except EngineError as error:
                self.event(Event(self.now(), EventKind.ENGINE_DIED, str(error)))
                raise EngineError(*(self._clean(problem) for problem in error.problems)) from error
            finally:
                await self._probe.stop()
                await self._watcher.stop()
                committing.cancel()
                await asyncio.gather(committing, return_exceptions=True)
                # Behind a commit that may still be under way in the same thread.
                await asyncio.get_running_loop().run_in_executor(disk, self._commit, self._taken())
        if self._broken is not None:
            raise self._broken
        on_second(self.progress, self.now())
        return outcome

    def stop(self) -> None:
        """Ask the engine to end: gently the first time, at once the second."""
        self._stops += 1
        if self._stops == 1:
            self.event(Event(self.now(), EventKind.INTERRUPTED, "interrupted: the load ends"))
        self._engine.stop()

    def steer(self, level: int) -> bool:
        """Ask the engine for so many users, or arrivals per second, from now on; whether it was asked.

        It is not before the load, nor when that ends.
        """
        started, ended = self.progress.load_started_s, self.progress.load_ended_s
        if started is None or ended is not None or self._stops or self._stopped_early:
            return False
        return cast("SteeredEngine", self._engine).steer(level)

    def hang_up(self) -> None:
        """The terminal was closed: its kernel and its shell may both say so, and mean one gentle end."""
        if not self._stops:
            self.stop()

    def stop_early(self, why: str) -> None:
        """Ask the engine to end gently, because the verdict is certain; asking again does nothing."""
        if self._stopped_early or self._stops or self.progress.load_ended_s is not None:
            return
        self._stopped_early = True
        self.event(Event(self.now(), EventKind.STOPPED_EARLY, why))
        self._engine.stop()

    # --- the sink ------------------------------------------------------------------------------------

    def slice(self, part: Slice) -> None:
        part = replace(part, endpoint=self._known(part.endpoint))
        self._batch.slices.append(part)
        self.progress.add_slice(part)
        if not part.endpoint.beside:
            for observer in self._observers:
                observer.slice(part)

    def reading(self, reading: Reading) -> None:
        reading = replace(reading, series=self._known_series(reading.series))
        self._batch.readings.append(reading)
        self.progress.add_reading(reading)
        for observer in self._observers:
            observer.reading(reading)

    def event(self, event: Event) -> None:
        message = lines(self._redact(event.message))
        event = replace(event, message=message, data=self._clean_data(event.data))
        self._batch.events.append(event)
        self.progress.add_event(event)
        if event.kind is EventKind.TARGET_REFUSED and not self._stops:
            self._stops = 1
            self._engine.stop()
        for observer in self._observers:
            observer.event(event)

    def log(self, line: str) -> None:
        line = lines(self._redact_line(line.rstrip("\r\n"))).replace("\n", "\\n")
        event = Event(self.now(), EventKind.ENGINE_LOG, line)
        self._batch.events.append(event)
        self.progress.log.append(line)
        for observer in self._observers:
            observer.event(event)

    def now(self) -> float:
        return self._clock.now()

    def _clean_data(self, value: Any) -> Any:
        match value:
            case str():
                return lines(self._redact(value))
            case dict():
                return {key: self._clean_data(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self._clean_data(inner) for inner in value]
            case _:
                return value

    def _clean(self, problem: Problem) -> Problem:
        return Problem(self._redact(problem.message), problem.where, self._redact(problem.hint))

    def _known(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint with secrets taken out of its name; of too many its route, or one name for all."""
        known = self._names.get(endpoint)
        if known is None:
            name = self._kept.name(endpoint.method, endpoint.name)
            if name is not None:
                known = Endpoint(one_line(endpoint.method), one_line(self._redact(redact_url(name))))
                if name == endpoint.name:
                    self._names[endpoint] = known
            else:
                known = OTHER_ENDPOINTS
                if OTHER_ENDPOINTS not in self._names:
                    self._names[OTHER_ENDPOINTS] = OTHER_ENDPOINTS
                    message = f"more than {MOST_NAMES} endpoints: the rest is counted as {OTHER_ENDPOINTS}"
                    self.event(Event(self.now(), EventKind.ENGINE_LOG, message))
        return known

    def _known_series(self, name: str) -> str:
        """The name without secrets: a label of somebody's metrics may hold a URL or a token."""
        known = self._series.get(name)
        if known is None:
            known = one_line(self._redact(name))
            if len(self._series) < _SERIES_REMEMBERED:
                self._series[name] = known
        return known

    # --- the file ------------------------------------------------------------------------------------

    async def _commit_for_ever(
        self, disk: ThreadPoolExecutor, on_second: Callable[[Progress, float], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(_COMMIT_EVERY_S / 2)  # nothing is measured yet
        while True:
            await asyncio.sleep(until_s(self.now(), _COMMIT_EVERY_S, _COMMIT_AT_S))
            self._watch_the_wall_clock()
            # In a thread: a slow disk must not stop the reading of the engine's pipe.
            await asyncio.shield(loop.run_in_executor(disk, self._commit, self._taken()))
            for said in self._writer.moves():
                self.event(Event(self.now(), EventKind.RUN_FILE_MOVED, said))
            self._hold_production_cap()
            try:
                if self._broken is None:
                    on_second(self.progress, self.now())
            except Exception as error:  # noqa: BLE001  # raised again by `run`, when the engine has ended
                self._broken = error
            if self._broken is not None:
                self._engine.stop()
                return

    def _hold_production_cap(self) -> None:
        """A run that may load production ends when a second had more requests than the cap."""
        guard = self._plan.options.guard
        host = guard.allowed_production if guard else ""
        most = self.progress.most_in_a_second if host else 0
        if most > PRODUCTION_MOST_PER_S and not self._stops:
            message = f"{most} requests in a second are too much for production; the cap is "
            self.event(
                Event(
                    self.now(), EventKind.TARGET_REFUSED, f"{message}{PRODUCTION_MOST_PER_S}", {"host": host}
                )
            )

    def _watch_the_wall_clock(self) -> None:
        """Our own clock does not jump; that somebody set the machine's is told, for whoever compares logs."""
        offset_s = time.time() - self.now()
        before_s, self._wall_offset_s = self._wall_offset_s, offset_s
        if before_s is not None and abs(offset_s - before_s) > _CLOCK_STEP_S:
            moved_s = offset_s - before_s
            message = (
                f"the machine's clock was set by {moved_s:+.2f} s: durations and this file's times are not"
            )
            self.event(Event(self.now(), EventKind.CLOCK_SET, message, {"by_s": moved_s}))

    def _taken(self) -> UncommittedRows:
        batch, self._batch = self._batch, UncommittedRows()
        return batch

    def _commit(self, batch: UncommittedRows) -> None:
        """In the disk's thread. Never raises: nobody may be left who waits for it."""
        if isinstance(self._broken, RunFileError):
            return
        try:
            self._writer.commit(batch, self.now())
        except Exception as error:  # noqa: BLE001  # raised again by `run`, when the engine has ended
            self._broken = error
