"""Ask a program something, under the supervisor: whoever is killed meanwhile, no process is left.

What an engine inspects is the user's own code: it may hang, start processes, and take a minute.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SUPERVISOR = str(Path(__file__).with_name("supervisor.py"))
_END_S = 5.0
_KILLED = 128
"""The supervisor's exit code is this plus the signal that ended the program."""


class Supervised:
    """A program under the supervisor, as long as the context lasts; then all of its group is gone."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], **streams: Any) -> None:
        self._argv = [sys.executable, "-I", "-S", _SUPERVISOR, *argv]
        self._env = dict(env)
        self._streams = streams

    def __enter__(self) -> subprocess.Popen[bytes]:
        # Only this process holds the other end, and its death is the order to end: `communicate` closes none.
        orders, self._held = os.pipe()
        try:
            self._process = subprocess.Popen(
                self._argv, env=self._env, stdin=orders, start_new_session=True, **self._streams
            )
        except BaseException:
            os.close(self._held)
            raise
        finally:
            os.close(orders)
        return self._process

    def __exit__(self, *_: object) -> None:
        os.close(self._held)
        with contextlib.suppress(subprocess.TimeoutExpired):
            # What has left the group, as a daemon does, may hold the pipes open for ever.
            self._process.communicate(timeout=_END_S)


def ask(argv: Sequence[str], env: Mapping[str, str], timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    """The program's exit code (128 + N when signal N ended it, 127 when it cannot start) and what it printed.

    Raises subprocess.TimeoutExpired; the program and all that it started are gone then.
    """
    with Supervised(argv, env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=timeout_s)
    return subprocess.CompletedProcess(argv, process.returncode, out, err)


def why_silent(code: int) -> str:
    """In words, how a program that did not answer ended."""
    return f"was killed by signal {code - _KILLED}" if code > _KILLED else f"ended with exit code {code}"
