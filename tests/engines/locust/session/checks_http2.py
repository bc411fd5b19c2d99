"""The child process: what python-requests promises, over HTTP/2, for its own session and for that of a user.

Prints a JSON line for each check and session: what was wrong with it, "" for nothing.
"""

from __future__ import annotations

import locust  # first of all, because it patches

# ruff: isort: split
import io
import json
import socket
import sys
import tempfile
import traceback
from contextlib import closing
from typing import TYPE_CHECKING, Any

import gevent
import pytest
import requests
from locust.env import Environment

from loadproof.engines.locust.session import COUNTS, install, install_http2, trips
from loadproof.engines.locust.session.http2 import Http2Adapter
from loadproof.engines.locust.session.trips import Trip
from tests.engines.locust.session.http2_server import HUGE, WHOLE, Http2Server
from tests.engines.locust.session.scripted_server import Reply, ScriptedServer
from tests.engines.locust.session.tls import client_ca, server_context
from tests.socket_server import SocketServer

if TYPE_CHECKING:
    from collections.abc import Callable

_OLDER = "the server has no HTTP/2, HTTP/1.1 was spoken"


class Asked:
    """A session that raises what a call failed with, as python-requests' does."""

    def __init__(self, session: Any) -> None:
        self.session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def get(self, url: str, **options: Any) -> Any:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Any:
        return self.request("POST", url, **options)

    def request(self, method: str, url: str, **options: Any) -> Any:
        response = self.session.request(method, url, **options)
        if getattr(response, "error", None) is not None:
            raise response.error
        return response


def of_requests() -> Asked:
    session = requests.Session()
    session.mount("https://", adapter := Http2Adapter())
    session.mount("http://", adapter)
    return Asked(session)


def of_a_user() -> Asked:
    class One(locust.HttpUser):
        host = "http://127.0.0.1:1"
        http2 = True

    environment: Any = Environment(user_classes=[One])
    environment.create_local_runner()
    user: Any = One  # Locust has no types here
    return Asked(user(environment).client)


def an_answer_is_python_requests_own(session: Asked, server: Http2Server) -> None:
    for count in (1, 2):
        answer = session.get(server.url, params={"q": "1"})
        assert (answer.status_code, answer.raw.version, answer.content) == (200, 20, WHOLE)
        assert (answer.reason, answer.headers["Content-Encoding"]) == ("OK", "gzip")
        assert session.cookies.get_dict() == {"a": "1", "b": "2"}
        assert ("cookie" in server.headers[-1]) == (count > 1)
    assert answer.request.headers["Cookie"] == "a=1; b=2"
    assert server.seen == [("GET", "/?q=1", b"")] * 2
    assert not {"connection", "transfer-encoding", "host"} & server.headers[0].keys()
    assert server.headers[0][":authority"] == f"127.0.0.1:{server.port}"
    first, second = server.headers
    assert {**first, "cookie": second["cookie"]} == second


def bodies_of_all_kinds_arrive_whole(session: Asked, server: Http2Server) -> None:
    big = b"x" * 300_000  # beyond the first window of flow control
    for body in ("text", big, io.BytesIO(big), iter([b"one", b"two"]), {"form": "1"}, big, b""):
        assert session.post(server.url, data=body).ok
    assert session.post(server.url, json={"a": 1}).ok
    sent = [body for _, _, body in server.seen]
    assert sent == [b"text", big, big, b"onetwo", b"form=1", big, b"", b'{"a": 1}']


def an_answer_greater_than_the_window_comes_whole(session: Asked, server: Http2Server) -> None:
    for _ in range(2):
        assert session.get(f"{server.url}/huge", timeout=5).content == HUGE
    assert server.connections == 1


def requests_at_the_same_time_have_one_connection(session: Asked, server: Http2Server) -> None:
    asked = [gevent.spawn(session.get, f"{server.url}/together", timeout=5) for _ in range(3)]
    assert [one.get().content for one in asked] == [WHOLE] * 3
    assert server.connections == 1


