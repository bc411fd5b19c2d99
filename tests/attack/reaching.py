"""A scenario reaches for a host that may not be loaded, by every client there is: the host gets no byte."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.attack.jmeter_ways import SAMPLERS, plan_with
from tests.attack.table import Row
from tests.engines.clients import COMMANDS, FURTHER, PYTHON
from tests.engines.listening import Listener
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.2"
_LONGEST_S = 240.0
_REFUSED = 7

ALL = """
import json, os
from locust import HttpUser, constant, task

CLIENTS = json.load(open("clients.json"))

def reach():
    own = os.getpid()  # here: workers are forks
    for name, code, host, port in CLIENTS:
        with open("tried.txt", "a") as file:
            file.write(name + "\\n")
        try:
            exec(code, {"HOST": host, "PORT": port, "URL": f"http://{host}:{port}/"})
        except BaseException as error:
            print("not reached:", name, type(error).__name__)
        if os.getpid() != own:
            os._exit(1)  # a forked child that was refused

class Thief(HttpUser):
    wait_time = constant(0.2)

    @task
    def visit(self):
        self.client.get("/loans")
        %s
%s
"""
_PROGRAM = """
import subprocess
subprocess.run([word.format(host=HOST, port=PORT, url=URL) for word in %r], timeout=20)
"""
LOCUSTFILE, IMPORT = ALL % ("reach()", ""), ALL % ("pass", "reach()")
AT_IMPORT = ("socket", "requests", "connect by ctypes", "UDP, sendto", "a forked child", "a child of a child")
K6: dict[str, tuple[str, str]] = {
    "http": ("import http from 'k6/http'", "http.get(URL, {timeout: '2s'})"),
    "http.batch": ("import http from 'k6/http'", "http.batch([['GET', BASE + '/a'], ['GET', URL]])"),
    "http.asyncRequest": ("import http from 'k6/http'", "await http.asyncRequest('GET', URL)"),
    "a mapped address": ("import http from 'k6/http'", "http.get(`http://[::ffff:${HOST}]:${PORT}/`)"),
    "WebSocket": ("import ws from 'k6/ws'", "ws.connect(`ws://${HOST}:${PORT}/`, null, s => s.close())"),
    "WebSocket of events": (
        "import {WebSocket} from 'k6/experimental/websockets'", "new WebSocket(`ws://${HOST}:${PORT}/`)",
    ),
    "gRPC": (
        "import grpc from 'k6/net/grpc'; const client = new grpc.Client()",
        "client.connect(`${HOST}:${PORT}`, {plaintext: true, timeout: '2s'})",
    ),
    "hosts of the options": ("import http from 'k6/http'", "http.get(`http://near.test:${PORT}/`)"),
}  # fmt: skip
SCRIPT = """
import http_ from 'k6/http';
{imports};
const HOST = '{host}', PORT = {port}, URL = '{url}', BASE = __ENV.BASE;
export const options = {{vus: 1, duration: '20s', hosts: {{'near.test': HOST}}}};
export default async function () {{
  http_.get(`${{BASE}}/loans`);
  if (__ITER >= 2) {{ try {{ {steal}; }} catch (error) {{ console.log(`${{error}}`); }} }}
}}
"""


def python_clients() -> dict[str, str]:
    """Source by name; those whose module is not installed are left out."""
    modules = {"gRPC in C": "grpc", "HTTP/2 by httpx": "h2"}
    further = {
        name: code
        for name, code in FURTHER.items()
        if modules.get(name, name) not in {"pycurl", "aiohttp", "websockets", "grpc"}
        or importlib.util.find_spec(modules.get(name, name))
    }
    return {**PYTHON, **further}


def commands() -> list[str]:
    """Programs that this machine has."""
    return [name for name in COMMANDS if shutil.which(name)]


def attack(folder: Path, beside: int) -> Iterator[Row]:
    """A row for each engine. Lost is a byte, a load that goes on, a client that reaches nothing by itself."""
    inside = python_clients()
    # A fork that waits goes on with its parent's greenlets: in a worker that ends in a loop in ZeroMQ's
    # send, which takes a fork for an interrupt, with Locust alone, too.
    few = {name: inside[name] for name in AT_IMPORT if "child" not in name}
    children = {name: _PROGRAM % (COMMANDS[name],) for name in commands()}
    yield _row(folder, "k6", {name: ("script.js", _k6(*parts)) for name, parts in K6.items()}, beside)
    yield _row(folder, "JMeter", {name: ("plan.jmx", plan_with(name)) for name in SAMPLERS}, beside)
    yield _together(folder, "Locust's process", inside)
    yield _together(folder, "worker processes", few, "--processes", "2")
    yield _together(folder, "workers on other machines", few, "--expect-workers", "1")
    yield _together(folder, "programs that Locust starts", children)
    yield _together(folder, "import", {name: PYTHON[name] for name in AT_IMPORT}, at_import=True)


def _together(folder: Path, what: str, clients: dict[str, str], *more: str, at_import: bool = False) -> Row:
    """All clients in one run, one after the other: a refusal ends the load, and users finish their task."""
    row = Row(f"refused host: {what}, {len(clients)} clients", tries=len(clients))
    for refused in (False, True):
        place = folder / f"{what}-{refused}".replace(" ", "-").replace("'", "")
        place.mkdir(parents=True)
        listeners = {name: Listener(HOST) for name in clients}
        told = [[name, code, HOST, listeners[name].port] for name, code in clients.items()]
        (place / "clients.json").write_text(json.dumps(told))
        (place / "locustfile.py").write_text(IMPORT if at_import else LOCUSTFILE)
        if refused:
            (place / "loadproof.yaml").write_text(f"production: [{HOST}]\n")
        # A client that the listener hangs up on may wait for its own time-out.
        code, said = _run(place, "locustfile.py", *more, "--stop-timeout", "200")
        arrived = {name for name, listener in listeners.items() if listener.close()}
        tried = set((place / "tried.txt").read_text().splitlines())
        row.lost += [f"{name}: not tried" for name in clients if name not in tried]
        if refused:
            row.lost += [f"{name}: reached it" for name in arrived]
            row.lost += [f"exit code {code}: {json.dumps(said[-500:])}"] if code != _REFUSED else []
        else:
            row.lost += [
                f"{name}: it reaches nothing where it may" for name in clients if name not in arrived
            ]
    return row


def _k6(imports: str, steal: str) -> str:
    return SCRIPT.replace("{imports}", imports).replace("{steal}", steal)


def _row(folder: Path, what: str, scenarios: dict[str, tuple[str, str]], beside: int) -> Row:
    row = Row(f"refused host: {what}, {len(scenarios)} clients")

    def reach(name: str) -> list[str]:
        place = folder / f"{what}-{name}".replace(" ", "-").replace("/", "")
        return [f"{name}: {text}" for text in _reach(place, *scenarios[name])]

    with ThreadPoolExecutor(beside) as pool:
        for lost in pool.map(reach, scenarios):
            row.tried(*lost)
    return row


def _reach(folder: Path, file: str, text: str) -> Iterator[str]:
    """First where it may be reached, then where it may not."""
    for refused in (False, True):
        listener = Listener(HOST)
        url = f"http://{HOST}:{listener.port}/"
        place = folder / ("refused" if refused else "free")
        place.mkdir(parents=True)
        filled = text
        for word, value in (
            ("{host}", HOST), ("{url}", url), ("{port}", str(listener.port)), ("{{", "{"), ("}}", "}"),
        ):  # fmt: skip
            filled = filled.replace(word, value)
        (place / file).write_text(filled)
        if refused:
            (place / "loadproof.yaml").write_text(f"production: [{HOST}]\n")
        code, said = _run(place, file)
        arrived = listener.close()
        if refused and arrived:
            yield f"{arrived} reached it"
        if refused and code != _REFUSED:
            yield f"exit code {code}: {json.dumps(said[-500:])}"
        if not refused and not arrived:
            yield f"it reaches nothing where it may: {json.dumps(said[-500:])}"


def _run(place: Path, file: str, *more: str) -> tuple[int, str]:
    with StubServer() as stub, _worker(place, file, "--expect-workers" in more) as bind:
        load = ("-u", "1", "-t", "4s") if file != "script.js" else ("--duration", "4s")
        words = ("run", file, "--target", stub.url, "--run-file", "run.db", "--env", f"BASE={stub.url}")
        done = subprocess.run(
            [sys.executable, "-m", "loadproof", *words, *load, *more, *bind], cwd=place, text=True,
            timeout=_LONGEST_S, capture_output=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@contextlib.contextmanager
def _worker(folder: Path, file: str, wanted: bool) -> Iterator[tuple[str, ...]]:
    """A `loadproof worker`, where one is wanted, and what tells its master where to wait for it."""
    if not wanted:
        yield ()
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        master = f"127.0.0.1:{probe.getsockname()[1]}"
    worker = subprocess.Popen(
        [sys.executable, "-m", "loadproof", "worker", "--master", master, file, "--wait", "60s"],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield ("--bind", master)
        worker.wait(_LONGEST_S)
    finally:
        worker.kill()
        worker.wait()
