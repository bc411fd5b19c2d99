"""The Locust engine: one supervised child process that is Locust with Loadproof's plug-in."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from loadproof.engines.locust.channel import Decoder
from loadproof.engines.locust.exemplars import slow_request
from loadproof.engines.locust.settings import VARIABLE, Settings
from loadproof.engines.process import Process
from loadproof.errors import Problem
from loadproof.histogram import Histogram
from loadproof.model import (
    Endpoint,
    Event,
    EventKind,
    FailureKind,
    Inspection,
    Outcome,
    Plan,
    Profile,
    ProfileKind,
    Reading,
    Slice,
    Unit,
)
from loadproof.plan.profiles import profile_from_locust_flags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.engines import Sink

_INSPECT_TIMEOUT_S = 60.0
_LOG_LINES = 500


class LocustEngine:
    """Runs one plan. See `Engine` for the contract."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._stops = 0
        self._ended: dict[str, Any] | None = None
        self._log_lines = 0
        self._last_lines: list[str] = []

    def versions(self) -> dict[str, str]:
        return {"locust": version("locust"), "gevent": version("gevent")}

    def inspect(self, plan: Plan) -> Inspection:
        """Import the locustfile in a child process and say what it holds; nothing is sent."""
        argv = [sys.executable, "-m", "loadproof.engines.locust.child", "inspect", *_locust_args(plan)]
        try:
            done = subprocess.run(
                argv,
                env=_environment(plan),
                capture_output=True,
                text=True,
                timeout=_INSPECT_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            hint = "does it wait for something, or start a loop, when it is imported?"
            message = f"importing the locustfile took more than {_INSPECT_TIMEOUT_S:.0f}s"
            return Inspection((Problem(message, str(plan.scenario), hint),))
        lines = done.stdout.strip().splitlines()
        try:
            facts = json.loads(lines[-1] if lines else "")
        except json.JSONDecodeError:
            message = (done.stderr.strip().splitlines() or ["the locustfile ended the process"])[-1]
            return Inspection((Problem(message, str(plan.scenario)),))
        return _inspection(plan, facts)

    async def run(self, plan: Plan, sink: Sink) -> Outcome:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                environment = _environment(plan)
                environment[VARIABLE] = _settings(plan, theirs.fileno()).to_text()
                self._process = await Process.start(
                    [
                        sys.executable,
                        "-u",
                        "-m",
                        "loadproof.engines.locust.child",
                        "run",
                        *_locust_args(plan),
                    ],
                    env=environment,
                    on_line=lambda line: self._on_line(line, sink),
                    pass_fds=[theirs.fileno()],
                )
            if self._stops:  # while it was being started
                self._process.kill()
            reading = asyncio.create_task(self._read(ours, sink))
            try:
                code = await self._process.wait()
            finally:
                # The child is gone: what is left in the socket is all there is, then comes its end.
                await reading
        return self._outcome(code, sink)

    def stop(self) -> None:
        self._stops += 1
        if self._process is not None:
            if self._stops == 1:
                self._process.interrupt()
            else:
                self._process.kill()

    async def _read(self, ours: socket.socket, sink: Sink) -> None:
        reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 20)
        decoder = Decoder()
        try:
            while data := await reader.read(1 << 18):
                for message in decoder.feed(data):
                    self._on_message(message, sink)
        except ConnectionResetError:
            pass  # a killed child; its exit status tells
        finally:
            writer.close()

    def _on_message(self, message: dict[str, Any], sink: Sink) -> None:
        match message["t"]:
            case "rows":
                for row in message["slices"]:
                    sink.slice(_slice(row))
                for second, method, name, kind, text, count in message["errors"]:
                    data = {"endpoint": str(Endpoint(method, name)), "kind": kind, "count": count}
                    sink.event(Event(second, EventKind.ERROR_SAMPLE, text, data))
            case "exemplars":
                for row in message["rows"]:
                    sink.event(slow_request(row))
            case "users":
                sink.reading(Reading(message["time"], "load", "users", message["users"], Unit.COUNT))
            case "event":
                kind = EventKind(message["kind"])
                sink.event(Event(message["time"], kind, message["message"], message["data"]))
            case "end":
                self._ended = message

    def _on_line(self, line: str, sink: Sink) -> None:
        if not line.strip():
            return
        self._last_lines = [*self._last_lines[-9:], line]
        self._log_lines += 1
        if self._log_lines <= _LOG_LINES:
            sink.log(line)
        elif self._log_lines == _LOG_LINES + 1:
            sink.log(f"more than {_LOG_LINES} lines: the rest is not kept")

    def _outcome(self, code: int, sink: Sink) -> Outcome:
        if self._ended is not None:
            return Outcome.INTERRUPTED if self._stops else Outcome.COMPLETED
        if self._stops:
            return Outcome.INTERRUPTED
        if code > 128:
            message = f"Locust was killed by signal {code - 128}"
        else:
            message = f"Locust ended with exit code {code} before the test was over"
        sink.event(Event(sink.now(), EventKind.ENGINE_DIED, message, {"last_lines": self._last_lines[-3:]}))
        return Outcome.ENGINE_FAILED


