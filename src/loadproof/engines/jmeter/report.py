"""Passes on what was read, and at the end what JMeter itself says of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from loadproof.engines.error_samples import ToldErrors
from loadproof.engines.exemplars import slow_request
from loadproof.engines.jmeter.exits import meaning
from loadproof.engines.jmeter.outcomes import REFUSED_BY_GUARD
from loadproof.engines.jmeter.promise import Arrivals, Counted, PlannedArrivals
from loadproof.model import Event, EventKind, Reading, Unit

if TYPE_CHECKING:
    from loadproof.engines import Sink
    from loadproof.engines.jmeter.batch import PassConditions
    from loadproof.engines.jmeter.log import Log
    from loadproof.engines.jmeter.rows import Rows

_RESOLUTION_S: Final = 0.001
"""Of JMeter's elapsed times."""
_ALL_SETTLED_S: Final = 10.0
_CONDITIONS_EVERY_S: Final = 1.5
"""A run that is killed may lose two seconds."""
_LOG_READ_WITHIN_S: Final = 1.0
_ROWS_BEFORE_LOG_S: Final = 2.0
"""The log says when the load began; a row without it says the same a little later."""


class Reporting:
    """One run's way from the pipes to the sink."""

    def __init__(self, sink: Sink, rows: Rows, log: Log, promise: PlannedArrivals | None) -> None:
        self.sink = sink
        self.rows = rows
        self.log = log
        self.began = False
        self._arrivals = Arrivals(promise)
        self._errors = ToldErrors()
        self._checks: dict[str, list[int]] = {}
        self._refused = 0
        self._told_s = 0.0
        self._scripts_raised = 0
        """Of scripts beside the samplers, since they were last told."""

    def tell_of_stops(self) -> None:
        """What the log says of them decides whose fault a request was that was cut off."""
        ended_by = self.log.ended_by
        if ended_by is not None and ended_by[0] == "stop test now":
            self.rows.stopping = True
        self.rows.cut_from_s = self.log.cut_from_s

    def pass_on(self, *, last: bool = False) -> None:
        """Everything that was read since the last call."""
        self.tell_of_stops()
        now_s = self.sink.now()
        self.rows.settle(now_s - _LOG_READ_WITHIN_S)
        batch = self.rows.drain()
        said = self.log.take()
        self._begin(now_s, last=last)
        for part in batch.slices:
            self.sink.slice(part)
        for event in (*map(slow_request, batch.slow), *self._errors.events(batch.errors, now_s)):
            self.sink.event(event)
        self._scripts_raised += said.raised.total()
        if last or now_s > self._told_s + _CONDITIONS_EVERY_S:
            self._told_s = now_s
            self._conditions(self.rows.conditions(), now_s)
        for raised, count in said.raised.items():
            self._raise(raised.what, raised.exception, count, raised.users_died, now_s)
        self._refusals(now_s)
        for line in said.lines:
            self.sink.log(line)
        if self.began:
            for second, users in sorted(said.users.items()):
                self.sink.reading(Reading(float(second), "load", "users", float(users), Unit.COUNT))
            if not last:
                self.sink.reading(Reading(now_s, "load", "users", float(self.log.users), Unit.COUNT))
        until_s = now_s + _ALL_SETTLED_S if last else now_s
        if self._arrivals.counted is not Counted.LOG:
            users = self._arrivals.counted is Counted.USERS
            starts = said.starts if users else batch.starts
            for reading in self._arrivals.take(starts, self._began_s(), until_s):
                self.sink.reading(reading)
        elif last and self.log.arrivals:
            due, done = (self.log.arrivals.get(key, 0) for key in ("arrivals", "done"))
            for reading in self._arrivals.counted_by_log(due, done, self.log.began_s):
                self.sink.reading(reading)

    def finish(self, code: int, *, cut: bool) -> None:
        """What JMeter says at its end. `cut`: users may have been in a request when it ended."""
        now_s = self.sink.now()
        if self.began:
            ended = [time_s for time_s in (self.log.ended_s, self.rows.last_s) if time_s is not None]
            # If it was killed after all was played, it had nothing more to say.
            text = meaning(code) if code and self.log.over_s is None else "the load ended"
            self.sink.event(Event(max(ended, default=now_s), EventKind.LOAD_ENDED, text))
        self._in_flight(cut=cut, now_s=now_s)
        self._mismatches(now_s)
        for text, count in self.log.repeated():
            self.sink.log(f"{count} times: {text}")
        checks = [{"name": name, "passes": p, "fails": f} for name, (p, f) in self._checks.items()]
        data = {"exit_code": code, "checks": checks, "samples": self.log.summary and self.log.summary[0],
                "errors": self.log.summary and self.log.summary[1]}  # fmt: skip
        self.sink.event(Event(now_s, EventKind.ENGINE_SUMMARY, "JMeter's own summary", data))

    def _began_s(self) -> float | None:
        """When the load began by the log: with its first user, arrivals with their schedule."""
        return self.log.group_s if self._arrivals.counted is Counted.USERS else self.log.began_s

    def _begin(self, now_s: float, *, last: bool) -> None:
        if self.began:
            return
        began_s = self._began_s()
        first_s = self.rows.first_s
        if began_s is None and first_s is not None and (last or now_s > first_s + _ROWS_BEFORE_LOG_S):
            began_s = first_s
        if began_s is not None:
            self.began = True
            began_s = min(began_s, first_s) if first_s is not None else began_s
            self.sink.event(
                Event(began_s, EventKind.LOAD_STARTED, "the load began", {"resolution_s": _RESOLUTION_S})
            )

    def _conditions(self, batch: PassConditions, now_s: float) -> None:
        """What a PASS stands on: see `EventKind`."""
        for (name, endpoint), (passes, fails) in batch.checks.items():
            total = self._checks.setdefault(name, [0, 0])
            total[0] += passes
            total[1] += fails
            data = {"name": name, "passes": passes, "fails": fails, "endpoint": endpoint}
            self.sink.event(Event(now_s, EventKind.CHECKED, name, data))
        for endpoint, counts in batch.statuses.items():
            data = {"endpoint": endpoint, "counts": dict(counts)}
            self.sink.event(Event(now_s, EventKind.STATUSES, f"statuses of {endpoint}", data))
        if batch.hosts:
            hosts = ", ".join(sorted(batch.hosts)[:5])
            self.sink.event(Event(now_s, EventKind.AIMED, f"to {hosts}", {"hosts": dict(batch.hosts)}))
        for (label, message), count in batch.raised.items():
            self._raise(label, message, count, 0, now_s)
        if batch.played:
            raised = batch.raised.total() + self._scripts_raised
            self._scripts_raised = 0
            data = {"count": batch.played, "raised": raised}
            self.sink.event(Event(now_s, EventKind.PLAYED, "samples of the plan", data))

    def _raise(self, what: str, exception: str, count: int, users_died: int, now_s: float) -> None:
        data = {"what": what, "count": count, "exception": exception, "where": what, "users_died": users_died}
        self.sink.event(Event(now_s, EventKind.RAISED, f"{what}: {exception}", data))

    def _refusals(self, now_s: float) -> None:
        for line in self.log.guarded[self._refused :]:
            message = f"the plan reached for what it may not: {line.removeprefix(REFUSED_BY_GUARD)}"
            self.sink.event(Event(now_s, EventKind.TARGET_REFUSED, message))
        self._refused = len(self.log.guarded)

    def _in_flight(self, *, cut: bool, now_s: float) -> None:
        """Requests that were cut off: those that JMeter told of, and where it could not, a bound."""
        count = self.rows.cut_off
        if count:
            message = f"{count} requests were cut off by the stop, and are not counted"
            self.sink.event(Event(now_s, EventKind.IN_FLIGHT, message, {"count": count}))
        if cut and self.began and self.log.users > 0:
            most = self.log.users
            message = (
                f"up to {most} users were in a request when JMeter ended: these may have reached the target, "
                "and are not counted"
            )
            self.sink.event(Event(now_s, EventKind.IN_FLIGHT, message, {"at_most": most}))

    def _mismatches(self, now_s: float) -> None:
        if self.log.summary is not None and self.log.summary[0] != self.rows.told:
            issued, recorded = self.log.summary[0], self.rows.told
            message = f"JMeter counted {issued} samples, {recorded} were recorded"
            data = {"issued": issued, "recorded": recorded}
            self.sink.event(Event(now_s, EventKind.RECORDER_MISMATCH, message, data))
        if self.rows.broken:
            self.sink.event(Event(now_s, EventKind.RECORDER_MISMATCH, self.rows.broken, {"lines": 1}))
