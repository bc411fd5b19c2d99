"""The Typer application, and the one place where errors become exit codes."""

from __future__ import annotations

import io
import sys
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.text import Text

from loadproof.cli import (
    ab,
    baseline,
    capacity,
    check,
    compare,
    demo,
    doctor,
    export,
    history,
    init,
    judge,
    report,
    run,
    runs,
    worker,
)
from loadproof.cli.scenario import with_long_options
from loadproof.errors import ExitCode, LoadproofError
from loadproof.safety.redact import redact_text
from loadproof.version import __version__

app = typer.Typer(
    name="loadproof",
    help="Performance tests with one verdict: does the service hold its load?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# Typer brings a copy of Click of its own since 0.16 or so, and names this class nowhere: what Click raises is
# not what Typer raises.
_CommandLineError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[2])

PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Options that are not Loadproof's own go to the engine as they are."""

app.command("run", context_settings=PASS_THROUGH)(run.command)
app.command("capacity", context_settings=PASS_THROUGH)(capacity.command)
app.command("check", context_settings=PASS_THROUGH)(check.command)
app.command("worker", context_settings=PASS_THROUGH)(worker.command)
app.command("judge")(judge.command)
app.command("report")(report.command)
app.command("runs")(runs.command)
app.command("init")(init.command)
app.command("compare", cls=compare.SidesCommand)(compare.command)
app.command("ab", context_settings=PASS_THROUGH)(ab.command)
app.add_typer(baseline.app, name="baseline")
app.command("history")(history.command)
app.command("export")(export.command)
app.command("doctor")(doctor.command)
app.add_typer(demo.app, name="demo")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"loadproof {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Performance tests with one verdict."""


def run_app(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code; every LoadproofError becomes one message on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # A verdict must not be lost because the terminal has no letter for its mark.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = app(with_long_options(sys.argv[1:] if argv is None else argv), standalone_mode=False)
    except LoadproofError as error:
        _print_error(error)
        return int(error.exit_code)
    except _CommandLineError as error:
        error.show(sys.stderr)
        return int(ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return int(ExitCode.INTERRUPTED)
    return int(code or 0)


def _print_error(error: LoadproofError) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for problem in error.problems:
        where = f"{problem.where}: " if problem.where else ""
        # What a scenario or a server says in an error may hold a secret.
        console.print(Text.assemble(("error: ", "bold red"), redact_text(where + problem.message)))
        if problem.hint:
            console.print(Text.assemble("       ", redact_text(problem.hint)))
