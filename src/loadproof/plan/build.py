"""From what was typed, `loadproof.yaml` and the defaults, in this order, to one Plan, or to all problems."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.errors import ConfigError, Problem
from loadproof.model import EngineTraits, Plan, Profile, ProfileKind, RunOptions, Stage
from loadproof.plan.chosen import Chosen, choose
from loadproof.plan.config import LoadedConfig, find_config
from loadproof.plan.document import did_you_mean
from loadproof.plan.options import (
    bind_address,
    check_arrivals,
    check_during,
    check_session,
    parse_env,
    run_token,
    steady_rate,
    warm_up_s,
)
from loadproof.plan.profiles import (
    DEFAULT_STAGES,
    ParsedStage,
    parse_run_time,
    parse_stages,
    profile_from,
    profile_from_flags,
)
from loadproof.plan.requirements import read_given
from loadproof.plan.schema import MAX_USERS, CapacityConfig, TestConfig, check_name
from loadproof.safety.guard import Rules
from loadproof.safety.target import normalise_target
from loadproof.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from loadproof.model import Requirement
    from loadproof.plan.request import PlanRequest


_OF_ANOTHER_PROTOCOL = re.compile(
    r"(?!https?:)(?:[a-z][a-z0-9+.-]*://\S|[\w.-]+:\d+(?:,|$)|\[[0-9a-f:.]+\]:\d+$)", re.I
)
"""ws://host/chat, host:50051, broker-1:9092,broker-2:9092."""


@dataclass(frozen=True, slots=True)
class _Load:
    """How much load, merged from the command line and the test, and where each part was written."""

    profile: str | None
    stages: tuple[ParsedStage, ...]
    users: int | None
    spawn_rate: float | None
    run_time_s: float | None
    rate: str | None
    max_users: int | None
    arrivals: str | None
    where: str


class _Problems(list[Problem]):
    """Collects the problems of steps that raise ConfigError, so that all are told at once."""

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        try:
            yield
        except ConfigError as error:
            self.extend(error.problems)


def read_config(request: PlanRequest) -> LoadedConfig | None:
    """The loadproof.yaml of this request, read once for all that asks of it; None without one.

    Raises:
        ConfigError: with every problem of the file, and with those of the request that show without it.
    """
    named = None if request.config is None else Path(request.config)
    try:
        return find_config(request.folder, named)
    except ConfigError as error:
        # Without a sound file it is unknown what the names on the command line mean: check the rest.
        problems = _Problems(error.problems)
        _check_numbers(request, problems)
        raise ConfigError(*problems) from None


def build_plan(
    request: PlanRequest, engines: Mapping[str, EngineTraits], config: LoadedConfig | None
) -> Plan:
    """The plan; `engines` has what is to be known of each, `config` is the request's.

    What the command line gives wins over the test in loadproof.yaml, and that over the top of the file.
    The profile is as written: engines play it in `time_scale` of its time.

    Raises:
        ConfigError: with every problem of the request, loadproof.yaml and the requirement files.
    """
    problems = _Problems()
    chosen: Chosen | None = None
    with problems.collected():
        chosen = choose(request, config)
    _check_numbers(request, problems)
    env: dict[str, str] = {}
    with problems.collected():
        env = parse_env(request.env)
    engine = _engine(request, chosen, engines, problems)
    traits = engines.get(engine, EngineTraits())
    target: str | None = None
    host: tuple[str, ...] = ()
    with problems.collected():
        target, host = _target(request, config, chosen, traits)
    requirements: tuple[Requirement, ...] = ()
    with problems.collected():
        requirements = _requirements(request, config, chosen)
    if chosen is not None and chosen.further and not traits.several:
        hint = "give one of them; each of several can be a test of its own in loadproof.yaml"
        problems.append(Problem(f"{engine or 'an engine'} plays one file, and here are several", hint=hint))
    test = chosen.test if chosen else TestConfig.model_validate({})
    options = RunOptions(
        expect_workers=request.expect_workers,
        stop_on=request.stop_on or test.stop_on,
        probe=request.probe or test.probe,
        routes=(request.routes or test.routes or (config.config.routes if config else None)) != "off",
        session=request.session or (chosen.scenario.session if chosen else None),
    )
    with problems.collected():
        token = run_token(request.token) if options.expect_workers is not None or request.token else ""
        address = bind_address(options.expect_workers, request.bind, token, engine, traits)
        options = replace(options, bind=address, token=token)
    with problems.collected():
        check_during(options.stop_on, options.probe, request.routes)
    with problems.collected():
        if request.slow is not None:
            options = replace(options, slow_s=_seconds(request.slow, "--slow", parse_duration))
    with problems.collected():
        check_session(options.session, engine, traits)
    profile = Profile(ProfileKind.SCENARIO)
    flags: tuple[str, ...] = ()
    with problems.collected():
        load = _load(request, chosen, config)
        if not problems:  # numbers that are wrong by themselves make no profile
            profile, flags = _profile(load, traits)
            warm_s = warm_up_s(request.warm_up or test.warm_up, profile, requirements)
            check_arrivals(profile, engine, traits, load.max_users, load.arrivals, load.where)
            options = replace(
                options,
                warm_up_s=warm_s,
                max_users=load.max_users,
                arrivals=load.arrivals or options.arrivals,
            )
    if problems or chosen is None:
        raise ConfigError(*problems)
    return Plan(
        name=request.name or chosen.name,
        scenario=chosen.file,
        further=chosen.further,
        engine=engine,
        target=target,
        profile=profile,
        requirements=requirements,
        engine_args=(*chosen.scenario.args, *chosen.test.args, *flags, *host, *request.engine_args),
        env=tuple({**chosen.scenario.env, **chosen.test.env, **env}.items()),
        time_scale=request.time_scale if request.time_scale is not None else chosen.test.time_scale,
        options=options,
        monitors=config.monitors() if config else {},
        consistency=config.consistency_checks() if config else (),
    )


