"""`loadproof ab`: two services side by side or in turns, and none of them outlives it."""

from __future__ import annotations

import json
import socket
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from loadproof.errors import ConfigError, TargetError
from loadproof.run.service import StartedService, answers
from tests.demo.concurrency import wait_until
from tests.demo.processes import all_gone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Here, Shell

SERVER = """
import signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(float(sys.argv[2]))
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

    def log_message(self, *_):
        pass

if "stubborn" in sys.argv:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
print("serving", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return int(own.getsockname()[1])


@pytest.mark.parametrize("how", ["side by side", "in turns"])
def test_a_slower_head_is_found(shell: Shell, how: str) -> None:
    """Started and stopped for each run; every run file is kept, in the order ABBA; nothing is left behind."""
    shell.write("server.py", SERVER)
    port = free_port()
    start = f"{sys.executable} server.py {port}"
    done = shell(
        "ab", "locustfile.py", "--target", f"http://127.0.0.1:{port}", "-u", "12", "-r", "100", "-t", "1s",
        "--base-start", f"{start} 0.02", "--head-start", f"{start} 0.1",
        "--rounds", "2", "--folder", "turns", "--json", "ab.json", "--tolerance", "10%",
        *(["--in-turns"] if how == "in turns" else []),
    )  # fmt: skip
    assert done.code == 3, done.text
    names = [path.stem for path in sorted((shell.folder / "turns").glob("*.db"))]
    warm_ups = {"side by side": ["00-warm-up-base", "00-warm-up-head"], "in turns": ["00-warm-up"]}[how]
    counted = [f"{number:02}-{side}" for number, side in enumerate(["base", "head", "head", "base"] * 2, 1)]
    assert [name for name in names if name.count("-") == 1 or "warm" in name] == [*warm_ups, *counted]
    stored = json.loads((shell.folder / "ab.json").read_text())
    assert stored["change"] == "REGRESSED"
    assert stored["notes"][0].startswith(f"2 of 2 rounds, {how}")
    (p50,) = (row for row in stored["rows"] if row["statistic"] == "p50")
    assert 2 < p50["ratio"] < 6
    assert not answers(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        ([], ["how do base and head differ?"]),
        (["--base-start", "x"], ["--head-start is missing"]),
        (
            ["--head-target", "http://127.0.0.1:1", "--target", "http://127.0.0.1:1", "--base-start", "x"],
            ["--head-start is missing", "--base-target is missing"],
        ),
        (
            ["--head-target", "http://127.0.0.1:1", "--base-target", "http://127.0.0.1:1"],
            ["--head-target: base and head are the same URL"],
        ),
        (
            ["--base-start", "x", "--head-start", "y", "--ready-timeout", "5"],
            ["--ready-timeout: '5' is not a duration"],
        ),
    ],
)
def test_sides_that_are_not_told_apart_are_2(here: Here, words: list[str], errors: list[str]) -> None:
    """Before anything is started."""
    done = here("ab", "locustfile.py", "-u", "1", "-t", "1s", *words)
    assert (done.code, done.errors()) == (2, errors)


def test_what_answers_already_would_be_measured_instead(shell: Shell, here: Here) -> None:
    """So it is an error, and nothing is started."""
    done = here("ab", "locustfile.py", "--target", shell.stub.url, "-u", "1", "-t", "1s",
                 "--base-start", "touch started", "--head-start", "touch started")  # fmt: skip
    assert done.code == 2, done.text
    assert "something answers already" in done.errors()[0]
    assert not (shell.folder / "started").exists()


@pytest.mark.parametrize("manner", ["", "stubborn"])
def test_a_service_ends_with_all_that_it_started(tmp_path: Path, manner: str) -> None:
    """Also one that takes no notice of SIGINT, and also when there is an exception."""
    program = tmp_path / "server.py"
    program.write_text(SERVER)
    port = free_port()
    started: set[psutil.Process] = set()
    others = set(psutil.Process().children(recursive=True))
    command = f"sh -c '{sys.executable} {program} {port} 0 {manner} & wait'"

    def serve() -> None:
        with StartedService(command, tmp_path / "log", "--base-start") as service:
            service.wait_until_ready(f"http://127.0.0.1:{port}/", 30)
            started.update(set(psutil.Process().children(recursive=True)) - others)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve()
    assert len(started) >= 2
    wait_until(lambda: all_gone(started), 60)
    assert (tmp_path / "log").read_text().startswith("serving")


def test_a_service_that_ends_says_its_last_words(tmp_path: Path) -> None:
    """One error, with what it printed; so does one that cannot be started."""
    for command, said in (
        ("sh -c 'echo no database; exit 3'", "no database"),
        ("no-such-program", "cannot start"),
    ):
        log = tmp_path / f"{said}.log"
        with (
            pytest.raises(TargetError, match=f"ended before it was ready.*{said}"),
            StartedService(command, log, "--base-start") as service,
        ):
            service.wait_until_ready("http://127.0.0.1:1/", 30)
    with pytest.raises(ConfigError, match="No closing quotation"):
        StartedService("sh -c 'x", tmp_path / "x", "--base-start")
