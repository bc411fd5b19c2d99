"""`loadproof doctor`: is this machine ready to drive load?"""

from __future__ import annotations

import os
import resource
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from loadproof.cli import calibration
from loadproof.cli.output import waiting
from loadproof.cli.streams import say
from loadproof.cli.watching import watching_findings
from loadproof.engines.scheduling import described
from loadproof.engines.table import ENGINES, load_engine
from loadproof.errors import LoadproofError
from loadproof.run.calibration import known_rate
from loadproof.runfile.host import host_facts
from loadproof.units import format_rate, format_size
from loadproof.version import __version__

_FD_RECOMMENDED = 10_000
"""Locust asks for as many; each virtual user needs one connection, each connection one descriptor."""
_WAL_RACE_FIXED = (3, 51, 3)
_CLOCK_SAMPLE_S = 0.2
_CLOCK_TOLERANCE = 0.01


def command(
    target: Annotated[
        str | None, typer.Argument(metavar="TARGET", help="Base URL: also show what of it would be watched.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="By default loadproof.yaml in this folder, if there is one."),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure for 5 s what each engine can send from this machine.")
    ] = False,
) -> int:
    """Show engines, versions, limits, ports and clock, what would be watched, and what to mend."""
    missing = 0
    watching: list[tuple[str, str, str]] = []
    if target is not None:  # a target that is refused is an error before the first line
        with waiting("trying what would be watched"):
            watching += watching_findings(target, config)
    measured = calibration.calibrate() if calibrate else ()
    # Each line as soon as it is known: an engine is measured for seconds.
    for mark, topic, text in chain(_findings(), watching, measured):
        missing += mark == "!"
        say(f"{mark} {topic:<12} {text}", len(f"{mark} {topic:<12} "))
    things = "1 thing" if missing == 1 else f"{missing} things"
    typer.echo(f"{things} to look at" if missing else "ready")
    return 0


def _findings() -> Iterator[tuple[str, str, str]]:
    host = host_facts()
    memory = format_size(host["memory_bytes"])
    yield "✓", "loadproof", f"{__version__}, Python {host['python']} at {sys.executable}"
    yield (
        "✓",
        "machine",
        f"{host['system']} {host['release']} {host['machine']}, {host['cores']} cores, {memory}",
    )
    for name in ENGINES:
        try:
            versions = load_engine(name).versions()
        except LoadproofError as error:
            # Nobody needs all three: who runs locustfiles only is ready without the others.
            yield "·", name, " ".join(f"{p.message}; {p.hint}" for p in error.problems)
        else:
            rate_per_s = known_rate(name, load_engine(name))
            sends = f"; one process sends about {format_rate(rate_per_s)}" if rate_per_s else ""
            yield "✓", name, ", ".join(f"{tool} {version}" for tool, version in versions.items()) + sends
    yield _guard()
    yield "✓", "generator", described()
    yield _descriptors()
    yield _ports()
    yield _sqlite()
    yield _clock()


def _guard() -> tuple[str, str, str]:
    from loadproof.engines.holding import how_it_holds

    found = how_it_holds()
    if found is None:
        return "!", "guard", "nobody can say what it holds below Python: a child process ended without a word"
    message, limits = found
    return ("!" if limits else "✓"), "guard", "; ".join([message.removeprefix("target guard: "), *limits])


def _descriptors() -> tuple[str, str, str]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= _FD_RECOMMENDED or hard == resource.RLIM_INFINITY or hard >= _FD_RECOMMENDED:
        return (
            "✓",
            "descriptors",
            f"{soft} (can be raised to {'any' if hard == resource.RLIM_INFINITY else hard})",
        )
    return "!", "descriptors", f"{hard} at most: more users than that cannot connect; raise it with ulimit -n"


def _ports() -> tuple[str, str, str]:
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:  # noqa: PTH123
            low, high = (int(part) for part in file.read().split())
    except OSError:
        return "✓", "ports", "the range of local ports is not told on this system"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
    return "✓", "ports", f"{high - low + 1} local ports ({low} to {high})"


def _sqlite() -> tuple[str, str, str]:
    if sqlite3.sqlite_version_info >= _WAL_RACE_FIXED:
        return "✓", "sqlite", sqlite3.sqlite_version
    return (
        "✓",
        "sqlite",
        f"{sqlite3.sqlite_version} (has the WAL-reset race; Loadproof writes with one connection only)",
    )


def _clock() -> tuple[str, str, str]:
    wall_s, steady_s = time.time(), time.monotonic()
    time.sleep(_CLOCK_SAMPLE_S)
    drift_s = abs((time.time() - wall_s) - (time.monotonic() - steady_s))
    resolution_s = time.get_clock_info("monotonic").resolution
    if drift_s > _CLOCK_TOLERANCE:
        return (
            "!",
            "clock",
            f"the wall clock moved {drift_s:.3f}s against the monotonic one: is it being set?",
        )
    return (
        "✓",
        "clock",
        f"steady, resolution {resolution_s * 1e9:.0f}ns, load average {os.getloadavg()[0]:.1f}",
    )
