"""Engines drive the load. One folder each, one row in ENGINES."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from loadproof.engines.jmeter.options import JmeterOptions
from loadproof.engines.k6.options import K6Options
from loadproof.engines.locust.options import LocustOptions
from loadproof.errors import ConfigError, Problem
from loadproof.model import EngineTraits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from loadproof.model import Event, Inspection, Outcome, Plan, Reading, Slice


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


ENGINES: dict[str, str] = {
    "locust": "loadproof.engines.locust.engine:LocustEngine",
    "k6": "loadproof.engines.k6.engine:K6Engine",
    "jmeter": "loadproof.engines.jmeter.engine:JMeterEngine",
}
"""Name to where the class is; imported when used, so that one engine's libraries never burden another."""

TRAITS: dict[str, EngineTraits] = {
    "locust": EngineTraits(
        (".py",),
        load_flags=True,
        poisson=True,
        workers=True,
        sessions=("loadproof", "locust"),
        options=LocustOptions,
        other_hosts="--host",
        several=True,
        shows=frozenset({"-l", "--list", "--show-task-ratio", "--show-task-ratio-json", "-V", "--version"}),
    ),
    "k6": EngineTraits(
        (".js", ".ts", ".tar"),
        own_flags=("--vus", "--duration"),
        options=K6Options,
        iterations=True,
        thresholds=True,
    ),
    "jmeter": EngineTraits((".jmx",), options=JmeterOptions),
}
"""What plans must know of each, without importing it."""

SUFFIXES: dict[str, str] = {suffix: name for name, traits in TRAITS.items() for suffix in traits.suffixes}
"""The engine that a scenario's file name suggests."""

OWN_FILES: dict[str, str] = {"--csv": "", "--summary-export": "k6"}
"""Options that Loadproof has for every engine, and the engine that writes the file itself.

Locust's own CSV files would have names and errors as they are: secrets, and formulas for a spreadsheet.
"""


def traits_of(engine: str) -> EngineTraits:
    """Of an engine that a run file names; one that nobody knows any more has none."""
    return TRAITS.get(engine, EngineTraits())


def session_of(plan: Plan) -> str | None:
    """The HTTP client of its load: the chosen one or the engine's first; None where there is no choice."""
    traits = traits_of(plan.engine)
    return plan.options.session or next(iter(traits.sessions), None)


_EARLY: dict[str, str] = {"locust": "loadproof.engines.locust.program"}
"""Modules with `prepare`, which starts what a run will need before the plan is known, and `dismiss`."""


def prepare(words: Sequence[str]) -> Callable[[], None]:
    """Let the engine of the scenario among `words` of a command line begin to start; sends nothing.

    Returns what ends that again, if the plan had no use for it.
    """
    engine = next((SUFFIXES[end] for word in words for end in SUFFIXES if word.endswith(end)), "")
    if engine not in _EARLY:
        return lambda: None
    early = import_module(_EARLY[engine])
    early.prepare()
    dismiss: Callable[[], None] = early.dismiss
    return dismiss


_SHOW: dict[str, str] = {"locust": "loadproof.engines.locust.showing:show"}
"""What an engine prints instead of driving a load, where its traits have flags for that."""

_DEFAULT_SCENARIO = "loadproof.engines.locust.default_file:default_locustfile"
"""The one engine whose command line needs no file."""


def show(plan: Plan) -> int:
    """Let the engine print what one of its own flags asks for; returns its exit code. Sends nothing."""
    code: int = _found(_SHOW[plan.engine])(plan)
    return code


def default_scenario(folder: Path, arguments: Sequence[str]) -> tuple[str, str] | None:
    """The scenario that is meant where none is named, and why; None for none. Raises ConfigError."""
    found: tuple[str, str] | None = _found(_DEFAULT_SCENARIO)(folder, arguments)
    return found


def load_engine(name: str) -> Engine:
    """A fresh engine of that name. Raises ConfigError for an unknown one."""
    if name not in ENGINES:
        known = ", ".join(sorted(ENGINES))
        raise ConfigError(Problem(f"unknown engine '{name}'", hint=f"engines are: {known}"))
    engine: Engine = _found(ENGINES[name])()
    return engine


def _found(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
