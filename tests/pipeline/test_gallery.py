"""The gallery of docs/examples.md: its files run as they are, against real servers, and are judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof import run_test
from loadproof.demo import DemoOptions, running
from tests.engines.locust.session.tls import client_ca, server_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.model import Report

EXAMPLES = Path(__file__).parents[2] / "examples"


class Streamer(BaseHTTPRequestHandler):
    """Three server-sent events at /stream, a page elsewhere."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for number in range(3):
            self.wfile.write(f"data: {number}\n\n".encode())
            self.wfile.flush()

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """On a free port; run files go into the test's own folder."""
    monkeypatch.chdir(tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), Streamer) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """The demo with a small database."""
    with running(DemoOptions(port=0, rows=2_000)) as service:
        yield service.base_url


def requests(report: Report) -> dict[str, tuple[int, int | None]]:
    """How many requests each endpoint had, and how many of them failed."""
    return {row.endpoint: (row.requests, row.failed) for row in report.endpoints if row.requests}


def test_users_of_a_csv_file_log_in_and_find_the_loan_that_they_made(
    demo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token of the login and the id of the loan go from answer to request."""
    monkeypatch.chdir(tmp_path)
    found = requests(
        run_test(EXAMPLES / "login_locustfile.py", target=demo, users=4, spawn_rate=10, run_time="6s")
    )
    assert set(found) >= {"POST apply", "GET loans"}
    assert {failed for _, failed in found.values()} == {0}


def test_first_and_last_event_of_a_stream_are_endpoints(server: ThreadingHTTPServer) -> None:
    """Of each answer both are told."""
    target = f"http://127.0.0.1:{server.server_address[1]}"
    found = requests(
        run_test(EXAMPLES / "streaming_locustfile.py", target=target, users=4, spawn_rate=10, run_time="5s")
    )
    assert {"SSE first event", "SSE first to last event", "GET /stream"} <= set(found)
    assert {failed for _, failed in found.values()} == {0}


def test_a_certificate_of_ones_own_authority_is_trusted(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request is answered over TLS that the system would not trust."""
    monkeypatch.setenv("SSL_CERT_FILE", client_ca())
    server.socket = server_context().wrap_socket(server.socket, server_side=True)
    target = f"https://127.0.0.1:{server.server_address[1]}"
    found = requests(
        run_test(
            EXAMPLES / "tls_locustfile.py",
            target=target, users=4, spawn_rate=10, run_time="5s",
        )
    )  # fmt: skip
    assert found["GET /"][0] > 0
    assert found["GET /"][1] == 0


def test_the_notebooks_cells_run_from_top_to_bottom(demo: str, tmp_path: Path) -> None:
    """As a script beside the locustfile; it ends with a report that opens, and its outputs are not kept."""
    cells = json.loads((EXAMPLES / "loadproof.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert not any(cell["outputs"] for cell in code)
    (tmp_path / "locustfile.py").write_text((EXAMPLES / "locustfile.py").read_text(encoding="utf-8"))
    script = "\n".join("".join(cell["source"]) for cell in code).replace('"30s"', '"10s"')
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TARGET": demo}, cwd=tmp_path,
        text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "GET /api/products" in done.stdout
    assert "required < 1ms" in done.stdout, done.stdout
    assert "Plotly" in (tmp_path / "report.html").read_text(encoding="utf-8")
