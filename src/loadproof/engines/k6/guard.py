"""The target guard as k6's own flags: host names and address ranges that it never connects to."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from loadproof.engines.k6.inspection import source_of
from loadproof.engines.k6.modules import addresses
from loadproof.engines.k6.options import Options
from loadproof.model import Plan, Policy
from loadproof.safety.guard import Rule, TargetGuard
from loadproof.safety.hosts import LOCAL, Network


def guard_arguments(policy: Policy, options: Options, *, kernel: bool = False) -> list[str]:
    """`--block-hostnames` and `--blacklist-ip`; the lists of the script's own options stay in force.

    With `kernel` that refuses addresses by itself, and tells: k6 keeps them back before anybody hears of
    them, and says so of HTTP requests alone, not of WebSockets and gRPC. Where `targets` has a `*.domain`,
    whose addresses nobody knows beforehand, only production is refused.
    """
    # k6 knows no exception from a pattern: the host of production that was typed must not fall under one.
    names = [name for name in policy.production if not Rule(name).names(policy.allowed_production)]
    names += [_ENDS_IN_DOT] if names else []
    names += options.get("blockHostnames") or []
    networks = [*(() if kernel else policy.production_networks), *(options.get("blacklistIPs") or [])]
    if not kernel and not any(name.startswith("*.") for name in policy.targets):
        opened = (*policy.target_networks, *policy.allowed_networks)
        networks += map(str, _all_but([*LOCAL, *map(ipaddress.ip_network, opened)]))
    allowed = list(map(ipaddress.ip_network, policy.allowed_networks))
    closed = [n for text in dict.fromkeys(networks) for n in _without(ipaddress.ip_network(text), allowed)]
    flags = [f"--block-hostnames={','.join(dict.fromkeys(names))}"] if names else []
    return flags + ([f"--blacklist-ip={','.join(map(str, closed))}"] if closed else [])


def kept_back(policy: Policy, hosts: Iterable[str]) -> list[str]:
    """Why, of each host that k6 did not connect to; the script may have lists of its own for others."""
    gate = TargetGuard(policy)
    return [
        why
        for host in hosts
        if (why := gate.refuses_name(host) or gate.refuses_address(host) or _dotted(host, policy))
    ]


def _dotted(host: str, policy: Policy) -> str:
    if not host.endswith(".") or not policy.production:
        return ""
    return f"k6 cannot tell whether '{host}' is production: write it without the dot at its end"


def hosts_beside(plan: Plan, outputs: Sequence[str]) -> list[str]:
    """Hosts that k6 itself needs beside the load: of modules that are imported by URL, and of `outputs`."""
    try:
        source = source_of(plan.scenario)
    except OSError:
        source = ""
    outs = [*outputs, *os.environ.get("K6_OUT", "").split(",")]
    named = [value for name, value in (*os.environ.items(), *plan.env) if _OUTPUT_VARIABLE.fullmatch(name)]
    written = [url for text in (*addresses(source), *outs, *named) for url in _URL.findall(text)]
    hosts = (urlsplit(f"//{place.rpartition('@')[2]}").hostname for place in written)
    return list(dict.fromkeys(host for host in hosts if host))


_ENDS_IN_DOT: Final = "*."
"""k6 compares names as they are written, and takes no pattern with a dot behind its letters: this one is
every name with a dot at its end (its lib/types/hostnametrie.go)."""
_URL: Final = re.compile(r"https?://([^/?#\s]+)")
_OUTPUT_VARIABLE: Final = re.compile(r"K6_(?:PROMETHEUS_RW_SERVER_URL|INFLUXDB_ADDR|OTEL_\w*ENDPOINT)")


def _all_but(opened: Iterable[Network]) -> list[Network]:
    """The addresses outside of the given networks, as few networks as that takes."""
    everything: list[Network] = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
    opened = list(opened)
    return [part for whole in everything for part in _without(whole, opened)]


def _without(whole: Network, opened: Iterable[Network]) -> list[Network]:
    parts = [whole]
    for hole in opened:
        parts = [rest for part in parts for rest in _cut(part, hole)]
    return sorted(parts)


def _cut(part: Network, hole: Network) -> list[Network]:
    if part.version != hole.version or not part.overlaps(hole):
        return [part]
    if part.subnet_of(hole):  # type: ignore[arg-type]  # of one version
        return []
    return list(part.address_exclude(hole))  # type: ignore[arg-type]
