"""Which seconds of a run are judged."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np

from loadproof.analysis.window.steady import LEAST_HOLD_S, Hold, find_hold
from loadproof.histogram import Histogram, merged
from loadproof.model import EventKind, Finding, FindingKind, Plan, ProfileKind, Slice, Subject, Verdict
from loadproof.plan.profiles import hold_windows
from loadproof.runfile.reader import Run
from loadproof.runfile.slices import Slices
from loadproof.units import format_duration, format_percent

WARMED_UP = (ProfileKind.LOAD, ProfileKind.SOAK, ProfileKind.SCENARIO)
"""Kinds of load whose holds begin with a warm-up that is no part of the answer. In a stress or a spike test
each second after a step is what was asked for."""


@dataclass(frozen=True, slots=True)
class Window:
    """Whole seconds since the epoch, and why it is these."""

    seconds: frozenset[int]
    """Of a run that is read in steps, the first second of each."""
    description: str
    holds: tuple[Hold, ...] = ()
    """The holds that were searched for warm-up; what was cut from them is not in `seconds`."""
    level: float | None = None
    """Users, or arrivals per second, where that is one number."""
    in_part: bool = False
    """The load covers no second as a whole: these are what it has, and no throughput can be told."""
    step_s: int = 1
    """Seconds that each of `seconds` stands for."""

    @property
    def warm_up_s(self) -> int:
        """Seconds cut as warm-up, over all holds."""
        return sum(hold.cut_s for hold in self.holds)

    @property
    def duration_s(self) -> int:
        return 0 if self.in_part else len(self.seconds) * self.step_s


@dataclass(frozen=True, slots=True)
class Sample:
    """What a set of slices adds up to."""

    requests: int
    failed: int
    response: Histogram


def load_span(run: Run) -> tuple[float, float] | None:
    """When the load started and ended, in seconds since the epoch; None when it never started.

    A run that was cut off ends with its last whole second.
    """
    started = run.events_of(EventKind.LOAD_STARTED)
    if not started:
        return None
    ended = run.events_of(EventKind.LOAD_ENDED)
    if ended:
        return started[0].time_s, ended[-1].time_s
    last = end_of(run.slices)
    return started[0].time_s, started[0].time_s if last is None else float(last)


def end_of(slices: Iterable[Slice]) -> int | None:
    """The second after the last one that has a slice; None without any."""
    seconds = Slices.of(slices).second
    return int(seconds.max()) + 1 if seconds.size else None


def whole_window(run: Run) -> Window:
    """Every whole second of the load, ramps and warm-up included."""
    span = load_span(run)
    if span is None:
        return Window(frozenset(), "the load never started")
    seconds = _seconds(*span, run.step_s)
    if not seconds:
        # A smoke run of a second covers none as a whole: what was recorded is all that there is.
        parts = frozenset(np.unique(Slices.of(run.slices).second).tolist())
        return Window(parts, f"the whole load ({format_duration(span[1] - span[0])})", in_part=True)
    length = format_duration(len(seconds) * run.step_s)
    return Window(frozenset(seconds), f"the whole load ({length})", step_s=run.step_s)


def stage_windows(run: Run) -> list[Window]:
    """The whole seconds of each hold, warm-up included, in order of time."""
    span = load_span(run)
    if span is None:
        return []
    windows = []
    for number, (start_s, end_s, level) in enumerate(hold_windows(run.plan.played_profile), start=1):
        seconds = _seconds(span[0] + start_s, min(span[0] + end_s, span[1]), run.step_s)
        if seconds:
            length = format_duration(len(seconds) * run.step_s)
            name = f"stage {number}, at {level:g} ({length})"
            windows.append(Window(frozenset(seconds), name, level=level, step_s=run.step_s))
    return windows


def judged_window(run: Run) -> Window:
    """The seconds that requirements are judged over: of a load with `must_hold`, those up to that level."""
    window = _with_requests(run, _steady_window(run))
    most = [r.limit for r in run.plan.requirements if r.subject is Subject.HELD_LOAD]
    span = load_span(run)
    if not most or span is None or not run.plan.profile.stages:
        return window
    profile = run.plan.played_profile
    seconds = frozenset(
        second for second in window.seconds if profile.level_at(second + 0.5 - span[0]) <= max(most)
    )
    unit = "/s" if profile.open_model else " users"
    return replace(window, seconds=seconds, description=f"{window.description}, up to {max(most):g}{unit}")


def _with_requests(run: Run, steady: Window) -> Window:
    """All that was recorded, where users make their requests while they are started, and think from then on.

    What was answered is what there is to judge; a rate of the steady load cannot be told from it.
    """
    if asked_warm_up_s(run.plan) or run.plan.profile.kind not in WARMED_UP or steady.in_part:
        return steady
    if not steady.seconds or not len(run.slices) or requests_of(within(run.slices, steady.seconds)):
        return steady
    parts = frozenset(np.unique(Slices.of(run.slices).second).tolist())
    said = f"the whole load: no request ended in {steady.description}"
    return replace(steady, seconds=steady.seconds | parts, description=said, holds=(), in_part=True)


def _steady_window(run: Run) -> Window:
    """The seconds that requirements are judged over: the load without its ramps and its warm-up.

    Without a known profile, or when it only ramps, that is the whole load. A second counts when it lies
    inside the load as a whole. Warm-up is cut from holds of a minute or more (see steady.py).
    """
    whole = whole_window(run)
    span = load_span(run)
    if span is None:
        return whole
    asked_s = asked_warm_up_s(run.plan)
    constant = _constant(run, *span)
    if not constant:
        return _without_start(whole, asked_s)
    step_s = run.step_s
    full_s = sum(len(part) for part in constant) * step_s
    holds: tuple[Hold, ...] = ()
    asked = ""
    if asked_s:
        of_each = " of each hold" if len(constant) > 1 else ""
        asked = f", first {format_duration(asked_s)}{of_each} left out by warm_up"
        constant = [part[math.ceil(asked_s / step_s) :] for part in constant]
    held = {second for seconds in constant for second in seconds}
    ramps = ", ramps left out" if full_s < whole.duration_s else ""
    if run.plan.profile.kind in WARMED_UP:
        holds = tuple(find_hold(part, run.slices) for part in constant if len(part) * step_s >= LEAST_HOLD_S)
    warm_up = {second for hold in holds for second in range(hold.start, hold.start + hold.cut_s, step_s)}
    seconds = frozenset(held - warm_up)
    whole = replace(whole, seconds=seconds, holds=holds)
    if not warm_up and not ramps and not asked:
        return whole
    first = "first " if sum(hold.cut_s > 0 for hold in holds) == 1 else ""
    first = "another " if asked else first
    cut = f", {first}{format_duration(len(warm_up) * step_s)} cut as warm-up" if warm_up else ""
    steady = format_duration(len(seconds) * step_s)
    return replace(whole, description=f"{steady} of steady load{ramps}{asked}{cut}")


def asked_warm_up_s(plan: Plan) -> int:
    """Whole seconds that a requirement file, loadproof.yaml or `--warm-up` leaves out of each hold's start.

    As they are played: in a rehearsal they are as much shorter as the load is.
    """
    if plan.profile.kind not in WARMED_UP:
        return 0
    most_s = max([plan.options.warm_up_s, *(r.warm_up_s for r in plan.requirements)])
    return math.ceil(most_s * plan.time_scale)


def _without_start(whole: Window, asked_s: int) -> Window:
    """A load whose course is not known: its start is the load's."""
    if not asked_s:
        return whole
    begin = min(whole.seconds, default=0) + asked_s
    seconds = frozenset(second for second in whole.seconds if second >= begin)
    said = f"{whole.description}, first {format_duration(asked_s)} left out by warm_up"
    return replace(whole, seconds=seconds, description=said)


