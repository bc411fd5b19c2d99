"""Whether the generator kept up: what it measured while it did not is its own slowness, not the service's.

The deciding signal is how late the generator's own heartbeat woke (engines/locust/inside/heartbeat.py): an
answer that comes meanwhile waits as long to be seen. Processor use alone decides nothing, since a closed load
without think time rightly uses its core whole; it is told as supporting evidence. A slow service makes none
of these signals: its users wait, and the heartbeat is on time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from loadproof.analysis.disturbance.scarce import lacks
from loadproof.analysis.disturbance.weighing import Delay
from loadproof.analysis.window.windows import Window, requests_of, sample, within
from loadproof.engines.table import traits_of
from loadproof.model import EventKind, Finding, FindingKind, Reading, Verdict
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import Slices
from loadproof.units import format_count, format_duration, format_percent, format_rate

LEAST_LAG_S: Final = 0.020
"""A process that does nothing else wakes up to 16 ms late on a machine whose two cores others use as well
(measured; docs/generator-health.md): below this the lag says nothing of the generator."""
LAG_OF_MEDIAN: Final = 0.05
GREATEST_CPU: Final = 0.80
GREATEST_FILLED: Final = 0.90
"""Of file descriptors."""
LEAST_SHARE: Final = 0.05
LONGEST_S: Final = 10
LEAST_SECONDS: Final = 2
"""So many seconds may always be bad: in a run of a minute one hiccup of the machine decides nothing."""
GREATEST_RATIO: Final = 1.2
"""Of the generator's median to the probe's on the same endpoint."""
_LEAST_DIFFERENCE_S: Final = 0.005
_LEAST_PROBES: Final = 20
_MORE_POWER: Final = "add --processes, start fewer users in each, or drive the load from more machines"


@dataclass(frozen=True, slots=True)
class Violation:
    """Seconds in which one signal was beyond its threshold."""

    seconds: tuple[int, ...]
    measured: int
    worst: float
    threshold: float
    lost_s: float = 0.0
    """Time in which it stood still, where that is known."""
    step_s: int = 1
    """Seconds that each of `seconds` stands for."""

    @property
    def counts(self) -> bool:
        """More than 5 % of the measured seconds, or of the time, or more than 10 seconds in a row."""
        often = len(self.seconds) > max(LEAST_SECONDS, LEAST_SHARE * self.measured)
        return often or self.lost_s > LEAST_SHARE * self.measured or _longest_row(self.seconds) > LONGEST_S

    def evidence(self) -> dict[str, object]:
        return {
            "bad_seconds": len(self.seconds), "measured_seconds": self.measured, "worst": self.worst,
            "threshold": self.threshold, "longest_s": _longest_row(self.seconds),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Signals:
    """What a generator's own figures say of it."""

    spoilt: tuple[Finding, ...]
    """It could not send what it should have sent."""
    late: tuple[Finding, ...]
    """It was late to see answers: times hold that."""
    notes: tuple[Finding, ...]
    delay: Delay | None
    """What its being late added to times; None when it was on time."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them."""
        return (*self.spoilt, *self.late, *self.notes)


def read_signals(run: Run, window: Window) -> Signals:
    """One finding for each signal beyond its threshold; a note when only its processor was busy."""
    inside = Readings.of(run.readings).by_series(window.seconds)
    every = _Own(run, inside, run.plan.engines)
    beating, others = every.those(heartbeat=True), every.those(heartbeat=False)
    late = _lag(beating, window)
    starved = _starved(others, window)
    probed = _probe(run, inside, window)
    delays = [_lag_of(beating.of("scheduler_lag"))] if late else []
    if starved or probed:
        delays.append(Delay(math.inf))
    return Signals(
        spoilt=(*_scarce(every, window), *_dropped(every, window)),
        late=(*late, *starved, *probed),
        notes=() if late else tuple(_busy(beating, window)),
        delay=max(delays, key=lambda delay: delay.worst_s, default=None),
    )


@dataclass(frozen=True, slots=True)
class _Own:
    """What some of a run's engines tell of themselves: of several scenarios each may have another."""

    run: Run
    inside: Mapping[tuple[str, str], Readings]
    """Of the judged seconds, by source and series."""
    engines: tuple[str, ...]

    def those(self, *, heartbeat: bool) -> _Own:
        """Those that tell how late they woke, or those that do not."""
        return replace(self, engines=tuple(e for e in self.engines if traits_of(e).heartbeat is heartbeat))

    def of(self, series: str) -> list[Reading]:
        """The readings of every engine's series of that name."""
        return [r for engine in self.engines for r in self.inside.get((engine, series), ())]

    def with_limit(self, series: str) -> list[Reading]:
        """The same of the engine that is nearest to its limit; none where no limit is known."""
        known = [[r for r in self.inside.get((engine, series), ()) if r.limit] for engine in self.engines]
        return max(known, key=lambda own: max((_filled(r) for r in own), default=0.0), default=[])

    @property
    def title(self) -> str:
        return " and ".join(traits_of(engine).title for engine in self.engines)

    @property
    def scenarios(self) -> frozenset[str]:
        """Which of several scenarios they drive; "" where there is one."""
        names = (one.name for one in self.run.plan.several if one.plan.engine in self.engines)
        return frozenset(names if self.run.plan.several else ("",))

    def slices(self, window: Window) -> Slices:
        """Of the requests that they made in the judged seconds."""
        inside = within(self.run.slices, window.seconds)
        names = self.scenarios
        return inside.where(lambda endpoint: endpoint.scenario in names) if self.run.plan.several else inside


