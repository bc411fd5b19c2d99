"""One refused host in every spelling that a client understands: as the target, in a scenario, in a redirect.

Two hosts are refused: one by its address, and one by a pattern of names whose addresses nobody knows before.
The names are in a table of hosts of our own (a mount namespace); where that cannot be had, they lead nowhere.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

import loadproof
from loadproof.runfile.reader import read_run
from tests.attack.jmeter_ways import spelling_plan
from tests.attack.table import Row
from tests.engines.listening import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS: Final = str(Path(loadproof.__file__).parent)
"""In a trace: our own code. A clone's folder may have the same name."""
_HOST: Final = "127.0.0.2"
_NAMED_HOST: Final = "127.0.0.3"
_PRODUCTION: Final = f"production: [{_HOST}, '*.closed.test']\n"
_LONGEST_S = 300.0
"""A machine that is full may take its time."""
_TOGETHER_S = 4.0
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
    "http://alias.open.test:{port}", "http://several.open.test:{port}", "http://six.open.test:{port}",
)  # fmt: skip
"""Of the address. The name near.refused.test is one that only k6's own table of hosts has."""
NAMES: Final = (
    "http://api.closed.test:{named}", "HTTP://API.Closed.Test:{named}/", "http://api.closed.test.:{named}",
    "http://api.closed.test..:{named}", "http://API.closed.test.:{named}", "http://user:pw@api.closed.test:{named}",
    "http://localhost@api.closed.test:{named}", "http://\uff41pi.closed.test:{named}",
    "http://api\u3002closed\u3002test:{named}", "http://%61pi.closed.test:{named}",
    "http://b\u00fccher.closed.test:{named}", "http://xn--bcher-kva.closed.test:{named}",
    "http://XN--BCHER-KVA.closed.test.:{named}", "http://deep.api.closed.test:{named}",
    "http://two.closed.test:{named}", "http://api.closed.test\u3002:{named}",
)  # fmt: skip
"""Of names that a pattern refuses, whatever their address."""
_ALL: Final = (*SPELLINGS, *NAMES)
_FOR_K6: Final = len(_ALL) - 14
"""It takes eight for no addresses, and the stop that follows the first refusal cuts a few off."""
_TABLE: Final = f"""127.0.0.1 localhost
::1 localhost
{_HOST} alias.open.test
127.0.0.1 several.open.test
{_HOST} several.open.test
::1 six.open.test
{_HOST} six.open.test
{_NAMED_HOST} api.closed.test api.closed.test. xn--bcher-kva.closed.test deep.api.closed.test
127.0.0.1 two.closed.test
{_NAMED_HOST} two.closed.test
"""
LOCUSTFILE: Final = """
import json
from locust import %s, constant, task

PLACES = json.load(open("places.json"))

class Thief(%s):
    wait_time = constant(0.1)

    def reach(self, place, name):
        try:
            self.client.get(place, name=name)
        except Exception as error:
            print("not reached:", type(error).__name__)

    @task
    def visit(self):
        for number, place in enumerate(PLACES):
            self.client.get(f"/tried/{number}", name="tried")
            self.reach(place, "elsewhere")
            self.reach(f"/to/{number}", "redirected")
"""
SCRIPT: Final = """
import http from 'k6/http';
const PLACES = JSON.parse(open('places.json'));
export const options = {vus: 1, iterations: 2, hosts: {'near.refused.test': '127.0.0.2'}};
async function reach(place, name) {
  try {
    await http.asyncRequest('GET', place, null, {timeout: '5s', tags: {name: name}});
  } catch (error) { console.log(`not reached: ${error}`); }
}
export default async function () {
  http.get(`${__ENV.BASE}/loans`);
  if (__ITER < 1) return;  // what the first one asks for is known before the load
  // All of them at once: k6 cuts its users off when it is stopped.
  await Promise.all(PLACES.map((place, n) => %s));
}
"""
_OWN_SESSION: Final = "Locust's own session"
_JMETER: Final = {"JMeter, HttpClient4": "HttpClient4", "JMeter, Java's HTTP client": "Java"}
_SCENARIOS: Final = {
    "HttpUser": LOCUSTFILE % ("HttpUser", "HttpUser"),
    f"HttpUser, {_OWN_SESSION}": LOCUSTFILE % ("HttpUser", "HttpUser"),
    "FastHttpUser": LOCUSTFILE % ("FastHttpUser", "FastHttpUser"),
    "k6": SCRIPT % "reach(place, 'elsewhere')",
    "k6, behind redirects": SCRIPT % "reach(`${__ENV.BASE}/to/${n}`, 'redirected')",
    **{name: spelling_plan(len(_ALL), client) for name, client in _JMETER.items()},
}


