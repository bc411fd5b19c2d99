"""The target guard for programs that know no names any more: by address alone, as the kernel sees it."""

from __future__ import annotations

import ipaddress
import time
from pathlib import Path
from typing import Final

from loadproof.model import Policy
from loadproof.safety.brake import MOST, WINDOW_S, RateLimiter
from loadproof.safety.guard import TargetGuard
from loadproof.safety.hosts import Address, as_address, is_local, may_reach, resolve, within
from loadproof.safety.seccomp import PendingCall

_RESOLVER_FILE: Final = Path("/etc/resolv.conf")
DNS_PORT: Final = 53
_CHROMIUM_PROBE: Final = (ipaddress.ip_address("2001:4860:4860::8888").packed, 443)
_LOOK_AGAIN_S: Final = 1.0
_LOOK_LIMIT_S: Final = 2.0
PATTERN_LIMIT: Final = (
    "targets has a *.domain, whose addresses nobody knows beforehand: below the clients that know names only "
    "production is refused"
)


class AddressGate:
    """Answers for one process tree; remembers its answers.

    `beside`: names that the engine itself needs, such as the server of a script's modules.
    """

    def __init__(self, policy: Policy, beside: tuple[str, ...] = ()) -> None:
        self._gate = TargetGuard(policy)
        self._closed = tuple(ipaddress.ip_network(text) for text in policy.production_networks)
        self._only_production = any(name.startswith("*.") for name in policy.targets)
        self._names = tuple(dict.fromkeys([*(n for n in policy.targets if "*" not in n), *beside]))
        self._answers: dict[bytes, str] = {}
        self._nameservers = nameservers()
        self._looked_s: float | None = None

    def refuses(self, packed: bytes, port: int) -> str:
        """Why 4 or 16 bytes of address may not be connected to; "" where they may."""
        why = self._answers.get(packed)
        if why is None:
            why = self._answers[packed] = self._decide(packed)
        if why and port == DNS_PORT and packed in self._nameservers:
            return ""  # looking up a name loads nobody
        return why

    @staticmethod
    def is_route_probe(packed: bytes, port: int) -> bool:
        """Whether a refusal is no news: it is Chromium that asks its kernel for a route to IPv6.

        It connects a datagram socket to Google's name server and sends nothing (kIPv6ProbeAddress in its
        net/dns/host_resolver_manager.cc); refused, it takes IPv6 for absent, and the page is not touched.
        """
        return (packed, port) == _CHROMIUM_PROBE

    def _decide(self, packed: bytes) -> str:
        found = as_address(str(ipaddress.ip_address(packed)))
        assert found is not None  # noqa: S101  # what was an address is one
        why = self._gate.refuses_address(str(found))
        if not why or is_local(found) or self._is_production(found):
            return why
        if self._only_production:
            return ""
        # A listed name may have got another address since the load began.
        return self._gate.refuses_address(str(found)) if self._look_again() else why

    def _is_production(self, address: Address) -> bool:
        return may_reach(address, self._closed)

    def _look_again(self) -> bool:
        now_s = time.monotonic()
        if not self._names or (self._looked_s is not None and now_s - self._looked_s < _LOOK_AGAIN_S):
            return False
        self._looked_s = now_s
        for one in resolve(self._names, _LOOK_LIMIT_S).values():
            for address in one.addresses:
                self._gate.open(address)
        return True


TOO_MUCH: Final = (
    f"more than {MOST} connections or sends within {WINDOW_S:g} s are too much for production: "
    "what is beyond waits"
)


class Throttle:
    """Which sends of a process tree go to the production that was typed, and how long each must wait.

    A new connection and a send count by themselves, each at most as often as the brake lets.
    """

    def __init__(self, policy: Policy) -> None:
        self._networks = tuple(ipaddress.ip_network(text) for text in policy.allowed_networks)
        self._connections, self._sends = RateLimiter(), RateLimiter()
        self._sockets: set[str] = set()
        """Those that are connected to it, as /proc calls them."""

    def wait_s(self, question: PendingCall, now_s: float) -> float:
        """Seconds; 0 for what goes elsewhere."""
        aimed = any(self._is_typed(wanted.packed) for wanted in question.destinations or ())
        try:
            socket = str(Path(f"/proc/{question.pid}/fd/{question.descriptor}").readlink())
        except OSError:
            socket = ""  # it was closed, or its process has ended
        if question.connects:
            if not aimed:
                return 0.0
            self._sockets.add(socket)
            wait_s = self._connections.wait_s(now_s)
        elif not aimed and socket not in self._sockets:
            return 0.0
        else:
            wait_s = self._sends.wait_s(now_s, question.messages)
        if self._connections.braked or self._sends.braked:
            self._connections.braked = self._sends.braked = True
        return wait_s

    def _is_typed(self, packed: bytes) -> bool:
        found = as_address(str(ipaddress.ip_address(packed))) if packed else None
        return found is not None and within(found, self._networks)


def nameservers() -> frozenset[bytes]:
    """The addresses that this machine asks for names."""
    try:
        lines = _RESOLVER_FILE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    words = [line.split() for line in lines]
    found = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
    addresses = []
    for text in found:
        try:
            addresses.append(ipaddress.ip_address(text.partition("%")[0]).packed)
        except ValueError:
            continue  # the resolver passes over it, too
    return frozenset(addresses)
