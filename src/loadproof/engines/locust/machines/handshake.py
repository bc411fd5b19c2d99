"""How a worker elsewhere and a master become sure of each other, in messages of Locust's own protocol.

    hello     a client that is no worker yet: its Loadproof, its scenario; repeated until it is answered
    welcome   the master's settings (profile, session, token): the worker runs with the same
    over      the master refuses, or gives up before the load: why, and the exit code for the worker
    clock     the worker's time; comes back with the master's times (see clock_offset.py)
    join      a worker's runner, before Locust's own client_ready: the token, where it runs, its clock

Whoever has not joined is no worker of this run, also one of an earlier run that is still knocking.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import gevent
from locust.exception import RPCError
from locust.rpc import Message, rpc

from loadproof.engines.locust.machines.clock_offset import MasterClock, Offset
from loadproof.errors import ExitCode
from loadproof.safety.variables import TOKEN_VARIABLE
from loadproof.version import __version__

HELLO = "loadproof_hello"
WELCOME = "loadproof_welcome"
OVER = "loadproof_over"
CLOCK = "loadproof_clock"
JOIN = "loadproof_join"

_HELLO_EVERY_S = 1.0
_ADVICE = f"a run on another machine has a token, which this worker needs too: {TOKEN_VARIABLE}"
_EXCHANGES = 16
"""Clock exchanges before the load: the fastest of them counts, and they take milliseconds each."""
_EXCHANGES_LIMIT_S = 5.0


class NotWelcomeError(Exception):
    """The master refuses this worker, or there is none; `exit_code` is the worker's."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a worker begins with."""

    settings: str
    """The master's, as text (see settings.py)."""
    clock: MasterClock


def hello(scenario: str) -> dict[str, Any]:
    """What a worker says of itself; `scenario` is "" when it asks the master for the file."""
    return {"loadproof": __version__, "scenario": scenario, "host": socket.gethostname(), "pid": os.getpid()}


def objection(data: dict[str, Any], scenario: str) -> str:
    """Why a master with that scenario's fingerprint refuses the worker of that hello; "" if it does not."""
    theirs = data.get("loadproof")
    if theirs != __version__:
        return f"it runs Loadproof {theirs}, the master {__version__}"
    if data.get("scenario") not in ("", scenario):
        return "its scenario file is not the master's"
    return ""


def greet(
    host: str, port: int, data: dict[str, Any], local_clock: Callable[[], float], wait_s: float
) -> Welcome:
    """Introduce this machine to the master and measure the clocks' offset.

    Raises NotWelcomeError when no master answers within `wait_s`, or it refuses.
    """
    identity = f"{socket.gethostname()}_loadproof_{uuid4().hex}"
    try:
        client = rpc.Client(host, port, identity)
    except RPCError as error:
        raise NotWelcomeError(f"cannot connect to {host}:{port}: {error}", ExitCode.ENGINE) from error
    asking = gevent.spawn(_ask_for_ever, client, Message(HELLO, data, identity))
    try:
        answer = _receive(client, (WELCOME, OVER), wait_s)
        asking.kill()
        if answer is None:
            message = f"no Loadproof run answers at {host}:{port} within {wait_s:g}s; {_ADVICE}"
            raise NotWelcomeError(message, ExitCode.ENGINE)
        if answer.type == OVER:
            raise NotWelcomeError(answer.data["message"], answer.data["exit_code"])
        clock = MasterClock(local_clock)
        _exchange(client, identity, clock)
        if clock.offset is None:
            message = f"{host}:{port} answered once and then no more: the clocks could not be compared"
            raise NotWelcomeError(message, ExitCode.ENGINE)
        return Welcome(answer.data["settings"], clock)
    finally:
        asking.kill()
        client.close(linger=0)
        client.socket.context.term()  # Locust may fork: no thread of ZeroMQ's must be in the way


def clock_answer(data: dict[str, Any], received_s: float, now_s: float) -> dict[str, Any]:
    """The master's part of one exchange."""
    return {"sent": data.get("sent"), "received": received_s, "replied": now_s}


def clock_offset(data: dict[str, Any], returned_s: float) -> Offset:
    """What one exchange says; `returned_s` is when its answer came, by the worker's own clock."""
    return Offset.of(data["sent"], data["received"], data["replied"], returned_s)


def _ask_for_ever(client: Any, message: Message) -> None:
    while True:
        client.send(message)
        gevent.sleep(_HELLO_EVERY_S)


def _receive(client: Any, types: tuple[str, ...], within_s: float) -> Message | None:
    """The next message of one of these types; None when none comes in time."""
    try:
        with gevent.Timeout(within_s):
            while (message := client.recv()).type not in types:
                continue
    except gevent.Timeout:
        return None
    found: Message = message
    return found


def _exchange(client: Any, identity: str, clock: MasterClock) -> None:
    with gevent.Timeout(_EXCHANGES_LIMIT_S, False):
        for _ in range(_EXCHANGES):
            sent_s = clock.local()
            client.send(Message(CLOCK, {"sent": sent_s}, identity))
            answer = None
            while answer is None or answer.data["sent"] != sent_s:
                answer = _receive(client, (CLOCK,), _EXCHANGES_LIMIT_S)
                if answer is None:
                    return
            clock.take(clock_offset(answer.data, clock.local()))
