"""What one of several scenarios says, as a part of the whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from loadproof.engines import Sink
from loadproof.model import OPENED, Event, EventKind, OneOfSeveral, Outcome, Reading, Slice, Unit

_LOAD, _OPENED = OPENED
_USERS: Final = "users"
_ARRIVALS: Final = frozenset({"planned", "started", "late", "dropped"})
_PLAYED: Final = frozenset({"iterations", "dropped_iterations"})
_AS_THEY_ARE: Final = frozenset({EventKind.ENGINE_THRESHOLD, EventKind.ERROR_SAMPLE, EventKind.CHECKED})
"""Their messages are what somebody wrote, and are counted or looked for by their text."""


class SharedState:
    """When the whole began, and what is known of all scenarios together."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.began_s: float | None = None
        self._ended_s: float | None = None
        self._begun = asyncio.Event()
        self._last: dict[tuple[str, str], float] = {}
        """By series and scenario."""

    def begin(self, at_s: float) -> None:
        """The load of one has begun."""
        if self.began_s is None:
            self.began_s = at_s
            self.sink.event(Event(at_s, EventKind.LOAD_STARTED, "the load of the first scenario started"))
            self._begun.set()

    def end(self, at_s: float) -> None:
        """The load of one has ended: of the last, that of the whole."""
        self._ended_s = max(self._ended_s or at_s, at_s)

    def ended(self) -> None:
        """No load is left."""
        if self._ended_s is not None:
            self.sink.event(Event(self._ended_s, EventKind.LOAD_ENDED, "the load of the last scenario ended"))

    async def moment(self, offset_s: float) -> float:
        """So many seconds after the beginning of the whole, once that is known."""
        await self._begun.wait()
        return (self.began_s or 0.0) + offset_s

    def total(self, series: str, scenario: str, value: float) -> float:
        """What all have together, now that one has so much."""
        self._last[series, scenario] = value
        return sum(last for (name, _), last in self._last.items() if name == series)


class ScenarioSink:
    """The sink of one of them."""

    def __init__(self, one: OneOfSeveral, whole: SharedState) -> None:
        self._one = one
        self._whole = whole
        self._sink = whole.sink
        self._name = one.name
        self.began = False
        self._ended: Event | None = None

    def slice(self, part: Slice) -> None:
        self._sink.slice(replace(part, endpoint=part.endpoint.of(self._name)))

    def reading(self, reading: Reading) -> None:
        """The load is told of each and, as a sum, of all; iterations too: two scenarios may have one engine.

        Whatever else an engine measures is its own.
        """
        named = replace(reading, series=f"{self._name}: {reading.series}")
        if reading.source != _LOAD:
            self._sink.reading(reading)
            if reading.series in _PLAYED:
                self._sink.reading(named)
            return
        if reading.series in (_USERS, _OPENED):
            total = self._whole.total(reading.series, self._name, reading.value)
            self._sink.reading(replace(reading, value=total))
        elif reading.series in _ARRIVALS and self._one.plan.profile.open_model:
            self._sink.reading(reading)
        self._sink.reading(named)

    def event(self, event: Event) -> None:
        data = {**event.data, "scenario": self._name}
        if event.data.get("endpoint"):
            data["endpoint"] = f"{self._name}: {event.data['endpoint']}"
        if event.kind is EventKind.LOAD_STARTED:
            self.began = True
            self._whole.begin(event.time_s)
            event = replace(event, kind=EventKind.SCENARIO_STARTED, message="its load started")
        elif event.kind is EventKind.LOAD_ENDED:
            self._whole.end(event.time_s)
            self._ended = event  # told with how it ended, once its engine is gone
            return
        message = event.message
        if event.kind not in _AS_THEY_ARE:
            message = f"{self._name}: {message}"
        self._sink.event(replace(event, message=message, data=data))

    def log(self, line: str) -> None:
        self._sink.log(f"[{self._name}] {line}")

    def now(self) -> float:
        return self._sink.now()

    def ended(self, outcome: Outcome) -> None:
        """Its engine is gone, and nobody is left of its users."""
        now_s = self._sink.now()
        users = self._whole.total(_USERS, self._name, 0.0)
        self._sink.reading(Reading(now_s, _LOAD, _USERS, users, Unit.COUNT))
        self._whole.total(_OPENED, self._name, 0.0)
        data = {"scenario": self._name, "outcome": str(outcome)}
        # One that was killed has no end of its own: it is judged up to its last request.
        event = self._ended or Event(now_s, EventKind.LOAD_ENDED, "", {"unknown": True})
        message = f"{self._name}: its load ended ({outcome})"
        self._sink.event(Event(event.time_s, EventKind.SCENARIO_ENDED, message, {**event.data, **data}))
