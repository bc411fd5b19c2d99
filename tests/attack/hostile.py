"""A server that answers in every wrong way: no client crashes, hangs or loses count of what it asked for."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from loadproof.errors import RunFileError
from loadproof.model import EventKind
from loadproof.runfile.reader import read_run
from tests.attack.table import Row
from tests.engines.locust.session.answers import answer
from tests.engines.locust.session.rows import ROWS
from tests.engines.locust.session.scripted_server import Reply, act
from tests.socket_server import SocketServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_OK = b"HTTP/1.1 200 OK\r\n"
_FINE = "200 OK"
_LONGEST_S = 90.0
_ENDLESS_S = 60.0
_JUDGED = (0, 4)
"""Exit codes of a run that ended with a verdict."""

LOCUSTFILE = """
import json
from locust import FastHttpUser, HttpUser, constant, task
from locust.exception import StopUser

KINDS = list(enumerate(json.load(open("kinds.json"))))

class Asker(%s):
    wait_time = constant(0)
    %s
    @task
    def ask(self):
        if not KINDS:
            raise StopUser
        number, name = KINDS.pop()
        self.client.get(f"/{number}", name=name%s)
"""
SCRIPT = """
import http from "k6/http";
import exec from "k6/execution";

const kinds = JSON.parse(open("kinds.json"));
export const options = {
  scenarios: {
    all: {
      executor: "shared-iterations", maxDuration: "20s",
      vus: Math.min(20, kinds.length), iterations: kinds.length,
    },
  },
};

