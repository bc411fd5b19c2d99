"""Facts of the machine that drives the load, for the run file."""

from __future__ import annotations

import platform
import re
import sqlite3
from pathlib import Path
from typing import Any

import psutil

from loadproof.engines.scarce import usable_cores


def host_facts() -> dict[str, Any]:
    """What somebody needs to know to judge or repeat the run on another machine."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "processor": _processor(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "cores": usable_cores(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def _processor() -> str | None:
    """The model's name; None where the system does not tell."""
    try:
        named = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        named = None
    return named[1].strip() if named else platform.processor() or None
