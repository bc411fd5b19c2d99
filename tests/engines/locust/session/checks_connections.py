"""Checks of the session that are about its connections and what comes over them."""

from __future__ import annotations

import locust  # first of all, because it patches

# ruff: isort: split
import gc
import gzip
import os
import socket
import ssl
import tracemalloc
import zlib
from collections.abc import Callable
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import brotli  # type: ignore[import-untyped]  # it has no types
import gevent
from locust.env import Environment
from urllib3.exceptions import HTTPError

from loadproof.engines.locust.inside.in_flight import InFlight
from loadproof.engines.locust.session import (
    body,
    collected,
    fast_handover,
    http_handover,
)
from loadproof.engines.locust.session.stale import IDLE
from loadproof.engines.locust.session.wire import Wire
from tests.engines.locust.session.answers import answer, chunked
from tests.engines.locust.session.scripted_server import CLOSE, HOLD, Reply, ScriptedServer
from tests.engines.locust.session.tls import client_ca, server_context


def a_user(base: type[Any], server: ScriptedServer) -> Any:
    class One(base):  # type: ignore[misc]  # either of Locust's classes
        host = f"{'http' if server.tls is None else 'https'}://127.0.0.1:{server.port}"

    environment: Any = Environment(user_classes=[One])
    environment.create_local_runner()
    return One(environment)


def idle_connection_closed_by_the_server() -> None:
    """A connection that the server closed while it was idle is not used again: no call fails."""
    for base in (locust.HttpUser, locust.FastHttpUser):
        with ScriptedServer([[[answer(), CLOSE]]]) as server:
            client = a_user(base, server).client
            for count in range(1, 4):
                assert client.get("/").status_code == 200
                while len(server.received) < count or not _closed(client):
                    gevent.sleep(0.001)
            assert len(server.received) == 3


def _closed(client: Any) -> bool:
    import select  # only here

    wires = [wire for stack in client._wires.values() for wire in stack]
    numbers = [wire._fileno if type(wire) is Wire else wire.fileno() for wire in wires]
    return all(select.select([number], [], [], 0)[0] for number in numbers)


def tls_goes_on_with_its_session() -> None:
    """A user's next connection to a TLS server resumes its last one's session; another user's does not."""
    closing = answer().replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = server_context()
        context.maximum_version = version
        for base in (locust.HttpUser, locust.FastHttpUser):
            for reply in (closing, answer()):
                with ScriptedServer([[[reply, CLOSE]]], tls=context) as server:
                    for _ in range(2):
                        client = a_user(base, server).client
                        client.verify = client_ca()
                        for count in range(3):
                            assert client.get("/").status_code == 200
                            while count < 2 and not _closed(client):
                                gevent.sleep(0.001)
                    assert server.resumed == [False, True, True] * 2, (version, base, reply, server.resumed)


def a_loop_that_counts_no_turns_asks_again() -> None:
    """gevent's loops in cffi have -1 for their turn: who was read after the question is asked for."""
    near, far = socket.socketpair()
    wire = Wire(gevent.socket.socket(fileno=near.detach()))
    IDLE._loop = SimpleNamespace(iteration=-1)
    wire.idle, asked_at = True, perf_counter()
    assert IDLE.quiet(wire, asked_at - 1, asked_at)
    far.close()
    assert not IDLE.quiet(wire, IDLE._asked_at + 1e-6, IDLE._asked_at + 2e-6)


def _read1(raw: Any) -> None:
    while raw.read1(4):
        pass


READINGS: dict[str, Callable[[Any], Any]] = {
    "read": lambda raw: raw.read(),
    "read(n)": lambda raw: list(iter(lambda: raw.read(4), b"")),
    "read1": _read1,
    "stream": lambda raw: list(raw.stream(4)),
    "read_chunked": lambda raw: list(raw.read_chunked(4)),
}


def raw_bodies_are_measured() -> None:
    """Whichever way `raw` is read: the time of its last byte, its end, and a failure where it broke off."""
    whole = chunked(b"one", b"two")
    sized = answer(b"onetwo")
    for way, reading in READINGS.items():
        for sent in (whole, sized)[: 1 if way == "read_chunked" else 2]:
            for cut in (0, 3 if sent is sized else 9):
                with ScriptedServer([[[sent[: len(sent) - cut], CLOSE]]]) as server:
                    user = a_user(locust.HttpUser, server)
                    told: list[Any] = []
                    user.environment.events.request.add_listener(lambda told=told, **said: told.append(said))
                    response = user.client.get("/", stream=True)
                    head_s = response._meter.last
                    error: Exception | None = None
                    try:
                        reading(response.raw)
                    except HTTPError as raised:
                        error = raised
                    assert (error is not None) == response.unread == bool(cut), (way, sent, cut)
                    assert response._meter.last > head_s, (way, cut)
                    response.close()
                    assert [said["exception"] for said in told] == [error], (way, cut, told)


