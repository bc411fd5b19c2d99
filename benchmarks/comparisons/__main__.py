"""Ten changes of a real service, and none, by `loadproof ab` with no option but the commands.

    python -m benchmarks.comparisons [--app fastify] [--changes 'index dropped,N+1'] [--times 10] [--same 100]
        [--strangers half] [--results FILE] [--again] [--place FOLDER] [--keep FOLDER] [--resample 300]

A shop in Flask (gunicorn, one worker with four threads) or in Fastify, on a PostgreSQL of its own, loaded by
eight users in runs of 8 s. A change is found when the headline has its sign and names its endpoint; changes
of all endpoints may be named by any. `--same`: base with itself, which nothing may accuse. `--strangers half`
starts programs beside them; `others` only says that others work on this machine.

`--results` keeps each trial as a line, so that a campaign can be made in pieces. Each line has the method
that judged it, a digest of its sources; the table is of all lines of today's method, and says how many lines
there are. `--again` judges those whose run files were kept once more, and adds a line for each.

`--keep` keeps the run files. `--resample N`, over the pairs of equal builds that are kept there, is N
comparisons of base with itself: each draws its pairs in chance order and looks at them as `ab` does, so that
hundreds of them need no hours; they share their runs, which a hundred real ones do not. And of each change N,
of six of its pairs: what chance would have made of one look.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.comparisons.again import KEPT, again, method
from benchmarks.comparisons.resampled import resampled
from benchmarks.comparisons.shops import CHANGES, SAME, Change, Shop, free_port, right, shop
from benchmarks.comparisons.strangers import strangers

if TYPE_CHECKING:
    from collections.abc import Iterable

LOAD = ("-u", "8", "-r", "8", "-t", "8s")
MOST_FAILURES = 3
"""Trials that end without a comparison, as a service that is not up in time on a full machine does."""


class NoComparisonError(Exception):
    """What `ab` said instead."""


def trial(place: Shop, change: Change, keep: Path | None) -> dict[str, Any]:
    """One `loadproof ab`: what it said, and in how many seconds."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "locustfile.py").write_text((place.folder / "locustfile.py").read_text())
        command = [
            sys.executable, "-m", "loadproof", "ab", "locustfile.py", "--target", f"http://127.0.0.1:{port}",
            *LOAD, "--ready", f"http://127.0.0.1:{port}/health", "--json", "out.json",
            "--base-start", place.command(change.base, port),
            "--head-start", place.command(change.head, port),
        ]  # fmt: skip
        kept = None
        if keep is not None:
            kept = keep / f"{place.kind}-{change.name.replace(' ', '_')}-{time.strftime('%H%M%S')}"
            kept.mkdir(parents=True)
            command += ["--folder", str(kept.absolute())]
        began_s = time.monotonic()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        took_s = time.monotonic() - began_s
        if not (folder / "out.json").exists():
            raise NoComparisonError((done.stderr or done.stdout).strip()[-800:])
        found = json.loads((folder / "out.json").read_text())
    proved = [
        {key: row[key] for key in KEPT}
        for row in found["rows"]
        if row["decides"] and row["change"] in ("REGRESSED", "IMPROVED")
    ]
    return {
        "app": place.kind, "name": change.name, "change": found["change"], "code": done.returncode,
        "sentence": found["sentence"], "took_s": took_s, "runs": len(found["base"]["runs"]), "proved": proved,
        "notes": found["notes"], "method": method(), "at": time.strftime("%F %T"), "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0], "folder": str(kept.absolute()) if kept else None,
    }  # fmt: skip


