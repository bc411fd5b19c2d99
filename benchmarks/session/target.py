"""The target: nginx with one worker on one core, answering with small JSON: plain, over TLS, by HTTP/2."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONFIG = """
worker_processes 1; daemon off; error_log stderr crit; pid {folder}/pid;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; default_type application/json;
  server {{
    listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl; listen 127.0.0.1:{h2_port} ssl http2;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    location / {{ return 200 '{{"ok": true, "id": 42, "name": "load"}}'; }}
  }}
}}
"""


@dataclass(frozen=True)
class Target:
    """Where nginx listens, and the certificate that it shows."""

    url: str
    tls_url: str
    h2_url: str
    certificate: Path


@contextlib.contextmanager
def nginx(core: int) -> Iterator[Target]:
    """Run nginx, pinned to `core`, until the block ends."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        port, tls_port, h2_port = free_port(), free_port(), free_port()
        certificate = folder / "cert.pem"
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-nodes",
                ),
                *("-keyout", str(folder / "key.pem"), "-out", str(certificate), "-days", "2"),
                *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            ],
            check=True,
            capture_output=True,
        )
        config = folder / "nginx.conf"
        config.write_text(_CONFIG.format(folder=folder, port=port, tls_port=tls_port, h2_port=h2_port))
        argv = ["nginx", "-p", name, "-c", str(config)]
        process = subprocess.Popen(argv, preexec_fn=lambda: os.sched_setaffinity(0, {core}))  # noqa: PLW1509  # no threads yet
        try:
            wait_for(port, process)
            urls = (
                f"http://127.0.0.1:{port}",
                f"https://localhost:{tls_port}",
                f"https://localhost:{h2_port}",
            )
            yield Target(*urls, certificate)
        finally:
            process.terminate()
            process.wait(timeout=10)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until nginx answers. Raises RuntimeError when it does not within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError("nginx does not answer")
