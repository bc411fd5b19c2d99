"""Runs real k6 against the stub, and keeps what reaches the sink."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.k6.engine import K6Engine
from loadproof.model import EventKind, Outcome, Plan, Profile, ProfileKind
from tests.binaries import require_k6
from tests.engines.k6.stub import Stub
from tests.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sunk(Recording):
    """A recording, read by endpoint and with k6's own series."""

    def by_endpoint(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for part in self.slices:
            counts[str(part.endpoint)] += part.requests
        return counts

    def failed_by_endpoint(self) -> dict[str, dict[str, int]]:
        counts: dict[str, Counter[str]] = {}
        for part in self.slices:
            for kind, count in part.failures.items():
                counts.setdefault(str(part.endpoint), Counter())[str(kind)] += count
        return {endpoint: dict(kinds) for endpoint, kinds in counts.items()}

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