class _RefusedHosts:
    """Both of them, as they listen."""

    def __init__(self) -> None:
        self._listeners = Listener(_HOST), Listener(_NAMED_HOST)

    def spelt(self, spelling: str) -> str:
        """With their ports."""
        return spelling.format(port=self._listeners[0].port, named=self._listeners[1].port)

    def close(self) -> int:
        """How many connections came."""
        return sum(listener.close() for listener in self._listeners)


class _Server:
    """Answers, and redirects `/to/N` to the N-th place; knows what was asked for."""

    def __init__(self, places: list[str], *, together: bool = False) -> None:
        """`together`: redirects wait for each other, so that none is the end of the others."""
        asked = self.asked = set[str]()
        moves = threading.Barrier(len(places))

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked.add(self.path)
                number = self.path.removeprefix("/to/")
                moved = number.isdigit()
                if moved and together:
                    with contextlib.suppress(threading.BrokenBarrierError):
                        moves.wait(_TOGETHER_S)
                self.send_response(302 if moved else 200)
                if moved:
                    place = places[int(number)]
                    self.send_header("Location", place.encode().decode("latin-1"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True)
class _Place:
    """A folder that commands run in, and what stands before them so that they have the table of hosts."""

    folder: Path
    before: tuple[str, ...]

    def inside(self, name: str) -> _Place:
        """A new folder in it."""
        folder = self.folder / "".join(letter for letter in name if letter.isalnum())
        folder.mkdir()
        return _Place(folder, self.before)

    def loadproof(self, *words: str) -> tuple[int, str]:
        """The exit code of `loadproof WORDS`, and what it said."""
        done = subprocess.run(
            [*self.before, sys.executable, "-m", "loadproof", *words], cwd=self.folder, text=True,
            timeout=_LONGEST_S, capture_output=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


def attack(folder: Path, beside: int) -> Iterator[Row]:
    """As the target of `check`, a row; of requests in a scenario and of redirects, a row for each client."""
    place = _Place(folder, _own_table(folder))
    yield _as_target(place.inside("target"), beside)
    with ThreadPoolExecutor(beside) as pool:
        yield from pool.map(lambda client: _in_scenario(place, client), _SCENARIOS)


def refused_to(client: str, folder: Path) -> list[str]:
    """What is wrong where a client may reach none of them."""
    place = _Place(folder, _own_table(folder))
    (folder / "loadproof.yaml").write_text(_PRODUCTION)
    arrived, code, said, asked = _play(place, client)
    wrong = _wrong(client, code, (_REFUSED,), arrived, said)
    return [*wrong, *_untried(folder, client, asked, said)]


def _as_target(place: _Place, beside: int) -> Row:
    row = Row(f"{len(_ALL)} spellings of a refused host: as the target")
    (place.folder / "loadproof.yaml").write_text(_PRODUCTION)
    (place.folder / "locustfile.py").write_text(LOCUSTFILE % ("HttpUser", "HttpUser"))
    (place.folder / "places.json").write_text("[]")

    def check(spelling: str) -> list[str]:
        hosts = _RefusedHosts()
        target = hosts.spelt(spelling)
        code, said = place.loadproof("check", "locustfile.py", "--target", target, "-u", "1", "-t", "1s")
        return list(_wrong(target, code, _WRONG, hosts.close(), said))

    with ThreadPoolExecutor(beside) as pool:
        for lost in pool.map(check, _ALL):
            row.tried(*lost)
    return row


def _in_scenario(place: _Place, client: str) -> Row:
    """One scenario tries all of them, by itself and behind redirects: where it may, and where it may not."""
    row = Row(f"{len(_ALL)} spellings of a refused host, and redirects to them: {client}")
    row.tries = len(_ALL) * (1 if client.startswith("k6") else 2)  # both, or one of them
    own = place.inside(client)
    free, _, said, _ = _play(own.inside("free"), client)
    if not free:
        row.lost.append(f"{client}: none of them leads there where it may: {said[-500:]!r}")
    row.lost += refused_to(client, own.inside("closed").folder)
    return row


def _play(place: _Place, client: str) -> tuple[int, int, str, set[str]]:
    """How many came to the refused hosts, the exit code, what was said, what the target was asked for."""
    hosts = _RefusedHosts()
    places = [hosts.spelt(one) for one in _ALL]
    server = _Server(places, together=client.startswith("k6"))
    text = _SCENARIOS[client]
    jmeter, k6 = client in _JMETER, client.startswith("k6")
    file = "plan.jmx" if jmeter else "script.js" if k6 else "locustfile.py"
    (place.folder / file).write_text(text)
    (place.folder / "places.json").write_text(json.dumps(places))
    (place.folder / "places.txt").write_text("\n".join(places))
    load = ["--env", f"BASE={server.url}"] if k6 else ["--target", server.url]
    load += [] if k6 or jmeter else ["-u", "1", "-t", "3s", "--stop-timeout", "120"]
    load += ["--session", "locust"] if client.endswith(_OWN_SESSION) else []
    code, said = place.loadproof("run", file, *load, "--run-file", "run.db")
    server.close()
    return hosts.close(), code, said, server.asked


def _untried(folder: Path, client: str, asked: set[str], said: str) -> Iterator[str]:
    """What the scenario did not come to: a refusal ends the load, and users finish what they are doing."""
    tried = {
        word: sum(f"/{word}/{number}" in asked for number in range(len(_ALL))) for word in ("tried", "to")
    }
    if client in (*_JMETER, "k6"):
        run = read_run(folder / "run.db")
        tried["tried"] = sum(part.requests for part in run.slices if part.endpoint.name == "elsewhere")
    least = {"tried": _FOR_K6 if client == "k6" else len(_ALL), "to": len(_ALL)}
    least |= {"k6": {"to": 0}, "k6, behind redirects": {"tried": 0}}.get(client, {})
    if any(tried[word] < least[word] for word in tried):
        yield f"{client}: only {tried} of {least} were tried: {said[-500:]!r}"


def _wrong(what: str, code: int, codes: tuple[int, ...], arrived: int, said: str) -> Iterator[str]:
    if arrived:
        yield f"{what}: {arrived} reached it"
    # What the client raises in the scenario, its log may show.
    _, _, trace = said.rpartition("Traceback (most recent call last)")
    if code not in codes or _OURS in trace.partition("\n\n")[0]:
        yield f"{what}: exit code {code}: {said[-700:]!r}"


def _own_table(folder: Path) -> tuple[str, ...]:
    """What stands before a command that has the table of hosts; nothing where that cannot be."""
    table = folder / "hosts"
    table.write_text(_TABLE)
    bind = 'mount --bind "$0" /etc/hosts && exec "$@"'
    for rights in ((), ("--map-root-user",)):
        words = ("unshare", "--mount", *rights, "sh", "-c", bind, str(table))
        if shutil.which("unshare") and not subprocess.run([*words, "true"], check=False).returncode:
            return words
    return ()
