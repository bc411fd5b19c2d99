"""What a verb writes beside the terminal: report files, and GitHub's annotations and step summary."""

from __future__ import annotations

import functools
import inspect
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from loadproof.cli.streams import live_console, write_orders
from loadproof.errors import ConfigError, ExitCode, Problem
from loadproof.model import Report
from loadproof.pipeline.outputs import check_places, keep_report, write_report

_PANEL = "Reports"
_HEAD_BYTES = 4_096
"""Of a page, which say by what it was made."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Which reports are wanted, and where."""

    html: Path | None = None
    junit: Path | None = None
    markdown: Path | None = None
    json: Path | None = None
    svg: Path | None = None
    github: bool = False
    others: tuple[tuple[str, Path], ...] = ()
    """Further reporters by name."""
    strict: bool = False
    """Whether a file that could not be written is the exit code, too."""

    @property
    def draws(self) -> bool:
        """Whether one of them has charts, which take a while to make."""
        return self.html is not None or self.svg is not None

    def files(self) -> dict[str, Path]:
        """The files to write, by the name of their reporter."""
        given = {
            "html": self.html, "junit": self.junit, "markdown": self.markdown, "json": self.json,
            "svg": self.svg,
        }  # fmt: skip
        return {kind: path for kind, path in given.items() if path is not None} | dict(self.others)

    def check(self) -> None:
        """Raises ConfigError: a form is unknown, two reports would go to one file, one cannot be written."""
        from loadproof.reports import reporter

        for kind, _ in self.others:
            reporter(kind)
        paths = [path.resolve() for path in self.files().values()]
        twice = sorted({str(path) for path in paths if paths.count(path) > 1})
        if twice:
            raise ConfigError(*(Problem("two reports would be written to one file", path) for path in twice))
        check_places(self.files().values())


def with_outputs(verb: Callable[..., int]) -> Callable[..., int]:
    """Give `verb(..., outputs)` the options of all reports on the command line, in place of `outputs`."""
    own = inspect.signature(verb, eval_str=True)
    shared = inspect.signature(_outputs, eval_str=True)

    @functools.wraps(verb)
    def command(*arguments: object, **values: object) -> int:
        outputs = _outputs(**{name: values.pop(name) for name in shared.parameters})  # type: ignore[arg-type]
        outputs.check()
        return verb(*arguments, **values, outputs=outputs)

    kept = [parameter for name, parameter in own.parameters.items() if name != "outputs"]
    parameters = [*kept, *shared.parameters.values()]
    command.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _outputs(
    html_file: Annotated[
        Path | None,
        typer.Option("--html", help="Write the report there as one HTML file.", rich_help_panel=_PANEL),
    ] = None,
    junit_file: Annotated[
        Path | None,
        typer.Option("--junit", help="Write the report there as JUnit XML.", rich_help_panel=_PANEL),
    ] = None,
    markdown_file: Annotated[
        Path | None,
        typer.Option("--markdown", help="Write the report there as Markdown.", rich_help_panel=_PANEL),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report there as JSON.", rich_help_panel=_PANEL)
    ] = None,
    svg_file: Annotated[
        Path | None,
        typer.Option(
            "--svg", help="Write verdict and picture of the answer there as SVG.", rich_help_panel=_PANEL
        ),
    ] = None,
    github: Annotated[
        bool,
        typer.Option(
            "--github", help="Annotate the workflow run and write the step's summary.", rich_help_panel=_PANEL
        ),
    ] = False,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--report", help="NAME=FILE: write it there in a form of another package.", rich_help_panel=_PANEL
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict-outputs", help="Exit with 1 when a report could not be written after the load."
        ),
    ] = False,
) -> Outputs:
    named = tuple(map(_other, others or ()))
    return Outputs(html_file, junit_file, markdown_file, json_file, svg_file, github, named, strict)


def _other(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise ConfigError(Problem(f"'{text}' names no form and no file", "--report", "write NAME=FILE"))
    return name, Path(path)


def finish(
    report: Report,
    outputs: Outputs,
    *,
    html: Sequence[str] = (),
    complete: bool = True,
    keep_page: bool = False,
) -> int:
    """Write the files that were asked for and print the verdict, which stays last; returns the exit code.

    `html`: the report in that form, where it was made already. `complete` is False when a file could not be
    written before. `keep_page`: an HTML report stands beside the run file whatever was asked for.
    """
    from loadproof.analysis.judge import exit_code
    from loadproof.reports.terminal import console_for, print_report

    page = outputs.html
    try:
        with waiting("writing the report"):
            complete = write_outputs(report, outputs, html) and complete
            if keep_page and page is None:
                page = _write_beside(report, html)
    finally:
        # Whatever became of the files, a load was driven for this verdict.
        print_report(report, console_for(sys.stdout), page if page is not None and page.exists() else None)
    return int(exit_code(report)) if complete or not outputs.strict else int(ExitCode.CRASH)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Shows in a terminal that something takes a while, and leaves no trace."""
    if not sys.stdout.isatty():
        yield
        return
    with live_console().status(Text(what)):
        yield


def _write_beside(report: Report, html: Sequence[str]) -> Path | None:
    """The HTML report beside the run file. It was not asked for: what prevents it is said, and no error."""
    page = Path(report.run_file).with_suffix(".html")
    try:
        if page.exists() and b'content="loadproof' not in page.read_bytes()[:_HEAD_BYTES]:
            typer.echo(f"there is no HTML report: {page} is another file", err=True)
            return None
        _write(report, page, "html", html)
    except (OSError, ConfigError) as error:
        typer.echo(f"there is no HTML report: {error}", err=True)
        return None
    return page


def write_outputs(report: Report, outputs: Outputs, html: Sequence[str] = ()) -> bool:
    """Write every report that was asked for; False when one could not be, which is told."""
    complete = True
    for kind, path in outputs.files().items():
        complete = _written(functools.partial(_write, report, path, kind, html)) and complete
    if outputs.github:
        complete = _written(lambda: _write_github(report)) and complete
    return complete


def _write(report: Report, path: Path, kind: str, html: Sequence[str]) -> None:
    if kind == "html" and html:
        keep_report(html[-1], path)
    else:
        write_report(report, path, kind)


def _written(write: Callable[[], None]) -> bool:
    try:
        write()
    except ConfigError as error:
        say_unwritten(error)
        return False
    return True


def say_unwritten(error: ConfigError) -> None:
    """On standard error; the verdict and its exit code stand, whatever became of a report."""
    for problem in error.problems:
        typer.echo(f"warning: {problem.where}: {problem.message}; the verdict stands", err=True)


def _write_github(report: Report) -> None:
    from loadproof.reports import reporter

    annotations = io.StringIO()
    reporter("annotations")(report, annotations)
    write_orders(annotations.getvalue())
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        # Other commands of the same step may have written to it.
        write_report(report, summary, "markdown", append=True)
    else:
        typer.echo("GITHUB_STEP_SUMMARY is not set: there is no step summary to write to", err=True)
