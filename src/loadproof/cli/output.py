"""What a verb writes beside the terminal: report files, and GitHub's annotations and step summary."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from loadproof.cli.scenario import with_options
from loadproof.cli.streams import live_console, write_orders
from loadproof.errors import ConfigError, ExitCode, Problem
from loadproof.model import Report
from loadproof.pipeline.outputs import check_places, keep_report, write_report
from loadproof.plan.request import flag

if TYPE_CHECKING:
    from rich.console import Console

_HEAD_BYTES = 4_096
"""Of a page, which say by what it was made."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Which reports are wanted, and where."""

    html: Path | None = flag(None, "--html", reads=Path, says="Write the report there as one HTML file.")
    junit: Path | None = flag(None, "--junit", reads=Path, says="Write the report there as JUnit XML.")
    markdown: Path | None = flag(None, "--markdown", reads=Path, says="Write the report there as Markdown.")
    json: Path | None = flag(None, "--json", reads=Path, says="Write the report there as JSON.")
    svg: Path | None = flag(
        None, "--svg", reads=Path, says="Write verdict and picture of the answer there as SVG."
    )
    github: bool = flag(
        False, "--github", reads=bool, says="Annotate the workflow run and write the step's summary."
    )
    others: Sequence[str] = flag(
        (), "--report", many=True, says="NAME=FILE: write it there in a form of another package."
    )
    strict: bool = flag(
        False, "--strict-outputs", reads=bool,
        says="Exit with 1 when a report could not be written after the load.",
    )  # fmt: skip

    @property
    def draws(self) -> bool:
        """Whether one of them has charts, which take a while to make."""
        return self.html is not None or self.svg is not None

    def files(self) -> dict[str, Path]:
        """The files to write, by the name of their reporter."""
        given = {kind: getattr(self, kind) for kind in ("html", "junit", "markdown", "json", "svg")}
        return {kind: path for kind, path in given.items() if path} | dict(map(_other, self.others))

    def check(self) -> None:
        """Raises ConfigError: a form is unknown, two reports would go to one file, one cannot be written."""
        from loadproof.reports import reporter

        for kind, _ in map(_other, self.others):
            reporter(kind)
        paths = [path.resolve() for path in self.files().values()]
        twice = sorted({str(path) for path in paths if paths.count(path) > 1})
        if twice:
            raise ConfigError(*(Problem("two reports would be written to one file", path) for path in twice))
        check_places(self.files().values())


def with_outputs(verb: Callable[..., int]) -> Callable[..., int]:
    """Give `verb(..., outputs)` the options of all reports on the command line, in place of `outputs`."""

    @functools.wraps(verb)
    def checked(*arguments: object, outputs: Outputs, **values: object) -> int:
        outputs.check()
        return verb(*arguments, **values, outputs=outputs)

    return with_options(Outputs, "outputs")(checked)


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
def waiting(what: str) -> Iterator[Console | None]:
    """Shows in a terminal that something takes a while, and leaves no trace; yields where else is printed."""
    if not sys.stdout.isatty():
        yield None
        return
    console = live_console()
    with console.status(Text(what)):
        yield console


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
