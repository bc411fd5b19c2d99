"""The Typer application, and the one place where errors become exit codes."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from loadproof.errors import ExitCode, LoadproofError
from loadproof.version import __version__

if TYPE_CHECKING:
    from collections.abc import Collection

# Typer brings a copy of Click of its own since 0.16 or so, and names this class nowhere: what Click raises is
# not what Typer raises.
_CommandLineError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[2])

PASS_THROUGH: Final = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Options that are not Loadproof's own go to the engine as they are."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One command, in the module of its name; imported when it is called: `--help` is there at once."""

    summary: str
    """The first sentence of its own help."""
    function: str = "command"
    """"app" for one with commands of its own."""
    parser: str = ""
    """A class of its own that parses its words."""
    passes: bool = False
    """Whether it takes options of the engine."""


VERBS: Final[dict[str, Verb]] = {
    "run": Verb("Drive a scenario against a service and answer with a verdict.", passes=True),
    "capacity": Verb("Search the greatest load that meets the requirements.", passes=True),
    "check": Verb("Check a scenario, its requirements and loadproof.yaml; sends nothing.", passes=True),
    "worker": Verb("Work for a run on another machine until that run is over.", passes=True),
    "judge": Verb(
        "Judge a run again, also against other requirements, or judge what another program recorded."
    ),
    "suggest": Verb(
        "Write limits from a run, with room and with reasons: `loadproof suggest > requirements.yaml`."
    ),
    "report": Verb("Write reports of a run; without an option, RUN.html beside it."),
    "open": Verb("Open the HTML report of a run in the browser; prints where it is."),
    "runs": Verb("List runs, newest first."),
    "init": Verb(
        "Write loadproof.yaml, a scenario if there is none, and a CI pipeline; never overwrites unasked."
    ),
    "compare": Verb(
        "Say what changed between runs of two builds, and how sure that is.", parser="SidesCommand"
    ),
    "ab": Verb("Compare two builds on this machine, in turns, in as many rounds as it takes.", passes=True),
    "history": Verb("Show runs of one scenario over time, and since which run they are slower."),
    "export": Verb("Write a run's slices and readings in a format that other programs read."),
    "doctor": Verb(
        "Show engines, versions, limits, ports and clock, what would be watched, and what to mend."
    ),
    "baseline": Verb("Runs to compare against, by name and git branch.", function="app"),
    "demo": Verb("A loan service on a real PostgreSQL, to try Loadproof on.", function="app"),
}
"""In the order of `loadproof --help`. A new command is a row here and a module of its name."""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"loadproof {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Performance tests with one verdict."""


def build_app(called: Collection[str]) -> typer.Typer:
    """The application with the verbs that are `called`; of the others only the names and summaries."""
    app = typer.Typer(
        name="loadproof",
        help="Performance tests with one verdict: does the service hold its load?",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    for name, verb in VERBS.items():
        if name not in called:
            app.command(name, help=verb.summary)(_not_called)
            continue
        module = import_module(f"loadproof.cli.{name}")
        own: Any = getattr(module, verb.function)
        if verb.function == "app":
            app.add_typer(own, name=name)
        else:
            parser: Any = getattr(module, verb.parser) if verb.parser else None
            app.command(name, cls=parser, context_settings=PASS_THROUGH if verb.passes else None)(own)
    return app


def _not_called() -> None:
    raise AssertionError("a command that was not called")


def run_app(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code; every LoadproofError becomes one message on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # A verdict must not be lost because the terminal has no letter for its mark.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    words = sys.argv[1:] if argv is None else argv
    called = next((word for word in words if not word.startswith("-")), "")
    try:
        if called in VERBS and VERBS[called].passes:
            from loadproof.cli.scenario import with_long_options

            words = with_long_options(words)
        code = build_app({called})(words, standalone_mode=False)
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
    from rich.console import Console
    from rich.text import Text

    from loadproof.safety.redact import redact_text

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for problem in error.problems:
        where = f"{problem.where}: " if problem.where else ""
        # What a scenario or a server says in an error may hold a secret.
        console.print(Text.assemble(("error: ", "bold red"), redact_text(where + problem.message)))
        if problem.hint:
            console.print(Text.assemble("       ", redact_text(problem.hint)))
