"""`loadproof capacity`: the greatest load that meets the requirements."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from loadproof.cli import options as o
from loadproof.cli.output import Outputs, finish, with_outputs
from loadproof.cli.run import Screen
from loadproof.cli.scenario import with_request
from loadproof.cli.streams import live_console
from loadproof.live.live import QuietView, View
from loadproof.live.trial_view import TrialBoard, trial_view
from loadproof.model import Plan
from loadproof.pipeline.searching import played_next, search
from loadproof.plan import SearchRequest
from loadproof.plan.capacity import OTHER_LOADS, CapacityRequest

if TYPE_CHECKING:
    from loadproof.analysis.search.capacity import SearchState
    from loadproof.engines.trials import TrialOrder


@with_request(SearchRequest, hidden=OTHER_LOADS)
@with_outputs
def command(
    request: SearchRequest,
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
    typed = CapacityRequest(
        min_rate=min_rate, max_rate=max_rate, users=request.users, trial=trial, precision=precision,
        at_least=at_least, duration_limit=duration_limit, cool_down_limit=cool_down_limit,
    )  # fmt: skip
    board = TrialBoard()
    screen = SearchScreen(quiet=quiet, board=board)
    report = search(request, typed, run_file, functools.partial(_note, board), screen, draw=True)
    return finish(report, outputs, html=screen.pages, keep_page=True)


@dataclass(frozen=True, slots=True)
class SearchScreen(Screen):
    """Follows a search."""

    board: TrialBoard = field(default_factory=TrialBoard)

    def view(self, _plan: Plan) -> View:
        """Its trials."""
        return QuietView() if self.quiet else trial_view(live_console(), self.board)


def _note(board: TrialBoard, state: SearchState, order: TrialOrder | None) -> None:
    from loadproof.analysis.search.capacity import describe, so_far

    board.finished = [(describe(state.goal, result), str(result.outcome)) for result in state.results]
    board.known = so_far(state)
    board.now = played_next(state, order)
