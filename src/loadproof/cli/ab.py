"""`loadproof ab`: two builds on one machine, side by side, until it is clear whether they differ."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from loadproof.cli import comparing as c
from loadproof.cli import options as o
from loadproof.cli.output import Outputs, with_outputs
from loadproof.cli.run import Screen
from loadproof.cli.scenario import with_request
from loadproof.errors import ConfigError, ExitCode, Problem, Problems, read_as
from loadproof.model import Plan
from loadproof.pipeline.comparing import comparison_settings
from loadproof.pipeline.live_page import live_page, page_address
from loadproof.pipeline.notifying import notify, receivers
from loadproof.pipeline.outputs import report_text
from loadproof.pipeline.planning import plan_with
from loadproof.pipeline.turns import InterruptedTurnError, Turn, take_turns
from loadproof.plan import AbRequest, read_config
from loadproof.reports.terminal import console_for, print_page
from loadproof.runfile import names_from
from loadproof.units import parse_duration

if TYPE_CHECKING:
    from loadproof.plan.config import LoadedConfig

_FOLDER: Final = Path(".loadproof/ab")
_FIXED: Final = "Both builds get the same load, as it was planned."


@with_request(AbRequest)
@with_outputs
def command(
    request: AbRequest,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds", min=1, max=50, help="Rounds at most, of two runs of each build; 8, or 6 in turns."
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the runs go; by default below .loadproof/ab/.")
    ] = None,
    quiet: o.Quiet = False,
    *,
    outputs: Outputs,
) -> int:
    """Compare two builds on this machine, side by side, in as many rounds as it takes."""
    _check_sides(request)
    config = read_config(request)
    settings = comparison_settings(request, config)
    screen = Screen(quiet=quiet)
    turns, beside = _sides(request, config, screen)
    name = turns["base"].plan.name
    page_address(request)
    told = receivers(config, screen.warning)
    place = folder or _new_folder(name)
    try:
        shown = (
            turns["base"].plan if request.base_target is None else replace(turns["base"].plan, target=None)
        )
        with live_page(shown, request, screen, _FIXED) as following:
            compared = take_turns(
                turns, rounds, settings, place, screen.tell, screen.waiting, following, beside
            )
            report = c.report_of(compared, name, str(place))
            if following.is_wanted:
                screen.page(report_text(report))
                following.become(screen.pages[-1])
    except InterruptedTurnError:
        typer.echo(f"interrupted: no verdict; the runs are in {place}", err=True)
        return int(ExitCode.INTERRUPTED)
    page = outputs.html or place / "comparison.html"
    code = c.show_comparison(compared, report, replace(outputs, html=page), screen.pages)
    if page.exists():
        print_page(page, console_for(sys.stdout))
    typer.echo(f"  runs     {place}")
    notify(report, told, screen.warning, compared.comparison.exit_code)
    return code


def _new_folder(name: str) -> Path:
    """One of its own, also where two comparisons begin in one second."""
    for free in names_from(f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"):
        folder = _FOLDER / free
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise AssertionError


def _sides(
    request: AbRequest, config: LoadedConfig | None, screen: Screen
) -> tuple[dict[str, Turn], dict[str, Turn] | None]:
    """Both sides as they take turns, and as they run side by side; None where they cannot."""
    timeout_s = read_as(parse_duration, request.ready_timeout, "--ready-timeout")
    plans: dict[str | None, Plan] = {}

    def side(start: str | None, target: str | None, ready: str | None) -> Turn:
        if target not in plans:
            with screen.waiting("looking at the scenario"):
                plans[target], _ = plan_with(replace(request, target=target or request.target), config)
        waited_for = (ready or _first_target(plans[target])) if start else None
        return Turn(plans[target], start, waited_for, timeout_s)

    base = side(request.base_start, request.base_target, request.ready)
    head = side(request.head_start, request.head_target, request.ready)
    turns = {"base": base, "head": head}
    apart = None if request.in_turns else _addresses(base, head)
    if apart is None:
        return turns, None
    target, start, ready = apart
    return turns, {"base": replace(base, ready_s=[]), "head": side(start, target, ready)}


def _addresses(base: Turn, head: Turn) -> tuple[str, str, str] | None:
    """Head's target, command and page to wait for, so that both builds can run at once; None: they cannot.

    Both are started here then, each at a port of its own, and no other machine drives the load.
    """
    from loadproof.pipeline.side_by_side import at_port, second_address
    from loadproof.safety.urls import host_and_port

    if not (base.start and base.ready and head.start and head.ready) or base.plan.options.expect_workers:
        return None
    target, other = _first_target(base.plan), _first_target(head.plan)
    if target == other:
        found = second_address(target, (base.start, head.start))
        if found is None:
            return None
        other, start = found
    else:
        start = head.start
    (host, port), (_, own) = host_and_port(target), host_and_port(other)
    if port == own or own is None or host_and_port(base.ready) != (host, port):
        return None
    return other, start, at_port(head.ready, own)


def _check_sides(asked: AbRequest) -> None:
    """Raises ConfigError when it is not said how the two sides differ."""
    problems = Problems()
    hint = "give --base-start and --head-start, commands, or --base-target and --head-target, URLs"
    starts, targets = (asked.base_start, asked.head_start), (asked.base_target, asked.head_target)
    for kind, (base, head) in (("start", starts), ("target", targets)):
        if (base is None) != (head is None):
            missing = "base" if base is None else "head"
            problems.append(Problem(f"--{missing}-{kind} is missing", hint=hint))
    if starts == targets == (None, None):
        problems.append(Problem("how do base and head differ?", hint=hint))
    if targets[0] is not None and targets[0] == targets[1] and starts[0] is None:
        problems.append(Problem("base and head are the same URL", "--head-target", hint))
    if asked.target is not None and targets[0] is not None:
        problems.append(
            Problem("there is a target for both and one for each side", "--target", "leave one out")
        )
    problems.raise_all()


def _first_target(plan: Plan) -> str:
    """Where the load will go. Raises ConfigError when the scenario does not tell."""
    targets = [plan.target, *plan.options.targets]
    for target in targets:
        if target:
            return str(target)
    raise ConfigError(
        Problem("what is to be waited for after a start?", "--ready", "give a URL, or --target")
    )
