"""The Typer application, and the one place where errors become exit codes."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Annotated, Any, Final, cast

import typer

from loadproof.cli.verbs import COMPLETE, VERBS
from loadproof.errors import ConfigError, ExitCode, LoadproofError, Problem
from loadproof.version import __version__

_CommandLineError = cast(
    "type[typer.BadParameter]",
    next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"),
)
"""Typer has Click, or a copy of it: this is the base of what the one in use raises for a command line."""
_NO_WORDS: Final = "NoArgsIsHelpError"
"""A group of commands without a command: what it then shows is its help, and no error."""

_BOUND: Final = re.compile(r"Input should be (greater|less) than or equal to (\S+)")
_WITH_UNIT: Final = re.compile(r"(\d+(?:\.\d+)?) ?(?:/s|users?|vus|rps|s)", re.IGNORECASE)
"""A number with a unit that goes without saying: `--spawn-rate 2/s`."""
_NEAR: Final = 0.7
"""How alike an option must be to be the one that was meant."""
_KINDS: Final = {
    "Input should be a valid integer, unable to parse string as an integer": "a whole number",
    "Input should be a valid number, unable to parse string as a number": "a number",
}
"""What the parser says of a value, and what it should be."""

_OPTIONS: Final = {"help": "--help", "version": "--version"}
"""What is a command of other programs, and an option here."""

PASS_THROUGH: Final = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": ["--help", "-h"],
}
"""Options that are not Loadproof's own go to the engine as they are."""


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
            del shown["help"]  # its own help says more
            parser: Any = getattr(module, verb.parser) if verb.parser else None
            passes = PASS_THROUGH if verb.passes else None
            app.command(name, cls=parser, context_settings=passes, **shown)(own)
    return app


def _not_called() -> None:
    raise AssertionError("a command that was not called")


def run_app(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code; every LoadproofError becomes one message on stderr."""
    words = sys.argv[1:] if argv is None else argv
    called = next((word for word in words if not word.startswith("-")), "")
    try:
        if called in VERBS:
            from loadproof.cli.slips import check_slips

            check_slips(words)
        if called in VERBS and VERBS[called].passes:
            from loadproof.cli.engine_words import with_engine_words

            words = with_engine_words(words)
        if COMPLETE in os.environ:
            from loadproof.cli.completion import asked_for, begin

            if not begin():
                return 0
            build_app(asked_for(VERBS))(prog_name="loadproof", complete_var=COMPLETE)
        code = build_app({called})(words, prog_name="loadproof", standalone_mode=False)
    except LoadproofError as error:
        _print_error(error)
        return int(error.exit_code)
    except _CommandLineError as error:
        if type(error).__name__ == _NO_WORDS:
            error.show(sys.stderr)
            return int(ExitCode.USAGE)
        _print_error(_in_our_style(error, words))
        return int(ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return int(ExitCode.INTERRUPTED)
    return int(code or 0)


def _in_our_style(error: Any, words: Sequence[str]) -> ConfigError:
    """What the parser found wrong among `words`, as every other error: the thing, and the way out."""
    names: Sequence[str] = getattr(getattr(error, "param", None), "opts", ())
    given = [_value_of(name, words) for name in names]
    value, kind = next(filter(None, given), None), _KINDS.get(error.format_message().rpartition(": ")[2])
    if value is not None and kind is not None:
        plain = _WITH_UNIT.fullmatch(value)
        return ConfigError(
            Problem(f"'{value}' is not {kind}", names[0], f"write {plain[1]}" if plain else "")
        )
    bound = _BOUND.search(error.format_message())
    if value is not None and bound is not None:
        word = "less" if bound[1].startswith("greater") else "more"
        return ConfigError(Problem(f"{value} is {word} than {bound[2]}", names[0], f"{bound[2]} is allowed"))
    path = " ".join(["loadproof", *words[:1]]) if words and words[0] in VERBS else "loadproof"
    path = error.ctx.command_path if error.ctx is not None else path
    if path == "loadproof" and words[0].startswith("-") and len(words) > 1:
        hint = f"a command comes first: `loadproof run {words[0]} ...`; `loadproof --help` lists them"
        return ConfigError(Problem(f"{words[0]} is no command", hint=hint))
    message, _, meant = error.format_message().partition(" Did you mean ")
    wrong = getattr(error, "option_name", "")
    near = difflib.get_close_matches(wrong, getattr(error, "possibilities", None) or (), cutoff=_NEAR)
    from loadproof.plan.profiles import DEFAULT_STAGES  # only where something is wrong

    profile = next((kind for kind in DEFAULT_STAGES if path == "loadproof" and f"'{kind}'" in message), None)
    asked = next((option for word, option in _OPTIONS.items() if f"'{word}'" in message), None)
    if asked is not None and path == "loadproof":
        verb = next((f" {word}" for word in words[1:] if word in VERBS), "")
        return ConfigError(
            Problem(message[:1].lower() + message[1:].rstrip("."), hint=f"`loadproof{verb} {asked}`")
        )
    if profile is not None:
        hint = f"it is a kind of load: `loadproof run SCENARIO --profile {profile}`"
        return ConfigError(Problem(message[:1].lower() + message[1:].rstrip("."), hint=hint))
    way_out = f"`{path} --help` lists what there is"
    if getattr(error, "possibilities", None):
        message, meant = message.partition(" (")[0], f"{near[0]}?" if near else ""
    if meant:
        way_out = f"did you mean {meant} {way_out}"
    return ConfigError(Problem(message[:1].lower() + message[1:].rstrip("."), hint=way_out))


def _value_of(name: str, words: Sequence[str]) -> str | None:
    """What follows an option on the command line."""
    for word, following in zip(words, [*words[1:], None], strict=True):
        if word == name:
            return following
        if word.startswith(f"{name}=") or (word.startswith(name) and not name.startswith("--")):
            return word.removeprefix(name).removeprefix("=")
    return None


def _print_error(error: LoadproofError) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from loadproof.safety.known import Redactor, secrets_of_environment
    from loadproof.safety.plain import lines

    hide = Redactor(secrets_of_environment(os.environ)).text

    console = Console(stderr=True, highlight=False)
    for problem in error.problems:
        where = f"{problem.where}: " if problem.where else ""
        # What a scenario or a server says in an error may hold a secret.
        told = [(Text("error: ", "bold red"), lines(hide(where + problem.message)))]
        told += [(Text("       "), lines(hide(problem.hint)))] if problem.hint else []
        for margin, text in told:
            if not console.is_terminal:
                console.print(Text.assemble(margin, text), soft_wrap=True)
                continue
            table = Table.grid()
            table.add_column(no_wrap=True)
            table.add_column(overflow="fold")
            table.add_row(margin, Text(text))
            console.print(table)
