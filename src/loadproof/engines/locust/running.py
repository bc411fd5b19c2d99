"""The Locust child: asked what a locustfile holds, then run, its messages read until it is gone."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from loadproof.engines.beginning import failure_of, until
from loadproof.engines.locust.channel import Decoder, encode
from loadproof.engines.locust.program import NoAnswerError, Program, take
from loadproof.engines.process import Process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from loadproof.engines import Sink
    from loadproof.engines.holding import GuardedProgram
    from loadproof.model import Policy

_TOLD_AGAIN_S: Final = 0.05
_FORKS = sys.platform == "linux"
"""Elsewhere the child itself imports the locustfile when it is asked, and the load has another child."""


class LocustChild:
    """One child, from its start to its exit code; `stop` it at any moment, also before it is started."""

    def __init__(self) -> None:
        self.stops = 0
        """How often it was asked to stop."""
        self._program: Program | None = None
        """Started, and waiting for an order."""
        self._heard = False
        """Whether it has said anything: until then it imports, and has no load that could end gently."""
        self._waits = False
        """Whether its load waits for its moment: there is none yet that could end gently."""
        self._cannot_begin = False
        self._process: Process | None = None
        self._writer: asyncio.StreamWriter | None = None

    def inspect(
        self,
        args: Sequence[str],
        *,
        env: Mapping[str, str],
        policy: Policy | None,
        where: str,
        limit_s: float,
    ) -> dict[str, Any]:
        """What the locustfile and `args` say; the child waits for `run` afterwards.

        `policy` holds the import; what it refuses is told of `where`.

        Raises:
            NoAnswerError: it ended, or took longer than `limit_s` seconds.
            RefusedError: at import the locustfile reaches for a host that may not be loaded.
            EngineError: no process could be started.
        """
        self.discard()
        program = take(env, policy)
        try:
            if policy is not None:
                program.child.admit(policy)
            program.send("inspect", args, "" if policy is None else json.dumps(asdict(policy)))
            answer = program.answer(limit_s)
            program.child.raise_refused(where, answer["refused"])
            if answer["facts"] is None:
                raise NoAnswerError(answer["said"])
            facts: dict[str, Any] = answer["facts"]
        except BaseException:
            program.discard()
            raise
        if _FORKS:
            self._program = program
        else:
            program.discard()
        return facts

    async def run(
        self,
        verb: str,
        args: Sequence[str],
        *,
        env: Mapping[str, str],
        settings: str,
        on_message: Callable[[dict[str, Any]], None],
        on_line: Callable[[str], None],
        hold: GuardedProgram | None = None,
    ) -> int:
        """Have the child `run` or `work` with `args` for Locust. Returns the exit code.

        `on_message` gets the messages of the channel, `on_line` the lines of stdout and stderr; both have
        been called for the last time when this returns.
        """

        def hear(message: dict[str, Any]) -> None:
            self._heard = True
            on_message(message)

        policy = None if hold is None else hold.policy
        program, self._program = self._program, None
        if program is not None and not program.fits(env, policy):
            program.discard()
            program = None
        program = program or take(env, policy)
        with program.channel:
            self._process = await Process.follow(program.child, on_line, hold)
            if self.stops or self._cannot_begin:  # before it was started
                self._process.kill()
            program.send(verb, args, settings)
            reader, self._writer = await asyncio.open_connection(sock=program.channel, limit=1 << 20)
            reading = asyncio.create_task(_read(reader, self._writer, hear))
            try:
                return await self._process.wait()
            finally:
                # The child is gone: what is left in the socket is all there is, then comes its end.
                await reading

    @asynccontextmanager
    async def begins(self, begin: Awaitable[float] | None, sink: Sink) -> AsyncIterator[None]:
        """Around a `run` whose child is told the moment: it waits itself, whoever is busy here by then.

        Raises what the telling raised, and ends the child, which would wait for it for ever.
        """
        self._waits = begin is not None
        telling = None if begin is None else asyncio.create_task(self._tell_begin(begin, sink))
        if telling is not None:
            telling.add_done_callback(self._told)
        try:
            yield
            if telling is not None and (failure := failure_of(telling)):
                raise failure
        finally:
            if telling is not None:
                telling.cancel()

    def _told(self, telling: asyncio.Task[None]) -> None:
        if failure_of(telling):
            self._cannot_begin = True
            if self._process is not None:
                self._process.kill()

    async def _tell_begin(self, begin: Awaitable[float], sink: Sink) -> None:
        begin_s = await begin
        while not self.send({"t": "begin", "at_s": begin_s}):
            await asyncio.sleep(_TOLD_AGAIN_S)  # its channel is not open yet
        await until(begin, sink)
        self._waits = False

    def send(self, message: dict[str, Any]) -> bool:
        """An order for the child. Lost when it is gone: False, and its exit code tells that."""
        if self._writer is None or self._writer.is_closing():
            return False
        self._writer.write(encode(message))
        return True

    def stop(self) -> None:
        """Ask for the end: gently the first time, at once the second."""
        self.stops += 1
        self.discard()
        if self._process is not None:
            # An interrupt would print where in an import it came.
            if self.stops == 1 and self._heard and not self._waits:
                self._process.interrupt()
            else:
                self._process.kill()

    def discard(self) -> None:
        """End one that still waits for an order."""
        program, self._program = self._program, None
        if program is not None:
            program.discard()


async def _read(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    on_message: Callable[[dict[str, Any]], None],
) -> None:
    decoder = Decoder()
    try:
        while data := await reader.read(1 << 18):
            for message in decoder.feed(data):
                on_message(message)
    except ConnectionResetError:
        pass  # a killed child; its exit status tells
    finally:
        writer.close()
