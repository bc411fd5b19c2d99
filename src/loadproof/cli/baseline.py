"""`loadproof baseline`: the runs that others are compared against."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text

from loadproof.cli.listing import WITHOUT_TERMINAL, Listing
from loadproof.cli.output import waiting
from loadproof.errors import ConfigError, ExitCode, Problem
from loadproof.model import Finding, FindingKind, Verdict
from loadproof.reports.terminal import console_for
from loadproof.runfile.provenance import current_branch
from loadproof.units import format_count, format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.analysis.across_runs.measured import MeasuredRun

app = typer.Typer(no_args_is_help=True, help="Runs to compare against, by name and git branch.")

_RUNS: Final = Listing("run", (("run file",),), frozenset({"requests", "p50", "p95", "p99"}))
_BASELINES: Final = Listing("branch", (("file",),), frozenset({"runs"}))
Branch = Annotated[
    str | None, typer.Option("--branch", help="By default the branch that is checked out, if there is one.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, '.', '_' and '-'.")]


@app.command("set")
def set_(
    name: Name,
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run files; five or more.")],
    add: Annotated[bool, typer.Option("--add", help="Keep the runs that it has.")] = False,
    branch: Branch = None,
) -> int:
    """Make runs the baseline NAME of this branch."""
    from loadproof.analysis.compare.baseline import check_one_kind, read_baseline_file, write_baseline
    from loadproof.analysis.compare.baselines import baseline_file
    from loadproof.analysis.compare.estimate import BASE_FOR_ONE
    from loadproof.analysis.compare.groups import grown
    from loadproof.pipeline.comparing import open_sides

    branch = branch or current_branch()
    path = baseline_file(name, branch)
    if add:
        kept = read_baseline_file(path) if path.exists() else ()
        with waiting("reading the runs"):
            passed, told = _without_failed(runs)
            every, notes, taken = grown(kept, open_sides(passed)[0])
        for note in (*told, *notes):
            typer.echo(note)
        if not taken:
            typer.echo(f"baseline {name} is as it was")
            return 0
    else:
        with waiting("reading the runs"):
            every = open_sides([str(run) for run in runs])[0]
        _refuse_invalid(every)
        check_one_kind(every)
    write_baseline(path, name, branch, every)
    on = f" of branch {branch}" if branch else ""
    typer.echo(f"baseline {name}{on}: {len(every)} run{'' if len(every) == 1 else 's'}")
    if len(every) < BASE_FOR_ONE:
        typer.echo(
            f"a single run can be judged against {BASE_FOR_ONE} or more: add {BASE_FOR_ONE - len(every)}"
        )
    return 0


def _without_failed(runs: list[Path]) -> tuple[list[str], list[str]]:
    """The runs that did not fail by their own verdict, and what is to be said of all.

    What could not be proved is taken in, but not silently: many small regressions would each be left open.
    """
    from loadproof.runfile.reader import read_run

    passed, told = [], []
    for path in runs:
        with path.open("rb") as stream:
            is_run = stream.read(6) == b"SQLite"
        run = read_run(path) if is_run else None
        failed = [f.sentence for f in run.findings if f.verdict is Verdict.FAIL] if run else []
        if failed:
            told.append(f"left out: {path.name} failed: {failed[0]}")
            continue
        passed.append(str(path))
        unproved = [f.sentence for f in run.findings if _left_open(f)] if run else []
        if unproved:
            told.append(f"{path.name} is taken in, and not everything of it was proved:")
            told += [f"  {sentence}" for sentence in unproved]
    return passed, told


def _left_open(finding: Finding) -> bool:
    """Whether a requirement, or the comparison with the baseline, could not be decided."""
    if finding.id == "baseline":
        return finding.is_note or finding.verdict is Verdict.INCONCLUSIVE
    return finding.verdict is Verdict.INCONCLUSIVE and finding.kind is FindingKind.VERDICT


def _refuse_invalid(runs: Sequence[MeasuredRun]) -> None:
    """A baseline stands on valid runs only. Raises ConfigError with every one that is not."""
    problems = [
        Problem(f"not a valid run: {run.invalid[0]}", run.source, "run it again, and set that one")
        for run in runs
        if run.invalid
    ]
    if problems:
        raise ConfigError(*problems)


@app.command("show")
def show(name: Name, branch: Branch = None) -> int:
    """Print the runs of a baseline."""
    from loadproof.analysis.compare.baselines import FOLDER, baselines, find_baseline

    if not any(baseline.name == name for baseline in baselines()):
        typer.echo(f"there is no baseline '{name}' yet in {FOLDER}: `loadproof baseline set` makes it")
        return int(ExitCode.USAGE)
    found = find_baseline(name, branch or current_branch())
    runs = found.runs()
    console = console_for(sys.stdout, WITHOUT_TERMINAL)
    console.print(Text(f"baseline {name}" + (f" of branch {found.branch}" if found.branch else "")))
    _RUNS.show([{title: Text(text) for title, text in _row(run).items()} for run in runs], console)
    if any(len(_known_times(run)) < len(_QUANTILES) for run in runs):
        console.print(Text("— too few requests of that run, or its source does not tell", style="dim"))
    return 0


@app.command("list")
def list_() -> int:
    """List the baselines, with their branches."""
    from loadproof.analysis.compare.baselines import FOLDER, baselines

    found = baselines()
    if not found:
        typer.echo(f"no baselines in {FOLDER}")
        return 0
    rows = []
    for baseline in found:
        try:
            number = str(len(baseline.runs()))
        except ConfigError as error:
            number = error.problems[0].message
        cells = {"baseline": baseline.name, "branch": baseline.branch or "", "runs": number}
        cells["file"] = str(baseline.path)
        rows.append({title: Text(text) for title, text in cells.items()})  # a name is no markup
    _BASELINES.show(rows, console_for(sys.stdout, WITHOUT_TERMINAL))
    return 0


@app.command("remove")
def remove(name: Name, branch: Branch = None) -> int:
    """Remove a baseline; its run files stay."""
    from loadproof.analysis.compare.baselines import baseline_file

    branch = branch or current_branch()
    path = baseline_file(name, branch)
    if not path.exists():
        on = f" on branch {branch}" if branch else ""
        hint = "`loadproof baseline list` lists them; --branch names another branch"
        raise ConfigError(Problem(f"there is no baseline '{name}'{on}", hint=hint))
    path.unlink()
    return 0


@app.command("export")
def export(
    name: Name,
    to: Annotated[Path, typer.Option("--to", help="The file to write.")] = Path("loadproof-baseline.json"),
    branch: Branch = None,
) -> int:
    """Write a baseline as one small JSON file to keep in the repository and compare against."""
    from dataclasses import replace

    from loadproof.analysis.compare.baseline import write_baseline
    from loadproof.analysis.compare.baselines import find_baseline

    found = find_baseline(name, branch or current_branch())
    # Where the runs lie on this machine is nobody else's business.
    runs = [replace(run, source=to.name) for run in found.runs()]
    write_baseline(to, name, found.branch, runs)
    typer.echo(f"{to}: {len(runs)} runs of baseline {name}")
    return 0


_QUANTILES: Final = (0.5, 0.95, 0.99)


def _known_times(run: MeasuredRun) -> dict[float, float]:
    """Seconds by quantile, of all its requests."""
    times_s = run.endpoints[-1].quantiles_s
    return {quantile: times_s[quantile] for quantile in _QUANTILES if quantile in times_s}


def _row(run: MeasuredRun) -> dict[str, str]:
    total = run.endpoints[-1]
    known = _known_times(run)
    started = run.started_at_s
    times = {q: format_duration(known[q]) if q in known else "—" for q in _QUANTILES}
    return {
        "run": run.label,
        "started": "" if started is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(started)),
        "commit": (run.commit or "")[:9],
        "requests": format_count(total.requests),
        **{f"p{round(100 * quantile)}": text for quantile, text in times.items()},
        "run file": run.source,
    }
