"""Several runs in one file: JMeter appends to a results file that exists, and says nothing of it.

A pause belongs to a run; a new run begins after one that is much longer than all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from loadproof.errors import ConfigError, Problem
from loadproof.imports.slices import SliceTable

_LEAST_PAUSE_S: Final = 60.0
_TIMES_LONGER: Final = 10.0
_LONGEST_PAUSE_S: Final = 86_400.0
_LEAST_SAMPLES: Final = 10
"""Fewer are no run: users who wait for minutes leave such."""


@dataclass(slots=True, eq=False)
class AppendedRun:
    """What stands between two long pauses."""

    table: SliceTable = field(default_factory=SliceTable)
    beside: SliceTable = field(default_factory=SliceTable)
    """Transactions."""
    users: dict[int, int] = field(default_factory=dict)
    samples: int = 0
    begin_s: float = 0.0
    end_s: float = 0.0
    longest_pause_s: float = 0.0
    """Between two of its samples."""

    def is_far_from(self, start_s: float, end_s: float) -> bool:
        """Whether a sample may belong to another run: rows are in the order of their ends."""
        pause_s = max(start_s - self.end_s, self.begin_s - end_s)
        return self.samples > 0 and pause_s > _LEAST_PAUSE_S

    def cover(self, start_s: float, end_s: float) -> None:
        """One more sample."""
        if self.samples:
            self.longest_pause_s = max(self.longest_pause_s, start_s - self.end_s)
            self.begin_s, self.end_s = min(self.begin_s, start_s), max(self.end_s, end_s)
        else:
            self.begin_s, self.end_s = start_s, end_s
        self.samples += 1


def runs_of(parts: Sequence[AppendedRun]) -> list[AppendedRun]:
    """The parts as runs, in the order of time; joined where a pause is no longer than what a run has anyway.

    A few samples that are days from every run are in none: their times are wrong.
    """
    whole = {part for part in parts if part.samples >= _LEAST_SAMPLES}
    runs: list[AppendedRun] = []
    for part in sorted(parts, key=lambda part: part.begin_s):
        if part not in whole and whole and min(_pause_s(part, other) for other in whole) > _LONGEST_PAUSE_S:
            continue
        if runs and not _apart(runs[-1], part):
            _join(runs[-1], part)
        else:
            runs.append(part)
    return runs


def chosen(runs: Sequence[AppendedRun], number: int | None, path: Path) -> tuple[AppendedRun, list[str]]:
    """The run that is asked for, the last by default, and what is said of the others.

    Raises:
        ConfigError: there is no such run in the file.
    """
    if number is not None and not 1 <= number <= len(runs):
        held = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
        raise ConfigError(Problem(f"there is no run {number}: the file holds {held}", str(path), "--run 1"))
    wanted = number or len(runs)
    run = runs[wanted - 1]
    if len(runs) == 1:
        return run, []
    why = "the last of them" if number is None else "as asked"
    said = (
        f"{len(runs)} runs were appended to this file: this is run {wanted}, {why}, "
        f"{_clock(run.begin_s)} to {_clock(run.end_s)} UTC; --run chooses another"
    )
    return run, [said]


def _pause_s(one: AppendedRun, other: AppendedRun) -> float:
    return max(one.begin_s - other.end_s, other.begin_s - one.end_s)


def _apart(run: AppendedRun, part: AppendedRun) -> bool:
    longest_s = max(run.longest_pause_s, part.longest_pause_s)
    pause_s = part.begin_s - run.end_s
    return min(run.samples, part.samples) >= _LEAST_SAMPLES and pause_s > longest_s * _TIMES_LONGER


def _join(run: AppendedRun, part: AppendedRun) -> None:
    run.longest_pause_s = max(run.longest_pause_s, part.longest_pause_s, part.begin_s - run.end_s)
    run.end_s = max(run.end_s, part.end_s)
    run.samples += part.samples
    run.users |= part.users
    for own, other in ((run.table, part.table), (run.beside, part.beside)):
        own.merge(other.slices())
        for (endpoint, text), count in other.errors.items():
            own.errors[endpoint, text] += count


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
