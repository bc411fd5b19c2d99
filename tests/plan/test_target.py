"""A target is a sound base URL with an HTTP service behind it, or one clear message."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from loadproof.errors import ConfigError, ExitCode, Problem, TargetError
from loadproof.safety.target import normalise_target, preflight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SOUND = [
    ("http://127.0.0.1:8000/", "http://127.0.0.1:8000", "no trailing slash"),
    (
        " HTTPS://Shop.Example/Api/ ",
        "https://shop.example/Api",
        "scheme and host in lower case, the path as it is",
    ),
    ("http://U:p%40@Host:080", "http://U:p%40@host:80", "user and password stay"),
    ("http://[::1]:8000", "http://[::1]:8000", "IPv6"),
    ("http://[FE80::1%25eth0]", "http://[fe80::1%25eth0]", "IPv6 with a zone"),
    ("http://my_service:80/a/b", "http://my_service:80/a/b", "a compose service's name"),
]


@pytest.mark.parametrize(("url", "expected", "reason"), SOUND)
def test_a_base_url_has_one_spelling(url: str, expected: str, reason: str) -> None:
    """And normalising it again changes nothing."""
    assert normalise_target(url) == expected, reason
    assert normalise_target(expected) == expected


UNSOUND = [
    ("", "the target is empty", "http://localhost:8000"),
    ("localhost:8000", "has no scheme", "write http://localhost:8000 or https://localhost:8000"),
    ("//shop.example", "has no scheme", "write http://shop.example"),
    ("http:/shop.example", "has no scheme", "write http://shop.example"),
    ("http//shop.example", "has no scheme", "write http://shop.example"),
    ("https.example", "has no scheme", "write http://https.example"),
    ("ftp://shop.example", "has the scheme 'ftp'", "http:// or https://"),
    ("http://", "has no host", ""),
    ("http://:8000", "has no host", ""),
    ("http://h:", "has ':' and no port", "1 to 65535"),
    ("http://h:0", "has the port '0'", "1 to 65535"),
    ("http://h:65536", "has the port '65536'", "1 to 65535"),
    ("http://h:8o00", "has the port '8o00'", "1 to 65535"),
    ("http://::1:8000", "IPv6 address without brackets", "http://[::1]:8000"),
    ("http://[::g]", "broken IPv6 address", "http://[::1]:8000"),
    ("http://[::1", "broken IPv6 address", "http://[::1]:8000"),
    ("http://a b", "holds a character", "%20"),
    ("http://a\nb", "holds a character", "%20"),
    ("http://a,b", "no host name", ""),
    ("http://h/?x=1", "has a query or fragment", "base URL"),
    ("http://h/#x", "has a query or fragment", "base URL"),
]


@pytest.mark.parametrize(("url", "message", "hint"), UNSOUND)
def test_what_is_no_base_url_is_refused(url: str, message: str, hint: str) -> None:
    """One problem, where it was written, with the way out."""
    with pytest.raises(ConfigError) as caught:
        normalise_target(url, "--target")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert hint in problem.hint
    assert problem.where == "--target"


@pytest.mark.parametrize(
    "url", ["user:hunter2@h:80", "http://u:hunter2@h:bad", "http://u:hunt/er2@h", "ftp://u:hunter2@h"]
)
def test_a_password_is_never_shown(url: str) -> None:
    """Neither in the message nor in the hint."""
    with pytest.raises(ConfigError) as caught:
        normalise_target(url)
    assert "hunt" not in str(caught.value)
    assert "***" in str(caught.value)


@contextmanager
def _server(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where `handle` has each connection, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if stopping.is_set():
                    return
                handle(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        port = listener.getsockname()[1]
        yield port
    finally:
        stopping.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join(60)
        listener.close()


def _refusal(url: str, timeout_s: float = 5.0) -> Problem:
    """The one problem that the preflight tells of."""
    with pytest.raises(TargetError) as caught:
        preflight(url, timeout_s)
    (problem,) = caught.value.problems
    return problem


def _answer(text: bytes) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        with contextlib.suppress(ConnectionError):  # it may have read enough
            connection.sendall(text)

    return handle


@pytest.mark.parametrize(
    "status", [b"200 OK", b"301 Moved", b"401 Unauthorized", b"404 Not Found", b"500 Oops"]
)
def test_any_http_status_will_do(status: bytes) -> None:
    """Whether it is there is asked, not whether it likes the question."""
    with _server(_answer(b"HTTP/1.1 " + status + b"\r\nLocation: http://nowhere.invalid/\r\n\r\n")) as port:
        preflight(f"http://127.0.0.1:{port}", 5)


def test_a_server_of_nothing_but_http2_is_there() -> None:
    """It begins with its settings, and waits for a client that begins in HTTP/2, too."""

    def handle(connection: socket.socket) -> None:
        connection.sendall(b"\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64")
        while connection.recv(65536):  # until the question is withdrawn
            pass

    with _server(handle) as port:
        preflight(f"http://127.0.0.1:{port}", 20)


def test_the_question_is_one_plain_get() -> None:
    """Of the base path, by a user agent that says who asks, without the user's password."""
    asked: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")

    with _server(handle) as port:
        preflight(f"http://user:hunter2@127.0.0.1:{port}/sh\u00f6p/", 5)
    (request,) = asked
    lines = request.decode("ascii").split("\r\n")
    assert lines[0] == "GET /sh%C3%B6p HTTP/1.1"
    assert lines[1] == f"Host: 127.0.0.1:{port}"
    assert lines[2].startswith("User-Agent: loadproof/")
    assert b"hunter2" not in request
    assert b"uthorization" not in request


