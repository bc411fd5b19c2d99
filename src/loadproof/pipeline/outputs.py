"""Files that a run leaves beside its run file: reports, and those that people know from other tools."""

from __future__ import annotations

import errno
import io
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.engines.table import traits_of
from loadproof.errors import Problem, Problems, writing
from loadproof.plan.watching import secrets_of_plan
from loadproof.safety.known import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from loadproof.model import Plan, Report
    from loadproof.plan import RunRequest
    from loadproof.runfile.reader import Run


def check_places(paths: Iterable[str | Path]) -> None:
    """Make the folders of files that will be written after the load, and try to write there.

    Raises ConfigError with each place that takes no file: told now, and not after an hour of load.
    """
    problems = Problems()
    for path in map(Path, paths):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if path.exists():
                if not os.access(path, os.W_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
                continue
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        except OSError as error:
            problems.append(
                Problem(f"no file can be written here: {error.strerror}", str(path), "name another place")
            )
    problems.raise_all()


def places(request: RunRequest) -> list[str | Path]:
    """The files that a run itself leaves, beside its run file."""
    csv = [] if request.csv is None else [f"{request.csv}_stats.csv"]
    return [*csv, *(path for path in (request.summary_export, request.html) if path is not None)]


def write_report(report: Report, path: str | Path, kind: str = "html", *, append: bool = False) -> None:
    """Write a report to a file; `kind` is html, markdown, junit, json, terminal, or one of another package.

    Raises ConfigError when there is no such kind, or the file cannot be written.
    """
    keep_report(report_text(report, kind), path, append=append)


def report_text(report: Report, kind: str = "html") -> str:
    """The report in one form. Raises ConfigError when there is no such kind."""
    from loadproof.reports import reporter

    text = io.StringIO()
    reporter(kind)(report, text)
    return text.getvalue()


def keep_report(text: str, path: str | Path, *, append: bool = False) -> None:
    """Write the text of a report. Raises ConfigError when the file cannot be written."""
    mode = "a" if append else "w"
    with writing("the report", path) as file, file.open(mode, encoding="utf-8", newline="\n") as stream:
        stream.write(text)


def with_own_files(plan: Plan, request: RunRequest) -> Plan:
    """The plan with those options that are its engine's own: it writes its files itself, as it always did."""
    own: list[str] = []
    for name, value in _asked(request).items():
        if name in traits_of(plan.engine).own_files and value is not None:
            own += [name, value]
    return replace(plan, engine_args=(*plan.engine_args, *own))


def write_own_files(plan: Plan, request: RunRequest, run_file: Path) -> None:
    """Write those that the engine does not. Raises ConfigError when a file cannot be written."""
    own = traits_of(plan.engine).own_files
    left = {name: None if name in own else value for name, value in _asked(request).items()}
    if request.summary_export is not None and "--summary-export" in own:
        clean_summary(plan, Path(request.summary_export))
    if any(value is not None for value in left.values()):
        from loadproof.runfile.reader import read_run

        summary = left["--summary-export"]
        write_habits(read_run(run_file), left["--csv"], None if summary is None else Path(summary))


def clean_summary(plan: Plan, path: Path) -> None:
    """Take the secrets out of a summary that the engine wrote itself, if it did."""
    if not path.is_file():
        return
    hide = Redactor(secrets_of_plan(plan)).text
    with writing("it", path):
        path.write_text(_hidden(path.read_text(encoding="utf-8"), hide), encoding="utf-8")


def _hidden(text: str, hide: Callable[[str], str]) -> str:
    """A JSON text with `hide` applied to each key and text in it; any other as a whole."""

    def clean(value: object) -> object:
        match value:
            case str():
                return hide(value)
            case list():
                return [clean(inner) for inner in value]
            case dict():
                return {hide(key): clean(inner) for key, inner in value.items()}
            case _:
                return value

    try:
        return json.dumps(clean(json.loads(text)), indent=4, ensure_ascii=False)
    except ValueError:
        return hide(text)


def _asked(request: RunRequest) -> dict[str, str | None]:
    summary = request.summary_export
    return {"--csv": request.csv, "--summary-export": None if summary is None else str(summary)}


def write_habits(run: Run, csv: str | None, summary: Path | None) -> None:
    """Both from a run file, whichever engine it was. Raises ConfigError when a file cannot be written."""
    from loadproof.reports.k6_summary import write_k6_summary
    from loadproof.reports.locust_csv import write_locust_csv

    if csv is not None:
        with writing("it", csv):
            write_locust_csv(run, csv)
    if summary is not None:
        with writing("it", summary):
            write_k6_summary(run, summary)
