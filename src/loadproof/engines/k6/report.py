"""Passes on what the reader has added up, and at the end what k6 itself says of the run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from loadproof.engines.error_samples import ToldErrors
from loadproof.engines.exemplars import slow_request
from loadproof.engines.k6 import words
from loadproof.engines.k6.arguments import unjudged
from loadproof.engines.k6.events import K6Events
from loadproof.engines.k6.guard import kept_back
from loadproof.engines.k6.mapped import all_mapped
from loadproof.engines.k6.options import Options, thresholds
from loadproof.engines.k6.summary import Ending, Summary, crossed_metrics, read_summary, threshold_events
from loadproof.engines.k6.words import meaning
from loadproof.model import Event, EventKind, Plan
from loadproof.safety.redact import redact_text
from loadproof.safety.urls import same_host

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.engines import Sink
    from loadproof.engines.k6.log import Log
    from loadproof.engines.k6.reader import OutputReader

_HOSTS_AFTER_S = 1.0


class Reporting:
    """One run's way from the reader to the sink."""

    def __init__(self, plan: Plan, sink: Sink, reader: OutputReader, log: Log, options: Options) -> None:
        """`options` are the script's, resolved."""
        self._log = log
        self._told = K6Events(plan, log, options)
        self._plan = plan
        self._options = options
        self.sink = sink
        self.reader = reader
        self._rules = thresholds(options)
        self._began = False
        self._users = 0
        self._users_gone = 0
        self._most_users = int(options.get("maxVUs") or 0)
        self._hosts: Counter[str] = Counter()
        self._hosts_checked = plan.target is None
        self._errors = ToldErrors()
        self._refused: set[str] = set()

    def pass_on(self) -> None:
        """Everything that was read since the last call."""
        batch = self.reader.drain()
        for part in batch.slices:
            self.sink.slice(part)
        for reading in batch.readings:
            self.sink.reading(reading)
            if reading.series == "users":
                self._users_gone += max(0, self._users - round(reading.value))
                self._users = round(reading.value)
        now_s = self.sink.now()
        for event in (*map(slow_request, batch.slow), *self._errors.events(batch.errors, now_s)):
            self.sink.event(event)
        for sample in batch.errors:
            if self._plan.options.guard is not None and sample.text in words.REFUSED_TEXTS:
                message = f"the script reached for '{sample.endpoint}' where it may not: {sample.text}"
                self.sink.event(Event(now_s, EventKind.TARGET_REFUSED, message))
        if (guard := self._plan.options.guard) is not None:
            for why in kept_back(guard, self._log.kept_back):
                if why not in self._refused:
                    self._refused.add(why)
                    self.sink.event(Event(now_s, EventKind.TARGET_REFUSED, why))
        for event in self._told.since_last(batch, now_s):
            self.sink.event(event)
        self._hosts.update(batch.hosts)
        if not self._began and self.reader.first_s is not None:
            self._began = True
            self.sink.event(Event(self.reader.first_s, EventKind.LOAD_STARTED, "the load began"))
        if (
            not self._hosts_checked
            and self._began
            and now_s > (self.reader.first_s or now_s) + _HOSTS_AFTER_S
        ):
            self._check_hosts()

    def finish(self, code: int, summary_file: Path, *, stopped: bool) -> None:
        """What k6 says at its end, and what it does not. `stopped`: by Loadproof."""
        log = self._log
        if not self._hosts_checked:
            self._check_hosts()
        now_s = self.sink.now()
        summary = read_summary(summary_file)
        if self._began:
            ended_s = self._ended_s(code, now_s, stopped=stopped)
            self.sink.event(Event(ended_s, EventKind.LOAD_ENDED, meaning(code) if code else "the load ended"))
        for event in self._told.ending(code, now_s, stopped=stopped):
            self.sink.event(event)
        self._in_flight(code, log, now_s)
        self._mismatches(summary, now_s)
        ending = Ending(code, summary, crossed_metrics(log.errors), unjudged(self._plan.engine_args))
        for event in threshold_events(self._rules, ending, self.reader, now_s):
            self.sink.event(event)
        if log.exceptions:
            first = redact_text(log.first_raised)
            message = f"iterations that ended in an exception: {log.exceptions}; the first: {first}"
            self.sink.event(Event(now_s, EventKind.SCENARIO_ERROR, message, {"count": log.exceptions}))
        for text, count in log.repeated():
            self.sink.log(f"{count} times: {text}")
        kept = {name: values for name, values in summary.metrics.items() if name in words.SUMMARISED}
        checks = [{"name": name, "passes": p, "fails": f} for name, (p, f) in self.reader.checks.items()]
        self.sink.event(
            Event(now_s, EventKind.ENGINE_SUMMARY, "k6's end-of-test summary", {
                "exit_code": code, "checks": checks, "samples": dict(self.reader.samples),
                "metrics": kept,
            })
        )  # fmt: skip

    def _ended_s(self, code: int, now_s: float, *, stopped: bool) -> float:
        """When the load ended: with its last request, or with its plan where users only think by then.

        k6 does not say when its last user stopped, and its end is that of teardown(). Who was cut off may
        have waited for an answer that never came: there the last request alone is certain.
        """
        first_s, last_s = self.reader.first_s, self.reader.last_s or now_s
        planned_s = self._plan.played_profile.duration_s
        aborted = code == words.THRESHOLDS_FAILED and any(rule.abort_on_fail for rule in self._rules)
        cut = stopped or aborted or self._log.interrupted > 0
        if cut or code not in words.JUDGEABLE or not planned_s or first_s is None:
            return last_s
        return max(last_s, min(first_s + planned_s, now_s))

    def _in_flight(self, code: int, log: Log, now_s: float) -> None:
        """k6 tells of no request that it cut off, and its last count of iterations may be a second old.

        When the load was ended from outside, each user may have been in an iteration: that is the bound.
        k6's own count has each turn of a user that goes on while the load is being aborted; in truth a user
        is cut off once, at the end or when a ramp takes it away.
        """
        most = max(self._users + self._users_gone, self._most_users)
        users = self._users if self._began and code not in {0, words.MARKED_AS_FAILED} else 0
        at_most = max(users, min(log.interrupted, most))
        if code == words.THRESHOLDS_FAILED and not any(rule.abort_on_fail for rule in self._rules):
            at_most = log.interrupted
        if at_most:
            message = (
                f"k6 cut off up to {at_most} iterations: requests they were in may have reached the target, "
                "and are not counted"
            )
            self.sink.event(Event(now_s, EventKind.IN_FLIGHT, message, {"at_most": at_most}))

    def _mismatches(self, summary: Summary, now_s: float) -> None:
        issued = summary.value(words.REQUESTS, "count")
        recorded = self.reader.samples[words.REQUEST_TIME]
        if issued is not None and issued != recorded:
            message = f"k6 counted {issued:.0f} requests, {recorded} were recorded"
            data = {"issued": issued, "recorded": recorded}
            self.sink.event(Event(now_s, EventKind.RECORDER_MISMATCH, message, data))
        if self.reader.garbage:
            message = f"{self.reader.garbage} lines of k6's output could not be read"
            self.sink.event(
                Event(now_s, EventKind.RECORDER_MISMATCH, message, {"lines": self.reader.garbage})
            )
        if mixed := self.reader.mixed_sessions:
            message = f"{mixed} sessions have no times of messages: their users had two with one address"
            self.sink.log(message)
        if self.reader.dropped_series:
            message = f"{self.reader.dropped_series} of k6's metrics are not kept as series: too many"
            self.sink.log(message)

    def _check_hosts(self) -> None:
        self._hosts_checked = True
        target = self._plan.target or ""
        named = {host: count for host, count in self._hosts.items() if host}
        gone_to = [*named, *all_mapped(named, self._options)]
        if named and not any(same_host(host, target) for host in gone_to):
            others = ", ".join(sorted(named))
            message = (
                f"the script sends its requests to {others} and none to the target: "
                "read __ENV.BASE_URL in it, or leave the target out"
            )
            data = {"target": redact_text(target), "hosts": sorted(named)}
            self.sink.event(Event(self.sink.now(), EventKind.SCENARIO_ERROR, message, data))
