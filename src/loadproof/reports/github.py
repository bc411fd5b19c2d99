"""GitHub Actions: an annotation where a requirement is written, and the step's summary.

Commands and their escapes: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Final, TextIO

from loadproof.model import Finding, Report, Verdict

_COMMANDS: Final = {Verdict.FAIL: "error", Verdict.INCONCLUSIVE: "warning", Verdict.DONE: "notice"}
_MOST: Final = 10
"""Annotations of one kind that GitHub keeps of a step."""


def write_annotations(report: Report, stream: TextIO, workspace: Path | None = None) -> None:
    """One workflow command for each finding that is no pass, as many as GitHub keeps.

    Files are named relative to `workspace`, by default the current folder, to be found in the diff.
    """
    root = (workspace or Path.cwd()).resolve()
    for verdict, command in _COMMANDS.items():
        found = [f for f in report.findings if f.verdict is verdict and not f.is_note]
        shown = found if len(found) <= _MOST else found[: _MOST - 1]
        for finding in shown:
            stream.write(f"{_annotation(command, finding, root)}\n")
        if len(found) > len(shown):
            stream.write(f"::{command} title=loadproof::and {len(found) - len(shown)} more findings\n")


def _annotation(command: str, finding: Finding, root: Path) -> str:
    properties = [
        *_place(finding.source, root),
        ("title", f"loadproof {finding.verdict}"),
    ]
    joined = ",".join(f"{name}={_property(value)}" for name, value in properties)
    advice = f"\n{finding.advice}" if finding.advice else ""
    return f"::{command} {joined}::{_data(finding.sentence + advice)}"


def _place(source: str, root: Path) -> list[tuple[str, str]]:
    """File and line of "requirements.yaml:5"; a source without a line has its file only."""
    if not source:
        return []
    file, colon, line = source.rpartition(":")
    if not colon or not line.isdigit():
        file, line = source, ""
    path = PurePath(file)
    if path.is_absolute() and path.is_relative_to(root):
        path = path.relative_to(root)
    return [("file", path.as_posix()), *([("line", line)] if line else [])]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
