"""How a search goes: what is being tried, what was tried, what is known; plain lines without a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.text import Text

from loadproof.live.live import LiveView, PlainView, View
from loadproof.live.screen import TWO_PANELS, beside_service, two_panels, watched
from loadproof.units import cut_name, format_count, format_duration, format_rate

if TYPE_CHECKING:
    from loadproof.run.progress import Progress

_LEAST_SHOWN = 5
_OTHER_ROWS = 7
_STYLES = {"held": "green", "broke": "red", "void": "dark_goldenrod"}


@dataclass(slots=True)
class TrialBoard:
    """What is known of a search, in words. Whoever decides writes it, views read it."""

    finished: list[tuple[str, str]] = field(default_factory=list)
    """A line for each trial that ended, and its outcome's word."""
    now: str = "starting"
    known: str = "nothing is known yet"


def trial_view(console: Console, board: TrialBoard) -> View:
    """How a search goes: a screen in a terminal; elsewhere a line when a trial begins and when it ended."""
    if not console.is_terminal:
        return PlainView(console, _NewLines(board))

    def draw(progress: Progress, now_s: float) -> Group:
        return render_trials(board, progress, now_s, console.width, console.height)

    return LiveView(console, draw)


class _NewLines:
    """What the board says that it did not say before."""

    def __init__(self, board: TrialBoard) -> None:
        self._board = board
        self._told = 0
        self._now = ""

    def __call__(self, progress: Progress, now_s: float) -> list[str]:
        board = self._board
        lines = [line for line, _ in board.finished[self._told :]]
        self._told = len(board.finished)
        if lines:
            lines[-1] += f"; {board.known}"
        if board.now != self._now:
            self._now = board.now
            lines.append(f"{format_duration(float(round(progress.elapsed_s(now_s)))):>7}  {board.now}")
        return lines


def render_trials(board: TrialBoard, progress: Progress, now_s: float, width: int, height: int) -> Group:
    """The whole screen, as one renderable: as many of the last trials as there are rows for.

    A trial's line that is too long loses its middle: load and outcome stand at its begin, figures at its end.
    """
    rate = progress.throughput_now()
    users = "—" if progress.users is None else format_count(progress.users)
    wide = width >= TWO_PANELS
    shown = board.finished[-max(_LEAST_SHOWN, height - _OTHER_ROWS - 2 * wide) :]
    head = [
        Text.assemble(
            (f" {progress.plan.name} ", "bold reverse"), f"  {progress.plan.engine}, capacity search  ",
            (format_duration(float(round(progress.elapsed_s(now_s)))), "dim"),
        ),
        Text.assemble((" known  ", "dim"), (board.known, "bold")),
        Text.assemble((" now    ", "dim"), board.now),
        Text.assemble(
            (" users  ", "dim"), users, ("   throughput  ", "dim"), "—" if rate is None else format_rate(rate)
        ),
        Text(),
    ]  # fmt: skip
    room = beside_service(width) if wide else width
    trials = [Text(cut_name(line, room), style=_STYLES.get(word, "")) for line, word in shown]
    for line in (*head, *trials):
        line.no_wrap, line.overflow = True, "ellipsis"
    if not wide:
        return Group(*head, *trials)
    return Group(
        *head,
        two_panels(
            Group(*(trials or [Text("none has ended", "dim")])), "trials", watched(progress, width), width
        ),
    )
