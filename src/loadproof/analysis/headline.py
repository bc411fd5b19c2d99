"""The first line of every report: the verdict's reason in one sentence that fits a commit status or a title.

What it leaves out for want of room stands in the findings, whole.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from loadproof.analysis.window.windows import sample
from loadproof.model import EventKind, FailureKind, Finding, FindingKind, Requirement, Slice, Verdict
from loadproof.model.values import mapping, whole
from loadproof.runfile.reader import Run
from loadproof.units import cut_name, format_count, format_duration, format_percent

MOST: Final = 90
"""Characters: what is shown whole in a terminal of 100 columns beside the verdict, and in lists of checks."""
REHEARSED: Final = " (a rehearsal, no proof)"
_LEAST_SUBJECT: Final = 16
"""A subject that is cut in its middle keeps so much, or else nobody knows it again."""
_STATUS = re.compile(r"\b[1-5]\d\d\b")
_REDIRECTED = re.compile(r"\bredirect|TooManyRedirects|RetriesExceeded", re.IGNORECASE)
_UNMEASURED = re.compile(r" (has no data|was not measured|is not known|is judged at the end), required ")
_ERRORS: Final = ("error rate", "peak error rate", "goodput")
_HELD: Final = "held load"
_KINDS: Final = {
    FailureKind.TRANSPORT: "no answer",
    FailureKind.TIMEOUT: "timeouts",
    FailureKind.CHECK: "failed checks",
    FailureKind.STATUS: "wrong statuses",
}


def verdict_sentence(
    verdict: Verdict, findings: Sequence[Finding], run: Run | None = None, judged: Sequence[Slice] = ()
) -> str:
    """At most `MOST` characters. `judged`: the slices whose failures a FAIL on errors names."""
    rehearsed = REHEARSED if run is not None and run.plan.rehearsal else ""
    room = MOST - len(rehearsed)
    headline = next((finding for finding in findings if finding.headline), None)
    counted = [finding for finding in findings if not finding.is_note]
    failed = [finding for finding in counted if finding.verdict is Verdict.FAIL]
    unknown = [finding for finding in counted if finding.verdict is Verdict.INCONCLUSIVE]
    unknown.sort(key=lambda finding: (not finding.invalidates, finding.kind is not FindingKind.CONDITION))
    match verdict:
        case Verdict.DONE:
            said = fitting(_in_clauses(headline.statements) if headline else [_explored(judged)], room)
        case Verdict.FAIL if headline is not None and _speaks_of_others(headline, failed):
            said = fitting(_with_more(_why_failed(failed[0], run, judged, room), len(failed) - 1), room)
        case Verdict.PASS | Verdict.FAIL if headline is not None:
            clauses, needs = headline.statements, "required" if verdict is Verdict.FAIL else ""
            if verdict is Verdict.FAIL and headline.verdict is Verdict.PASS and not headline.is_note:
                needs = failed[0].sentence
                clauses = (*clauses, needs)
            said = fitting(_in_clauses(clauses, needs), room)
        case Verdict.PASS:
            number = sum(not (finding.measure and finding.measure.by_default) for finding in counted)
            said = {1: "the requirement holds", 2: "both requirements hold"}.get(
                number, f"all {number} requirements hold"
            )
        case Verdict.FAIL:
            said = fitting(_with_more(_why_failed(failed[0], run, judged, room), len(failed) - 1), room)
        case Verdict.INCONCLUSIVE:
            invalid = any(finding.invalidates for finding in unknown)
            first = headline if headline in unknown and not invalid else None
            said = fitting(_with_more(_missing(first or unknown[0], room), len(unknown) - 1), room)
    return said + rehearsed


def _speaks_of_others(headline: Finding, failed: Sequence[Finding]) -> bool:
    """Whether what a stress test found is not why the run failed: "it held" is no reason of a FAIL.

    Where it says which stage broke, that is the reason for `must_hold`, and for what the stage broke.
    """
    if headline.verdict is not Verdict.PASS or not headline.is_note:
        return False
    broken = headline.detail.id if isinstance(headline.detail, Requirement) else None
    return not any(one.id == broken or one.subject == _HELD for one in failed)


def _explored(judged: Sequence[Slice]) -> str:
    """What an exploration found, in three figures; a time that is unknown is left out."""
    total = sample([part for part in judged if not part.endpoint.beside])
    if not total.requests:
        return "nothing was required"
    p95_s = total.response.quantile(0.95)
    figures = [f"p95 {format_duration(p95_s)}"] if p95_s is not None else []
    figures += [
        f"{format_count(total.requests)} requests",
        f"{format_percent(total.failed / total.requests)} failed",
    ]
    return f"nothing was required: {', '.join(figures)}"


def _with_more(candidates: Sequence[str], others: int) -> list[str]:
    """How many other findings say so is told where there is room: it is in the table below."""
    if not others:
        return list(candidates)
    more = f" (and {others} more)"
    return [text + end for text in candidates for end in (more, "")]


def fitting(candidates: Iterable[str], room: int = MOST) -> str:
    """The first that fits; of the last one what fits, cut between two clauses."""
    last = ""
    for last in candidates:
        if len(last) <= room:
            return last
    ends = [found.start() for found in re.finditer(r"; | \(|, |: ", last) if found.start() <= room - 2]
    words = [found.start() for found in re.finditer(" ", last) if found.start() <= room - 2]
    end = max(ends, default=0)
    if end < room // 2:
        end = max(words, default=room - 2)
    said = last[:end]
    if said.count("(") > said.count(")") and said.rindex("(") > _LEAST_SUBJECT:
        said = said[: said.rindex("(")].rstrip()  # half a parenthesis says less than none
    return said + " …"


def _in_clauses(clauses: Sequence[str], needs: str = "") -> list[str]:
    """A sentence, and what it comes to with fewer of its clauses; `needs` stays."""
    sentence = "; ".join(clauses)
    shorter = ["; ".join(clauses[:number]) for number in range(len(clauses), 0, -1)]
    if not needs or needs not in sentence:
        return shorter
    without_reason = re.sub(r" \(.*?\)", "", clauses[0])
    less = [sentence.rpartition(", ")[0], f"{clauses[0]}; {clauses[-1]}", f"{without_reason}; {clauses[-1]}"]
    alone = [text for clause in clauses for text in (clause, clause.rpartition(", ")[0])]
    # A whole sentence says something by itself; "required" does not.
    last = [needs] if " " in needs else []
    return [text for text in [*shorter, *less, *alone, *last] if needs in text]


def _why_failed(finding: Finding, run: Run | None, judged: Sequence[Slice], room: int) -> list[str]:
    """Subject, value, limit and, of errors, which answers they were, from the most telling on."""
    said = _said(finding.sentence, finding.subject, room)
    if run is None or not finding.subject.startswith(_ERRORS):
        return [said]
    causes = _causes(run, judged, finding.endpoint)
    lists = [", ".join(causes[:number]) for number in (3, 2, 1) if len(causes) >= number]
    candidates = [f"{said}: {text}" for text in lists]
    if lists:
        # A long name is cut before it is left out: that something failed there is the cause.
        candidates.append(f"{said}: {cut_name(causes[0], room - len(said) - 2)}")
    return [*candidates, said]


def _causes(run: Run, judged: Sequence[Slice], endpoint: str | None) -> list[str]:
    """ "404 of GET /x", most frequent first, of the judged time."""
    counts: Counter[tuple[FailureKind, str]] = Counter()
    for part in judged:
        named = str(part.endpoint)
        if part.endpoint.beside or endpoint not in (None, named, part.endpoint.name):
            continue
        for kind, count in part.failures.items():
            counts[kind, named] += count
    found = []
    for (kind, named), count in counts.most_common():
        if count:
            what = _KINDS[kind]
            if kind is FailureKind.STATUS:
                what = "/".join(_statuses(run, named)) or what
            elif kind is FailureKind.TRANSPORT and _only_redirects(run, named):
                what = "redirects without end"
            found.append(what if endpoint else f"{what} of {named}")
    return found


def _only_redirects(run: Run, endpoint: str) -> bool:
    """Whether all that an endpoint's requests failed with is that it was redirected too often.

    It did answer each time: requests and geventhttpclient say "Exceeded 30 redirects", "too many redirects".
    """
    told = [
        event.message
        for event in run.events_of(EventKind.ERROR_SAMPLE)
        if event.data.get("endpoint") == endpoint and event.data.get("kind") in (None, FailureKind.TRANSPORT)
    ]
    return bool(told) and all(_REDIRECTED.search(message) for message in told)


def _statuses(run: Run, endpoint: str) -> list[str]:
    """The two most frequent with which requests of the endpoint failed; none where nobody tells."""
    counts: Counter[str] = Counter()
    for event in run.events_of(EventKind.ERROR_SAMPLE):
        status = _STATUS.search(event.message)
        told = event.data.get("kind") in (None, FailureKind.STATUS)
        if status and told and event.data.get("endpoint") == endpoint:
            counts[status[0]] += event.whole("count", 1)
    if not counts:
        for event in run.events_of(EventKind.STATUSES):
            if event.data.get("endpoint") == endpoint:
                for name, count in mapping(event.data.get("counts")).items():
                    if name[:1] in ("4", "5"):
                        counts[name] += whole(count)
    return [status for status, _ in counts.most_common(2)]


def _missing(finding: Finding, room: int) -> list[str]:
    """What is missing, and how much more it takes."""
    measure, subject = finding.measure, finding.named_subject
    if measure is None:
        return _in_clauses(finding.statements)
    if measure.needed is not None and measure.samples is not None:
        had, needed = format_count(measure.samples), format_count(measure.needed)
        longer = _longer(measure.samples, measure.needed)
        told = f"{had} of the {needed} samples needed for {subject}: {longer}"
        return [_said(told, subject, room)]
    said, doubted, cause = finding.sentence.partition(", but ")
    if doubted:
        cause = f"the {cause[4:]}" if cause.startswith("its ") else cause
        who, named, _ = cause.partition("), ")
        shorter = [f"{who}): {subject} is undecided"] if named else []
        return [_said(f"{cause}: {subject} is undecided", subject, room), *shorter, cause]
    if measure.value is None and _UNMEASURED.search(said):
        return [_said(f"no value for {subject}: {finding.advice or said}", subject, room)]
    if measure.value is not None and ", required " in said:
        return [_said(f"{subject} is undecided: {finding.advice}".removesuffix(": "), subject, room)]
    return _in_clauses(finding.statements)


def _longer(had: int, needed: int) -> str:
    """By how much, never rounded down."""
    if not had:
        return "run longer"
    times = needed / had
    shown = math.ceil(times * 10) / 10 if times < 10 else math.ceil(times)
    return f"run {shown:g} times as long"


def _said(sentence: str, subject: str, room: int) -> str:
    """The sentence with its subject's name cut in the middle, where that makes it fit."""
    least = len(sentence) - len(subject) + _LEAST_SUBJECT
    if len(sentence) <= room or not subject or subject not in sentence or least > room:
        return sentence
    return sentence.replace(subject, cut_name(subject, len(subject) - len(sentence) + room), 1)
