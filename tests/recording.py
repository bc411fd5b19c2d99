"""A sink that keeps everything an engine says, for tests."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadproof.histogram import Histogram, merged
from loadproof.model import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.model import Event, FailureKind, Reading, Slice


@dataclass
class Recording:
    """Implements the engines' Sink; `on_slice` is called with each slice."""

    slices: list[Slice] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    on_slice: Callable[[Slice], None] = lambda _part: None

    def slice(self, part: Slice) -> None:
        self.slices.append(part)
        self.on_slice(part)

    def reading(self, reading: Reading) -> None:
        self.readings.append(reading)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def log(self, line: str) -> None:
        self.lines.append(line)

    def now(self) -> float:
        return time.time()

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """Requests by method and name."""
        counts: Counter[tuple[str, str]] = Counter()
        for part in self.slices:
            counts[part.endpoint.method, part.endpoint.name] += part.requests
        return counts

    @property
    def failures(self) -> dict[tuple[str, FailureKind], int]:
        """Failed requests by name and kind."""
        counts: Counter[tuple[str, FailureKind]] = Counter()
        for part in self.slices:
            for kind, count in part.failures.items():
                counts[part.endpoint.name, kind] += count
        return dict(counts)

    @property
    def response(self) -> Histogram:
        return merged(part.response for part in self.slices)

    @property
    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]

    def of(self, kind: EventKind) -> list[Event]:
        return [event for event in self.events if event.kind is kind]

    @property
    def in_flight(self) -> int:
        """How many requests had no answer at the stop, or at most so many, as far as was told."""
        told = self.of(EventKind.IN_FLIGHT)
        return sum(event.whole("count" if "count" in event.data else "at_most") for event in told)
