"""`loadproof ab`: two builds on one machine take turns until it is clear whether they differ."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from loadproof.cli import comparing as c
from loadproof.cli import options as o
from loadproof.cli.planning import check_targets, plan_and_engine
from loadproof.cli.run import choose_view, drive
from loadproof.cli.scenario import with_plan_request
from loadproof.engines import load_engine
from loadproof.errors import ConfigError, ExitCode, Problem
from loadproof.model import Outcome
from loadproof.plan import PlanRequest
from loadproof.run.service import Service, answers
from loadproof.units import format_count, format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.compare import Settings
    from loadproof.analysis.compare.comparison import Comparison
    from loadproof.model import Plan

ORDER: Final = ("base", "head", "head", "base")
"""One round: a drift of the environment adds as much to one side as to the other."""
_FOLDER: Final = Path(".loadproof/ab")
_READY_TIMEOUT: Final = "60s"


class _InterruptedError(Exception):
    """Somebody pressed Ctrl-C during a run: its file is kept, and counts for nothing."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One side: what starts it, what is loaded."""

    plan: Plan
    start: str | None
    """The command; None: it is there already."""
    ready: str | None
    """The URL to wait for after the start."""
    ready_timeout_s: float


@with_plan_request
def command(
    request: PlanRequest,
    base_start: Annotated[str | None, typer.Option("--base-start", help="Command that starts base.")] = None,
    head_start: Annotated[str | None, typer.Option("--head-start", help="Command that starts head.")] = None,
    base_target: Annotated[
        str | None, typer.Option("--base-target", help="URL of base, when it runs already.")
    ] = None,
    head_target: Annotated[
        str | None, typer.Option("--head-target", help="URL of head, when it runs already.")
    ] = None,
    ready: Annotated[
        str | None, typer.Option("--ready", help="URL to wait for after a start; by default the target.")
    ] = None,
    ready_timeout: Annotated[
        str, typer.Option("--ready-timeout", help="How long to wait for it.")
    ] = _READY_TIMEOUT,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=50, help="Rounds at most; each is base, head, head, base.")
    ] = 6,
    gate: c.Gates = None,
    tolerance: c.Tolerance = None,
    error_tolerance: c.ErrorTolerance = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the runs go; by default below .loadproof/ab/.")
    ] = None,
    json_file: c.ComparisonFile = None,
    quiet: o.Quiet = False,
) -> int:
    """Compare two builds on this machine, in turns, in as many rounds as it takes."""
    settings = c.comparison_settings(gate, tolerance, error_tolerance, None)
    _check_sides(base_start, head_start, base_target, head_target, request.target)
    timeout_s = _seconds(ready_timeout)
    turns, plans = {}, {}
    for side, start, target in (("base", base_start, base_target), ("head", head_start, head_target)):
        if target not in plans:
            plans[target], _ = plan_and_engine(replace(request, target=target or request.target))
        plan = plans[target]
        turns[side] = Turn(plan, start, (ready or _first_target(plan)) if start else None, timeout_s)
    name = turns["base"].plan.name
    place = folder or _FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    try:
        comparison = take_turns(turns, rounds, settings, place, quiet=quiet)
    except _InterruptedError:
        typer.echo(f"interrupted: no verdict; the runs are in {place}", err=True)
        return int(ExitCode.INTERRUPTED)
    code = c.show_comparison(comparison, json_file)
    typer.echo(f"  runs      {place}")
    return code


