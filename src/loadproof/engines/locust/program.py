"""The Locust child from its start on: it imports Locust, then waits for orders (see inside/child.py).

It can be started before anything is known of the plan: importing Locust takes longer than all the rest, and
the conductor has imports of its own to do meanwhile.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadproof.engines.locust.channel import Decoder, encode
from loadproof.engines.supervised import CONNECTIONS, Supervised, held_for
from loadproof.errors import EngineError
from loadproof.safety.variables import TOKEN_VARIABLE

if TYPE_CHECKING:
    from loadproof.model import Policy

_CHILD = "loadproof.engines.locust.inside.child"
_prepared: list[Program] = []
"""At most one, which nobody has taken yet."""


class NoAnswerError(Exception):
    """The child ended, or took too long: `said` is the last line that it printed."""

    def __init__(self, said: str, *, too_long: bool = False) -> None:
        super().__init__(said)
        self.said = said
        self.too_long = too_long


class Program:
    """One child and its channel. Whoever takes it runs it to its end, or discards it."""

    def __init__(self, env: Mapping[str, str], held: str) -> None:
        """`held`: see `Supervised`."""
        self._made_of = (dict(env), Path.cwd(), held)
        self.channel, theirs = socket.socketpair()
        with theirs:
            argv = [sys.executable, "-u", "-m", _CHILD, str(theirs.fileno())]
            passed = [theirs.fileno()]
            self.child = Supervised(argv, env=env, held=held, unasked=True, pass_fds=passed)
        # A program that is forgotten before it ran leaves no process behind.
        self._end = weakref.finalize(self, _end, self.child, self.channel)

    def fits(self, env: Mapping[str, str], policy: Policy | None) -> bool:
        """Whether it was started for these variables, in the folder of now, and is held as `policy` wants."""
        same = self._made_of == (dict(env), Path.cwd(), held_for(policy))
        return same and self.child.admitted in (None, policy)

    def send(self, verb: str, args: Sequence[str], settings: str = "") -> None:
        """An order: `inspect`, `run` or `work`, with Locust's arguments. Lost when the child is gone."""
        try:
            self.channel.sendall(encode({"do": verb, "args": list(args), "settings": settings}))
        except (BrokenPipeError, ConnectionResetError):
            return  # whoever waits for it is told

    def answer(self, limit_s: float) -> dict[str, Any]:
        """The next message. Raises NoAnswerError when none comes within `limit_s` seconds."""
        decoder = Decoder()
        due_s = time.monotonic() + limit_s
        while True:
            self.channel.settimeout(max(0.001, due_s - time.monotonic()))
            try:
                data = self.channel.recv(1 << 18)
            except TimeoutError:
                raise NoAnswerError("", too_long=True) from None
            except ConnectionResetError:
                data = b""
            if not data:
                raise NoAnswerError(self._last_line())
            for message in decoder.feed(data):
                return message

    def _last_line(self) -> str:
        """Of what it printed on stderr, after its end."""
        pipe = self.child.popen.stderr
        printed = b"" if pipe is None else pipe.read()
        return (printed.decode(errors="replace").strip().splitlines() or [""])[-1]

    def discard(self) -> None:
        """End it and all that it started; returns when it is gone."""
        self._end()


def _end(child: Supervised, channel: socket.socket) -> None:
    child.end()
    channel.close()


def environment(further: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The variables of a process that runs the scenario; Locust's own (LOCUST_*) pass through.

    The run's token is none of the scenario's business.
    """
    own = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    return {**own, **dict(further), "PYTHONUNBUFFERED": "1"}


def prepare() -> None:
    """Start one now, for the run that is about to be planned; where it cannot be, its start tells."""
    if not _prepared:
        try:
            _prepared.append(Program(environment(()), CONNECTIONS))
        except EngineError:
            return


def take(env: Mapping[str, str], policy: Policy | None) -> Program:
    """The prepared one if it fits, else a new one. Raises EngineError when none can be started."""
    while _prepared:
        program = _prepared.pop()
        if program.fits(env, policy):
            return program
        program.discard()
    return Program(env, held_for(policy))


def dismiss() -> None:
    """End the prepared one, if nobody has taken it."""
    while _prepared:
        _prepared.pop().discard()
