"""What there is to watch for a target, found without being told: its process, /metrics, databases.

Only what is on this machine is looked into. A connection URL is taken from the environment of the
service's own process, where the system allows to read it, and shown without its password.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import psutil

from loadproof.model import Watch
from loadproof.monitors import MonitorError
from loadproof.monitors.databases.environment import SPELLINGS, databases
from loadproof.monitors.pages.scrape import ScrapedPage, parse_page
from loadproof.monitors.parts.part import Part, PartRole
from loadproof.monitors.parts.service import WatchedService
from loadproof.monitors.parts.table import ProcessTable
from loadproof.safety.redact import redact_url
from loadproof.safety.urls import PORTS

LOOKED_FOR: Final = frozenset({"host", "process", "prometheus", "postgres", "redis", "mysql"})
METRICS_PATHS: Final = (
    "/metrics", "/actuator/prometheus", "/q/metrics", "/management/prometheus", "/prometheus", "/-/metrics",
)  # fmt: skip
"""Where Prometheus's client libraries, Spring Boot, Quarkus, JHipster and others have it."""
KIND_OF_PROGRAM: Final = {
    "postgres": "postgres", "mysqld": "mysql", "mariadbd": "mysql",
    "redis-server": "redis", "valkey-server": "redis",
}  # fmt: skip
"""Which monitor sees what goes on in a database."""
_NO_DATABASE = (
    "no database: the service is connected to none, and its environment names none (such as DATABASE_URL)"
)


@dataclass(frozen=True, slots=True)
class DiscoveredTarget:
    """One thing to watch, and how it was found."""

    watch: Watch
    why: str


@dataclass(slots=True)
class Discovery:
    """What was found, and what was looked for in vain: one sentence each."""

    found: list[DiscoveredTarget] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    tree: str = ""
    """`nginx (3) → php-fpm (5)`, as far as it shows before the load; empty for a target elsewhere."""

    def add(self, kind: str, settings: dict[str, object], why: str) -> None:
        """One more; the second of a kind gets a number."""
        name = {"prometheus": "metrics"}.get(kind, kind)
        taken = sum(found.watch.kind == kind for found in self.found)
        self.found.append(
            DiscoveredTarget(Watch(kind, name if not taken else f"{name}-{taken + 1}", settings), why)
        )


def discover(target: str | None, kinds: Collection[str] = LOOKED_FOR) -> Discovery:
    """Look for what serves `target`, a base URL; never raises for what it does not find.

    Only `kinds` are looked for, and only their lack is told.
    """
    discovery = Discovery()
    if target is None:
        discovery.missing.append("the target is known only to the scenario: give --target to have it watched")
        return discovery
    parts = urlsplit(target)
    port = parts.port or PORTS.get(parts.scheme, 80)
    ports: list[int] = []
    if is_local(parts.hostname or ""):
        discovery.add("host", {}, "the target is on this machine")
        ports = _find_service(discovery, port, kinds)
    else:
        discovery.missing.append(
            f"{parts.hostname} is another machine: name its node_exporter and database below monitors:"
        )
    if "prometheus" in kinds:
        _find_metrics(discovery, target, ports)
    return discovery


def discover_tree(target: str) -> str:
    """`nginx (3) → php-fpm (5)` of a target on this machine, as far as it shows now; else nothing."""
    parts = urlsplit(target)
    if not is_local(parts.hostname or ""):
        return ""
    service = WatchedService([{"port": parts.port or PORTS.get(parts.scheme, 80)}])
    try:
        service.open()
    except MonitorError:
        return ""
    return service.line()