def take_turns(
    turns: dict[str, Turn], rounds: int, settings: Settings, folder: Path, *, quiet: bool = False
) -> Comparison:
    """Rounds until a look settles it, a run is unsound, or `rounds` are over; all run files are in `folder`.

    Raises:
        ConfigError: a command cannot be read, or something answers before it is started.
        TargetError: a service ended, or was not ready in time.
        EngineError, RunFileError: as `run` does.
    """
    from loadproof.analysis.compare.compare import compare
    from loadproof.analysis.compare.comparison import Change
    from loadproof.analysis.compare.looks import look_levels, look_rounds

    levels = look_levels(look_rounds(rounds), settings.alpha)
    runs: dict[str, list[MeasuredRun]] = {"base": [], "head": []}
    for number in range(1, rounds + 1):
        for position, side in enumerate(ORDER, start=4 * number - 3):
            run = _drive_once(turns[side], folder, f"{position:02}-{side}")
            runs[side].append(run)
            if not quiet:
                typer.echo(f"round {number} of {rounds}: {side} {_told(run)}")
        unsound = any(run.invalid for side in runs.values() for run in side)
        if number not in levels and not unsound:
            continue
        look = replace(settings, alpha=levels.get(number, settings.alpha))
        comparison = compare(runs["base"], runs["head"], look)
        if comparison.change is not Change.INCONCLUSIVE:
            break
    note = (
        f"{number} of {rounds} rounds, in turns: base, head, head, base; looks in between are accounted for"
    )
    return replace(comparison, notes=(note, *comparison.notes))


def _drive_once(turn: Turn, folder: Path, name: str) -> MeasuredRun:
    from loadproof.analysis.across_runs.measured import measured
    from loadproof.runfile.reader import read_run

    with _started(turn, folder, name):
        check_targets(turn.plan)
        path = folder / f"{name}.db"
        report = drive(
            turn.plan, load_engine(turn.plan.engine), path, lambda: choose_view(turn.plan, quiet=True)
        )
    if report.outcome is Outcome.INTERRUPTED:
        raise _InterruptedError
    return measured(read_run(path))


@contextlib.contextmanager
def _started(turn: Turn, folder: Path, name: str) -> Iterator[None]:
    if turn.start is None or turn.ready is None:
        yield
        return
    if answers(turn.ready):
        hint = "stop what runs there: it would be measured instead of the service that is started"
        raise ConfigError(Problem(f"something answers already at {turn.ready}", hint=hint))
    folder.mkdir(parents=True, exist_ok=True)
    side = name.partition("-")[2]
    with Service(turn.start, folder / f"{name}.log", f"--{side}-start") as service:
        service.wait_until_ready(turn.ready, turn.ready_timeout_s)
        yield


def _check_sides(
    base_start: str | None,
    head_start: str | None,
    base_target: str | None,
    head_target: str | None,
    target: str | None,
) -> None:
    """Raises ConfigError when it is not said how the two sides differ."""
    problems = []
    hint = "give --base-start and --head-start, commands, or --base-target and --head-target, URLs"
    for kind, base, head in (("start", base_start, head_start), ("target", base_target, head_target)):
        if (base is None) != (head is None):
            missing = "base" if base is None else "head"
            problems.append(Problem(f"--{missing}-{kind} is missing", hint=hint))
    if base_start is None and head_start is None and base_target is None and head_target is None:
        problems.append(Problem("how do base and head differ?", hint=hint))
    if base_target is not None and base_target == head_target and base_start is None:
        problems.append(Problem("base and head are the same URL", "--head-target", hint))
    if target is not None and base_target is not None:
        problems.append(
            Problem("there is a target for both and one for each side", "--target", "leave one out")
        )
    if problems:
        raise ConfigError(*problems)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        raise ConfigError(Problem(message, "--ready-timeout", hint)) from None


def _first_target(plan: Plan) -> str:
    """Where the load will go. Raises ConfigError when the scenario does not tell."""
    targets = [plan.target, *plan.options.get("targets", ())]
    for target in targets:
        if target:
            return str(target)
    raise ConfigError(
        Problem("what is to be waited for after a start?", "--ready", "give a URL, or --target")
    )


def _told(run: MeasuredRun) -> str:
    total = run.endpoints[-1]
    p95_s = total.quantiles_s.get(0.95)
    p95 = "—" if p95_s is None else format_duration(p95_s)
    invalid = f"; {run.invalid[0]}" if run.invalid else ""
    return f"p95 {p95}, {format_count(total.requests)} requests{invalid}"
