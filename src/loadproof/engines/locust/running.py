"""The Locust child: started under the supervisor, its messages read until it is gone."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from loadproof.engines.locust.channel import Decoder, encode
from loadproof.engines.locust.settings import VARIABLE
from loadproof.engines.process import Process
from loadproof.model import TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from loadproof.engines.holding import Hold


def scenario_environment(env: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The variables of a process that runs the scenario; Locust's own (LOCUST_*) pass through.

    The run's token is none of the scenario's business.
    """
    own = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    return {**own, **dict(env), "PYTHONUNBUFFERED": "1"}


class LocustChild:
    """One child, from its start to its exit code; `stop` it at any moment, also before it is started."""

    def __init__(self) -> None:
        self.stops = 0
        """How often it was asked to stop."""
        self._heard = False
        """Whether it has said anything: until then it imports, and has no load that could end gently."""
        self._process: Process | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def run(
        self,
        args: Sequence[str],
        *,
        env: Mapping[str, str],
        settings: Callable[[int], str],
        on_message: Callable[[dict[str, Any]], None],
        on_line: Callable[[str], None],
        hold: Hold | None = None,
    ) -> int:
        """Run child.py with `args`; `settings` gets the channel's descriptor. Returns the exit code.

        `on_message` gets the messages of the channel, `on_line` the lines of stdout and stderr; both have
        been called for the last time when this returns.
        """

        def hear(message: dict[str, Any]) -> None:
            self._heard = True
            on_message(message)

        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._process = await Process.start(
                    [sys.executable, "-u", "-m", "loadproof.engines.locust.inside.child", *args],
                    env={**env, VARIABLE: settings(theirs.fileno())},
                    on_line=on_line,
                    pass_fds=[theirs.fileno()],
                    hold=hold,
                )
            if self.stops:  # while it was being started
                self._process.kill()
            reader, self._writer = await asyncio.open_connection(sock=ours, limit=1 << 20)
            reading = asyncio.create_task(_read(reader, self._writer, hear))
            try:
                return await self._process.wait()
            finally:
                # The child is gone: what is left in the socket is all there is, then comes its end.
                await reading

    def send(self, message: dict[str, Any]) -> None:
        """An order for the child. Lost when it is gone: its exit code tells that."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(message))

    def stop(self) -> None:
        """Ask for the end: gently the first time, at once the second."""
        self.stops += 1
        if self._process is not None:
            # An interrupt would print where in an import it came.
            if self.stops == 1 and self._heard:
                self._process.interrupt()
            else:
                self._process.kill()


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
