"""`python -m benchmarks.session`: the session against its peers, interleaved, medians, with machine facts."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import statistics
import sys
from pathlib import Path

from benchmarks.session.peers import Measured, Peer
from benchmarks.session.processes import scaling, spare_cores
from benchmarks.session.target import Target, nginx

# what, scenario, our client, the other, at least, aim
_COMPARISONS = [
    ("GET", "get", "loadproof", "HttpUser", 16.0, 25.0),
    ("GET", "get", "loadproof", "FastHttpUser", 4.0, 6.0),
    ("GET, FastHttpUser file", "get", "loadproof-fast", "FastHttpUser", 4.0, 6.0),
    ("GET", "get", "loadproof", "k6", 1.8, 2.5),
    ("POST JSON", "post", "loadproof", "k6", 1.8, 3.0),
    ("POST JSON", "post", "loadproof", "k9", 1.3, 2.0),
    ("GET over TLS", "tls", "loadproof", "k6", 1.5, 2.0),
]
_RECORDED, _PROCESSES, _MEMORY = "GET, recorded", "GET, processes", "resident bytes per user"
_MANY_USERS, _FEW_USERS = 1100, 100


def main() -> int:
    """Measure everything, print the table; 1 if a comparison misses its least."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=5, help="measurements of each client (medians are shown)"
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one measurement")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument("--only", default="", help='measure rows whose name has this in it: "TLS"')
    wanted = parser.parse_args()
    _print_facts(wanted)
    good = True
    with nginx(wanted.server_core) as target:
        head = ("what", "client", "req/s", "against", "req/s", "ratio", "least", "aim")
        print("{:24} {:15} {:>9} {:15} {:>9} {:>7} {:>6} {:>6}".format(*head))
        for what, scenario, ours, theirs, least, aim in _COMPARISONS:
            if wanted.only not in what:
                continue
            mine, other, ratio = _compared(target, scenario, ours, theirs, wanted)
            good = good and ratio >= least
            row = f"{what:24} {ours:15} {mine:9,.0f} {theirs:15} {other:9,.0f}"
            print(f"{row} {ratio:6.2f}x {least:5.1f}x {aim:5.1f}x", flush=True)
        others = {_RECORDED: _recording, _PROCESSES: _processes, _MEMORY: _memory}
        for what, measure in others.items():
            if wanted.only in what:
                good = measure(target, wanted) and good
    return 0 if good else 1


def _recording(target: Target, wanted: argparse.Namespace) -> bool:
    """The same session with and without Loadproof's plug-in."""
    recorded, bare, ratio = _compared(target, "get", "loadproof-recorded", "loadproof", wanted)
    row = f"{_RECORDED:24} {'with plug-in':15} {recorded:9,.0f} {'without':15} {bare:9,.0f}"
    print(f"{row} {ratio:6.2f}x {0.95:5.2f}x {0.98:5.2f}x", flush=True)
    return ratio >= 0.95


def _processes(target: Target, wanted: argparse.Namespace) -> bool:
    """Two workers against one; by their CPU where they would have to share their cores with the server."""
    one, two = [], []
    for _ in range(wanted.rounds):
        one.append(scaling(target.url, 1, wanted.users, wanted.seconds))
        two.append(scaling(target.url, 2, wanted.users, wanted.seconds))
    if spare_cores(2):
        how, ratios = "by rate", [b.rate_per_s / a.rate_per_s for a, b in zip(one, two, strict=True)]
    else:
        how = "by CPU a request: too few cores for server and both"
        ratios = [2 * a.cpu_us / b.cpu_us for a, b in zip(one, two, strict=True)]
    ratio = statistics.median(ratios)
    rates = [statistics.median(found.rate_per_s for found in each) for each in (two, one)]
    row = f"{_PROCESSES:24} {'2 processes':15} {rates[0]:9,.0f} {'1 process':15} {rates[1]:9,.0f}"
    print(f"{row} {ratio:6.2f}x {1.8:5.2f}x {1.95:5.2f}x  ({how})", flush=True)
    return ratio >= 1.8


def _memory(target: Target, wanted: argparse.Namespace) -> bool:
    """What a user more costs, ours against k6's."""
    ours_b, k6_b = (_bytes_per_user(target, name, wanted) for name in ("loadproof", "k6"))
    share = ours_b / k6_b
    print(f"{_MEMORY}: loadproof {ours_b:,.0f}, k6 {k6_b:,.0f}: {share:.3f}x (at most 0.15x)")
    return share <= 0.15


def _compared(
    target: Target, scenario: str, ours: str, theirs: str, wanted: argparse.Namespace
) -> tuple[float, float, float]:
    rates: dict[str, list[float]] = {ours: [], theirs: []}
    for _ in range(wanted.rounds):
        for name, found in rates.items():
            found.append(_measured(target, name, scenario, wanted, wanted.users).rate_per_s)
    # Neighbours in time are compared: a machine that slows down for a while slows both.
    ratios = [mine / other for mine, other in zip(rates[ours], rates[theirs], strict=True)]
    return statistics.median(rates[ours]), statistics.median(rates[theirs]), statistics.median(ratios)


def _bytes_per_user(target: Target, name: str, wanted: argparse.Namespace) -> float:
    many = _measured(target, name, "get", wanted, _MANY_USERS).grown_bytes or 0
    few = _measured(target, name, "get", wanted, _FEW_USERS).grown_bytes or 0
    return (many - few) / (_MANY_USERS - _FEW_USERS)


def _measured(target: Target, name: str, scenario: str, wanted: argparse.Namespace, users: int) -> Measured:
    url = target.tls_url if scenario == "tls" else target.url
    peer = Peer(name, wanted.client_core)
    result = peer.measure(
        "get" if scenario == "tls" else scenario, url, target.certificate, users, wanted.seconds
    )
    if result.failures:
        raise RuntimeError(f"{name} had {result.failures} failures in {scenario}: its figure means nothing")
    return result


def _print_facts(wanted: argparse.Namespace) -> None:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        "?",
    )
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("locust", "gevent", "requests", "k6")
    )
    print(f"{cpu}; {platform.system()} {platform.release()}; Python {platform.python_version()}; {versions}")
    print(f"{wanted.users} users, {wanted.rounds} rounds of {wanted.seconds} s, interleaved; medians\n")


if __name__ == "__main__":
    sys.exit(main())
