"""Two builds on one machine, side by side or in turns, until it is clear whether they differ."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from loadproof.engines.table import load_engine
from loadproof.errors import ConfigError, Problem, TargetError
from loadproof.live.live import Show, View
from loadproof.live.outputs import LiveOutputs
from loadproof.model import Outcome, Unit, is_beside
from loadproof.pipeline.comparing import ComparedRuns
from loadproof.pipeline.driving import drive
from loadproof.pipeline.live_page import FollowedPage
from loadproof.pipeline.planning import check_targets, refuses_of
from loadproof.run.service import StartedService, answers
from loadproof.runfile.reader import read_run
from loadproof.units import format_count, format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.comparison import Comparison
    from loadproof.analysis.compare.settings import ComparisonSettings
    from loadproof.model import Plan, Report
    from loadproof.pipeline.driving import Waiting
    from loadproof.runfile.reader import Run

Step = tuple[str, ...]
"""The sides that run at the same time, the one that is started first before the other."""
IN_TURNS: Final[tuple[Step, ...]] = (("base",), ("head",), ("head",), ("base",))
"""One round: a drift of the environment adds as much to one side as to the other."""
SIDE_BY_SIDE: Final[tuple[Step, ...]] = (("base", "head"), ("head", "base"))
"""One round of as many runs: what the machine does meanwhile it does to both."""
MOST_ROUNDS: Final = {IN_TURNS: 6, SIDE_BY_SIDE: 8}
"""Where nobody says: a round side by side takes half as long."""

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
    most_rounds: int | None,
    settings: ComparisonSettings,
    folder: Path,
    tell: Callable[[str], None],
    waiting: Waiting = contextlib.nullcontext,
    following: FollowedPage | None = None,
    beside: dict[str, Turn] | None = None,
) -> ComparedRuns:
    """Rounds until a look settles it, more cannot, or `most_rounds` are over; all run files are in `folder`.

    `most_rounds`: None takes MOST_ROUNDS. `beside`: the sides with addresses of their own, to be loaded at
    the same time where that goes well once. One run of base (of both, where they run side by side) goes
    before: it warms what both sides share, shows what runs of this length cannot tell, and counts for
    nothing. A run that is not sound is made again. `tell` hears of each run, `waiting` shows which one goes
    on, and so does the page of `following`.

    Raises:
        ConfigError: a command cannot be read, or something answers before it is started.
        TargetError: a service ended, or was not ready in time.
        EngineError, RunFileError: as `run` does.
    """
    from loadproof.analysis.compare.compare import compare
    from loadproof.analysis.compare.looks import look_settings

    _check_sides(turns, folder)
    runs: dict[str, list[MeasuredRun]] = {"base": [], "head": []}
    drives = _RunsInTurn(folder, following or FollowedPage(None, Show()))
    notes = []
    why_in_turns = _warm_up(drives, turns, beside, tell, waiting)
    steps, how = IN_TURNS, "in turns: base, head, head, base"
    if beside is not None and not why_in_turns:
        turns, steps, how = beside, SIDE_BY_SIDE, "side by side: base and head at the same time"
    elif beside is not None:
        notes.append(f"in turns, not side by side: {why_in_turns}")
    rounds = most_rounds or MOST_ROUNDS[steps]
    looks = look_settings(settings, rounds)
    unsound = 0
    for number in range(1, rounds + 1):
        drives.now = f"round {number} of {rounds}"
        for side, run in drives.play(turns, steps, 4 * number - 3, tell, waiting):
            runs[side].append(run)
            unsound = unsound + 1 if run.unsound else 0
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
    first = f"{number} of {rounds} rounds, {how}; looks in between are accounted for"
    notes += starts_later(turns["base"].ready_s, turns["head"].ready_s)
    told = replace(comparison, notes=(first, *notes, *comparison.notes))
    return ComparedRuns(told, (*runs["base"], *runs["head"]))


def _warm_up(
    drives: _RunsInTurn,
    turns: dict[str, Turn],
    beside: dict[str, Turn] | None,
    tell: Callable[[str], None],
    waiting: Waiting,
) -> str:
    """Play what counts for nothing; why the sides are to take turns, "" where they need not."""
    why, made = "", {}
    if beside is not None:
        drives.now = "warm-up: base and head"
        with waiting(drives.now):
            try:
                made = drives.once(beside, {side: f"00-warm-up-{side}" for side in beside})
                why = _why_not_beside(drives, made)
            except TargetError as error:
                why = error.problems[0].message
        if why:
            tell(f"  in turns, not side by side: {why}")
    if beside is None or why:
        drives.now = "warm-up: base"
        with waiting(drives.now):
            made = drives.once({"base": turns["base"]}, {"base": "00-warm-up"})
    tell(f"warm-up: base {_told(made['base'])}")
    for said in cannot_tell(made["base"]):
        tell(f"  {said}")
    return why


def _why_not_beside(drives: _RunsInTurn, made: dict[str, MeasuredRun]) -> str:
    from loadproof.pipeline.side_by_side import why_not_at_once

    unsound = [f"{side}: {run.unsound[0]}" for side, run in made.items() if run.unsound]
    return unsound[0] if unsound else why_not_at_once(drives.files(made))


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
    """Runs of both sides, step by step, and the page that follows them."""

    def __init__(self, folder: Path, following: FollowedPage) -> None:
        self._folder = folder
        self._following = following
        self._done: list[tuple[str, MeasuredRun]] = []
        self.now = ""
        """Which turn it is."""

    def play(
        self,
        turns: dict[str, Turn],
        steps: Sequence[Step],
        position: int,
        tell: Callable[[str], None],
        waiting: Waiting,
    ) -> Iterator[tuple[str, MeasuredRun]]:
        """One round: the runs of each step, sound if they can be; `position` is the number of its first."""
        of_round = self.now
        for step in steps:
            names = {side: f"{place:02}-{side}" for place, side in enumerate(step, position)}
            position += len(step)
            self.now = f"{of_round}: {' and '.join(step)}"
            with waiting(self.now):
                made = self.until_sound({side: turns[side] for side in step}, names, tell)
            for side, run in made.items():
                tell(f"{of_round}: {side} {_told(run)}")
                yield side, run

    def until_sound(
        self, turns: dict[str, Turn], names: dict[str, str], tell: Callable[[str], None]
    ) -> dict[str, MeasuredRun]:
        """The runs of one step, made again while one is not sound; the last ones count, whatever they are.

        So is one whose service did not start, once it has: a port is free a moment later. Raises TargetError
        where it never does.
        """
        started = turns.keys() <= {done for done, _ in self._done}
        for number in range(1, _MOST_TRIES):
            named = names if number == 1 else {side: f"{name}-{number}" for side, name in names.items()}
            try:
                runs = self.once(turns, named)
            except TargetError as error:
                if not started:
                    raise
                why = error.problems[0].message
            else:
                unsound = [run.unsound[0] for run in runs.values() if run.unsound]
                if not unsound:
                    return self._over(runs)
                why = unsound[0]
            tell(f"  made again: {why}")
        return self._over(self.once(turns, {side: f"{name}-{_MOST_TRIES}" for side, name in names.items()}))

    def _over(self, runs: dict[str, MeasuredRun]) -> dict[str, MeasuredRun]:
        self._done += runs.items()
        self._show(f"{self.now} is over")
        return runs

    def once(self, turns: dict[str, Turn], names: dict[str, str]) -> dict[str, MeasuredRun]:
        """One run of each, at the same time. Raises InterruptedTurnError when somebody ends it."""
        self._following.turn()
        self._show(self.now)
        return _drive_once(turns, self._folder, names, self._following)

    def files(self, made: dict[str, MeasuredRun]) -> dict[str, Run]:
        """The run files of these."""
        return {side: read_run(self._folder / f"{run.label}.db") for side, run in made.items()}

    def _show(self, now: str) -> None:
        if self._following.is_wanted:
            from loadproof.analysis.compare.turns_picture import turns_picture

            last = {side: f"{side} {_told(run)}" for side, run in self._done}
            self._following.answer(now, "; ".join(last.values()), turns_picture(self._done))


def _drive_once(
    turns: dict[str, Turn], folder: Path, names: dict[str, str], following: FollowedPage
) -> dict[str, MeasuredRun]:
    """Run each under its name; a page follows the last one that is started."""
    from loadproof.analysis.across_runs.measured import measured

    paths = {side: folder / f"{name}.db" for side, name in names.items()}
    followed = [*turns][-1]
    lives = {side: following.outputs() if side == followed else LiveOutputs() for side in turns}
    heard = {side: following.observers if side == followed else () for side in turns}

    def driven(side: str) -> Report:
        plan = turns[side].plan
        return drive(plan, load_engine(plan.engine), paths[side], View, lives[side], observers=heard[side])

    with _started(turns, folder, names):
        for turn in turns.values():
            check_targets(turn.plan)
        if len(turns) == 1:
            reports = {followed: driven(followed)}
        else:
            from loadproof.pipeline.side_by_side import at_once

            reports = at_once({side: (partial(driven, side), lives[side]) for side in turns})
    if any(report.outcome is Outcome.INTERRUPTED for report in reports.values()):
        raise InterruptedTurnError
    # The commit of the scenario's folder is neither side's build.
    return {side: replace(measured(read_run(path)), commit=None, branch=None) for side, path in paths.items()}


@contextlib.contextmanager
def _started(turns: dict[str, Turn], folder: Path, names: dict[str, str]) -> Iterator[None]:
    """The services of all sides, each of which has answered."""
    with contextlib.ExitStack() as services:
        waited_for = []
        for side, turn in turns.items():
            if turn.start is None or turn.ready is None:
                continue
            refuses = refuses_of(turn.plan)
            if answers(turn.ready, refuses):
                hint = "stop what runs there: it would be measured instead of the service that is started"
                raise ConfigError(Problem(f"something answers already at {turn.ready}", hint=hint))
            folder.mkdir(parents=True, exist_ok=True)
            service = StartedService(turn.start, folder / f"{names[side]}.log", f"--{side}-start")
            waited_for.append((turn, services.enter_context(service), turn.ready, refuses))
        for turn, started, ready, refuses in waited_for:
            turn.ready_s.append(started.wait_until_ready(ready, turn.ready_timeout_s, refuses))
        yield


def _told(run: MeasuredRun) -> str:
    total = run.endpoints[-1]
    p95_s = total.quantiles_s.get(0.95)
    p95 = "too few for a p95" if p95_s is None else f"p95 {format_duration(p95_s)}"
    invalid = f"; {run.invalid[0]}" if run.invalid else ""
    return f"{p95}, {format_count(total.requests)} requests{invalid}"
