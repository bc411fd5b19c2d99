"""What the tests of the open model share: a truth server, a locustfile, and a drive to the end."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadproof.engines.locust.engine import LocustEngine
from loadproof.histogram import merged
from loadproof.model import EventKind, Outcome, Plan, Profile, ProfileKind, RunOptions, Stage
from tests.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadproof.histogram import Histogram
    from loadproof.model import Event

FULL = bool(os.environ.get("LOADPROOF_FULL"))
SIMPLE = """
from locust import FastHttpUser, constant, task

class Browser(FastHttpUser):
    wait_time = constant(60)

    @task
    def look(self):
        self.client.get("/look")
"""

BARE = """
import socket
import time
from urllib.parse import urlsplit

from locust import User, constant, task

class Bare(User):
    wait_time = constant(60)
    connection = None

    @task
    def look(self):
        if self.connection is None:
            url = urlsplit(self.host)
            self.connection = socket.create_connection((url.hostname, url.port))
        began = time.perf_counter()
        self.connection.sendall(b"GET /look HTTP/1.1\\r\\n\\r\\n")
        answer = self.connection.recv(4096)
        took_ms = (time.perf_counter() - began) * 1000
        self.environment.events.request.fire(
            request_type="GET", name="/look", response_time=took_ms, response_length=2, exception=None
        )
"""
"""The same without an HTTP client: what is tested is the arrivals, not what a client costs."""


@dataclass
class TruthServer:
    """A running server: see truth_server.py."""

    process: subprocess.Popen[str]
    url: str

    def rows(self) -> list[tuple[str, float, float]]:
        """[path, arrived, answered] of each request, in the order of answers."""
        with urllib.request.urlopen(f"{self.url}/truth", timeout=60) as answer:  # noqa: S310  # our own
            rows: list[tuple[str, float, float]] = json.loads(answer.read())
        return rows


@contextmanager
def truth_server(median_s: float = 0.0, sigma: float = 0.0, stall_s: float = 0.0) -> Iterator[TruthServer]:
    """A server in a process of its own; it ends with the block."""
    truth = [str(median_s), str(sigma), str(stall_s)]
    argv = [sys.executable, "-m", "tests.engines.locust.truth_server", *truth]
    root = Path(__file__).parents[3]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stdout is not None
            yield TruthServer(process, f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()


def rates(*stages: tuple[float, float], start: float = 0.0) -> Profile:
    """An open profile of (seconds, arrivals per second)."""
    return Profile(ProfileKind.LOAD, tuple(Stage(*stage) for stage in stages), open_model=True, start=start)


def steady(rate_per_s: float, duration_s: float) -> Profile:
    return rates((duration_s, rate_per_s), start=rate_per_s)


@dataclass
class Played:
    """What came of a run."""

    outcome: Outcome
    recording: Recording

    def total(self, series: str) -> int:
        """A series of the load, summed."""
        values = [r.value for r in self.recording.readings if (r.source, r.series) == ("load", series)]
        return int(sum(values))

    def by_second(self, series: str) -> list[int]:
        """The same, for each second from the begin of the load to the last with any."""
        begin_s = int(self.begin_s)
        # The last arrival may start in the second after the schedule's end, where none is planned.
        found = [r for r in self.recording.readings if (r.source, r.series) == ("load", series) and r.value]
        sums = [0] * (max(int(r.time_s) for r in found) - begin_s + 1)
        for reading in found:
            sums[int(reading.time_s) - begin_s] += int(reading.value)
        return sums

    @property
    def begin_s(self) -> float:
        return self.recording.of(EventKind.LOAD_STARTED)[0].time_s

    @property
    def begin_monotonic_s(self) -> float:
        """The same on time.monotonic."""
        return self.begin_s - time.time() + time.monotonic()

    @property
    def service(self) -> Histogram:
        return merged(part.service or part.response for part in self.recording.slices)

    @property
    def response(self) -> Histogram:
        return self.recording.response


def play(
    folder: Path,
    url: str,
    profile: Profile,
    locustfile: str = SIMPLE,
    *args: str,
    on_start: Callable[[LocustEngine], None] | None = None,
    on_event: Callable[[LocustEngine, Event], None] | None = None,
    **options: Any,
) -> Played:
    """Drive `profile` to its end. `on_start` is called when the load starts, `on_event` at each event."""
    file = folder / "locustfile.py"
    file.write_text(locustfile, encoding="utf-8")
    plan = Plan("open", file, "locust", url, profile, engine_args=args, options=RunOptions(**options))
    engine = LocustEngine()
    recording = _Watched(engine, on_start, on_event)
    return Played(asyncio.run(engine.run(plan, recording)), recording)


class _Watched(Recording):
    def __init__(
        self,
        engine: LocustEngine,
        on_start: Callable[[LocustEngine], None] | None,
        on_event: Callable[[LocustEngine, Event], None] | None,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._on_start = on_start
        self._on_event = on_event

    def event(self, event: Event) -> None:
        super().event(event)
        if self._on_start is not None and event.kind is EventKind.LOAD_STARTED:
            self._on_start(self._engine)
        if self._on_event is not None:
            self._on_event(self._engine, event)
