"""Many trials of load in one run: what a search asks of an engine.

An engine that can play trials has `run_trials`. It asks for an order, plays it, passes on all that was
measured, and asks again, until there is none. It tells of each trial by a pair of events:

| event | time | data |
|---|---|---|
| TRIAL_STARTED | when its load began | trial (its number), load, duration_s, role |
| TRIAL_ENDED | when its load ended | trial, cut (whether it was cut short), log_ins (below) |

`log_ins`: users that have been through an on_start so far; 0 where there is none, left out where nobody
counts.

Everything measured in a trial has been passed on before its TRIAL_ENDED.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from loadproof.engines import Sink
from loadproof.model import Event, EventKind, Outcome, Plan


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """One trial: a steady load for some time."""

    trial: int
    """Counted from 1."""
    load: float
    """Arrivals per second in the open model, users in the closed one."""
    duration_s: float
    role: str
    """Why it is played; passed through."""

    def to_data(self) -> dict[str, Any]:
        """As messages and events carry it."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> TrialOrder:
        """The inverse. Raises KeyError, TypeError or ValueError when it is none."""
        return cls(int(data["trial"]), float(data["load"]), float(data["duration_s"]), str(data["role"]))

    def started(self, time_s: float) -> Event:
        """The event of its begin."""
        return Event(time_s, EventKind.TRIAL_STARTED, f"trial {self.trial} began", self.to_data())

    def ended(self, time_s: float, *, cut: bool) -> Event:
        """The event of its end."""
        data = {"trial": self.trial, "cut": cut}
        return Event(time_s, EventKind.TRIAL_ENDED, f"trial {self.trial} ended", data)


class Orders(Protocol):
    """Who decides which trials are played."""

    def next(self) -> TrialOrder | None:
        """What to play now; None: nothing more. Asked when all of the last trial was passed on."""

    def hopeless(self) -> bool:
        """Whether the trial that is being played can be cut short. Asked about once a second."""


class TrialEngine(Protocol):
    """An engine that can play trials. `stop` works as for any engine."""

    async def run_trials(self, plan: Plan, sink: Sink, orders: Orders, /) -> Outcome:
        """Play what `orders` asks for. Raises EngineError when the load could not start."""