def _slice(row: Sequence[Any]) -> Slice:
    second, method, name, requests, failures, received_bytes, histogram = row
    return Slice(
        second=second,
        endpoint=Endpoint(method, name),
        requests=requests,
        failures={FailureKind(kind): count for kind, count in failures.items()},
        received_bytes=received_bytes,
        response=Histogram.from_bytes(histogram),
    )


def _own_load(plan: Plan) -> bool:
    return plan.profile.kind is ProfileKind.SCENARIO


def _settings(plan: Plan, channel_fd: int) -> Settings:
    return Settings(
        channel_fd=channel_fd,
        profile=None if _own_load(plan) else plan.played_profile,
        time_scale=plan.time_scale,
        quiet_stats="--print-stats" not in plan.engine_args,
        quiet_log=not any(arg.startswith(("--loglevel", "-L")) for arg in plan.engine_args),
        slow_s=plan.options.get("slow_s"),
    )


def _environment(plan: Plan) -> dict[str, str]:
    # Locust warns on stderr about files and limits; its own variables (LOCUST_*) pass through.
    return {**os.environ, **dict(plan.env), "PYTHONUNBUFFERED": "1"}


def _locust_args(plan: Plan) -> list[str]:
    args = ["-f", str(plan.scenario)]
    given = set(plan.engine_args)
    if not given & {"--headful", "--autostart"}:
        args.append("--headless")
    if plan.target is not None:
        args += ["--host", plan.target]
    if not given & {"--print-stats", "--only-summary"}:
        args.append("--only-summary")
    return [*args, *plan.engine_args]


def _inspection(plan: Plan, facts: dict[str, Any]) -> Inspection:
    where = facts.get("where") or str(plan.scenario)
    if "error" in facts:
        return Inspection(tuple(Problem(message, where) for message in facts["error"]))
    problems = []
    if not facts["users"]:
        hint = "a locustfile needs a class that inherits from User or HttpUser and has tasks"
        problems.append(Problem("no user class found", str(plan.scenario), hint))
    for name in facts["missing_users"]:
        hint = "user classes are: " + ", ".join(facts["users"])
        problems.append(Problem(f"no user class is called '{name}'", str(plan.scenario), hint))
    hosts = [plan.target or facts["host"]] if plan.target or facts["host"] else list(facts["users"].values())
    targets = tuple(dict.fromkeys(host for host in hosts if host))
    if not targets and facts["needs_host"]:
        hint = "name it: --target http://127.0.0.1:8000, or `host = ...` in the user class"
        problems.append(Problem("the locustfile names no host to load", str(plan.scenario), hint))
    profile, problem = _own_profile(facts)
    if _own_load(plan) and problem:
        problems.append(Problem(problem, str(plan.scenario), "add --profile load, --stage 2m:50, or Locust's "
                                "own flags: --users 50 --spawn-rate 10 --run-time 5m"))  # fmt: skip
    return Inspection(tuple(problems), targets, profile if _own_load(plan) else None)


def _own_profile(facts: dict[str, Any]) -> tuple[Profile | None, str]:
    """What Locust's flags or the locustfile's shape say of the load; a text when they say nothing."""
    if facts["shape"] or not facts["headless"]:
        return None, ""  # known only to the shape, or to whoever sits at Locust's web page
    if facts["num_users"] is None:
        return None, "nothing says how many users to run"
    return profile_from_locust_flags(facts["num_users"], facts["spawn_rate"] or 1.0, facts["run_time_s"]), ""
