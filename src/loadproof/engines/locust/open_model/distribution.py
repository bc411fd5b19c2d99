"""Locust's own flags that spread a load over processes and machines."""

from __future__ import annotations

from loadproof.engines.locust.options import LocustOptions
from loadproof.engines.scarce import free_port
from loadproof.model import Plan

LOOPBACK = "127.0.0.1"


def distribution_args(plan: Plan) -> list[str]:
    """Those of a master for other machines, of processes on this one, or none."""
    if plan.options.expect_workers is not None:
        host, port = plan.options.bind
        return [
            "--master",
            "--expect-workers",
            str(plan.options.expect_workers),
            "--master-bind-host",
            host,
            "--master-bind-port",
            str(port),
        ]
    decided = plan.engine_options
    if not isinstance(decided, LocustOptions):
        return []  # nobody looked at the locustfile: one process
    processes = decided.processes
    args: list[str] = []
    if processes.count > 1 and not processes.given:
        args += ["--processes", str(processes.count)]
    if processes.loopback and (args or processes.given):
        # Locust's own port on all interfaces would let two runs on one machine meet.
        free = str(free_port())
        args += ["--master-bind-host", LOOPBACK, "--master-host", LOOPBACK]
        args += ["--master-bind-port", free, "--master-port", free]
    return args
