"""Loadproof is killed at random moments: no process, no folder, no unreadable file, no traceback is left."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from loadproof.errors import RunFileError
from loadproof.runfile.reader import read_run
from tests.attack.table import Row
from tests.cli.conftest import LOCUSTFILE, REQUIREMENTS, SCRIPT
from tests.engines.jmeter.conftest import PLANS
from tests.servers import OWN_PATHS, StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_TERM, _INT, _KILL = signal.SIGTERM, signal.SIGINT, signal.SIGKILL
WAYS: dict[str, tuple[signal.Signals, ...]] = {
    "SIGKILL": (_KILL,), "SIGTERM": (_TERM,), "SIGINT": (_INT,), "SIGHUP": (signal.SIGHUP,),
    "SIGQUIT": (signal.SIGQUIT,), "SIGINT twice": (_INT, _INT), "SIGTERM, then SIGKILL": (_TERM, _KILL),
    "stopped, continued, SIGINT": (signal.SIGSTOP, signal.SIGCONT, _INT),
}  # fmt: skip
_BY_FORCE = ["SIGKILL", "SIGQUIT"]
_BETWEEN_S = 0.7
"""Between two signals of one way."""
_LONGEST_S = 8.0
_BEGUN_WITHIN_S = 40.0
_UP_WITHIN_S = 1.0
_GONE_WITHIN_S = 40.0
_ENDED_WITHIN_S = 120.0
_LOST_AT_MOST_S = 2.0
COUNTED = ("Locust", "Locust, two processes", "Locust, arrivals", "k6", "JMeter")
"""One run file each, in which each request is one."""


def kinds(url: str) -> dict[str, tuple[str, ...]]:
    """The command lines that are killed."""
    load = ("--target", url, "--requirements", "pass.yaml")
    ab = ("--base-target", url, "--head-target", f"{url}/", "-u", "2", "-t", "3s")
    return {
        "Locust": ("run", "locustfile.py", *load, "-u", "4", "-r", "100", "-t", "60s"),
        "Locust, two processes": ("run", "locustfile.py", *load, "-u", "4", "-r", "9", "--processes", "2"),
        "Locust, arrivals": ("run", "locustfile.py", *load, "--rate", "40/s", "--run-time", "60s"),
        "k6": ("run", "script.js", "--env", f"BASE={url}"),
        "JMeter": ("run", "plan.jmx", *load, "-u", "4", "-r", "100", "-t", "60s"),
        "JMeter, capacity": ("capacity", "plan.jmx", *load, "--users", "8", "--trial", "4s"),
        "capacity": ("capacity", "locustfile.py", *load, "--max-rate", "80/s", "--trial", "4s"),
        "ab": ("ab", "locustfile.py", *ab),
        "demo": ("demo", "--rows", "1000"),
    }


def attack_processes(folder: Path, kind: str, numbers: range, *, force: bool = False) -> Row:
    """The kills of one kind with these numbers, in all ways in turn.

    Each number is another seeded moment: since the start for even ones, since the load's first request for
    odd ones. `force`: each of them in the load, and by what gives no time to save anything.
    """
    row = Row(f"killed: {kind}")
    for number in numbers:
        place = folder / f"{kind.replace(' ', '-')}-{number}"
        # Each way comes both before and in the load.
        names = _BY_FORCE if force else list(WAYS)
        way = names[(number // 2) % len(names)]
        late = (force or bool(number % 2)) and kind != "demo"
        with StubServer() as stub:
            one = _Victim(place, kinds(stub.url)[kind], stub, random.Random(f"{kind} {number}"))
            row.tried(*one.kill(way, late=late, counted=kind in COUNTED))
        row.lost_s = max(row.lost_s, one.lost_s)
    return row


def attack_all(
    folder: Path, tries: int, first: dict[str, int], beside: int, chosen: Sequence[str], *, force: bool
) -> Iterator[Row]:
    """`tries` more kills of each kind; `first`: how many each has had. The kinds take turns."""
    numbered = [(kind, first.get(kind, 0) + more) for more in range(tries) for kind in chosen]

    def kill(one: tuple[str, int]) -> Row:
        kind, number = one
        return attack_processes(folder, kind, range(number, number + 1), force=force)

    with ThreadPoolExecutor(beside) as pool:
        for done in as_completed([pool.submit(kill, one) for one in numbered]):
            yield done.result()


@dataclass
class _Victim:
    """One command that is killed."""

    folder: Path
    words: tuple[str, ...]
    stub: StubServer
    chance: random.Random
    said: str = ""
    code: int = 0
    after_s: float = 0.0
    lost_s: float = 0.0
    """The part of the run before the kill that its file does not have."""
    killed_s: float = 0.0
    """Of the last signal, on the monotonic clock."""
    began: list[psutil.Process] = field(default_factory=list)
    """The processes that there were before the first one."""

    def kill(self, way: str, *, late: bool, counted: bool) -> list[str]:
        """What was left or lost, each with the way."""
        process = self._start()
        self._wait(process, late=late)
        with contextlib.suppress(psutil.NoSuchProcess):
            self.began = psutil.Process(process.pid).children(recursive=True)
        ended = process.poll() is not None
        for at, number in enumerate(WAYS[way]):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_BETWEEN_S if at else 0)
            process.send_signal(number)
            self.killed_s = time.monotonic()
        lost = []
        try:
            self.said = "".join(process.communicate(timeout=_ENDED_WITHIN_S))
        except subprocess.TimeoutExpired:
            lost.append(f"it still runs after {_ENDED_WITHIN_S:.0f} s")
            process.kill()
            process.wait()
        self.code = process.returncode
        lost += [*self._left(), *self._said_wrong(WAYS[way], ended)]
        by_force = not ended and WAYS[way][-1] in (_KILL, signal.SIGQUIT)
        lost += self._unread(counted and by_force)
        where = f"{way}, {self.after_s:.2f} s after its {'first request' if late else 'start'}"
        return [f"{text} ({where})" for text in lost]

    def _start(self) -> subprocess.Popen[str]:
        (self.folder / "tmp").mkdir(parents=True)
        for name, text in {
            "locustfile.py": LOCUSTFILE, "script.js": SCRIPT, "pass.yaml": REQUIREMENTS % ("2s", "50%"),
            "plan.jmx": (PLANS / "steady.jmx").read_text(),
        }.items():  # fmt: skip
            (self.folder / name).write_text(text)
        return subprocess.Popen(
            [sys.executable, "-m", "loadproof", *self.words],
            cwd=self.folder, env={**os.environ, "TMPDIR": str(self.folder / "tmp")}, text=True,
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def _wait(self, process: subprocess.Popen[str], *, late: bool) -> None:
        until_s = time.monotonic() + _BEGUN_WITHIN_S
        while late and not self._arrived() and process.poll() is None and time.monotonic() < until_s:
            time.sleep(0.02)
        self.after_s = self.chance.uniform(0.1, _LONGEST_S)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.after_s)

    def _arrived(self) -> int:
        return sum(count for (_, path), count in self.stub.arrived.copy().items() if path not in OWN_PATHS)

    def _left(self) -> list[str]:
        left = psutil.wait_procs(self.began, timeout=_GONE_WITHIN_S)[1]
        lost = []
        for found in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                lost.append(f"process left: {' '.join(found.cmdline())[:120]}")
                found.kill()
        until_s = time.monotonic() + _GONE_WITHIN_S
        while list((self.folder / "tmp").glob("loadproof-*")):
            if time.monotonic() > until_s:
                return [*lost, "a temporary folder is left"]
            time.sleep(0.1)
        return lost

    def _said_wrong(self, way: tuple[signal.Signals, ...], ended: bool) -> list[str]:
        lost = []
        if "Traceback (most recent call last)" in self.said:
            raised = self.said.rpartition("Traceback (most recent call last)")[2].splitlines()
            lost.append(f"traceback: {' / '.join(raised[-12:])}")
        gentle = way[-1] in (_TERM, _INT, signal.SIGHUP)
        # Before a Python is up its signals do what the kernel does.
        unborn = self.code == -way[0] and not self.said and self.after_s < _UP_WITHIN_S
        # A second one may come when it has given them back at its end: to a shell that is 130, too.
        gone = self.code == -way[-1] and len(way) > 1 and self.said.startswith("interrupted by")
        if gentle and not ended and not unborn and not gone and self.code not in (130, 0):
            lost.append(f"exit code {self.code}: {self.said[-300:]!r}")
        return lost

    def _unread(self, counted: bool) -> list[str]:
        lost, recorded = [], 0
        for path in self.folder.rglob("*.db"):
            try:
                recorded += sum(part.requests for part in read_run(path).slices)
            except RunFileError as error:
                if "cut off before anything was written" not in str(error):
                    lost.append(f"unreadable: {error}")
        arrived = sorted(self.stub.arrived_s)
        own = len(arrived) - self._arrived()
        if counted and len(arrived) - own > recorded:
            self.lost_s = max(0.0, self.killed_s - arrived[recorded + own])
            if self.lost_s > _LOST_AT_MOST_S:
                lost.append(f"{self.lost_s:.2f} s lost")
        return lost
