"""Proof that the promised load was applied: target against achieved, for each stage and each second.

Required of every run whose load is known beforehand: a service that held half of the load has held nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadproof.analysis.verdict.load import MORE_LOAD, AppliedLoad, shortfall
from loadproof.analysis.window.omission import LEAST_ACHIEVED
from loadproof.analysis.window.windows import Window, load_span, stage_windows
from loadproof.model import EventKind, Finding, Measure, Operator, Profile, Unit, Verdict
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_count, format_duration, format_percent

_TOLERANCE: Final = 0.02
"""Of the planned starts, or users, of one second."""
_LEAST_STARTS: Final = 2.0
"""An arrival that is due at the end of a second starts in the next: that many more or fewer are no sign."""
_MOST_OFF: Final = 0.05
"""Of the seconds: when more are off, the load was another one."""
_SETTLING_S: Final = 3
"""After a ramp the last users are still being started."""
_SIGMAS: Final = 4.0
_FORGIVING: Final = 5
"""Seconds from which on one may be off: in fewer a single one is all that is known."""
_MOST_TOLD: Final = 60
_LATE_REPORT_S: Final = 4
"""So late a worker tells at most that a user of its left."""
_MOST_HELPERS: Final = 0.25
"""Of the planned users."""
_STOPPED: Final = (
    "users that stop themselves make no load any more: plan fewer, or give their class a fixed_count if it "
    "is there for one piece of work only"
)
_STOPPED_OPEN: Final = "a user serves one arrival after the other: end its task where it stops itself"
_MORE_USERS: Final = (
    "not all users could be started or kept: look at the engine's own lines (loadproof judge RUN --log), "
    "or add --processes"
)


@dataclass(frozen=True, slots=True)
class AppliedStage:
    """One stage: what was planned and what was there, second by second where both are known."""

    stage: Window
    seconds: NDArray[np.int64]
    planned: NDArray[np.float64]
    achieved: NDArray[np.float64]
    off: NDArray[np.bool_]

    @property
    def name(self) -> str:
        return self.stage.description

    @property
    def target(self) -> float:
        """Users, or arrivals per second."""
        return self.stage.level or 0.0

    @property
    def share(self) -> float | None:
        """Achieved as a share of planned; None when nothing was planned."""
        planned = float(self.planned.sum())
        return float(self.achieved.sum()) / planned if planned else None


def judge_promise(run: Run, window: Window, load: AppliedLoad) -> list[Finding]:
    """One finding when the planned load is known and the engine counts it; nothing otherwise."""
    stages = _open_stages(run) if load.open_model else _closed_stages(run)
    stages = [stage for stage in stages if stage.seconds.size]
    if not stages and not load.open_model:
        stages = _brief_stage(run)
    trouble = _trouble(stages, load)
    if not stages and not trouble:
        return []
    evidence = _evidence(stages, load, window)
    measure = _measure(stages, load)
    name = "load.arrivals" if load.open_model else "load.users"
    if trouble:
        advice = MORE_LOAD if load.open_model else _MORE_USERS
        sentence = f"the promised load was not applied: {trouble}"
        left = sum(event.whole("count") for event in run.events_of(EventKind.USERS_LEFT))
        if left:
            who = "1 user stopped itself" if left == 1 else f"{format_count(left)} users stopped themselves"
            sentence = f"{sentence}; {who} (StopUser)"
            advice = _STOPPED_OPEN if load.open_model else _STOPPED
        return [Finding(name, Verdict.INCONCLUSIVE, sentence, evidence, advice)]
    # A row of the table of requirements, as it is one: the proof is seen, not taken for granted.
    sentence = f"the promised load was applied: {_proof(stages)}"
    return [
        Finding(
            name, Verdict.PASS, sentence, evidence, measure=measure, subject="applied load",
            source="by default", window=window.description,
        )
    ]  # fmt: skip


def _measure(stages: list[AppliedStage], load: AppliedLoad) -> Measure:
    """The share of the planned arrivals that started, or of the seconds in which all users were there."""
    starts = load.starts if load.open_model else None
    number = sum(stage.seconds.size for stage in stages)
    there: float | None = None
    if number:
        there = 1 - sum(int(stage.off.sum()) for stage in stages) / number
    return Measure(
        text="the promised load is applied",
        operator=Operator.GREATER_EQUAL,
        limit=LEAST_ACHIEVED if load.open_model else 1 - _MOST_OFF,
        unit=Unit.SHARE,
        value=starts.achieved if starts else there,
        samples=int(starts.planned) if starts else number,
        by_default=True,
    )


def _open_stages(run: Run) -> list[AppliedStage]:
    counted = _by_second(run, "planned", "started")
    stages = []
    for window in stage_windows(run):
        seconds = np.array([s for s in sorted(window.seconds) if counted["planned"].get(s)], dtype=np.int64)
        # Arrivals a second, of each second or, in a run of days, of each step.
        planned = np.array([counted["planned"][s] for s in seconds.tolist()]) / run.step_s
        started = np.array([counted["started"].get(s, 0.0) for s in seconds.tolist()]) / run.step_s
        off = np.abs(started - planned) > np.maximum(_TOLERANCE * planned, _LEAST_STARTS)
        stages.append(AppliedStage(window, seconds, planned, started, off))
    return stages


def _closed_stages(run: Run) -> list[AppliedStage]:
    users = _by_second(run, "users")["users"]
    stages = []
    for window in stage_windows(run):
        # A hold that is shorter than that is judged by its last second.
        first = min(math.ceil(_SETTLING_S / run.step_s), len(window.seconds) - 1)
        settled = sorted(window.seconds)[first:]
        seconds = np.array([second for second in settled if second in users], dtype=np.int64)
        there = np.array([users[second] for second in seconds.tolist()])
        if seconds.size == 1:
            # One count may be as old as a worker's last report. The one at the stop is current.
            there = np.maximum(there, _at_the_end(run, int(seconds[0])))
        planned = np.full(seconds.size, window.level or 0.0)
        there = _with_helpers(run, seconds, there, planned)
        off = np.abs(there - planned) > np.maximum(_TOLERANCE * planned, 0.5)
        stages.append(AppliedStage(window, seconds, planned, there, off))
    return stages


def _with_helpers(
    run: Run, seconds: NDArray[np.int64], there: NDArray[np.float64], planned: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Users of a class with a `fixed_count` that did their work and stopped themselves were there, too.

    They seed or watch, and are few; whoever is counted by weight and stops is missing from the load.
    """
    left = [(event.time_s, event.whole("helpers")) for event in run.events_of(EventKind.USERS_LEFT)]
    if not any(helpers for _, helpers in left):
        return there
    gone = np.array(
        [sum(n for at_s, n in left if at_s < second + _LATE_REPORT_S) for second in seconds.tolist()]
    )
    helped = (there > 0) & (there < planned) & (gone <= np.maximum(1, _MOST_HELPERS * planned))
    return np.where(helped, np.minimum(planned, there + gone), there)


