"""A service that a run starts and ends: the two builds that `loadproof ab` takes turns with."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from loadproof.engines import supervisor
from loadproof.errors import ConfigError, Problem, TargetError
from loadproof.safety.redact import redact_text, redact_url
from loadproof.safety.target import Refuses, status_of

_STOP_S: Final = 10.0
"""How long a service may take to end after SIGINT, before it is killed."""
_POLL_S: Final = 0.1
_ANSWER_S: Final = 2.0
_LAST_LINES: Final = 3
_BROKEN: Final = 500
"""From this status on an answer means "not ready yet"."""


class StartedService:
    """One command, in a process group of its own. Leaving the context ends the whole group, whatever happens.

    It runs under the engines' supervisor: when Loadproof itself is killed, it ends too.
    """

    def __init__(self, command: str, log: Path, where: str) -> None:
        """`command`: words as in a shell, run without one. Raises ConfigError when they cannot be read."""
        try:
            self._argv = shlex.split(command)
        except ValueError as error:
            raise ConfigError(Problem(f"this command cannot be read: {error}", where)) from None
        if not self._argv:
            raise ConfigError(Problem("there is no command", where))
        self._log = log
        self._where = where
        self._process: subprocess.Popen[bytes] | None = None
        self._began_s = 0.0

    def check(self) -> None:
        """Raises ConfigError when there is no such program."""
        if shutil.which(self._argv[0]) is None:
            raise ConfigError(Problem(f"there is no program '{self._argv[0]}'", self._where))

    def __enter__(self) -> Self:
        self._began_s = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(supervisor.__file__)), *self._argv],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                bufsize=0,  # an order that nobody reads any more must not wait in a buffer until the close
            )
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        try:
            _order(process, b"i")
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _order(process, b"k")
            process.stdin.close()
            process.wait()

    def wait_until_ready(
        self, url: str, timeout_s: float, refuses: Refuses = lambda _address, _host: ""
    ) -> float:
        """How many seconds after its start `url` answered with a status below 500.

        Raises:
            TargetError: that never happened.
        """
        while not answers(url, refuses):
            if self._process is None or self._process.poll() is not None:
                raise TargetError(
                    Problem(f"the service ended before it was ready{self._said()}", self._where)
                )
            if time.monotonic() - self._began_s > timeout_s:
                message = (
                    f"the service did not answer at {redact_url(url)} within {timeout_s:g} s{self._said()}"
                )
                raise TargetError(Problem(message, self._where, "--ready-timeout gives it longer"))
            time.sleep(_POLL_S)
        return time.monotonic() - self._began_s

    def _said(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if lines:
                return ": " + redact_text(" / ".join(lines[-_LAST_LINES:]))
        return ""


def answers(url: str, refuses: Refuses = lambda _address, _host: "") -> bool:
    """Whether anything answers there, with a status below 500. Raises RefusedError (see `preflight`)."""
    status = status_of(url, _ANSWER_S, refuses)
    return status is not None and status < _BROKEN


def _order(process: subprocess.Popen[bytes], order: bytes) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):  # it has ended: nobody reads
            process.stdin.write(order)
