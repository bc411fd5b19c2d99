"""Requirements from a run of which nothing was required."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.analysis.suggestion import probes, suggestion
from loadproof.analysis.validity.promised import CHANGED_LOAD
from loadproof.errors import ConfigError, Problem
from loadproof.pipeline.judging import judge_found, open_any
from loadproof.plan.request import JudgeRequest, Requirements

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.model import Report
    from loadproof.pipeline.judging import Watch


def suggest_requirements(path: Path, watch: Watch) -> str:
    """Limits taken from a run file, or from another program's result, as a file of requirements in YAML.

    Raises what `open_any` does, and ConfigError where the run is no ground for a limit.
    """

    def judged(requirements: Requirements | None) -> Report:
        return judge_found(found, JudgeRequest(requirements=requirements or ()), draw=False)

    found = open_any(path, watch)
    report = judged(None)
    # Nor does a load that somebody changed by hand say what the planned one would have, though it ends DONE.
    broken = [finding for finding in report.findings if finding.invalidates or finding.id == CHANGED_LOAD]
    if broken or not any(row.requests for row in report.endpoints):
        why = broken[0].sentence if broken else "no request was judged"
        hint = (broken[0].advice if broken else "") or "mend that, and run again"
        raise ConfigError(Problem(f"no limits can be taken from this run: {why}", str(path), hint))
    return suggestion(report, judged(probes(report)))
