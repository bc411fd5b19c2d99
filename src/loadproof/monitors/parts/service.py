"""What a service is made of: from its listening socket to everything that it hands work to on this machine.

A socket is held by whoever inherited it. From its holders the tree goes up to their common parent and down
to all children, and along the connections that these make, through unix sockets and the ports of this
machine, to the parts behind. Connections come with the load, and workers come and go: it is looked at again
and again.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psutil

from loadproof import sockets
from loadproof.monitors import MonitorError
from loadproof.monitors.parts import containers, processes
from loadproof.monitors.parts.pace import Pace
from loadproof.monitors.parts.part import DATA_STORES, Part, PartRole, program_name, tree_line, unique
from loadproof.monitors.parts.table import ProcessTable, Stat
from loadproof.sockets import Link, Sockets

_GLANCE_S: Final = 0.005
_GLANCES_S: Final = 0.2
"""Seconds of a core for quick looks: at one time, and in a run."""
_BETWEEN_GLANCES_S: Final = 0.004
_MOST_PARTS: Final = 20
_MOST_PORTS: Final = 5
_PLUMBING: Final = frozenset(
    {"systemd", "systemd-resolve", "systemd-journal", "systemd-journald", "dbus-daemon", "dbus-broker",
     "nscd", "sssd", "rsyslogd", "dockerd", "containerd", "init", "Xorg"}
)  # fmt: skip
"""Takes messages of everybody, and is no part of anything."""


@dataclass(frozen=True, slots=True)
class Unwatched:
    """Something on this machine that takes work and cannot be looked into."""

    address: str
    why: str
    hint: str


@dataclass(slots=True)
class WatchedService:
    """The parts now. `look` finds what has changed; it is cheap, and does the costly things seldom."""

    seeds: Sequence[Mapping[str, Any]]
    """As `monitors: process:` has them, each with one of port, pid, name, command, container."""
    target_port: int | None = None
    follows: bool = True
    """Along the connections."""
    table: ProcessTable = field(default_factory=ProcessTable)
    parts: list[Part] = field(default_factory=list)
    unwatched: dict[str, Unwatched] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    """Addresses of other machines that it hands work to."""
    outgoing: dict[str, int] = field(default_factory=dict)
    """TCP connections that its processes have made and hold, by the other end, at the last look."""
    calls: dict[str, dict[str, dict[int, Link]]] = field(default_factory=dict)
    """The same connections by part, other end and inode."""
    followed: int = 0
    """How often it looked along the connections."""
    stats: dict[int, Stat] = field(default_factory=dict)
    """Of every process of a part at the last look, zombies included."""
    part_of: dict[int, Part] = field(default_factory=dict)
    _known: set[int] = field(default_factory=set)
    _pace: Pace = field(default_factory=Pace)
    _listeners: frozenset[int] = frozenset()
    _glanced_s: float = 0.0
    _worked_s: dict[str, float] = field(default_factory=dict)
    _most_sessions: int = 0
    _opened: bool = False

    def open(self) -> None:
        """Find it. Raises MonitorError when one of its seeds is not there."""
        self.parts.clear()
        self.part_of.clear()
        self.stats.clear()
        self._known = self.table.pids()
        for seed in self.seeds:
            self._plant(seed)
        self._grow(self._known)
        self._opened = True
        self._pace = Pace()
        self.look()
        for part in self.parts:
            part.begun = part.ended = 0

    def look(self) -> None:
        """What there is now. Raises MonitorError when the part that the load meets has ended."""
        now = self.table.pids()
        self._grow(now - self._known)
        self._known = now
        self._read(now)
        self._ask_for_successors(now)
        self._look_at_databases()
        if self.follows and self._pace.due(time.monotonic()):
            self.follow()
        elif self.follows:
            self._glance()

    def line(self) -> str:
        """`nginx (3) → php-fpm (5) → mariadbd (1)`, with the processes of this moment."""
        return tree_line((part.name, part.depth, len(part.pids)) for part in self.parts)

    def other_ports(self, port: int) -> list[int]:
        """Where the parts that do not only store data listen beside the port that the load goes to."""
        pids = {pid for part in self.parts if part.role is not PartRole.DATABASE for pid in part.pids}
        mine: set[int] = set()
        table = sockets.read_sockets()
        for pid in pids:
            mine |= (sockets.inodes_of(pid) or set()) if table.has_inodes else {pid}
        found = {one.port for one in table.listeners if one.key in mine and one.port not in (0, port)}
        return sorted(found)[:_MOST_PORTS]

    def name_at(self, peer: str) -> str:
        """The part that listens at an address of this machine, or else the address."""
        port = peer.rpartition(":")[2]
        same = [part.name for part in self.parts if peer in part.addresses]
        any_host = {f"{host}:{port}" for host in sockets.ANY} | {f"[::]:{port}"}
        return next(iter(same + [part.name for part in self.parts if any_host & part.addresses]), peer)

    # --- processes -----------------------------------------------------------------------------------

    def _plant(self, seed: Mapping[str, Any]) -> None:
        how, wanted = next((k, v) for k, v in seed.items() if k in processes.FINDERS and v is not None)
        pids = processes.FINDERS[how](wanted)
        role = PartRole.ENTRY if how == "port" and self.target_port in (None, wanted) else PartRole.NAMED
        if self._add(pids, role, 0, f"{how} {wanted}") is None and not self.part_of.keys() & set(pids):
            raise MonitorError(f"the process {', '.join(map(str, pids))} has ended")

    def _add(self, pids: Sequence[int], role: PartRole, depth: int, reached: str) -> Part | None:
        """A new part of these processes and their families; None when they are parts already."""
        fresh = [pid for pid in pids if pid not in self.part_of and self.table.stat(pid) is not None]
        if not fresh or len(self.parts) >= _MOST_PARTS:
            return None
        stat = self.table.stat(fresh[0])
        executable, arguments = self.table.executable(fresh[0]), self.table.arguments(fresh[0])
        program = program_name(stat.comm if stat else "", executable, arguments)
        if program in DATA_STORES:
            role = PartRole.DATABASE
        name = unique(program, reached, (part.name for part in self.parts))
        part = Part(name, program, role, depth, reached, set(fresh), set())
        self.parts.append(part)
        self.parts.sort(key=lambda one: one.depth)
        for pid in containers.together(fresh) if psutil.LINUX else fresh:
            if pid not in self.part_of:
                self._join(pid, part)
        self._grow(self.table.pids())
        return part

    def _join(self, pid: int, part: Part) -> None:
        stat = self.table.stat(pid)
        if stat is not None:
            self.part_of[pid], self.stats[pid] = part, stat
            if not stat.zombie:
                part.pids.add(pid)
                part.begun += 1

    def _grow(self, new: set[int]) -> None:
        """Children join their parents' parts. A data store that a part has started is a part of its own."""
        found = [stat for pid in new - self.part_of.keys() if (stat := self.table.stat(pid)) is not None]
        for stat in sorted(found, key=lambda one: (one.started_s, one.pid)):
            parent = self.part_of.get(stat.parent)
            if parent is None or stat.pid in self.part_of:
                continue
            program = program_name(stat.comm, "")
            if program in DATA_STORES and program != parent.program:
                self._add([stat.pid], PartRole.DATABASE, parent.depth + 1, f"a child of {parent.name}")
            else:
                self._join(stat.pid, parent)

    def _read(self, now: set[int]) -> None:
        """The state of every member; those that have ended leave."""
        for pid, part in list(self.part_of.items()):
            stat = self.table.stat(pid) if pid in now else None
            before = self.stats.get(pid)
            if stat is None or (before is not None and stat.started_s != before.started_s):
                self._leave(pid, part)
                continue
            if stat.zombie and pid in part.pids:
                part.pids.discard(pid)
                part.ended += 1
            self.stats[pid] = stat
        for part in self.parts:
            part.most = max(part.most, len(part.pids))

    def _look_at_databases(self) -> None:
        """One that has more processes or threads than ever has new connections: look whose, soon."""
        pids = [pid for part in self.parts if part.role is PartRole.DATABASE for pid in part.pids]
        sessions = sum(self.stats[pid].threads for pid in pids)
        if sessions > self._most_sessions:
            self._most_sessions = sessions
            self._pace.hasten()

    def _leave(self, pid: int, part: Part) -> None:
        del self.part_of[pid]
        self.stats.pop(pid, None)
        part.roots.discard(pid)
        if pid in part.pids:
            part.pids.discard(pid)
            part.ended += 1

    def _ask_for_successors(self, now: set[int]) -> None:
        """Whoever listens now in the place of a part that has ended: it was restarted."""
        for part in [one for one in self.parts if not one.pids]:
            again = self._successors(part, now)
            if again:
                part.roots = set(again)
                for pid in again:
                    self._join(pid, part)
                self._grow(now)
            elif part.depth == 0:
                raise MonitorError(f"{part.name} ({part.reached}) has ended")

    def _successors(self, part: Part, now: set[int]) -> list[int]:
        how, _, wanted = part.reached.partition(" ")
        if how in processes.FINDERS and how != "pid":
            try:
                return processes.FINDERS[how](int(wanted) if how == "port" else wanted)
            except MonitorError:
                return []
        if part.role is PartRole.NAMED or " " in part.reached:
            return []
        held = [one.key for one in sockets.listening() if one.address == part.reached]
        if not held:
            host, _, port = part.reached.rpartition(":")
            return containers.listening_at(host, int(port), now) if port.isdigit() else []
        return processes.roots(sorted(sockets.holders(held, now, has_inodes=True)))

    # --- connections ---------------------------------------------------------------------------------

    def follow(self) -> None:
        """Along the connections of each part to the parts behind it, and on from those."""
        used_s = time.thread_time()
        try:
            table = sockets.read_sockets()
        except psutil.AccessDenied:
            self._pace.refused(time.monotonic())
            return
        self._renew_holders(table)
        self.outgoing = {}
        self.calls = {}
        self.followed += 1
        followed: set[str] = set()
        while left := [part for part in self.parts if part.name not in followed]:
            followed.add(left[0].name)
            self._follow_one(left[0], table)
        self._pace.looked(time.monotonic(), time.thread_time() - used_s, calls=bool(self.calls))

    def _glance(self) -> None:
        """Several quick looks at what the last parts of the chain that are at work are connected to.

        A program that connects anew for each request, as PHP does to its database, holds the connection for a
        millisecond: one look in some seconds would miss it in a whole run.
        """
        ends = [
            part for part in self.parts if part.role is not PartRole.DATABASE and not self._leads_on(part)
        ]
        working = [part for part in ends if self._at_work(part)]
        known, began_s = len(self.parts), time.thread_time()
        while working and self._glanced_s < _GLANCES_S and len(self.parts) == known:
            used_s = time.thread_time()
            try:
                table = sockets.read_sockets()
            except psutil.AccessDenied:
                return
            for part in working:
                self._follow_one(part, table)
            self._glanced_s += time.thread_time() - used_s
            if time.thread_time() - began_s > _GLANCE_S:
                return
            time.sleep(_BETWEEN_GLANCES_S)

    def _leads_on(self, part: Part) -> bool:
        return any(other.found_from == part.name for other in self.parts)

    def _at_work(self, part: Part) -> bool:
        """Whether it has used processor time since the last time that this was asked."""
        used_s = sum(self.stats[pid].user_s + self.stats[pid].system_s for pid in part.pids)
        before_s = self._worked_s.get(part.name)
        self._worked_s[part.name] = used_s
        return before_s is not None and used_s > before_s

    def _renew_holders(self, table: Sockets) -> None:
        """New sockets on the target's port: a second master, a reload, SO_REUSEPORT."""
        entries = [part for part in self.parts if part.reached.startswith("port ")]
        ports = {int(part.reached.partition(" ")[2]): part for part in entries}
        keys = frozenset(one.key for one in table.listeners if one.port in ports)
        if keys == self._listeners:
            return
        self._listeners = keys
        for port, part in ports.items():
            held = [one.key for one in table.on_port(port)]
            for pid in processes.workers_of(sockets.holders(held, self._known, table.has_inodes), self.table):
                if pid not in self.part_of:
                    part.roots.add(pid)
                    self._join(pid, part)
        self._grow(self._known)

    def _follow_one(self, part: Part, table: Sockets) -> None:
        first = min(part.pids, default=0)
        contained = first and containers.has_own_network(first)
        if contained:
            table = containers.sockets_of(first)
        mine: set[int] = set()
        for pid in part.pids:
            mine |= (sockets.inodes_of(pid) or set()) if table.has_inodes else {pid}
        own = {(one.host, one.port) for one in table.listeners if one.key in mine}
        ports = {port for host, port in own if port and host in sockets.ANY}
        targets: dict[tuple[str, int], Link] = {}
        for link in table.links_of(mine):
            if (link.host, link.port) in own or link.port in ports:
                continue  # somebody came to it
            if link.peer_host:
                targets.setdefault((link.peer_host, link.peer_port), link)
            if link.peer_port:
                peer = sockets.address(link.peer_host, link.peer_port)
                self.outgoing[peer] = self.outgoing.get(peer, 0) + 1
                if not contained:  # the kernel tells of another network's connections in that network only
                    self.calls.setdefault(part.name, {}).setdefault(peer, {})[link.key] = link
        for (host, port), _ in targets.items():
            if contained:
                self._reach_from_container(part, host, port)
            else:
                self._reach(part, host, port, table)

    def _reach_from_container(self, part: Part, host: str, port: int) -> None:
        """What a container is connected to: its own loopback is in it, and this machine's is not."""
        if not ipaddress.ip_address(host).is_loopback:
            self._reach(part, host, port, sockets.read_sockets())

    def _reach(self, part: Part, host: str, port: int, table: Sockets) -> None:
        if port and not sockets.is_own(host):
            self._reach_container(part, host, port)
            return
        accepting = table.accepts(host, port)
        address = accepting[0].address if accepting else sockets.address(host, port)
        if any(address in one.addresses for one in self.parts) or address in self.unwatched or not accepting:
            return
        held = sockets.holders([one.key for one in accepting], self._known, table.has_inodes) - {1}
        known = [self.part_of[pid] for pid in held if pid in self.part_of]
        if known:
            known[0].addresses.add(address)
            known[0].found_from = known[0].found_from or part.name
            return
        if os.getpid() in held:
            return  # this program itself
        self._take(part, held, address)

    def _reach_container(self, part: Part, host: str, port: int) -> None:
        """Another machine, or a container that is reached by the address of its own network."""
        address = sockets.address(host, port)
        if address in self.elsewhere or any(address in one.addresses for one in self.parts):
            return
        here = psutil.LINUX and ipaddress.ip_address(host).is_private
        held = containers.listening_at(host, port, self._known) if here else []
        if held:
            self._take(part, set(held), address)
        else:
            self.elsewhere.add(address)

    def _take(self, part: Part, held: set[int], address: str) -> None:
        roots = processes.roots(processes.workers_of(held, self.table))
        known = next((self.part_of[pid] for pid in roots if pid in self.part_of), None)
        if known is not None:
            known.addresses.add(address)
            known.found_from = known.found_from or part.name
            return
        names = {stat.comm for pid in roots if (stat := self.table.stat(pid)) is not None}
        if names and names <= _PLUMBING:
            return
        if not roots or names & containers.FORWARDERS:
            who = f"its container ({', '.join(sorted(names))} forwards to it)" if roots else "another user"
            hint = (
                "name it: monitors: process: [{port: ...}, {container: NAME}]" if roots
                else "run Loadproof as the user of the service, or as root"
            )  # fmt: skip
            self.unwatched[address] = Unwatched(address, f"{part.name} hands work to {address}, {who}", hint)
            return
        added = self._add(roots, PartRole.BEHIND, part.depth + 1, address)
        if added is not None:
            added.addresses.add(address)
            added.found_from = part.name
