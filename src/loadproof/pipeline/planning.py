"""From what was asked for to a plan that can run."""

from __future__ import annotations

import threading
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from loadproof.engines import TRAITS, Engine, load_engine
from loadproof.errors import ConfigError, Problem, RefusedError
from loadproof.model import Plan, ProfileKind
from loadproof.plan import build_plan, read_config
from loadproof.plan.build import guard_rules
from loadproof.safety.guard import PROXY_VARIABLES, Gate, admit
from loadproof.safety.redact import Redactor, secrets_of
from loadproof.safety.target import Refuses, normalise_target, preflight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadproof.plan import PlanRequest
    from loadproof.plan.config import LoadedConfig

T = TypeVar("T")
_PREFLIGHT_TIMEOUT_S = 5.0
_NEEDED_LATER = (
    "loadproof.pipeline.driving",
    "loadproof.pipeline.outputs",
    "loadproof.analysis.judge",
    "loadproof.reports.terminal",
)
"""Slow to import: numpy, scipy, psutil, SQLite."""


def plan_and_engine(request: PlanRequest) -> tuple[Plan, Engine]:
    """The whole plan, checked by its engine, and the engine. Sends nothing.

    Raises:
        ConfigError: with every problem that the request, the files or the scenario have.
        RefusedError: a target is production, or neither local nor listed.
    """
    return plan_with(request, read_config(request))


def plan_with(
    request: PlanRequest, config: LoadedConfig | None, *, ahead: bool = False
) -> tuple[Plan, Engine]:
    """The same with a loadproof.yaml that was read before.

    `ahead`: a load follows; what it and its judgement import is imported while the engine's process looks at
    the scenario, and the load begins that much sooner.
    """
    plan = build_plan(request, TRAITS, config)
    engine = load_engine(plan.engine)
    inspection = _meanwhile(lambda: engine.inspect(plan), _NEEDED_LATER if ahead else ())
    if inspection.problems:
        hide = Redactor(secrets_of(dict(plan.env), (plan.target, *plan.engine_args))).text
        raise ConfigError(*(Problem(hide(p.message), p.where, hide(p.hint)) for p in inspection.problems))
    if plan.profile.kind is ProfileKind.SCENARIO and inspection.profile is not None:
        plan = replace(plan, profile=inspection.profile)
    for target in inspection.targets:
        normalise_target(target, found=True)
    _refuse_proxies(plan)
    doubts: list[Problem] = []
    policy = admit(guard_rules(request, config), inspection.targets, plan.played_profile, doubts)
    if policy.allowed_production and plan.options.expect_workers is not None:
        message = (
            "refused: production is loaded from one machine only, where one brake holds the load at its cap"
        )
        raise RefusedError(Problem(message, "--allow-production", "leave out --expect-workers"))
    options = replace(
        plan.options, targets=inspection.targets, guard=policy, advice=(*inspection.advice, *doubts),
        # Known from the scenario: shown, kept in the run file, and asked whether it is there.
        scenario_target=inspection.targets[0] if not plan.target and len(inspection.targets) == 1 else None,
    )  # fmt: skip
    return replace(plan, options=options, engine_options=inspection.options), engine


def _refuse_proxies(plan: Plan) -> None:
    """Raises RefusedError for a proxy that the scenario is given."""
    named = [name for name, _ in plan.env if name.lower() in PROXY_VARIABLES]
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
    for target in plan.options.targets:
        preflight(target, _PREFLIGHT_TIMEOUT_S, refuses=refuses_of(plan))


def refuses_of(plan: Plan) -> Refuses:
    """What the target guard says of an address and its name, for what Loadproof itself asks."""
    if plan.options.guard is None:
        return lambda _address, _host: ""
    gate = Gate(plan.options.guard)
    return lambda address, host: gate.refuses_name(host) or gate.refuses_address(address, host)