def _at_the_end(run: Run, since_s: int) -> float:
    """Users at the last count before the load ended, if that was within two seconds from then; else 0."""
    span = load_span(run)
    if span is None or span[1] > since_s + 2.0:
        return 0.0
    own = Readings.of(run.readings).of_series("load", "users")
    counts = [reading.value for reading in own if since_s <= reading.time_s <= span[1]]
    return counts[-1] if counts else 0.0


def _brief_stage(run: Run) -> list[AppliedStage]:
    """A load none of whose holds covers a second as a whole, as in a smoke run of a second: the most there.

    Empty where nobody was counted while it was at its last level.
    """
    span, profile = load_span(run), run.plan.played_profile
    endless = span is not None and span[1] - span[0] > profile.duration_s + 1.0
    if span is None or endless or not profile.stages:
        return []
    last = profile.stages[-1]
    ramp_s = profile.duration_s - (last.duration_s if _is_flat(profile) else 0.0)
    counted = [
        reading.value
        for reading in Readings.of(run.readings).of_series("load", "users")
        if span[0] + ramp_s <= reading.time_s <= span[1]
    ]
    if not counted or not last.target:
        return []
    name = f"the whole load ({format_duration(span[1] - span[0])})"
    stage = Window(frozenset((int(span[1]),)), name, level=last.target)
    planned, there = np.array([last.target]), np.array([max(counted)])
    return [AppliedStage(stage, np.array([int(span[1])]), planned, there, there < planned)]


