"""`loadproof capacity`: the greatest load that meets the requirements."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from loadproof.cli import options as o
from loadproof.cli.output import Outputs, finish, with_outputs
from loadproof.cli.run import Screen
from loadproof.cli.scenario import with_options, with_request
from loadproof.cli.streams import live_console
from loadproof.live.live import View
from loadproof.live.trial_view import TrialBoard, trial_view
from loadproof.model import Plan
from loadproof.pipeline.searching import played_next, search
from loadproof.plan import SearchRequest
from loadproof.plan.capacity import OTHER_LOADS, CapacityRequest

if TYPE_CHECKING:
    from loadproof.analysis.search.capacity import SearchState
    from loadproof.engines.trials import TrialOrder


@with_request(SearchRequest, hidden=OTHER_LOADS)
@with_options(CapacityRequest, "typed")
@with_outputs
def command(
    request: SearchRequest,
    run_file: o.RunFile = None,
    quiet: o.Quiet = False,
    *,
    typed: CapacityRequest,
    outputs: Outputs,
) -> int:
    """Search the greatest load that meets the requirements."""
    typed = replace(typed, users=request.users)
    board = TrialBoard()
    screen = SearchScreen(quiet=quiet, board=board)
    report = search(
        request,
        typed,
        run_file,
        functools.partial(_note, board),
        screen,
        draw=True,
    )
    return finish(report, outputs, html=screen.pages, keep_page=True)


@dataclass(frozen=True, slots=True)
class SearchScreen(Screen):
    """Follows a search."""

    board: TrialBoard = field(default_factory=TrialBoard)

    def view(self, _plan: Plan) -> View:
        """Its trials."""
        return View() if self.quiet else trial_view(live_console(), self.board)


def _note(board: TrialBoard, state: SearchState, order: TrialOrder | None) -> None:
    from loadproof.analysis.search.capacity import describe, so_far

    board.finished = [(describe(state.goal, result), str(result.outcome)) for result in state.results]
    board.known = so_far(state)
    board.now = played_next(state, order)
