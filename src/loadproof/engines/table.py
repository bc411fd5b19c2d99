"""The table of engines, and what others ask of it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from loadproof.engines.jmeter import traits as jmeter
from loadproof.engines.k6 import traits as k6
from loadproof.engines.locust import traits as locust
from loadproof.errors import ConfigError, Problem
from loadproof.model import SEVERAL, EngineTraits, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from loadproof.engines import Engine


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
