"""Reporters print a Report. Each is `(report, text stream) -> None`, one file, one row in REPORTERS."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, TextIO, cast

from loadproof.errors import ConfigError, Problem
from loadproof.extensions import extensions, load_extension

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.model import Report

    Reporter = Callable[[Report, TextIO], None]

REPORTERS: dict[str, str] = {
    "terminal": "loadproof.reports.terminal:write_terminal",
    "json": "loadproof.reports.json:write_json",
    "html": "loadproof.reports.html:write_html",
    "junit": "loadproof.reports.junit:write_junit",
    "markdown": "loadproof.reports.markdown:write_markdown",
    "annotations": "loadproof.reports.github:write_annotations",
    "svg": "loadproof.reports.svg:write_svg",
}
"""Name to where the function is, imported when used. Other packages add rows by entry points of the group
`loadproof.reporters`."""


def reporter(name: str) -> Reporter:
    """The reporter of that name. Raises ConfigError, with those that there are."""
    if name in REPORTERS:
        module, _, function = REPORTERS[name].partition(":")
        return cast("Reporter", getattr(import_module(module), function))
    installed = extensions("reporters")
    if name not in installed:
        known = ", ".join([*REPORTERS, *installed])
        raise ConfigError(Problem(f"there is no form of report called '{name}'", hint=f"known here: {known}"))
    return cast("Reporter", load_extension("reporters", name))
