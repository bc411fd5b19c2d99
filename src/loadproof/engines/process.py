"""A child process that cannot outlive the conductor: see `supervisor.py`."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from loadproof.engines.scheduling import raise_session
from loadproof.engines.supervised import Supervised, held_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from loadproof.engines.holding import GuardedProgram

_LINE_LIMIT_BYTES = 1 << 20


class Process:
    """One supervised child. `start` it, read its lines by call-back, `wait` for its exit code."""

    def __init__(
        self, child: Supervised, readers: list[asyncio.Task[None]], hold: GuardedProgram | None
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
        hold: GuardedProgram | None = None,
        folder: Path | None = None,
    ) -> Process:
        """Start `argv` in a process group of its own; `on_line` gets each line of its stdout and stderr.

        `hold`: the target guard, for it and whatever it starts. `folder`: see `Supervised`.

        Raises EngineError when not even the supervisor can be started.
        """
        held = held_for(None if hold is None else hold.policy)
        child = Supervised(argv, env=env, cwd=cwd, held=held, folder=folder)
        return await cls.follow(child, on_line, hold)

    @classmethod
    async def follow(
        cls, child: Supervised, on_line: Callable[[str], None], hold: GuardedProgram | None
    ) -> Process:
        """The same with one that was started before; held, where there is a `hold`."""
        if hold is not None:
            await hold.follow(child)
        raise_session(child.popen.pid)
        loop = asyncio.get_running_loop()
        readers = []
        for pipe in child.take_output():
            stream = asyncio.StreamReader(limit=_LINE_LIMIT_BYTES)
            await loop.connect_read_pipe(partial(asyncio.StreamReaderProtocol, stream), pipe)
            readers.append(asyncio.create_task(_read_lines(stream, on_line)))
        return cls(child, readers, hold)

    @property
    def pid(self) -> int:
        """Of the supervisor, whose only child is the program."""
        return self._child.popen.pid

    def interrupt(self) -> None:
        """SIGINT to the child: it should end gently."""
        self._child.order(b"i")

    def kill(self) -> None:
        """SIGKILL to the child and all that it started in its group."""
        self._child.order(b"k")

    async def wait(self) -> int:
        """The child's exit code (128 + N when signal N ended it), after all its output was read.

        Cancelling the wait kills the child and still waits until it is gone.
        """
        ended = asyncio.create_task(asyncio.to_thread(self._child.popen.wait))
        try:
            code = await asyncio.shield(ended)
        except asyncio.CancelledError:
            self.kill()
            await ended
            raise
        finally:
            await asyncio.gather(*self._readers)
            if self._hold is not None:
                await self._hold.end()
            self._child.end()
        return code


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
