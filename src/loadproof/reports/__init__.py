"""Reporters print a Report. Each is `(report, text stream) -> None`, one file, one row in REPORTERS."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO, cast

from loadproof.errors import ConfigError, Problem
from loadproof.extensions import extensions, load_extension
from loadproof.reports.github import write_annotations
from loadproof.reports.html import write_html
from loadproof.reports.json import write_json
from loadproof.reports.junit import write_junit
from loadproof.reports.markdown import write_markdown
from loadproof.reports.svg import write_svg
from loadproof.reports.terminal import write_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.model import Report

REPORTERS: dict[str, Callable[[Report, TextIO], None]] = {
    "terminal": write_terminal,
    "json": write_json,
    "html": write_html,
    "junit": write_junit,
    "markdown": write_markdown,
    "annotations": write_annotations,
    "svg": write_svg,
}
"""Other packages add rows by entry points of the group `loadproof.reporters`."""


def reporter(name: str) -> Callable[[Report, TextIO], None]:
    """The reporter of that name. Raises ConfigError, with those that there are."""
    if name in REPORTERS:
        return REPORTERS[name]
    installed = extensions("reporters")
    if name not in installed:
        known = ", ".join([*REPORTERS, *installed])
        raise ConfigError(Problem(f"there is no form of report called '{name}'", hint=f"known here: {known}"))
    return cast("Callable[[Report, TextIO], None]", load_extension("reporters", name))
