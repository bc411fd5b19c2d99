"""Each of several scenarios as a run of its own, so that what is judged of a run is judged of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from loadproof.analysis.window.windows import Window, judged_window, load_span, whole_window
from loadproof.model import STREAMED, Event, EventKind, OneOfSeveral, Outcome, Slice
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import Slices
from loadproof.units import format_duration

_STARTED_AND_ENDED: Final = {
    EventKind.SCENARIO_STARTED: EventKind.LOAD_STARTED,
    EventKind.SCENARIO_ENDED: EventKind.LOAD_ENDED,
}


def runs_of(run: Run) -> dict[str, Run]:
    """By its name each of several scenarios, as if it had been played alone; empty where there is one."""
    return {one.name: _run_of(run, one) for one in run.plan.several}


def _run_of(run: Run, one: OneOfSeveral) -> Run:
    events = tuple(_alone(event, one) for event in run.events if _is_of(event, one))
    slices, beside = (within_scenario(parts, one.name) for parts in (run.by_name or run.slices, run.beside))
    outcome = _outcome(run, one)
    facts = run.facts if outcome is None else {**run.facts, "outcome": str(outcome)}
    return replace(
        run, plan=one.plan, slices=slices, beside=beside, events=events, facts=facts, by_name=(), routes={},
        readings=_readings(run, one),
    )  # fmt: skip


def in_its_time(run: Run, name: str) -> Run:
    """The same run as far as this one played it: its own load and time, its requests by their whole names."""
    (own,) = (_run_of(run, one) for one in run.plan.several if one.name == name)
    slices, beside, by_name = (
        Slices.of(parts).where(lambda endpoint: endpoint.scenario == name)
        for parts in (run.slices, run.beside, run.by_name)
    )
    return replace(own, slices=slices, beside=beside, by_name=by_name, routes=run.routes)


def within_scenario(slices: Sequence[Slice], name: str) -> Sequence[Slice]:
    """Its own requests, called as it calls them."""
    own = Slices.of(slices).where(lambda endpoint: endpoint.scenario == name)
    return own.renamed({endpoint: endpoint.alone(name) for endpoint in own.by_endpoint()})


def _readings(run: Run, one: OneOfSeveral) -> Readings:
    """Its own load and iterations, under their names; what else was measured is of no scenario."""
    prefix, sources = f"{one.name}: ", ("load", one.plan.engine)
    found = Readings.of(run.readings)
    chosen = [n for n, key in enumerate(found.keys) if key[0] in sources and key[1].startswith(prefix)]
    own = found.take(np.flatnonzero(np.isin(found.series, chosen)))
    keys = [
        (source, series.removeprefix(prefix), unit) if n in chosen else ("", "", unit)
        for n, (source, series, unit) in enumerate(own.keys)
    ]
    return Readings(tuple(keys), own.time_s, own.series, own.value, own.limit, own.merged)


def _is_of(event: Event, one: OneOfSeveral) -> bool:
    return event.data.get("scenario") == one.name and not event.data.get("unknown")


def _alone(event: Event, one: OneOfSeveral) -> Event:
    prefix = f"{one.name}: "
    data = dict(event.data)
    if "endpoint" in data:
        data["endpoint"] = str(data["endpoint"]).removeprefix(prefix)
    kind = _STARTED_AND_ENDED.get(event.kind, event.kind)
    return replace(event, kind=kind, message=event.message.removeprefix(prefix), data=data)


def _outcome(run: Run, one: OneOfSeveral) -> Outcome | None:
    """How its own load ended; None where the run does not tell."""
    if run.facts["state"] != "FINISHED" or run.facts.get("outcome") == Outcome.STOPPED:
        return None
    told = [
        event.text("outcome")
        for event in run.events_of(EventKind.SCENARIO_ENDED)
        if event.data.get("scenario") == one.name and "outcome" in event.data
    ]
    return Outcome(told[-1]) if told else Outcome.INTERRUPTED  # it never began


def windows_of(runs: Mapping[str, Run]) -> dict[str, Window]:
    """The judged seconds of each."""
    return {name: judged_window(run) for name, run in runs.items()}


def window_of_all(run: Run, runs: Mapping[str, Run]) -> Window:
    """The seconds in which every scenario that is to play is at a level that it holds, one of them at least.

    One that has not begun by its plan, or is over, keeps no second from being judged; one that begins late or
    ramps does.
    """
    whole, span = whole_window(run), load_span(run)
    if span is None or whole.in_part:
        return whole
    windows, judged = windows_of(runs), set()
    spans = {name: load_span(own) for name, own in runs.items()}
    starts_s = {one.name: span[0] + one.played_start_s for one in run.plan.several}
    for second in whole.seconds:
        waits = {
            name
            for name, own in spans.items()
            if second + run.step_s <= starts_s[name] or (own is not None and second >= own[1])
        }
        playing = runs.keys() - waits
        if playing and all(second in windows[name].seconds for name in playing):
            judged.add(second)
    if len(judged) == len(whole.seconds):
        return whole
    length = format_duration(len(judged) * run.step_s)
    said = f"{length} in which every scenario held its load"
    return replace(whole, seconds=frozenset(judged), description=said)


def scenario_named(run: Run, endpoint: str | None) -> str:
    """The one of several scenarios that a requirement's endpoint names; "" for none of them."""
    for beside in STREAMED:
        endpoint = (endpoint or "").removeprefix(f"{beside} ")
    return next((one.name for one in run.plan.several if one.hears(endpoint or "")), "")
