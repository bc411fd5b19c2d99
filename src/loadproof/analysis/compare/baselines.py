"""The folder of baselines: one file for each name and branch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from loadproof.analysis.across_runs.measured import MeasuredRun
from loadproof.analysis.compare.baseline import read_baseline_file
from loadproof.errors import ConfigError, Problem, read_as
from loadproof.plan.document import did_you_mean
from loadproof.plan.schema import check_name

FOLDER: Final = Path(".loadproof/baselines")
_TRUNKS: Final = ("main", "master", "trunk", "develop")
"""Whose baseline a branch without one of its own is compared against, in this order."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """One file of the folder, unread."""

    name: str
    branch: str | None
    path: Path

    def runs(self) -> tuple[MeasuredRun, ...]:
        """Raises ConfigError."""
        return read_baseline_file(self.path)


def baseline_file(name: str, branch: str | None, folder: Path = FOLDER) -> Path:
    """Where that baseline is, or would be. Raises ConfigError for a name that no file may have."""
    read_as(check_name, name)
    return folder / f"{name}@{quote(branch, safe='')}.json" if branch else folder / f"{name}.json"


def baselines(folder: Path = FOLDER) -> list[Baseline]:
    """All of them, by name, then branch."""
    found = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        name, at, branch = path.stem.partition("@")
        found.append(Baseline(name, unquote(branch) if at else None, path))
    return sorted(found, key=lambda baseline: (baseline.name, baseline.branch or ""))


def find_baseline(name: str, branch: str | None, folder: Path = FOLDER) -> Baseline:
    """The baseline of that name for `branch`: its own, else the trunk's, else the one without a branch.

    Raises:
        ConfigError: there is none, or several branches have one and none of them is a trunk.
    """
    every = baselines(folder)
    known = {baseline.branch: baseline for baseline in every if baseline.name == name}
    if not known:
        near = did_you_mean(name, sorted({baseline.name for baseline in every}))
        hint = near or "make it with `loadproof baseline set NAME RUN...`"
        raise ConfigError(Problem(f"there is no baseline '{name}' in {folder}", hint=hint))
    for wanted in (branch, *_TRUNKS, None):
        if wanted in known:
            return known[wanted]
    if len(known) == 1:
        return next(iter(known.values()))
    branches = ", ".join(sorted(str(branch) for branch in known))
    hint = f"say which with --branch: {branches}"
    raise ConfigError(Problem(f"several branches have a baseline '{name}'", hint=hint))
