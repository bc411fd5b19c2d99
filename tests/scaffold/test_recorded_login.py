"""A recorded log-in, played against a service that takes each token once and each password or not."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from loadproof.cli.app import run_app
from loadproof.engines.locust.engine import LocustEngine
from loadproof.model import Plan, Profile, ProfileKind
from loadproof.scaffold.recording.locustfile import locustfile_of_recording
from tests.recording import Recording
from tests.scaffold.test_recorded_forms import page, posted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "op3n-Sesame"
FORM = '<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="%s"></form>'


class Library(BaseHTTPRequestHandler):
    """A log-in as Django has it: a wrong password shows the form again, with 200."""

    protocol_version = "HTTP/1.1"
    tokens: set[str]
    read: list[str]

    def do_GET(self) -> None:
        if self.path == "/login/":
            token = secrets.token_urlsafe(40)
            self.tokens.add(token)
            self.answer(200, FORM % token)
        elif "sid=" not in (self.headers.get("Cookie") or ""):
            self.answer(403, "who?")
        elif self.path == "/books/":
            self.answer(200, '<a href="/books/7/">7</a> <a href="/books/9/">9</a>')
        else:
            self.read.append(self.path)
            self.answer(200, "a book")

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        token = form["csrfmiddlewaretoken"][0]
        if token not in self.tokens:
            self.answer(403, "CSRF verification failed")
        elif form["password"] != [PASSWORD]:
            self.answer(200, FORM % "another")
        else:
            self.tokens.remove(token)
            self.answer(302, "", ("Location", "/books/"), ("Set-Cookie", "sid=1; Path=/"))

    def answer(self, status: int, text: str, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", "text/html"), ("Content-Length", str(len(text))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def library() -> Iterator[str]:
    Library.tokens, Library.read = set(), []
    with ThreadingHTTPServer(("127.0.0.1", 0), Library) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def locustfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made from a recording of somebody who logged in and read book 9."""
    monkeypatch.chdir(tmp_path)
    for name in ("API_USER", "API_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    here = "http://10.1.2.3:8000"
    token = "k3Jd9sLq0PzXw7Rt2Vb5Nc8Mf1Hy6GuEa4ToYiKe"
    way = (
        page(0, "GET", f"{here}/login/", FORM % token),
        posted(4, f"{here}/login/", f"csrfmiddlewaretoken={token}&username=jo&password=s3cret-One",
               status=302, response_headers={"Location": "/books/", "Set-Cookie": "sid=77; Path=/"}),
        page(4.1, "GET", f"{here}/books/", '<a href="/books/9/">9</a>'),
        page(7, "GET", f"{here}/books/9/", "a book"),
    )  # fmt: skip
    source, _, _ = locustfile_of_recording({"log": {"entries": list(way)}}, "way.har")
    file = tmp_path / "locustfile.py"
    file.write_text(re.sub(r"between\(.*?\)", "between(0.01, 0.02)", source))
    return file


def played(locustfile: Path, target: str, password: str) -> Recording:
    """Three users for two seconds."""
    sink = Recording()
    plan = Plan(
        "way", locustfile, "locust", target, Profile(ProfileKind.SCENARIO),
        engine_args=("-u", "3", "-r", "10", "-t", "2"),
        env=(("API_USER", "jo"), ("API_PASSWORD", password)),
    )  # fmt: skip
    asyncio.run(asyncio.wait_for(LocustEngine().run(plan, sink), 60))
    return sink


def test_the_right_password_logs_in(locustfile: Path, library: str) -> None:
    """With a fresh token each time; what is read then is any of the books that the page links to."""
    sink = played(locustfile, library, PASSWORD)
    assert sink.failures == {}
    assert sink.requests["POST", "/login/"] > 3
    assert set(Library.read) == {"/books/7/", "/books/9/"}
    assert set(sink.requests) == {("GET", "/login/"), ("POST", "/login/"), ("GET", "/books/[book_id]/")}


def test_a_wrong_password_is_a_failure(locustfile: Path, library: str) -> None:
    """Though the form came back with 200."""
    sink = played(locustfile, library, "wrong")
    assert {name for name, _ in sink.failures} == {"/login/"}
    assert sum(sink.failures.values()) == sink.requests["POST", "/login/"] > 0
    assert Library.read == []


def test_nothing_begins_without_the_password(
    locustfile: Path, library: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`check` is content with the file; `run` names each variable that is not set, and sends nothing."""
    words = ["locustfile.py", "--target", library, "--users", "1", "--run-time", "1s"]
    assert run_app(["check", *words]) == 0
    shown = capsys.readouterr().out
    assert "advice" not in shown
    assert run_app(["run", *words, "--env", "API_USER=jo"]) == 2
    assert "the scenario needs API_PASSWORD, and it is not set" in capsys.readouterr().err
    assert Library.tokens == set()
