"""Whether the data is still right: answers before and after the load, rows against acknowledged writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loadproof.analysis.verdict.requirements import matching
from loadproof.analysis.window.windows import sample
from loadproof.model import ConsistencyCheck, EventKind, Finding, Verdict
from loadproof.plan.requirements import endpoint_name
from loadproof.run.consistency import is_answer
from loadproof.runfile.reader import Run
from loadproof.units import format_count


@dataclass(frozen=True, slots=True)
class Writes:
    """Requests of the endpoint that writes, over the whole run."""

    acknowledged: int
    failed: int
    in_flight: int
    """Sent and not answered when their users were stopped, of all endpoints."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Acknowledged writes against rows: at least so many of each."""

    lost: int
    duplicate: int
    phantom: int
    rows: int


def judge_consistency(run: Run) -> list[Finding]:
    """One finding for each check of the plan."""
    return [_judge(run, check) for check in run.plan.consistency]


def reconcile(writes: Writes, rows: int, duplicates: int) -> Reconciled:
    """What the numbers prove, and no more.

    A request that failed or was not waited for may have written its row or not. So rows beyond the
    acknowledged ones are phantoms only when those cannot explain them, and a row that is there twice
    stands for one that is not there at all.
    """
    distinct = rows - duplicates
    lost = max(0, writes.acknowledged - distinct)
    phantom = max(0, distinct - writes.acknowledged - writes.failed - writes.in_flight)
    return Reconciled(lost, max(0, duplicates), phantom, rows)


def _judge(run: Run, check: ConsistencyCheck) -> Finding:
    events = [e for e in run.events_of(EventKind.CONSISTENCY) if e.data.get("check") == check.name]
    before = next((e.data for e in events if e.data["when"] == "before"), None)
    after = next((e.data for e in reversed(events) if e.data["when"] == "after"), None)
    evidence: dict[str, object] = {"check": check.name}
    for when, data in (("before", before), ("after", after)):
        if data is None:
            return _finding(check, Verdict.INCONCLUSIVE, f"was not asked {when} the load", evidence)
        if data["error"]:
            sentence = f"has no answer {when} the load: {data['error']}"
            return _finding(check, Verdict.INCONCLUSIVE, sentence, evidence)
        evidence[when] = data["answer"]
    assert before is not None  # noqa: S101  # the loop has seen to it
    assert after is not None  # noqa: S101
    if check.settings["rows"] is not None:
        return _judge_writes(run, check, before, after, evidence)
    expected = check.settings["equals"]
    if expected is None:
        same = before["digest"] == after["digest"]
        said = "answers the same before and after the load"
        if not same:
            said = f"answered {_quoted(before)} before the load and {_quoted(after)} after it"
        return _finding(check, Verdict.PASS if same else Verdict.FAIL, said, evidence)
    if not is_answer(str(before["answer"]), expected):
        said = f"was wrong before the load: {_quoted(before)}, required {expected}"
        return _finding(check, Verdict.FAIL, said, evidence)
    right = is_answer(str(after["answer"]), expected)
    said = f"answers {_quoted(after)} after the load, required {expected}"
    return _finding(check, Verdict.PASS if right else Verdict.FAIL, said, evidence)


def _judge_writes(
    run: Run,
    check: ConsistencyCheck,
    before: Mapping[str, object],
    after: Mapping[str, object],
    evidence: dict[str, object],
) -> Finding:
    try:
        rows = int(str(after["answer"])) - int(str(before["answer"]))
        duplicates = int(str(after.get("duplicates", 0))) - int(str(before.get("duplicates", 0)))
    except ValueError:
        return _finding(check, Verdict.INCONCLUSIVE, "does not answer with one whole number", evidence)
    endpoint = endpoint_name(str(check.settings["acknowledged"]))
    sent = sample(matching(endpoint, run.slices))
    failed = sent.failed
    writes = Writes(sent.requests - failed, failed, _in_flight(run))
    found = reconcile(writes, rows, duplicates)
    evidence |= {
        "acknowledged": writes.acknowledged, "failed": failed,
        "in_flight": writes.in_flight, "rows": rows, "lost": found.lost,
        "duplicate": found.duplicate, "phantom": found.phantom,
    }  # fmt: skip
    if not writes.acknowledged:
        return _finding(check, Verdict.INCONCLUSIVE, f"no write of {endpoint} was acknowledged", evidence)
    numbers = f"{format_count(writes.acknowledged)} writes acknowledged, {format_count(rows)} rows arrived"
    wrong = [
        f"{format_count(number)} {name}"
        for name, number in (
            ("lost", found.lost), ("duplicate", found.duplicate), ("phantom", found.phantom)
        )
        if number
    ]  # fmt: skip
    if wrong:
        return _finding(check, Verdict.FAIL, f"{numbers}: {', '.join(wrong)}", evidence)
    return _finding(check, Verdict.PASS, numbers, evidence)


def _in_flight(run: Run) -> int:
    return sum(event.whole("count") for event in run.events_of(EventKind.IN_FLIGHT))


def _quoted(data: Mapping[str, object]) -> str:
    return f"'{data['answer']}'"


def _finding(check: ConsistencyCheck, verdict: Verdict, said: str, evidence: dict[str, object]) -> Finding:
    endpoint = check.settings["acknowledged"] if check.settings["rows"] is not None else None
    return Finding(
        f"consistency.{check.name}", verdict, f"{check.name}: {said}", evidence, source=check.source,
        window="before and after", endpoint=endpoint_name(str(endpoint)) if endpoint else None,
    )  # fmt: skip
