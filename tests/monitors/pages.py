"""A server of /metrics pages that can be made to misbehave."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class PageServer:
    """Answers every GET with `text` and `status`; while `blocked` is set it answers nothing."""

    def __init__(self, text: str | bytes = "") -> None:
        self.text = text
        self.status = 200
        self.location = ""
        """Where a redirect leads, if `status` is one."""
        self.open = threading.Event()
        self.open.set()
        self.asked = 0
        self.authorizations: list[str | None] = []
        """What each request had as its header of that name."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner.asked += 1
                owner.authorizations.append(self.headers["Authorization"])
                owner.open.wait(60)
                body = owner.text if isinstance(owner.text, bytes) else owner.text.encode()
                try:
                    self.send_response(owner.status)
                    self.send_header("Content-Type", "text/plain")
                    if owner.location:
                        self.send_header("Location", owner.location)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True  # the monitor has hung up, as it should

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.place = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.place}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)
