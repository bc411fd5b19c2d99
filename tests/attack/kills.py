"""Loadproof is killed at random moments: no process, no folder, no unreadable file, no traceback is left."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from loadproof.errors import RunFileError
from loadproof.runfile.reader import read_run
from tests.attack.table import Row
from tests.cli.conftest import LOCUSTFILE, REQUIREMENTS, SCRIPT
from tests.engines.jmeter.conftest import PLANS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LONGEST_S = 8.0
_GONE_WITHIN_S = 15.0
_LOST_AT_MOST_S = 2.0


def kinds(url: str) -> dict[str, tuple[str, ...]]:
    """The command lines that are killed."""
    load = ("--target", url, "--requirements", "pass.yaml")
    return {
        "Locust": ("run", "locustfile.py", *load, "-u", "4", "-r", "100", "-t", "60s"),
        "Locust, two processes": ("run", "locustfile.py", *load, "-u", "4", "-r", "9", "--processes", "2"),
        "Locust, arrivals": ("run", "locustfile.py", *load, "--rate", "40/s", "--run-time", "60s"),
        "k6": ("run", "script.js", "--env", f"BASE={url}"),
        "JMeter": ("run", "plan.jmx", *load, "-u", "4", "-r", "100", "-t", "60s"),
        "JMeter, capacity": ("capacity", "plan.jmx", *load, "--users", "8", "--trial", "4s"),
        "capacity": ("capacity", "locustfile.py", *load, "--max-rate", "80/s", "--trial", "4s"),
        "ab": (
            "ab",
            "locustfile.py",
            "--base-target",
            url,
            "--head-target",
            f"{url}/",
            "-u",
            "2",
            "-t",
            "3s",
        ),
        "demo": ("demo", "--rows", "1000"),
    }


def attack_processes(folder: Path, url: str, tries: int, only: tuple[str, ...] = ()) -> Iterator[Row]:
    """`tries` kills of each kind, spread over the signals, at seeded random moments."""
    for kind, words in kinds(url).items():
        if only and kind not in only:
            continue
        row = Row(f"killed: {kind}")
        for number in range(tries):
            chance = random.Random(f"{kind} {number}")
            place = folder / f"{kind.replace(' ', '-')}-{number}"
            row.tried(*_kill(place, words, _SIGNALS[number % len(_SIGNALS)], chance.uniform(0.1, _LONGEST_S)))
        yield row


def _kill(folder: Path, words: tuple[str, ...], number: signal.Signals, after_s: float) -> list[str]:
    """What was left or lost."""
    (folder / "tmp").mkdir(parents=True)
    for name, text in {
        "locustfile.py": LOCUSTFILE, "script.js": SCRIPT, "pass.yaml": REQUIREMENTS % ("2s", "50%"),
        "plan.jmx": (PLANS / "steady.jmx").read_text(),
    }.items():  # fmt: skip
        (folder / name).write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "loadproof", *words],
        cwd=folder, env={**os.environ, "TMPDIR": str(folder / "tmp")}, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    began: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        began = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    killed_s = time.time()
    said, lost = "", []
    try:
        said = "".join(process.communicate(timeout=60))
    except subprocess.TimeoutExpired:
        lost.append(f"it still runs 60 s after {number.name}")
        process.kill()
    left = psutil.wait_procs(began, timeout=_GONE_WITHIN_S)[1]
    lost += [f"process left after {number.name}: {' '.join(p.cmdline())[:120]}" for p in left]
    for found in left:
        found.kill()
    if "Traceback (most recent call last)" in said:
        raised = said.rpartition("Traceback (most recent call last)")[2].splitlines()
        lost.append(f"traceback after {number.name} at {after_s:.2f} s: {' / '.join(raised[-12:])}")
    if list((folder / "tmp").glob("loadproof-*")):
        lost.append(f"a temporary folder after {number.name} at {after_s:.2f} s")
    return lost + [text for path in folder.rglob("*.db") if (text := _unread(path, number, killed_s))]


def _unread(path: Path, number: signal.Signals, killed_s: float) -> str:
    try:
        run = read_run(path)
    except RunFileError as error:
        return "" if "cut off before anything was written" in str(error) else f"unreadable: {error}"
    newest_s = max((event.time_s for event in run.events), default=0.0)
    newest_s = max([newest_s, *(reading.time_s for reading in run.readings)])
    running = number is signal.SIGKILL and run.facts["state"] == "RUNNING" and len(run.slices) > 0
    if running and killed_s - newest_s > _LOST_AT_MOST_S + 1.0:
        return f"{killed_s - newest_s:.1f} s lost after {number.name}"
    return ""
