"""Which processes live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable


def all_gone(processes: Iterable[psutil.Process]) -> bool:
    """Whether none of them runs. One that nobody has reaped (no init in a container) runs no more."""
    return not any(_runs(process) for process in processes)


def with_children(pid: int | None) -> list[psutil.Process]:
    """The process and all that it started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def child_named(parent: psutil.Process, name: str) -> psutil.Process | None:
    """The direct child of that name, if there is one now."""
    for child in parent.children():
        try:
            if child.name() == name:
                return child
        except psutil.NoSuchProcess:  # ended since it was listed
            continue
    return None


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