def constant_parts(run: Run, window: Window) -> list[range]:
    """The judged seconds of each hold whose start may be warm-up, where the load's course is known."""
    span = load_span(run)
    if span is None or run.plan.profile.kind not in WARMED_UP:
        return []
    return [
        part
        for constant in _constant(run, *span)
        for part in contiguous((second for second in constant if second in window.seconds), run.step_s)
    ]


def _constant(run: Run, start_s: float, end_s: float) -> list[range]:
    """The parts at one level each, that after the last stage of a load without a planned end included."""
    profile = run.plan.played_profile
    parts = [
        _seconds(start_s + hold_start_s, min(start_s + hold_end_s, end_s), run.step_s)
        for hold_start_s, hold_end_s, _level in hold_windows(profile)
    ]
    if profile.stages and profile.stages[-1].target > 0 and not profile.open_model:
        # Without a planned end (Locust without --run-time) the load stays at its last level.
        parts.append(_seconds(start_s + profile.duration_s + 1.0, end_s, run.step_s))
    return [part for part in parts if part]


def contiguous(seconds: Iterable[int], step_s: int = 1) -> list[range]:
    """The seconds as runs without a gap, in order of time; or the first seconds of steps."""
    runs: list[range] = []
    for second in sorted(seconds):
        if runs and runs[-1].stop == second:
            runs[-1] = range(runs[-1].start, second + step_s, step_s)
        else:
            runs.append(range(second, second + step_s, step_s))
    return runs


