"""What a PASS stands on, as events: what the scenario did, said and raised, and where its load went.

Counts are increments since the last call, so that a run that is killed loses little of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from loadproof.engines.k6 import words
from loadproof.engines.k6.inspection import source_of
from loadproof.model import Event, EventKind, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.engines.k6.batch import Batch
    from loadproof.engines.k6.log import Log
    from loadproof.engines.k6.options import Options

_BY_SCRIPT = "exec.test.abort()"
_MARKED = "exec.test.fail()"
_AT_THE_END = re.compile(r" at [^()]*\(?file://\S+$")


class K6Events:
    """Makes the events of one run."""

    def __init__(self, plan: Plan, log: Log, options: Options) -> None:
        self._log = log
        self._hops_told = _hops_are_certain(plan, options)
        self._played = 0
        self._raised = 0
        self._told_raised = 0

    def since_last(self, batch: Batch, now_s: float) -> Iterator[Event]:
        """What `batch` and k6's log say that was not said before."""
        yield from self._exceptions(now_s)
        yield from self._iterations(batch.iterations, now_s)
        for name, (passes, fails) in batch.checks.items():
            data: dict[str, Any] = {"name": name, "passes": passes, "fails": fails, "endpoint": ""}
            yield Event(now_s, EventKind.CHECKED, f"{name}: {passes} passed, {fails} failed", data)
        for endpoint, counts in batch.statuses.items():
            data = {"endpoint": str(endpoint), "counts": dict(counts)}
            yield Event(now_s, EventKind.STATUSES, str(endpoint), data)
            hops = sum(counts[status] for status in words.FOLLOWED)
            if hops and self._hops_told:
                data = {"endpoint": str(endpoint), "hops": hops, "repeats": 0, "counted": hops}
                yield Event(now_s, EventKind.WIRE, f"{endpoint}: {hops} redirects were followed", data)
        hosts = {host.partition("://")[2]: count for host, count in batch.hosts.items() if host}
        # k6 does not tell the address of named requests: where most have a name, the rest says nothing.
        if sum(hosts.values()) > batch.hosts[""]:
            yield Event(now_s, EventKind.AIMED, ", ".join(hosts), {"hosts": hosts})

    def ending(self, code: int, now_s: float, *, stopped: bool) -> Iterator[Event]:
        """Who ended the load before its plan, if anybody did, and the scenario's own verdict.

        `stopped`: by Loadproof, on whoever's order.
        """
        if self._log.marked is not None or code == words.MARKED_AS_FAILED:
            data: dict[str, Any] = {"how": _MARKED, "exit_code": code, "inconclusive": False}
            reason = f": {self._log.marked}" if self._log.marked else ""
            yield Event(now_s, EventKind.OWN_GATE, f"the script marked the test as failed{reason}", data)
        if not stopped and (ended := self._ended_by(code)) is not None:
            yield Event(now_s, EventKind.ENDED_BY, ended.pop("message"), ended)

    def _ended_by(self, code: int) -> dict[str, Any] | None:
        if code == words.SCRIPT_ABORTED:
            reason = self._log.aborted or ""
            place = words.PLACE.search(reason)
            where = f"{place['file'].rpartition('/')[2]}:{place['line']}" if place else ""
            said = f": {_AT_THE_END.sub('', reason)}" if reason else ""
            return {"by": "scenario", "how": _BY_SCRIPT, "where": where, "exception": "",
                    "message": f"the script ended the load by {_BY_SCRIPT}{said}"}  # fmt: skip
        if code == words.EXTERNAL_ABORT:
            found = next(
                (m for line in reversed(self._log.errors) if (m := words.BY_SIGNAL.search(line))), None
            )
            name = words.SIGNAL_NAMES.get(found[1], found[1]) if found else "a signal"
            return {"by": "signal", "how": name, "message": f"k6 was ended by {name}"}
        if code == words.API_STOPPED:
            return {
                "by": "listener",
                "how": "k6's REST API",
                "message": "the load was ended through k6's REST API",
            }
        if code > 128 and code != 255:
            return {"by": "signal", "how": f"signal {code - 128}", "message": words.meaning(code)}
        return None

    def _exceptions(self, now_s: float) -> Iterator[Event]:
        for group, count in self._log.take_raised():
            self._raised += count
            data = {"count": count, "what": "iteration", "exception": group.exception, "where": group.where,
                    "users_died": 0}  # fmt: skip
            if not group.told:
                group.told = True
                data["traceback"] = group.traceback
            place = f" at {group.where}" if group.where else ""
            yield Event(now_s, EventKind.RAISED, f"{group.exception}{place}", data)

    def _iterations(self, played: int, now_s: float) -> Iterator[Event]:
        """How many ended, and how many of them by an exception.

        k6 writes a rejected promise twice where it was rejected before anybody waited for it: there are
        never more exceptions than iterations.
        """
        self._played += played
        raised = min(self._raised, self._played) - self._told_raised
        self._told_raised += raised
        if played or raised:
            data = {"count": played, "raised": raised}
            yield Event(now_s, EventKind.PLAYED, f"{played} iterations, {raised} raised", data)


def _hops_are_certain(plan: Plan, options: Options) -> bool:
    """Whether each redirect was followed: `redirects: 0` of a single request is seen in the text only."""
    most = options.get("maxRedirects")
    return most != 0 and "redirects" not in source_of(plan.scenario)
