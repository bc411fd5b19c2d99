"""Who listens where, and who is connected to whom on this machine.

A listening socket belongs to every process that inherited it, and only its inode says so: psutil names one
of them. Linux is asked through sock_diag(7), which costs a fraction of reading /proc/net/tcp and knows the
other end of a unix socket; elsewhere psutil tells what it can.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import psutil

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_REQUEST: Final = 0x1
_DUMP: Final = 0x300
_DONE, ERROR = 3, 2
_ESTABLISHED, _LISTEN = 1, 10
_WITH_PEER: Final = sum(1 << state for state in (_ESTABLISHED, 2, 3, 4, 5, 8, 9, 11))
"""Of include/net/tcp_states.h all but those without a process (TIME_WAIT) or another end (LISTEN, CLOSE)."""
_UNIX_NAME, _UNIX_PEER, _UNIX_QUEUE = 0, 2, 4
_SHOW_NAME_PEER_QUEUE: Final = 0x1 | 0x4 | 0x10
INET_BYTES: Final = 72
"""Of `struct inet_diag_msg`; attributes follow."""
_MEMORY: Final = 7
"""INET_DIAG_SKMEMINFO, whose ninth number counts what a listener has dropped."""
_WITH_MEMORY: Final = 1 << (_MEMORY - 1)
_DROPS_AT: Final = 32
_TIMEOUT_S: Final = 2.0
_BUFFER_BYTES: Final = 1 << 17
_MAPPED: Final = bytes(10) + b"\xff\xff"
ANY: Final = ("0.0.0.0", "::")  # noqa: S104  # as a listener's address is read, not bound


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A socket that accepts. `key` is its inode, or without inodes the process that holds it."""

    key: int
    host: str
    """An IP address; of a unix socket its path."""
    port: int
    """0 for a unix socket."""
    queued: int = 0
    """Connections that nobody has accepted yet."""
    backlog: int = 0
    """How many may wait so; 0 is not known."""
    dropped: int | None = None
    """Connections that found no place among them, since it listens; None is not known."""

    @property
    def address(self) -> str:
        """`127.0.0.1:8000`, `unix:/run/php-fpm.sock`."""
        return address(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Link:
    """One end of an established connection."""

    key: int
    host: str
    port: int
    peer_host: str
    """Of a unix socket the path of the other end, where it has one."""
    peer_port: int


@dataclass(slots=True)
class Sockets:
    """All of this machine's, at one moment."""

    listeners: list[ListeningSocket] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    unread: dict[int, memoryview] = field(default_factory=dict)
    """Further connections by inode, as the kernel has told of them: of thousands a service has a few."""
    has_inodes: bool = True

    def on_port(self, port: int) -> list[ListeningSocket]:
        """Who listens on a TCP port."""
        return [listener for listener in self.listeners if listener.port == port]

    def links_of(self, keys: set[int]) -> list[Link]:
        """The connections with these keys."""
        known = [link for link in self.links if link.key in keys]
        return known + [_link(self.unread[key]) for key in sorted(keys & self.unread.keys())]

    def accepts(self, host: str, port: int) -> list[ListeningSocket]:
        """Who takes the connections to an address."""
        same = [one for one in self.listeners if one.port == port]
        exact = [one for one in same if one.host == host]
        return exact or [one for one in same if port and one.host in ANY]


def listening() -> list[ListeningSocket]:
    """Only the listeners: cheap enough for every second. None where the system has no sock_diag."""
    try:
        return _by_netlink(1 << _LISTEN, _WITH_MEMORY).listeners
    except (OSError, AttributeError):
        return []


def read_sockets() -> Sockets:
    """Everything. Raises psutil.AccessDenied where the system says nothing."""
    try:
        return _by_netlink(1 << _LISTEN | 1 << _ESTABLISHED)
    except (OSError, AttributeError):  # no Linux, or a container that may not ask
        return _by_psutil()


def inodes_of(pid: int) -> set[int] | None:
    """The sockets that a process holds; None when that may not be known, or it has ended."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208  # thousands, every few seconds
    except OSError:
        return None
    found = set()
    for name in names:
        try:
            link = os.readlink(f"/proc/{pid}/fd/{name}")  # noqa: PTH115
        except OSError:
            continue
        if link.startswith("socket:["):
            found.add(int(link[8:-1]))
    return found


def peers_of(pids: Iterable[int]) -> set[tuple[str, int]]:
    """Address and port at the other end of the TCP and UDP sockets of these processes.

    Those included that are being opened or closed. A process that has ended, or may not be looked at, has
    none.
    """
    try:
        with sock_diag(_TIMEOUT_S) as netlink:
            others = {
                _inode(message): (message[0], bytes(message[6:8]), bytes(message[24:40]))
                for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP)
                for family in (socket.AF_INET, socket.AF_INET6)
                for message in _answers(netlink, _of_inet(family, protocol, _WITH_PEER))
            }
    except (OSError, AttributeError):
        return {peer for pid in pids for peer in _peers_by_psutil(pid)}
    own = {inode for pid in pids for inode in inodes_of(pid) or ()}
    raw = {others[inode] for inode in own & others.keys()}
    return {(_host(family, host), int.from_bytes(port)) for family, port, host in raw}


def holders(keys: Iterable[int], pids: Iterable[int], has_inodes: bool) -> set[int]:
    """Which of `pids` hold one of these sockets."""
    wanted = set(keys)
    if not has_inodes:
        return wanted & set(pids)
    return {pid for pid in pids if wanted & (inodes_of(pid) or set())}


def is_own(host: str) -> bool:
    """Whether an address is this machine's."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if address.is_loopback:
        return True
    own = {a.address.partition("%")[0] for found in psutil.net_if_addrs().values() for a in found}
    return host in own


def address(host: str, port: int) -> str:
    """As `ListeningSocket.address` has it."""
    if not port:
        return f"unix:{host}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# --- sock_diag ---------------------------------------------------------------------------------------


def sock_diag(timeout_s: float) -> socket.socket:
    """A socket that the kernel answers sock_diag(7) on. Raises OSError or AttributeError where none does."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    netlink.settimeout(timeout_s)
    return netlink


def ask(netlink: socket.socket, request: bytes, flags: int = 0) -> None:
    """Send a request for sockets of one family. Raises OSError."""
    netlink.send(
        struct.pack("=IHHII", 16 + len(request), _SOCK_DIAG_BY_FAMILY, _REQUEST | flags, 1, 0) + request
    )


def _by_netlink(states: int, more: int = 0) -> Sockets:
    with sock_diag(_TIMEOUT_S) as netlink:
        found = Sockets()
        for family in (socket.AF_INET, socket.AF_INET6):
            for message in _answers(netlink, _of_inet(family, socket.IPPROTO_TCP, states, more)):
                _take_inet(message, found)
        request = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, states, 0, _SHOW_NAME_PEER_QUEUE, 0, 0)
        _take_unix(list(_answers(netlink, request)), found)
        return found


def _of_inet(family: int, protocol: int, states: int, more: int = 0) -> bytes:
    """`struct inet_diag_req_v2`, for all sockets in these states."""
    return struct.pack("=BBBBI", family, protocol, more, 0, states) + bytes(48)


def _answers(netlink: socket.socket, request: bytes) -> Iterator[memoryview]:
    """The messages of one dump. Raises OSError when the kernel refuses."""
    ask(netlink, request, _DUMP)
    while True:
        buffer = memoryview(netlink.recv(_BUFFER_BYTES))
        offset = 0
        while offset < len(buffer):
            length, kind = struct.unpack_from("=IH", buffer, offset)
            if kind == _DONE:
                return
            if kind == ERROR:
                (code,) = struct.unpack_from("=i", buffer, offset + 16)
                raise OSError(-code, os.strerror(-code))
            yield buffer[offset + 16 : offset + length]
            offset += (length + 3) & ~3


def _take_inet(message: memoryview, found: Sockets) -> None:
    """`struct inet_diag_msg` of linux/inet_diag.h."""
    queued, backlog, _, inode = struct.unpack_from("=IIII", message, 56)
    if message[1] == _LISTEN:
        (port,) = struct.unpack_from("!H", message, 4)
        host = _host(message[0], bytes(message[8:24]))
        memory = attributes(message[INET_BYTES:]).get(_MEMORY, b"")
        dropped = struct.unpack_from("=I", memory, _DROPS_AT)[0] if len(memory) >= _DROPS_AT + 4 else None
        found.listeners.append(ListeningSocket(inode, host, port, queued, backlog, dropped))
    else:
        found.unread[inode] = message


def _link(message: memoryview) -> Link:
    family = message[0]
    port, peer_port, host, peer_host = struct.unpack_from("!HH16s16s", message, 4)
    return Link(_inode(message), _host(family, host), port, _host(family, peer_host), peer_port)


def _inode(message: memoryview) -> int:
    (inode,) = struct.unpack_from("=I", message, 68)
    return int(inode)


def _host(family: int, raw: bytes) -> str:
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, raw[:4])
    if raw.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, raw[12:])
    return socket.inet_ntop(socket.AF_INET6, raw)


def _take_unix(messages: list[memoryview], found: Sockets) -> None:
    """`struct unix_diag_msg` of linux/unix_diag.h. What a server has accepted has its listener's name."""
    names: dict[int, str] = {}
    peers: dict[int, int] = {}
    for message in messages:
        state = message[2]
        (inode,) = struct.unpack_from("=I", message, 4)
        told = attributes(message[16:])
        name = bytes(told.get(_UNIX_NAME, b"")).decode(errors="replace").rstrip("\0").replace("\0", "@")
        names[inode] = name
        if state == _LISTEN:
            queued, backlog = struct.unpack("=II", told[_UNIX_QUEUE])
            found.listeners.append(ListeningSocket(inode, name, 0, queued, backlog))
        elif _UNIX_PEER in told:
            (peers[inode],) = struct.unpack("=I", told[_UNIX_PEER])
    for inode, peer in peers.items():
        found.links.append(Link(inode, names[inode], 0, names.get(peer, ""), 0))


def attributes(rest: memoryview) -> dict[int, memoryview]:
    found: dict[int, memoryview] = {}
    offset = 0
    while offset + 4 <= len(rest):
        length, kind = struct.unpack_from("=HH", rest, offset)
        if length < 4:
            break
        found[kind] = rest[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


# --- psutil ------------------------------------------------------------------------------------------


def _by_psutil() -> Sockets:
    """Without inodes the process that psutil names is all that is known."""
    found = Sockets(has_inodes=False)
    for one in psutil.net_connections(kind="tcp"):
        if one.pid is None or not one.laddr:
            continue
        if one.status == psutil.CONN_LISTEN:
            found.listeners.append(ListeningSocket(one.pid, one.laddr.ip, one.laddr.port))
        elif one.status == psutil.CONN_ESTABLISHED and one.raddr:
            found.links.append(Link(one.pid, one.laddr.ip, one.laddr.port, one.raddr.ip, one.raddr.port))
    return found


def _peers_by_psutil(pid: int) -> list[tuple[str, int]]:
    try:
        found = psutil.Process(pid).net_connections("inet")
    except psutil.Error:
        return []
    return [(one.raddr.ip, one.raddr.port) for one in found if one.raddr]
