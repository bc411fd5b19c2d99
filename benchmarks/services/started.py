"""Programs of a real service: installed by name, started, and ended with all that they have started."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


START_S = 120
"""For a program to listen: a JVM takes a minute where others have the processors."""
VISIT = "/?visit"
"""What the scenario asks for, and nobody else does."""


class NotHereError(Exception):
    """Why a service cannot be installed or started on this machine."""


@dataclass
class Started:
    """A running service, and the processes that its programs began with."""

    url: str
    roots: list[int]
    logged: Callable[[], int] | None = None
    """How many requests of the scenario stand in the service's own log."""
    visit: str = VISIT


def program(*names: str) -> str:
    """The path of an installed program. Raises NotHereError."""
    folders = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        if path := shutil.which(name, path=folders):
            return path
    raise NotHereError(f"{names[0]} is not installed")


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def installed(*command: str, cwd: Path) -> None:
    """Run an installer. Raises NotHereError with its last line."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotHereError(str(error)) from None
    if done.returncode:
        raise NotHereError((done.stderr or done.stdout).strip().splitlines()[-1][:200])


@contextmanager
def running(command: list[str], folder: Path, port: int = 0, **environment: str) -> Iterator[int]:
    """A program in a session of its own, ended with all that it started; yields its pid when it listens."""
    with (folder / f"{Path(command[0]).name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        deadline_s = time.monotonic() + START_S
        while port and not _accepts(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                said = (folder / f"{Path(command[0]).name}.log").read_text(errors="replace")
                raise NotHereError(f"{command[0]} did not start: {said.strip().splitlines()[-1:]}")
            time.sleep(0.1)
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
