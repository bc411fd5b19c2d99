"""Condition: most requests were answered right, or the requirements limit how many may fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from loadproof.analysis.validity.condition import JudgedRun, Ruling, broken, invalid
from loadproof.analysis.verdict.requirements import matching
from loadproof.analysis.verdict.scenario import checks_of, statuses_of
from loadproof.analysis.window.windows import asked_warm_up_s, requests_of, sample
from loadproof.model import CheckSummary, EventKind, Finding, FindingKind, Requirement, Subject, Verdict
from loadproof.runfile.reader import Run
from loadproof.runfile.slices import Slices
from loadproof.units import format_count, format_duration, format_percent

MOST_FAILED: Final = 0.5
"""Answers that failed prove no speed: beyond this share times are those of failures."""
_NOT_FEW: Final = 0.01
"""From this share on it is told that nothing limits them: a PASS of times alone would not say it."""
_LIMITING: Final = (Subject.ERROR_RATE, Subject.GOODPUT, Subject.CHECKS, Subject.PEAK_ERROR_RATE)
_SPEEDS: Final = (Subject.RESPONSE_TIME, Subject.THROUGHPUT)
_ENGINES: Final = ("http_req_failed", "checks")
_CHECKS: Final = "checks"
_NO_ANSWER: Final = ("no answer", "Non HTTP")
"""Instead of a status, in the words of the engines."""
_LIMIT_CHECKS: Final = "mend what is wrong, or say how many must pass: scenario: {checks: '>99%'}"
_ADVICE: Final = "mend what fails, or require an error rate: error_rate: {max_rate: <1%}"


def judge_answered(judged: JudgedRun) -> Ruling:
    """Broken when a majority of the requests failed and nothing limits failures; by endpoint likewise."""
    if not requests_of(judged.run.slices):
        return _nothing_answered(judged.run)
    if judged.search:
        # Its window is the trials that held: where there are none, the search says so, with the reason.
        return Ruling(True, "a trial without right answers does not hold")
    if not judged.window.seconds:
        warm_up_s = asked_warm_up_s(judged.run.plan)
        sentence = "the load was too short: there is no whole second of it to judge"
        if warm_up_s:
            sentence = (
                f"nothing is left to judge: warm_up leaves out {format_duration(warm_up_s)} of each hold"
            )
        return broken("answered", sentence, "let it run longer, or with a greater --time-scale")
    return _right_enough(judged)


def _nothing_answered(run: Run) -> Ruling:
    """No request ended in the file. "None was made" is said only where nothing shows that one was."""
    in_flight = sum(event.whole("count") for event in run.events_of(EventKind.IN_FLIGHT))
    untold = sum(event.whole("count", 1) for event in run.events_of(EventKind.UNTOLD))
    longer = "let it run longer, until requests have ended"
    if untold:
        sentence = f"no request is in a count: of {format_count(untold)} no row could be made"
        return broken("answered", sentence, "mend how the scenario reports them")
    if in_flight:
        sentence = f"no request was answered: {format_count(in_flight)} in flight when the load ended"
        return broken("answered", sentence, longer)
    cut_off = run.events_of(EventKind.LOAD_STARTED) and not run.events_of(EventKind.LOAD_ENDED)
    if run.events_of(EventKind.WORKER_LOST):
        return broken("answered", "no request was reported by the workers that were lost", "run it again")
    if cut_off or run.events_of(EventKind.UNREPORTED):
        # What was made since the last report is lost: nobody knows whether there was something.
        return broken("answered", "no request was recorded before the run was cut off", longer)
    return broken("answered", "no request was made", "does the scenario send any?")


def _right_enough(judged: JudgedRun) -> Ruling:
    total = sample(judged.slices or judged.run.slices)

    def counted(endpoint: str) -> tuple[int, int]:
        own = sample(matching(endpoint, judged.slices))
        return own.failed, own.requests

    ruling = judge_counts(judged.requirements, judged.thresholds, (total.failed, total.requests), counted)
    if ruling.holds is False:
        return ruling
    silent = _silent(judged.run)
    if silent is not None:
        return silent
    checks = checks_of(judged.run)
    return judge_checks(judged.requirements, judged.thresholds, checks, total.failed) or ruling


def _silent(run: Run) -> Ruling | None:
    """Broken where most requests had no answer at all, and the scenario calls them right all the same.

    It may allow any status; without an answer nothing is known of the service, and no limit on errors sees
    it.
    """
    unanswered = sum(
        count
        for told in statuses_of(run)
        for status, count in told.counts.items()
        if status.startswith(_NO_ANSWER)
    )
    slices = Slices.of(run.slices)
    requests, failed = int(slices.requests.sum()), int(slices.failed.sum())
    if unanswered - failed <= MOST_FAILED * requests:
        return None
    sentence = f"{format_count(unanswered)} of {format_count(requests)} requests had no answer at all"
    sentence += ", and the scenario calls them right"
    return broken("answered", sentence, "let the scenario call a request without an answer failed")


def judge_checks(
    requirements: Sequence[tuple[Requirement, Finding]],
    thresholds: Sequence[Finding],
    checks: Sequence[CheckSummary],
    failed: int,
) -> Ruling | None:
    """Broken where most checks of the scenario failed, no requirement is on them, and no failure says so.

    A check of k6's makes no request fail: answers that are all wrong pass its limits on times and statuses.
    """
    if any(requirement.subject is Subject.CHECKS for requirement, _ in requirements):
        return None
    if any(finding.id.startswith(_CHECKS) for finding in thresholds):
        return None
    fails, passes = sum(check.fails for check in checks), sum(check.passes for check in checks)
    if fails <= max(MOST_FAILED * (fails + passes), failed):
        return None
    sentence = (
        f"{format_count(fails)} of {format_count(fails + passes)} checks failed, and nothing limits them"
    )
    sentence += f": '{checks[0].name}' most often" if checks[0].name else ""
    finding = replace(
        invalid("valid.answered", sentence, _LIMIT_CHECKS), invalidates=False, incomparable=True
    )
    return Ruling(False, sentence, _LIMIT_CHECKS, (finding,))


def judge_counts(
    requirements: Sequence[tuple[Requirement, Finding]],
    thresholds: Sequence[Finding],
    total: tuple[int, int],
    counted: Callable[[str], tuple[int, int]],
) -> Ruling:
    """The same of counts: `total` and, of an endpoint, `counted` are how many failed, of how many."""
    failed, requests = total
    share = failed / requests if requests else 0.0
    said = f"{format_count(failed)} of {format_count(requests)} requests failed"
    said += f" ({format_percent(share)})" if failed else ""
    if _is_limited(requirements, thresholds, None):
        return Ruling(True, f"{said}; the requirements say how many may")
    if share > MOST_FAILED:
        return broken("answered", f"{said}: failures prove no speed, and nothing limits them", _ADVICE)
    revised = {}
    for place, (requirement, finding) in enumerate(requirements):
        endpoint = requirement.endpoint
        if finding.verdict is not Verdict.PASS or requirement.subject not in _SPEEDS or endpoint is None:
            continue
        own_failed, own = counted(endpoint)
        if own_failed > MOST_FAILED * own and not _is_limited(requirements, thresholds, endpoint):
            sentence = f"{finding.sentence}, but most of its requests failed, and nothing limits that"
            revised[place] = replace(finding, verdict=Verdict.INCONCLUSIVE, sentence=sentence, advice=_ADVICE)
    if revised:
        first = next(iter(revised.values()))
        return Ruling(False, first.sentence, _ADVICE, (), revised)
    if share < _NOT_FEW or not any(requirement.subject in _SPEEDS for requirement, _ in requirements):
        return Ruling(True, said)
    note = Finding(
        "valid.unlimited", Verdict.PASS, f"{said}, and nothing limits failures", {}, _ADVICE, FindingKind.NOTE
    )
    return Ruling(True, said, "", (note,))


def _is_limited(
    requirements: Sequence[tuple[Requirement, Finding]], thresholds: Sequence[Finding], endpoint: str | None
) -> bool:
    """Whether a requirement limits the failures of this endpoint, or of all requests."""
    for requirement, _ in requirements:
        if requirement.subject in _LIMITING and requirement.endpoint in (None, endpoint):
            return True
    return any(
        finding.id.partition(":")[0] in _ENGINES  # one without tags is of all requests
        for finding in thresholds
    )
