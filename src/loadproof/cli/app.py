"""The Typer application, and the one place where errors become exit codes."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from loadproof.errors import ConfigError, ExitCode, LoadproofError, Problem
from loadproof.version import __version__

if TYPE_CHECKING:
    from collections.abc import Collection

# Typer brings a copy of Click of its own since 0.16 or so, and names this class nowhere: what Click raises is
# not what Typer raises.
_CommandLineError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[2])
_NO_WORDS: Final = "NoArgsIsHelpError"
"""A group of commands without a command: what it then shows is its help, and no error."""

COMPLETE: Final = "_LOADPROOF_COMPLETE"
"""The variable by which a shell's completion asks for the words that fit."""
PASS_THROUGH: Final = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": ["--help", "-h"],
}
"""Options that are not Loadproof's own go to the engine as they are."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One command, in the module of its name; imported when it is called: `--help` is there at once."""

    summary: str
    """The first sentence of its own help."""
    group: str
    """Under which title `loadproof --help` has it."""
    example: str
    """One that can be typed as it is, in a folder that has such files."""
    function: str = "command"
    """"app" for one with commands of its own."""
    parser: str = ""
    """A class of its own that parses its words."""
    passes: bool = False
    """Whether it takes options of the engine."""


_TEST, _LOOK, _COMPARE, _BEGIN = "Test a service", "Look at runs", "Compare", "Begin, and look around"
_DEMO = "http://127.0.0.1:8000"

