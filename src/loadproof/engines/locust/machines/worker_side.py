"""The worker's side: joins its master, numbers its reports, follows the master's clock, notices a cut."""

from __future__ import annotations

import functools
import os
import socket
import time
from typing import TYPE_CHECKING, Any

import gevent
from locust import argument_parser
from locust.rpc import Message
from locust.runners import WorkerRunner

from loadproof.engines.locust.channel import Decoder, received
from loadproof.engines.locust.machines.handshake import CLOCK, JOIN, OVER, clock_offset
from loadproof.engines.locust.seams import Feature, known
from loadproof.errors import ExitCode
from loadproof.units import format_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.engines.locust.machines.clock_offset import MasterClock
    from loadproof.engines.locust.settings import PluginSettings

CUT_OFF_S = 10.0
"""A worker that hears nothing of its master for this long ends. The master, which hears from each worker once
a second, has given its users to others after four: what it does is load too much, and nobody counts it.
Locust's own worker goes on for a minute."""
_FLUSH_MS = 5000


class WorkerSide:
    """One worker process. `clock` is None for a child of its master on the same machine: they share one."""

    def __init__(
        self, settings: PluginSettings, clock: MasterClock | None, send: Callable[[dict[str, Any]], None]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._send = send
        self._runner: Any = None
        self._sequence = 0
        self._unconfirmed: dict[int, int] = {}
        """Requests in each report that the master has not said to have, by the report's number."""
        self._heard_s = time.monotonic()
        self._ending: tuple[str, int] | None = None
        """Why this worker ends, and its exit code."""

    def install(self) -> None:
        """Join before Locust says that the worker is ready."""
        connect = WorkerRunner.connect_to_master

        def join_and_connect(runner: Any) -> None:
            if OVER not in runner.custom_messages:
                runner.register_message(OVER, self._on_over)
            runner.client.send(Message(JOIN, self._introduction(), runner.client_id))
            connect(runner)  # type: ignore[no-untyped-call]

        WorkerRunner.connect_to_master = join_and_connect  # type: ignore[method-assign]

    def attach(self, runner: Any) -> None:
        """Follow the runner that has connected."""
        self._runner = runner
        if known(Feature.SPREADING):
            _keep_arguments()
        if self._clock is None:
            return
        index = runner.worker_index + 1
        offset = self._clock.offset
        said = f"joined as worker {index}"
        if offset is not None:
            said += (
                f"; the master's clock is {offset.offset_s * 1000:+.1f} ms from this one's"
                f" (to {offset.round_trip_s * 500:.1f} ms)"
            )
        self._send({"t": "joined", "message": said, "pid": os.getpid()})
        runner.register_message(CLOCK, self._on_clock)
        handle = runner.handle_message

        def listening(message: Message) -> None:
            self._heard_s = time.monotonic()
            if message.type == "quit" and self._ending is None:
                self._ending = ("the run is over", ExitCode.PASS)
            handle(message)

        runner.handle_message = listening
        gevent.spawn(self._keep_in_touch)

    def report(self, requests: int) -> dict[str, Any]:
        """What to add to a report of so many requests."""
        self._sequence += 1
        if self._clock is None:
            return {"sequence": self._sequence}
        self._unconfirmed[self._sequence] = requests
        return {"sequence": self._sequence, "clock": self._clock_facts()}

    @staticmethod
    def hear(channel: socket.socket, refusals: list[str]) -> None:
        """What the kernel refuses here joins what Python does: the master ends the load for either."""
        decoder = Decoder()
        while data := received(channel):
            refusals += [message["why"] for message in decoder.feed(data) if message["t"] == "refused"]

    def end(self, recorded: int, in_flight: int) -> None:
        """The process is about to end: let the last messages leave, tell `loadproof worker` how it went."""
        if self._clock is None:
            return
        client = self._runner.client.socket
        client.close(linger=0 if self._is_cut_off() else _FLUSH_MS)
        client.context.term()
        message, exit_code = self._ending or ("left before the run was over", ExitCode.PASS)
        message += f"; {format_count(recorded)} requests"
        lacking = sum(self._unconfirmed.values())
        if exit_code and lacking:
            message += (
                f", {format_count(lacking)} of them the master never said to have: they are in no count"
            )
        if in_flight:
            message += f", and {format_count(in_flight)} without an answer at the stop"
        self._send({"t": "end", "message": message, "exit_code": int(exit_code), "pid": os.getpid()})

    # --- messages --------------------------------------------------------------------------------------

    def _introduction(self) -> dict[str, Any]:
        return {
            "token": self._settings.token,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "clock": self._clock_facts(),
            "held": self._settings.held,
        }

    def _clock_facts(self) -> list[float] | None:
        offset = self._clock.offset if self._clock else None
        return [offset.offset_s, offset.round_trip_s] if offset else None

    def _on_over(self, msg: Message, **_: Any) -> None:
        if self._clock is not None:
            self._send({"t": "end", **msg.data, "pid": os.getpid()})
        os._exit(msg.data["exit_code"])  # there was no load: nothing is lost

    def _on_clock(self, msg: Message, **_: Any) -> None:
        assert self._clock is not None  # noqa: S101  # only then is the listener there
        self._clock.take(clock_offset(msg.data, self._clock.local()))
        confirmed = msg.data.get("sequence", 0)
        for sequence in [number for number in self._unconfirmed if number <= confirmed]:
            del self._unconfirmed[sequence]

    def _keep_in_touch(self) -> None:
        assert self._clock is not None  # noqa: S101  # see attach
        while not self._is_cut_off():
            self._runner.send_message(CLOCK, {"sent": self._clock.local()})
            gevent.sleep(1.0)
        message = f"cut off: the master has not answered for {CUT_OFF_S:g}s"
        self._ending = (message, ExitCode.ENGINE)
        self._runner.quit()

    def _is_cut_off(self) -> bool:
        return time.monotonic() - self._heard_s > CUT_OFF_S


def _keep_arguments() -> None:
    """Make Locust's command line once, and not at each order for users.

    Locust makes it for each of its 56 options, to see whether that is the scenario's own: 122 ms in each
    second of a ramp, in which nobody is answered.
    """
    argument_parser.default_args_dict = functools.cache(argument_parser.default_args_dict)
    argument_parser.default_args_dict()
