"""Control groups that hold a service back, of version 1 or 2, gone when it ends."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.services.started import NotHereError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path("/sys/fs/cgroup")
_NUMBERS = count()
_ENDS_WITHIN_S = 10.0


@contextmanager
def writes(pid: int, folder: Path, per_second: int) -> Iterator[None]:
    """The processes from `pid` on get so many writes a second of the disk below `folder`."""
    device = folder.stat().st_dev
    disk = f"{os.major(device)}:{os.minor(device)}"
    rules = {"blkio.throttle.write_iops_device": f"{disk} {per_second}"}
    with _group(pid, "blkio", rules, {"io.max": f"{disk} wiops={per_second}"}):
        yield


@contextmanager
def cores(pid: int, number: float) -> Iterator[None]:
    """The processes from `pid` on get so many cores."""
    quota = str(round(number * 100_000))
    rules = {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": quota}
    with _group(pid, "cpu", rules, {"cpu.max": f"{quota} 100000"}):
        yield


@contextmanager
def _group(pid: int, controller: str, first: dict[str, str], second: dict[str, str]) -> Iterator[None]:
    """Raises NotHereError where no group may be made."""
    old = (_ROOT / controller / "cgroup.procs").exists()
    group = (_ROOT / controller if old else _ROOT) / f"loadproof-limits-{os.getpid()}-{next(_NUMBERS)}"
    try:
        group.mkdir()
        for file, rule in (first if old else second).items():
            (group / file).write_text(rule)
        for member in (pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))):
            with suppress(ProcessLookupError):  # a worker that has ended meanwhile
                (group / "cgroup.procs").write_text(str(member))
    except OSError as error:
        raise NotHereError(f"no control group may hold it back here: {error}") from None
    try:
        yield
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    """Raises OSError where processes that are about to end hold it for more than some seconds."""
    until_s = time.monotonic() + _ENDS_WITHIN_S
    while True:
        for left in (group / "cgroup.procs").read_text().split():
            with suppress(OSError):
                (group.parent / "cgroup.procs").write_text(left)
        try:
            group.rmdir()
            return
        except OSError:
            if time.monotonic() > until_s:
                raise
        time.sleep(0.1)
