"""Condition: a request that left is in a count."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from loadproof.analysis.validity.condition import IMPORTED, JudgedRun, Ruling, broken, invalid
from loadproof.analysis.window.windows import end_of, load_span, requests_of, sample
from loadproof.model import EventKind, ProfileKind, Subject
from loadproof.model.values import mapping, whole
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_count, format_duration, format_percent

_HUNG: Final = "look at the service in the last seconds; users get --stop-timeout to finish, 5s unless told"
_STUCK: Final = 1
"""Requests without an answer that are no sign, whatever the load."""
_FEW: Final = 3
"""Requests that may be in no count, whatever the load: those of the moment at which it ended, and one of each
user that listens beside its tasks."""
_SILENT_S: Final = 3.0
_SILENCE: Final = 3.0
"""Of the slowest answer: who waits for longer waits for none."""
_CUT_OFF_S: Final = 25.0
_MOST_STUCK: Final = 0.1
"""Of the users."""
_SIGMAS: Final = 4.0
MOST_UNTOLD: Final = 0.001
"""Of all requests: error rates that people require begin there."""
_LOST: Final = (
    (EventKind.UNREPORTED, "generator.reports", "some of the load was not measured: run it again"),
    (EventKind.RECORDER_MISMATCH, "generator.count", "this is a bug of Loadproof: please report it"),
)


@dataclass(frozen=True, slots=True)
class OnTheWire:
    """Requests as the scenario makes them and as the service sees them, over the whole load."""

    scenario: int
    hops: int
    """Redirects that the client followed, where it does not count them as requests."""
    repeats: int
    """Sent again by the client itself."""

    @property
    def wire(self) -> int:
        """All that left."""
        return self.scenario + self.hops + self.repeats


def on_the_wire(run: Run) -> OnTheWire | None:
    """None where the engine does not tell."""
    told = run.events_of(EventKind.WIRE)
    if not told and not run.events_of(EventKind.PLAYED):
        return None
    requests = requests_of(run.slices)
    hops = repeats = counted = 0
    for event in told:
        hops += event.whole("hops")
        repeats += event.whole("repeats")
        # k6 counts a hop as a request: its slices hold it already.
        counted += event.whole("counted")
    return OnTheWire(requests - counted, hops, repeats)


def judge_conserved(judged: JudgedRun) -> Ruling:
    """Broken when requests were lost to the count, and nobody knows how they ended."""
    if judged.imported:
        return Ruling(None, f"{IMPORTED} which requests it left out")
    findings = []
    for kind, name, advice in _LOST:
        events = judged.run.events_of(kind)
        if events:
            first = events[-1].message if len(events) == 1 else f"{events[0].message} ({len(events)} times)"
            findings.append(invalid(name, first, advice))
    if findings:
        return Ruling(False, findings[0].sentence, findings[0].advice, tuple(findings))
    why: Counter[str] = Counter()
    for event in judged.run.events_of(EventKind.UNTOLD):
        why[str(event.data.get("why") or "the reason is not known")] += event.whole("count", 1)
    untold, told = sum(why.values()), requests_of(judged.run.slices)
    if untold > MOST_UNTOLD * (untold + told):
        sentence = (
            f"{format_count(untold)} requests ({format_percent(untold / (untold + told))}) are in no count: "
            f"{why.most_common(1)[0][0]}"
        )
        rows = [{"why": text, "count": count} for text, count in why.most_common()]
        return broken("conserved", sentence, "mend how the scenario reports them", {"rows": rows})
    return _uncounted(judged, untold) or _hung(judged) or Ruling(True, _in_words(judged.run, untold))


def _uncounted(judged: JudgedRun, untold: int) -> Ruling | None:
    """Broken when more was sent, by what is told of where it went, than is in any count.

    A scenario that clears the listeners of Locust's request event takes the counts away from all.
    """
    run, found = judged.run, on_the_wire(judged.run)
    hosts = [mapping(event.data.get("hosts")) for event in run.events_of(EventKind.AIMED)]
    sent = sum(whole(count) for told in hosts for count in told.values())
    if found is None or judged.search or run.events_of(EventKind.WORKER_LOST):
        return None  # for a lost worker it is told which of its users are in no count
    waiting = sum(event.whole("count") for event in run.events_of(EventKind.IN_FLIGHT))
    lacking = sent - found.wire - waiting - untold
    if lacking <= max(_FEW, _most_users(run), MOST_UNTOLD * sent):
        return None
    sentence = f"{format_count(lacking)} requests ({format_percent(lacking / sent)}) left and are in no count"
    advice = "does the scenario remove the listeners of Locust's request event?"
    return broken("conserved", sentence, advice)


def _hung(judged: JudgedRun) -> Ruling | None:
    """Broken when far more requests had no answer at the end than are under way at any moment.

    They left, have no time and no status, and are the slowest of all: a service that stopped answering is as
    quick as it was before, by all that it answered. How many are under way at a moment is known by Little's
    law, the rate times the mean time, and scatters as a Poisson number does.
    """
    run = judged.run
    pushed = any(requirement.subject is Subject.HELD_LOAD for requirement, _ in judged.requirements)
    if judged.search or pushed or run.plan.profile.kind is ProfileKind.STRESS:
        return None  # it is to end beyond what the service can do
    waiting, cut_off = (
        sum(event.whole(key) for event in run.events_of(EventKind.IN_FLIGHT)) for key in ("count", "at_most")
    )
    span = load_span(run)
    if not (waiting or cut_off) or span is None or span[1] <= span[0]:
        return None
    answered = sample(run.slices)
    silent_s = span[1] - (end_of(run.slices) or span[0])
    patience_s = _SILENCE * answered.response.maximum_s if answered.response.count else 0.0
    users = _most_users(run)
    said = f"nothing was answered in its last {format_duration(round(silent_s))}"
    if not waiting:
        # k6 tells of iterations only. What is cut off after its graceful stop, 30 s, hardly slept so long.
        if silent_s <= max(_CUT_OFF_S, patience_s) or 2 * cut_off < users:
            return None
        sentence = f"up to {format_count(cut_off)} iterations were cut off when the load was over, and {said}"
        return _unanswered(sentence)
    requests = "1 request" if waiting == 1 else f"{format_count(waiting)} requests"
    sentence = f"{requests} had no answer when the load was over"
    usual = answered.requests / (span[1] - span[0]) * (answered.response.mean_s or 0.0)
    if silent_s > max(_SILENT_S, patience_s):
        sentence += f", and {said}"
    elif waiting <= usual + _SIGMAS * math.sqrt(usual) + _STUCK or waiting <= _MOST_STUCK * users:
        return None
    elif usual >= 1:
        sentence += f", where {usual:.0f} are under way at a moment"
    return _unanswered(sentence)


def _most_users(run: Run) -> float:
    return max(Readings.of(run.readings).of_series("load", "users").value.tolist(), default=0.0)


def _unanswered(said: str) -> Ruling:
    """A FAIL stands: what has no answer makes nothing quicker and no answer right."""
    sentence = f"{said}: did the service stop answering?"
    finding = replace(invalid("valid.conserved", sentence, _HUNG), invalidates=False, incomparable=True)
    return Ruling(False, sentence, _HUNG, (finding,))


def _in_words(run: Run, untold: int) -> str:
    found = on_the_wire(run)
    if found is None:
        return "every request that was reported is counted"
    said = f"{format_count(found.scenario)} requests of the scenario, {format_count(found.wire)} on the wire"
    parts = [
        f"{format_count(number)} {word}"
        for number, word in ((found.hops, "followed redirects"), (found.repeats, "sent again by the client"))
        if number
    ]
    said += f" ({', '.join(parts)})" if parts else ""
    return said + (f"; {format_count(untold)} in no count" if untold else "")
