"""Whether a real service is watched whole: its tree, its CPU and its memory, while it is loaded.

    python -m benchmarks.services [--only django] [--seconds 12]

Each service is installed by name from its registry, once, into a folder of the user's cache, started, and
loaded by `loadproof run`. Meanwhile this program adds up /proc by itself: every process that any of its
programs has started. Required of each:

- the tree is the one that is written here: no part is missed, none is added;
- CPU time over the load within 3 % of the sum over /proc, the CPU of ended workers included;
- memory within 3 % of the sum of PSS over /proc, on average over the load;
- as many requests as stand in the service's own log.

A service that cannot be installed here is skipped, with the reason. CPU time is in ticks of 10 ms: so little
of it that 3 % is less than two ticks for each process is not compared.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.services.catalogue import SERVICES
from benchmarks.services.installing import cache, install_into
from benchmarks.services.sources import LOCUSTFILE
from benchmarks.services.started import NotHereError
from benchmarks.services.truth import TICKS_PER_S, Truth
from loadproof.analysis.window.windows import requests_of
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from benchmarks.services.catalogue import Service

TOLERANCE = 0.03


def measured(service: Service, folder: Path, seconds: int) -> tuple[bool, str]:
    """Whether all holds, and the row of the table. Raises NotHereError."""
    with ExitStack() as stack:
        started = service.start(stack, folder)
        (folder / "locustfile.py").write_text(LOCUSTFILE)
        command = [
            sys.executable, "-m", "loadproof", "run", "locustfile.py", "--target", started.url, "--quiet",
            "--users", "10", "-r", "10", "--run-time", f"{seconds}s", "--run-file", "run.db",
        ]  # fmt: skip
        with Truth(started.roots) as truth:
            environment = {**os.environ, "VISIT": started.visit}
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
        logged = started.logged() if started.logged else 0
    if not (folder / "run.db").exists():
        raise NotHereError(f"no run: {(done.stderr or done.stdout).strip()[-200:]}")
    return compared(service, folder / "run.db", truth, logged)


def compared(service: Service, file: Path, truth: Truth, logged: int) -> tuple[bool, str]:
    """What Loadproof has seen, against the sums over /proc."""
    run = read_run(file)
    told = [event for event in run.events if str(event.kind) == "service parts"][-1].data
    names = tuple(part["name"] for part in told["parts"])
    replaced = sum(part["replaced"] for part in told["parts"])
    cpu = [r for r in run.readings if (r.source, r.series) == ("process", "cpu")]
    memory = [r for r in run.readings if (r.source, r.series) == ("process", "memory")]
    # Parts behind are found with the load: until then they are no part of the sums.
    of_parts = [r for r in run.readings if r.source == "process" and r.series.endswith(".cpu")]
    complete_s = max(min(r.time_s for r in of_parts if r.series == f"{name}.cpu") for name in names)
    cpu = [r for r in cpu if r.time_s >= complete_s and r.time_s <= truth.cpu[-1][0]]
    used_s = sum(b.value * (b.time_s - a.time_s) for a, b in pairwise(cpu))
    true_s = _at(truth.cpu, cpu[-1].time_s) - _at(truth.cpu, cpu[0].time_s)
    memory = [r for r in memory if r.time_s >= complete_s and r.time_s <= truth.pss[-1][0]]
    seen = sum(r.value for r in memory) / len(memory)
    true = sum(_at(truth.pss, r.time_s) for r in memory) / len(memory)
    off_cpu, off_memory = used_s / true_s - 1, seen / true - 1
    least_s = 2 * truth.processes / TICKS_PER_S / TOLERANCE
    counted = requests_of(run.slices)
    right = (names == service.tree and abs(off_memory) <= TOLERANCE and counted == logged
             and (abs(off_cpu) <= TOLERANCE or true_s < least_s))  # fmt: skip
    row = (
        f"{told['tree']} | {true_s:.2f} s | {off_cpu:+.1%} | {true / 2**20:.0f} MiB | {off_memory:+.1%} | "
        f"{replaced} | {counted:,} | {logged:,}"
    )
    return right, row


def _at(course: list[tuple[float, float]], time_s: float) -> float:
    """Between the two looks around a moment."""
    before = max((one for one in course if one[0] <= time_s), default=course[0])
    after = min((one for one in course if one[0] >= time_s), default=course[-1])
    if after[0] == before[0]:
        return before[1]
    return before[1] + (after[1] - before[1]) * (time_s - before[0]) / (after[0] - before[0])


def main() -> int:
    """Print a row for each service; 1 when one of them was not seen as it is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=sorted(SERVICES))
    parser.add_argument("--seconds", type=int, default=12)
    parser.add_argument("--install-in", type=Path, default=cache(), help="keeps what was installed")
    arguments = parser.parse_args()
    wrong = 0
    print("| service | tree | CPU | off | memory | off | workers replaced | requests | in its log |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, service in SERVICES.items():
        if arguments.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as folder, install_into(arguments.install_in):
            try:
                right, row = measured(service, Path(folder), arguments.seconds)
            except NotHereError as reason:
                print(f"| {name} | skipped: {reason} |", flush=True)
                continue
        wrong += not right
        print(f"| {name} | {row} |{'' if right else ' WRONG'}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
