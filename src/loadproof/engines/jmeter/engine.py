"""The JMeter engine: the real JMeter in a JVM of its own, its rows and its log read from named pipes."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadproof.clock import until_s
from loadproof.engines.beginning import until, wait_or_fail
from loadproof.engines.health import watch_for_ever
from loadproof.engines.holding import hold_of
from loadproof.engines.jmeter.advice import jmeter_advice
from loadproof.engines.jmeter.arguments import java_options, jmeter_arguments
from loadproof.engines.jmeter.copy import copy_with_variables
from loadproof.engines.jmeter.describe import described
from loadproof.engines.jmeter.exits import BY_SIGNAL, meaning, reason_in
from loadproof.engines.jmeter.guard.policy import QUICK_ROWS, agent_option
from loadproof.engines.jmeter.hiding import HidingSink, paths_in_plan, secrets_in_plan
from loadproof.engines.jmeter.home import prepare_home
from loadproof.engines.jmeter.inspection import ResolvedPlan, own_targets, read_or_problems
from loadproof.engines.jmeter.installation import Installation, Java, find_java, find_jmeter
from loadproof.engines.jmeter.log import Log
from loadproof.engines.jmeter.options import JmeterOptions
from loadproof.engines.jmeter.orders import SHUTDOWN, STOP_NOW, order
from loadproof.engines.jmeter.promise import promise_of
from loadproof.engines.jmeter.report import Reporting
from loadproof.engines.jmeter.rows import Rows
from loadproof.engines.jmeter.samplers import Samplers
from loadproof.engines.jmeter.threads import outside_names, own_profile
from loadproof.engines.one_by_one import TrialsOneByOne
from loadproof.engines.pipe import DRAIN_AT_S, Pipe
from loadproof.engines.process import Process
from loadproof.engines.scarce import free_port
from loadproof.errors import EngineError, Problem
from loadproof.model import FIRST_BYTE, Event, EventKind, Inspection, Outcome, Plan, Profile, ProfileKind

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from loadproof.engines import Sink
    from loadproof.engines.trials import Orders

_DRAIN_EVERY_S: Final = 0.5
_GRACE_S: Final = 10.0
"""After a gentle stop: users finish their request so long, then requests are cut off."""
_CUT_S: Final = 8.0
"""After that: a thread that ignores even that is killed with its JVM."""
_LINGERS_S: Final = 60.0
"""After its last group: a Graphite listener takes 30 s where no server answers, others wait for ever."""
_LINGERED: Final = (
    f"JMeter had not ended {_LINGERS_S:g} s after its last user: one of the plan's listeners, such as a "
    "Backend Listener, waits for a server that does not answer; it was ended, and all its rows were read"
)


class JMeterEngine:
    """Runs one plan. See `Engine` for the contract."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._log: Log | None = None
        self._rows: Rows | None = None
        self._stops = 0
        self._lingered = False
        self._ending: asyncio.Task[None] | None = None
        self._scenario = ""
        self._trials: TrialsOneByOne | None = None
        self._waits = False
        """Whether its load waits for its moment: there is none yet that could end gently."""

    def versions(self) -> dict[str, str]:
        """The versions of the JMeter and the Java that would run. Raises EngineError without them."""
        installation, java = _programs()
        found = {"jmeter": installation.version, "java": str(java.version)}
        plugins = installation.plugins
        return found | ({"plug-ins": ", ".join(plugins)} if plugins else {})

    def inspect(self, plan: Plan) -> Inspection:
        """Read the plan: its problems, the hosts it names, its own load."""
        try:
            installation, _ = _programs()
        except EngineError as error:
            return Inspection(error.problems)
        found = read_or_problems(plan, installation)
        if isinstance(found, tuple):
            return Inspection(found)
        if found.problems:
            return Inspection(tuple(found.problems))
        own = _own_load(found) if plan.profile.kind is ProfileKind.SCENARIO else None
        return Inspection(
            (),
            own_targets(found, plan.target),
            own,
            JmeterOptions(described(found)),
            jmeter_advice(found),
        )

    async def run(self, plan: Plan, sink: Sink, begin: Awaitable[float] | None = None) -> Outcome:
        """Drive the load. Raises EngineError when no load could begin."""
        installation, java = await asyncio.to_thread(_programs)
        found = await asyncio.to_thread(read_or_problems, plan, installation)
        problems = found if isinstance(found, tuple) else tuple(found.problems)
        if problems or isinstance(found, tuple):
            raise EngineError(*problems)
        if self._stops:
            return Outcome.INTERRUPTED
        self._scenario = str(plan.scenario)
        sink = HidingSink(sink, secrets_in_plan(found.file.nodes), paths_in_plan(found.file.nodes))
        with tempfile.TemporaryDirectory(prefix="loadproof-jmeter-") as name:
            folder = Path(name)
            argv = await asyncio.to_thread(_command, plan, found, installation, java, folder)
            outside = outside_names(found.file)
            rows = self._rows = Rows(
                Samplers(found.file.root.whole()), outside, plan.options.slow_s,
                first_bytes=plan.asks_for(FIRST_BYTE),
            )  # fmt: skip
            log = self._log = Log(sink.now, outside)
            arrivals = plan.profile.open_model or plan.profile.kind is ProfileKind.SCENARIO
            promise = promise_of(found.file, found.values) if arrivals else None
            reporting = Reporting(sink, rows, log, promise)
            self._waits = begin is not None
            code = await self._drive(argv, plan, folder, reporting, begin)
            if self._was_stopped_before():
                return Outcome.INTERRUPTED
            outcome = self._outcome(code, reporting)
            reporting.finish(code, cut=outcome is not Outcome.COMPLETED and log.summary is None)
            return outcome

    async def run_trials(self, plan: Plan, sink: Sink, orders: Orders) -> Outcome:
        """See `TrialEngine`."""
        self._trials = TrialsOneByOne(JMeterEngine)
        if self._stops:
            return Outcome.INTERRUPTED
        return await self._trials.run(plan, sink, orders)

    def stop(self) -> None:
        """The first time users finish their request; the second time the JVM is killed."""
        self._stops += 1
        if self._trials is not None:
            self._trials.stop()
        if self._process is None:
            return
        if self._stops == 1 and not self._waits and self._log is not None and self._log.port is not None:
            self._ending = asyncio.get_running_loop().create_task(self._end_gently(self._log.port))
        else:
            self._process.kill()

    async def _end_gently(self, port: int) -> None:
        order(port, SHUTDOWN)
        await asyncio.sleep(_GRACE_S)
        if self._rows is not None:
            self._rows.stopping = True
        order(port, STOP_NOW)
        await asyncio.sleep(_CUT_S)
        if self._process is not None:
            self._process.kill()

    def _was_stopped_before(self) -> bool:
        """Its moment never came: there is nothing to tell."""
        return self._stops > 0 and self._waits

    async def _begin(self, begin: Awaitable[float], sink: Sink, samples: Pipe) -> None:
        """JMeter opens its results when all is ready, and before the first of its users."""
        await until(begin, sink)
        self._waits = False
        samples.open()

    async def _drive(
        self, argv: list[str], plan: Plan, folder: Path, reporting: Reporting, begin: Awaitable[float] | None
    ) -> int:
        """Run JMeter to its end and pass on what it measures; returns its exit code."""
        samples = Pipe(folder / "samples", reporting.rows, gathers=True, closed=begin is not None)
        lines = Pipe(folder / "log", reporting.log, gathers=True)
        try:
            environment = {**os.environ, **dict(plan.env)}
            self._process = await Process.start(
                argv,
                env=environment,
                on_line=reporting.log.out_line,
                hold=hold_of(plan, reporting.sink),
                folder=folder,
            )
            if self._stops:
                self._process.kill()
            return await wait_or_fail(
                self._process,
                None if begin is None else self._begin(begin, reporting.sink, samples),
                self._pass_on_for_ever(reporting),
                watch_for_ever(self._process.pid, reporting.sink, "jmeter"),
            )
        finally:
            if self._ending is not None:
                self._ending.cancel()
            lines.finish()
            reporting.tell_of_stops()
            samples.finish()
            reporting.pass_on(last=True)

    async def _pass_on_for_ever(self, reporting: Reporting) -> None:
        while True:
            await asyncio.sleep(until_s(reporting.sink.now(), _DRAIN_EVERY_S, DRAIN_AT_S))
            reporting.pass_on()
            over_s = reporting.log.over_s
            if over_s is not None and reporting.sink.now() > over_s + _LINGERS_S and not self._lingered:
                self._lingered = True
                reporting.sink.log(_LINGERED)
                if self._process is not None:
                    self._process.kill()

    def _outcome(self, code: int, reporting: Reporting) -> Outcome:
        log, sink = reporting.log, reporting.sink
        if self._stops:
            return Outcome.INTERRUPTED
        now_s = sink.now()
        nothing = not reporting.rows.complete and not reporting.began
        if not reporting.began and code <= 128 and (code or log.failed_test or nothing):
            raise EngineError(_problem(code, log, self._scenario))
        reason = log.errors[-1] if log.errors else ""
        if log.ended_by is not None:
            how, thread = log.ended_by
            data = {"by": "scenario", "how": how, "where": thread}
            sink.event(
                Event(now_s, EventKind.ENDED_BY, f"the plan ended the load itself: {how} by {thread}", data)
            )
        elif log.commands:
            how = f"{log.commands[0]} on JMeter's port"
            data = {"by": "signal", "how": how}
            sink.event(Event(now_s, EventKind.ENDED_BY, f"somebody ended the load: {how}", data))
        if code in BY_SIGNAL:
            data = {"by": "signal", "how": "SIGINT" if code == 130 else "SIGTERM"}
            sink.event(Event(now_s, EventKind.ENDED_BY, meaning(code), data))
            return Outcome.INTERRUPTED
        if self._lingered and not log.failed_test:
            return Outcome.COMPLETED  # all that was planned was played
        if code == 0 and not log.failed_test and not log.out_of_memory:
            return Outcome.COMPLETED
        if code == 0 and log.out_of_memory and not log.failed_test:
            return Outcome.COMPLETED  # a user died of it, which is told; the JVM was big enough for the rest
        said = meaning(code, out_of_memory=log.out_of_memory) if code else "JMeter's test failed"
        if code and not log.out_of_memory and reporting.rows.complete and code < 128:
            data = {"by": "scenario", "how": f"System.exit({code})"}
            sink.event(Event(now_s, EventKind.ENDED_BY, f"the plan ended the JVM: {data['how']}", data))
        message = f"{said}: {reason}" if reason else said
        sink.event(
            Event(now_s, EventKind.ENGINE_DIED, message, {"exit_code": code, "last_lines": log.errors[-3:]})
        )
        return Outcome.ENGINE_FAILED


