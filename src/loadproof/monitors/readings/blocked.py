"""Who stands in uninterruptible sleep: waits for a disk, or for what behaves like one.

Also where the disk itself looks idle: a control group that is throttled waits before it, and so does whoever
waits for a disk of the network.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PROC = Path("/proc")
_MOST: Final = 200
"""Threads that are looked at: a part may have thousands."""


class Blocked:
    """Counts threads. Costs one file as long as nobody on the machine waits so."""

    def __init__(self, proc: Path = _PROC) -> None:
        self._proc = str(proc)

    def anybody(self) -> bool:
        """Whether any task of the machine does; True where the kernel does not tell."""
        try:
            with open(f"{self._proc}/stat", "rb") as file:  # noqa: PTH123  # once a second
                text = file.read()
        except OSError:
            return True
        _, found, rest = text.partition(b"\nprocs_blocked ")
        return not found or not rest.startswith(b"0\n")

    def count(self, pids: Iterable[int]) -> int:
        """Threads of these processes."""
        blocked = looked = 0
        for pid in pids:
            for thread in _threads(f"{self._proc}/{pid}/task"):
                looked += 1
                if looked > _MOST:
                    return blocked
                blocked += _state(f"{self._proc}/{pid}/task/{thread}/stat") == "D"
        return blocked


def _threads(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []


def _state(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            text = file.read()
    except OSError:
        return ""
    return text[text.rfind(b")") + 2 :][:1].decode()
