"""Condition: the load was played to its end."""

from __future__ import annotations

import numpy as np

from loadproof.analysis.validity.condition import IMPORTED, JudgedRun, Ruling, broken
from loadproof.analysis.window.windows import end_of, load_span
from loadproof.model import Event, EventKind, Outcome, ProfileKind
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import Slices
from loadproof.units import format_count, format_duration

_SILENCE = 3.0
"""Of the longest pause before: who pauses for longer has stopped."""
_LEAST_SILENCE = 0.2
"""Of the load."""
_TOLD_EVERY_S = 2.5
"""Tasks are told so seldom: what is told so soon after the last request may have been played before it."""
_LONGEST_S = 7200
"""Of a longer load tasks are told by the hour."""
_TURNS = 3
"""Of each user: those that were under way, and the last one."""
_ADVICE = "let it run to its end; plan a shorter load if that is what you want"


def judge_played(judged: JudgedRun) -> Ruling:
    """Broken when somebody ended the load before its plan, `--stop-on` aside."""
    run = judged.run
    if judged.search and run.outcome is Outcome.INTERRUPTED:
        return Ruling(False, "the search was interrupted", _ADVICE)  # which is what the search itself says
    if judged.imported:
        return Ruling(None, f"{IMPORTED} how long its load was meant to be")
    if run.outcome is Outcome.STOPPED:
        return Ruling(True, "it was ended by --stop-on, as was asked")
    return _cut_off(run) or _fell_silent(run) or _to_its_end(run)


def judge_cut_off(judged: JudgedRun) -> Ruling | None:
    """Of several scenarios at once: what a run without a regular end is told of as a whole; else None."""
    if judged.run.outcome is Outcome.STOPPED:
        return judge_played(judged)
    return _cut_off(judged.run)


def _cut_off(run: Run) -> Ruling | None:
    """A run that has no regular end."""
    match run.outcome:
        case None | Outcome.RUNNING:
            sentence = "the run is not over: what is judged is what was written until now"
            return broken("played", sentence, "judge it again when it has ended")
        case Outcome.ABORTED:
            sentence = "Loadproof itself was killed during the run; what was written until then is judged"
            return broken("played", sentence, "run it again")
        case Outcome.ENGINE_FAILED:
            died = run.events_of(EventKind.ENGINE_DIED)
            sentence = died[-1].message if died else "the engine failed"
            return broken("played", sentence, "look at the engine's own lines: loadproof judge RUN --log")
    return None


def _fell_silent(run: Run) -> Ruling | None:
    """Broken when tasks or iterations went on, and asked for nothing any more.

    Who thinks or waits for an answer plays no task meanwhile; a scenario that returns at once, its data being
    used up, plays thousands.
    """
    span, last = load_span(run), end_of(run.slices)
    if span is None or last is None or run.plan.profile.kind is ProfileKind.CAPACITY:
        return None
    silent_s, length_s = span[1] - last, span[1] - span[0]
    gaps = np.diff(np.unique(Slices.of(run.slices).second))
    usual_s = _SILENCE * max(float(gaps.max()) if gaps.size else 0.0, 1.0)
    if silent_s <= max(usual_s, _LEAST_SILENCE * length_s) or length_s > _LONGEST_S:
        return None
    since = last + _TOLD_EVERY_S
    played = sum(event.whole("count") for event in run.events_of(EventKind.PLAYED) if event.time_s > since)
    users = max(Readings.of(run.readings).of_series("load", "users").value.tolist(), default=0.0)
    if played <= _TURNS * max(users, 1.0):
        return None
    asked = f"requests were made in {_seconds(last - span[0])} of the {_seconds(length_s)} of the load"
    sentence = f"{asked}; in the rest {format_count(played)} tasks or iterations asked for nothing"
    return broken("played", sentence, "let the scenario ask until its end, or plan a shorter load")