VERBS: Final[dict[str, Verb]] = {
    "run": Verb(
        "Drive a scenario against a service and answer with a verdict.", _TEST,
        f"loadproof run locustfile.py --target {_DEMO} --users 20 --spawn-rate 5 --run-time 1m",
        passes=True,
    ),
    "capacity": Verb(
        "Search the greatest load that meets the requirements.", _TEST,
        f"loadproof capacity locustfile.py --target {_DEMO} --requirements requirements.yaml",
        passes=True,
    ),
    "check": Verb(
        "Check a scenario, its requirements and loadproof.yaml; sends nothing.", _TEST,
        f"loadproof check locustfile.py --target {_DEMO} --users 20 --run-time 1m",
        passes=True,
    ),
    "worker": Verb(
        "Work for a run on another machine until that run is over.", _TEST,
        "loadproof worker --master 10.0.0.5",
        passes=True,
    ),
    "judge": Verb(
        "Judge a run again, also against other requirements, or judge what another program recorded.", _LOOK,
        "loadproof judge --requirements stricter.yaml",
    ),
    "suggest": Verb(
        "Write limits from a run, with room and with reasons: `loadproof suggest > requirements.yaml`.",
        _LOOK,
        "loadproof suggest > requirements.yaml",
    ),
    "report": Verb(
        "Write reports of a run; without an option, RUN.html beside it.", _LOOK,
        "loadproof report --markdown report.md",
    ),
    "open": Verb(
        "Open the HTML report of a run in the browser; prints where it is.", _LOOK, "loadproof open"
    ),
    "runs": Verb("List runs, newest first.", _LOOK, "loadproof runs"),
    "init": Verb(
        "Write loadproof.yaml, a scenario if there is none, and a CI pipeline; never overwrites unasked.",
        _BEGIN, "loadproof init --from openapi.json --ci github",
    ),
    "compare": Verb(
        "Say what changed between runs of two builds, and how sure that is.", _COMPARE,
        "loadproof compare base-1.db base-2.db -- head-1.db head-2.db",
        parser="SidesCommand",
    ),
    "ab": Verb(
        "Compare two builds on this machine, in turns, in as many rounds as it takes.", _COMPARE,
        "loadproof ab locustfile.py --base-start './old' --head-start './new' -u 10 -r 10 -t 20s",
        passes=True,
    ),
    "history": Verb(
        "Show runs of one scenario over time, and since which run they are slower.", _COMPARE,
        "loadproof history",
    ),
    "export": Verb(
        "Write a run's slices and readings in a format that other programs read.", _LOOK,
        "loadproof export --format parquet --output run.parquet",
    ),
    "doctor": Verb(
        "Show engines, versions, limits, ports and clock, what would be watched, and what to mend.", _BEGIN,
        f"loadproof doctor {_DEMO}",
    ),
    "baseline": Verb(
        "Runs to compare against, by name and git branch.", _COMPARE,
        "loadproof baseline set api run-1.db run-2.db run-3.db run-4.db run-5.db",
        function="app",
    ),
    "demo": Verb(
        "A loan service on a real PostgreSQL, to try Loadproof on.", _BEGIN,
        "loadproof demo --seconds 20 --fault delay=250ms",
        function="app",
    ),
    "k6": Verb(
        "What k6 scripts need beside themselves: imports of URLs, kept in a folder.", _BEGIN,
        "loadproof k6 vendor script.js",
        function="app",
    ),
    "config": Verb(
        "What may stand in loadproof.yaml.", _BEGIN, "loadproof config schema", function="app"
    ),
    "completion": Verb(
        "Print the completion of a shell: `loadproof completion bash`, to be read by it at its start.",
        _BEGIN,
        "loadproof completion bash >> ~/.bashrc",
    ),
}  # fmt: skip
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
        rich_markup_mode="markdown",
    )
    app.callback()(_root)
    for name, verb in VERBS.items():
        shown: dict[str, Any] = {
            "help": verb.summary, "epilog": f"Example: `{verb.example}`", "rich_help_panel": verb.group,
        }  # fmt: skip
        if name not in called:
            app.command(name, **shown)(_not_called)
            continue
        module = import_module(f"loadproof.cli.{name}")
        own: Any = getattr(module, verb.function)
        if verb.function == "app":
            app.add_typer(own, name=name, **shown)
        else:
            del shown["help"]  # its own says more
            parser: Any = getattr(module, verb.parser) if verb.parser else None
            passes = PASS_THROUGH if verb.passes else None
            app.command(name, cls=parser, context_settings=passes, **shown)(own)
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
            from loadproof.cli.engine_words import with_engine_words

            words = with_engine_words(words)
        if COMPLETE in os.environ:
            from typer._completion_classes import completion_init

            from loadproof.cli.completion import asked_for

            completion_init()
            build_app(asked_for(VERBS))(prog_name="loadproof", complete_var=COMPLETE)
        code = build_app({called})(words, prog_name="loadproof", standalone_mode=False)
    except LoadproofError as error:
        _print_error(error)
        return int(error.exit_code)
    except _CommandLineError as error:
        if type(error).__name__ == _NO_WORDS:
            error.show(sys.stderr)
            return int(ExitCode.USAGE)
        _print_error(_in_our_style(error))
        return int(ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return int(ExitCode.INTERRUPTED)
    return int(code or 0)


def _in_our_style(error: Any) -> ConfigError:
    """What the parser found wrong, as every other error: the thing, and the way out."""
    path = error.ctx.command_path if error.ctx is not None else "loadproof"
    message, near = error.format_message(), getattr(error, "possibilities", None)
    way_out = f"`{path} --help` lists what there is"
    if near:
        message = message.partition(" (")[0].partition(" Did you mean")[0]
        way_out = f"did you mean {sorted(near, key=len)[0]}? {way_out}"
    return ConfigError(Problem(message[:1].lower() + message[1:].rstrip("."), hint=way_out))


def _print_error(error: LoadproofError) -> None:
    from rich.console import Console
    from rich.text import Text

    from loadproof.safety.plain import lines
    from loadproof.safety.redact import Redactor, secrets_of_environment

    hide = Redactor(secrets_of_environment(os.environ)).text

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for problem in error.problems:
        where = f"{problem.where}: " if problem.where else ""
        # What a scenario or a server says in an error may hold a secret.
        console.print(Text.assemble(("error: ", "bold red"), lines(hide(where + problem.message))))
        if problem.hint:
            console.print(Text.assemble("       ", lines(hide(problem.hint))))
