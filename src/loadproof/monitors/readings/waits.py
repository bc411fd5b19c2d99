"""What a part waits for, as it shows from outside: answers of others, a disk, collections, locks."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadproof.model import Unit
from loadproof.monitors.parts import calls
from loadproof.monitors.readings.blocked import Blocked
from loadproof.monitors.readings.jvm import Heaps
from loadproof.monitors.readings.loops import occupied
from loadproof.monitors.source import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.monitors.parts.part import Part
    from loadproof.monitors.parts.service import WatchedService

_MOST_CONNECTIONS: Final = 16
"""Of a part that are asked at one look: 50 microseconds each. A pool seldom has more."""
_MOST_PEERS: Final = 6
"""Of a part, those with most connections: a crawler has thousands."""
_LOOKS: Final = 3
"""A second, of few connections: more samples tell a share sooner."""
_FEW: Final = 8
_BETWEEN_S: Final = 0.003
_SESSION: Final = re.compile(
    r"postgres: (?:\S+: )?\S+ \S+ (?:\[local\]|\S+\(\d+\)) (?P<doing>[^\0]+?)[\s\0]*"
)
"""The title of a session's process: user, database, client, and what it does."""
_MOST_LOOPS: Final = 16
_MOST_SESSIONS: Final = 200


@dataclass(slots=True)
class Waits:
    """One for a service."""

    proc: Path = Path("/proc")
    _heaps: dict[str, Heaps] = field(default_factory=dict)
    _loops_seen: set[int] = field(default_factory=set)

    def rows(self, service: WatchedService, time_s: float) -> Iterator[Row]:
        """Of every part; what nobody can tell is left out."""
        blocked = Blocked(self.proc)
        anybody = blocked.anybody()
        for part in service.parts:
            pids = sorted(part.pids)
            stats = [service.stats[pid] for pid in pids if pid in service.stats]
            # For processes with one thread that was read already: sixty of them cost nothing more.
            count = sum(stat.blocked for stat in stats if stat.threads == 1)
            if anybody:
                count += blocked.count(stat.pid for stat in stats if stat.threads > 1)
            yield f"{part.name}.blocked", float(count), Unit.COUNT, None
            if part.program == "postgres":
                yield from self._sessions(part)
            if part.loops or part.runtime == "node":
                yield from self._loops(part)
            if part.runtime == "java":
                yield from self._heap(part, time_s)
        yield from _calls(service)

    def _heap(self, part: Part, time_s: float) -> Iterator[Row]:
        found = self._heaps.setdefault(part.name, Heaps(self.proc)).look(sorted(part.pids), time_s)
        pauses = [heap.pauses for heap in found if heap.pauses is not None]
        if pauses:
            yield f"{part.name}.gc", max(pauses), Unit.SHARE, 1.0
        known = [(heap.old_bytes, heap.old_limit_bytes) for heap in found if heap.old_bytes is not None]
        if known:
            used, limit = max(known, key=lambda one: one[0] / one[1])
            yield f"{part.name}.heap.after_gc", used, Unit.BYTES, limit

    def _loops(self, part: Part) -> Iterator[Row]:
        """Of the busiest of its processes, the share of the looks in which its loop was not free.

        A process that was never seen to wait for events, as a master that waits for its workers, is no loop.
        """
        pids = sorted(part.pids)[:_MOST_LOOPS]
        looks = [occupied(pids, self.proc)]
        while looks[0] and len(looks) < _LOOKS:
            time.sleep(_BETWEEN_S)
            looks.append(occupied(pids, self.proc))
        self._loops_seen |= {pid for look in looks for pid, busy in look.items() if not busy}
        each = [[look[pid] for look in looks if pid in look] for pid in self._loops_seen.intersection(pids)]
        shares = [sum(told) / len(told) for told in each if told]
        if shares:
            yield f"{part.name}.loop.busy", max(shares), Unit.SHARE, 1.0

    def _sessions(self, part: Part) -> Iterator[Row]:
        """Of a PostgreSQL that nobody may log in to: each process says in its title what it does."""
        doing = [text for pid in sorted(part.pids)[:_MOST_SESSIONS] if (text := self._title(pid))]
        if not doing:
            return
        total = float(len(doing))
        held = [text for text in doing if text.startswith("idle in transaction")]
        active = [text for text in doing if not text.startswith("idle")]
        waiting = [text for text in active if text.endswith(" waiting")]
        for name, found in (("active", active), ("in_transaction", held), ("waiting", waiting)):
            yield f"{part.name}.sessions.{name}", float(len(found)), Unit.COUNT, total

    def _title(self, pid: int) -> str:
        try:
            text = (self.proc / str(pid) / "cmdline").read_text(errors="replace")
        except OSError:
            return ""
        match = _SESSION.fullmatch(text)
        return match["doing"] if match else ""


def _calls(service: WatchedService) -> Iterator[Row]:
    """Of each part's connections to one place, those that wait for its answer."""
    for part in service.parts:
        peers = service.calls.get(part.name, {})
        for peer in sorted(peers, key=lambda one: (-len(peers[one]), one))[:_MOST_PEERS]:
            links = peers[peer]
            asked = list(links.values())[:_MOST_CONNECTIONS]
            looks = [calls.waiting(asked)]
            while len(asked) <= _FEW and len(looks) < _LOOKS:
                time.sleep(_BETWEEN_S)
                looks.append(calls.waiting(asked))
            told = [one for look in looks for one in look]
            if not told:
                continue
            total = float(len(links))
            name = service.name_at(peer)
            for what, answer in (("busy", True), ("unclear", None)):
                share = sum(one is answer for one in told) / len(told)
                yield f'{part.name}.connections.{what}{{peer="{name}"}}', share * total, Unit.COUNT, total
