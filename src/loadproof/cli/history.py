"""`loadproof history`: a scenario's runs over time, and where they changed."""

from __future__ import annotations

import functools
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.progress import track

from loadproof.errors import ConfigError, Problem, RunFileError, read_as, writing
from loadproof.plan.document import did_you_mean
from loadproof.runfile import RUNS_FOLDER
from loadproof.runfile.reader import read_facts, read_run
from loadproof.units import parse_percent

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.analysis.across_runs.history import History
    from loadproof.analysis.across_runs.measured import MeasuredRun

_PLAIN_WIDTH = 140


def command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A run's name, or its scenario's file; default: newest."),
    ] = None,
    folder: Annotated[Path, typer.Option("--folder", help="Where run files are.")] = RUNS_FOLDER,
    endpoint: Annotated[
        list[str] | None, typer.Option("--endpoint", help="Only this endpoint; repeat for more.")
    ] = None,
    statistic: Annotated[
        list[str] | None,
        typer.Option("--statistic", help="p50, p95, p99, mean, throughput or error-rate; repeat for more."),
    ] = None,
    branch: Annotated[str | None, typer.Option("--branch", help="Only runs of this git branch.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, max=1000, help="So many of the newest runs.")] = 100,
    tolerance: Annotated[str, typer.Option("--tolerance", help="Least change that is told.")] = "5%",
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write the series there as one HTML file, drawn.")
    ] = None,
    svg_file: Annotated[
        Path | None, typer.Option("--svg", help="Write the series that changed there as one picture.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all series there as JSON.")] = None,
) -> int:
    """Show runs of one scenario over time, and since which run they are slower."""
    from loadproof.analysis.across_runs.history import MEASURES, history
    from loadproof.reports.history import print_history, write_history_json, write_history_svg
    from loadproof.reports.html.history import write_history_html
    from loadproof.reports.terminal import console_for

    share = _tolerance(tolerance)
    wanted = [_measure(text, list(MEASURES)) for text in statistic or ()]
    chosen = _chosen(folder, name, branch)
    runs, left_out = _read([path for path, _ in chosen[-last:]])
    title = str(chosen[-1][1]["name"])
    found = history(title, runs, endpoints=endpoint or (), measures=wanted, tolerance=share)
    _check_endpoints(found, runs, endpoint or [])
    found = replace(found, left_out=(*left_out, *found.left_out))
    everything = bool(endpoint or statistic)
    if json_file is not None:
        _write(json_file, write_history_json, found)
    if svg_file is not None:
        _write(svg_file, functools.partial(write_history_svg, everything=everything), found)
    if html_file is not None:
        _write(html_file, functools.partial(write_history_html, everything=everything), found)
    console = console_for(sys.stdout, _PLAIN_WIDTH)
    print_history(found, console, everything=everything)
    return 0


def _chosen(folder: Path, name: str | None, branch: str | None) -> list[tuple[Path, dict[str, Any]]]:
    """The run files with the same name as `name`, or as the newest, oldest first; never empty."""
    known = []
    for path in sorted(folder.glob("*.db")) if folder.is_dir() else []:
        try:
            facts = read_facts(path)
        except RunFileError:
            continue  # `loadproof runs` shows what is wrong with it
        if branch is None or (facts.get("git") or {}).get("branch") == branch:
            known.append((path, facts))
    known.sort(key=lambda pair: (pair[1]["started_at_s"], pair[0].name))
    if not known:
        of_branch = f" of the branch {branch}" if branch else ""
        raise ConfigError(
            Problem(f"there is no run{of_branch} in {folder}", "", "--folder says where runs are")
        )
    wanted = str(known[-1][1]["name"]) if name is None else name
    chosen = [pair for pair in known if wanted in _names(pair[1])]
    if not chosen:
        names = sorted({str(facts["name"]) for _, facts in known})
        raise ConfigError(Problem(f"no run is called '{wanted}'", str(folder), did_you_mean(wanted, names)))
    return chosen


def _names(facts: dict[str, Any]) -> set[str]:
    scenario = str(facts["plan"].get("scenario", ""))
    return {str(facts["name"]), scenario, Path(scenario).name}


def _read(paths: list[Path]) -> tuple[list[MeasuredRun], list[tuple[str, str]]]:
    """What each run measured; those that did not run to their end are left out."""
    from loadproof.analysis.across_runs.measured import measured
    from loadproof.model import Outcome

    runs: list[MeasuredRun] = []
    left_out: list[tuple[str, str]] = []
    bar = Console(stderr=True)
    for path in track(paths, "reading runs", console=bar, transient=True, disable=not bar.is_terminal):
        try:
            run = read_run(path)
        except RunFileError as error:
            left_out.append((path.stem, error.problems[0].message))
            continue
        if run.outcome is not Outcome.COMPLETED:
            left_out.append((path.stem, str(run.outcome or Outcome.RUNNING)))
        else:
            runs.append(_slim(measured(run)))
    return runs, left_out


def _slim(run: MeasuredRun) -> MeasuredRun:
    """Without each second's histogram: of a hundred long runs these would fill the memory."""
    return replace(
        run, endpoints=tuple(replace(endpoint, seconds=None) for endpoint in run.endpoints), window=()
    )


def _measure(text: str, names: list[str]) -> str:
    known = text.strip().lower().replace("_", " ").replace("-", " ")
    if known not in names:
        raise ConfigError(
            Problem(
                f"there is no statistic '{text}'",
                "--statistic",
                did_you_mean(known, names) or ", ".join(names),
            )
        )
    return known


def _tolerance(text: str) -> float:
    share = read_as(parse_percent, text, "--tolerance")
    if share <= 0:
        raise ConfigError(Problem("the tolerance must be more than 0", "--tolerance", "such as 5%"))
    return share


def _check_endpoints(found: History, runs: list[MeasuredRun], wanted: list[str]) -> None:
    known = sorted({endpoint.name for run in runs for endpoint in run.endpoints})
    shown = {series.endpoint for series in found.series}
    missing = [name for name in wanted if name not in shown]
    if missing and known:
        raise ConfigError(
            *(
                Problem(f"no run has an endpoint '{name}'", "--endpoint", did_you_mean(name, known))
                for name in missing
            )
        )


def _write(path: Path, write: Callable[[History, TextIO], None], found: History) -> None:
    with writing("the history", path), path.open("w", encoding="utf-8") as stream:
        write(found, stream)
