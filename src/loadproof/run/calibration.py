"""How many requests a second this machine's generator can send: measured against the built-in stub, and kept.

The stub answers at once and does nothing else, so that what ends the throughput is the generator (and the
stub, on a machine with one core). Kept for each machine, engine and version, in the user's cache folder; only
`loadproof doctor --calibrate` measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from loadproof.engines import Engine
from loadproof.engines.table import load_engine
from loadproof.model import Event, Plan, Profile, ProfileKind, Reading, Slice, Stage
from loadproof.units import format_rate

LARGEST_SHARE: Final = 0.5
"""Of the measured rate: a real scenario does more for each request than the one that was measured."""
SECONDS: Final = 5
_USERS: Final = 20.0
_WARM_UP_S: Final = 1
_ENGINES: Final = Path(__file__).parents[1] / "engines"


class _Counting:
    """A sink that counts requests by second."""

    def __init__(self) -> None:
        self.by_second: Counter[int] = Counter()

    def slice(self, part: Slice, /) -> None:
        self.by_second[part.second] += part.requests

    def reading(self, reading: Reading, /) -> None:
        """Of no interest here."""

    def event(self, event: Event, /) -> None:
        """Of no interest here."""

    def log(self, line: str, /) -> None:
        """Of no interest here."""

    def now(self) -> float:
        return time.time()


def measure(name: str, engine: Engine) -> float | None:
    """Requests per second of one process of the engine over five seconds; None when it sent too little.

    Raises EngineError when it cannot start.
    """
    with tempfile.TemporaryDirectory(prefix="loadproof-calibrate-") as folder, _stub() as url:
        # Each engine's folder has one, which asks for the root of BASE_URL and nothing else.
        smallest = next((_ENGINES / name).glob("smallest.*"))
        scenario = Path(folder) / smallest.name
        scenario.write_text(smallest.read_text(encoding="utf-8"), encoding="utf-8")
        profile = Profile(ProfileKind.LOAD, (Stage(_WARM_UP_S + SECONDS + 1.0, _USERS),), start=_USERS)
        plan = Plan("calibration", scenario, name, url, profile, env=(("BASE_URL", url),))
        sink = _Counting()
        asyncio.run(engine.run(plan, sink))
    # The first and the last second are not whole.
    whole = [sink.by_second[second] for second in sorted(sink.by_second)][_WARM_UP_S:-1]
    return statistics.median(whole) if len(whole) >= SECONDS - 1 else None


def keep(name: str, engine: Engine, rate_per_s: float) -> Path:
    """Write a measured rate down; returns where. Raises OSError when the folder refuses."""
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True)
    known = _read(file)
    known[_key(name, engine)] = rate_per_s
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(known, indent=1, sort_keys=True))
    fresh.replace(file)
    return file


def known_rate(name: str, engine: Engine) -> float | None:
    """Requests per second of one process on this machine with this version; None when nobody measured it."""
    return _read(_file()).get(_key(name, engine))


def _key(name: str, engine: Engine) -> str:
    versions = " ".join(f"{tool} {version}" for tool, version in sorted(engine.versions().items()))
    return f"{platform.node()}, {os.cpu_count()} cores, {platform.python_version()}: {name}, {versions}"


def _file() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "loadproof" / "calibration.json"


def _read(file: Path) -> dict[str, float]:
    """What is known; nothing when the file is not there or is no longer what was written."""
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {str(key): float(value) for key, value in known.items() if isinstance(value, int | float)}


@contextlib.contextmanager
def _stub() -> Iterator[str]:
    command = [sys.executable, "-m", "loadproof.run.stub"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None  # noqa: S101  # they are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.stdin.close()


def rate_warning(plan: Plan, engine: Engine) -> str:
    """What to say when the planned arrivals are near to what this machine can send; "" when they are not,
    when nothing was measured here, or when other machines drive the load. Of several scenarios the first one.
    """
    for one in plan.several:
        if warning := rate_warning(one.plan, load_engine(one.plan.engine)):
            return f"{one.name}: {warning}"
    if not plan.profile.open_model or plan.options.expect_workers is not None:
        return ""
    rate_per_s = None if plan.several else known_rate(plan.engine, engine)
    wanted = max([plan.profile.start, *(stage.target for stage in plan.profile.stages)])
    if rate_per_s is None:
        return ""
    processes = plan.engine_options.generators
    able = rate_per_s * processes
    if wanted <= able * LARGEST_SHARE:
        return ""
    return (
        f"{format_rate(wanted)} is more than half of what this machine can send: it ends at about "
        f"{format_rate(able)} ({processes} processes, measured with `loadproof doctor --calibrate`); "
        "use more machines (--expect-workers)"
    )