def _filled(reading: Reading) -> float:
    return reading.value / (reading.limit or 1.0)


def _lag_of(lags: Sequence[Reading]) -> Delay:
    by_second: dict[int, float] = {}
    for reading in lags:
        second = int(reading.time_s)
        by_second[second] = max(reading.value, by_second.get(second, 0.0))
    return Delay(max(by_second.values()), by_second)


def _lag(own: _Own, window: Window) -> list[Finding]:
    lags = own.of("scheduler_lag")
    if not lags:
        return []
    median_s = sample(own.slices(window)).response.quantile(0.5) or 0.0
    threshold_s = max(LEAST_LAG_S, LAG_OF_MEDIAN * median_s)
    bad = _beyond(lags, lambda reading: reading.value > threshold_s, threshold_s, window)
    # The latest wake-up of a second is about as late as the stall was long.
    stalls_s = {int(r.time_s): min(1.0, r.value) for r in lags if r.value > threshold_s}
    bad = replace(bad, lost_s=sum(stalls_s.values()))
    if not bad.counts:
        return []
    late = f"it woke later than {format_duration(threshold_s)} (at worst {format_duration(bad.worst)})"
    said = [f"the generator could not keep up: in {_share(bad)} {late}, and response times hold that delay"]
    cpu = _mean(own.of("cpu"))
    waited = _mean(own.of("waited"))
    evidence = {**bad.evidence(), "cpu": cpu, "waited": waited}
    advice = _MORE_POWER
    if cpu is not None and cpu >= GREATEST_CPU:
        rate = _throughput(own, window)
        said.append(
            f"it used {format_percent(cpu)} of its core: this machine ends at about {format_rate(rate)}"
        )
        advice = f"{_MORE_POWER}; or do less in the scenario's own code"
    elif waited is not None and waited >= 1 - GREATEST_CPU:
        said.append(f"for {format_percent(waited)} of the time it was ready and others had the processors")
        advice = "give it processors of its own: another machine, or a greater CPU limit"
    elif cpu is not None:
        said.append(f"it used only {format_percent(cpu)} of its core: something held it back")
        advice = "look for code in the scenario that blocks, for a CPU limit, and for a machine that pauses"
    pause_s = max((r.value for r in own.of("gc_pause")), default=0.0)
    evidence["longest_gc_s"] = pause_s
    if pause_s > threshold_s:
        said.append(f"its garbage collection took up to {format_duration(pause_s)}")
    return [replace(_late("generator.lag", "; ".join(said), evidence, advice), clauses=tuple(said))]


def _busy(own: _Own, window: Window) -> list[Finding]:
    """A busy processor without lag is worth knowing: throughput may be the generator's limit."""
    used = own.of("cpu")
    bad = _beyond(used, lambda reading: reading.value >= GREATEST_CPU, GREATEST_CPU, window)
    if not bad.counts or len(bad.seconds) * 2 < bad.measured:
        return []
    rate = format_rate(_throughput(own, window))
    sentence = (
        f"{own.title} used {format_percent(GREATEST_CPU)} of its core or more in {_share(bad)}, on time "
        f"all the same: {rate} may be what this machine can send, and not the service's limit"
    )
    return [Finding("generator.cpu", Verdict.PASS, sentence, bad.evidence(), _MORE_POWER, FindingKind.NOTE)]


def _starved(own: _Own, window: Window) -> list[Finding]:
    """An engine without a heartbeat was late when it used its cores whole, or was ready and got none."""
    filled = [r for r in own.of("cpu") if r.limit]
    if len(own.scenarios) > 1:
        filled = _together(filled)  # each has a process of its own, and all have the same cores
    bad = _beyond(filled, lambda r: _filled(r) >= GREATEST_CPU, GREATEST_CPU, window)
    if not bad.counts:
        return []
    cores = filled[-1].limit or 0.0
    sentence = (
        f"{own.title} used {format_percent(GREATEST_CPU)} of its {cores:g} cores or "
        f"more in {_share(bad)}: response times hold its own delay"
    )
    evidence = bad.evidence()
    advice = "drive the load from a larger machine, or do less in the script for each request"
    return [_late("generator.cpu", sentence, evidence, advice)]


def _together(readings: Iterable[Reading]) -> list[Reading]:
    """What the processes of several scenarios used in each second."""
    found: dict[int, Reading] = {}
    for reading in readings:
        second = int(reading.time_s)
        before = found.get(second)
        found[second] = reading if before is None else replace(reading, value=before.value + reading.value)
    return list(found.values())


