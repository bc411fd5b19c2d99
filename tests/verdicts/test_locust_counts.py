"""Every request that left is in a count, whatever the answer, the client or the scenario makes of it."""

from __future__ import annotations

import socketserver
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from loadproof.engines.locust.options import LocustOptions, Processes
from loadproof.model import EventKind, Outcome, RunOptions
from tests.engines.locust.conftest import Lab, lab
from tests.runs import loose

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["lab"]

ONCE = ("-u", "1", "-r", "1", "-t", "20")
SESSIONS = ("loadproof", "locust")
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ANSWERS = {
    "/ok": _OK,
    "/coding": b"HTTP/1.1 200 OK\r\nContent-Encoding: nobody-knows\r\nContent-Length: 2\r\n\r\nok",
    "/lying": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
    "/chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    "/ftp": b"HTTP/1.1 302 Found\r\nLocation: ftp://elsewhere/\r\nContent-Length: 0\r\n\r\n",
    "/broken": b"HTTP/1.1 302 Found\r\nLocation: http://[::bad/\r\nContent-Length: 0\r\n\r\n",
    "/moved": b"HTTP/1.1 302 Found\r\nLocation: /moved-again\r\nContent-Length: 0\r\n\r\n",
    "/moved-again": b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n",
    "/silent": b"",
    "/late": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + _OK,
}
EVERYTHING = """
    import enum, uuid

    class U({client}):
        @task
        def each(self):
            for path in {paths}:
                try:
                    self.client.get(path)
                except Exception:
                    pass
            self.client.get("/ok", name="/nobody-says", catch_response=True)
            for name in (7, uuid.UUID(int=5), enum.Enum("Kind", "A").A):
                self.client.get("/ok", name=name)
            for kind in (StopUser, RescheduleTask, KeyError):
                try:
                    with self.client.get("/ok", name="/" + kind.__name__, catch_response=True):
                        raise kind
                except kind:
                    pass
            self.environment.runner.quit()
"""
FAILED = {"/chunk", "/ftp", "/broken", "/silent", "/KeyError"}


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    seen: Counter[str]


class _Handler(socketserver.StreamRequestHandler):
    """Answers as ANSWERS says; what is not chunked goes on over the same connection."""

    def handle(self) -> None:
        server: Any = self.server
        while line := self.rfile.readline():
            while self.rfile.readline() not in (b"\r\n", b""):
                continue
            path = line.split(b" ")[1].decode()
            server.seen[path] += 1
            self.wfile.write(ANSWERS[path])
            if path in ("/chunk", "/silent"):
                return


@contextmanager
def odd_server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.seen = Counter()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("client", ["HttpUser", "FastHttpUser"])
def test_requests_on_the_wire_are_requests_hops_and_repeats(client: str, session: str, lab: Lab) -> None:
    """What the server got is what is told, to the last one; what had no answer to use is failed."""
    with odd_server() as server:
        _, sink = lab.run(
            EVERYTHING.format(client=client, paths=[*ANSWERS]),
            *ONCE,
            target=f"http://127.0.0.1:{server.server_address[1]}",
            options=RunOptions(session=session),
        )
    wire = [loose(event.data) for event in sink.of(EventKind.WIRE)]
    hops = {data["endpoint"]: data["hops"] for data in wire if data["hops"]}
    repeats = {data["endpoint"]: data["repeats"] for data in wire if data["repeats"]}
    # geventhttpclient sends a request anew that was not answered at all, eleven times.
    assert repeats == ({"GET /silent": 11} if client == "FastHttpUser" else {})
    assert hops == {"GET /moved": 2, "GET /moved-again": 1}
    assert server.seen.total() == sink.requests.total() + sum(hops.values()) + sum(repeats.values())
    assert set(sink.requests.values()) == {1}
    # A product's id, a member of an enumeration: Locust groups by them, too.
    assert {("GET", "7"), ("GET", str(UUID(int=5))), ("GET", "Kind.A")} <= set(sink.requests)
    # python-requests gives a body with an unknown coding as it is; geventhttpclient is kinder to broken zips.
    extra = {"/coding"} if client == "FastHttpUser" else set()
    assert {name for name, _ in sink.failures} >= FAILED | extra
    assert not {name for name, _ in sink.failures} & {
        "/ok",
        "/moved",
        "/late",
        "/nobody-says",
        "/StopUser",
        "/RescheduleTask",
    }
    (aimed,) = sink.of(EventKind.AIMED)
    address = f"127.0.0.1:{server.server_address[1]}"
    assert aimed.data["hosts"] == {address: server.seen.total()}
    statuses = {event.data["endpoint"]: event.data["counts"] for event in sink.of(EventKind.STATUSES)}
    assert statuses["GET /silent"] == {"no answer": 1}
    assert statuses["GET /late"] == statuses["GET /moved"] == statuses["GET /nobody-says"] == {"200": 1}


