"""What `run` keeps and does beside its engine in the first hour of a load and in later ones.

    python -m benchmarks.lasting [--hours 100] [--played 2] [--endpoints 100] [--series 200]

Seconds of a load (three requests a second for each endpoint) go through the objects that `run` has: the run
file's writer, the progress behind the live view, what may end a load early, and the requirements as they
stand, which the views and `--stop-on` ask for once a second. They come faster than real time. The first and
the last hours are played second by second; of those between, each endpoint has one part an hour with all of
its requests, and the file is given what its writer would have left of them. For each hour that is played:
resident memory at its end, and processor time of one second's part, the requirements, and `--stop-on`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psutil

from benchmarks.days import (
    REQUESTS_A_SECOND,
    START,
    USERS,
    VARIANTS,
    made_second,
    plan,
    put_minutes,
    slice_of,
)
from loadproof.analysis.early_stop import EarlyStop, StopOn
from loadproof.analysis.verdict.so_far import findings_so_far
from loadproof.histogram import Histogram, merged
from loadproof.model import Endpoint, Event, EventKind, Reading, Slice, Unit
from loadproof.plan.stored import plan_to_json
from loadproof.run.progress import Progress
from loadproof.runfile.writer import RunWriter, UncommittedRows

MOST_MB = 200.0
_JUDGED_EVERY_S = 60
"""They are asked for once a second in a run; here less often, since each costs the same."""


def pass_over(hours: range, path: Path, seconds: Sequence[Histogram], names: list[Endpoint], series: int,
              hear: Sequence[Callable[[Slice], None]]) -> None:  # fmt: skip
    """Of these hours put minutes into the file, and tell each one's requests as those of one second."""
    if not hours:
        return
    put_minutes(path, range(START + hours.start * 3600, START + hours.stop * 3600, 60), len(names), series)
    whole = merged(seconds)
    times = REQUESTS_A_SECOND * 3600 // whole.count
    for hour in hours:
        for name in names:
            of = Histogram()
            of.merge(whole)
            of.buckets = {bucket: count * times for bucket, count in whole.buckets.items()}
            of.count, of.sum_ns = whole.count * times, whole.sum_ns * times
            for one in hear:
                one(slice_of((of.count, 0, of), START + hour * 3600, name))


class Kept:
    """What a run keeps: its file, the progress behind the live view, and what may end its load early."""

    def __init__(self, path: Path, hours: int) -> None:
        self._plan = plan(hours * 3600)
        facts = {
            "name": self._plan.name, "plan": plan_to_json(self._plan), "versions": {"loadproof": "0.2.0"},
            "host": {"cores": 2}, "started_at_s": float(START),
            "writer": {"pid": 2**22 + 1, "started_at_s": 0.0},
        }  # fmt: skip
        self.progress, self.early = Progress(self._plan), EarlyStop(self._plan, StopOn.SETTLED)
        self.writer = RunWriter(path, facts)
        begun = Event(float(START), EventKind.LOAD_STARTED, "the load started")
        self.progress.add_event(begun)
        self.early.event(begun)
        self.writer.commit(UncommittedRows(events=[begun]), START)

    def take(self, second: int, slices: list[Slice], readings: list[Reading]) -> float:
        """Seconds of processor time that one second's rows took."""
        began_s = time.process_time()
        for part in slices:
            self.progress.add_slice(part)
            self.early.slice(part)
        for reading in readings:
            self.progress.add_reading(reading)
            self.early.reading(reading)
        self.writer.commit(UncommittedRows(slices, readings), second + 1.0)
        return time.process_time() - began_s

    def judge(self, second: int) -> tuple[float, float]:
        """Seconds of processor time of the requirements so far, and of `--stop-on`."""
        began_s = time.process_time()
        list(findings_so_far(self._plan, self.progress))
        judged_s = time.process_time()
        self.early.reason(second + 1.0)
        return judged_s - began_s, time.process_time() - judged_s


def main() -> int:
    """Print a line for each hour that is played; 1 if the memory goes beyond what a run may take."""
    given = _given()
    random = np.random.default_rng(1)
    parts = [made_second(random) for _ in range(VARIANTS)]
    times = [times for _, _, times in parts]
    names = [Endpoint("GET", f"/api/{chr(97 + n // 26)}{chr(97 + n % 26)}") for n in range(given.endpoints)]
    noise = random.normal(0, 1.0, (997, given.series))
    process = psutil.Process()
    most, looks = 0.0, 3600 / _JUDGED_EVERY_S
    head = f"{'hour':>6}{'memory':>10}{'a second':>14}{'requirements':>16}{'--stop-on':>12}{'file':>10}"
    print(head, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.db"
        kept = Kept(path, given.hours)
        last = max(given.played, given.hours - given.played)
        for hour in (*range(given.played), *range(last, given.hours)):
            if hour == last:
                hear = kept.progress.add_slice, kept.early.slice
                pass_over(range(given.played, last), path, times, names, given.series, hear)
            second_s = judged_s = early_s = 0.0
            for second in range(START + hour * 3600, START + (hour + 1) * 3600):
                drawn = random.integers(0, VARIANTS, given.endpoints).tolist()
                slices = [slice_of(parts[drawn[n]], second, name) for n, name in enumerate(names)]
                second_s += kept.take(second, slices, _readings(second, noise[second % 997].tolist()))
                if second % _JUDGED_EVERY_S == 0:
                    one_s, other_s = kept.judge(second)
                    judged_s, early_s = judged_s + one_s, early_s + other_s
            memory_mb = process.memory_info().rss / 1e6
            most = max(most, memory_mb)
            print(
                f"{hour + 1:>6}{memory_mb:>7.1f} MB{second_s / 3600 * 1e3:>11.2f} ms"
                f"{judged_s / looks * 1e3:>13.2f} ms{early_s / looks * 1e3:>9.2f} ms"
                f"{path.stat().st_size / 1e6:>7.1f} MB",
                flush=True,
            )
        kept.writer.close()
    return int(most > MOST_MB)


def _readings(second: int, noise: list[float]) -> list[Reading]:
    return [
        *(
            Reading(second + 0.01, "host" if n % 2 else "process", f"series.{n}", 100 + value)
            for n, value in enumerate(noise)
        ),
        Reading(second + 0.5, "load", "users", USERS, Unit.COUNT),
    ]


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=int, default=100)
    parser.add_argument("--played", type=int, default=2, help="hours at either end, second by second")
    parser.add_argument("--endpoints", type=int, default=100)
    parser.add_argument("--series", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
