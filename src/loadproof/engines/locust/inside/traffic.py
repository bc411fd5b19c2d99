"""What went over the wire beside the requests that are counted by second: statuses, hops, repeats, hosts.

In each process; a worker's part travels in its report, the leading process makes events of all of it, every
few seconds: an event for each endpoint and second would be more than all that is measured.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from loadproof.engines.locust.entry import NO_ANSWER
from loadproof.engines.locust.session import COUNTS
from loadproof.model import Endpoint, EventKind
from loadproof.units import format_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from loadproof.engines.locust.inside.recorder import StatusRow

_EVERY_S: Final = 4.9
_MOST_ENDPOINTS: Final = 1000
"""Beyond it statuses are not told: the run file folds endpoints together from there on."""
_MOST_HOSTS: Final = 100


class Traffic:
    """One process's, and at the leading one all processes'."""

    def __init__(self, clock: Callable[[], float], event: Callable[..., None]) -> None:
        self._clock = clock
        self._event = event
        self._told_s = clock()
        self._statuses: dict[tuple[str, str], Counter[int]] = {}
        self._wire: dict[tuple[str, str], list[int]] = {}
        self._hosts: Counter[str] = Counter()

    def report(self, statuses: Iterable[StatusRow]) -> dict[str, Any]:
        """A worker's part of Locust's report to the master, since the last one."""
        wire, COUNTS.wire = COUNTS.wire, {}
        hosts = COUNTS.take_hosts()
        merged: dict[tuple[str, str], Counter[int]] = {}
        for method, name, counts in statuses:
            merged.setdefault((method, name), Counter()).update(counts)
        addresses: Counter[str] = Counter()
        for host, count in hosts.items():
            addresses[_address(host)] += count
        return {
            "statuses": [[*key, dict(counts)] for key, counts in merged.items()],
            "wire": [[*key, *counts] for key, counts in wire.items()],
            "hosts": dict(addresses.most_common(_MOST_HOSTS)),
        }

    def add(self, part: dict[str, Any]) -> None:
        """Take a process's report."""
        for method, name, counts in part["statuses"]:
            key = (method, name)
            if key in self._statuses or len(self._statuses) < _MOST_ENDPOINTS:
                self._statuses.setdefault(key, Counter()).update(counts)
        for method, name, hops, repeats in part["wire"]:
            known = self._wire.setdefault((method, name), [0, 0])
            known[0] += hops
            known[1] += repeats
        self._hosts.update(part["hosts"])

    def tell(self, *, everything: bool = False) -> None:
        """Once a second, in the leading process: events of it all, every few seconds and at the end."""
        if not everything and self._clock() - self._told_s < _EVERY_S:
            return
        self._told_s = self._clock()
        for key, counts in self._statuses.items():
            endpoint = str(Endpoint(*key))
            told = {_said(status): count for status, count in sorted(counts.items()) if status}
            if told:
                said = ", ".join(f"{format_count(count)} x {status}" for status, count in told.items())
                self._event(EventKind.STATUSES, f"{endpoint}: {said}", endpoint=endpoint, counts=told)
        for key, (hops, repeats) in self._wire.items():
            endpoint = str(Endpoint(*key))
            parts = ((hops, "redirects followed"), (repeats, "requests sent again"))
            said_so = ", ".join(f"{format_count(count)} {what}" for count, what in parts if count)
            facts = {"endpoint": endpoint, "hops": hops, "repeats": repeats}
            self._event(EventKind.WIRE, f"{endpoint}: {said_so}", **facts)
        if self._hosts:
            message = f"the load went to {', '.join(sorted(self._hosts))}"
            self._event(EventKind.AIMED, message, hosts=dict(self._hosts))
        self._statuses, self._wire, self._hosts = {}, {}, Counter()


def _said(status: int) -> str:
    return "no answer" if status == NO_ANSWER else str(status)


def _address(host: Any) -> str:
    """host:port of an origin (scheme, host, port), or of text that is one already."""
    if isinstance(host, str):
        return host
    _, name, port = host
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