def streams_are_told_when_nobody_holds_them() -> None:
    """At once, without the garbage collector; what only that can find, when it is through."""
    InFlight("loadproof").install(lambda **_: None)

    def left(response: Any) -> None:
        response.held_by = response  # only the collector finds it

    ways: dict[str, Callable[[Any], object]] = {
        "raw": lambda r: r.raw.read(),
        "dropped": lambda _: None,
        "left": left,
    }
    for base, way in [(locust.HttpUser, way) for way in ways] + [(locust.FastHttpUser, "dropped")]:
        with ScriptedServer([[[chunked(b"one", b"two")]]]) as server:
            user = a_user(base, server)
            told: list[Any] = []
            user.environment.events.request.add_listener(lambda told=told, **said: told.append(said))
            gc.collect()
            gc.disable()
            ways[way](user.client.get("/", stream=True))
            at_once = len(told)
            gc.enable()
            gc.collect()
            in_the_midst = len(told)
            gevent.sleep(0)
            counted = (0, 0, 1) if way == "left" else (1, 1, 1)
            assert (at_once, in_the_midst, len(told)) == counted, (base, way)
            assert told[0]["response"].status_code == 200


def an_abandoned_stream_is_told() -> None:
    """With `catch_response=True` and no `with` nobody says what it was: its answer does."""
    told: list[Any] = []
    InFlight("loadproof").install(lambda **said: told.append(said))
    for base in (locust.HttpUser, locust.FastHttpUser):
        for status, failed in (("200 OK", False), ("500 No", True)):
            with ScriptedServer([[[answer(b"one", status)]]]) as server:
                a_user(base, server).client.get("/", stream=True, catch_response=True)
                collected.collect()
            assert [said["exception"] is not None for said in told] == [failed], (base, status)
            told.clear()


def strangers_keep_their_descriptor() -> None:
    """A wire whose socket was closed under it does not end the watch of the connection with its number."""
    first, other = socket.socketpair()
    wire = Wire(gevent.socket.socket(fileno=first.detach()))
    number = wire._fileno
    os.dup2(other.fileno(), number)
    stranger = Wire(gevent.socket.socket(fileno=number))
    wire.close()
    assert IDLE._wires[number]() is stranger


def bombs_are_bounded() -> None:
    """Of a compressed answer that decodes to 64 MB, little more is held than the limit, here 1 MB."""
    for module, limit in (
        *((fast_handover, "DECODED_LIMIT"), (http_handover, "DECODED_LIMIT"), (body, "_QUICK_LIMIT")),
    ):
        setattr(module, limit, 2**20)
    zeros = bytes(64 * 2**20)
    gzipped = gzip.compress(zeros, 9)
    bombs = {"br": brotli.compress(zeros, quality=5), "gzip": gzipped, "deflate": zlib.compress(zeros, 9)}
    del zeros
    assert len(bombs["br"]) < 2**16
    for base in (locust.HttpUser, locust.FastHttpUser):
        for coding, bomb in bombs.items():
            with ScriptedServer([[[answer(bomb, "200 OK", f"Content-Encoding: {coding}")]]]) as server:
                user = a_user(base, server)
                failures: list[Any] = []
                user.environment.events.request.add_listener(
                    lambda exception, failures=failures, **_: failures.append(exception)
                )
                tracemalloc.start()
                user.client.get("/")
                held = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                assert "more than 1048576 bytes" in str(failures[0]), (base, coding, failures)
                assert held < 8 * 2**20, (base, coding, held)


def interim_answers_end() -> None:
    """64 interim answers are read, a server that sends them for ever is one failed request."""
    for base in (locust.HttpUser, locust.FastHttpUser):
        for count, status, said in ((64, 200, b"100 Continue"), (65, 0, b"100 Continue"), (65, 0, b"103 x")):
            interim = b"HTTP/1.1 " + said + b"\r\nLink: </a>\r\n\r\n"
            with ScriptedServer([[[interim * count + answer()]]]) as server:
                user = a_user(base, server)
                told: list[Any] = []
                user.environment.events.request.add_listener(
                    lambda exception, told=told, **_: told.append(exception)
                )
                assert user.client.get("/").status_code == status, (base, count)
                assert len(told) == 1
                assert ("more than 64 interim responses" in str(told[0])) == (status == 0)
                assert (told[0] is None) == (status == 200)


def an_endless_head_is_one_failed_request() -> None:
    """http.client ends after 64 KiB of a line; geventhttpclient would read for ever."""
    for base in (locust.HttpUser, locust.FastHttpUser):
        for head in (b"X-A: " + b"a" * 2**21, b"X-A: b\r\n" * 2**18):
            with ScriptedServer([[[b"HTTP/1.1 200 OK\r\n" + head, HOLD]]]) as server:
                user = a_user(base, server)
                told: list[Any] = []
                user.environment.events.request.add_listener(
                    lambda exception, told=told, **_: told.append(exception)
                )
                assert user.client.get("/").status_code == 0, base
                assert len(told) == 1
                if base is locust.FastHttpUser:
                    assert "longer than 1048576 bytes" in str(told[0])
        moved = b"HTTP/1.1 302 Found\r\nLocation: /big\r\nContent-Length: 0\r\n\r\n"
        with ScriptedServer([[[moved], [answer(b"a" * 2**21)]]]) as server:
            assert len(a_user(base, server).client.get("/").content) == 2**21, base  # a body may be longer


def early_hints_are_no_answer() -> None:
    """103 in one piece with the answer, before it, and cut in the middle: each call gets its own answer."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    pieces: list[Reply] = [
        [hints + answer(b"one")],
        [hints, answer(b"one")],
        [hints[:20], hints[20:], answer(b"one")],
    ]
    for base in (locust.HttpUser, locust.FastHttpUser):
        for first in pieces:
            with ScriptedServer([[first, [answer(b"two")]]]) as server:
                client = a_user(base, server).client
                assert [client.get("/1").text, client.get("/2").text] == ["one", "two"], (base, first)
                assert len(server.received) == 1
