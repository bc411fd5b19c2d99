"""A run of many trials: what was measured so far decides what is played next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from loadproof.errors import ConfigError, Problem
from loadproof.model import EventKind
from loadproof.run.conductor import Observer
from loadproof.runfile.reader import Run

if TYPE_CHECKING:
    from loadproof.engines import Engine, Sink
    from loadproof.engines.trials import TrialEngine, TrialOrder
    from loadproof.model import Event, Inspection, Outcome, Plan, Reading, Slice


class Decision(Protocol):
    """Decides about the trials of a run, from the run so far."""

    def next(self, run: Run, /) -> TrialOrder | None:
        """What to play next; None: nothing more."""

    def hopeless(self, run: Run, /) -> bool:
        """Whether the trial that is being played may be cut short."""


class RunSoFar(Observer):
    """What has gone to the run file until now, as the run that it would be read as."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._slices: list[Slice] = []
        self._readings: list[Reading] = []
        self._events: list[Event] = []

    def slice(self, part: Slice) -> None:
        """Keep it."""
        self._slices.append(part)

    def reading(self, reading: Reading) -> None:
        """Keep it."""
        self._readings.append(reading)

    def event(self, event: Event) -> None:
        """Keep it, unless it is one of the many that decide nothing."""
        if event.kind not in _MANY:
            self._events.append(event)

    def read(self) -> Run:
        """The run so far."""
        return Run(
            path=Path(),
            facts={"state": "RUNNING"},
            plan=self._plan,
            slices=tuple(sorted(self._slices, key=lambda part: part.second)),
            readings=tuple(sorted(self._readings, key=lambda reading: reading.time_s)),
            events=tuple(sorted(self._events, key=lambda event: event.time_s)),
            findings=(),
        )


_MANY = frozenset({EventKind.ENGINE_LOG, EventKind.ERROR_SAMPLE, EventKind.SLOW_REQUEST})


class TrialRun:
    """An engine that plays trials as an `Engine` that plays one load."""

    def __init__(self, engine: Engine, decision: Decision, so_far: RunSoFar) -> None:
        """`so_far` must get all that the run file gets. Raises ConfigError when `engine` plays no trials."""
        if not hasattr(engine, "run_trials"):
            raise ConfigError(Problem("this engine cannot search: it plays one load only"))
        self._engine = engine
        self._decision = decision
        self._so_far = so_far

    def inspect(self, plan: Plan) -> Inspection:
        return self._engine.inspect(plan)

    def versions(self) -> dict[str, str]:
        return self._engine.versions()

    async def run(self, plan: Plan, sink: Sink) -> Outcome:
        """Play trials until there is no order for another."""
        return await cast("TrialEngine", self._engine).run_trials(plan, sink, self)

    def stop(self) -> None:
        self._engine.stop()

    # --- the orders ----------------------------------------------------------------------------------

    def next(self) -> TrialOrder | None:
        """See `Orders`."""
        return self._decision.next(self._so_far.read())

    def hopeless(self) -> bool:
        """See `Orders`."""
        return self._decision.hopeless(self._so_far.read())
