"""Loadproof's commands as processes, whose lines a test can wait for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LOCUSTFILE = """
from locust import HttpUser, constant, task

class Loans(HttpUser):
    wait_time = constant(0.02)

    @task
    def loans(self):
        self.client.get(f"/worker-{self.environment.runner.worker_index + 1}")
"""
"""Each worker loads a path of its own: the server's counts tell whose requests they were."""
_PATIENCE_S = 60.0


class Command:
    """One process, its stdout and stderr as lines. Left by force if a test fails in the middle."""

    def __init__(
        self, argv: Sequence[str], *, folder: Path, inside: Sequence[str] = (), env: Mapping[str, str] = {}
    ) -> None:
        """`inside` stands before the command line, such as `ip netns exec NAME`."""
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            [*inside, sys.executable, *argv],
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "300", **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    @classmethod
    def loadproof(cls, *args: object, **settings: object) -> Self:
        """`loadproof ARGS`."""
        return cls(["-m", "loadproof", *(str(arg) for arg in args)], **settings)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(_PATIENCE_S)
        self._reading.join(_PATIENCE_S)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, text: str, times: int = 1) -> str:
        """The line with which `text` has been printed so many times."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: self._found(text, times) or self._ended, _PATIENCE_S)
            found = self._found(text, times)
            assert arrived, f"no {text!r} in time, only:\n{self.text}"
            assert found, f"ended without {text!r}:\n{self.text}"
            return found

    def ended(self) -> int:
        """The exit code."""
        code = self._process.wait(_PATIENCE_S)
        self._reading.join(_PATIENCE_S)
        return code

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def close_input(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _found(self, text: str, times: int) -> str:
        found = [line for line in self.lines if text in line]
        return found[times - 1] if len(found) >= times else ""

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
