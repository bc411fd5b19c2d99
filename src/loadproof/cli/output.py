"""Files that a verb writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.errors import ConfigError, Problem
from loadproof.reports import REPORTERS

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.model import Report


def write_report_file(report: Report, kind: str, path: Path) -> None:
    """Write one report to a file. Raises ConfigError when the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as stream:
            REPORTERS[kind](report, stream)
    except OSError as error:
        raise ConfigError(Problem(f"cannot write the report: {error.strerror}", str(path))) from error
