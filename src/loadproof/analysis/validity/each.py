"""Conditions of several scenarios: what holds of one says nothing of another, so each is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from loadproof.analysis.several import runs_of, scenario_named, window_of_all, windows_of
from loadproof.analysis.validity.condition import JudgedRun, Ruling
from loadproof.analysis.verdict.load import applied_load
from loadproof.analysis.window.windows import Window, judged_window, within
from loadproof.model import Finding, ProfileKind, Requirement
from loadproof.runfile.reader import Run
from loadproof.runfile.slices import Slices


def judged_of(run: Run, window: Window | None = None) -> JudgedRun:
    """A run as its conditions see it, over `window`: by default the judged one, of several that of all.

    Whoever asks whether a run is valid begins here, so that the verdict and a comparison say the same of it.
    """
    several = runs_of(run)
    if window is None:
        window = window_of_all(run, several) if several else judged_window(run)
    slices = within(run.slices, window.seconds)
    search = run.plan.profile.kind is ProfileKind.CAPACITY
    return JudgedRun(run, window, slices, applied_load(run, slices, window), several=several, search=search)


def seconds_judged(judged: JudgedRun) -> Window:
    """Every second that a requirement is judged by: also those that one of several is judged in by itself."""
    own = [window.seconds for window in windows_of(judged.several).values()]
    return replace(judged.window, seconds=judged.window.seconds.union(*own))


def judged_for(judged: JudgedRun, requirement: Requirement) -> tuple[Slices, Window]:
    """What it is judged by: one that names one of several scenarios has that one's own time."""
    of = scenario_named(judged.run, requirement.endpoint)
    if not of:
        return judged.slices, judged.window
    window = judged_window(judged.several[of])
    return within(judged.run.slices, window.seconds), window


def of_each(
    judge: Callable[[JudgedRun], Ruling], *, whole: Callable[[JudgedRun], Ruling | None] | None = None
) -> Callable[[JudgedRun], Ruling]:
    """`judge`, asked of each of several scenarios, unless `whole` has an answer for all of them."""

    def judge_each(judged: JudgedRun) -> Ruling:
        if not judged.several:
            return judge(judged)
        of_all = whole(judged) if whole is not None else None
        return of_all or _together(judged, [(name, judge(own)) for name, own in _each(judged)])

    return judge_each


def _each(judged: JudgedRun) -> Iterator[tuple[str, JudgedRun]]:
    """Each as it would be judged alone: what is required of its endpoints, and by its own thresholds, too."""
    for name, run in judged.several.items():
        window, prefix = judged_window(run), f"{name}: "
        slices = within(run.slices, window.seconds)
        own = replace(
            judged,
            run=run,
            window=window,
            slices=slices,
            load=applied_load(run, slices, window),
            requirements=tuple(
                (replace(required, endpoint=(required.endpoint or "").removeprefix(prefix) or None), finding)
                for required, finding in judged.requirements
            ),
            thresholds=tuple(replace(one, id=one.id.removeprefix(prefix)) for one in judged.thresholds),
            several={},
        )
        yield name, own


def _together(judged: JudgedRun, each: list[tuple[str, Ruling]]) -> Ruling:
    """Broken where one is; not known where one is not known."""
    broken = [(name, ruling) for name, ruling in each if ruling.holds is False]
    shown = broken or each
    findings = tuple(named(name, finding) for name, ruling in each for finding in ruling.findings)
    ids = [finding.id for _, finding in judged.pairs]
    revised = {
        place: replace(finding, id=ids[place])
        for _, ruling in each
        for place, finding in ruling.revised.items()
    }
    known = all(ruling.holds is not None for _, ruling in each)
    sentence = "; ".join(f"{name}: {ruling.sentence}" for name, ruling in shown)
    holds = False if broken else True if known else None
    return Ruling(holds, sentence, shown[0][1].advice, findings, revised)


def named(name: str, finding: Finding) -> Finding:
    """A finding on one of several scenarios."""
    return replace(
        finding,
        id=f"{name}: {finding.id}",
        sentence=f"{name}: {finding.sentence}",
        subject=f"{name}: {finding.named_subject}" if finding.subject else "",
    )
