"""How a search goes: what is being tried, what was tried, what is known; plain lines without a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from loadproof.units import format_count, format_duration, format_rate

if TYPE_CHECKING:
    from types import TracebackType

    from loadproof.run.progress import Progress

_SHOWN = 14
_STYLES = {"held": "green", "broke": "red", "void": "yellow"}


@dataclass(slots=True)
class TrialBoard:
    """What is known of a search, in words. Whoever decides writes it, views read it."""

    finished: list[tuple[str, str]] = field(default_factory=list)
    """A line for each trial that ended, and its outcome's word."""
    now: str = "starting"
    known: str = "nothing is known yet"


class PlainTrialView:
    """A line for each trial, when it begins and when it has ended: for logs of CI."""

    def __init__(self, console: Console, board: TrialBoard) -> None:
        self._console = console
        self._board = board
        self._printed = 0
        self._now = ""

    def __enter__(self) -> PlainTrialView:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, progress: Progress, now_s: float) -> None:
        """Print what is new."""
        board = self._board
        _print_notices(progress, self._console)
        for line, _ in board.finished[self._printed :]:
            self._print(f"{line}; {board.known}" if line is board.finished[-1][0] else line)
        self._printed = len(board.finished)
        if board.now != self._now:
            self._now = board.now
            self._print(f"{format_duration(float(round(progress.elapsed_s(now_s)))):>7}  {board.now}")

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


class LiveTrialView:
    """A screen that follows the search."""

    def __init__(self, console: Console, board: TrialBoard) -> None:
        self._console = console
        self._board = board
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> LiveTrialView:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def update(self, progress: Progress, now_s: float) -> None:
        """Draw again."""
        _print_notices(progress, self._console)
        self._live.update(render_trials(self._board, progress, now_s), refresh=True)


def render_trials(board: TrialBoard, progress: Progress, now_s: float) -> Group:
    """The whole screen, as one renderable."""
    rate = progress.throughput_now()
    users = "—" if progress.users is None else format_count(progress.users)
    lines = [
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
        *(Text(line, style=_STYLES.get(word, "")) for line, word in board.finished[-_SHOWN:]),
    ]  # fmt: skip
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*lines)


def _print_notices(progress: Progress, console: Console) -> None:
    while progress.log:
        console.print(Text(progress.log.popleft(), style="dim"), soft_wrap=True)
    while progress.notices:
        console.print(Text.assemble(("loadproof: ", "bold"), progress.notices.popleft()), soft_wrap=True)
