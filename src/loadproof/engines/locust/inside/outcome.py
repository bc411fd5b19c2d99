"""How the load really went: what the scenario raised, who ended it early, what its own gate says.

In each process; a worker's part travels in its report, the leading process makes events of all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from locust import log

from loadproof.engines.locust.entry import text
from loadproof.engines.locust.inside.ending import Ending
from loadproof.engines.locust.inside.raised import Raised
from loadproof.model import EventKind
from loadproof.units import format_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.engines.locust.settings import PluginSettings

_CRASHED: Final = 2
"""Locust's exit code for an exception in a listener, a load shape or a greenlet of its own."""
_PLAYED_EVERY_S: Final = 1.9
"""With every second report: a killed run loses two seconds of them."""
_TOLD: Final = 20
"""Distinct exceptions that get a note of their own."""


class ScenarioOutcome:
    """One process's. `event(kind, message, **data)` makes an event; a worker never calls it."""

    def __init__(
        self, settings: PluginSettings, clock: Callable[[], float], event: Callable[..., None]
    ) -> None:
        self._settings = settings
        self._event = event
        self._clock = clock
        self._environment: Any = None
        self.raised = Raised()
        self.ending = Ending(clock, self._planned_s)
        self._dead = 0
        """Users that died in all processes."""
        self._ended_told = False
        self._played = 0
        self._broken = 0
        self._played_told_s = clock()
        self._noted: set[tuple[str, str, str]] = set()

    def attach(self, environment: Any, runner: Any) -> None:
        """Follow this runner, whose methods have their final form."""
        self._environment = environment
        self.ending.attach(runner)

    def report(self) -> dict[str, Any]:
        """A worker's part of Locust's report to the master."""
        return {**self.raised.take(), "dead": self.raised.dead, "ended": self.ending.reason}

    def add_report(self, part: dict[str, Any]) -> None:
        """The same, at the master."""
        if part["ended"] is not None:
            self.ending.heard(part["ended"])
        self._tell_raised(part)
        self._tell_left(part)

    def tell(self, *, everything: bool = False) -> None:
        """Once a second, in the leading process: what happened since the last call, in all of them."""
        part = self.raised.take()
        self._tell_raised(part)
        self._tell_left(part)
        if everything or self._clock() - self._played_told_s >= _PLAYED_EVERY_S:
            self._tell_played()
        reason = self.ending.reason
        if reason is not None and not self._ended_told:
            self._ended_told = True
            self._event(EventKind.ENDED_BY, _ended(reason), **reason)

    def is_over(self, users: int) -> bool:
        """Once a second: whether nobody is left who would do anything."""
        return self.ending.nobody_left(users, self._dead)

    def tell_gate(self) -> None:
        """At the end: whether the scenario, or Locust's own exit code, says that this run is none."""
        own = self._environment.process_exit_code
        if own:
            code = int(own) if isinstance(own, int) else 1
            message = f"the scenario set Locust's process_exit_code to {text(own)}"
            facts = {"how": "process_exit_code", "exit_code": code, "inconclusive": False}
            self._event(EventKind.OWN_GATE, message, **facts)
        # The flag of Locust's is also set by what its own counting of requests could not take.
        crashed = self.raised.fatal or (log.unhandled_greenlet_exception and not self.raised.heard)
        if crashed:
            message = f"a listener, a load shape or a greenlet raised: Locust ends with exit code {_CRASHED}"
            how = "an exception in a listener, a load shape or a greenlet"
            self._event(EventKind.OWN_GATE, message, how=how, exit_code=_CRASHED, inconclusive=True)

    def _planned_s(self) -> float | None:
        profile = self._settings.profile
        if self._settings.trials:
            return None
        if profile is not None:
            return profile.duration_s
        return self._environment.parsed_options.run_time or None

    def _tell_played(self) -> None:
        self._played_told_s = self._clock()
        count, raised = self._played, self._broken
        self._played = self._broken = 0
        if count:
            message = f"{format_count(count)} tasks ended, {format_count(raised)} of them by an exception"
            self._event(EventKind.PLAYED, message, count=count, raised=raised)

    def _tell_left(self, part: dict[str, Any]) -> None:
        count, helpers = part["left"]
        if count:
            message = f"{format_count(count)} users stopped themselves (StopUser)"
            self._event(EventKind.USERS_LEFT, message, count=count, helpers=helpers)

    def _tell_raised(self, part: dict[str, Any]) -> None:
        self._played += part["played"][0]
        self._broken += part["played"][1]
        for what, exception, where, times, died, trace in part["rows"]:
            at = f" at {where}" if where else ""
            said = f"{what} raised {exception}{at}"
            message = said if times == 1 else f"{said} ({format_count(times)} times)"
            facts = {"count": times, "what": what, "exception": exception, "where": where}
            key = (what, exception, where)
            new = key not in self._noted
            self._noted.add(key)
            if trace is not None and new:
                facts["traceback"] = trace
            self._dead += died
            self._event(EventKind.RAISED, message, **facts, users_died=died)
            if new and len(self._noted) <= _TOLD:
                named = f"a {said}" if what == "task" else said
                self._event(EventKind.SCENARIO_ERROR, named)


def _ended(reason: dict[str, Any]) -> str:
    planned_s = reason["planned_s"]
    played = f"{reason['played_s']:.1f} s" + ("" if planned_s is None else f" of {planned_s:g} s")
    where = f" at {reason['where']}" if reason.get("where") else ""
    said = f": {reason['exception']}" if "exception" in reason else ""
    return f"the load ended after {played}: {reason['how']}{where}{said}"
