"""The k6 engine: the real binary as a supervised child, its samples read from a named pipe."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.clock import until_s
from loadproof.engines.advice import too_few_for_arrivals
from loadproof.engines.beginning import wait_or_fail
from loadproof.engines.health import watch_for_ever
from loadproof.engines.holding import GuardedProgram, hold_of, kernel_holds
from loadproof.engines.k6 import words
from loadproof.engines.k6.advice import k6_advice, max_users
from loadproof.engines.k6.aim import aim
from loadproof.engines.k6.archive import needs_rewriting, rewrite
from loadproof.engines.k6.arguments import (
    UserArguments,
    argument_problems,
    asks_for_events,
    environment,
    init_arguments,
    run_arguments,
    sort_arguments,
    takes_any_certificate,
    without_execution,
)
from loadproof.engines.k6.binary import Binary, find_k6, misread
from loadproof.engines.k6.guard import hosts_beside
from loadproof.engines.k6.inspection import GuardedK6, inspect_script, problem_in, source_of
from loadproof.engines.k6.log import Log
from loadproof.engines.k6.messages import Messages
from loadproof.engines.k6.names import names_to_give
from loadproof.engines.k6.options import K6Options, Options, profile_of, scenarios_line, thresholds
from loadproof.engines.k6.paused import Paused
from loadproof.engines.k6.reader import OutputReader
from loadproof.engines.k6.report import Reporting
from loadproof.engines.k6.vendored import Vendored, vendored
from loadproof.engines.k6.words import CUT_SHORT, JUDGEABLE, meaning
from loadproof.engines.one_by_one import TrialsOneByOne
from loadproof.engines.pipe import DRAIN_AT_S, Pipe
from loadproof.engines.process import Process
from loadproof.errors import ConfigError, EngineError, Problem
from loadproof.model import FIRST_BYTE, Event, EventKind, Inspection, Outcome, Plan, Profile, ProfileKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from loadproof.engines import Sink
    from loadproof.engines.trials import Orders

_DRAIN_EVERY_S = 0.5


class K6Engine:
    """Runs one plan. See `Engine` for the contract.

    `plan.options.max_users` bounds the virtual users of a profile in arrivals per second.
    """

    def __init__(self) -> None:
        self._process: Process | None = None
        self._stops = 0
        self._trials: TrialsOneByOne | None = None
        self._paused: Paused | None = None

    def versions(self) -> dict[str, str]:
        """The version of the k6 that would run. Raises EngineError without one."""
        binary = find_k6()
        if isinstance(binary, Problem):
            raise EngineError(binary)
        return {"k6": str(binary)}

    def inspect(self, plan: Plan) -> Inspection:
        """Load the script in k6 without running it: its problems, the hosts it names, its own load."""
        binary = find_k6()
        if isinstance(binary, Problem):
            return Inspection((binary,))
        try:
            source = source_of(plan.scenario)
        except OSError as error:
            return Inspection((Problem(f"cannot read the script: {error.strerror}", str(plan.scenario)),))
        user = sort_arguments(plan.engine_args)
        problems = argument_problems(plan, user)
        if not problems and user.run and (wrong := misread(binary, user.run)):
            problems = [wrong]
        if problems:
            return Inspection(tuple(problems))
        with tempfile.TemporaryDirectory(prefix="loadproof-k6-") as name:
            try:
                given = vendored(plan.scenario, Path(name))
            except ConfigError as error:
                return Inspection(tuple(error.problems))
            return _inspect(_held(binary, plan, user, Path(name)), plan, given, user, source)

    async def run(self, plan: Plan, sink: Sink, begin: Awaitable[float] | None = None) -> Outcome:
        """Drive the load. Raises EngineError when no load could begin."""
        binary = find_k6()
        if isinstance(binary, Problem):
            raise EngineError(binary)
        with tempfile.TemporaryDirectory(prefix="loadproof-k6-") as name:
            folder = Path(name)
            user = sort_arguments(plan.engine_args)
            given = vendored(plan.scenario, folder)
            copy, k6 = replace(plan, scenario=given.script), _held(binary, plan, user, folder)
            options, script, problem = await asyncio.to_thread(_resolve, k6, copy, user, folder)
            if problem is not None:
                raise EngineError(given.problem(problem))
            if self._stops:
                return Outcome.INTERRUPTED
            self._paused = None if begin is None else Paused()
            rules = thresholds(options)
            slow_s = plan.options.slow_s
            reader = OutputReader(
                ((rule.base, rule.tags) for rule in rules), options, slow_s,
                first_bytes=plan.asks_for(FIRST_BYTE), messages=Messages() if asks_for_events(plan) else None,
            )  # fmt: skip
            log = Log(sink.log, given.told)
            reporting = Reporting(plan, sink, reader, log, options)
            kernel = plan.options.guard is not None and await asyncio.to_thread(kernel_holds)
            argv = run_arguments(
                binary.path, plan, user, options, samples=folder / "samples", summary=folder / "summary.json",
                script=script, execution=() if needs_rewriting(plan) else user.execution,
                paused=self._paused, kernel=kernel,
            )  # fmt: skip
            hold = hold_of(plan, sink, k6.beside)
            env = _run_environment(plan)
            code = await self._drive(argv, env, folder / "samples", reporting, log, hold, begin)
            if self._was_stopped_before():
                return Outcome.INTERRUPTED
            summary = Path(user.summary_export) if user.summary_export else folder / "summary.json"
            reporting.finish(code, summary, stopped=self._stops > 0)
            return self._outcome(code, plan, log, sink, began=reader.first_s is not None)

    async def run_trials(self, plan: Plan, sink: Sink, orders: Orders) -> Outcome:
        """See `TrialEngine`."""
        self._trials = TrialsOneByOne(K6Engine, summary=words.END_OF_TEST, cut_short=words.BY_SIGNAL)
        if self._stops:
            return Outcome.INTERRUPTED
        return await self._trials.run(plan, sink, orders)

    def stop(self) -> None:
        """SIGINT the first time: k6 cuts its iterations off and still reports; SIGKILL the second time."""
        self._stops += 1
        if self._trials is not None:
            self._trials.stop()
        if self._process is not None:
            if self._stops == 1 and not (self._paused is not None and self._paused.waits):
                self._process.interrupt()
            else:
                self._process.kill()

    async def _drive(
        self,
        argv: list[str],
        env: Mapping[str, str],
        path: Path,
        reporting: Reporting,
        log: Log,
        hold: GuardedProgram | None,
        begin: Awaitable[float] | None,
    ) -> int:
        """Run k6 to its end and pass on what it measures; returns its exit code."""
        with Pipe(path, reporting.reader) as pipe:
            self._process = await Process.start(
                argv, env=env, on_line=log.line, hold=hold, folder=path.parent
            )
            if self._stops:
                self._process.kill()
            begins = self._paused.begin(begin, reporting.sink) if begin is not None and self._paused else None
            try:
                return await wait_or_fail(
                    self._process,
                    begins,
                    _pass_on_for_ever(reporting),
                    watch_for_ever(self._process.pid, reporting.sink, "k6"),
                )
            finally:
                # k6 is gone: what is left in the pipe, 1 MiB at most, is all there is.
                pipe.finish()
                reporting.pass_on()

    def _was_stopped_before(self) -> bool:
        """Its moment never came: there is nothing to tell."""
        return self._stops > 0 and self._paused is not None and self._paused.waits

    def _outcome(self, code: int, plan: Plan, log: Log, sink: Sink, *, began: bool) -> Outcome:
        if self._stops:
            return Outcome.INTERRUPTED
        if code in JUDGEABLE:
            return Outcome.COMPLETED
        if code in CUT_SHORT:
            return Outcome.COMPLETED  # by others: an event has said who
        problem = problem_in(log.raw, code, plan.scenario)
        if not began and (code <= 128 or code == 255):
            raise EngineError(problem)
        message = meaning(code) if code > 128 and code != 255 else f"{meaning(code)}: {problem.message}"
        data = {"exit_code": code, "where": problem.where, "last_lines": log.errors[-3:]}
        sink.event(Event(sink.now(), EventKind.ENGINE_DIED, message, data))
        return Outcome.ENGINE_FAILED


def _held(binary: Binary, plan: Plan, user: UserArguments, folder: Path) -> GuardedK6:
    return GuardedK6(binary.path, plan.options.guard, tuple(hosts_beside(plan, user.outs)), folder)


def _inspect(k6: GuardedK6, plan: Plan, given: Vendored, user: UserArguments, source: str) -> Inspection:
    """What k6 says of the script that it is given, told of the user's own."""
    copy = replace(plan, scenario=given.script)
    options, _, problem = _resolve(k6, copy, user, None)
    if problem is not None:
        return Inspection((given.problem(problem),))
    aimed = aim(k6, copy, user, options, source)
    own = _own_profile(k6, copy, user, options) if plan.profile.kind is ProfileKind.SCENARIO else None
    load = own or plan.played_profile
    most = plan.options.max_users if own is None else max_users(options)
    few = too_few_for_arrivals(plan, load, most)
    advice = (
        *k6_advice(source, options, plan.scenario, open_model=load.open_model),
        *([few] if few else []),
    )
    gates = tuple((rule.metric, rule.expression) for rule in thresholds(options))
    problems, missing = (
        () if found is None else (given.problem(found),) for found in (aimed.problem, aimed.missing)
    )
    described = (*scenarios_line(options), *names_to_give(source, plan.scenario))
    known = K6Options(gates, described, takes_any_certificate(user, options))
    return Inspection(problems, tuple(aimed.targets), own, known, advice, missing=missing)


