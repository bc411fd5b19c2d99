"""`loadproof check`: everything that `run` checks, without any load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from loadproof.cli.scenario import with_request
from loadproof.cli.streams import say
from loadproof.errors import ExitCode, LoadproofError, Problem
from loadproof.model import Plan
from loadproof.pipeline.planning import plan_and_engine, shown, with_scenario
from loadproof.plan import PlanRequest, read_config
from loadproof.plan.build import capacity_config
from loadproof.plan.capacity import CapacityRequest, capacity_goal
from loadproof.plan.options import ANY_INTERFACE
from loadproof.safety.redact import redact_text, redact_url
from loadproof.units import format_duration

_TEXT_AT = 14
"""Column at which a topic's text begins."""


@with_request(PlanRequest)
def command(
    request: PlanRequest,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 2 when something makes the load unrealistic.")
    ] = False,
) -> int:
    """Check a scenario, its requirements and loadproof.yaml; sends nothing."""
    code = shown(request)
    if code is not None:
        return code
    config = read_config(request) if request.scenario is None else None
    tests = list(config.config.tests) if config is not None else []
    if len(tests) < 2:
        return _check(request, strict=strict)
    codes: list[int] = []
    problems: list[Problem] = []
    errors: list[LoadproofError] = []
    for name in tests:
        typer.echo(f"test          {name}")
        try:
            codes.append(_check(replace(request, scenario=name), strict=strict))
        except LoadproofError as error:
            errors.append(error)
            problems += (known for known in error.problems if known not in problems)
            typer.echo("not ok")
        typer.echo()
    if errors:
        # The gravest error decides the exit code: a refused target stays refused beside a wrong key.
        gravest = max(errors, key=lambda error: error.exit_code)
        raise type(gravest)(*problems)
    return max(codes)


def _check(request: PlanRequest, *, strict: bool) -> int:
    plan, _ = plan_and_engine(request)
    _check_search(request, plan)
    if plan.options.scenario_found:
        say(f"note          {plan.options.scenario_found}", _TEXT_AT)
    advice = plan.options.advice
    for line in describe(plan):
        say(line, 4 if line.startswith(" ") else _TEXT_AT)
    for line in advice_lines(advice):
        say(line, len(line) - len(line.lstrip()) or _TEXT_AT)
    if advice and strict:
        return int(ExitCode.USAGE)
    typer.echo("ok")
    return int(ExitCode.PASS)


def _check_search(request: PlanRequest, plan: Plan) -> None:
    """Raises ConfigError for what the test's `capacity` says and `loadproof capacity` would refuse."""
    config = read_config(request)
    written, where = capacity_config(with_scenario(request, config)[0], config)
    if written.model_fields_set:
        from loadproof.analysis.search.capacity import least_rate  # few tests have one

        typed = CapacityRequest().over(written, where)
        capacity_goal(typed, lambda trial_s: least_rate(plan.requirements, trial_s))


def advice_lines(advice: Sequence[Problem]) -> list[str]:
    """What makes the load unrealistic, each with its place and the way out."""
    lines = ["advice        what makes this load unlike that of real users:"] if advice else []
    for found in advice:
        lines += [f"  {redact_text(f'{found.where}: {found.message}')}", f"    {redact_text(found.hint)}"]
    return lines


def mention(plan: Plan) -> None:
    """Which scenario was taken where none was named, and that there is advice: on stderr, a line each."""
    lines = [plan.options.scenario_found] if plan.options.scenario_found else []
    number = len(plan.options.advice)
    if number:
        things = "1 thing makes" if number == 1 else f"{number} things make"
        lines.append(f"{things} this load unlike that of real users: see `loadproof check`")
    for line in lines:
        say(f"loadproof: {line}", err=True)


def describe(plan: Plan) -> list[str]:
    """What the plan would do, a line each."""
    targets = [redact_url(target) for target in plan.options.targets]
    gates = [gate for one in parts_of(plan) for gate in one.engine_options.gates]
    files = (
        f"{plan.scenario}, {len(plan.further)} more"
        if len(plan.further) > 3
        else ", ".join(map(str, plan.files))
    )
    engines = ", ".join(dict.fromkeys(one.engine for one in parts_of(plan)))
    lines = [
        f"scenario      {files} ({engines})",
        f"target        {', '.join(targets) or 'known only to the scenario'}",
        *_service(plan, targets),
        *_loads(plan),
        *(redact_text(line) for one in parts_of(plan) for line in one.engine_options.described),
        f"requirements  {len(plan.requirements) + len(gates) or 'none: the run would end DONE'}",
    ]
    rows = [(requirement.id, requirement.text, requirement.source) for requirement in plan.requirements]
    rows += [(*gate, one.scenario.name) for one in parts_of(plan) for gate in one.engine_options.gates]
    widths = [max([least, *(len(row[place]) for row in rows)]) for place, least in enumerate((28, 16))]
    lines += [f"  {name:<{widths[0]}} {limit:<{widths[1]}} {source}" for name, limit, source in rows]
    return [*lines, *(line for one in parts_of(plan) for line in _generators(one))]


def parts_of(plan: Plan) -> list[Plan]:
    """The plan, or those of several scenarios that it plays at once."""
    return [one.plan for one in plan.several] or [plan]


def _loads(plan: Plan) -> list[str]:
    """The load, of several scenarios each, with its beginning."""
    if not plan.several:
        return [f"load          {_load(plan)}"]
    lines = [f"load          {len(plan.several)} scenarios at once"]
    for one in plan.several:
        start = f"from {format_duration(one.played_start_s)} on, " if one.start_s else ""
        lines.append(f"  {one.name:<28} {start}{_load(one.plan)} ({one.plan.engine})")
    return lines


def _service(plan: Plan, targets: list[str]) -> list[str]:
    """What a target on this machine is made of, as far as it shows without a request."""
    if plan.monitors.get("discover", True) is False or not (plan.target or targets):
        return []
    from loadproof.monitors.discovery import discover_tree

    tree = discover_tree(plan.target or targets[0])
    return [f"service       {tree} so far: what stands behind shows with the load"] if tree else []


def _generators(plan: Plan) -> list[str]:
    """Which processes drive the load, if the engine says so."""
    if plan.options.expect_workers is not None:
        host, port = plan.options.bind
        where = f"any interface, port {port}" if host == ANY_INTERFACE else f"{host}:{port}"
        kind = "from other machines, with the token" if plan.options.token else "of this machine"
        return [f"workers       {plan.options.expect_workers} {kind}, at {where}"]
    return [plan.engine_options.driven_by] if plan.engine_options.driven_by else []


def _load(plan: Plan) -> str:
    profile = plan.played_profile
    if not profile.stages:
        return "the scenario's own"
    unit = "/s" if profile.open_model else " users"
    stages = ", ".join(f"{format_duration(s.duration_s)} to {s.target:g}{unit}" for s in profile.stages)
    scale = f", in {plan.time_scale:g} of its time" if plan.rehearsal else ""
    return f"{profile.kind}, {format_duration(profile.duration_s)}{scale}: {stages}"
