"""Several scenarios at once: each has its share of the test's load, a load of its own, or its scenario's."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from loadproof.errors import ConfigError, Problem, Problems
from loadproof.model import (
    EngineTraits,
    OneOfSeveral,
    Plan,
    Profile,
    ProfileKind,
    RunOptions,
    Stage,
    is_beside,
)
from loadproof.plan.chosen import engine_of, safe_name, scenario_files, target_of
from loadproof.plan.load import Load, profile_of
from loadproof.plan.options import check_arrivals, check_session, parse_env
from loadproof.units import format_percent, parse_duration, parse_percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from loadproof.plan.chosen import Chosen
    from loadproof.plan.config import LoadedConfig
    from loadproof.plan.request import PlanRequest
    from loadproof.plan.schema import PartConfig, ScenarioConfig

_TOLERANCE: Final = 1e-9


def several_of(
    request: PlanRequest,
    config: LoadedConfig,
    chosen: Chosen,
    engines: Mapping[str, EngineTraits],
    load: Load,
    options: RunOptions,
) -> tuple[OneOfSeveral, ...]:
    """The scenarios of a test that has several. `load` is the test's as a whole, `options` are for all.

    Raises ConfigError with everything that is wrong with them.
    """
    written = chosen.test.scenarios
    whole = _whole(load)
    problems = Problems(_wrong_shares(written, load, whole))
    for flag, given in _NOT_FOR_SEVERAL.items():
        if getattr(request, given):
            hint = "write it beside the scenario that it is for, under the test's scenarios in loadproof.yaml"
            problems.append(Problem(f"{flag} cannot tell which of several scenarios it is for", "", hint))
    if options.stop_on is not None:
        hint = "leave it out: each scenario is judged in its own time, which is known at the end"
        problems.append(Problem("several scenarios are not ended early", "stop_on", hint))
    found: list[OneOfSeveral] = []
    taken = 0.0
    for number, part in enumerate(written):
        where = config.where("tests", chosen.name, "scenarios", number)
        share = parse_percent(part.share) if part.share else 0.0
        with problems.collected():
            own = _profile(part, load, whole, (taken, taken + share), where)
            found.append(_one(request, config, chosen, engines, replace(options), part, own, load, where))
        taken += share
    names = [one.name for one in found]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        where = config.where("tests", chosen.name, "scenarios", names.index(name))
        problems.append(Problem(f"two scenarios are called '{name}'", where, "give one of them a `name:`"))
    if found and min(one.start_s for one in found) > 0:
        where = config.where("tests", chosen.name, "scenarios")
        problems.append(Problem("no scenario begins at the start", where, "leave out one `start:`"))
    problems.raise_all()
    return tuple(found)


_NOT_FOR_SEVERAL: Final = {
    "--engine": "engine", "--session": "session", "--expect-workers": "expect_workers",
    "an argument of an engine": "engine_args",
}  # fmt: skip


def _whole(load: Load) -> Profile | None:
    """The load that shares are of; None where the test has none."""
    if not (load.profile or load.stages or load.users or load.rate):
        return None
    profile, _ = profile_of(load, EngineTraits())
    return profile


def _wrong_shares(written: Sequence[PartConfig], load: Load, whole: Profile | None) -> Iterator[Problem]:
    shares = [parse_percent(part.share) for part in written if part.share]
    hint = "write users and run_time, a rate, stages or a profile beside `scenarios:`"
    if shares and whole is None:
        yield Problem("a share of what? The test has no load", load.where, hint)
    if whole is not None and not shares:
        hint = "give the scenarios a `share:` of it, or leave it out"
        yield Problem("no scenario plays the test's load", load.where, hint)
    total = sum(shares)
    if total > 1 + _TOLERANCE or (len(shares) == len(written) and total < 1 - _TOLERANCE):
        yield Problem(f"the shares add up to {format_percent(total)}, not to 100%", load.where)


def _profile(
    part: PartConfig, load: Load, whole: Profile | None, share: tuple[float, float], where: str
) -> Profile:
    """What one of them plays: of the whole what lies between two shares, or what it says itself."""
    start_s = parse_duration(part.start) if part.start else 0.0
    if part.share:
        if whole is None:
            return Profile(ProfileKind.SCENARIO)  # which is told already
        return _cut(_part_of(whole, *share, where), start_s, where)
    if not (part.users or part.rate or part.stages):
        if part.run_time is not None or part.spawn_rate is not None:
            hint = "write users or a rate as well, or leave it out: the scenario then plays its own load"
            raise ConfigError(Problem("this is no load", where, hint))
        return Profile(ProfileKind.SCENARIO)
    run_time_s = part.run_time
    if run_time_s is None and load.run_time_s is not None and not part.stages:
        run_time_s = load.run_time_s - start_s
        if run_time_s <= 0:
            raise ConfigError(_too_late(where))
    own = Load(
        profile=None,
        stages=tuple(stage.parsed() for stage in part.stages),
        users=part.users,
        spawn_rate=part.spawn_rate,
        run_time_s=run_time_s,
        rate=part.rate,
        max_users=part.max_users,
        arrivals=part.arrivals,
        where=where,
    )
    return profile_of(own, EngineTraits())[0]


def _part_of(whole: Profile, low: float, high: float, where: str) -> Profile:
    """The levels of one share. Users are whole: what is rounded away here is there for the next."""

    def level(target: float) -> float:
        if whole.open_model:
            return target * (high - low)
        return math.floor(target * high + 0.5) - math.floor(target * low + 0.5)

    stages = tuple(Stage(stage.duration_s, level(stage.target)) for stage in whole.stages)
    if not any(stage.target > 0 for stage in stages):
        raise ConfigError(Problem("this share is not one user", where, "plan more users, or a greater share"))
    return replace(whole, stages=stages, start=level(whole.start))


def _cut(profile: Profile, by_s: float, where: str) -> Profile:
    """The same load begun later: it ends with the others, so that its last hold is as much shorter."""
    if not by_s:
        return profile
    last = profile.stages[-1]
    before = profile.stages[-2].target if len(profile.stages) > 1 else profile.start
    if last.target != before:
        hint = "give it stages of its own instead of a share"
        raise ConfigError(Problem("a share of a load that ends in a ramp cannot begin later", where, hint))
    if by_s >= last.duration_s:
        raise ConfigError(_too_late(where))
    return replace(profile, stages=(*profile.stages[:-1], replace(last, duration_s=last.duration_s - by_s)))


def _too_late(where: str) -> Problem:
    return Problem("it would begin when the load is over", where, "start it earlier, or run for longer")


def _one(
    request: PlanRequest,
    config: LoadedConfig,
    chosen: Chosen,
    engines: Mapping[str, EngineTraits],
    options: RunOptions,
    part: PartConfig,
    profile: Profile,
    load: Load,
    where: str,
) -> OneOfSeveral:
    named = config.config.scenarios.get(part.file)
    scenario = part if named is None else _with(named, part)
    files = scenario_files(config.path.parent, scenario.file, where, list(config.config.scenarios))
    engine = engine_of(scenario.engine, files[0], engines)
    traits = engines.get(engine, EngineTraits())
    if len(files) > 1 and not traits.several:
        hint = "give one of them; each of several can be one of the scenarios"
        raise ConfigError(Problem(f"{engine} plays one file, and here are several", where, hint))
    target, host = target_of(request, part.target or chosen.test.target, config, traits)
    most = part.max_users
    if most is None and part.share and load.max_users is not None:
        most = max(1, math.floor(load.max_users * parse_percent(part.share)))
    arrivals = part.arrivals or (load.arrivals if part.share else None)
    check_arrivals(profile, engine, traits, most, arrivals, where)
    check_session(scenario.session, engine, traits)
    env = {**scenario.env, **chosen.test.env, **part.env, **parse_env(request.env)}
    return OneOfSeveral(
        _name_of(part, files[0].stem if named is None else part.file, where),
        parse_duration(part.start) if part.start else 0.0,
        Plan(
            name=part.name or files[0].stem,
            scenario=files[0],
            further=tuple(files[1:]),
            engine=engine,
            target=target,
            profile=profile,
            engine_args=(*scenario.args, *chosen.test.args, *host),
            env=tuple(env.items()),
            time_scale=request.time_scale if request.time_scale is not None else chosen.test.time_scale,
            options=replace(
                options, session=scenario.session, max_users=most, arrivals=arrivals or options.arrivals
            ),
        ),
    )


def _name_of(part: PartConfig, called: str, where: str) -> str:
    """Its own, or its file's. `script: GET /` would read as what a script took, which is beside requests."""
    name = part.name or safe_name(called)
    if not is_beside(f"{name}: GET /"):
        return name
    if part.name:
        hint = "call it otherwise"
        raise ConfigError(
            Problem(f"a scenario called '{name}' could not be told from what a {name} takes", where, hint)
        )
    return f"{name}-{safe_name(part.file).rpartition('.')[2]}"


