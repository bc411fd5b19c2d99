"""Production that was typed is loaded by all that loads: no second ever has more requests than the cap."""

from __future__ import annotations

import subprocess
import sys
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.attack.table import Row
from tests.engines.jmeter.conftest import PLANS
from tests.engines.locust.session.http2_server import Http2Server
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CAP = 100
_LONGEST_S = 240.0
_ENOUGH = 60
"""Requests without which nothing was tried."""
_HELD = 7
HAMMER = """
import gevent.monkey; gevent.monkey.patch_all()
from locust import {base}, constant, task

class Hammer({base}):
    wait_time = constant(0)
    {own}

    @task
    def hit(self):
        {hit}
"""
GET = 'self.client.get("/loans")'
ASKS: dict[str, str] = {
    "urllib": 'import urllib.request; urllib.request.urlopen("{url}/loans").read()',
    "httpx": """
        import httpx
        self.kept = getattr(self, "kept", None) or httpx.Client(base_url="{url}")
        self.kept.get("/loans")""",
    "http.client kept alive": """
        import http.client
        kept = getattr(self, "kept", None) or http.client.HTTPConnection("127.0.0.1", {port})
        self.kept = kept
        kept.request("GET", "/loans"); kept.getresponse().read()""",
    "plain sockets": """
        import socket
        with socket.create_connection(("127.0.0.1", {port})) as one:
            one.sendall(b"GET /loans HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
            one.recv(1000)""",
    "writev": """
        import os, socket
        one = getattr(self, "one", None) or socket.create_connection(("127.0.0.1", {port}))
        self.one = one
        os.writev(one.fileno(), [b"GET /loans HTTP/1.1\\r\\n", b"Host: x\\r\\n\\r\\n"])
        one.recv(1000)""",
    "curl": 'import subprocess; subprocess.run(["curl", "-s", "-o", "/dev/null", "{url}/[1-50]"])',
    "a thread pool": """
        import concurrent.futures, urllib.request
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: urllib.request.urlopen("{url}/loans").read(), range(20)))""",
}
K6 = {
    "k6": "http.get(`${__ENV.BASE}/loans`)",
    "k6, batches": "http.batch(Array(20).fill(['GET', `${__ENV.BASE}/loans`]))",
    "k6, bodies": "http.post(`${__ENV.BASE}/loans`, 'x'.repeat(3000))",
    "k6, new connections": "http.get(`${__ENV.BASE}/loans`)",
}
SCRIPT = """
import http from 'k6/http';
export const options = {{ vus: 5, duration: '50s', noConnectionReuse: {fresh}, batch: 20, batchPerHost: 20 }};
export default function () {{ {hit}; }}
"""


def kinds() -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """File, text, and further words, by name."""

    def locust(base: str, hit: str = GET, own: str = "", *words: str) -> tuple[str, str, tuple[str, ...]]:
        text = HAMMER.replace("{base}", base).replace("{hit}", hit.lstrip()).replace("{own}", own)
        return "locustfile.py", text, words

    found = {
        "HttpUser": locust("HttpUser"),
        "FastHttpUser": locust("FastHttpUser"),
        "HttpUser, Locust's own session": locust("HttpUser", GET, "", "--session", "locust"),
        "FastHttpUser, Locust's own session": locust("FastHttpUser", GET, "", "--session", "locust"),
        "HttpUser, HTTP/2": locust("HttpUser", GET, "", "--session", "http2"),
        "HttpUser, bodies": locust("HttpUser", 'self.client.post("/loans", data="x" * 3000)'),
        "HttpUser, two processes": locust("HttpUser", GET, "", "--processes", "2"),
        "FastHttpUser, two processes": locust("FastHttpUser", GET, "", "--processes", "2"),
        "HttpUser, arrivals of 30": locust("HttpUser", f"for _ in range(30): {GET}", "", "--rate", "10/s"),
        "FastHttpUser, arrivals of 30": locust(
            "FastHttpUser", f"for _ in range(30): {GET}", "", "--rate", "10/s"
        ),
        "FastHttpUser, steps": locust("FastHttpUser", GET, "", "--stage", "0s:2", "--stage", "50s:8"),
    }
    found |= {name: locust("User", hit) for name, hit in ASKS.items()}
    for name, hit in K6.items():
        fresh = "true" if "new" in name else "false"
        found[name] = ("script.js", SCRIPT.format(fresh=fresh, hit=hit), ())
    plan = (PLANS / "steady.jmx").read_text()
    return found | {
        "JMeter": ("plan.jmx", plan, ()),
        "JMeter without pauses": ("plan.jmx", plan.replace(">20<", ">0<"), ()),
    }


def attack(folder: Path, beside: int) -> Iterator[Row]:
    """One row: each kind once."""
    chosen = kinds()
    row = Row(f"production's cap of {CAP} in any second: {len(chosen)} kinds of load")

    def load(name: str) -> list[str]:
        return [f"{name}: {text}" for text in _load(folder / name.replace(" ", "-"), name, *chosen[name])]

    with ThreadPoolExecutor(beside) as pool:
        for lost in pool.map(load, chosen):
            row.tried(*lost)
    yield row


def most_in_any_second(times_s: list[float]) -> int:
    """The greatest number of arrivals in any window of a second, wherever it begins."""
    times_s = sorted(times_s)
    return max((bisect_left(times_s, begin + 1.0) - at for at, begin in enumerate(times_s)), default=0)


def _load(folder: Path, name: str, file: str, text: str, more: tuple[str, ...]) -> Iterator[str]:
    folder.mkdir(parents=True)
    (folder / "loadproof.yaml").write_text("production: [127.0.0.1]\n")
    with Http2Server() if "HTTP/2" in name else StubServer() as server:
        port = server.url.rpartition(":")[2]
        (folder / file).write_text(text.replace("{url}", server.url).replace("{port}", port))
        load: tuple[str, ...] = ("-u", "5", "-r", "5", "-t", "50s")
        if "--rate" in more:
            load = ("-t", "50s")
        elif "--stage" in more:
            load = ()
        elif file == "script.js":
            load = ("--env", f"BASE={server.url}")
        words = ("run", file, "--target", server.url, "--allow-production", "127.0.0.1", *load, *more)
        done = subprocess.run(
            [sys.executable, "-m", "loadproof", *words, "--run-file", "run.db"], cwd=folder, text=True,
            timeout=_LONGEST_S, capture_output=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        arrived_s = server.seen_s if isinstance(server, Http2Server) else server.arrived_s
    most = most_in_any_second(arrived_s)
    print(f"{name}: {len(arrived_s)} requests, at most {most} in a second", flush=True)
    if most > CAP:
        yield f"{most} in a second"
    if len(arrived_s) < _ENOUGH:
        yield f"only {len(arrived_s)} requests: {(done.stdout + done.stderr)[-600:]!r}"
    if done.returncode != _HELD:
        yield f"exit code {done.returncode}: {(done.stdout + done.stderr)[-600:]!r}"
