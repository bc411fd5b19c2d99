"""From what was typed, `loadproof.yaml` and the defaults, in this order, to one Plan, or to all problems."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.errors import ConfigError, Problem, Problems, read_as
from loadproof.model import (
    EVENT_GAP,
    FIRST_EVENT,
    STREAMED,
    EngineTraits,
    Plan,
    Profile,
    ProfileKind,
    RunOptions,
)
from loadproof.plan.chosen import Chosen, choose, engine_of, target_of
from loadproof.plan.config import LoadedConfig, find_config
from loadproof.plan.load import Load, load_of, profile_of
from loadproof.plan.options import (
    bind_address,
    check_arrivals,
    check_during,
    check_session,
    parse_env,
    run_token,
    seconds_of,
    warm_up_s,
)
from loadproof.plan.requirements import read_given
from loadproof.plan.schema import MAX_USERS, CapacityConfig, TestConfig, check_name
from loadproof.plan.several import files_of, several_of, together
from loadproof.safety.guard import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loadproof.model import OneOfSeveral, Requirement
    from loadproof.plan.request import PlanRequest


_STREAMS_OF = "write the scenario for Locust: a HttpUser that asks with stream=True"


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
        problems = Problems(error.problems)
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
    problems = Problems()
    chosen: Chosen | None = None
    with problems.collected():
        chosen = choose(request, config)
    _check_numbers(request, problems)
    env: dict[str, str] = {}
    with problems.collected():
        env = parse_env(request.env)
    engine = ""
    with problems.collected():
        engine = _engine(request, chosen, engines)
    traits = engines.get(engine, EngineTraits())
    target: str | None = None
    host: tuple[str, ...] = ()
    with problems.collected():
        target, host = target_of(request, chosen.test.target if chosen else None, config, traits)
    requirements: tuple[Requirement, ...] = ()
    with problems.collected():
        requirements = _tellable(_requirements(request, config, chosen), request, chosen, traits)
    with problems.collected():
        _check_files(chosen, engine, traits)
    options = _options(request, config, chosen, (engine, traits), problems)
    chosen_load = _ChosenLoad(Profile(ProfileKind.SCENARIO), options)
    with problems.collected():
        load = load_of(request, chosen, config)
        if not problems:  # numbers that are wrong by themselves make no profile
            known = (engine, load, options)
            chosen_load = _choose_load(request, config, chosen, engines, known, requirements)
    if problems or chosen is None:
        raise ConfigError(*problems)
    args = (*chosen.scenario.args, *chosen.test.args, *chosen_load.flags)
    files = files_of(chosen_load.several) or [chosen.file, *chosen.further]
    return Plan(
        name=request.name or chosen.name,
        scenario=files[0],
        further=tuple(files[1:]),
        several=_of_the_whole(chosen_load, requirements),
        engine=engine,
        target=target,
        profile=chosen_load.profile,
        requirements=requirements,
        engine_args=(*args, *host, *request.engine_args),
        env=tuple({**chosen.scenario.env, **chosen.test.env, **env}.items()),
        time_scale=request.time_scale if request.time_scale is not None else chosen.test.time_scale,
        options=chosen_load.options,
        monitors=config.monitors() if config else {},
        consistency=config.consistency_checks() if config else (),
    )


def _engine(request: PlanRequest, chosen: Chosen | None, engines: Mapping[str, EngineTraits]) -> str:
    """Raises ConfigError; "" where nothing was chosen."""
    if chosen is None:
        return ""
    own = chosen.scenario.engine
    given = own if chosen.test.scenarios else request.engine or own
    return engine_of(given, chosen.file, engines)


def _check_files(chosen: Chosen | None, engine: str, traits: EngineTraits) -> None:
    if chosen is not None and chosen.further and not traits.several:
        hint = "give one of them; each of several can be a test of its own in loadproof.yaml"
        raise ConfigError(Problem(f"{engine or 'an engine'} plays one file, and here are several", hint=hint))


def _options(
    request: PlanRequest,
    config: LoadedConfig | None,
    chosen: Chosen | None,
    engine: tuple[str, EngineTraits],
    problems: Problems,
) -> RunOptions:
    """What was chosen beside the load and the requirements; what is wrong with it joins `problems`."""
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
        address = bind_address(options.expect_workers, request.bind, token, *engine)
        options = replace(options, bind=address, token=token)
    with problems.collected():
        check_during(options.stop_on, options.probe, request.routes)
    with problems.collected():
        if request.slow is not None:
            options = replace(options, slow_s=seconds_of(request.slow, "--slow"))
    with problems.collected():
        if not test.scenarios:
            check_session(options.session, *engine)
    return options


@dataclass(frozen=True, slots=True)
class _ChosenLoad:
    """The load over time, and what goes with it."""

    profile: Profile
    options: RunOptions
    flags: tuple[str, ...] = ()
    """By which Locust drives itself."""
    several: tuple[OneOfSeveral, ...] = ()


def _choose_load(
    request: PlanRequest,
    config: LoadedConfig | None,
    chosen: Chosen | None,
    engines: Mapping[str, EngineTraits],
    known: tuple[str, Load, RunOptions],
    requirements: Sequence[Requirement],
) -> _ChosenLoad:
    """Raises ConfigError."""
    engine, load, options = known
    flags: tuple[str, ...] = ()
    several: tuple[OneOfSeveral, ...] = ()
    if chosen is not None and chosen.test.scenarios and config is not None:
        several = several_of(request, config, chosen, engines, load, options)
        profile = together(several)
    else:
        traits = engines.get(engine, EngineTraits())
        profile, flags = profile_of(load, traits)
        check_arrivals(profile, engine, traits, load.max_users, load.arrivals, load.where)
        arrivals = load.arrivals or options.arrivals
        options = replace(options, max_users=load.max_users, arrivals=arrivals)
    given = request.warm_up or (chosen.test.warm_up if chosen else None)
    options = replace(options, warm_up_s=warm_up_s(given, profile, requirements))
    return _ChosenLoad(profile, options, flags, several)


def _tellable(
    requirements: tuple[Requirement, ...], request: PlanRequest, chosen: Chosen | None, traits: EngineTraits
) -> tuple[Requirement, ...]:
    """The requirements. Raises ConfigError for times of a stream that nobody would measure."""
    session = request.session or (chosen.scenario.session if chosen else None)
    own = session not in traits.untold_sessions
    told = traits.streamed if own else frozenset[str]()
    who = traits.title if own else f"--session {session}"
    hint = f"it tells {', '.join(sorted(one[:-1] for one in told))}" if told else _STREAMS_OF
    problems = [
        Problem(f"{who} does not tell {kind[:-1]}", required.source, hint)
        for required in requirements
        if (kind := (required.endpoint or "").partition(" ")[0]) in STREAMED and kind not in told
    ]
    if traits.events_of:
        hint = f"it tells that of {' and '.join(traits.events_of)} alone: '{traits.events_of[0]} /path'"
        problems += [
            Problem(f"{who} does not tell {kind[:-1]} of '{name}'", required.source, hint)
            for required in requirements
            for kind, _, name in [(required.endpoint or "").partition(" ")]
            if kind in (FIRST_EVENT, EVENT_GAP) and _methods(name) - {*traits.events_of}
        ]
    if problems and traits.title:  # each of several scenarios may have another engine
        raise ConfigError(*problems)
    return requirements


def _methods(name: str) -> set[str]:
    """The method that an endpoint is written with, or none; one scenario's name may stand before it."""
    firsts = {of.partition(" ")[0] for of in (name, name.rpartition(": ")[2])}
    return {first for first in firsts if first.isalpha() and first.isupper()}


def _of_the_whole(chosen_load: _ChosenLoad, requirements: Sequence[Requirement]) -> tuple[OneOfSeveral, ...]:
    """With what only the whole plan says: how much of each hold's start is left out of what is judged."""
    most_s = max([chosen_load.options.warm_up_s, *(requirement.warm_up_s for requirement in requirements)])
    return tuple(
        replace(one, plan=replace(one.plan, options=replace(one.plan.options, warm_up_s=most_s)))
        for one in chosen_load.several
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


def _check_numbers(request: PlanRequest, problems: Problems) -> None:
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
        with problems.collected():
            read_as(check_name, request.name, "--name")


def _requirements(
    request: PlanRequest, config: LoadedConfig | None, chosen: Chosen | None
) -> tuple[Requirement, ...]:
    if request.requirements:
        return read_given(request.requirements, request.folder)
    return config.requirements_for(chosen.test_name if chosen else None) if config else ()
