"""`loadproof capacity`: the greatest load that meets the requirements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from loadproof.cli import options as o
from loadproof.cli.output import Outputs, with_outputs
from loadproof.cli.planning import check_targets, plan_and_engine
from loadproof.cli.run import drive, finish
from loadproof.cli.scenario import with_plan_request
from loadproof.errors import ConfigError, Problem
from loadproof.live.live import QuietView, View
from loadproof.live.trial_view import TrialBoard, trial_view
from loadproof.model import Plan, Profile, ProfileKind
from loadproof.plan import PlanRequest
from loadproof.plan.build import capacity_config
from loadproof.plan.capacity import OPTION, CapacityRequest, capacity_goal, refuse_other_loads
from loadproof.run.trial_course import RunSoFar, TrialCourse
from loadproof.units import format_duration

if TYPE_CHECKING:
    from loadproof.analysis.search.capacity import Course, SearchDecision
    from loadproof.engines import Engine
    from loadproof.engines.trials import TrialOrder


@with_plan_request
@with_outputs
def command(
    request: PlanRequest,
    min_rate: Annotated[
        str | None,
        typer.Option("--min-rate", help="The least load to try; by default enough for the percentiles."),
    ] = None,
    max_rate: Annotated[
        str | None, typer.Option("--max-rate", help="The greatest load to try; by default 10000/s.")
    ] = None,
    trial: Annotated[
        str | None, typer.Option("--trial", help="How long each trial lasts; by default 10s.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", help="Width of the answer, as a share of it; by default 2%.")
    ] = None,
    at_least: Annotated[
        str | None,
        typer.Option("--at-least", help="Fail when the capacity is less: 500/s, or a number of users."),
    ] = None,
    duration_limit: Annotated[
        str | None, typer.Option("--duration-limit", help="Give up after this long; by default 20m.")
    ] = None,
    cool_down_limit: Annotated[
        str | None,
        typer.Option(
            "--cool-down-limit", help="How long the service may take to recover from a trial; by default 1m."
        ),
    ] = None,
    run_file: o.RunFile = None,
    quiet: o.Quiet = False,
    *,
    outputs: Outputs,
) -> int:
    """Search the greatest load that meets the requirements."""
    refuse_other_loads(request)
    typed = CapacityRequest(
        min_rate=min_rate, max_rate=max_rate, users=request.users, trial=trial, precision=precision,
        at_least=at_least, duration_limit=duration_limit, cool_down_limit=cool_down_limit,
    )  # fmt: skip
    plan, driver = capacity_plan(request, typed)
    check_targets(plan)
    board = TrialBoard()
    so_far = RunSoFar(plan)
    course = TrialCourse(driver, _decision(board), so_far)
    report = drive(
        plan,
        course,
        run_file,
        lambda: _choose_view(board, quiet=quiet),
        observers=(so_far,),
        draw=outputs.draws,
    )
    return finish(report, outputs)


def capacity_plan(request: PlanRequest, typed: CapacityRequest) -> tuple[Plan, Engine]:
    """The plan of a search and its engine; what is not `typed` comes from the test in loadproof.yaml.

    Sends nothing. Raises ConfigError with every problem.
    """
    from loadproof.analysis.search.capacity import least_rate, samples_for
    from loadproof.analysis.search.trials import is_by_trial

    written, where = capacity_config(request)
    typed = typed.over(written, where)
    goal = capacity_goal(typed, lambda trial_s: least_rate((), trial_s))
    # What the engine is asked about beforehand: a trial at the greatest load that was named.
    named = goal.greatest if goal.whole or typed.max_rate else goal.least
    stage = f"{goal.trial_s:g}s:{named:.0f}" if goal.whole else f"{goal.trial_s:g}s:{named:.10g}/s"
    plan, engine = plan_and_engine(
        replace(
            request,
            users=None,
            stages=(stage,),
            max_users=request.max_users or written.max_users,
            arrivals=request.arrivals or written.arrivals,
        )
    )
    requirements = plan.requirements
    if not any(is_by_trial(requirement) for requirement in requirements) and plan.engine != "k6":
        hint = "require a response time or an error rate: --requirements FILE"
        raise ConfigError(Problem("nothing is required that too much load could break", "capacity", hint))
    goal = capacity_goal(typed, lambda trial_s: least_rate(requirements, trial_s))
    goal = replace(goal, samples=samples_for(requirements))
    profile = Profile(ProfileKind.CAPACITY, open_model=not goal.whole)
    options = {**plan.options, OPTION: goal.to_option()}
    return replace(plan, profile=profile, time_scale=1.0, options=options), engine


def _decision(board: TrialBoard) -> SearchDecision:
    from loadproof.analysis.search.capacity import SearchDecision, describe, format_load, so_far
    from loadproof.analysis.search.load_search import TrialRole

    def tell(course: Course, order: TrialOrder | None) -> None:
        board.finished = [(describe(course.goal, result), str(result.outcome)) for result in course.results]
        board.known = so_far(course)
        if order is None:
            board.now = "the search has ended"
            return
        what = {TrialRole.CONFIRMATION: "confirming", TrialRole.COOL_DOWN: "waiting for the service at"}
        word = what.get(TrialRole(order.role), "trying")
        board.now = f"{word} {format_load(course.goal, order.load)} for {format_duration(order.duration_s)}"

    return SearchDecision(tell)


def _choose_view(board: TrialBoard, *, quiet: bool) -> View:
    console = Console(highlight=False)
    if quiet:
        return QuietView()
    return trial_view(console, board)
