"""Engines drive the load. One folder each, one row in the table (see table.py).

What stands here is imported before the first of them starts: it takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

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


class DelayedEngine(Protocol):
    """One whose load can wait for its moment, as each of several scenarios' may have to."""

    async def run(self, plan: Plan, sink: Sink, begin: Awaitable[float] | None = None, /) -> Outcome:
        """As of `Engine`. `begin` gives the moment at which the load is to begin, by `sink.now()`, once it is
        known: all that the engine needs for it is started before.
        """


_EARLY: Final = {".py": "loadproof.engines.locust.program"}
"""What begins to start the engine of such a scenario before anything is planned."""


def prepare(words: Sequence[str]) -> Callable[[], None]:
    """Let the engine of the scenario among `words` of a command line begin to start; sends nothing.

    Returns what ends that again, if the plan had no use for it.
    """
    place = next((_EARLY[end] for word in words for end in _EARLY if word.endswith(end)), "")
    if not place:
        return lambda: None
    early = import_module(place)
    early.prepare()
    dismiss: Callable[[], None] = early.dismiss
    return dismiss
