"""Who is told of a run's end: what is sent, when, and that the address is seen nowhere."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from loadproof.errors import ConfigError, ExitCode
from loadproof.model import Outcome, Report, Verdict
from loadproof.pipeline.notifying import Receiver, message, notify, receivers
from loadproof.plan.config import load_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "T0SECRET/B0SECRET"


class Hook(BaseHTTPRequestHandler):
    """Answers with the status at the end of its path, and keeps what it was sent."""

    heard: ClassVar[list[dict[str, object]]] = []

    def do_POST(self) -> None:
        self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(int(self.path.rpartition("/")[2]))
        self.send_header("Location", "/elsewhere/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def hook() -> Iterator[str]:
    """The address of a server on this machine, with a secret in its path."""
    Hook.heard.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/{SECRET}"
        server.shutdown()


def a_report(verdict: Verdict) -> Report:
    """Of a run that ended so."""
    return Report(
        name="nightly", run_file="nightly.db", verdict=verdict, outcome=Outcome.COMPLETED,
        sentence="p95 is 612ms, required < 500ms", rehearsal=False, started_at_s=1.0, duration_s=60.0,
        window="", findings=(), endpoints=(), errors=(), notes=(), facts={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "on", "count"),
    [
        (Verdict.FAIL, "fail", 1),
        (Verdict.INCONCLUSIVE, "fail", 1),
        (Verdict.PASS, "fail", 0),
        (Verdict.DONE, "fail", 0),
        (Verdict.PASS, "always", 1),
    ],
)
def test_each_is_told_when_it_wants_to_know(hook: str, verdict: Verdict, on: str, count: int) -> None:
    """Once, with the verdict and the exit code of the command."""
    said: list[str] = []
    notify(a_report(verdict), [Receiver("loadproof.yaml:2", f"{hook}/200", on == "always")], said.append)
    assert said == []
    assert [heard["verdict"] for heard in Hook.heard] == [str(verdict)] * count


@pytest.mark.parametrize(("status", "why"), [("404", "it answers 404"), ("302", "it answers 302")])
def test_what_fails_is_told_without_the_address(hook: str, status: str, why: str) -> None:
    """A redirect is no delivery: the message goes nowhere else."""
    said: list[str] = []
    notify(a_report(Verdict.FAIL), [Receiver("loadproof.yaml:2", f"{hook}/{status}", False)], said.append)
    assert said == [f"loadproof.yaml:2: nobody could be notified there: {why}; the verdict stands"]
    assert len(Hook.heard) == 1


def test_nobody_there_is_told_by_the_systems_reason(hook: str) -> None:
    """And the next receiver is told all the same."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as closed:
        port = closed.server_address[1]
    said: list[str] = []
    gone = Receiver("loadproof.yaml:2", f"http://127.0.0.1:{port}/{SECRET}", False)
    notify(a_report(Verdict.FAIL), [gone, Receiver("loadproof.yaml:3", f"{hook}/200", False)], said.append)
    assert said == [
        "loadproof.yaml:2: nobody could be notified there: Connection refused; the verdict stands"
    ]
    assert len(Hook.heard) == 1


@pytest.mark.parametrize(
    ("code", "count"), [(ExitCode.PASS, 0), (ExitCode.FAIL, 1), (ExitCode.INCONCLUSIVE, 1)]
)
def test_a_comparison_is_told_by_its_own_exit_code(hook: str, code: ExitCode, count: int) -> None:
    """`ab` ends with the code of the comparison, which its report is only drawn from."""
    notify(a_report(Verdict.PASS), [Receiver("loadproof.yaml:2", f"{hook}/200", always=False)], print, code)
    assert [heard["exit_code"] for heard in Hook.heard] == [int(code)] * count


def test_slack_gets_its_text_and_nothing_else() -> None:
    """With its three characters escaped."""
    sent = message(a_report(Verdict.FAIL), ExitCode.FAIL, slack=True)
    assert sent == {"text": "FAIL nightly: p95 is 612ms, required &lt; 500ms"}


def written(folder: Path, url: str) -> Path:
    """A loadproof.yaml with one receiver."""
    file = folder / "loadproof.yaml"
    file.write_text(f"notify:\n  - url: {url}\n")
    return file


def test_the_address_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in no repr; where the variable is not set nobody is told, and one line says so."""
    file = written(tmp_path, "${TEAM_CHAT}")
    said: list[str] = []
    monkeypatch.delenv("TEAM_CHAT", raising=False)
    assert receivers(load_config(file), said.append) == []
    assert said == [f"{file}:2: TEAM_CHAT is not set, so nobody is notified there"]
    monkeypatch.setenv("TEAM_CHAT", f"https://hooks.slack.com/services/{SECRET}")
    (found,) = receivers(load_config(file), said.append)
    assert found.url.endswith(SECRET)
    assert SECRET not in repr(found)


@pytest.mark.parametrize("url", [SECRET, f"ftp://127.0.0.1/{SECRET}", f"http://[::1/{SECRET}"])
def test_what_is_no_address_is_refused_before_the_load_and_not_shown(tmp_path: Path, url: str) -> None:
    """By file and line."""
    file = written(tmp_path, f"'{url}'")
    with pytest.raises(ConfigError) as caught:
        receivers(load_config(file), lambda _: None)
    (problem,) = caught.value.problems
    assert problem.where == f"{file}:2"
    assert SECRET not in str(problem)
