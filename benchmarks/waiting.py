"""How much of a service's slowness strangers on the processors make, beside what is taken as the most.

    python -m benchmarks.waiting [--seconds 10] [--users 10 40 120] [--per-core 1 2] [--rounds 1]

`analysis/disturbance/waiting.py` bounds how much later requests can be because threads of the service waited
for processors. Here pairs of runs on the demo show what that bound is worth: the same load without and with
strangers (endless loops at the same priority). `added` is what a request took longer on average, `bound` the
most that the waiting is taken to explain: `bound / added` must be at least 1, or FAILs stand that strangers
made. Further pairs have a fault of the demo's own beside the strangers: what that added must be more than the
bound, or strangers excuse it. Exit code 1 where one of the two does not hold.

Two constants of that file are set by these rows. `one wait` is the least `_ONE_WAIT_S` with which a row of
strangers holds, and of a fault the greatest. `free` is the bound without `_BUSY`, as a multiple of what was
added: `_BUSY` must be below the `wanted` from which on it is less than 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from benchmarks.validity import GENEROUS, Load, strangers
from loadproof.analysis.disturbance.processors import processors
from loadproof.analysis.disturbance.waiting import _BUSY, _ONE_WAIT_S
from loadproof.analysis.window.windows import judged_window, sample, within
from loadproof.demo import DemoOptions, running
from loadproof.runfile.reader import read_run

FAULTS: Final = ("delay=100ms", "cpu=100ms")
"""Slow by itself: one that waits, and one that works."""
ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    mean_s: float
    per_s: float
    waited: float
    """Shares of the time, of the busiest thread."""
    wanted: float
    waited_in_all: float
    """Of all threads together, or of the busiest if that is more."""
    bound_s: float
    """Of a request."""
    work_s: float
    """Processor time of the busiest thread for a request."""

    def one_wait_s(self, added_s: float) -> float:
        """The `_ONE_WAIT_S` with which the bound is just what was added."""
        if not self.waited_in_all:
            return float("inf")
        return added_s / self.waited_in_all - 1 / ((1 - min(self.wanted, _BUSY)) * self.per_s)

    def free_s(self) -> float:
        """The bound, were there no `_BUSY`."""
        at_once = 1 / (1 - min(self.wanted, 0.99)) + self.per_s * _ONE_WAIT_S
        return self.waited_in_all * at_once / self.per_s


def measured(load: Load, name: str, url: str, requirements: Path) -> Measured:
    """Run it, and read what its file holds."""
    load.run(name, url, requirements)
    run = read_run(load.folder / f"{name}.db")
    window = judged_window(run)
    total = sample(within(run.slices, window.seconds))
    found = processors(run, window)
    if found is None or not total.requests:
        raise SystemExit(f"{name}: the service was not watched, or made no request: see {load.folder}")
    per_s = total.requests / window.duration_s
    waiting = found.waiting
    return Measured(
        mean_s=total.response.mean_s or 0.0,
        per_s=per_s,
        waited=waiting.waited,
        wanted=waiting.wanted,
        waited_in_all=max(waiting.waited_in_all, waiting.waited),
        bound_s=waiting.delay_per_s(per_s) / per_s,
        work_s=max(waiting.wanted - waiting.waited, 0.0) / per_s,
    )


def row(title: str, calm: Measured, beside: Measured, *, at_least: bool) -> tuple[str, bool]:
    """Of the table, and whether it is as it has to be."""
    added_s = beside.mean_s - calm.mean_s
    ratio = beside.bound_s / added_s if added_s > 0 else float("inf")
    right = ratio >= 1 if at_least else ratio < 1
    work = calm.work_s / beside.work_s if beside.work_s else float("nan")
    free = beside.free_s() / added_s if added_s > 0 else float("inf")
    said = (
        f"| {title} | {beside.per_s:.0f} | {beside.waited:.1%} | {beside.wanted:.1%} "
        f"| {calm.mean_s * 1000:.2f} | {added_s * 1000:.2f} | {beside.bound_s * 1000:.2f} "
        f"| {ratio:.2f} | {free:.2f} | {beside.one_wait_s(added_s) * 1000:.1f} | {work:.2f} |"
    )
    return said, right


def main() -> int:
    """Exit code 1 where the bound was too small for strangers, or large enough for a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--users", type=int, nargs="+", default=[10, 40, 120])
    parser.add_argument("--per-core", type=int, nargs="+", default=[1, 2], help="strangers on each core")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for the run files")
    given = parser.parse_args()
    rows: list[tuple[str, bool]] = []
    with (
        tempfile.TemporaryDirectory() as name,
        as_file(files("loadproof.demo") / "scenario") as scenario,
    ):
        folder = (given.keep or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        generous = folder / "requirements.yaml"
        generous.write_text(GENEROUS)

        def play(title: str, users: int, url: str) -> Measured:
            load = Load(folder, scenario / "locustfile.py", users, given.seconds)
            return measured(load, title.replace(" ", "-").replace("=", "-"), url, generous)

        for number in range(given.rounds):
            calm: dict[int, Measured] = {}
            with running(DemoOptions(port=0, rows=ROWS)) as demo:
                play(f"warm {number}", given.users[0], demo.base_url)
                for users in given.users:
                    calm[users] = play(f"calm {users} {number}", users, demo.base_url)
                    for each in given.per_core:
                        title = f"{users} users, strangers {each} a core"
                        with strangers(folder, per_core=each):
                            beside = play(f"strangers {users} {each} {number}", users, demo.base_url)
                        rows.append(row(title, calm[users], beside, at_least=True))
                        print(rows[-1][0], flush=True)
            for fault in FAULTS:
                users = given.users[0]
                title = f"{users} users, {fault}, strangers 1 a core"
                options = DemoOptions(port=0, rows=ROWS, faults=(fault,))
                with running(options) as demo, strangers(folder):
                    beside = play(f"fault {fault} {number}", users, demo.base_url)
                rows.append(row(title, calm[users], beside, at_least=False))
                print(rows[-1][0], flush=True)
    print("\n| load | requests/s | waited | wanted | calm mean, ms | added, ms | bound, ms | bound / added "
          "| free | one wait, ms | work alone / beside |\n" + "|---" * 11 + "|")  # fmt: skip
    for said, right in rows:
        print(said + ("" if right else " NOT AS IT HAS TO BE"))
    return int(not all(right for _, right in rows))


if __name__ == "__main__":
    sys.exit(main())
