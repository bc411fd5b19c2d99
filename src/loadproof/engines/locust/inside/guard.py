"""The target guard inside Locust: no connection to a host that the policy refuses, whoever opens it."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable
from typing import Any

from gevent import get_hub

from loadproof.engines.locust.inside.proxies import look_behind
from loadproof.model import Policy
from loadproof.safety.below import DNS_PORT, nameservers
from loadproof.safety.guard import TargetGuard

_REASONS = 100
"""Kept at most: a scenario that reaches for ever new hosts must not fill the memory before the load ends."""
_ADDRESSES = 1000
"""Those remembered as allowed: thousands of users connect to the same few, and a look takes 45 µs."""


_SENDS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOK_UPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
"""Python's own audit events of names, which gevent's resolvers may pass by."""


class TargetRefusedError(ConnectionError):
    """The target guard refuses this host; clients report it as a connection that failed."""


def install(policy: Policy) -> list[str]:
    """Refuse by `policy` from now on, for the rest of this process; the list grows by each distinct reason.

    Names are looked at where gevent or Python resolves them, which every client in Python comes through.
    Addresses are looked at in Python's own audit events of what is sent, which none can go around.
    """
    gate = TargetGuard(policy)
    reasons: list[str] = []
    name_servers = {(str(ipaddress.ip_address(packed)), DNS_PORT) for packed in nameservers()}
    open_to: set[tuple[str, str]] = set()  # what the policy has allowed: it never takes that back

    def refuse(why: str) -> None:
        if not why:
            return
        if why not in reasons and len(reasons) < _REASONS:
            reasons.append(why)
        raise TargetRefusedError(f"refused by the target guard: {why}")

    def look_at(address: str, name: str = "") -> None:
        """Refuse an address, reached under a name if that is known, or a name of which no address is yet."""
        if (address, name) not in open_to:
            refuse(gate.refuses_name(name or address) or gate.refuses_address(address, name))
            if len(open_to) < _ADDRESSES:
                open_to.add((address, name))

    def on_audit(event: str, args: tuple[Any, ...]) -> None:
        if event in _LOOK_UPS and args[0]:
            refuse(gate.refuses_name(_text(args[0])))
        if event not in _SENDS or not isinstance(args[1], tuple):
            return
        if args[1][:2] not in name_servers:
            look_at(_text(args[1][0]))  # or a name, which C would look up

    _look_at_names(gate, refuse, look_at)
    sys.addaudithook(on_audit)
    return reasons


def _look_at_names(
    gate: TargetGuard, refuse: Callable[[str], None], look_at: Callable[[str, str], None]
) -> None:
    """Refuse names where gevent resolves them, and where a proxy would be asked for them."""
    resolver = type(get_hub().resolver)
    look_up = resolver.getaddrinfo

    def getaddrinfo(self: Any, host: Any, *args: Any, **kwargs: Any) -> Any:
        if not host:
            return look_up(self, host, *args, **kwargs)
        name = _text(host)
        look_at("", name)
        found = look_up(self, host, *args, **kwargs)
        for info in found:
            look_at(str(info[4][0]), name)
        return found

    def refuse_host(host: str) -> None:
        """One that a proxy would be asked for, whose address perhaps only the proxy knows."""
        refuse(gate.refuses_name(host))
        if gate.lists(host):
            return
        try:
            get_hub().resolver.getaddrinfo(host, None)
        except socket.gaierror:
            refuse(f"'{host}', which a proxy would be asked for, is not listed under targets")

    def by_name(look_up: Any) -> Any:
        def asked(self: Any, host: Any, *more: Any) -> Any:
            refuse(gate.refuses_name(_text(host)))
            return look_up(self, host, *more)

        return asked

    resolver.getaddrinfo = getaddrinfo
    for older in ("gethostbyname", "gethostbyname_ex"):  # their addresses are looked at when connected to
        setattr(resolver, older, by_name(getattr(resolver, older)))
    look_behind(refuse_host)


def _text(host: Any) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