NO_HTTP = [
    (b"SSH-2.0-OpenSSH_9.6\r\n", "answers, but not in HTTP", "is this the right port?"),
    (b"\x15\x03\x01\x00\x02\x02F", "answers, but not in HTTP", "write https://"),
    (b"x" * 100_000, "answers, but not in HTTP", "is this the right port?"),
    (b"", "closes the connection without an answer", ""),
]


@pytest.mark.parametrize(("answer", "message", "hint"), NO_HTTP)
def test_what_speaks_no_http_is_told(answer: bytes, message: str, hint: str) -> None:
    """Another protocol, TLS on a plain URL, garbage, nothing."""
    with _server(_answer(answer)) as port:
        problem = _refusal(f"http://127.0.0.1:{port}")
    assert message in problem.message
    assert hint in problem.hint


def test_a_target_that_never_answers_is_told_in_time() -> None:
    """It takes the connection and keeps silent until it was told; the time-out is for all steps together."""
    release = threading.Event()

    def handle(connection: socket.socket) -> None:
        release.wait(600)

    with _server(handle) as port:
        problem = _refusal(f"http://127.0.0.1:{port}", 0.2)
        release.set()
    assert problem.message == f"the target 127.0.0.1:{port} does not answer within 200ms"


def test_a_target_that_drips_its_answer_is_told_in_time() -> None:
    """Bytes that trickle in do not renew the time-out."""
    stop = threading.Event()

    def handle(connection: socket.socket) -> None:
        while not stop.wait(0.05):
            try:
                connection.sendall(b"H")
            except OSError:
                return

    with _server(handle) as port:
        problem = _refusal(f"http://127.0.0.1:{port}", 0.3)
        stop.set()
    assert "does not answer within 300ms" in problem.message


def test_a_target_that_refuses_is_told() -> None:
    """Nobody listens on the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    problem = _refusal(f"http://127.0.0.1:{port}")
    assert problem.message == f"the target 127.0.0.1:{port} refuses the connection"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
def test_a_host_that_does_not_resolve_is_told(host: str) -> None:
    """RFC 2606 keeps .invalid from ever existing; an empty label is no name at all."""
    assert f"the target's host '{host}' does not resolve" in _refusal(f"http://{host}").message


def test_unreachable_has_an_exit_code_of_its_own() -> None:
    """6, so that a pipeline can tell a missing service from a slow one."""
    assert TargetError("x").exit_code is ExitCode.UNREACHABLE


def test_tls_on_a_plain_port_is_told() -> None:
    """https:// to a service that speaks plain HTTP."""
    with _server(_answer(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        problem = _refusal(f"https://127.0.0.1:{port}")
    assert "fails in TLS" in problem.message
    assert "write http://" in problem.hint


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command to make a certificate")
def test_a_certificate_that_nobody_vouches_for_is_told(tmp_path: Path) -> None:
    """Unless certificates are not to be verified: then the answer counts."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    argv = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run([*argv, "-subj", "/CN=localhost", "-days", "2"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with _server(handle) as port:
        problem = _refusal(f"https://127.0.0.1:{port}")
        preflight(f"https://127.0.0.1:{port}", 5, verify_tls=False)
    assert "fails in TLS: self-signed certificate" in problem.message
    assert "certificate" in problem.hint