def _is_flat(profile: Profile) -> bool:
    """Whether its last stage is a hold."""
    before = profile.stages[-2].target if len(profile.stages) > 1 else profile.start
    return before == profile.stages[-1].target


def _by_second(run: Run, *series: str) -> dict[str, dict[int, float]]:
    """Counts of a second add up; of users the last reading stands."""
    found: dict[str, dict[int, float]] = {name: defaultdict(float) for name in series}
    for reading in Readings.of(run.readings).of_series("load", *series):
        values, second = found[reading.series], int(reading.time_s)
        values[second] = reading.value if reading.series == "users" else values[second] + reading.value
    return found


def _trouble(stages: list[AppliedStage], load: AppliedLoad) -> str:
    """Why this is not the load that was promised; empty when it is."""
    if load.short and load.starts is not None:
        return shortfall(load.starts)
    for stage in stages:
        expected = stage.target * stage.stage.duration_s
        planned = float(stage.planned.sum()) * stage.stage.step_s
        # Poisson arrivals are so many on average; a hold may begin or end within a second.
        least = expected * (1 - _TOLERANCE) - _SIGMAS * expected**0.5 - stage.target
        if load.open_model and planned < least:
            numbers = f"{format_count(planned)} arrivals, not {format_count(expected)}"
            return f"the engine planned {numbers}, in {stage.name}"
    off = sum(int(stage.off.sum()) for stage in stages)
    number = sum(stage.seconds.size for stage in stages)
    if off <= max(1.0 if number >= _FORGIVING else 0.0, _MOST_OFF * number):
        return ""
    worst = max((stage for stage in stages if stage.off.any()), key=lambda s: float(s.off.mean()))
    there, wanted = (f"{float(number.mean()):.3g}" for number in (worst.achieved, worst.planned))
    what = "arrivals a second started" if load.open_model else "users were there"
    share = format_percent(off / number)
    return f"{there} of {wanted} {what} in {worst.name}: another number in {share} of the seconds"


def _proof(stages: list[AppliedStage]) -> str:
    said = [
        f"{float(stage.achieved.mean()):.4g} of {float(stage.planned.mean()):.4g} in {stage.name}"
        for stage in stages
    ]
    return "; ".join(said[:3]) + (f" and {len(said) - 3} more stages" if len(said) > 3 else "")


def _evidence(stages: list[AppliedStage], load: AppliedLoad, window: Window) -> dict[str, object]:
    starts = load.starts if load.open_model else None
    off = sum(int(stage.off.sum()) for stage in stages)
    number = sum(stage.seconds.size for stage in stages)
    begin = min(window.seconds, default=0)
    evidence: dict[str, object] = {
        "seconds": number,
        "seconds_off": off,
        "off_at_s": [
            int(second) - begin for second in chain.from_iterable(s.seconds[s.off] for s in stages)
        ][:_MOST_TOLD],
        "rows": [
            {
                "stage": stage.name, "target": stage.target,
                "planned": float(stage.planned.mean()), "achieved": float(stage.achieved.mean()),
                "share": stage.share, "seconds": stage.seconds.size, "seconds_off": int(stage.off.sum()),
            }
            for stage in stages
        ],
    }  # fmt: skip
    if starts is not None:
        evidence |= {
            "planned": starts.planned, "started": starts.started, "late": starts.late,
            "dropped": starts.dropped,
        }  # fmt: skip
    return evidence