def table(results: Iterable[dict[str, Any]]) -> str:
    """A line for each change of each app and neighbourhood, in the order of CHANGES."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    every = list(results)
    todays = [said for said in every if said.get("method") == method()]
    for said in todays:
        groups.setdefault((said["app"], said["strangers"], said["name"]), []).append(said)
    lines = ["| app | strangers | change | found | seconds | else |", "|---|---|---|---|---|---|"]
    order = {change.name: number for number, change in enumerate((*CHANGES, SAME))}
    for key in sorted(groups, key=lambda key: (key[:2], order[key[2]])):
        change = next(change for change in (*CHANGES, SAME) if change.name == key[2])
        said = groups[key]
        good = [one for one in said if one["change"] == "NO MEANINGFUL CHANGE"] if change is SAME else None
        good = [one for one in said if right(change, one)] if good is None else good
        others = "; ".join(f"{one['change']}: {one['sentence']}" for one in said if one not in good)
        seconds = [one["took_s"] for one in said]
        took = f"{statistics.median(seconds):.0f} ({min(seconds):.0f} to {max(seconds):.0f})"
        lines.append(f"| {' | '.join(key)} | {len(good)} of {len(said)} | {took} | {others} |")
    loads = [said["load_average"] for said in todays]
    busy = f", load average {min(loads):.1f} to {max(loads):.1f}" if loads else ""
    return "\n".join([*lines, f"method {method()}: {len(todays)} of {len(every)} lines{busy}"])


def judged_again(results: Path) -> None:
    """Add what today's method says of each trial whose runs were kept, and which it has not judged yet."""
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    known = {line["folder"] for line in lines if line.get("method") == method()}
    for line in lines:
        folder = line.get("folder")
        if folder is None or folder in known or not Path(folder).exists():
            continue
        known.add(folder)
        said = again(Path(folder), line)
        print(f"{said['name']}: {said['change']}: {said['sentence']}", flush=True)
        with results.open("a") as stream:
            stream.write(json.dumps(said) + "\n")


def options_of() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--app", choices=("flask", "fastify"), default="flask")
    parser.add_argument("--changes", default=",".join(change.name for change in CHANGES))
    parser.add_argument("--times", type=int, default=1, help="of each change")
    parser.add_argument("--same", type=int, default=0, help="comparisons of base with itself")
    parser.add_argument("--strangers", choices=("none", "half", "others"), default="none")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no trial after so many")
    parser.add_argument("--results", type=Path, help="file of results, which is added to")
    parser.add_argument("--place", type=Path, help="where the app is installed, to be used again")
    parser.add_argument("--keep", type=Path, help="where the run files go")
    parser.add_argument("--resample", type=int, default=0, help="A/A of the base runs that are kept")
    parser.add_argument("--again", action="store_true", help="judge kept runs of --results by today's method")
    parser.add_argument("--table", action="store_true", help="only print what --results has")
    options = parser.parse_args()
    names = [name for name in options.changes.split(",") if name]
    if wrong := set(names) - {change.name for change in CHANGES}:
        parser.error(f"there is no change {', '.join(sorted(wrong))}")
    if options.resample and not options.keep:
        parser.error("--resample takes --keep")
    options.chosen = [change for change in CHANGES if change.name in names]
    return options


def main() -> int:
    """Make the trials, one of each change after the other, and print the table."""
    options = options_of()
    # Ended from outside, what was started ends too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    old = options.table or options.resample or options.again
    trials = [] if old else [*options.chosen * options.times, *[SAME] * options.same]
    results = options.results or Path(tempfile.mkdtemp()) / "results.jsonl"
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name, strangers(0.5 if options.strangers == "half" else 0.0):
        if trials:
            failures = 0
            with shop(options.app, options.place or Path(name)) as place:
                for change in trials:
                    if time.monotonic() - began_s > options.seconds:
                        break
                    try:
                        said = {"strangers": options.strangers, **trial(place, change, options.keep)}
                    except NoComparisonError as error:
                        failures += 1
                        print(f"{change.name}: no comparison: {error}", flush=True)
                        if failures >= MOST_FAILURES:
                            return 1
                        continue
                    with results.open("a") as stream:
                        stream.write(json.dumps(said) + "\n")
                    print(
                        f"{change.name}: {said['change']}, {said['took_s']:.0f} s: {said['sentence']}",
                        flush=True,
                    )
    if options.again:
        judged_again(results)
    if results.exists():
        print(table(json.loads(line) for line in results.read_text().splitlines()))
    if options.resample:
        print(resampled(options.keep, options.app, options.resample))
    return 0


if __name__ == "__main__":
    sys.exit(main())
