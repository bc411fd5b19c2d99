"""Runs real k6 against the stub, and keeps what reaches the sink."""

from __future__ import annotations

import asyncio
import re
import textwrap
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.k6.engine import K6Engine
from loadproof.histogram import Histogram, merged
from loadproof.model import Event, EventKind, Outcome, Plan, Profile, ProfileKind, Reading, Slice
from tests.binaries import require_k6
from tests.engines.k6.stub import Stub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Sunk:
    """A sink that keeps everything; `on_slice` is called with each slice."""

    slices: list[Slice] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    on_slice: Callable[[Slice], None] = lambda _part: None

    def slice(self, part: Slice) -> None:
        self.slices.append(part)
        self.on_slice(part)

    def reading(self, reading: Reading) -> None:
        self.readings.append(reading)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def log(self, line: str) -> None:
        self.logged.append(line)

    def now(self) -> float:
        return time.time()

    def requests(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for part in self.slices:
            counts[str(part.endpoint)] += part.requests
        return counts

    def failures(self) -> dict[str, dict[str, int]]:
        counts: dict[str, Counter[str]] = {}
        for part in self.slices:
            for kind, count in part.failures.items():
                counts.setdefault(str(part.endpoint), Counter())[str(kind)] += count
        return {endpoint: dict(kinds) for endpoint, kinds in counts.items()}

    def response(self) -> Histogram:
        return merged(part.response for part in self.slices)

    def of(self, kind: EventKind) -> list[Event]:
        return [event for event in self.events if event.kind is kind]

    def thresholds(self) -> dict[str, Any]:
        return {event.message: event.data for event in self.of(EventKind.ENGINE_THRESHOLD)}

    def total(self, series: str) -> float:
        return sum(r.value for r in self.readings if r.source == "k6" and r.series == series)

    def loaded_s(self) -> float:
        return self.of(EventKind.LOAD_ENDED)[0].time_s - self.of(EventKind.LOAD_STARTED)[0].time_s


@dataclass
class Lab:
    """A folder for scripts, and a target."""

    folder: Path
    stub: Stub

    def script(self, text: str, name: str = "script.js") -> Path:
        """Write a k6 script; BASE in it is the stub's address."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        imports = "import http from 'k6/http';\nimport { check, sleep } from 'k6';\n"
        path.write_text(imports + re.sub(r"\bBASE\b", self.stub.url, textwrap.dedent(text)))
        return path

    def plan(self, text: str | Path, **settings: Any) -> Plan:
        scenario = text if isinstance(text, Path) else self.script(text)
        defaults = {"name": "test", "engine": "k6", "target": None, "profile": Profile(ProfileKind.SCENARIO)}
        return Plan(scenario=scenario, **{**defaults, **settings})

    def run(self, text: str | Path, **settings: Any) -> tuple[Outcome, Sunk]:
        sink = Sunk()
        return asyncio.run(K6Engine().run(self.plan(text, **settings), sink)), sink


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    require_k6()
    with Stub() as stub:
        yield Lab(tmp_path, stub)
