"""Runs of two sides whose difference is known, because the test wrote them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from loadproof.analysis.across_runs.measured import (
    ALL_REQUESTS,
    Conditions,
    MeasuredEndpoint,
    MeasuredRun,
    MeasuredSeries,
)
from loadproof.model import Unit

HOST = {"system": "Linux", "machine": "x86_64", "cores": 2, "memory_bytes": 8e9}
CONDITIONS = Conditions(
    scenario="locustfile.py",
    scenario_sha256="a",
    engine="locust",
    profile={"kind": "load"},
    host=HOST,
    data_bytes=1e9,
)


def endpoint(name: str, factor: float, failed: int = 0, requests: int = 2000) -> MeasuredEndpoint:
    """An endpoint `factor` times as slow as 50, 95 and 99 ms."""
    quantiles_s = {q: q / 10 * factor for q in (0.5, 0.95, 0.99)}
    return MeasuredEndpoint(name, requests, failed, requests / 60 / factor, quantiles_s)


def side(
    name: str,
    runs: int = 5,
    slower: float = 1.0,
    *,
    endpoints: int = 2,
    seed: int = 0,
    cores: float = 1.0,
    failed: int = 0,
    requests: int = 2000,
    **changed: Any,
) -> list[MeasuredRun]:
    """Runs that differ by 1 % by themselves, one after the other."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(runs):
        factors = slower * np.exp(random.normal(0, 0.01, endpoints))
        own = [endpoint(f"GET /{index}", factor, failed, requests) for index, factor in enumerate(factors)]
        total = endpoint(ALL_REQUESTS, float(factors.mean()), failed * endpoints, requests * endpoints)
        cpu = MeasuredSeries("host.cpu.used", Unit.CORES, cores * float(factors[0]), 2.0)
        run = MeasuredRun(
            f"{name}{number}",
            f"{name}{number}.db",
            10_000.0 * number + 61.0 * seed,
            60.0,
            (*own, total),
            (cpu,),
            CONDITIONS,
        )
        made.append(replace(run, **changed))
    return made
