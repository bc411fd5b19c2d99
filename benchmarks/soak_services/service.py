"""A service in CPython that is healthy or leaks in one way: `python service.py PORT WAY`.

Healthy: `plain`; `cache` (4,500 entries of 4 KiB, then the oldest goes); `memo` (4,000 entries, by chance).
Leaking: `memory` (2 KiB of each request), `descriptors` (a file of each fortieth), `threads` (one of each
fiftieth), `connections` (an outgoing TCP connection of each fortieth), `scanned` (a list that each request
lengthens by ten and reads whole), `late` (memory, from the 6,000th request on), `stairs` (1.5 MB of each
1,500th), `postgres` (a session of each 300th; healthy with `postgres-pool`), to the server of
DATABASE_URL.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CACHE, MEMO, ENTRY_BYTES = 4_500, 4_000, 4_096


class Service:
    """What the requests have in common, and the one thing that each does beside its answer."""

    def __init__(self, way: str) -> None:
        self.lock = threading.Lock()
        self.requests = 0
        self.way = way
        self.kept: list[Any] = []
        self.cache: OrderedDict[int, bytes] = OrderedDict()
        self.other = socket.socket()
        if way == "connections":
            self.other.bind(("127.0.0.1", 0))
            self.other.listen(128)
            if os.fork() == 0:
                self.accept_until_the_parent_ends()
        if way.startswith("postgres"):
            self.kept.append(self.session())

    def session(self) -> Any:
        import psycopg  # only this way needs it

        return psycopg.connect(os.environ["DATABASE_URL"])

    def accept_until_the_parent_ends(self) -> None:
        parent, accepted = os.getppid(), []
        self.other.settimeout(1.0)
        while os.getppid() == parent:
            try:
                accepted.append(self.other.accept()[0])
            except TimeoutError:
                continue
        os._exit(0)

    def work(self) -> None:
        with self.lock:
            self.requests += 1
            number = self.requests
        _garbage = [bytes(1_000) for _ in range(100)]
        with self.lock:
            self.beside(number)

    def beside(self, number: int) -> None:  # noqa: PLR0912  # a table of ways
        match self.way:
            case "cache":
                self.cache[number] = os.urandom(ENTRY_BYTES)
                if len(self.cache) > CACHE:
                    self.cache.popitem(last=False)
            case "memo":
                self.cache[random.randrange(MEMO)] = os.urandom(ENTRY_BYTES)
            case "memory":
                self.kept.append(os.urandom(2_048))
            case "late" if number > 6_000:
                self.kept.append(os.urandom(2_048))
            case "stairs" if number % 1_500 == 0:
                self.kept.append(os.urandom(1_500_000))
            case "descriptors" if number % 40 == 0:
                self.kept.append(open(os.devnull))  # noqa: PTH123, SIM115  # kept open: it is the leak
            case "threads" if number % 50 == 0:
                threading.Thread(target=threading.Event().wait, daemon=True).start()
            case "connections" if number % 40 == 0:
                self.kept.append(socket.create_connection(self.other.getsockname()))
            case "scanned":
                self.kept.extend([7] * 10)
                sum(value == 8 for value in self.kept)
            case "postgres" if number % 300 == 0:
                self.kept.append(self.session())
            case "postgres" | "postgres-pool":
                self.kept[0].execute("select 1")
                self.kept[0].rollback()
            case _:
                pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: Service

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Nothing."""

    def do_GET(self) -> None:
        found = not self.path.startswith("/metrics")
        if found:
            self.service.work()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    Handler.service = Service(sys.argv[2])
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
