"""HTTP/2 for `HttpUser`: what python-requests promises, over connections that httpx keeps."""

from __future__ import annotations

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from loadproof.engines.locust.session.counts import COUNTS
from loadproof.engines.locust.session.http2 import Http2Adapter
from loadproof.engines.locust.session.trips import Trip
from loadproof.model import EventKind
from tests.engines.locust.session.http2_server import WHOLE, Http2Server
from tests.engines.locust.session.scripted_server import Reply, ScriptedServer
from tests.engines.locust.session.tls import client_ca, server_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.locust.conftest import Lab


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as one:
        one.mount("https://", adapter := Http2Adapter())
        one.mount("http://", adapter)
        yield one


@pytest.fixture
def server() -> Iterator[Http2Server]:
    with Http2Server() as one:
        yield one


def test_an_answer_is_python_requests_own(session: requests.Session, server: Http2Server) -> None:
    answer = session.get(server.url, params={"q": "1"})

    assert (answer.status_code, answer.raw.version, answer.content) == (200, 20, WHOLE)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert session.cookies.get_dict() == {"a": "1", "b": "2"}
    assert session.get(server.url).request.headers["Cookie"] == "a=1; b=2"
    assert server.seen == [("GET", "/?q=1", b""), ("GET", "/", b"")]
    assert not {"connection", "transfer-encoding"} & server.headers[0].keys()


def test_bodies_of_all_kinds_arrive_whole(session: requests.Session, server: Http2Server) -> None:
    big = b"x" * 300_000  # beyond the first window of flow control
    for body in ("text", big, io.BytesIO(big), iter([b"one", b"two"]), {"form": "1"}):
        assert session.post(server.url, data=body).ok
    assert session.post(server.url, json={"a": 1}).ok
    sent = [body for _, _, body in server.seen]
    assert sent == [b"text", big, big, b"onetwo", b"form=1", b'{"a": 1}']


def test_a_user_has_one_connection_also_for_requests_at_the_same_time(
    session: requests.Session, server: Http2Server
) -> None:
    session.get(server.url)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(session.get, [f"{server.url}/together"] * 3))
    assert [answer.content for answer in answers] == [WHOLE] * 3
    assert server.connections == 1


def test_a_redirect_is_followed_and_counted(session: requests.Session, server: Http2Server) -> None:
    with Trip("GET", "/moved", 0.0) as trip:
        assert session.get(f"{server.url}/moved").content == WHOLE
    assert (trip.hops, trip.repeats, trip.hosts) == (1, 0, [f"127.0.0.1:{server.port}"] * 2)


def test_an_event_is_handed_out_before_the_next_one_is_sent(
    session: requests.Session, server: Http2Server
) -> None:
    with session.get(f"{server.url}/events", stream=True, timeout=(5, 5)) as answer:
        lines = answer.iter_lines()
        for _ in range(2):
            assert (next(lines), next(lines)) == (b"data: one", b"")
            server.go_on.release()
        assert list(lines) == []


def test_headers_and_authorities_are_taken_as_python_requests_takes_them(
    session: requests.Session, server: Http2Server, tmp_path: Path
) -> None:
    assert session.get(server.url, headers={"X-Name": "é", "X-Bytes": b"b"}).ok
    assert (server.headers[0]["x-name"], server.headers[0]["x-bytes"]) == ("é", "b")
    context = server_context()
    context.set_alpn_protocols(["h2"])
    with Http2Server(tls=context) as secure, pytest.raises(requests.exceptions.SSLError):
        session.get(secure.url, verify=str(tmp_path))  # a folder, here without any authority


def test_an_error_status_has_its_reason(session: requests.Session, server: Http2Server) -> None:
    with pytest.raises(requests.HTTPError, match="404 Client Error: Not Found"):
        session.get(f"{server.url}/missing").raise_for_status()


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/silent", requests.ReadTimeout),
        ("/reset", requests.ConnectionError),
        ("/broken", requests.exceptions.ChunkedEncodingError),
    ],
)
def test_what_is_sent_and_not_answered_is_an_error_of_python_requests(
    session: requests.Session, server: Http2Server, path: str, error: type[Exception]
) -> None:
    with Trip("GET", path, 0.0) as trip, pytest.raises(error):
        session.get(server.url + path, timeout=(5, 0.3))
    assert trip.sent == 1
    assert session.get(server.url).ok  # the session goes on


def test_what_finds_no_server_was_not_sent(session: requests.Session, server: Http2Server) -> None:
    server.__exit__()
    with Trip("GET", "/", 0.0) as trip, pytest.raises(requests.ConnectionError):
        session.get(server.url)
    assert trip.sent == 0


def test_tls_agrees_on_http2_and_checks_the_certificate(session: requests.Session) -> None:
    context = server_context()
    context.set_alpn_protocols(["h2"])
    with Http2Server(tls=context) as server:
        with pytest.raises(requests.exceptions.SSLError):
            session.get(server.url)
        assert session.get(server.url, verify=client_ca()).raw.version == 20
        assert session.get(server.url, verify=False).content == WHOLE


def test_a_server_without_http2_is_asked_in_http_1_1_and_that_is_told(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(COUNTS, "fallbacks", {})
    older: list[Reply] = [[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]] * 2
    with ScriptedServer([older], server_context()) as server:
        for _ in range(2):
            assert session.get(f"https://127.0.0.1:{server.port}/", verify=client_ca()).text == "ok"
    assert COUNTS.fallbacks == {"the server has no HTTP/2, HTTP/1.1 was spoken": 2}


ASKING = """
    class U(HttpUser):
        http2 = True

        @task
        def t(self):
            self.client.get("/moved")
            with self.client.get("/missing", catch_response=True) as response:
                response.success()
"""


@pytest.mark.real
def test_a_user_class_asks_for_it_and_all_is_counted(lab: Lab, server: Http2Server) -> None:
    _, sink = lab.run(ASKING, "-u", "2", "-r", "9", "-t", "1", target=server.url)

    asked = Counter(path for _, path, _ in server.seen)
    assert sink.requests == {("GET", "/moved"): asked["/moved"], ("GET", "/missing"): asked["/missing"]}
    assert asked["/"] == asked["/moved"] > 0
    assert not sink.failures
    assert server.connections == 2
    told = [event.message for event in sink.events if event.kind is EventKind.SESSION_FALLBACK]
    assert told == ["HTTP/2: such requests go through another HTTP client than Loadproof's, which is slower"]


@pytest.mark.real
def test_a_fast_user_has_no_http2(lab: Lab) -> None:
    (problem,) = lab.inspect(
        "class U(FastHttpUser):\n    http2 = True\n    @task\n    def t(self): ..."
    ).problems
    assert problem.message == "'U' is a FastHttpUser, which has no HTTP/2"
