"""How much load a plan has: merged from what was typed and the test, and made a profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadproof.errors import ConfigError, Problem, Problems
from loadproof.model import EngineTraits, Profile, ProfileKind, Stage
from loadproof.plan.document import did_you_mean
from loadproof.plan.options import seconds_of, steady_rate
from loadproof.plan.profiles import (
    DEFAULT_STAGES,
    ParsedStage,
    parse_run_time,
    parse_stages,
    profile_from,
    profile_from_flags,
)
from loadproof.plan.schema import TestConfig

if TYPE_CHECKING:
    from loadproof.plan.chosen import Chosen
    from loadproof.plan.config import LoadedConfig
    from loadproof.plan.request import PlanRequest


@dataclass(frozen=True, slots=True)
class Load:
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


def load_of(request: PlanRequest, chosen: Chosen | None, config: LoadedConfig | None) -> Load:
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
    problems = Problems()
    kind = request.profile or (None if request.stages or request.rate else test.profile)
    known = [str(kind) for kind in DEFAULT_STAGES]
    if kind is not None and kind not in known:
        near = did_you_mean(kind, known)
        hint = f"{near}{' A' if near.endswith('?') else '; a'} name for the run is --name"
        problems.append(Problem(f"unknown profile '{kind}'", "--profile", hint))
    stages = tuple(stage.parsed() for stage in test.stages)
    with problems.collected():
        stages = parse_stages(request.stages) or stages
    run_time_s = test.run_time
    if request.run_time is not None:
        with problems.collected():
            run_time_s = seconds_of(request.run_time, "--run-time", parse_run_time)
    problems.raise_all()
    return Load(
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


def profile_of(load: Load, traits: EngineTraits) -> tuple[Profile, tuple[str, ...]]:
    """The profile, and the flags by which Locust drives itself."""
    if load.rate is not None:
        others = {
            "--profile": load.profile, "--stage": load.stages, "--users": load.users,
            "--spawn-rate": load.spawn_rate,
        }  # fmt: skip
        return steady_rate(load.rate, load.run_time_s, others, load.where), ()
    if load.profile is not None or load.stages:
        problems = Problems()
        for given, name in ((load.spawn_rate, "spawn rate"), (load.run_time_s, "run time")):
            if given is not None:
                hint = f"leave out the {name}; --stage gives a load of its own, --time-scale a shorter one"
                problems.append(Problem(f"a profile or stages have their own {name}", load.where, hint))
        kind = ProfileKind(load.profile) if load.profile else None
        profile = Profile(ProfileKind.SCENARIO)
        with problems.collected():
            profile = profile_from(kind, load.users, load.stages, load.where)
        problems.raise_all()
        return profile, ()
    if load.users is None and load.spawn_rate is None and load.run_time_s is None:
        return Profile(ProfileKind.SCENARIO), ()
    if traits.load_flags:
        flags = _flags(load)
        return profile_from_flags(load.users, load.spawn_rate, load.run_time_s), flags
    if traits.own_flags and load.spawn_rate is None and None in (load.users, load.run_time_s):
        # The script says the other one, or the engine's default does, as on its own command line.
        users, duration = traits.own_flags
        one = f"{duration}={load.run_time_s:.10g}s" if load.users is None else f"{users}={load.users}"
        return Profile(ProfileKind.SCENARIO), (one,)
    return _steady(load), ()


def _rate(given: str | float) -> str:
    return given if isinstance(given, str) else f"{given:.10g}/s"


def _flags(load: Load) -> tuple[str, ...]:
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


def _steady(load: Load) -> Profile:
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
