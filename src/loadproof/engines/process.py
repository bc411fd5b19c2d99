"""A child process that cannot outlive the conductor: see `supervisor.py`."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.engines.scheduling import raise_session
from loadproof.engines.supervisor import FOLDER, HOLD
from loadproof.errors import EngineError, Problem
from loadproof.safety.guard import PROXY_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loadproof.engines.holding import Hold

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_LINE_LIMIT_BYTES = 1 << 20


class Process:
    """One supervised child. `start` it, read its lines by call-back, `wait` for its exit code."""

    def __init__(
        self, child: asyncio.subprocess.Process, readers: list[asyncio.Task[None]], hold: Hold | None = None
    ) -> None:
        self._child = child
        self._readers = readers
        self._hold = hold

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        on_line: Callable[[str], None],
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
        hold: Hold | None = None,
        folder: Path | None = None,
    ) -> Process:
        """Start `argv` in a process group of its own; `on_line` gets each line of its stdout and stderr.

        `hold`: the target guard, for it and whatever it starts. `folder`: a temporary one of the program's,
        which goes with it when Loadproof is killed. Raises EngineError when not even the supervisor can be
        started.
        """
        given = dict(env)
        if hold is not None:
            given = {name: value for name, value in given.items() if name.lower() not in PROXY_VARIABLES}
            given[HOLD], descriptor = hold.given()
            pass_fds = [*pass_fds, descriptor]
        own = [] if folder is None else [f"{FOLDER}{folder}"]
        try:
            child = await asyncio.create_subprocess_exec(
                # It forks from a thread (see supervisor.py): Python warns of that since 3.12.
                sys.executable, "-I", "-S", "-W", "ignore::DeprecationWarning", str(_SUPERVISOR), *own, *argv,
                stdin=PIPE, stdout=PIPE, stderr=PIPE, env=given, cwd=cwd, pass_fds=pass_fds,
                start_new_session=True, limit=_LINE_LIMIT_BYTES,
            )  # fmt: skip
        except OSError as error:
            if hold is not None:
                hold.abandon()
            raise EngineError(Problem(f"cannot start {argv[0]}: {error.strerror}")) from error
        if hold is not None:
            await hold.follow(child.pid)
        raise_session(child.pid)
        streams = [stream for stream in (child.stdout, child.stderr) if stream is not None]
        return cls(child, [asyncio.create_task(_read_lines(stream, on_line)) for stream in streams], hold)

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
            if self._hold is not None:
                await self._hold.end()
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