def within(slices: Iterable[Slice], seconds: Collection[int]) -> Slices:
    """The slices of these seconds."""
    return Slices.of(slices).within(seconds)


def requests_of(slices: Iterable[Slice]) -> int:
    """How many requests they are."""
    return int(Slices.of(slices).requests.sum())


def sample(slices: Iterable[Slice]) -> Sample:
    """The slices' sum."""
    if isinstance(slices, Slices):
        return Sample(int(slices.requests.sum()), int(slices.failed.sum()), slices.response.total())
    requests = failed = 0
    responses = []
    for part in slices:
        requests += part.requests
        if part.failures:
            failed += part.failed
        responses.append(part.response)
    return Sample(requests, failed, merged(responses))


def _seconds(start_s: float, end_s: float, step_s: int = 1) -> range:
    """The seconds that lie between the two as a whole; or the first seconds of the steps that do."""
    first, end = (math.ceil(start_s / step_s) * step_s, math.floor(end_s / step_s) * step_s)
    return range(first, max(first, end), step_s)


def judge_steady(_run: Run, window: Window) -> list[Finding]:
    """A note when a hold never became steady: its numbers depend on when it was looked at."""
    restless = [
        (hold, level) for hold in window.holds for level in hold.levels if hold.steady is False
        and not level.steady
    ]  # fmt: skip
    if not restless:
        return []
    _, worst = max(restless, key=lambda pair: abs(pair[1].change))
    rows = [
        {
            "hold_started_at_s": hold.start, "endpoint": level.endpoint, "cut_s": level.cut_s,
            "change": level.change, "steady": level.steady,
        }
        for hold in window.holds for level in hold.levels
    ]  # fmt: skip
    way = "slower" if worst.change > 0 else "faster"
    sentence = (
        f"the service never became steady: the median of {worst.endpoint} was "
        f"{format_percent(abs(worst.change))} {way} in the last third than in the first"
    )
    if window.warm_up_s:
        sentence += f", after {format_duration(window.warm_up_s)} cut as warm-up"
    advice = "hold the load longer, or find what keeps changing; not fit for a comparison with another run"
    evidence = {
        "steady": False, "warm_up_s": window.warm_up_s, "rows": rows,
    }  # fmt: skip
    return [
        Finding(
            "steady", Verdict.INCONCLUSIVE, sentence, evidence, advice, FindingKind.NOTE, incomparable=True
        )
    ]
