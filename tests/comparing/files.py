"""Run files of builds whose speed is known, because the test wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from loadproof.analysis.judge import overall_verdict
from loadproof.model import Event, EventKind, FailureKind, Outcome, Plan, Reading, Unit
from loadproof.runfile.writer import RunWriter, UncommittedRows
from tests.runs import LOANS, LOGIN, START, part, plan, run_facts

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.model import Finding

SECONDS = 20


def run_file(
    path: Path,
    seed: int,
    slower: float = 1.0,
    *,
    spread: float = 0.01,
    failed: int = 0,
    of: Plan | None = None,
    events: tuple[Event, ...] = (),
    findings: tuple[Finding, ...] = (),
    cores: float | None = 0.5,
    seconds: int = SECONDS,
    **facts: Any,
) -> Path:
    """A run of two endpoints, 40 and 20 requests a second, `slower` times as slow as 100 ms and 50 ms.

    Runs differ by `spread` by themselves; `failed` requests fail in each second of GET /api/loans.
    """
    random = np.random.default_rng(seed)
    level = slower * float(np.exp(random.normal(0, spread)))
    began = START + 1000 * seed
    made = {**run_facts(of or plan()), "started_at_s": float(began), **facts}
    writer = RunWriter(path, made)
    batch = UncommittedRows(
        events=[Event(began, EventKind.LOAD_STARTED, ""), Event(began + seconds, EventKind.LOAD_ENDED, "")]
    )
    batch.events += events
    for second in range(seconds):
        for endpoint, median_s, count in ((LOANS, 0.1, 40), (LOGIN, 0.05, 20)):
            times_s = median_s * level * np.exp(0.3 * random.standard_normal(count))
            wrong = failed if endpoint is LOANS else 0
            batch.slices.append(
                part(began - START + second, endpoint, list(times_s), wrong, FailureKind.STATUS)
            )
        if cores is not None:
            batch.readings.append(
                Reading(began + second, "host", "cpu.used", cores * slower, Unit.CORES, 2.0)
            )
    writer.commit(batch, began + seconds)
    writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": began + seconds})
    if findings:
        writer.save_findings(overall_verdict(findings), findings)
    writer.close()
    return path


def build(
    folder: Path, name: str, runs: int, slower: float = 1.0, first_seed: int = 0, **how: Any
) -> list[str]:
    """`runs` run files of one build, by their names in `folder`."""
    names = [f"{name}{number}.db" for number in range(runs)]
    for number, file in enumerate(names):
        run_file(folder / file, first_seed + number, slower, **how)
    return names