def _scarce(own: _Own, window: Window) -> list[Finding]:
    """What it ran out of: requests that it could not send are failures of its own, not of the service."""
    found = []
    for lack in lacks(own.run, window):
        scarce = lack.scarce
        filled = own.with_limit(scarce.series)
        bad = _beyond(filled, lambda r: _filled(r) >= GREATEST_FILLED, GREATEST_FILLED, window)
        if not lack.counts and not (scarce.decides and bad.seconds):
            continue
        sentence = lack.sentence
        if filled:
            limit = format_count(round(filled[-1].limit or 0.0))
            sentence += ": " + scarce.counted.format(used=format_count(round(bad.worst)), limit=limit)
        evidence = {**bad.evidence(), "unsent": lack.unsent, "share": lack.share}
        found.append(_invalid(scarce.id, sentence, evidence, scarce.advice))
    return found


def _dropped(own: _Own, window: Window) -> list[Finding]:
    """Iterations that were planned and never started: the engine drops one when no virtual user is free."""
    drops = own.of("dropped_iterations")
    dropped = sum(reading.value for reading in drops)
    done = sum(reading.value for reading in own.of("iterations"))
    if not dropped:
        return []
    seconds = tuple(sorted({int(reading.time_s) for reading in drops if reading.value > 0}))
    worst = max(reading.value for reading in drops)
    bad = Violation(seconds, len(window.seconds), worst, 0.0, step_s=window.step_s)
    share = dropped / (dropped + done)
    if not bad.counts and share < LEAST_SHARE:
        return []
    warned = any("Insufficient VUs" in event.message for event in own.run.events_of(EventKind.ENGINE_LOG))
    sentence = (
        f"{format_percent(share)} of the planned iterations never started ({format_count(round(dropped))} in "
        f"{_share(bad)}): no virtual user was free"
        + (f", and {_playing(own)} had started all that it may (maxVUs)" if warned else "")
    )
    evidence = {**bad.evidence(), "dropped": dropped, "share": share}
    advice = (
        "raise maxVUs (--max-users); if the service's response time uses them up, the rate is too much for it"
    )
    return [_invalid("load.dropped", sentence, evidence, advice)]


def _playing(own: _Own) -> str:
    """Which of them play iterations."""
    return replace(own, engines=tuple(e for e in own.engines if traits_of(e).iterations)).title


def _probe(run: Run, inside: Mapping[tuple[str, str], Readings], window: Window) -> list[Finding]:
    """The same endpoint asked by a process that does nothing else: it must not be much faster."""
    times = inside.get(("probe", "response_time"), ())
    path = run.plan.options.probe or ""
    same = within(run.slices, window.seconds).where(lambda e: (e.kind, e.name) == ("GET", path))
    ours_s = sample(same).response.quantile(0.5)
    if len(times) < _LEAST_PROBES or ours_s is None:
        return []
    theirs_s = float(np.median([reading.value for reading in times]))
    ratio = ours_s / theirs_s if theirs_s > 0 else 1.0
    if ratio <= GREATEST_RATIO or ours_s - theirs_s < _LEAST_DIFFERENCE_S:
        return []
    sentence = (
        f"the generator measured {format_duration(ours_s)} for GET {path} (median) where an idle process "
        f"beside it measured {format_duration(theirs_s)}: the difference is the generator's own"
    )
    evidence = {"generator_p50_s": ours_s, "probe_p50_s": theirs_s, "ratio": ratio}
    return [_late("generator.probe", sentence, evidence, _MORE_POWER)]


def _invalid(name: str, sentence: str, evidence: Mapping[str, object], advice: str) -> Finding:
    return Finding(
        name, Verdict.INCONCLUSIVE, sentence, evidence, advice, FindingKind.CONDITION, invalidates=True
    )


def _late(name: str, sentence: str, evidence: Mapping[str, object], advice: str) -> Finding:
    return Finding(
        name, Verdict.INCONCLUSIVE, sentence, evidence, advice, FindingKind.CONDITION, incomparable=True
    )


def _beyond(
    readings: Sequence[Reading], bad: Callable[[Reading], bool], threshold: float, window: Window
) -> Violation:
    """Any process that is beyond makes the second bad; in a run of days, its mean makes the step bad."""
    seconds = tuple(sorted({int(reading.time_s) for reading in readings if bad(reading)}))
    measured = len({int(reading.time_s) for reading in readings})
    worst = max((r.value for r in readings), default=0.0)
    return Violation(seconds, measured, worst, threshold, step_s=window.step_s)


def _longest_row(seconds: Sequence[int]) -> int:
    longest = length = 0
    for index, second in enumerate(seconds):
        length = length + 1 if index and seconds[index - 1] == second - 1 else 1
        longest = max(longest, length)
    return longest


def _share(bad: Violation) -> str:
    return f"{len(bad.seconds) * bad.step_s} of {bad.measured * bad.step_s} s"


def _mean(readings: Sequence[Reading]) -> float | None:
    return float(np.mean([reading.value for reading in readings])) if readings else None


def _throughput(own: _Own, window: Window) -> float:
    requests = requests_of(own.slices(window))
    return requests / window.duration_s if window.duration_s else 0.0
