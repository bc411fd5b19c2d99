"""A small service whose truth is known: it counts what arrives, by path."""

from __future__ import annotations

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PAGE = (
    b"<html><head><link rel=stylesheet href=/s.css></head>"
    b"<body><img src=/i.png><img src=/i.png></body></html>"
)
LIST = (
    b"<html><head><title>Shop</title></head><body><a href=/item/1/a>a</a><a href=/item/2/b>b</a>"
    b"<input type=hidden name=token value=tok-42></body></html>"
)
PLAIN: dict[str, tuple[int, dict[str, str], bytes]] = {
    "login": (200, {"Set-Cookie": "session=1; Path=/"}, b"ok"),
    "json": (200, {"Content-Type": "application/json"}, b'{"id": 7, "word": "lamp"}'),
    "items": (
        200,
        {"Content-Type": "application/json"},
        b'{"id": 7, "items": [{"id": 1}, {"id": 2}, {"id": 3}]}',
    ),
    "xml": (200, {"Content-Type": "text/xml"}, b"<r><a id='1'>x</a><a id='2'>y</a></r>"),
    "cached": (200, {"Cache-Control": "max-age=600"}, b"for long"),
    "list": (200, {"Content-Type": "text/html"}, LIST),
    "page": (200, {"Content-Type": "text/html"}, PAGE),
}


class Shop:
    """From `with` to its end. `arrived` has the requests by path without query, as they came in."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()
        self.authorization: list[str] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                shop.arrived[path] += 1
                shop.authorization.append(self.headers.get("Authorization", ""))
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, body = answer(path, self.headers.get("Cookie", ""))
                if path == "/echo":
                    body = sent
                if path == "/basic" and not self.headers.get("Authorization"):
                    status, headers = 401, {"WWW-Authenticate": 'Basic realm="shop"'}
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
            setattr(Handler, f"do_{method}", Handler.do_GET)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_: Any) -> None:
                """A client that was killed leaves as it can."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def total(self) -> int:
        return self.arrived.total()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def answer(path: str, cookie: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a path."""
    name, _, rest = path.strip("/").partition("/")
    match name:
        case "cookie":
            return 200, {}, b"yes" if "session=1" in cookie else b"no"
        case "redirect" if int(rest):
            return 302, {"Location": f"/redirect/{int(rest) - 1}"}, b""
        case "status":
            return int(rest), {}, b"no"
        case "ms":
            time.sleep(int(rest) / 1e3)
    return PLAIN.get(name, (200, {}, b"ok"))
