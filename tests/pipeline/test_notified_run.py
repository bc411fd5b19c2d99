"""A whole run tells its receiver, and keeps the address to itself."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "T0SECRETB0SECRET"
SCENARIO = """
from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(0.1)

    @task
    def page(self):
        self.client.get("/")
"""


def test_a_run_that_failed_is_told_after_the_load_and_the_address_is_kept_nowhere(tmp_path: Path) -> None:
    """One message, when no request comes any more; run file, report and screen do not know where to."""
    heard: list[tuple[str, bytes]] = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(("GET", b""))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        (tmp_path / "locustfile.py").write_text(SCENARIO)
        (tmp_path / "loadproof.yaml").write_text(
            f"target: {url}\nnotify: [{{url: '{url}/{SECRET}'}}]\n"
            "requirements: {throughput: {target_rps: 100000}}\n"
        )
        words = ["run", "locustfile.py", "--users", "2", "--run-time", "4s"]
        done = subprocess.run(
            [sys.executable, "-m", "loadproof", *words],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        server.shutdown()
    assert [path for path, _ in heard if path != "GET"] == [f"/{SECRET}"], done.stdout + done.stderr
    assert heard[-1][0] == f"/{SECRET}"
    assert json.loads(heard[-1][1])["exit_code"] == done.returncode
    kept = [path.read_bytes() for path in (tmp_path / ".loadproof").rglob("*") if path.is_file()]
    assert len(kept) >= 2
    assert not any(SECRET.encode() in content for content in [*kept, (done.stdout + done.stderr).encode()])