ODD = """
    import decimal, enum, fractions, datetime, uuid

    class Textless(Exception):
        def __str__(self):
            raise RuntimeError
        __repr__ = __str__

    class Hashless:
        def __hash__(self):
            raise RuntimeError
        def __str__(self):
            return "hashless"

    class Truthless:
        def __bool__(self):
            raise RuntimeError

    class Response:
        headers = 5
        @property
        def status_code(self):
            raise RuntimeError

    Kind = enum.Enum("Kind", "A")
    nan, inf = float("nan"), float("inf")
    ODD = {
        "name": [None, 7, nan, b"raw", uuid.UUID(int=5), Kind.A, Textless(), Hashless(), ["l"], chr(0xd800),
                 10**400],
        "request_type": [None, 7, Textless(), ["l"], b"GET", Kind.A],
        "response_time": [None, nan, inf, -1, 1e300, "12", "x", 10**400, decimal.Decimal(2),
                          fractions.Fraction(1), datetime.timedelta(seconds=1), Textless(), True, b"5", []],
        "response_length": [None, nan, inf, -1, "9", "x", 10**400, 2**63, 1.5, Textless(), True, b"5", []],
        "exception": ["", 0, False],
        "response": [5, Response(), Textless()],
    }
    FAILING = ["boom", True, 5, ValueError, Textless(), Truthless(), Exception(chr(0xdcff))]
    PLAIN = dict(request_type="rpc", name="x", response_time=10.0, response_length=1, exception=None)

    class U(User):
        wait_time = constant(0.3)
        @task
        def fire(self):
            fire = self.environment.events.request.fire
            for key, values in ODD.items():
                for value in values:
                    fire(**{**PLAIN, key: value})
            for value in FAILING:
                fire(**{**PLAIN, "name": "failing", "exception": value})
            fire(request_type="rpc", name="no length", response_time=1.0, exception=None)
"""
FIRED = 11 + 6 + 15 + 13 + 3 + 3 + 7 + 1


@pytest.mark.parametrize("processes", [1, 2])
def test_odd_values_never_destroy_a_run(processes: int, lab: Lab) -> None:
    """Each request is counted, whatever its name, type, time, length, exception and response are."""
    options = LocustOptions(Processes(processes))
    outcome, sink = lab.run(ODD, "-u", "2", "-r", "10", "-t", "2", engine_options=options)
    assert outcome is Outcome.COMPLETED, sink.lines[-30:]
    assert not sink.of(EventKind.UNTOLD)
    assert not sink.of(EventKind.OWN_GATE)
    assert not sink.of(EventKind.RECORDER_MISMATCH)
    tasks = sum(loose(event.data)["count"] for event in sink.of(EventKind.PLAYED))
    assert tasks >= 2
    assert sink.requests.total() == tasks * FIRED
    assert sum(sink.failures.values()) == sum(
        n for (name, _), n in sink.failures.items() if name == "failing"
    )
    assert sum(sink.failures.values()) == tasks * 7
    assert {("rpc", "7"), ("rpc", "Kind.A"), ("rpc", "hashless"), ("", "x"), ("GET", "x")} <= set(
        sink.requests
    )
    assert all(type(part.received_bytes) is int for part in sink.slices)


def test_statistics_that_a_scenario_writes_itself_are_told(lab: Lab) -> None:
    """They are no requests that anybody measured here, and no bug of Loadproof's."""
    _, sink = lab.run(
        """
    class U(User):
        @task
        def write(self):
            for _ in range(3):
                self.environment.stats.log_request("custom", "direct", 12.5, 3)
            self.environment.runner.quit()
    """,
        *ONCE,
    )
    (event,) = sink.of(EventKind.UNTOLD)
    assert event.data["count"] == 3
    assert "writes Locust's statistics itself" in loose(event.data)["why"]
    assert not sink.of(EventKind.RECORDER_MISMATCH)