def guard_rules(request: PlanRequest, config: LoadedConfig | None) -> Rules:
    """Which hosts may be loaded: what loadproof.yaml says, then the request."""
    rules = config.guard_rules() if config else Rules()
    return replace(
        rules,
        environment=request.environment or rules.environment,
        allow_production=request.allow_production or "",
    )


def capacity_config(
    request: PlanRequest, config: LoadedConfig | None
) -> tuple[CapacityConfig, Callable[[str], str]]:
    """The `capacity` of the test that is named, and the file:line of each of its keys. Raises ConfigError."""
    chosen = choose(request, config)
    name = chosen.test_name or ""

    def where(key: str) -> str:
        return config.where("tests", name, "capacity", key) if config else ""

    return chosen.test.capacity, where


def _check_numbers(request: PlanRequest, problems: _Problems) -> None:
    if request.users is not None and not 1 <= request.users <= MAX_USERS:
        problems.append(Problem(f"{request.users} is not a number of users", "--users", "write 1 or more"))
    rate = request.spawn_rate
    if rate is not None and not (rate > 0 and math.isfinite(rate)):
        problems.append(Problem(f"{rate:g} is not a spawn rate", "--spawn-rate", "write a number above 0"))
    scale = request.time_scale
    if scale is not None and not 0 < scale <= 1:
        hint = "write a fraction above 0, up to 1: 0.05 plays an hour in 3 minutes"
        problems.append(Problem(f"{scale:g} is not a time scale", "--time-scale", hint))
    if request.name is not None:
        try:
            check_name(request.name)
        except ValueError as error:
            problems.append(Problem.of(error, "--name"))


def _target(
    request: PlanRequest, config: LoadedConfig | None, chosen: Chosen | None, traits: EngineTraits
) -> tuple[str | None, tuple[str, ...]]:
    """The base URL to load, or, for an address of another protocol, the engine's own flag with it."""
    test = None if chosen is None else chosen.test.target
    common = config.config.target if config else None
    given = next((target for target in (request.target, test, common) if target is not None), None)
    if given is None:
        return None, ()
    if traits.other_hosts is not None and _OF_ANOTHER_PROTOCOL.match(given.strip()):
        return None, (traits.other_hosts, given.strip())
    return normalise_target(given, "--target" if request.target is not None else ""), ()


def _requirements(
    request: PlanRequest, config: LoadedConfig | None, chosen: Chosen | None
) -> tuple[Requirement, ...]:
    if request.requirements:
        return read_given(request.requirements, request.folder)
    return config.requirements_for(chosen.test_name if chosen else None) if config else ()


def _engine(
    request: PlanRequest, chosen: Chosen | None, engines: Mapping[str, EngineTraits], problems: _Problems
) -> str:
    engine = request.engine or (chosen.scenario.engine if chosen else None)
    if engine is not None or chosen is None:
        return engine or ""
    suffixes = {suffix: name for name, traits in engines.items() for suffix in traits.suffixes}
    suffix = chosen.file.suffix.lower()
    if suffix not in suffixes:
        known = ", ".join(f"{end} ({name})" for end, name in suffixes.items())
        hint = f"name it with --engine; known endings: {known}"
        problems.append(
            Problem(f"'{chosen.file}' does not say by its ending which engine runs it", hint=hint)
        )
    return suffixes.get(suffix, "")


