"""Limits that nobody publishes, and servers that are started as scripts: neighbours of the campaign's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.services import programs
from benchmarks.services.installing import go_program, python_packages
from benchmarks.services.plant_sources import visits
from benchmarks.services.plants import Plant
from benchmarks.services.started import Started, free_port, program, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

_AIOHTTP = """
import asyncio, sys, time
from aiohttp import web

ONE = asyncio.Lock()

async def compute(request):
    return web.Response(text=str(sum(i % 7 for i in range(600_000))))

async def blocked(request):
    time.sleep(0.03)
    return web.Response(text="slept")

async def locked(request):
    async with ONE:
        await asyncio.sleep(0.03)
    return web.Response(text="slept")

app = web.Application()
app.add_routes([web.get("/compute", compute), web.get("/blocked", blocked), web.get("/locked", locked)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""
_SLOW_TO_ACCEPT = """
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 5

    def get_request(self):
        time.sleep(0.02)
        return super().get_request()

Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
_UWSGI = """
import time

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.05)
    else:
        sum(i % 7 for i in range(600_000))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
"""
_GO = """
package main

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

var one sync.Mutex

func main() {
	http.HandleFunc("/locked", func(w http.ResponseWriter, r *http.Request) {
		one.Lock()
		defer one.Unlock()
		time.Sleep(25 * time.Millisecond)
		fmt.Fprint(w, "done")
	})
	http.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(1500 * time.Millisecond)
		fmt.Fprint(w, "done")
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
"""
_NODE = """
const kept = [];
for (let i = 0; i < 59 * 8; i++) kept.push(Array.from({ length: 16384 }, (_, k) => k + 0.5));
require('http').createServer((request, response) => {
  const rows = [kept.length];
  for (let i = 0; i < 3000; i++) rows.push({ i, name: 'row ' + i + request.url });
  response.end(JSON.stringify(rows).slice(0, 2000));
}).listen(Number(process.argv[2]), '127.0.0.1');
"""
_CLOSES = visits("/").replace('get("/")', 'get("/", headers={"Connection": "close"})')


def script(source: str, *packages: str) -> Callable[[ExitStack, Path], Started]:
    """`python app.py PORT`."""

    def start(stack: ExitStack, folder: Path) -> Started:
        site = python_packages(packages[0], *packages) if packages else folder
        (folder / "app.py").write_text(source)
        port = free_port()
        command = [sys.executable, "app.py", str(port)]
        return _listening(stack, command, folder, port, PYTHONPATH=str(site))

    return start


def uwsgi(*options: str) -> Callable[[ExitStack, Path], Started]:
    """uWSGI behind its own router."""

    def start(stack: ExitStack, folder: Path) -> Started:
        site = python_packages("uwsgi", "uwsgi")
        (folder / "app.py").write_text(_UWSGI)
        port = free_port()
        command = [
            str(site / "bin" / "uwsgi"), "--http", f"127.0.0.1:{port}", "--master", "--wsgi-file", "app.py",
            "--disable-logging", *options,
        ]  # fmt: skip
        return _listening(stack, command, folder, port, PYTHONPATH=str(site))

    return start


def go(descriptors: int = 1024) -> Callable[[ExitStack, Path], Started]:
    """A Go service that may have so many files open."""

    def start(stack: ExitStack, folder: Path) -> Started:
        built, port = go_program("locked", _GO), free_port()
        command = ["/bin/sh", "-c", f"ulimit -n {descriptors}; exec {built} {port}"]
        return _listening(stack, command, folder, port)

    return start


def node(stack: ExitStack, folder: Path) -> Started:
    """A Node process whose heap is nearly all in use."""
    (folder / "server.js").write_text(_NODE)
    port = free_port()
    command = [program("node"), "--max-old-space-size=64", "server.js", str(port)]
    return _listening(stack, command, folder, port)


def delaying(stack: ExitStack, folder: Path) -> Started:
    """nginx, which lets 40 requests a second through and has all others wait."""
    port = free_port()
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text("x" * 20_000)
    location = f"location / {{ root {folder}/www; limit_req zone=all burst=1000; }}"
    pid = programs.nginx(
        stack, folder, port, location, "limit_req_zone $binary_remote_addr zone=all:1m rate=40r/s;"
    )
    return Started(f"http://127.0.0.1:{port}", [pid])


def _listening(stack: ExitStack, command: list[str], folder: Path, port: int, **environment: str) -> Started:
    pid = stack.enter_context(running(command, folder, port, **environment))
    return Started(f"http://127.0.0.1:{port}", [pid])


_ONE = r"a lock, or a pool of one, inside .*"
PLANTS = tuple(
    Plant(name, start, scenario, truth, neighbour=True)
    for name, start, scenario, truth in (
        ("event-loop-script", script(_AIOHTTP, "aiohttp"), visits("/compute"), r"the event loop of python"),
        ("event-loop-script-blocked", script(_AIOHTTP, "aiohttp"), visits("/blocked"),
         r"the event loop of python"),
        ("asyncio-lock", script(_AIOHTTP, "aiohttp"), visits("/locked"), _ONE),
        ("go-mutex", go(), visits("/locked"), _ONE),
        ("descriptors", go(24), visits("/wait"), r"the service's file descriptors"),
        ("listen-queue", script(_SLOW_TO_ACCEPT), _CLOSES, r"the listen queue of python.*"),
        ("rate-limit-delays", delaying, visits("/"), r"a rate limit that delays"),
        ("node-heap", node, visits("/"), r"the heap of node.*"),
        ("uwsgi-2", uwsgi("-p", "2"), visits("/slow"), r"the 2 workers of uwsgi"),
        ("uwsgi-lock", uwsgi("--threads", "16"), visits("/busy"), r"the interpreter lock of uwsgi"),
    )
)  # fmt: skip