def _to_its_end(run: Run) -> Ruling:
    ended = run.events_of(EventKind.ENDED_BY)
    share = _share(run)
    if run.outcome is Outcome.INTERRUPTED and (share is None or _is_endless(run)):
        return _without_end(run)
    if share is None:
        if not ended:
            told = run.plan.profile.kind is ProfileKind.CAPACITY
            return Ruling(True if told else None, "nobody ended it" if told else "no length was planned")
        return broken("played", _ended_in_words(ended[0]), _ADVICE, _evidence(ended[0]))
    played_s, planned_s, said = share
    # If a busy machine starts the load late, its timer makes it shorter, and there is nobody to name.
    nobody = not ended and run.outcome is Outcome.COMPLETED
    missing_s, slack = planned_s - played_s, slack_s(planned_s)
    if missing_s <= slack or (nobody and missing_s < 2 * slack):
        return Ruling(True, f"{format_duration(round(planned_s))} were planned, and played")
    if ended:
        return broken("played", f"{said}: {_ended_in_words(ended[0])}", _ADVICE, _evidence(ended[0]))
    return _of_nobody(run, said)


def _of_nobody(run: Run, said: str) -> Ruling:
    """A load that was shorter than planned, and the engine does not say who ended it."""
    asked = "" if run.outcome is Outcome.INTERRUPTED else _abort_on_fail(run)
    if asked:
        return Ruling(True, f"{said}: {asked} was to end it (abortOnFail), and did")
    by = "it was interrupted" if run.outcome is Outcome.INTERRUPTED else "nobody said who ended it"
    cut_off = sum(event.whole("at_most") for event in run.events_of(EventKind.IN_FLIGHT))
    if cut_off and run.outcome is Outcome.COMPLETED:
        by = f"up to {format_count(cut_off)} iterations were cut off, did the service stop answering?"
    return broken("played", f"{said}: {by}", _ADVICE)


def _abort_on_fail(run: Run) -> str:
    """The threshold that was crossed and ends the load then: a --stop-on of the script's own."""
    return next(
        (
            event.message
            for event in run.events_of(EventKind.ENGINE_THRESHOLD)
            if event.data.get("abort_on_fail") and event.data["ok"] is False
        ),
        "",
    )


def _without_end(run: Run) -> Ruling:
    """It was interrupted, and no length was planned that it could have been played to."""
    if _is_endless(run):
        return Ruling(None, "no length was planned, and it was interrupted")
    return broken("played", "it was interrupted", _ADVICE)


def _is_endless(run: Run) -> bool:
    """Whether only its ramp is planned, as by `-u 4 -r 2` without a run time: somebody will stop it."""
    profile = run.plan.profile
    return profile.kind is ProfileKind.SCENARIO and len(profile.stages) == 1


def slack_s(planned_s: float) -> float:
    """By how much a load that was played to its end may be shorter: timers of engines tick once a second."""
    return max(min(1.0, 0.1 * planned_s), 0.01 * planned_s)


def _share(run: Run) -> tuple[float, float, str] | None:
    """Seconds played and planned, and both in words; None where no length was planned."""
    planned_s = run.plan.played_profile.duration_s
    span = load_span(run)
    if not planned_s or run.plan.profile.kind is ProfileKind.CAPACITY:
        return None
    played_s = span[1] - span[0] if span else 0.0
    return played_s, planned_s, f"{_seconds(played_s)} of the {_seconds(planned_s)} planned were played"


def _seconds(length_s: float) -> str:
    return f"{length_s:.0f} s" if length_s >= 3 else f"{length_s:.1f} s"


def _ended_in_words(event: Event) -> str:
    how, where, exception = (str(event.data.get(key) or "") for key in ("how", "where", "exception"))
    by = str(event.data.get("by") or "somebody")
    if how.startswith(("every user", "no worker")):
        said = how
    else:
        said = f"the {by} {how}" if how.startswith("raised") else f"{how or by} ended the load"
    said += f" at {where}" if where else ""
    return f"{said} ({exception})" if exception else said


def _evidence(event: Event) -> dict[str, object]:
    return {"ended_" + key: event.data[key] for key in ("by", "how", "where") if event.data.get(key)}
