"""Runs real Locust against the stub, and keeps what reaches the sink."""

from __future__ import annotations

import asyncio
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.locust.engine import LocustEngine
from loadproof.model import Inspection, Outcome, Plan, Profile, ProfileKind
from tests.recording import Recording
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_IMPORTS = "from locust import *\nfrom locust.exception import *\nimport time, random, os, gevent\n"


@dataclass
class Lab:
    """A folder for locustfiles, and a target."""

    folder: Path
    stub: StubServer

    def locustfile(self, text: str) -> Path:
        path = self.folder / "locustfile.py"
        path.write_text(_IMPORTS + textwrap.dedent(text))
        return path

    def plan(self, text: str | Path, *args: str, **settings: Any) -> Plan:
        """A plan with Locust's own flags: by default two users for two seconds."""
        given: dict[str, Any] = {
            "name": "test",
            "scenario": text if not isinstance(text, str) else self.locustfile(text),
            "engine": "locust",
            "target": self.stub.url,
            "profile": Profile(ProfileKind.SCENARIO),
            "engine_args": args or ("--users", "2", "--spawn-rate", "10", "--run-time", "2"),
        }
        return Plan(**{**given, **settings})

    def run(
        self, text: str | Path, *args: str, sink: Recording | None = None, **settings: Any
    ) -> tuple[Outcome, Recording]:
        sink = sink or Recording()
        plan = self.plan(text, *args, **settings)
        return asyncio.run(asyncio.wait_for(LocustEngine().run(plan, sink), 60)), sink

    def inspect(self, text: str | Path, *args: str, **settings: Any) -> Inspection:
        return LocustEngine().inspect(self.plan(text, *args, **settings))

    def unaccounted(self, sink: Recording) -> int:
        """Requests that the server got and that are neither recorded nor told as in flight."""
        lost = self.stub.arrived.total() - sink.requests.total()
        return lost if lost < 0 else max(0, lost - sink.in_flight)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.chdir(tmp_path)  # a locust.conf or a .env of whoever runs the tests is not ours
    with StubServer() as stub:
        yield Lab(tmp_path, stub)
