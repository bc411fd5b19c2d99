"""Hosts: one spelling for a name, what addresses it has, and which addresses are our own or private."""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOCAL: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/32",  # "this host" (RFC 1122): it connects to loopback
        "127.0.0.0/8",
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",  # link-local
        "100.64.0.0/10",  # shared address space (RFC 6598): overlay networks
        "198.18.0.0/15",  # for benchmarks of networks (RFC 2544)
        "::/128",
        "::1/128",
        "fc00::/7",  # unique local (RFC 4193)
        "fe80::/10",
    )
)
"""Networks that nobody reaches from outside. Python's `is_private` also has documentation networks."""
_WITH_IPV4: Final = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "64:ff9b::/96",  # NAT64 (RFC 6052)
        "::ffff:0:0:0/96",  # translated (RFC 2765)
        "::/96",  # compatible (RFC 4291, 2.5.5.1)
    )
)
"""Where an IPv6 address ends in the IPv4 one that it stands for."""
_SITE_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
"""NAT64 inside of a site (RFC 8215): where the IPv4 address stands depends on the length of its prefix."""
_ISATAP: Final = (bytes.fromhex("00005efe"), bytes.fromhex("02005efe"))
"""The third quarter of an address behind an ISATAP tunnel (RFC 5214): its IPv4 address follows."""
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


def host_key(host: str) -> str:
    """One spelling of a host: lower case, IDNA, no brackets, no trailing dot; of an address its shortest."""
    text = host.strip().removeprefix("[").removesuffix("]").rstrip(".").lower()
    found = as_address(text)
    if found is not None:
        return str(found)
    try:
        # Another script's full stop may have been the last one.
        return text.encode("idna").decode("ascii").rstrip(".")
    except UnicodeError:
        return text


def as_address(text: str) -> Address | None:
    """The address that a text is; a mapped one (::ffff:127.0.0.1) is the IPv4 one that sockets use."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped) or found


def forms(address: Address) -> tuple[Address, ...]:
    """An address, and the IPv4 ones that a translator or a tunnel may take it for (6to4, NAT64 ...).

    They say what must not be loaded, never what may be: a translator's 127.0.0.1 and 10.0.0.0/8 are not ours.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    packed = address.packed
    inside: list[bytes] = []
    if address in _SITE_NAT64:
        bits = packed[:8] + packed[9:]  # bits 64 to 71 are no part of it (RFC 6052, 2.2)
        inside = [*(bits[at : at + 4] for at in (6, 7, 8)), packed[12:]]
    elif not is_local(address) and any(address in network for network in _WITH_IPV4):
        inside = [packed[12:]]
    elif address.sixtofour is not None:
        inside = [address.sixtofour.packed]
    elif address.teredo is not None:
        inside = [address.teredo[1].packed]  # the client; the other one is a server that only introduces it
    elif packed[8:12] in _ISATAP:
        inside = [packed[12:]]
    return (address, *map(ipaddress.IPv4Address, inside))


def is_loopback(host: str) -> bool:
    """Whether a host, as it is written, can only be this machine; a name is not looked up."""
    found = as_address(host)
    return host == "localhost" or (found is not None and found.is_loopback)


def is_local(address: Address) -> bool:
    """Whether an address is this machine's own or private."""
    return within(address, LOCAL)


def within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks."""
    return any(address.version == network.version and address in network for network in networks)


def may_reach(address: Address, networks: Sequence[Network]) -> bool:
    """Whether an address, or one that it may stand for, lies in one of the networks."""
    return any(within(form, networks) for form in forms(address))


def is_host_name(text: str) -> bool:
    """Whether a text, as `host_key` spells it, can be a host's name."""
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))


@dataclass(frozen=True, slots=True)
class ResolvedHost:
    """What the resolver says of one host; no address when it does not resolve."""

    host: str
    addresses: frozenset[Address] = frozenset()
    names: frozenset[str] = frozenset()
    """Its own name and the one that its aliases (CNAME) end in."""


def resolve(hosts: Iterable[str], timeout_s: float) -> dict[str, ResolvedHost]:
    """Each host's addresses, asked for all at once; one without an answer in `timeout_s` has none."""
    found: dict[str, ResolvedHost] = {}

    def look_up(host: str) -> None:
        found[host] = _look_up(host)

    # Daemons: the resolver has no time-out of its own, and a late answer is of no use.
    wanted = dict.fromkeys(hosts)
    threads = [threading.Thread(target=look_up, args=(host,), daemon=True) for host in wanted]
    deadline_s = time.monotonic() + timeout_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline_s - time.monotonic()))
    return {host: found.get(host) or ResolvedHost(host, names=frozenset({host_key(host)})) for host in wanted}


def _look_up(host: str) -> ResolvedHost:
    names = {host_key(host)}
    try:
        infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except (OSError, UnicodeError):
        return ResolvedHost(host, names=frozenset(names))
    names |= {host_key(info[3]) for info in infos if info[3]}
    addresses = (as_address(str(info[4][0])) for info in infos)
    return ResolvedHost(host, frozenset(a for a in addresses if a is not None), frozenset(names))