def who_asks_beyond_the_servers_limit_waits(session: Asked, server: Http2Server) -> None:
    server.most_streams = 2
    session.get(server.url)
    later = [gevent.spawn(session.get, f"{server.url}/later", timeout=5) for _ in range(2)]
    gevent.sleep(0)
    third = gevent.spawn(session.get, server.url, timeout=5)
    while sum(path == "/later" for _, path, _ in server.seen) < 2:
        gevent.sleep(0.001)
    assert not third.ready()
    server.go_on.release()
    assert third.get().ok
    server.go_on.release()
    assert all(one.get().ok for one in later)
    assert server.connections == 1


def a_silent_answer_does_not_hold_up_the_others(session: Asked, server: Http2Server) -> None:
    """Each has its own limit, whoever reads for all; the server is told what nobody waits for any more."""
    session.get(server.url)
    silent = gevent.spawn(session.get, f"{server.url}/silent", timeout=0.2)
    later = gevent.spawn(session.get, f"{server.url}/later", timeout=5)
    silent.join()
    assert isinstance(silent.exception, requests.ReadTimeout), silent.exception
    assert not later.ready()
    server.go_on.release()
    assert later.get().content == WHOLE
    assert server.connections == len(server.resets) == 1


def who_is_stopped_leaves_the_connection_to_the_others(session: Asked, server: Http2Server) -> None:
    session.get(server.url)
    stopped = gevent.spawn(session.get, f"{server.url}/silent")
    later = gevent.spawn(session.get, f"{server.url}/later", timeout=5)
    while len(server.seen) < 3:
        gevent.sleep(0.001)
    stopped.kill()
    server.go_on.release()
    assert later.get().content == WHOLE
    assert session.get(server.url).ok
    assert server.connections == len(server.resets) == 1


def a_redirect_is_followed_and_counted(session: Asked, server: Http2Server) -> None:
    for _ in range(2):
        COUNTS.take_hosts()
        with Trip("GET", "/moved", 0.0) as trip:
            answer = session.get(f"{server.url}/moved")
        assert (answer.content, [hop.status_code for hop in answer.history]) == (WHOLE, [302])
        if isinstance(session.session, locust.clients.HttpSession):
            assert sum(COUNTS.take_hosts().values()) == 2
        else:
            assert (trip.hops, trip.repeats) == (1, 0)


def an_event_is_handed_out_before_the_next_one_is_sent(session: Asked, server: Http2Server) -> None:
    for _ in range(2):
        with closing(session.get(f"{server.url}/events", stream=True, timeout=(5, 5))) as answer:
            lines = answer.iter_lines()
            for _ in range(2):
                assert (next(lines), next(lines)) == (b"data: one", b"")
                server.go_on.release()
            assert list(lines) == []
    assert server.resets == []


def what_is_left_unread_is_given_up(session: Asked, server: Http2Server) -> None:
    for count in (1, 2):
        session.get(f"{server.url}/huge", stream=True, timeout=5).close()
        assert session.get(server.url).content == WHOLE
        assert (server.connections, len(server.resets)) == (1, count)


def headers_and_authorities_are_taken_as_python_requests_takes_them(
    session: Asked, server: Http2Server
) -> None:
    own = {"X-Name": "é", "X-Bytes": b"b", "Host": "shop.test", "Connection": "close", "X-Empty": ""}
    for _ in range(2):
        assert session.get(server.url, headers=own).ok
    for seen in server.headers:
        assert (seen["x-name"], seen["x-bytes"], seen["x-empty"]) == ("é", "b", "")
        assert (seen[":authority"], "host" in seen, "connection" in seen) == ("shop.test", False, False)
    context = server_context()
    context.set_alpn_protocols(["h2"])
    with Http2Server(tls=context) as secure, tempfile.TemporaryDirectory() as folder:
        error = _error_of(session, secure.url, verify=folder)  # a folder, here without any authority
        assert isinstance(error, requests.exceptions.SSLError)


def an_error_status_has_its_reason(session: Asked, server: Http2Server) -> None:
    for _ in range(2):
        with pytest.raises(requests.HTTPError, match="404 Client Error: Not Found"):
            session.get(f"{server.url}/missing").raise_for_status()


