"""A child process that cannot outlive the conductor: see `supervisor.py`."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.errors import EngineError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_LINE_LIMIT_BYTES = 1 << 20


class Process:
    """One supervised child. `start` it, read its lines by call-back, `wait` for its exit code."""

    def __init__(self, child: asyncio.subprocess.Process, readers: list[asyncio.Task[None]]) -> None:
        self._child = child
        self._readers = readers

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        on_line: Callable[[str], None],
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Process:
        """Start `argv` in a process group of its own; `on_line` gets each line of its stdout and stderr.

        Raises EngineError when not even the supervisor can be started.
        """
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(_SUPERVISOR), *argv,
                stdin=PIPE, stdout=PIPE, stderr=PIPE, env=dict(env), cwd=cwd, pass_fds=pass_fds,
                start_new_session=True, limit=_LINE_LIMIT_BYTES,
            )  # fmt: skip
        except OSError as error:
            raise EngineError(Problem(f"cannot start {argv[0]}: {error.strerror}")) from error
        streams = [stream for stream in (child.stdout, child.stderr) if stream is not None]
        return cls(child, [asyncio.create_task(_read_lines(stream, on_line)) for stream in streams])

    @property
    def pid(self) -> int:
        """Of the supervisor, whose only child is the program."""
        return self._child.pid

    def interrupt(self) -> None:
        """SIGINT to the child: it should end gently."""
        self._order(b"i")

    def kill(self) -> None:
        """SIGKILL to the child and all that it started in its group."""
        self._order(b"k")

    async def wait(self) -> int:
        """The child's exit code (128 + N when signal N ended it), after all its output was read.

        Cancelling the wait kills the child and still waits until it is gone.
        """
        try:
            code = await self._child.wait()
        except asyncio.CancelledError:
            self.kill()
            await self._child.wait()
            raise
        finally:
            await asyncio.gather(*self._readers)
        return code

    def _order(self, order: bytes) -> None:
        if self._child.returncode is None and self._child.stdin is not None:
            self._child.stdin.write(order)


async def _read_lines(stream: asyncio.StreamReader, on_line: Callable[[str], None]) -> None:
    while True:
        try:
            line = await stream.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                on_line(error.partial.decode(errors="replace"))
            return
        except asyncio.LimitOverrunError as error:
            line = await stream.readexactly(error.consumed)
        on_line(line.decode(errors="replace").rstrip("\r\n"))
