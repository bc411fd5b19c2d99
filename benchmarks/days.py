"""What a run of days costs: the size of its file, and the memory and seconds of what reads it.

    python -m benchmarks.days [--hours 1] [--endpoints 100] [--series 200] [--keep FOLDER]

The last three hours of a run are made second by second through the writer that `run` uses, what is older is
put into the file as that writer leaves it. Each endpoint answers three requests a second.
Then `judge`, `report`, `compare` and `history` each run as a process of their own; seconds are of the
clock and of a processor, memory is the process' greatest.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from loadproof.histogram import Histogram
from loadproof.model import (
    Endpoint,
    Event,
    EventKind,
    FailureKind,
    Operator,
    Plan,
    Profile,
    ProfileKind,
    Reading,
    Requirement,
    Slice,
    Stage,
    Statistic,
    Subject,
    Unit,
)
from loadproof.plan.stored import plan_to_json
from loadproof.runfile import blocks
from loadproof.runfile.histograms import Histograms
from loadproof.runfile.readings import Merged, Readings
from loadproof.runfile.slices import Slices
from loadproof.runfile.writer import RunWriter, UncommittedRows

START = 1_700_000_000
USERS = 50.0
REQUESTS_A_SECOND = 3
WRITTEN_S = 3 * 3600
"""So much of the end of a run is written second by second; what is older is put into the file as minutes."""
VARIANTS = 400
"""Different seconds of one endpoint; so many are made, and drawn from."""


def plan(seconds: int) -> Plan:
    """A soak at one level, with the requirements that a team writes for one."""
    timed = Requirement(
        "p95", "p95: <500ms", "made", Subject.RESPONSE_TIME, Statistic.PERCENTILE, Operator.LESS, 0.5,
        Unit.SECONDS, quantile=0.95,
    )  # fmt: skip
    errors = Requirement(
        "errors",
        "error_rate: <1%",
        "made",
        Subject.ERROR_RATE,
        Statistic.RATE,
        Operator.LESS,
        0.01,
        Unit.SHARE,
    )
    return Plan(
        name="days",
        scenario=Path("locustfile.py"),
        engine="locust",
        target="http://127.0.0.1:8000",
        profile=Profile(ProfileKind.SOAK, (Stage(float(seconds), USERS),), start=USERS),
        requirements=(timed, errors),
    )


def make(path: Path, seconds: int, endpoints: int, series: int) -> None:
    """Write a run of so many seconds."""
    of = plan(seconds)
    facts = {
        "name": of.name, "plan": plan_to_json(of), "versions": {"loadproof": "0.2.0"}, "host": {"cores": 2},
        "started_at_s": float(START), "writer": {"pid": 2**22 + 1, "started_at_s": 0.0},
    }  # fmt: skip
    random = np.random.default_rng(1)
    parts = [made_second(random) for _ in range(VARIANTS)]
    # Letters: numbers would be taken for one route.
    names = [Endpoint("GET", f"/api/{chr(97 + n // 26)}{chr(97 + n % 26)}") for n in range(endpoints)]
    noise = random.normal(0, 1.0, (997, series))
    writer = RunWriter(path, facts)
    writer.commit(
        UncommittedRows(events=[Event(float(START), EventKind.LOAD_STARTED, "the load started")]), START
    )
    first = max(0, seconds - WRITTEN_S) // 60 * 60
    # The names come first, so that minutes of theirs can be put before.
    for second in range(max(0, first - 1), seconds):
        if second == first and first:
            put_minutes(path, range(START, START + first - 1, 60), endpoints, series)
        now = START + second
        drawn = random.integers(0, VARIANTS, endpoints).tolist()
        slices = [slice_of(parts[drawn[n]], now, name) for n, name in enumerate(names)]
        values = (100 + noise[second % 997]).tolist()
        readings = [
            Reading(now + 0.01, "host" if n % 2 else "process", f"series.{n}", value)
            for n, value in enumerate(values)
        ]
        readings.append(Reading(now + 0.5, "load", "users", USERS, Unit.COUNT))
        writer.commit(UncommittedRows(slices, readings), now + 1.0)
    end = [Event(float(START + seconds), EventKind.LOAD_ENDED, "the load ended")]
    writer.commit(UncommittedRows(events=end), START + seconds + 1.0)
    writer.finish({"ended_at_s": float(START + seconds), "outcome": "completed"})
    writer.close()


def put_minutes(path: Path, minutes: range, endpoints: int, series: int) -> None:
    """What the writer leaves of seconds that are older than two hours, an hour of it in each block."""
    random = np.random.default_rng(2)
    variants = [_minute(random) for _ in range(VARIANTS)]
    times = Histograms.of(variants)
    counts = np.array([variant.count for variant in variants])
    with closing(sqlite3.connect(path)) as db:
        for start in range(minutes.start, minutes.stop, 3600):
            hour = np.arange(start, min(start + 3600, minutes.stop), 60)
            drawn = random.integers(0, VARIANTS, hour.size * endpoints)
            slices = Slices(
                tuple(Endpoint("", str(n)) for n in range(endpoints)), np.repeat(hour, endpoints),
                np.tile(np.arange(endpoints, dtype=np.int32), hour.size), counts[drawn],
                {FailureKind.STATUS: random.binomial(1, 0.5, drawn.size)}, 900 * counts[drawn],
                times.take(drawn),
            )  # fmt: skip
            blocks.put(db, blocks.SLICES, 60, blocks.slice_columns(slices, np.arange(1, endpoints + 1)))
            size = hour.size * (series + 1)
            means = 100 + random.normal(0, 0.1, size)
            means[-hour.size :] = USERS
            extremes = Merged(np.full(size, 60), means - 2, means + 2)
            readings = Readings(
                tuple(("", str(n), Unit.NONE) for n in range(series + 1)), np.tile(hour + 0.5, series + 1),
                np.repeat(np.arange(series + 1, dtype=np.int32), hour.size), means, np.full(size, np.nan),
                extremes,
            )  # fmt: skip
            blocks.put(db, blocks.READINGS, 60, blocks.reading_columns(readings, np.arange(1, series + 2)))
        db.commit()


def _minute(random: np.random.Generator) -> Histogram:
    histogram = Histogram()
    histogram.record_all(random.lognormal(-3.0, 0.5, random.poisson(REQUESTS_A_SECOND * 60)))
    return histogram


def made_second(random: np.random.Generator) -> tuple[int, int, Histogram]:
    """Requests, failures and times of one endpoint's second."""
    times = random.lognormal(-3.0, 0.5, 1 + random.poisson(REQUESTS_A_SECOND - 1))
    histogram = Histogram()
    histogram.record_all(times)
    return times.size, int(random.random() < 0.01), histogram