def _error_of(session: Asked, url: str, **options: Any) -> BaseException | None:
    try:
        session.get(url, **options)
    except requests.RequestException as error:
        return error
    return None


def what_is_sent_and_not_answered_is_an_error_of_python_requests(session: Asked, server: Http2Server) -> None:
    errors: dict[str, type[Exception]] = {
        "/silent": requests.ReadTimeout,
        "/reset": requests.ConnectionError,
        "/broken": requests.exceptions.ChunkedEncodingError,
    }
    for path, kind in errors.items():
        for _ in range(2):
            with Trip("GET", path, 0.0) as trip:
                error = _error_of(session, server.url + path, timeout=(5, 0.3))
            assert type(error) is kind, (path, error)
            if not isinstance(session.session, locust.clients.HttpSession):
                assert trip.sent == 1
            before = server.connections
            assert session.get(server.url).ok  # the session goes on
            assert server.connections == before + (path != "/reset")


def what_finds_no_server_was_not_sent(session: Asked, server: Http2Server) -> None:
    server.__exit__()
    COUNTS.take_hosts()
    with Trip("GET", "/", 0.0) as trip:
        error = _error_of(session, server.url)
    assert isinstance(error, requests.ConnectionError), error
    assert trip.sent == 0
    assert sum(COUNTS.take_hosts().values()) == 0


def the_answer_behind_going_away_is_one(session: Asked, server: Http2Server) -> None:
    """nginx says so with the thousandth answer of a connection; what follows has another one."""
    for count in range(1, 4):
        assert session.get(f"{server.url}/away", timeout=5).content == WHOLE
        assert server.connections == count
    assert len(server.seen) == 3


def what_the_server_refuses_to_look_at_is_sent_once_more(session: Asked, server: Http2Server) -> None:
    """And once only; both times are told, as the server may count both."""
    session.get(server.url)
    COUNTS.wire.clear()
    COUNTS.take_hosts()
    with Trip("GET", "/refused", 0.0):
        assert session.get(f"{server.url}/refused", timeout=5).content == WHOLE
    assert [path for _, path, _ in server.seen] == ["/", "/refused", "/refused"]
    assert COUNTS.wire == {("GET", "/refused"): [0, 1]}
    assert COUNTS.take_hosts() == {f"127.0.0.1:{server.port}": 2}
    server.refuses = server.refuses_always = True
    with Trip("GET", "/refused", 0.0):
        assert isinstance(_error_of(session, f"{server.url}/refused"), requests.ConnectionError)
    assert len(server.seen) == 5
    assert COUNTS.wire[("GET", "/refused")] == [0, 2]


def tls_agrees_on_http2_and_checks_the_certificate(session: Asked, plain: Http2Server) -> None:
    context = server_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with Http2Server(tls=context) as server:
        for _ in range(2):
            assert isinstance(_error_of(session, server.url), requests.exceptions.SSLError)
            assert session.get(server.url, verify=client_ca()).raw.version == 20
            assert session.get(server.url, verify=False).content == WHOLE
        assert {headers[":scheme"] for headers in server.headers} == {"https"}


def a_server_without_http2_is_asked_in_http_1_1_and_that_is_told(session: Asked, newer: Http2Server) -> None:
    COUNTS.fallbacks.pop(_OLDER, None)
    older: list[Reply] = [[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]] * 3
    with ScriptedServer([older], server_context()) as server:
        for _ in range(3):
            assert session.get(f"https://127.0.0.1:{server.port}/", verify=client_ca()).text == "ok"
        assert len(server.received) == 1
    assert COUNTS.fallbacks[_OLDER] == 3


class Tunnel(SocketServer):
    """A proxy that knows CONNECT."""

    def serve(self, connection: Any) -> None:
        """One tunnel."""
        asked = connection.recv(65536).split()
        host, _, port = asked[1].decode().partition(":")
        with socket.create_connection((host, int(port))) as far:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = gevent.spawn(_pour, far, connection)
            _pour(connection, far)
            back.join()


