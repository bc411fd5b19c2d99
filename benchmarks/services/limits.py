"""Whether a planted limit of a real service is named first, and nothing where there is none.

    python -m benchmarks.services.limits [--only one-sync-worker ...] [--repeats 5] [--install-in DIR]

Each row of PLANTS is a service of a framework that others wrote, started with one limit; rows without a
limit are healthy. Each run starts it anew, loads it by `loadproof run --profile stress` (19 s of load), and
reads from the JSON report which resource is named first. A healthy run may name nothing. What is installed is
installed once for all runs, into a folder that `--install-in` keeps for the next time.

Whoever cannot be installed here is skipped with the reason, and is in no count.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.services import plants, plants_more, plants_php, plants_spring
from benchmarks.services.installing import install_into
from benchmarks.services.started import NotHereError

if TYPE_CHECKING:
    from benchmarks.services.plants import Plant

PLANTS = (*plants.PLANTS, *plants_php.PLANTS, *plants_spring.PLANTS, *plants_more.PLANTS)
_LEAST_USERS = 2
_RUN_S = 120
"""A bound for one run of Loadproof: 19 s of load, its start and its judgement take 25 s on a free machine."""


def named(plant: Plant, folder: Path) -> tuple[list[str], str]:
    """What one run names, the first to saturate first, and its sentence; nothing without a finding.

    Raises NotHereError.
    """
    (folder / "locustfile.py").write_text(plant.scenario)
    report = folder / "report.json"
    with ExitStack() as stack:
        started = plant.start(stack, folder)
        command = [
            sys.executable, "-m", "loadproof", "run", "locustfile.py", "--target", started.url,
            "--profile", "stress", "--json", str(report), "--quiet", "--run-file", "run.db",
        ]  # fmt: skip
        for stage in (f"3s:{_LEAST_USERS}", f"12s:{plant.users}", f"4s:{plant.users}"):
            command += ["--stage", stage]
        try:
            done = subprocess.run(
                command, cwd=folder, check=False, capture_output=True, text=True, timeout=_RUN_S
            )
        except subprocess.TimeoutExpired as error:
            said = (error.stderr or error.stdout or b"").decode(errors="replace").strip()
            return [], f"the run did not end in {_RUN_S} s: {said[-300:]}"
    if not report.exists():
        return [], f"no report: {(done.stderr or done.stdout).strip()[-300:]}"
    findings = json.loads(report.read_text())["findings"]
    for finding in findings:
        if finding["id"] == "bottleneck":
            return finding["evidence"].get("named", []), finding["sentence"]
    return [], "no bottleneck was told"


_HEALTHY = ("nothing saturated", "no bottleneck was told")


def is_right(plant: Plant, names: list[str], sentence: str) -> bool:
    """A limit is named first; of a healthy service nothing is, nor that its throughput ended."""
    if plant.truth:
        return bool(names) and re.fullmatch(plant.truth, names[0]) is not None
    return not names and sentence.startswith(_HEALTHY)


def main() -> int:
    """Print every run, and both sums; 1 when a run was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=[plant.name for plant in PLANTS])
    parser.add_argument("--neighbours", action="store_true", help="limits of the same kinds instead")
    parser.add_argument("--repeats", type=int, help="runs of each; without it 5, and 4 of a healthy service")
    parser.add_argument("--install-in", type=Path, help="keeps what was installed")
    parser.add_argument("--keep", type=Path, help="a folder for the run files, to be judged again")
    arguments = parser.parse_args()
    chosen = [
        plant
        for plant in PLANTS
        if (plant.name in arguments.only if arguments.only else plant.neighbour is arguments.neighbours)
    ]
    right, runs = {True: 0, False: 0}, {True: 0, False: 0}
    rows: list[str] = []
    with install_into(arguments.install_in):
        for plant in chosen:
            limited = bool(plant.truth)
            before = right[limited], runs[limited]
            for _ in range(arguments.repeats or (5 if limited else 4)):
                with tempfile.TemporaryDirectory(prefix="loadproof-limits-") as text:
                    folder = Path(text)
                    folder.chmod(0o755)
                    try:
                        names, sentence = named(plant, folder)
                    except NotHereError as reason:
                        print(f"{plant.name}: skipped: {reason}", flush=True)
                        break
                    hit = is_right(plant, names, sentence)
                    if arguments.keep and (folder / "run.db").exists():
                        arguments.keep.mkdir(parents=True, exist_ok=True)
                        shutil.move(folder / "run.db", arguments.keep / f"{plant.name}-{runs[limited]}.db")
                right[limited] += hit
                runs[limited] += 1
                print(f"{plant.name}: {'right' if hit else 'WRONG'}: {sentence}", flush=True)
            rows.append(f"{plant.name}: {right[limited] - before[0]} of {runs[limited] - before[1]}")
    print("", *rows, sep="\n")
    print(f"\n{right[True]} of {runs[True]} planted limits were named first")
    print(f"{runs[False] - right[False]} of {runs[False]} healthy runs were accused")
    return int(right != runs)


if __name__ == "__main__":
    sys.exit(main())
