"""The server of `--live`: one page, its events, its Stop button; for whoever has the token in the address.

Python's own http.server: no further dependency for a handful of viewers, each in a thread that sleeps but
for one write a second. A viewer that does not read is dropped, and never waited for.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from loadproof.errors import ConfigError, Problem

LOOPBACK: Final = "127.0.0.1"
_MOST_VIEWERS: Final = 32
_BACKLOG: Final = 60
"""Messages, about as many seconds, that a viewer may be behind."""
_BEAT_S: Final = 2.0
"""A viewer that hears nothing for longer says so."""
_WRITE_S: Final = 10.0
_LAST_WORDS_S: Final = 2.0
_AGAIN_S: Final = 4.0
_LONGEST_NUMBER: Final = 9
"""Digits, of a number of users."""
_OURS: Final = frozenset({LOOPBACK, "localhost", "::1"})
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class LiveServer:
    """Serves `page` until it is given a report, then that; `whole` is told first to each viewer.

    `stop` is called for each press of the button, `steer` with each load from 1 to `most_by_hand` (users,
    or arrivals per second) that somebody asks for, and says whether it was passed on.

    Raises ConfigError when it cannot listen there.
    """

    def __init__(
        self, page: bytes, whole: Callable[[], bytes], address: tuple[str, int], most_by_hand: int = 0
    ) -> None:
        self.stop: Callable[[], object] = lambda: None
        self.steer: Callable[[int], bool] = lambda _level: False
        self._most_by_hand = most_by_hand
        self._page = page
        self._whole = whole
        self._bound = address[0]
        self._token = secrets.token_urlsafe(16)
        self._lock = threading.Lock()
        self._viewers: set[queue.Queue[bytes | None]] = set()
        self._changed = threading.Condition(self._lock)
        self._left_s: list[float] = []
        """When viewers went; whoever lost the connection comes again in a moment."""
        self._reports = 0
        """How often the report was fetched."""
        self._report: bytes | None = None
        try:
            self._server = ThreadingHTTPServer(address, partial(_Handler, self))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = f"cannot serve the live page on {address[0]}:{address[1]}: {reason}"
            hint = "--live alone takes a free port of this machine"
            raise ConfigError(Problem(message, "--live-at", hint)) from None
        self._server.daemon_threads = True
        host = LOOPBACK if self._bound in {"", "0.0.0.0"} else self._bound  # noqa: S104  # told, not bound
        self.url = f"http://{host}:{self._server.server_address[1]}/{self._token}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="live-page")
        self._thread.start()

    @property
    def viewers(self) -> int:
        """How many look."""
        return len(self._viewers)

    def send(self, kind: str, data: bytes = b"{}") -> None:
        """To all who look; never waits."""
        message = b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
        with self._lock:
            for viewer in list(self._viewers):
                try:
                    viewer.put_nowait(message)
                except queue.Full:
                    self._viewers.discard(viewer)

    def finish(self, report: bytes, patience_s: float) -> None:
        """From now on the page is this report; waits until all who look have it, as long as `patience_s`."""
        with self._lock:
            self._report = report
            now_s = time.monotonic()
            looking = len(self._viewers) + sum(now_s - left_s < _AGAIN_S for left_s in self._left_s)
        self.send("report")
        with self._changed:
            self._changed.wait_for(lambda: self._reports >= looking, patience_s)

    def close(self) -> None:
        """Say that nothing more comes, and end."""
        with self._changed:
            for viewer in self._viewers:
                with contextlib.suppress(queue.Full):
                    viewer.put_nowait(None)
            self._changed.wait_for(lambda: not self._viewers, _LAST_WORDS_S)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    # --- for the handler ---------------------------------------------------------------------------------

    def path_of(self, asked: str) -> str | None:
        """What is asked for behind the token; None when it is not the token."""
        token, slash, rest = urlsplit(asked).path.removeprefix("/").partition("/")
        known = hmac.compare_digest(token.encode(), self._token.encode())
        return rest if known and slash else None

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this server: a name that others let point here does not."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in _OURS or name == self._bound:
            return True
        if self._bound in _OURS:
            return False
        with contextlib.suppress(ValueError):
            return bool(ipaddress.ip_address(name))
        return name in {socket.gethostname(), socket.getfqdn()}

    def content(self) -> tuple[bytes, bool]:
        """The page, and whether it is the report."""
        with self._lock:
            return (self._page, False) if self._report is None else (self._report, True)

    def load_in(self, body: bytes) -> int | None:
        """The users or arrivals per second that a body asks for; None when they may not be asked for."""
        level = int(body) if body.isdigit() else 0
        return level if 1 <= level <= self._most_by_hand else None

    def told_report(self) -> None:
        """One viewer has it."""
        with self._changed:
            self._reports += 1
            self._changed.notify_all()

    def join(self) -> queue.Queue[bytes | None] | None:
        """A new viewer, whose first message is all there was; None when there are too many."""
        viewer: queue.Queue[bytes | None] = queue.Queue(_BACKLOG)
        with self._lock:
            if len(self._viewers) >= _MOST_VIEWERS:
                return None
            # What is new until it is made comes twice, which does no harm; without this it would be missed.
            self._viewers.add(viewer)
        return viewer

    def first_message(self) -> bytes:
        """All there was."""
        if self._report is not None:
            return b"event: report\ndata: {}\n\n"
        return b"event: news\ndata: " + self._whole() + b"\n\n"

    def leave(self, viewer: queue.Queue[bytes | None]) -> None:
        """It is gone."""
        with self._changed:
            self._viewers.discard(viewer)
            self._left_s = [*self._left_s[1 - _MOST_VIEWERS :], time.monotonic()]
            self._changed.notify_all()

    def is_in(self, viewer: queue.Queue[bytes | None]) -> bool:
        """Whether it is told what happens; not when it was too far behind."""
        with self._lock:
            return viewer in self._viewers


class _Handler(BaseHTTPRequestHandler):
    timeout = _WRITE_S

    def __init__(self, live: LiveServer, *connection: Any) -> None:
        self._live = live
        super().__init__(*connection)

    def do_GET(self) -> None:  # the library's name
        match self._asked():
            case "":
                content, is_report = self._live.content()
                self._answer(200, content, "text/html; charset=utf-8")
                if is_report:
                    self._live.told_report()
            case "events":
                self._follow()
            case str():
                self._answer(404, b"there is nothing here\n")

    def do_POST(self) -> None:  # the library's name
        match self._asked():
            case ("stop" | "load") as what:
                origin = self.headers.get("Origin")
                if origin is not None and not self._live.is_ours(urlsplit(origin).netloc):
                    self._answer(403, b"the button is on the page\n")
                elif what == "stop":
                    self._live.stop()
                    self._answer(202, b"the load ends\n")
                else:
                    self._change()
            case str():
                self._answer(404, b"there is nothing here\n")

    def _change(self) -> None:
        length = self.headers.get("Content-Length", "")
        small = length.isascii() and length.isdigit() and int(length) <= _LONGEST_NUMBER
        level = self._live.load_in(self.rfile.read(int(length))) if small else None
        if level is None:
            self._answer(400, b"this load takes no such number\n")
            return
        if self._live.steer(level):
            self._answer(202, b"the load changes\n")
        else:
            self._answer(409, b"nothing was changed: no load runs now that could be\n")

    def _asked(self) -> str | None:
        """The path behind the token; None when it was refused."""
        if not self._live.is_ours(self.headers.get("Host", "")):
            self._answer(403, b"this is not the name of this server\n")
            return None
        path = self._live.path_of(self.path)
        if path is None:
            self._answer(404, b"use the whole address that loadproof printed\n")
        return path

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self._head({"Content-Type": kind, "Content-Length": str(len(body))})
            self.wfile.write(body)

    def _head(self, headers: dict[str, str]) -> None:
        for name, value in (_HEADERS | headers).items():
            self.send_header(name, value)
        self.end_headers()

    def _follow(self) -> None:
        viewer = self._live.join()
        if viewer is None:
            self._answer(503, b"too many look at this page\n")
            return
        try:
            self.send_response(200)
            self._head({"Content-Type": "text/event-stream; charset=utf-8"})
            self.wfile.write(self._live.first_message())
            while self._live.is_in(viewer):
                try:
                    message = viewer.get(timeout=_BEAT_S)
                except queue.Empty:
                    message = b"event: beat\ndata: {}\n\n"
                if message is None:
                    return
                self.wfile.write(message)
        except OSError:
            return  # whoever looked is gone
        finally:
            self._live.leave(viewer)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the screen belongs to the run."""