def _pour(near: Any, far: Any) -> None:
    while received := near.recv(65536):
        far.sendall(received)
    far.shutdown(socket.SHUT_WR)


def through_a_proxy_tls_is_http2_and_the_rest_is_not(session: Asked, _plain: Http2Server) -> None:
    context = server_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with Http2Server(tls=context) as server, Tunnel() as tunnel:
        for _ in range(2):
            answer = session.get(server.url, verify=client_ca(), proxies={"https": tunnel.url})
            assert (answer.raw.version, answer.content) == (20, WHOLE)
        assert server.connections == 1
        assert server.headers[0][":authority"] == f"127.0.0.1:{server.port}"
    older: list[Reply] = [[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]] * 2
    with ScriptedServer([older]) as proxy:
        place = f"http://127.0.0.1:{proxy.port}"
        for _ in range(2):
            assert session.get("http://shop.test/a", proxies={"http": place}).text == "ok"
        assert b"GET http://shop.test/a HTTP/1.1" in proxy.received[0]


def plain_requests_take_the_short_way(session: Asked, server: Http2Server) -> None:
    """Once there is a connection, python-requests is not asked; a hop and a signature take it from there."""
    session.get(server.url)
    http2 = vars(__import__(Http2Adapter.__module__, fromlist=["HTTPConnection"]))["HTTPConnection"]
    known, http2.request = http2.request, None
    try:
        assert session.get(server.url, timeout=5).content == WHOLE
        assert session.get(f"{server.url}/moved").content == WHOLE
        assert session.get(server.url, auth=_signed).request.headers["X-Signature"] == "GET /"
        assert session.post(server.url, json={"a": 1}).ok
    finally:
        http2.request = known
    assert server.headers[-2]["x-signature"] == "GET /"
    assert "HTTP/2" not in COUNTS.fallbacks


def _signed(request: Any) -> Any:
    request.headers["X-Signature"] = f"{request.method} {request.path_url}"
    return request


def what_was_closed_while_it_was_idle_is_not_used_again(session: Asked, server: Http2Server) -> None:
    session.get(server.url)
    server.hang_up()
    gevent.sleep(0.01)
    assert session.get(server.url).content == WHOLE
    assert server.connections == 2


CHECKS: tuple[Callable[[Asked, Http2Server], None], ...] = (
    *(an_answer_is_python_requests_own, bodies_of_all_kinds_arrive_whole),
    *(an_answer_greater_than_the_window_comes_whole, requests_at_the_same_time_have_one_connection),
    *(who_asks_beyond_the_servers_limit_waits, a_silent_answer_does_not_hold_up_the_others),
    *(who_is_stopped_leaves_the_connection_to_the_others, a_redirect_is_followed_and_counted),
    *(an_event_is_handed_out_before_the_next_one_is_sent, what_is_left_unread_is_given_up),
    *(headers_and_authorities_are_taken_as_python_requests_takes_them, an_error_status_has_its_reason),
    *(what_is_sent_and_not_answered_is_an_error_of_python_requests, what_finds_no_server_was_not_sent),
    *(the_answer_behind_going_away_is_one, what_the_server_refuses_to_look_at_is_sent_once_more),
    *(tls_agrees_on_http2_and_checks_the_certificate, plain_requests_take_the_short_way),
    a_server_without_http2_is_asked_in_http_1_1_and_that_is_told,
    *(what_was_closed_while_it_was_idle_is_not_used_again, through_a_proxy_tls_is_http2_and_the_rest_is_not),
)


def _play(check: Callable[[Asked, Http2Server], None], session: Asked) -> str:
    try:
        with gevent.Timeout(10, TimeoutError("it hangs")), Http2Server() as server:
            check(session, server)
    except Exception:  # noqa: BLE001  # it is what the test shows
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    install()
    install_http2(everybody=False)
    trips.install()
    for check in [check for check in CHECKS if check.__name__ in sys.argv[1:] or not sys.argv[1:]]:
        for make in (of_requests, of_a_user):
            print(json.dumps([f"{check.__name__} {make.__name__}", _play(check, make())]), flush=True)
