"""From what was asked for to a plan that can run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TypeVar

from loadproof.engines import Engine
from loadproof.engines.table import ENGINES, default_scenario, load_engine, show, traits_of
from loadproof.errors import ConfigError, Problem, RefusedError
from loadproof.model import Plan, ProfileKind
from loadproof.plan import PlanRequest, build_plan, read_config
from loadproof.plan.build import guard_rules
from loadproof.plan.config import LoadedConfig
from loadproof.plan.several import together
from loadproof.plan.watching import secrets_of_plan
from loadproof.safety.guard import TargetGuard, admit, look_up, policy_of
from loadproof.safety.known import Redactor
from loadproof.safety.target import Refuses, normalise_target, preflight
from loadproof.safety.variables import PROXY_VARIABLES

T = TypeVar("T")
R = TypeVar("R", bound=PlanRequest)
_PREFLIGHT_TIMEOUT_S = 5.0
_NEEDED_LATER = (
    "loadproof.pipeline.driving",
    "loadproof.pipeline.outputs",
    "loadproof.live.outputs",
    "loadproof.run.calibration",
)
"""Slow to import: httpx, psutil, SQLite."""


def shown(request: PlanRequest) -> int | None:
    """The exit code of what an engine's own flag prints instead of a load (Locust's --list); None without.

    Raises ConfigError, as for a run.
    """
    flags = {word.partition("=")[0] for word in request.engine_args}
    if not any(flags & traits.shows for traits in ENGINES.values()):
        return None
    config = read_config(request)
    request, _ = with_scenario(request, config)
    plan = build_plan(request, ENGINES, config)
    return show(plan) if flags & traits_of(plan.engine).shows else None


def with_scenario(request: R, config: LoadedConfig | None) -> tuple[R, str]:
    """The request with the scenario that is meant where none is named, and a sentence that says so.

    As Locust has it: a locustfile that its variable or configuration names, or ./locustfile.py. A word that
    can only be a user class is one. Tests of loadproof.yaml come first. Raises ConfigError.
    """
    wanted = "" if request.scenario is None else str(request.scenario)
    if config is not None and config.config.tests:
        return request, ""
    if wanted and (not wanted.isidentifier() or (request.folder / wanted).exists()):
        return request, ""
    if config is not None and wanted in config.config.scenarios:
        return request, ""
    found = default_scenario(request.folder, request.engine_args)
    if found is None:
        return request, ""
    file, why = found
    words = (wanted, *request.engine_args) if wanted else tuple(request.engine_args)
    return replace(request, scenario=file, engine_args=words), f"no scenario was named: {file} ({why})"


def plan_and_engine(request: PlanRequest) -> tuple[Plan, Engine]:
    """The whole plan, checked by its engine, and the engine. Sends nothing.

    Raises:
        ConfigError: with every problem that the request, the files or the scenario have.
        RefusedError: a target is production, or neither local nor listed.
    """
    return plan_with(request, read_config(request), loads=False)


def plan_with(
    request: PlanRequest, config: LoadedConfig | None, *, ahead: bool = False, loads: bool = True
) -> tuple[Plan, Engine]:
    """The same with a loadproof.yaml that was read before.

    `loads`: a load follows, which needs all that its scenario cannot do without.
    `ahead`: a load follows; what it imports is imported while the engine's process looks at the scenario, and
    the load begins that much sooner.
    """
    request, said = with_scenario(request, config)
    plan = build_plan(request, ENGINES, config)
    if said:
        plan = replace(plan, options=replace(plan.options, scenario_found=said))
    engine = load_engine(plan.engine)
    rules = guard_rules(request, config)
    known = look_up(rules)
    # Before anything of the scenario runs: what is looked at is held as its load will be.
    plan = replace(plan, options=replace(plan.options, guard=policy_of(rules, known)))
    _refuse_proxies(plan)
    inspection = _meanwhile(lambda: engine.inspect(plan), _NEEDED_LATER if ahead else ())
    problems = (*inspection.problems, *(inspection.missing if loads else ()))
    if problems:
        hide = Redactor(secrets_of_plan(plan)).text
        raise ConfigError(*(Problem(hide(p.message), p.where, hide(p.hint)) for p in problems))
    if plan.profile.kind is ProfileKind.SCENARIO and inspection.profile is not None:
        plan = replace(plan, profile=inspection.profile)
    if inspection.several:
        plan = replace(plan, several=inspection.several, profile=together(inspection.several))
    for target in inspection.targets:
        normalise_target(target, found=True)
    doubts: list[Problem] = []
    policy = admit(rules, inspection.targets, plan.played_profile, doubts, known)
    if policy.allowed_production and plan.several:
        message = "refused: production is loaded by one scenario only, where one brake holds it at its cap"
        raise RefusedError(Problem(message, "--allow-production", "play one of the scenarios alone"))
    if policy.allowed_production and plan.options.expect_workers is not None:
        message = (
            "refused: production is loaded from one machine only, where one brake holds the load at its cap"
        )
        raise RefusedError(Problem(message, "--allow-production", "leave out --expect-workers"))
    options = replace(
        plan.options, targets=inspection.targets, advice=(*inspection.advice, *doubts),
        # Known from the scenario: shown, kept in the run file, and asked whether it is there.
        scenario_target=inspection.targets[0] if not plan.target and len(inspection.targets) == 1 else None,
    )  # fmt: skip
    return replace(plan, options=options, engine_options=inspection.options), engine


def _refuse_proxies(plan: Plan) -> None:
    """Raises RefusedError for a proxy that the scenario is given."""
    variables = [*plan.env, *(pair for one in plan.several for pair in one.plan.env)]
    named = [name for name, _ in variables if name.lower() in PROXY_VARIABLES]
    if named:
        message = f"refused: a proxy ({named[0]}) would hide from the target guard where the load goes"
        hint = "leave it out: the load goes there directly, also where this shell has a proxy"
        raise RefusedError(Problem(message, hint=hint))


def _meanwhile(work: Callable[[], T], modules: Sequence[str]) -> T:
    """What `work` gives, which waits for another process; meanwhile a thread imports `modules`."""
    importing = threading.Thread(target=lambda: [import_module(name) for name in modules], daemon=True)
    importing.start()
    try:
        return work()
    finally:
        # Nobody may see a module that is imported half.
        importing.join()


def check_targets(plan: Plan) -> None:
    """Raises TargetError when a server that the load would go to does not answer at all."""
    parts = (plan, *(one.plan for one in plan.several))
    verify_tls = not any(part.engine_options.any_certificate for part in parts)
    for target in plan.options.targets:
        preflight(target, _PREFLIGHT_TIMEOUT_S, verify_tls=verify_tls, refuses=refuses_of(plan))


def refuses_of(plan: Plan) -> Refuses:
    """What the target guard says of an address and its name, for what Loadproof itself asks."""
    if plan.options.guard is None:
        return lambda _address, _host: ""
    gate = TargetGuard(plan.options.guard)
    return lambda address, host: gate.refuses_name(host) or gate.refuses_address(address, host)
