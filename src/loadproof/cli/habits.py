"""Files that people know from Locust and k6: `--csv PREFIX`, `--summary-export FILE`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.errors import ConfigError, Problem
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from loadproof.model import Plan
    from loadproof.runfile.reader import Run


@dataclass(frozen=True, slots=True)
class Habits:
    """What was asked for. The engine that has the option writes its own file, as it always did."""

    csv: str | None = None
    summary_export: Path | None = None

    def left_to_engine(self, plan: Plan) -> Plan:
        """The plan with the option that is its engine's own."""
        own: tuple[str, ...] = ()
        if plan.engine == "locust" and self.csv is not None:
            own = ("--csv", self.csv)
        if plan.engine == "k6" and self.summary_export is not None:
            own = ("--summary-export", str(self.summary_export))
        return replace(plan, engine_args=(*plan.engine_args, *own))

    def write(self, plan: Plan, run_file: Path) -> None:
        """Write what the engine does not. Raises ConfigError when a file cannot be written."""
        csv = self.csv if plan.engine != "locust" else None
        summary = self.summary_export if plan.engine != "k6" else None
        if csv is not None or summary is not None:
            write_habits(read_run(run_file), csv, summary)


def write_habits(run: Run, csv: str | None, summary: Path | None) -> None:
    """Both from a run file, whichever engine it was. Raises ConfigError when a file cannot be written."""
    from loadproof.reports.k6_summary import write_k6_summary
    from loadproof.reports.locust_csv import write_locust_csv

    try:
        if csv is not None:
            Path(csv).parent.mkdir(parents=True, exist_ok=True)
            write_locust_csv(run, csv)
        if summary is not None:
            summary.parent.mkdir(parents=True, exist_ok=True)
            write_k6_summary(run, summary)
    except OSError as error:
        raise ConfigError(
            Problem(f"cannot write it: {error.strerror}", str(error.filename or csv or summary))
        ) from error
