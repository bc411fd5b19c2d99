"""Two builds on one machine take turns until it is clear whether they differ."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from loadproof.engines import load_engine
from loadproof.errors import ConfigError, Problem, TargetError
from loadproof.live.live import Show, View
from loadproof.model import Outcome, Unit, is_beside
from loadproof.pipeline.comparing import ComparedRuns
from loadproof.pipeline.driving import drive
from loadproof.pipeline.live_page import FollowedPage
from loadproof.pipeline.planning import check_targets, refuses_of
from loadproof.run.service import StartedService, answers
from loadproof.units import format_count, format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.comparison import Comparison
    from loadproof.analysis.compare.settings import ComparisonSettings
    from loadproof.model import Plan
    from loadproof.pipeline.driving import Waiting

ORDER: Final = ("base", "head", "head", "base")
"""One round: a drift of the environment adds as much to one side as to the other."""


_MOST_TRIES: Final = 3
_MOST_UNSOUND: Final = 3
"""Turns in a row without a sound run: then this machine is not the place."""
_TOO_WIDE: Final = 1.5
"""Times the tolerance that half an interval would still have at the end: then nothing settles it."""
_BUSIEST: Final = 8
_START_TIMES, _START_MATTERS_S = 1.5, 2.0


class InterruptedTurnError(Exception):
    """Somebody ended a run: its file is kept, and counts for nothing."""

    def __init__(self) -> None:
        super().__init__("a run was ended by hand: there is no comparison")


@dataclass(frozen=True, slots=True)
class Turn:
    """One side: what starts it, what is loaded."""

    plan: Plan
    start: str | None
    """The command; None: it is there already."""
    ready: str | None
    """The URL to wait for after the start."""
    ready_timeout_s: float
    ready_s: list[float] = field(default_factory=list)
    """How long each start took until it answered."""


def take_turns(
    turns: dict[str, Turn],
    rounds: int,
    settings: ComparisonSettings,
    folder: Path,
    tell: Callable[[str], None],
    waiting: Waiting = contextlib.nullcontext,
    following: FollowedPage | None = None,
) -> ComparedRuns:
    """Rounds until a look settles it, more cannot, or `rounds` are over; all run files are in `folder`.

    One run of base goes before: it warms what both sides share, shows what runs of this length cannot tell,
    and counts for nothing. A run that is not sound is made again. `tell` hears of each run, `waiting` shows
    which one goes on, and so does the page of `following`.

    Raises:
        ConfigError: a command cannot be read, or something answers before it is started.
        TargetError: a service ended, or was not ready in time.
        EngineError, RunFileError: as `run` does.
    """
    from loadproof.analysis.compare.compare import compare
    from loadproof.analysis.compare.looks import look_settings

    _check_sides(turns, folder)
    looks = look_settings(settings, rounds)
    runs: dict[str, list[MeasuredRun]] = {"base": [], "head": []}
    drives = _RunsInTurn(folder, following or FollowedPage(None, Show()))
    notes = []
    drives.now = "warm-up: base"
    with waiting(drives.now):
        warm = drives.once(turns["base"], "00-warm-up", "base")
    tell(f"warm-up: base {_told(warm)}")
    for said in cannot_tell(warm):
        tell(f"  {said}")
    unsound = 0
    for number in range(1, rounds + 1):
        for position, side in enumerate(ORDER, start=4 * number - 3):
            drives.now = f"round {number} of {rounds}: {side}"
            with waiting(drives.now):
                run = drives.until_sound(turns[side], f"{position:02}-{side}", side, tell)
            runs[side].append(run)
            unsound = unsound + 1 if run.unsound else 0
            tell(f"round {number} of {rounds}: {side} {_told(run)}")
        if number not in looks and unsound < _MOST_UNSOUND:
            continue
        comparison = compare(runs["base"], runs["head"], looks.get(number, settings))
        if unsound >= _MOST_UNSOUND:
            notes.append(f"ended early: the last {unsound} runs were not sound, also when made again")
            break
        over = ends_there(comparison, number, rounds)
        if over is not None:
            notes += [over] if over else []
            break
    first = (
        f"{number} of {rounds} rounds, in turns: base, head, head, base; looks in between are accounted for"
    )
    notes += starts_later(turns["base"].ready_s, turns["head"].ready_s)
    told = replace(comparison, notes=(first, *notes, *comparison.notes))
    return ComparedRuns(told, (*runs["base"], *runs["head"]))


def _check_sides(turns: dict[str, Turn], folder: Path) -> None:
    """A side that is not there is told before the other one has run."""
    for side, turn in turns.items():
        if turn.start is None:
            check_targets(turn.plan)
        else:
            StartedService(turn.start, folder / f"{side}.log", f"--{side}-start").check()


def ends_there(comparison: Comparison, number: int, rounds: int) -> str | None:
    """Whether a look after `number` of `rounds` is the last: None goes on; else why it ends early, or ""."""
    from loadproof.analysis.compare.comparison import Change
    from loadproof.analysis.compare.decision import may_be_worse, promising

    if number == rounds:
        return ""
    done, alpha = number / rounds, 1 - comparison.confidence
    match comparison.change:
        case Change.INCONCLUSIVE:
            over = 2 * number >= rounds and hopeless(comparison, done)
            if over and not promising(comparison.rows, done, alpha):
                return "ended early: as runs differ here, the rounds that are left would not settle it"
            return None
        case Change.IMPROVED:
            return None if may_be_worse(comparison.rows) else ""
        case Change.SAME:
            # One endpoint may still be worse: early on only what is half proved is worth more rounds.
            return None if promising(comparison.rows, max(done, 0.5), alpha) else ""
        case _:
            return ""


def starts_later(base_s: Sequence[float], head_s: Sequence[float]) -> list[str]:
    """What is said where each start of head took longer than any of base, by what a deploy shows."""
    if not base_s or not head_s or min(head_s) < _START_TIMES * max(base_s):
        return []
    took = [sorted(side)[len(side) // 2] for side in (base_s, head_s)]
    if took[1] - took[0] < _START_MATTERS_S:
        return []
    told = [format_duration(round(seconds, 1)) for seconds in took]
    return [f"head takes {told[1]} until it answers, base {told[0]}: that is no part of any run"]


def cannot_tell(run: MeasuredRun) -> list[str]:
    """What runs of this length have too few requests for, a sentence for each of the busiest endpoints."""
    from loadproof.analysis.across_runs.measured import ALL_REQUESTS
    from loadproof.analysis.compare.quantities import requests_needed

    said = []
    busiest = sorted(
        (e for e in run.endpoints if e.name != ALL_REQUESTS and not is_beside(e.name)),
        key=lambda e: -e.requests,
    )
    for endpoint in busiest[:_BUSIEST]:
        statistic, needed = "its p95", requests_needed("p95")
        if endpoint.requests < requests_needed("p50"):
            statistic, needed = "its median", requests_needed("p50")
        if not 0 < endpoint.requests < needed or not run.duration_s:
            continue
        # A run may have a tenth fewer by chance.
        long_s = math.ceil(run.duration_s * needed / endpoint.requests * 1.1)
        have = f"{format_duration(run.duration_s)} give {format_count(endpoint.requests)} requests"
        said.append(
            f"{have} of {endpoint.name}, and {statistic} takes {needed}: {format_duration(long_s)} would do"
        )
    return said


def hopeless(comparison: Comparison, done: float) -> bool:
    """Whether what is open would stay open after all rounds, even were there no difference at all.

    `done`: the share of the rounds so far; an interval shrinks with its root. How much runs differ is known
    to the half only, from so few of them. Shares have tolerances of their own and are left out.
    """
    from loadproof.analysis.compare.decision import open_rows, settling

    must = settling(comparison.rows, declared=comparison.declared)
    open_ones = [
        row for row in open_rows(comparison.rows, must) if row in must and row.unit is not Unit.SHARE
    ]
    halves = [math.log(row.interval[1] / row.interval[0]) / 2 for row in open_ones if row.interval]
    return any(half * math.sqrt(done) > _TOO_WIDE * math.log1p(comparison.tolerance) for half in halves)


class _RunsInTurn:
    """Runs of both sides, one after the other, and the page that follows them."""

    def __init__(self, folder: Path, following: FollowedPage) -> None:
        self._folder = folder
        self._following = following
        self._done: list[tuple[str, MeasuredRun]] = []
        self.now = ""
        """Which turn it is."""

    def until_sound(self, turn: Turn, name: str, side: str, tell: Callable[[str], None]) -> MeasuredRun:
        """A run, made again while it is not sound; the last one counts, whatever it is.

        So is one whose service did not start, once it has: a port is free a moment later. Raises TargetError
        where it never does.
        """
        started = side in {done for done, _ in self._done}
        for number in range(1, _MOST_TRIES):
            try:
                run = self.once(turn, name if number == 1 else f"{name}-{number}", side)
            except TargetError as error:
                if not started:
                    raise
                why = error.problems[0].message
            else:
                if not run.unsound:
                    return self._over(side, run)
                why = run.unsound[0]
            tell(f"  made again: {why}")
        return self._over(side, self.once(turn, f"{name}-{_MOST_TRIES}", side))

    def _over(self, side: str, run: MeasuredRun) -> MeasuredRun:
        self._done.append((side, run))
        self._show(f"{self.now} is over")
        return run

    def once(self, turn: Turn, name: str, side: str) -> MeasuredRun:
        """One run. Raises InterruptedTurnError when somebody ends it."""
        self._following.turn()
        self._show(self.now)
        return _drive_once(turn, self._folder, name, side, self._following)

    def _show(self, now: str) -> None:
        if self._following.is_wanted:
            from loadproof.analysis.compare.turns_picture import turns_picture

            last = {side: f"{side} {_told(run)}" for side, run in self._done}
            self._following.answer(now, "; ".join(last.values()), turns_picture(self._done))


def _drive_once(turn: Turn, folder: Path, name: str, side: str, following: FollowedPage) -> MeasuredRun:
    from loadproof.analysis.across_runs.measured import measured
    from loadproof.runfile.reader import read_run

    with _started(turn, folder, name, side):
        check_targets(turn.plan)
        path, live = folder / f"{name}.db", following.outputs()
        engine = load_engine(turn.plan.engine)
        report = drive(turn.plan, engine, path, View, live, observers=following.observers)
    if report.outcome is Outcome.INTERRUPTED:
        raise InterruptedTurnError
    # The commit of the scenario's folder is neither side's build.
    return replace(measured(read_run(path)), commit=None, branch=None)


@contextlib.contextmanager
def _started(turn: Turn, folder: Path, name: str, side: str) -> Iterator[None]:
    if turn.start is None or turn.ready is None:
        yield
        return
    refuses = refuses_of(turn.plan)
    if answers(turn.ready, refuses):
        hint = "stop what runs there: it would be measured instead of the service that is started"
        raise ConfigError(Problem(f"something answers already at {turn.ready}", hint=hint))
    folder.mkdir(parents=True, exist_ok=True)
    with StartedService(turn.start, folder / f"{name}.log", f"--{side}-start") as service:
        turn.ready_s.append(service.wait_until_ready(turn.ready, turn.ready_timeout_s, refuses))
        yield


def _told(run: MeasuredRun) -> str:
    total = run.endpoints[-1]
    p95_s = total.quantiles_s.get(0.95)
    p95 = "too few for a p95" if p95_s is None else f"p95 {format_duration(p95_s)}"
    invalid = f"; {run.invalid[0]}" if run.invalid else ""
    return f"{p95}, {format_count(total.requests)} requests{invalid}"