def _own_profile(k6: GuardedK6, plan: Plan, user: UserArguments, options: Options) -> Profile | None:
    """The load at its own speed, whatever the plan's time scale, the user's --vus and --stage included."""
    if plan.time_scale == 1.0:
        return profile_of(options)
    with tempfile.TemporaryDirectory(prefix="loadproof-k6-", dir=k6.folder) as name:
        args = [*init_arguments(plan, user), *user.execution]
        slow = replace(plan, time_scale=1.0)
        _, whole, problem = rewrite(k6, slow, environment(plan), args, Path(name))
    return None if problem is not None else profile_of(whole)


def _resolve(
    k6: GuardedK6, plan: Plan, user: UserArguments, folder: Path | None
) -> tuple[Options, Path, Problem | None]:
    """The options that the run will have and what to give to `k6 run`; without `folder` only the former."""
    env, init = environment(plan), init_arguments(plan, user)
    own = not needs_rewriting(plan)
    if own and not user.execution:
        options, problem = inspect_script(k6, plan.scenario, env, init)
        return options, plan.scenario, problem
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="loadproof-k6-", dir=k6.folder) as name:
            return _resolve(k6, plan, user, Path(name))
    if own:
        # k6 inspect takes no --vus and no --stage, k6 archive does; k6 run gets the script itself.
        _, options, problem = rewrite(k6, plan, env, [*init, *user.execution], folder)
        return options, plan.scenario, problem
    archive, options, problem = rewrite(k6, plan, env, [*init, *user.execution], folder)
    if problem is None:
        # k6 refuses here what it would refuse at the start of the run.
        options, problem = inspect_script(k6, archive, without_execution(env), init)
    return options, archive, problem


def _run_environment(plan: Plan) -> dict[str, str]:
    env = environment(plan)
    return without_execution(env) if needs_rewriting(plan) else env


async def _pass_on_for_ever(reporting: Reporting) -> None:
    while True:
        await asyncio.sleep(until_s(reporting.sink.now(), _DRAIN_EVERY_S, DRAIN_AT_S))
        reporting.pass_on()