def is_local(host: str) -> bool:
    """Whether a name or address is this machine's own."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return False
    own = {a.address for addresses in psutil.net_if_addrs().values() for a in addresses}
    return any(ipaddress.ip_address(a.partition("%")[0]).is_loopback or a in own for a in found)


def _find_service(discovery: Discovery, port: int, kinds: Collection[str]) -> list[int]:
    """What listens on the port, and the databases behind; other ports of the same processes."""
    service = WatchedService([{"port": port}])
    try:
        service.open()
    except MonitorError as error:
        if "process" in kinds:
            discovery.missing.append(f"no process: {error}" + (f"; {error.hint}" if error.hint else ""))
        return []
    discovery.tree = service.line()
    discovery.add(
        "process", {"port": port}, f"{discovery.tree}: what listens on port {port} and what it works with"
    )
    discovery.missing += [f"{one.why}; {one.hint}" for one in service.unwatched.values()]
    members = [
        pid for part in service.parts if part.role is not PartRole.DATABASE for pid in sorted(part.pids)
    ]
    environment: dict[str, str] = {}
    for pid in members:
        environment = {**service.table.environment(pid), **environment}
    if not environment:
        discovery.missing.append(
            "no database: the process's environment may be read by its user and by root only"
        )
    before = len(discovery.found)
    for kind, variable, named in databases(environment):
        url = as_seen_from_here(named, kind, service)
        if url:
            discovery.add(kind, {"url": url}, f"{variable} of the service's environment: {redact_url(url)}")
        else:
            host = urlsplit(named).hostname
            discovery.missing.append(
                f"{variable} names {host}, which only the service's container knows: set DATABASE_URL as the "
                f"database is reached from here, and write monitors: {{{kind}: {{url_env: DATABASE_URL}}}}"
            )
    for part in service.parts:
        _find_database(discovery, part)
    if (
        set(kinds) & {"postgres", "mysql", "redis"}
        and environment
        and len(discovery.found) == before
        and not any(part.role is PartRole.DATABASE for part in service.parts)
    ):
        discovery.missing.append(_NO_DATABASE)
    return service.other_ports(port)


def as_seen_from_here(url: str, kind: str, service: WatchedService) -> str:
    """A container knows others by names of its own: then the address that it was seen to use, if any."""
    parts = urlsplit(url)
    if not parts.hostname or _has_address(parts.hostname):
        return url
    databases_of_kind = [one for one in service.parts if KIND_OF_PROGRAM.get(one.program) == kind]
    reached = [one.reached for one in databases_of_kind if one.reached[-1:].isdigit() and ":" in one.reached]
    if len(reached) != 1:
        return ""
    login, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}{reached[0]}").geturl()


def _has_address(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    return True


def _find_database(discovery: Discovery, part: Part) -> None:
    """A database that the service was seen to use, or has started, and that its environment does not name."""
    kind = KIND_OF_PROGRAM.get(part.program)
    if kind is None or any(found.watch.kind == kind for found in discovery.found):
        return
    own = (
        _own_postgres(min(part.pids))
        if kind == "postgres" and "child" in part.reached and part.pids
        else None
    )
    if own is not None:
        discovery.add("postgres", {"url": own}, f"{part.name}, {part.reached}")
    elif kind == "redis" and not part.reached.startswith("unix:"):
        url = f"redis://{part.reached}"
        discovery.add(
            "redis", {"url": url}, f"{part.name}, which the service is connected to at {part.reached}"
        )
    else:
        discovery.missing.append(how_to_watch(part.name, kind, part.reached))


def how_to_watch(name: str, kind: str, reached: str) -> str:
    """The line that would show a database's own view, where only its processes are watched."""
    scheme = SPELLINGS[kind]
    if reached.startswith("unix:"):
        path = reached.removeprefix("unix:")
        # PostgreSQL wants the folder and finds its file by the port.
        place = (
            f"/DATABASE?host={path.rpartition('/')[0]}"
            if kind == "postgres"
            else f"localhost/?unix_socket={path}"
        )
    else:
        place = f"{reached}/" if ":" in reached else "HOST/"
    return (
        f"only the processes of {name} are watched: its connections, locks and statements need a user; write "
        f"monitors: {{{kind}: {{url_env: DATABASE_URL}}}} and set DATABASE_URL={scheme}://USER:PASSWORD@{place}"
    )


def _own_postgres(pid: int) -> str | None:
    """How to reach a PostgreSQL that the service started, from its postmaster.pid.

    https://www.postgresql.org/docs/current/storage-file-layout.html: line 4 is the port, 5 the folder of
    its socket, 6 the address that it listens on.
    """
    command = ProcessTable().arguments(pid)
    if "-D" not in command[:-1]:
        return None
    try:
        lines = (Path(command[command.index("-D") + 1]) / "postmaster.pid").read_text().splitlines()
    except OSError:
        return None
    if len(lines) < 6:
        return None
    port, folder, address = lines[3].strip(), lines[4].strip(), lines[5].strip()
    if folder:
        return f"postgresql://postgres@/postgres?host={quote(folder)}&port={port}"
    return f"postgresql://postgres@{address or 'localhost'}:{port}/postgres"


def _find_metrics(discovery: Discovery, target: str, ports: Sequence[int]) -> None:
    """The service's page of metrics: by the usual paths, also on other ports of the same processes."""
    base = urlsplit(target)
    origin = f"{base.scheme}://{base.netloc}"
    below = [target.rstrip("/") + path for path in METRICS_PATHS[:2]]
    urls = dict.fromkeys([*below, *(origin + path for path in METRICS_PATHS)])
    others = [f"http://{base.hostname}:{port}{path}" for port in ports for path in METRICS_PATHS]
    first = ""
    silent: set[int | None] = set()
    for url in (*urls, *others):
        port = urlsplit(url).port
        if port in silent:
            continue  # nobody there speaks HTTP, or not soon: one look is enough
        page = ScrapedPage(url)
        try:
            parse_page(page.text(), page.shown)
        except MonitorError as error:
            first = first or str(error)
            if not error.answered:
                silent.add(port)
        else:
            discovery.add("prometheus", {"url": url}, f"{page.shown} is a page of Prometheus metrics")
            return
        finally:
            page.close()
    paths = ", ".join(METRICS_PATHS)
    discovery.missing.append(f"no metrics of the service: {first}; tried {paths} and its other ports")
