"""Strangers at the port where a run waits for its workers: with a token and without one."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

import pytest
import zmq

from loadproof.model import EventKind
from tests.machines.commands import Command
from tests.machines.reading import RUN_FILE, of, requests, run_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.servers import StubServer

TOKEN = "0123456789abcdef-of-this-test"  # shared by these processes only
_MESSAGES = 10_000
_SCANS = 100
_TRIES = 20


def run(folder: Path, port: int, url: str, **env: str) -> Command:
    load = ("--host", url, "-u", 6, "-r", 6, "-t", "4s", "--requirements", "requirements.yaml")
    where = ("--expect-workers", 1, "--bind", f"127.0.0.1:{port}", "--run-file", RUN_FILE)
    return Command.loadproof("run", "loans.py", *load, *where, folder=folder, env=env)


def worker(folder: Path, port: int, *args: object, **env: str) -> Command:
    order = ("worker", "--master", f"127.0.0.1:{port}", "loans.py")
    return Command.loadproof(*order, *args, folder=folder, env=env)


def knock(port: int, messages: Sequence[Sequence[bytes]]) -> None:
    """What a stranger may send: bytes that are no message, and connections that say nothing."""
    for _ in range(_SCANS):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as scan:
            scan.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.sndhwm = 0
        for message in messages:
            for _ in range(_TRIES):
                try:
                    stranger.send_multipart(message, zmq.NOBLOCK)
                    break
                except zmq.Again:  # no connection yet, or one that the run, which has a token, ended for good
                    stranger.connect(f"tcp://127.0.0.1:{port}")
        stranger.linger = 3000


def junk(count: int) -> list[list[bytes]]:
    """Random bytes, and messages of the right kind that hold something else."""
    chance = random.Random(3)
    odd = [b"", b"\x93\x01\x02\x03", b"\x93\xc0\xc0\xc0", b"\x81\xa1a\xa1b", b"\xff" * 9, b"\xa4quit"]
    return [
        [odd[number % len(odd)] if number % 2 else chance.randbytes(40)] * (1 + number % 3)
        for number in range(count)
    ]


@pytest.mark.parametrize("token", [TOKEN, ""], ids=["with a token", "without one"])
def test_junk_and_port_scans_lose_nothing_and_are_told(
    token: str, folder: Path, port: int, server: StubServer
) -> None:
    """While the worker works: the run passes, and every request is counted once."""
    env = {"LOADPROOF_TOKEN": token}
    with run(folder, port, server.url, **env) as waiting, worker(folder, port, **env) as one:
        waiting.wait_for("worker 1 on")
        knock(port, junk(_MESSAGES))
        assert (waiting.ended(), one.ended()) == (0, 0), waiting.text + one.text
    recorded = run_in(folder)
    assert requests(recorded) == server.loaded
    told = "connections were refused" if token else "messages that are none of a worker were dropped"
    assert any(told in event.message for event in of(recorded, EventKind.WORKER_REFUSED))


def test_a_worker_without_the_token_takes_no_part_and_is_told_why(
    folder: Path, port: int, server: StubServer
) -> None:
    """The one with another token neither; the right one does, and the token is in no output and no file."""
    with run(folder, port, server.url, LOADPROOF_TOKEN=TOKEN) as waiting:
        for token in ("", TOKEN[::-1]):
            with worker(folder, port, "--wait", "3s", LOADPROOF_TOKEN=token) as stranger:
                assert stranger.ended() == 5
                stranger.wait_for("a run on another machine has a token, which this worker needs too")
        with worker(folder, port, LOADPROOF_TOKEN=TOKEN) as one:
            assert (waiting.ended(), one.ended()) == (0, 0), waiting.text + one.text
            assert TOKEN not in waiting.text + one.text
    assert len(of(run_in(folder), EventKind.WORKER_JOINED)) == 1
    assert TOKEN.encode() not in (folder / RUN_FILE).read_bytes()


def test_without_a_token_only_this_machine_reaches_the_port(folder: Path) -> None:
    """`check` says where the workers are waited for."""
    load = ("check", "loans.py", "-H", "http://127.0.0.1:9", "-u", 2, "-t", "1s", "--expect-workers", 2)
    with Command.loadproof(*load, folder=folder) as alone:
        alone.wait_for("2 of this machine, at 127.0.0.1:5557")
    with Command.loadproof(*load, folder=folder, env={"LOADPROOF_TOKEN": TOKEN}) as shared:
        shared.wait_for("2 from other machines, with the token, at any interface, port 5557")
