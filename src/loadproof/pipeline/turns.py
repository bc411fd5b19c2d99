"""Two builds on one machine take turns until it is clear whether they differ."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from loadproof.engines import load_engine
from loadproof.errors import ConfigError, Problem
from loadproof.live.live import QuietView
from loadproof.model import Outcome
from loadproof.pipeline.driving import drive
from loadproof.pipeline.planning import check_targets
from loadproof.run.service import Service, answers
from loadproof.units import format_count, format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.compare import Settings
    from loadproof.analysis.compare.comparison import Comparison
    from loadproof.model import Plan

ORDER: Final = ("base", "head", "head", "base")
"""One round: a drift of the environment adds as much to one side as to the other."""


class InterruptedTurnError(Exception):
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


def take_turns(
    turns: dict[str, Turn], rounds: int, settings: Settings, folder: Path, tell: Callable[[str], None]
) -> Comparison:
    """Rounds until a look settles it, a run is unsound, or `rounds` are over; all run files are in `folder`.

    `tell` hears of each run.

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
            tell(f"round {number} of {rounds}: {side} {_told(run)}")
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
        report = drive(turn.plan, load_engine(turn.plan.engine), path, QuietView)
    if report.outcome is Outcome.INTERRUPTED:
        raise InterruptedTurnError
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


def _told(run: MeasuredRun) -> str:
    total = run.endpoints[-1]
    p95_s = total.quantiles_s.get(0.95)
    p95 = "—" if p95_s is None else format_duration(p95_s)
    invalid = f"; {run.invalid[0]}" if run.invalid else ""
    return f"p95 {p95}, {format_count(total.requests)} requests{invalid}"
