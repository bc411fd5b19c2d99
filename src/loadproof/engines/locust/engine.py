"""The Locust engine: one supervised child process that is Locust with Loadproof's plug-in."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from loadproof.engines.advice import too_few_for_arrivals, too_few_for_throughput
from loadproof.engines.exemplars import slow_request
from loadproof.engines.holding import hold_of
from loadproof.engines.locust.advice import locust_advice, requests_per_task
from loadproof.engines.locust.hosts import connect_only
from loadproof.engines.locust.names import names_to_give
from loadproof.engines.locust.open_model.distribution import distribution_args
from loadproof.engines.locust.options import LocustOptions
from loadproof.engines.locust.processes import decide
from loadproof.engines.locust.program import NoAnswerError, environment
from loadproof.engines.locust.rows import ArrivalRow, ErrorRow, HealthRow, SliceRow
from loadproof.engines.locust.running import LocustChild
from loadproof.engines.locust.settings import PluginSettings, fingerprint_of
from loadproof.engines.locust.source import LocustSource
from loadproof.engines.locust.trials.trial_dispatcher import TrialDispatcher
from loadproof.engines.scarce import usable_cores
from loadproof.engines.table import session_of
from loadproof.errors import EngineError, Problem
from loadproof.model import (
    Event,
    EventKind,
    Inspection,
    Outcome,
    Plan,
    Profile,
    ProfileKind,
    Reading,
    Unit,
)
from loadproof.plan.profiles import profile_from_flags

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator
    from pathlib import Path

    from loadproof.engines import Sink
    from loadproof.engines.trials import Orders

_INSPECT_TIMEOUT_S = 60.0
_LOG_LINES = 500
_ROLES = {
    "--master": "the machine that judges: loadproof run locustfile.py --expect-workers 3",
    "--worker": "a machine that drives a share of it: loadproof worker --master HOST locustfile.py",
}


class LocustEngine:
    """Runs one plan. See `Engine` for the contract."""

    def __init__(self) -> None:
        self._child = LocustChild()
        self._failed: Problem | None = None
        """Why the load did not begin."""
        self._last_words = False
        """Whether what was printed last tells more of it."""
        self._ended: dict[str, Any] | None = None
        self._dispatcher: TrialDispatcher | None = None
        self._log_lines = 0
        self._last_lines: list[str] = []

    def versions(self) -> dict[str, str]:
        return {"locust": version("locust"), "gevent": version("gevent")}

    def inspect(self, plan: Plan) -> Inspection:
        """Import the locustfile in a child process and say what it holds; nothing is sent."""
        try:
            facts = self._child.inspect(
                _locust_args(plan),
                env=environment(plan.env),
                policy=plan.options.guard,
                where=str(plan.scenario),
                limit_s=_INSPECT_TIMEOUT_S,
            )
        except NoAnswerError as error:
            if not error.too_long:
                return Inspection((Problem(error.said, str(plan.scenario)),))
            hint = "does it wait for something, or start a loop, when it is imported?"
            message = f"importing the locustfile took more than {_INSPECT_TIMEOUT_S:.0f}s"
            return Inspection((Problem(message, str(plan.scenario), hint),))
        inspection = _inspection(plan, facts)
        if inspection.problems:
            self._child.discard()
        return inspection

    async def run(self, plan: Plan, sink: Sink, begin: Awaitable[float] | None = None) -> Outcome:
        async with self._child.begins(begin, sink):
            code = await self._child.run(
                "run",
                [*_locust_args(plan), *distribution_args(plan)],
                env=environment(plan.env),
                settings=replace(_settings(plan), waits=begin is not None).to_text(),
                on_message=lambda message: self._on_message(message, sink),
                on_line=lambda line: self._on_line(line, sink),
                hold=hold_of(plan, sink),
            )
        if self._failed is not None and not self._child.stops:
            raise EngineError(self._failed if not self._last_words else self._with_last_words(self._failed))
        return self._outcome(code, sink)

    async def run_trials(self, plan: Plan, sink: Sink, orders: Orders) -> Outcome:
        """See `TrialEngine`: one Locust plays all of them."""
        self._dispatcher = TrialDispatcher(orders, self._child)
        cutting = asyncio.create_task(self._dispatcher.cut_when_hopeless())
        try:
            outcome = await self.run(plan, sink)
        finally:
            cutting.cancel()
            await asyncio.gather(cutting, return_exceptions=True)
        self._dispatcher.raise_problem()
        return outcome

    def stop(self) -> None:
        self._child.stop()

    def steer(self, level: int) -> bool:
        """See `SteeredEngine`."""
        return self._child.send({"t": "load", "level": level})

    def _on_message(self, message: dict[str, Any], sink: Sink) -> None:
        match message["t"]:
            case "rows":
                for row in message["slices"]:
                    sink.slice(SliceRow(*row).slice())
                for row in message["errors"]:
                    sink.event(ErrorRow(*row).event())
            case "exemplars":
                for row in message["rows"]:
                    sink.event(slow_request(row))
            case "event":
                self._on_event(message, sink)
            case "order?":
                if self._dispatcher is not None:
                    self._dispatcher.give()
            case "failed":
                self._failed = Problem(message["message"], hint=message["hint"])
                self._last_words = message.get("last_words", False)
            case "end":
                self._ended = message
            case _:
                for reading in _readings(message):
                    sink.reading(reading)

    def _on_event(self, message: dict[str, Any], sink: Sink) -> None:
        kind = EventKind(message["kind"])
        if kind is EventKind.ENDED_BY and self._child.stops and message["data"]["by"] == "signal":
            return  # the signal was ours: whoever asked for it has said so
        sink.event(Event(message["time"], kind, message["message"], message["data"]))

    def _on_line(self, line: str, sink: Sink) -> None:
        if not line.strip():
            return
        self._last_lines = [*self._last_lines[-9:], line]
        self._log_lines += 1
        if self._log_lines <= _LOG_LINES:
            sink.log(line)
        elif self._log_lines == _LOG_LINES + 1:
            sink.log(f"more than {_LOG_LINES} lines: the rest is not kept")

    def _with_last_words(self, problem: Problem) -> Problem:
        said = " / ".join(line.strip() for line in self._last_lines[-3:])
        return replace(problem, message=f"{problem.message}: {said}") if said else problem

    def _outcome(self, code: int, sink: Sink) -> Outcome:
        if self._ended is not None:
            return Outcome.INTERRUPTED if self._child.stops else Outcome.COMPLETED
        if self._child.stops:
            return Outcome.INTERRUPTED
        if code > 128:
            message = f"Locust was killed by signal {code - 128}"
        else:
            message = f"Locust ended with exit code {code} before the test was over"
        sink.event(Event(sink.now(), EventKind.ENGINE_DIED, message, {"last_lines": self._last_lines[-3:]}))
        return Outcome.ENGINE_FAILED


def _readings(message: dict[str, Any]) -> Iterator[Reading]:
    match message["t"]:
        case "users":
            yield Reading(message["time"], "load", "users", message["users"], Unit.COUNT)
        case "arrivals":
            for row in message["rows"]:
                yield from ArrivalRow(*row).readings()
        case "paced":
            for row in message["rows"]:
                yield from ArrivalRow(*row).paced(message["pace_s"])
        case "health":
            for row in message["rows"]:
                yield from HealthRow(*row).readings()
        case "reading":
            source, series = message["source"], message["series"]
            yield Reading(message["time"], source, series, message["value"], Unit.SECONDS)


def _own_load(plan: Plan) -> bool:
    return plan.profile.kind is ProfileKind.SCENARIO


def _settings(plan: Plan) -> PluginSettings:
    return PluginSettings(
        profile=None if _own_load(plan) else plan.played_profile,
        time_scale=plan.time_scale,
        arrivals=plan.options.arrivals,
        session=session_of(plan) or "",
        max_users=plan.options.max_users,
        quiet_stats="--print-stats" not in plan.engine_args,
        quiet_log=not any(arg.startswith(("--loglevel", "-L")) for arg in plan.engine_args),
        scenario=fingerprint_of(plan.files),
        lock=None if plan.options.expect_workers is None else plan.options.token,
        slow_s=plan.options.slow_s,
        guard={} if plan.options.guard is None else asdict(plan.options.guard),
        routes=plan.options.routes,
        exact=[r.endpoint for r in plan.requirements if r.endpoint],
        trials=plan.profile.kind is ProfileKind.CAPACITY,
    )


def _locust_args(plan: Plan) -> list[str]:
    args = ["-f", ",".join(map(str, plan.files))]
    given = {word.partition("=")[0] for word in plan.engine_args}
    if not given & {"--headful", "--autostart"}:
        args.append("--headless")
    if "--autostart" in given and "--autoquit" not in given:
        # Locust's page would stay open for ever: the run ends with its load.
        args += ["--autoquit", "0"]
    if plan.target is not None:
        args += ["--host", plan.target]
    if not given & {"--print-stats", "--only-summary"}:
        args.append("--only-summary")
    # --csv is Loadproof's, whose history is the full one: Locust refuses this flag without its own.
    return [*args, *(word for word in plan.engine_args if word != "--csv-full-history")]


_NEEDED: Final = "set it in the environment, or by --env NAME=VALUE"
_UNKNOWN: Final = "unrecognized arguments"


def _way_out(message: str) -> str:
    """For a module that is missing: people have it where Locust is, and Loadproof has a Locust of its own."""
    if message.startswith(_UNKNOWN):
        return "`loadproof run --help` lists Loadproof's options, `locust --help` Locust's"
    if message.startswith("the scenario needs "):
        return _NEEDED
    if not message.startswith("ModuleNotFoundError"):
        return ""
    return "install it into the environment that Loadproof runs in, or put its folder on PYTHONPATH"


def _inspection(plan: Plan, facts: dict[str, Any]) -> Inspection:
    where = facts.get("where") or str(plan.scenario)
    if "error" in facts:
        # Words that nobody knows were typed, and are no mistake of the file.
        return Inspection(
            tuple(
                Problem(message, "" if message.startswith(_UNKNOWN) else where, _way_out(message))
                for message in facts["error"]
            )
        )
    problems = []
    if not facts["users"]:
        hint = "a locustfile needs a class that inherits from User or HttpUser and has tasks"
        problems.append(Problem("no user class found", str(plan.scenario), hint))
    for name in facts["missing_users"]:
        hint = "user classes are: " + ", ".join(facts["users"])
        problems.append(Problem(f"no user class is called '{name}'", str(plan.scenario), hint))
    for name in facts["fast_users"]:
        if name in facts["http2_users"] or session_of(plan) == "http2":
            message = f"'{name}' is a FastHttpUser, which has no HTTP/2"
            hint = "let the class inherit from HttpUser, or leave HTTP/2 out"
            problems.append(Problem(message, str(plan.scenario), hint))
    problems += [*_mistakes(plan, facts), *_without_tasks(plan, facts)]
    for flag in facts["roles"] if plan.options.expect_workers is None else ():
        problems.append(Problem(f"{flag}: Loadproof starts master and workers itself", "", _ROLES[flag]))
    for name in facts["own_loops"] if plan.profile.open_model else ():
        hint = "load it with --users, or leave it out: give the names of the classes to run"
        message = f"'{name}' has a run() of its own instead of tasks: nobody can time its arrivals"
        problems.append(Problem(message, str(plan.scenario), hint))
    # What a broker, a channel or a socket has for a host is none to send HTTP to: the guard looks at it when
    # it is connected to.
    http_hosts = [facts["users"][name] for name in facts["http_users"]]
    hosts = [plan.target or facts["host"]] if plan.target or facts["host"] else http_hosts
    if not facts["http_users"] and facts["host"] and not facts["host"].startswith(("http://", "https://")):
        hosts = connect_only(facts["host"])
    targets = tuple(dict.fromkeys(host for host in hosts if host))
    if not targets and facts["http_users"]:
        hint = "name it: --target http://127.0.0.1:8000, or `host = ...` in the user class"
        problems.append(Problem("the locustfile names no host to load", str(plan.scenario), hint))
    profile, problem = _own_profile(facts)
    if _own_load(plan) and problem:
        problems.append(Problem(problem, str(plan.scenario), "add --profile load, --stage 2m:50, or Locust's "
                                "own flags: --users 50 --spawn-rate 10 --run-time 5m"))  # fmt: skip
    if facts["processes"] is not None and plan.options.expect_workers is not None:
        hint = "give --processes to `loadproof worker`; each of its processes is a worker"
        problems.append(Problem("--processes has no place where other machines drive the load", "", hint))
    load = plan.played_profile if not _own_load(plan) else profile or plan.profile
    described = tuple(line for file in plan.files for line in names_to_give(_source(file), file))
    shape = facts["shape"] or "" if _own_load(plan) else ""
    trusting = _take_any_certificate(plan, facts)
    options = LocustOptions(decide(plan, load, facts, usable_cores()), described, shape, trusting)
    own = profile if _own_load(plan) else None
    missing = tuple(
        Problem(f"the scenario needs {name}, and it is not set", str(plan.scenario), _NEEDED)
        for name in facts["needs"]
    )
    return Inspection(tuple(problems), targets, own, options, _advice(plan, load, facts), missing=missing)


def _mistakes(plan: Plan, facts: dict[str, Any]) -> list[Problem]:
    """What Locust takes, and what then raises with each task, with its line where these files have it."""
    problems = []
    for holder, attribute, message, hint in facts["mistakes"]:
        lines = {file: LocustSource(_source(file)).line_of(holder, attribute) for file in plan.files}
        where = next((f"{file}:{line}" for file, line in lines.items() if line), str(plan.scenario))
        problems.append(Problem(f"{holder}.{attribute} {message}", where, hint))
    return problems


def _without_tasks(plan: Plan, facts: dict[str, Any]) -> list[Problem]:
    """Of user classes that have no task, or none left by the tags: each of their users would raise."""
    where, idle, known = str(plan.scenario), facts["idle_users"], ", ".join(facts["tags"] or ())
    hint = "put @task above each method that is one, with `from locust import task`"
    never = facts["taskless_users"]
    problems = [Problem(f"'{name}' has no task: its users would do nothing", where, hint) for name in never]
    if not idle:
        return problems
    left = [name for name in facts["users"] if name not in idle]
    hint = f"tags of its tasks are: {known}" if known else "none of its tasks has a tag: @tag('smoke')"
    message = "the tags that were chosen leave no task"
    if left:
        message += f" to {', '.join(idle)}"
        hint = f"name the classes to run ({' '.join(left)}), or choose other tags; {hint}"
    return [*problems, Problem(message, where, hint)]


def _take_any_certificate(plan: Plan, facts: dict[str, Any]) -> bool:
    """Whether each HTTP user does: a FastHttpUser unless `insecure` is off, others by `verify=False`."""
    told = any(_UNVERIFIED.search(_source(file)) for file in plan.files)
    verifying = [name for name in facts["http_users"] if name not in facts["trusting_users"]]
    return bool(facts["http_users"]) and (told or not verifying)


_UNVERIFIED = re.compile(r"\bverify[\"']?\s*[=:]\s*False\b")


def _source(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _advice(plan: Plan, load: Profile, facts: dict[str, Any]) -> tuple[Problem, ...]:
    """What makes the load unrealistic, from the source and from the numbers."""
    sources = {file: _source(file) for file in plan.files}
    numbers = (
        too_few_for_arrivals(plan, load, plan.options.max_users),
        too_few_for_throughput(plan, load, facts["paces"], requests_per_task("\n".join(sources.values()))),
    )
    found = [
        p
        for file, text in sources.items()
        for p in locust_advice(text, file, open_model=load.open_model, alone=not plan.further)
    ]
    return (*found, *(problem for problem in numbers if problem is not None))


def _own_profile(facts: dict[str, Any]) -> tuple[Profile | None, str]:
    """What Locust's flags or the locustfile's shape say of the load; a text when they say nothing."""
    if facts["shape"] or not facts["headless"]:
        return None, ""  # known only to the shape, or to whoever sits at Locust's web page
    if facts["num_users"] is None and facts["run_time_s"] is None:
        return None, "nothing says how many users to run"
    users = facts["num_users"] or 1  # as Locust has it
    return profile_from_flags(users, facts["spawn_rate"] or 1.0, facts["run_time_s"]), ""