def _with(named: ScenarioConfig, part: PartConfig) -> ScenarioConfig:
    """A scenario that has a name below `scenarios`, with what this test says over it."""
    return named.model_copy(
        update={
            "engine": part.engine or named.engine,
            "session": part.session or named.session,
            "args": [*named.args, *part.args],
            "env": {**named.env, **part.env},
        }
    )


def files_of(several: Sequence[OneOfSeveral]) -> list[Path]:
    """Every file once."""
    return list(dict.fromkeys(file for one in several for file in one.plan.files))


def together(several: Sequence[OneOfSeveral]) -> Profile:
    """The load of all over time, where it is one number: users of all, or arrivals of all.

    Of users beside arrivals, and of a load that only the scenario knows, there is none.
    """
    profiles = [one.plan.profile for one in several]
    kinds = {profile.kind for profile in profiles}
    if any(not profile.stages for profile in profiles) or len({p.open_model for p in profiles}) > 1:
        return Profile(ProfileKind.SCENARIO)
    times = sorted({at for one in several for at in _corners(one)})
    stages = []
    level = sum(_level(one, times[0], before=False) for one in several)
    start = level
    for begin_s, end_s in pairwise(times):
        after = sum(_level(one, begin_s, before=False) for one in several)
        if after != level:
            stages.append(Stage(0.0, after))
        level = sum(_level(one, end_s, before=True) for one in several)
        stages.append(Stage(end_s - begin_s, level))
    kind = kinds.pop() if len(kinds) == 1 else ProfileKind.LOAD
    return Profile(kind, tuple(stages), profiles[0].open_model, start)


def _corners(one: OneOfSeveral) -> Iterator[float]:
    at = one.start_s
    yield at
    for stage in one.plan.profile.stages:
        at += stage.duration_s
        yield at


def _level(one: OneOfSeveral, at_s: float, *, before: bool) -> float:
    """Its level just before or just after a moment; 0 where it does not run."""
    end_s, level = one.start_s, one.plan.profile.start
    if at_s < end_s or (before and at_s == end_s):
        return 0.0
    for stage in one.plan.profile.stages:
        begin_s, end_s = end_s, end_s + stage.duration_s
        if at_s < end_s or (before and at_s == end_s):
            return level + (stage.target - level) * (at_s - begin_s) / stage.duration_s
        level = stage.target
    return 0.0