export default function () {
  const number = exec.scenario.iterationInTest;
  http.get(`${__ENV.BASE}/${number}`, {timeout: "2s", tags: {name: kinds[number]}});
}
"""
CLIENTS = {
    "HttpUser": LOCUSTFILE % ("HttpUser", "", ", timeout=2"),
    "FastHttpUser": LOCUSTFILE % ("FastHttpUser", "network_timeout = 2\n", ""),
    "k6": SCRIPT,
}
HTTP2 = {"HttpUser, HTTP/2": LOCUSTFILE % ("HttpUser", "http2 = True\n", ", timeout=2")}


def endless(first: bytes, again: bytes, pause_s: float = 0.0) -> Callable[[socket.socket], None]:
    """Sends `again` for ever, that is until the client goes or a minute is over, each after a pause."""

    def send(connection: socket.socket) -> None:
        connection.sendall(first)
        until_s = time.monotonic() + _ENDLESS_S
        while time.monotonic() < until_s:
            connection.sendall(again)
            time.sleep(pause_s)

    return send


def _endless_kinds() -> dict[str, Callable[[socket.socket], None]]:
    return {
        "endless head": endless(_OK, b"X-A: " + b"a" * 1000 + b"\r\n"),
        "endless header line": endless(_OK + b"X-A: ", b"a" * 1000),
        "endless status line": endless(b"HTTP/1.1 200 ", b"O" * 1000),
        "endless interim answers": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
        "endless early hints": endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0.001),
        "endless drip": endless(_OK + b"Content-Length: 1000000\r\n\r\n", b"a", 0.1),
        "endless chunks": endless(_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", 0.01),
        "endless trailers": endless(_OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: 1\r\n", 0.001),
    }


def kinds() -> dict[str, Reply | Callable[[socket.socket], None]]:
    """Each kind of answer by its name: those of the table of replies, and what nobody sends by mistake."""
    found: dict[str, Any] = {
        **_endless_kinds(),
        "bomb of gzip": [answer(gzip.compress(b"\0" * 300_000_000, 1), _FINE, "Content-Encoding: gzip")],
        "bomb of gzip, twice": [
            answer(gzip.compress(gzip.compress(b"\0" * 100_000_000)), _FINE, "Content-Encoding: gzip, gzip")
        ],
        "a hundred codings": [answer(b"a", _FINE, "Content-Encoding: " + "gzip," * 100)],
        "length beyond 64 bits": [_OK + b"Content-Length: 99999999999999999999999\r\n\r\na", "close"],
        "chunk beyond 64 bits": [_OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\na", "close"],
        "ten thousand cookies": [answer(b"ok", _FINE, *(f"Set-Cookie: c{n}=1" for n in range(10_000)))],
        "a cookie of a megabyte": [answer(b"ok", _FINE, "Set-Cookie: c=" + "a" * 1_000_000)],
        "a cookie for all": [answer(b"ok", _FINE, "Set-Cookie: a=1; Domain=.; Path=../..; Max-Age=-1e99")],
        "a date that is none": [
            answer(b"ok", _FINE, "Set-Cookie: a=1; Expires=Thu, 99 Foo 99999 99:99:99 GMT")
        ],
        "location of itself": [b"HTTP/1.1 302 Found\r\nLocation: ?\r\nContent-Length: 0\r\n\r\n"],
        "location with a line end": [
            b"HTTP/1.1 302 Found\r\nLocation: /\r\x0bX: 1\r\nContent-Length: 0\r\n\r\n"
        ],
        "location of a file": [
            b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"
        ],
        "location without a port": [
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:99999/\r\nContent-Length: 0\r\n\r\n"
        ],
        "location in brackets": [b"HTTP/1.1 302 Found\r\nLocation: http://[::/\r\nContent-Length: 0\r\n\r\n"],
        "location of bytes": [
            b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe/\xc3\x28\r\nContent-Length: 0\r\n\r\n"
        ],
        "location of a megabyte": [
            b"HTTP/1.1 302 Found\r\nLocation: /" + b"a" * 1_000_000 + b"\r\nContent-Length: 0\r\n\r\n"
        ],
        "another protocol": [
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello", "close"
        ],
        "settings of HTTP/2": [b"\0\0\0\4\0\0\0\0\0", "close"],
        "going away of HTTP/2": [b"\0\0\0\4\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0", "close"],
        "an alert of TLS": [b"\x15\x03\x03\0\x02\x02\x28", "close"],
        "ssh": [b"SSH-2.0-OpenSSH_9.2\r\n", "close"],
        "smtp": [b"220 mail ESMTP\r\n", "hold"],
        "zeros": [b"\0" * 100_000, "close"],
        "a status below zero": [b"HTTP/1.1 -1 No\r\nContent-Length: 0\r\n\r\n"],
        "a status of a thousand digits": [b"HTTP/1.1 " + b"2" * 1000 + b" No\r\nContent-Length: 0\r\n\r\n"],
        "http 9": [b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok"],
        "a charset that is none": [answer(b"\xff\xfe", _FINE, 'Content-Type: text/html; charset="\0\xff"')],
        "deep json": [answer(b"[" * 100_000, _FINE, "Content-Type: application/json")],
        "escape sequences": [answer(b"\x1b]0;hacked\x07\x1b[2J::error::x", _FINE, "X-\x1b: \x1b[31m")],
        "a second answer unasked": [answer(b"ok") * 2],
    }  # fmt: skip
    replies = {tuple(reply) for reply in found.values() if isinstance(reply, list)}
    for row in ROWS:
        for number, reply in enumerate(itertools.chain.from_iterable(row.script())):
            if tuple(reply) not in replies:
                replies.add(tuple(reply))
                found[f"{row.name}, {number}"] = reply
    return found


class HostileServer(SocketServer):
    """GET /7 is answered by the seventh kind, anything else well. `asked` counts what came, by number."""

    def __init__(self, replies: list[Any]) -> None:
        self._replies = replies
        self.asked: Counter[int] = Counter()

    def serve(self, connection: socket.socket) -> None:
        """Until a reply ends the connection, or the client goes, as it should."""
        connection.settimeout(_ENDLESS_S)
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                if not (more := connection.recv(65536)):
                    return
                received += more
            head, _, received = received.partition(b"\r\n\r\n")
            path = head.split(b" ")[1].lstrip(b"/")
            reply: Any = [answer(b"ok")]
            if path.isdigit():
                self.asked[int(path)] += 1
                reply = self._replies[int(path)]
            if callable(reply):
                reply(connection)
                return
            if not act(connection, reply):
                return


def attack_clients(
    folder: Path,
    chosen: dict[str, Any],
    only: tuple[str, ...] = (),
    *,
    server: type[HostileServer] = HostileServer,
    clients: Mapping[str, str] = CLIENTS,
) -> Iterator[Row]:
    """Each of the chosen kinds, asked for once by each client; a row for each client."""
    for client, scenario in clients.items():
        if only and client not in only:
            continue
        place = folder / client.replace(" ", "-").replace("/", "")
        place.mkdir(parents=True)
        row = Row(f"{len(chosen)} hostile answers: {client}", tries=len(chosen))
        row.lost = list(_ask_all(place, scenario, chosen, server))
        yield row


def _ask_all(folder: Path, scenario: str, chosen: dict[str, Any], kind: type[HostileServer]) -> Iterator[str]:
    """What was lost."""
    names = [f"GET {name}" for name in chosen]
    (folder / "kinds.json").write_text(json.dumps(list(chosen)))
    k6 = scenario is SCRIPT
    file = folder / ("script.js" if k6 else "locustfile.py")
    file.write_text(scenario)
    with kind(list(chosen.values())) as server:
        load = ("--env", f"BASE={server.url}") if k6 else ("-u", "20", "-r", "100", "-t", "20s")
        words = ("run", file.name, "--target", server.url, "--routes", "off", "--run-file", "run.db", *load)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "loadproof", *words], cwd=folder, text=True, timeout=_LONGEST_S,
                capture_output=True, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            yield f"it still ran after {_LONGEST_S:.0f} s"
            return
        asked = server.asked.copy()
    said = done.stdout + done.stderr
    if done.returncode not in _JUDGED:
        yield f"exit code {done.returncode}: {said[-600:]}"
    if "\x1b]0;" in said or "\n::error::" in said:
        yield "the server's control characters came to the terminal"
    try:
        run = read_run(folder / "run.db")
    except RunFileError as error:
        yield f"exit code {done.returncode}, and no run: {error}; {said[-600:]}"
        return
    told = Counter[str]()
    for part in run.slices:
        told[f"{part.endpoint.method} {part.endpoint.name}"] += part.requests
    # An iteration of k6 that raises, as for a change of the protocol, may have told of no request.
    told_of = (EventKind.IN_FLIGHT, EventKind.SCENARIO_ERROR) if k6 else (EventKind.IN_FLIGHT,)
    counts: list[Any] = [event.data["count"] for event in run.events if event.kind in told_of]
    untimed = sum(counts)
    missing = [name for number, name in enumerate(names) if asked[number] and not told[name]]
    if len(missing) > untimed:
        yield f"asked for and in no count: {missing[untimed:][:10]}"
    # A request on a connection whose last answer left the server waiting is sent, and read by nobody.
    unasked = [name for number, name in enumerate(names) if not asked[number] and not told[name]]
    if unasked:
        yield f"not asked for: {unasked[:10]}"
    # k6 counts each hop of a redirect.
    if not k6 and (twice := [name for name, count in told.items() if count > 1]):
        yield f"counted more than once: {twice[:10]}"