def slice_of(part: tuple[int, int, Histogram], second: int, endpoint: Endpoint) -> Slice:
    """That second as a part of the run."""
    requests, failed, histogram = part
    return Slice(
        second, endpoint, requests, {FailureKind.STATUS: 1} if failed else {}, 900 * requests, histogram
    )


def measure(*arguments: str) -> tuple[float, float, float, int]:
    """Seconds by the clock and of a processor, MB at most and exit code of one call of loadproof."""
    code = (
        "import resource, sys; from loadproof.cli import main\n"
        "try:\n    code = main()\nexcept SystemExit as ended:\n    code = ended.code\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print('PEAK', used.ru_maxrss, used.ru_utime + used.ru_stime, code or 0, file=sys.stderr)"
    )
    started_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=240
    )
    took_s = time.perf_counter() - started_s
    told = [line for line in done.stderr.splitlines() if line.startswith("PEAK")]
    if not told:
        raise SystemExit(
            f"loadproof {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}"
        )
    _, peak_kib, cpu_s, exit_code = told[-1].split()
    return took_s, float(cpu_s), int(peak_kib) * 1024 / 1e6, int(exit_code)


def main() -> None:
    """Make the run, and print what each reader of it costs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--endpoints", type=int, default=100)
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="leave the run there, or read the one that is there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (given.keep or Path(folder)) / f"days-{given.hours:g}h-{given.endpoints}-{given.series}.db"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            started_s = time.perf_counter()
            make(path, round(given.hours * 3600), given.endpoints, given.series)
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
            print(f"made in {time.perf_counter() - started_s:.0f} s, {peak_mb:.0f} MB")
        page = Path(folder) / "page.html"
        print(f"{given.hours:g} h, {given.endpoints} endpoints, {given.series} series: "
              f"{path.stat().st_size / 1e6:.1f} MB")  # fmt: skip
        calls = (
            ("judge", str(path)), ("report", str(path), "--html", str(page)),
            ("compare", str(path), str(path)), ("history", "days", "--folder", str(path.parent)),
        )  # fmt: skip
        for call in calls:
            took_s, cpu_s, peak_mb, exit_code = measure(*call)
            drawn = call[0] == "report" and page.exists()
            size = f", {page.stat().st_size / 1e6:.1f} MB" if drawn else ""
            print(
                f"{call[0]:8} {took_s:6.1f} s, {cpu_s:6.1f} s of CPU, {peak_mb:6.0f} MB{size} "
                f"(exit {exit_code})"
            )


if __name__ == "__main__":
    main()
