"""Reporters print a Report. Each is `(report, text stream) -> None`, one file, one row in REPORTERS."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from loadproof.reports.json import write_json
from loadproof.reports.terminal import write_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.model import Report

REPORTERS: dict[str, Callable[[Report, TextIO], None]] = {
    "terminal": write_terminal,
    "json": write_json,
}