def _own_load(found: ResolvedPlan) -> Profile | None:
    """What the plan itself plans: arrivals where it promises some, else users."""
    promise = promise_of(found.file, found.values)
    return promise.profile if promise else own_profile(found.file, found.values)


def _programs() -> tuple[Installation, Java]:
    """JMeter and Java. Raises EngineError."""
    installation = find_jmeter()
    if isinstance(installation, Problem):
        raise EngineError(installation)
    java = find_java(installation, os.environ)
    if isinstance(java, Problem):
        raise EngineError(java)
    return installation, java


def _command(
    plan: Plan, found: ResolvedPlan, installation: Installation, java: Java, folder: Path
) -> list[str]:
    """The whole argv; what it needs is made in `folder`. Raises EngineError."""
    home = prepare_home(installation, folder)
    scenario = plan.scenario.absolute()
    if found.user.variables:
        scenario = copy_with_variables(found.file, found.values.variables, list(found.user.variables), folder)
    port = str(free_port(socket.SOCK_DGRAM))
    ours = {**found.changes, "jmeterengine.nongui.port": port, "jmeterengine.nongui.maxport": port}
    if "search_paths" in found.values.properties:
        ours["search_paths"] = found.values.properties["search_paths"]
    guard = []
    if plan.options.guard is not None:
        guard = [agent_option(plan.options.guard, home, folder)]
        own = [ours["search_paths"]] if ours.get("search_paths") else []
        ours["search_paths"] = ";".join([*own, str(QUICK_ROWS)])
    return [
        java.path, *java_options(java), *guard, f"-Djmeter.home={home}",
        "-jar", str(home / "bin/ApacheJMeter.jar"), "-n", "-t", str(scenario),
        "-l", str(folder / "samples"), "-j", str(folder / "log"),
        *jmeter_arguments(found.user, ours, found.environment, folder, first_bytes=plan.asks_for(FIRST_BYTE)),
    ]  # fmt: skip


def _problem(code: int, log: Log, scenario: str) -> Problem:
    """Why nothing could begin."""
    said = meaning(code, out_of_memory=log.out_of_memory) if code else "JMeter's test failed before its load"
    reason, line = reason_in(log.errors)
    where = scenario if line is None else f"{scenario}:{line}"
    return Problem(f"{said}: {reason}" if reason else said, where)
