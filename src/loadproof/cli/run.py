"""`loadproof run`: drive the load, watch, judge."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import psutil
import typer
from rich.console import Console

from loadproof import __version__
from loadproof.cli import options as o
from loadproof.cli.calibration import rate_warning
from loadproof.cli.check import mention_advice
from loadproof.cli.comparing import against_baseline, open_baseline
from loadproof.cli.habits import Habits
from loadproof.cli.output import Outputs, with_outputs, write_outputs
from loadproof.cli.planning import check_targets, plan_and_engine
from loadproof.cli.scenario import with_plan_request
from loadproof.clock import Clock
from loadproof.errors import ConfigError, EngineError, Problem
from loadproof.live.live import QuietView, View, run_view
from loadproof.live.outputs import LiveOutputs
from loadproof.model import Event, EventKind, Outcome, Plan, Report, Slice
from loadproof.monitors.selection import Selection, select
from loadproof.plan import PlanRequest
from loadproof.plan.stored import clean_settings, plan_to_json
from loadproof.run.conductor import Conductor
from loadproof.runfile.host import host_facts
from loadproof.runfile.provenance import git_facts, scenario_sha256
from loadproof.runfile.reader import read_run
from loadproof.runfile.writer import RunWriter
from loadproof.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadproof.analysis.verdict.early_stop import EarlyStop
    from loadproof.engines import Engine
    from loadproof.model import Finding, Requirement, Verdict
    from loadproof.run.conductor import Observer
    from loadproof.run.progress import Progress
    from loadproof.runfile.reader import Run


@with_plan_request
@with_outputs
def command(
    request: PlanRequest,
    run_file: o.RunFile = None,
    baseline: o.Baseline = None,
    must_settle: o.MustSettle = False,
    quiet: o.Quiet = False,
    slow: Annotated[
        str | None, typer.Option("--slow", help="Keep every request that takes so long, such as 1s.")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", help="Serve live figures for Prometheus on this port.")
    ] = None,
    otlp: Annotated[
        str | None, typer.Option("--otlp", help="Send live figures to this OpenTelemetry (OTLP/HTTP) URL.")
    ] = None,
    csv: Annotated[
        str | None, typer.Option("--csv", help="Write PREFIX_stats.csv and the others that Locust writes.")
    ] = None,
    summary_export: Annotated[
        Path | None, typer.Option("--summary-export", help="Write k6's end-of-test summary there as JSON.")
    ] = None,
    *,
    outputs: Outputs,
) -> int:
    """Drive a scenario against a service and answer with a verdict."""
    plan, driver = plan_and_engine(request)
    if not quiet:
        mention_advice(plan)
    if slow is not None:
        plan = replace(plan, options={**plan.options, "slow_s": slow_limit_s(slow)})
    live = LiveOutputs(metrics_port, otlp)
    # A baseline that is not there is told before the load, not after it.
    further = against_baseline(baseline, open_baseline(baseline), must_settle) if baseline else None
    warning = rate_warning(plan, driver)
    if warning:
        typer.echo(f"warning: {warning}", err=True)
    check_targets(plan)
    habits = Habits(csv, summary_export)
    plan = habits.left_to_engine(plan)
    report = drive(
        plan,
        driver,
        run_file,
        make_view=lambda: choose_view(plan, quiet=quiet),
        live=live,
        further=further,
        draw=outputs.draws,
    )
    habits.write(plan, Path(report.run_file))
    return finish(report, outputs)


def slow_limit_s(text: str) -> float:
    """The duration of `--slow`. Raises ConfigError."""
    try:
        return parse_duration(text)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        raise ConfigError(Problem(message, "--slow", hint)) from None


def drive(
    plan: Plan,
    engine: Engine,
    run_file: Path | None,
    make_view: Callable[[], View],
    live: LiveOutputs | None = None,
    *,
    further: Callable[[Run], list[Finding]] | None = None,
    observers: Sequence[Observer] = (),
    draw: bool = False,
) -> Report:
    """Run `plan` to its end, write its run file and judge it, with `further` findings of the whole run.

    `live` also gets its figures, `observers` all that is written. `draw`: the report has charts.

    Raises EngineError or RunFileError; the run file then holds what there was.
    """
    from loadproof.analysis.judge import judge
    from loadproof.analysis.verdict.early_stop import EarlyStop, StopOn

    clock = Clock()
    live = live or LiveOutputs()
    selection = select(plan)
    live.open()
    started_at_s = clock.now()
    path = run_file or o.RUNS_FOLDER / f"{_stamp(started_at_s)}-{plan.name}.db"
    writer = RunWriter(path, _facts(plan, engine, selection, started_at_s))
    early = EarlyStop(plan, StopOn(plan.options["stop_on"])) if "stop_on" in plan.options else None
    heard = observers if early is None else (*observers, early)
    conductor = Conductor(plan, engine, writer, clock, selection.watches, heard)
    for event in watching_events(selection, started_at_s):
        conductor.event(event)
    try:
        outcome = asyncio.run(_conduct(conductor, make_view(), live, early))
    except EngineError:
        writer.finish({"outcome": Outcome.ENGINE_FAILED, "ended_at_s": clock.now()})
        writer.close()
        raise
    except BaseException:
        writer.abandon()
        raise
    finally:
        live.close()
    writer.finish({"outcome": outcome, "ended_at_s": clock.now()})
    run = read_run(path)
    report = judge(run, further=further(run) if further else (), draw=draw)
    writer.save_findings(report.verdict, report.findings)
    writer.close()
    return report


def finish(report: Report, outputs: Outputs) -> int:
    """Print the verdict, write the files that were asked for; returns the exit code."""
    from loadproof.analysis.judge import exit_code
    from loadproof.reports import REPORTERS

    REPORTERS["terminal"](report, sys.stdout)
    write_outputs(report, outputs)
    return int(exit_code(report))


async def _conduct(
    conductor: Conductor, view: View, live: LiveOutputs, early: EarlyStop | None = None
) -> Outcome:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, conductor.stop)
    if live.url:
        conductor.event(Event(conductor.now(), EventKind.WATCHING, f"live figures at {live.url}"))

    def on_second(progress: Progress, now_s: float) -> None:
        view.update(progress, now_s)
        why = early.reason(now_s) if early is not None else None
        if why:
            conductor.stop_early(why)
        for remark in live.update(progress, now_s):
            conductor.event(Event(now_s, EventKind.MONITOR_REMARK, remark))

    with view:
        return await conductor.run(on_second)


def choose_view(plan: Plan, *, quiet: bool) -> View:
    """Live in a terminal, lines elsewhere, nothing when asked for quiet."""
    console = Console(highlight=False)
    if quiet:
        return QuietView()
    return run_view(console, lambda progress: requirement_states(plan, progress))


def requirement_states(plan: Plan, progress: Progress) -> list[tuple[Requirement, Verdict, str]]:
    """Each requirement as it would be judged now, over everything so far."""
    from loadproof.analysis.verdict.requirements import format_value, judge_requirement
    from loadproof.analysis.window.windows import Window
    from loadproof.model import FailureKind, Verdict

    seconds = frozenset(progress.throughput)
    window = Window(seconds - {max(seconds, default=0)} if len(seconds) > 1 else seconds, "so far")
    parts = [
        Slice(0, endpoint, numbers.requests, {FailureKind.STATUS: numbers.failed}, 0, numbers.response)
        for endpoint, numbers in progress.endpoints.items()
    ]
    states = []
    for requirement in plan.requirements:
        if requirement.window.startswith(("stage", "any")):
            # The worst of many windows: what is so far in all of them says nothing of it.
            states.append((requirement, Verdict.INCONCLUSIVE, ""))
            continue
        finding = judge_requirement(requirement, parts, window)
        value = finding.value
        shown = "" if value is None else format_value(value, requirement.unit)
        states.append((requirement, finding.verdict, shown))
    return states


def watching_events(selection: Selection, now_s: float) -> list[Event]:
    """What is watched and what is not, a sentence each."""
    kind = EventKind.WATCHING
    watched = [
        Event(
            now_s, kind, f"watching {f.watch.name}: {f.why}", {"monitor": f.watch.name, "kind": f.watch.kind}
        )
        for f in selection.found
    ]
    return watched + [Event(now_s, kind, f"not watched: {text}", {}) for text in selection.missing]


def _facts(plan: Plan, engine: Engine, selection: Selection, started_at_s: float) -> dict[str, object]:
    process = psutil.Process()
    return {
        "name": plan.name,
        "plan": plan_to_json(plan),
        "versions": {"loadproof": __version__, **engine.versions()},
        "host": host_facts(),
        "scenario_sha256": scenario_sha256(plan.scenario),
        "git": git_facts(plan.scenario.resolve().parent),
        "monitors": [
            {"name": watch.name, "kind": watch.kind, "settings": clean_settings(watch.settings)}
            for watch in selection.watches
        ],
        "started_at_s": started_at_s,
        "writer": {"pid": os.getpid(), "started_at_s": process.create_time()},
    }


def _stamp(time_s: float) -> str:
    return time.strftime("%Y%m%d-%H%M%S", time.localtime(time_s))
