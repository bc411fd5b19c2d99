"""`loadproof k6`: what the k6 engine needs beside a script."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from loadproof.errors import ConfigError, Problem
from loadproof.units import format_size

app = typer.Typer(
    no_args_is_help=True, help="What k6 scripts need beside themselves: imports of URLs, kept in a folder."
)


@app.callback()
def k6() -> None:
    """What k6 scripts need beside themselves: imports of URLs, kept in a folder."""


@app.command("vendor")
def vendor(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A k6 script.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Download without asking.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Download also what is there already.")] = False,
) -> int:
    """Download what a script imports by URL into `k6-modules` beside it; runs take it from there."""
    from loadproof.engines.k6.download import Download

    work = Download(script, again=again)
    for url, module in work.present():
        typer.echo(f"there    {url}  {format_size(module.size_bytes)}  sha256 {module.sha256[:12]}")
    agreed = yes
    while waiting := work.waiting():
        if not agreed:
            _ask(waiting, script)
        for url in waiting:
            module, changed = work.fetch(url)
            what = "changed " if changed else "fetched "
            typer.echo(f"{what} {url}  {format_size(module.size_bytes)}  sha256 {module.sha256[:12]}")
    if not work.needed:
        typer.echo(f"{script} imports nothing by URL")
        return 0
    count = len(work.needed)
    typer.echo(f"{work.store.folder} has {count} module{'' if count == 1 else 's'}: keep it with the script")
    return 0


def _ask(waiting: Sequence[str], script: Path) -> None:
    """Nothing is downloaded without a word of the user's. Raises ConfigError where nobody can be asked."""
    if not sys.stdin.isatty():
        hint = f"say that they may be downloaded: loadproof k6 vendor {script} --yes"
        raise ConfigError(Problem(f"it imports {', '.join(waiting)}", str(script), hint))
    for url in waiting:
        typer.echo(f"imports  {url}")
    typer.confirm("Download this code, which then runs in your load tests?", abort=True)
