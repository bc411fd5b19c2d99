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
from tests.engines.clients import COMMANDS, FURTHER, PYTHON, argv_of
from tests.engines.listening import Listener
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.2"
_LONGEST_S = 240.0
_REFUSED = 7

LOCUSTFILE = """
from locust import HttpUser, constant, task

CODE = compile({code!r}, "thief", "exec")

class Thief(HttpUser):
    wait_time = constant(0.2)

    @task
    def visit(self):
        self.client.get("/loans")
        exec(CODE, {{"HOST": {host!r}, "PORT": {port}, "URL": {url!r}}})
"""
IMPORT = """
from locust import HttpUser, constant, task

HOST, PORT, URL = {host!r}, {port}, {url!r}
try:
    exec({code!r})
except Exception as error:
    print("not reached:", error)

class Thief(HttpUser):
    wait_time = constant(0.2)

    @task
    def visit(self):
        self.client.get("/loans")
"""
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
    inside = {name: _locust(LOCUSTFILE, code) for name, code in python_clients().items()}
    children = {
        name: _locust(LOCUSTFILE, "import subprocess; subprocess.run(%s, timeout=20)") for name in commands()
    }
    at_import = {name: _locust(IMPORT, PYTHON[name]) for name in AT_IMPORT}
    yield _row(folder, "k6", {name: _k6(*parts) for name, parts in K6.items()}, beside)
    yield _row(folder, "JMeter", {name: ("plan.jmx", plan_with(name)) for name in SAMPLERS}, beside)
    yield _row(folder, "Locust's process", inside, beside)
    few = {name: inside[name] for name in AT_IMPORT}
    yield _row(folder, "worker processes", few, beside, "--processes", "2")
    yield _row(folder, "workers on other machines", few, beside, "--expect-workers", "1")
    yield _row(folder, "programs that it starts", children, beside)
    yield _row(folder, "import", at_import, beside)


def _locust(template: str, code: str) -> tuple[str, str]:
    return "locustfile.py", template.replace("{code!r}", repr(code))


def _k6(imports: str, steal: str) -> tuple[str, str]:
    return "script.js", SCRIPT.replace("{imports}", imports).replace("{steal}", steal)


def _row(folder: Path, what: str, scenarios: dict[str, tuple[str, str]], beside: int, *more: str) -> Row:
    row = Row(f"refused host: {what}, {len(scenarios)} clients")

    def reach(name: str) -> list[str]:
        place = folder / f"{what}-{name}".replace(" ", "-").replace("/", "")
        return [f"{name}: {text}" for text in _reach(place, name, *scenarios[name], *more)]

    with ThreadPoolExecutor(beside) as pool:
        for lost in pool.map(reach, scenarios):
            row.tried(*lost)
    return row


def _reach(folder: Path, client: str, file: str, text: str, *more: str) -> Iterator[str]:
    """First where it may be reached, then where it may not."""
    for refused in (False, True):
        listener = Listener(HOST)
        url = f"http://{HOST}:{listener.port}/"
        place = folder / ("refused" if refused else "free")
        place.mkdir(parents=True)
        filled = text
        if client in COMMANDS:
            filled = filled.replace("%s", repr(argv_of(client, HOST, listener.port)).replace("'", '"'))
        for word, value in (
            ("{host!r}", repr(HOST)), ("{url!r}", repr(url)), ("{host}", HOST), ("{url}", url),
            ("{port}", str(listener.port)), ("{{", "{"), ("}}", "}"),
        ):  # fmt: skip
            filled = filled.replace(word, value)
        (place / file).write_text(filled)
        if refused:
            (place / "loadproof.yaml").write_text(f"production: [{HOST}]\n")
        with StubServer() as stub:
            load = ("-u", "1", "-t", "4s") if file != "script.js" else ("--duration", "4s")
            env = ("--env", f"BASE={stub.url}")
            words = ("run", file, "--target", stub.url, "--run-file", "run.db", *load, *env, *more)
            with _worker(place, file, "--expect-workers" in more) as bind:
                done = subprocess.run(
                    [sys.executable, "-m", "loadproof", *words, *bind], cwd=place, text=True,
                    timeout=_LONGEST_S, capture_output=True, check=False, stdin=subprocess.DEVNULL,
                )  # fmt: skip
        arrived = listener.close()
        said = json.dumps((done.stdout + done.stderr)[-500:])
        if refused and arrived:
            yield f"{arrived} reached it"
        if refused and done.returncode != _REFUSED:
            yield f"exit code {done.returncode}: {said}"
        if not refused and not arrived:
            yield f"it reaches nothing where it may: {said}"


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
