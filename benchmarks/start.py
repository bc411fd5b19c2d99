"""How long a run takes that has next to nothing to do: from Enter to the first request, and to the end.

    python -m benchmarks.start [N]

One user for one second against a server of its own in this process, N times each (5 if not given), in turns:
Locust by itself and `loadproof run`. Prints medians in seconds: to the first request of the load, the whole,
and from the last request to the end. Then what `--version`, `--help` and `check` take.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_LOCUSTFILE = """
from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(0.1)

    @task
    def visit(self):
        self.client.get("/load")
"""
_BIN = Path(sys.executable).parent
_LIMIT_S = 60.0
_ENV = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""What pip installs is compiled; a checkout is by its first run, which does not count."""


@dataclass
class Seen:
    """When the load's requests came."""

    times_s: list[float] = field(default_factory=list)


def _server(seen: Seen) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/load":
                seen.times_s.append(time.monotonic())
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A load that ends resets its connections."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _took_s(argv: list[str], folder: Path) -> tuple[float, float]:
    """When it began, on the monotonic clock, and how long it took."""
    began_s = time.monotonic()
    done = subprocess.run(
        argv, cwd=folder, env=_ENV, capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    took_s = time.monotonic() - began_s
    if done.returncode not in (0, 4):  # 4: nothing is required, and a second is too short
        sys.exit(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stderr}")
    return began_s, took_s


def main() -> None:
    """Print the medians."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seen = Seen()
    server = _server(seen)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "locustfile.py").write_text(_LOCUSTFILE)
        load = ["--host", url, "--users", "1", "--spawn-rate", "1", "--run-time", "1s"]
        commands = {
            "locust": [str(_BIN / "locust"), "-f", "locustfile.py", "--headless", "--only-summary", *load],
            "loadproof run": [str(_BIN / "loadproof"), "run", "locustfile.py", *load],
        }
        figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
        for number in range(repeats + 1):
            for called, argv in commands.items():
                seen.times_s.clear()
                began_s, took_s = _took_s(argv, folder)
                if not seen.times_s:
                    sys.exit(f"{called}: no request came")
                first_s, last_s = seen.times_s[0] - began_s, seen.times_s[-1] - began_s
                if number:
                    figures[called].append((first_s, took_s, took_s - last_s))
        print(f"{'':<16}{'first request':>14}{'whole':>8}{'after the last':>16}")
        for called, rows in figures.items():
            first_s, took_s, after_s = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"{called:<16}{first_s:>14.2f}{took_s:>8.2f}{after_s:>16.2f}")
        for word in (["--version"], ["--help"], ["run", "--help"], ["check", "locustfile.py", *load]):
            times_s = [_took_s([str(_BIN / "loadproof"), *word], folder)[1] for _ in range(repeats)]
            called = f"loadproof {word[0]}" + (" --help" if word[-1] == "--help" and word[1:] else "")
            print(f"{called:<20}{statistics.median(times_s):>18.2f}")
    server.shutdown()


if __name__ == "__main__":
    main()
