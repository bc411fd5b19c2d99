"""Requirements on the scenario itself: how many of its tasks may raise, how many of its checks must pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from loadproof.analysis.verdict.raised import in_words, raised_in
from loadproof.analysis.verdict.requirements import judge_share, undecided
from loadproof.analysis.window.windows import Window, whole_window
from loadproof.model import CheckSummary, EventKind, Finding, Requirement, StatusCounts, Subject
from loadproof.model.values import mapping, whole
from loadproof.runfile.reader import Run


def checks_of(run: Run) -> tuple[CheckSummary, ...]:
    """The scenario's checks over the whole load, those that failed most often first."""
    passes: dict[str, list[int]] = {}
    for event in run.events_of(EventKind.CHECKED):
        counts = passes.setdefault(str(event.data.get("name", "")), [0, 0])
        counts[0] += event.whole("passes")
        counts[1] += event.whole("fails")
    found = [CheckSummary(name, passed, failed) for name, (passed, failed) in passes.items()]
    return tuple(sorted(found, key=lambda check: (-check.fails, check.name)))


def statuses_of(run: Run) -> tuple[StatusCounts, ...]:
    """With which statuses each endpoint answered; none where the engine does not tell."""
    found: dict[str, dict[str, int]] = {}
    for event in run.events_of(EventKind.STATUSES):
        counts = found.setdefault(run.routes.get(name := str(event.data.get("endpoint", "")), name), {})
        for status, count in mapping(event.data.get("counts")).items():
            counts[status] = counts.get(status, 0) + whole(count)
    return tuple(StatusCounts(endpoint, counts) for endpoint, counts in sorted(found.items()))


def judge_scenario(requirement: Requirement, run: Run, _window: Window) -> Finding:
    """The finding of a requirement on exceptions or checks, over the whole load."""
    window = whole_window(run)
    if requirement.subject is Subject.EXCEPTIONS:
        raised = raised_in(run)
        if not raised.played:
            advice = f"no {raised.word} ended" if raised.played == 0 else "the engine did not count them"
            return undecided(requirement, "has no data", window, samples=raised.played, advice=advice)
        finding = judge_share(requirement, raised.raised, raised.played, window)
        if raised.groups:
            return finding.with_evidence(said=in_words(raised), rows=[asdict(one) for one in raised.groups])
        return finding
    return judge_checks_required(requirement, checks_of(run), window)


def judge_checks_required(requirement: Requirement, known: Sequence[CheckSummary], window: Window) -> Finding:
    """The finding of a requirement on these checks: on all of them, or on the one that it names."""
    chosen = [check for check in known if requirement.metric in ("", check.name)]
    if not chosen:  # k6's thresholds name a check without its groups, and mean it in all of them
        chosen = [check for check in known if check.name.rpartition("::")[2] == requirement.metric]
    passed, failed = sum(check.passes for check in chosen), sum(check.fails for check in chosen)
    if not passed + failed:
        advice = "no check was made"
        if requirement.metric and known:
            advice = f"there is no such check; checks are: {', '.join(check.name for check in known[:8])}"
        return undecided(requirement, "has no data", window, samples=0, advice=advice)
    return judge_share(requirement, passed, passed + failed, window)
