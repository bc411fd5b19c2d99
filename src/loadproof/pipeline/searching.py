"""The search for the greatest load that meets the requirements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from loadproof.engines.table import traits_of
from loadproof.errors import ConfigError, Problem
from loadproof.model import Plan, Profile, ProfileKind
from loadproof.pipeline.driving import drive
from loadproof.pipeline.live_page import live_page
from loadproof.pipeline.notifying import notify, receivers
from loadproof.pipeline.outputs import report_text
from loadproof.pipeline.planning import check_targets, plan_with, with_scenario
from loadproof.plan import read_config
from loadproof.plan.build import capacity_config
from loadproof.plan.capacity import capacity_goal, refuse_other_loads
from loadproof.plan.chosen import choose
from loadproof.run.trial_run import RunSoFar, TrialRun
from loadproof.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadproof.analysis.search.capacity import SearchState
    from loadproof.engines import Engine
    from loadproof.engines.trials import TrialOrder
    from loadproof.live.live import Show
    from loadproof.model import Report
    from loadproof.plan import PlanRequest, SearchRequest
    from loadproof.plan.capacity import CapacityRequest
    from loadproof.plan.config import LoadedConfig
    from loadproof.runfile.reader import Run


def search(
    request: SearchRequest,
    typed: CapacityRequest,
    run_file: Path | None,
    tell: Callable[[SearchState, TrialOrder | None], None],
    show: Show,
    *,
    draw: bool = False,
) -> Report:
    """Play trials until there is an answer, and judge them; raises as a run does.

    `tell` gets where the search stands, and what is played next, after each trial.
    """
    from loadproof.analysis.pictures.capacity import capacity_picture
    from loadproof.analysis.search.capacity import SearchDecision, so_far

    refuse_other_loads(request)
    config = read_config(request)
    told = receivers(config, show.warning)
    with show.waiting("looking at the scenario"):
        plan, engine = capacity_plan(request, typed, config)
    check_targets(plan)
    heard = RunSoFar(plan)
    with live_page(plan, request, show) as following:

        def decided(run: Run, state: SearchState, order: TrialOrder | None) -> None:
            tell(state, order)
            if following.is_wanted:
                following.answer(played_next(state, order), so_far(state), capacity_picture(run, state))

        report = drive(
            plan,
            TrialRun(engine, SearchDecision(decided), heard),
            run_file,
            lambda: show.view(plan),
            following.outputs(),
            observers=(heard, *following.observers),
            draw=draw or following.is_wanted,
            waiting=show.waiting,
        )
        if following.is_wanted:
            html = report_text(report)
            show.page(html)
            following.become(html)
    notify(report, told, show.warning)
    return report


def played_next(state: SearchState, order: TrialOrder | None) -> str:
    """What the search does now, for who watches."""
    from loadproof.analysis.search.capacity import format_load
    from loadproof.analysis.search.load_search import TrialRole

    if order is None:
        return "the search has ended"
    what = {TrialRole.CONFIRMATION: "confirming", TrialRole.COOL_DOWN: "waiting for the service at"}
    word = what.get(TrialRole(order.role), "trying")
    return f"{word} {format_load(state.goal, order.load)} for {format_duration(order.duration_s)}"


def capacity_plan(
    request: PlanRequest, typed: CapacityRequest, config: LoadedConfig | None
) -> tuple[Plan, Engine]:
    """The plan of a search and its engine; what is not `typed` comes from the test in loadproof.yaml.

    Sends nothing. Raises ConfigError with every problem.
    """
    from loadproof.analysis.search.capacity import least_rate, samples_for
    from loadproof.analysis.search.trials import is_by_trial

    request, _ = with_scenario(request, config)
    written, where = capacity_config(request, config)
    if (chosen := choose(request, config)).test.scenarios:
        hint = "search with one of them: loadproof capacity FILE"
        message = f"the test '{chosen.name}' plays several scenarios at once"
        raise ConfigError(Problem(message, "capacity", hint))
    typed = typed.over(written, where)
    goal = capacity_goal(typed, lambda trial_s: least_rate((), trial_s))
    # What the engine is asked about beforehand: a trial at the greatest load that was named.
    named = goal.greatest if goal.whole or typed.max_rate else goal.least
    stage = f"{goal.trial_s:g}s:{named:.0f}" if goal.whole else f"{goal.trial_s:g}s:{named:.10g}/s"
    plan, engine = plan_with(
        replace(
            request,
            users=None,
            stages=(stage,),
            max_users=request.max_users or written.max_users,
            arrivals=request.arrivals or written.arrivals,
        ),
        config,
    )
    requirements = plan.requirements
    if (
        not any(is_by_trial(requirement) for requirement in requirements)
        and not traits_of(plan.engine).thresholds
    ):
        hint = (
            "write goodput: '>= 99% within 500ms' (right and in time) in a file, and give --requirements FILE"
        )
        raise ConfigError(Problem("nothing is required that too much load could break", "capacity", hint))
    goal = capacity_goal(typed, lambda trial_s: least_rate(requirements, trial_s))
    goal = replace(goal, samples=samples_for(requirements))
    profile = Profile(ProfileKind.CAPACITY, open_model=not goal.whole)
    options = replace(plan.options, capacity=goal)
    return replace(plan, profile=profile, time_scale=1.0, options=options), engine
