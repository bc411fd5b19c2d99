"""A whole run: what is asked for, to the report."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from loadproof.errors import ConfigError, Problem
from loadproof.live.live import Show
from loadproof.model import Finding, Outcome, Plan, Report
from loadproof.pipeline.comparing import against_baseline, comparison_settings, refuse_without_baseline
from loadproof.pipeline.planning import check_targets, plan_with
from loadproof.plan import RunRequest, read_config
from loadproof.plan.request import verdict_is_required

if TYPE_CHECKING:
    from loadproof.plan.config import LoadedConfig
    from loadproof.runfile.reader import Run

P = ParamSpec("P")


def run(request: RunRequest, show: Show | None = None, *, draw: bool = False) -> Report:
    """Plan, drive, judge; `show` follows it, and with `draw` the report has charts.

    Raises what `run_test` does; an interrupted run has its report, with that outcome.
    """
    show = show or Show()
    request = _with_run_time(request)
    config = read_config(request)
    with show.waiting("looking at the scenario"):
        plan, engine = plan_with(request, config, ahead=True)
    # Imported by now, while the engine looked at the scenario.
    from loadproof.pipeline.driving import drive
    from loadproof.pipeline.live_page import live_page, page_address
    from loadproof.pipeline.notifying import notify, receivers
    from loadproof.pipeline.outputs import check_places, places, report_text, with_own_files
    from loadproof.run.calibration import rate_warning

    show.planned(plan)
    page_address(request)
    further = _further(request, config)
    told = receivers(config, show.warning)
    warning = rate_warning(plan, engine)
    if warning:
        show.warning(warning)
    check_places(places(request))
    check_targets(plan)
    plan = with_own_files(plan, request)
    with live_page(plan, request, show) as following:
        report = drive(
            plan,
            engine,
            None if request.run_file is None else Path(request.run_file),
            make_view=lambda: show.view(plan),
            live=following.outputs(request.metrics_port, request.otlp),
            further=further,
            observers=following.observers,
            draw=draw or request.html is not None or following.is_wanted,
            waiting=show.waiting,
            must_decide=verdict_is_required(request.require_verdict),
        )
        html = report_text(report) if following.is_wanted or request.html is not None else ""
        if following.is_wanted:
            show.page(html)
        following.become(html)
    _write_files(request, plan, report, html, show)
    notify(report, told, show.warning)
    return report


def _further(request: RunRequest, config: LoadedConfig | None) -> Callable[[Run], list[Finding]] | None:
    """What judges the run beside its limits; a baseline that is not there is told before the load."""
    if request.baseline is None:
        refuse_without_baseline(request)
        return None
    settings = comparison_settings(request, config)
    return against_baseline(str(request.baseline), settings, request.baseline_must_settle)


def _write_files(request: RunRequest, plan: Plan, report: Report, html: str, show: Show) -> None:
    """Those that were asked for beside the run file; `show` hears of each that cannot be written."""
    from loadproof.pipeline.outputs import keep_report, write_own_files

    try:
        write_own_files(plan, request, Path(report.run_file))
    except ConfigError as error:
        show.unwritten(error)
    try:
        if request.html is not None:
            keep_report(html, request.html)
    except ConfigError as error:
        show.unwritten(error)


def _with_run_time(request: RunRequest) -> RunRequest:
    """Raises ConfigError when it is given under both of its names."""
    if request.duration is None:
        return request
    if request.run_time is not None:
        raise ConfigError(Problem("duration and run_time are the same", "duration", "give one of them"))
    return replace(request, run_time=request.duration, duration=None)


def _takes(
    request: Callable[P, RunRequest],
) -> Callable[[Callable[[RunRequest], Report]], Callable[P, Report]]:
    """A function of a request that takes the request's fields instead: each is written once, and typed."""

    def decorate(function: Callable[[RunRequest], Report]) -> Callable[P, Report]:
        @functools.wraps(function)
        def call(*fields: P.args, **named: P.kwargs) -> Report:
            return function(request(*fields, **named))

        signature = inspect.signature(request).replace(return_annotation="Report")
        call.__signature__ = signature  # type: ignore[attr-defined]
        return call

    return decorate


@_takes(RunRequest)
def run_test(request: RunRequest) -> Report:
    """Drive a scenario against a service and judge it: what `loadproof run` does, from Python.

    Takes the scenario (a locustfile, a k6 script, or the name of a test in loadproof.yaml) and, by name, what
    the options of `loadproof run` say: `target`, `users`, `spawn_rate`, `run_time` ("30s", or seconds; also
    called `duration`), `rate` ("200/s", or a number per second), `stages` (["2m:50"]), `profile`,
    `requirements` (a file, several, or what one holds as a mapping), `env` (a mapping), `baseline`,
    `run_file`, `html` and so on: see docs/python.md. What is not given comes from loadproof.yaml.

    Prints nothing. The report's `passed`, `verdict`, `sentence` and `findings` are the answer; its `run_file`
    is the evidence, from which `judge_file` makes it again.

    Raises:
        ConfigError: with everything that is wrong with what is asked for, before any load.
        RefusedError: the target guard says no.
        TargetError: nothing answers at the target.
        EngineError: the engine could not start or died.
        RunFileError: the run file cannot be written.
        KeyboardInterrupt: somebody pressed Ctrl-C; the load was ended, and the run file judged.
    """
    return uninterrupted(run(request))


def uninterrupted(report: Report) -> Report:
    """The report; raises KeyboardInterrupt, as Python has it, when somebody ended its load by Ctrl-C."""
    if report.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt(f"the run was interrupted: {report.run_file}")
    return report
