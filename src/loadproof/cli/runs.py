"""`loadproof runs`: what is in the folder of runs."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from loadproof.cli.listing import WITHOUT_TERMINAL, Listing
from loadproof.errors import RunFileError
from loadproof.reports.terminal import STYLES, console_for
from loadproof.runfile import RUNS_FOLDER
from loadproof.runfile.reader import read_facts
from loadproof.safety.redact import redact_url
from loadproof.units import cut_name, format_duration, format_size

_TARGET_ROOM = 32
_TITLES: Final = ("started", "name", "target", "load", "took", "p95", "verdict", "size", "run file")
_LISTING: Final = Listing("name", (("load", "target"), ("run file",)), frozenset({"took", "p95", "size"}))


def command(
    folder: Annotated[Path, typer.Option("--folder", help="Where run files are.")] = RUNS_FOLDER,
    prune: Annotated[
        int | None, typer.Option("--prune", min=1, help="Delete all but so many of the newest finished runs.")
    ] = None,
) -> int:
    """List runs, newest first."""
    if prune is not None and folder.is_dir():
        for file in _beyond(folder, prune):
            for one in (file, file.with_suffix(".html")):
                one.unlink(missing_ok=True)
            typer.echo(f"deleted {file} and its report")
    files = list(folder.glob("*.db")) if folder.is_dir() else []
    console = console_for(sys.stdout, WITHOUT_TERMINAL)
    if not files:
        console.print(Text(f"no runs in {folder}"))
        return 0
    rows = sorted((_row(file) for file in files), key=lambda row: row[0], reverse=True)
    _LISTING.show([cells for _, cells in rows], console)
    return 0


def _beyond(folder: Path, keep: int) -> list[Path]:
    """The finished runs that are older than the newest `keep`.

    One that cannot be read, or whose end nobody wrote, may be worth a look, and stays.
    """
    finished = []
    for file in folder.glob("*.db"):
        with contextlib.suppress(RunFileError):
            facts = read_facts(file)
            if facts["state"] == "FINISHED":
                finished.append((facts["started_at_s"], file))
    return [file for _, file in sorted(finished, reverse=True)[keep:]]


def _row(file: Path) -> tuple[float, dict[str, Text]]:
    """When it started, and its cells. One that cannot be read stands first, with the reason."""
    try:
        facts = read_facts(file)
    except RunFileError as error:
        why = Text(error.problems[0].message, style="red")
        told = {"started": Text("?"), "name": Text(file.stem), "load": why, "run file": Text(str(file))}
        return float("inf"), {title: told.get(title, Text("")) for title in _TITLES}
    started_s, ended_s, p95_s = facts["started_at_s"], facts.get("ended_at_s"), facts.get("p95_s")
    return started_s, {
        "started": Text(time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(started_s))),
        "name": Text(facts["name"]),
        "target": Text(cut_name(redact_url(str(facts["plan"].get("target") or "")), _TARGET_ROOM)),
        "load": Text(_load(facts["plan"])),
        "took": Text("" if ended_s is None else format_duration(float(round(ended_s - started_s)))),
        "p95": Text("" if p95_s is None else format_duration(p95_s)),
        "verdict": _verdict(facts),
        "size": Text(format_size(file.stat().st_size)),
        "run file": Text(str(file)),
    }


def _verdict(facts: Mapping[str, Any]) -> Text:
    """The verdict; beside it how the run ended, where it did not end by itself."""
    outcome = facts["outcome"] or "running"
    verdict = str(facts.get("verdict", ""))
    style = {str(known): style for known, style in STYLES.items()}.get(verdict, "")
    words = [(verdict, style)] * bool(verdict) + [(str(outcome), "")] * (outcome != "completed")
    return Text(" ").join(Text(*word) for word in words)


def _load(plan: Mapping[str, Any]) -> str:
    """ "load 50 users", "spike 200/s"; the profile alone where the scenario has the load."""
    profile = plan["profile"]
    stages = profile.get("stages") or []
    kind = f"{plan['engine']}, {profile['kind']}"
    if not stages:
        return kind
    most = max(stage["target"] for stage in stages)
    return f"{kind} {most:g}{'/s' if profile.get('open_model') else ' users'}"
