"""Engines drive the load. One folder each, one row in ENGINES."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from loadproof.engines.jmeter import traits as jmeter
from loadproof.engines.k6 import traits as k6
from loadproof.engines.locust import traits as locust
from loadproof.errors import ConfigError, Problem
from loadproof.model import SEVERAL, EngineTraits, Event, Inspection, Outcome, Plan, Reading, Slice

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path


class Sink(Protocol):
    """Where an engine puts what it measures. Calls never block."""

    def slice(self, part: Slice, /) -> None:
        """One second of one endpoint; several for the same second and endpoint add up."""

    def reading(self, reading: Reading, /) -> None:
        """A series of the engine's own: users, planned rate, custom metrics."""

    def event(self, event: Event, /) -> None:
        """Something that happened."""

    def log(self, line: str, /) -> None:
        """A line that the engine or the scenario printed."""

    def now(self) -> float:
        """The conductor's clock, in seconds since the epoch; it never jumps."""


class Engine(Protocol):
    """A load generator.

    An engine object serves one run. `run` returns when the load has ended and no process of it is left;
    `stop` makes that happen: gently the first time (users finish their request, the engine reports),
    at once the second time. Cancelling `run` is stopping at once.
    """

    def inspect(self, plan: Plan, /) -> Inspection:
        """Why this plan cannot run, and what the scenario says of its target and load; sends nothing.

        What it runs of the scenario is held by `plan.options.guard`, as the load will be. Raises RefusedError
        when that reaches for a host that may not be loaded.
        """

    def versions(self) -> dict[str, str]:
        """The tool's name and version, for the run file. Raises EngineError where it is not installed."""

    async def run(self, plan: Plan, sink: Sink, /) -> Outcome:
        """Drive the load and report it to `sink`. Raises EngineError when it could not start."""

    def stop(self) -> None:
        """Ask for the end of the load; twice for the end at once."""


class DelayedEngine(Protocol):
    """One whose load can wait for its moment, as each of several scenarios' may have to."""

    async def run(self, plan: Plan, sink: Sink, begin: Awaitable[float] | None = None, /) -> Outcome:
        """As of `Engine`. `begin` gives the moment at which the load is to begin, by `sink.now()`, once it is
        known: all that the engine needs for it is started before.
        """


ENGINES: dict[str, EngineTraits] = {
    "locust": locust.TRAITS,
    "k6": k6.TRAITS,
    "jmeter": jmeter.TRAITS,
}
"""By name: what others must know of each, where its class is, and what else it can do."""

SUFFIXES: dict[str, str] = {suffix: name for name, traits in ENGINES.items() for suffix in traits.suffixes}
"""The engine that a scenario's file name suggests."""


def traits_of(engine: str) -> EngineTraits:
    """Of an engine that a run file names; one that nobody knows any more has none."""
    return ENGINES.get(engine, EngineTraits(title=engine))


def session_of(plan: Plan) -> str | None:
    """The HTTP client of its load: the chosen one or the engine's first; None where there is no choice."""
    traits = traits_of(plan.engine)
    return plan.options.session or next(iter(traits.sessions), None)


def prepare(words: Sequence[str]) -> Callable[[], None]:
    """Let the engine of the scenario among `words` of a command line begin to start; sends nothing.

    Returns what ends that again, if the plan had no use for it.
    """
    engine = next((SUFFIXES[end] for word in words for end in SUFFIXES if word.endswith(end)), "")
    place = traits_of(engine).early
    if not place:
        return lambda: None
    early = import_module(place)
    early.prepare()
    dismiss: Callable[[], None] = early.dismiss
    return dismiss


def show(plan: Plan) -> int:
    """Let the engine print what one of its own flags asks for; returns its exit code. Sends nothing."""
    code: int = _found(ENGINES[plan.engine].show)(plan)
    return code


def default_scenario(folder: Path, arguments: Sequence[str]) -> tuple[str, str] | None:
    """The scenario that is meant where none is named, and why; None for none. Raises ConfigError."""
    finders = [traits.default_scenario for traits in ENGINES.values() if traits.default_scenario]
    found: Iterator[tuple[str, str] | None] = (_found(finder)(folder, arguments) for finder in finders)
    return next(filter(None, found), None)


_SEVERAL = "loadproof.engines.several.engine:SeveralEngines"
"""Not in the table: nobody chooses it, and it drives by those that are there."""


def load_engine(name: str) -> Engine:
    """A fresh engine of that name. Raises ConfigError for an unknown one."""
    if name == SEVERAL:
        together: Engine = _found(_SEVERAL)()
        return together
    if name not in ENGINES:
        known = ", ".join(sorted(ENGINES))
        raise ConfigError(Problem(f"unknown engine '{name}'", hint=f"engines are: {known}"))
    engine: Engine = _found(ENGINES[name].engine)()
    return engine


def _found(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
