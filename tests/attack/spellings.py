"""One refused address in every spelling that a client understands, as the target and inside of a scenario."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from tests.attack.table import Row
from tests.engines.listening import Listener
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOST: Final = "127.0.0.2"
_LONGEST_S = 240.0
"""A machine that is full may take its time."""
_REFUSED = 7
_WRONG = (2, 6, _REFUSED)
"""Refused, or no address at all for whoever reads it."""

SPELLINGS: Final = (
    "http://127.0.0.2:{port}", "HTTP://127.0.0.2:{port}/", "http://127.2:{port}", "http://127.0.2:{port}",
    "http://2130706434:{port}", "http://0x7f000002:{port}", "http://0x7f.0.0.2:{port}",
    "http://0177.0.0.2:{port}", "http://017700000002:{port}", "http://127.0.0.02:{port}",
    "http://[::ffff:127.0.0.2]:{port}", "http://[::ffff:7f00:2]:{port}", "http://[0:0:0:0:0:ffff:7f00:0002]:{port}",
    "http://[::ffff:127.0.0.2%25lo]:{port}", "http://127.0.0.2.:{port}", "http://user@127.0.0.2:{port}",
    "http://127.0.0.1@127.0.0.2:{port}", "http://127.0.0.1%40127.0.0.2:{port}", "http://127.0.0.1:80@127.0.0.2:{port}",
    "http://127.0.0.1#@127.0.0.2:{port}/", "http://127.0.0.1\\@127.0.0.2:{port}/", "http://127.0.0.2\t:{port}",
    "http://127.0.0.2%2e:{port}", "http://127%2e0%2e0%2e2:{port}", "http://\uff11\uff12\uff17.0.0.2:{port}",
    "http://127\u30020\u30020\u30022:{port}", "http://\u2460\u2461\u2466.0.0.2:{port}", "//127.0.0.2:{port}/",
    "http:127.0.0.2:{port}", "http:///127.0.0.2:{port}", "http://127.0.0.2:0{port}", " http://127.0.0.2:{port}",
    "http://near.refused.test:{port}", "http://[64:ff9b::7f00:2]:{port}", "http://[::127.0.0.2]:{port}",
)  # fmt: skip
"""The name is one that only k6's own table of hosts has."""
LOCUSTFILE: Final = """
import json
from locust import %s, constant, task

PLACES = json.load(open("places.json"))

class Thief(%s):
    wait_time = constant(0.1)

    @task
    def visit(self):
        self.client.get("/loans")
        for place in PLACES:
            try:
                self.client.get(place, name="elsewhere")
            except Exception as error:
                print("not reached:", type(error).__name__)
"""
SCRIPT: Final = """
import http from 'k6/http';
const PLACES = JSON.parse(open('places.json'));
export const options = {vus: 1, duration: '4s', hosts: {'near.refused.test': '127.0.0.2'}};
export default function () {
  http.get(`${__ENV.BASE}/loans`);
  if (__ITER < 2) return;
  for (const place of PLACES) {
    try { http.get(place, {timeout: '2s'}); } catch (error) { console.log(`not reached: ${error}`); }
  }
}
"""


def attack(folder: Path, beside: int) -> Iterator[Row]:
    """As the target of `check`, a row; of a request in a scenario, a row for each client."""
    yield _as_target(folder, beside)
    scenarios = {
        "HttpUser": LOCUSTFILE % ("HttpUser", "HttpUser"),
        "FastHttpUser": LOCUSTFILE % ("FastHttpUser", "FastHttpUser"),
        "HttpUser, HTTP/2": LOCUSTFILE.replace("wait_time", "http2 = True\n    wait_time")
        % ("HttpUser", "HttpUser"),
        "k6": SCRIPT,
    }
    for client, text in scenarios.items():
        yield _inside(folder / client.replace(" ", "-").replace("/", ""), client, text)


def _as_target(folder: Path, beside: int) -> Row:
    row = Row(f"{len(SPELLINGS)} spellings of a refused address: as the target")
    (folder / "loadproof.yaml").write_text(f"production: [{_HOST}]\n")
    (folder / "locustfile.py").write_text(LOCUSTFILE % ("HttpUser", "HttpUser"))
    (folder / "places.json").write_text("[]")

    def check(spelling: str) -> list[str]:
        listener = Listener(_HOST)
        target = spelling.format(port=listener.port)
        code, said = _loadproof(folder, "check", "locustfile.py", "--target", target, "-u", "1", "-t", "1s")
        return list(_wrong(target, code, _WRONG, listener.close(), said))

    with ThreadPoolExecutor(beside) as pool:
        for lost in pool.map(check, SPELLINGS):
            row.tried(*lost)
    return row


def _inside(folder: Path, client: str, text: str) -> Row:
    row = Row(f"{len(SPELLINGS)} spellings of a refused address: {client}", tries=len(SPELLINGS))
    folder.mkdir()
    k6 = text is SCRIPT
    file = "script.js" if k6 else "locustfile.py"
    listener = Listener(_HOST)
    (folder / file).write_text(text)
    (folder / "loadproof.yaml").write_text(f"production: [{_HOST}]\n")
    (folder / "places.json").write_text(json.dumps([one.format(port=listener.port) for one in SPELLINGS]))
    with StubServer() as stub:
        load = ("--env", f"BASE={stub.url}") if k6 else ("--target", stub.url, "-u", "1", "-t", "4s")
        code, said = _loadproof(folder, "run", file, *load, "--run-file", "run.db")
        again = any(path == "/loans" for _, path in stub.arrived)
    row.lost = list(_wrong(client, code, (_REFUSED,), listener.close(), said))
    row.lost += [] if again else [f"{client}: nothing was loaded: {said[-300:]!r}"]
    return row


def _wrong(what: str, code: int, codes: tuple[int, ...], arrived: int, said: str) -> Iterator[str]:
    if arrived:
        yield f"{what}: {arrived} reached it"
    if code not in codes or "Traceback (most recent call last)" in said:
        yield f"{what}: exit code {code}: {said[-500:]!r}"


def _loadproof(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "loadproof", *words], cwd=folder, text=True, timeout=_LONGEST_S,
        capture_output=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr
