"""Strangers on the machine: programs that fill a share of every processor, in bursts."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BURN = """
import os, random, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
share = float(sys.argv[2])
while os.getppid() == int(sys.argv[3]):
    work_s = random.expovariate(1 / 0.05)
    end_s = time.process_time() + work_s
    while time.process_time() < end_s:
        pass
    time.sleep(work_s * (1 - share) / share)
"""


@contextmanager
def strangers(share: float) -> Iterator[None]:
    """Each processor is wanted by a stranger for `share` of the time, in bursts of 50 ms on average."""
    processes = [
        subprocess.Popen([sys.executable, "-c", _BURN, str(core), str(share), str(os.getpid())])
        for core in (sorted(os.sched_getaffinity(0)) if share else ())
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