def _load(request: PlanRequest, chosen: Chosen | None, config: LoadedConfig | None) -> _Load:
    """The command line's profile, stages or rate replace the test's load; its numbers replace one by one."""
    test = chosen.test if chosen else TestConfig.model_validate({})
    where = (
        ""
        if config is None or not chosen or not chosen.test_name
        else config.where("tests", chosen.test_name)
    )
    own = bool(request.profile or request.stages or request.rate)
    if own:
        test = TestConfig.model_validate({})
    problems = _Problems()
    kind = request.profile or (None if request.stages or request.rate else test.profile)
    known = [str(kind) for kind in DEFAULT_STAGES]
    if kind is not None and kind not in known:
        hint = f"{did_you_mean(kind, known)}; a name for the run is --name"
        problems.append(Problem(f"unknown profile '{kind}'", "--profile", hint))
    stages = tuple(stage.parsed() for stage in test.stages)
    with problems.collected():
        stages = parse_stages(request.stages) or stages
    run_time_s = test.run_time
    if request.run_time is not None:
        with problems.collected():
            run_time_s = _seconds(request.run_time, "--run-time", parse_run_time)
    if problems:
        raise ConfigError(*problems)
    return _Load(
        profile=kind,
        stages=stages,
        users=request.users if request.users is not None else test.users,
        spawn_rate=request.spawn_rate if request.spawn_rate is not None else test.spawn_rate,
        run_time_s=run_time_s,
        rate=_rate(request.rate) if request.rate is not None else test.rate,
        max_users=request.max_users if request.max_users is not None else test.max_users,
        arrivals=request.arrivals if request.arrivals is not None else test.arrivals,
        where=where if not own else "",
    )


def _profile(load: _Load, traits: EngineTraits) -> tuple[Profile, tuple[str, ...]]:
    """The profile, and the flags by which Locust drives itself."""
    if load.rate is not None:
        others = {
            "--profile": load.profile, "--stage": load.stages, "--users": load.users,
            "--spawn-rate": load.spawn_rate,
        }  # fmt: skip
        return steady_rate(load.rate, load.run_time_s, others, load.where), ()
    if load.profile is not None or load.stages:
        problems = _Problems()
        for given, name in ((load.spawn_rate, "spawn rate"), (load.run_time_s, "run time")):
            if given is not None:
                hint = f"leave out the {name}; --stage gives a load of its own, --time-scale a shorter one"
                problems.append(Problem(f"a profile or stages have their own {name}", load.where, hint))
        kind = ProfileKind(load.profile) if load.profile else None
        profile = Profile(ProfileKind.SCENARIO)
        with problems.collected():
            profile = profile_from(kind, load.users, load.stages, load.where)
        if problems:
            raise ConfigError(*problems)
        return profile, ()
    if load.users is None and load.spawn_rate is None and load.run_time_s is None:
        return Profile(ProfileKind.SCENARIO), ()
    if traits.load_flags:
        flags = _flags(load)
        return profile_from_flags(load.users, load.spawn_rate, load.run_time_s), flags
    if traits.own_flags and load.spawn_rate is None and None in (load.users, load.run_time_s):
        # The other one the script says, or the engine's own default, as on its own command line.
        users, duration = traits.own_flags
        one = f"{duration}={load.run_time_s:.10g}s" if load.users is None else f"{users}={load.users}"
        return Profile(ProfileKind.SCENARIO), (one,)
    return _steady(load), ()


def _seconds(given: str | float, where: str, parse: Callable[[str], float]) -> float:
    """A duration as it was typed, or seconds. Raises ConfigError."""
    try:
        return parse(given if isinstance(given, str) else f"{given:.10g}s")
    except ValueError as error:
        raise ConfigError(Problem.of(error, where)) from None


def _rate(given: str | float) -> str:
    return given if isinstance(given, str) else f"{given:.10g}/s"


def _flags(load: _Load) -> tuple[str, ...]:
    flags: list[str] = []
    if load.users is not None:
        flags += ["--users", str(load.users)]
    if load.spawn_rate is not None:
        flags += ["--spawn-rate", f"{load.spawn_rate:.10g}"]
    if load.run_time_s is not None:
        if load.run_time_s != int(load.run_time_s):
            problem = Problem(
                "Locust runs for whole seconds only", load.where or "--run-time", "write 1s or more"
            )
            raise ConfigError(problem)
        flags += ["--run-time", f"{int(load.run_time_s)}s"]
    return tuple(flags)


def _steady(load: _Load) -> Profile:
    """Users, spawn rate and run time for an engine that has no such flags: the same load as stages."""
    if load.users is None or load.run_time_s is None:
        missing = "--users" if load.users is None else "--run-time"
        hint = "or give a --profile, or stages such as --stage 2m:50"
        raise ConfigError(Problem(f"this load needs {missing} as well", load.where, hint))
    if load.spawn_rate is None:  # as k6 has it: all users from the start
        users = float(load.users)
        return Profile(ProfileKind.LOAD, (Stage(load.run_time_s, users),), start=users)
    ramp = profile_from_flags(load.users, load.spawn_rate, load.run_time_s)
    return Profile(ProfileKind.LOAD, ramp.stages)
