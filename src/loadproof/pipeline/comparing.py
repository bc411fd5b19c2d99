"""Runs of one build against runs of another, and one run against a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from loadproof.errors import ConfigError, Problem, RunFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.compare import Settings
    from loadproof.analysis.compare.comparison import Comparison
    from loadproof.analysis.compare.gates import Gate
    from loadproof.model import Finding
    from loadproof.runfile.reader import Run

Files: TypeAlias = "str | Path | Sequence[str | Path]"
"""One, or several."""


def compare(
    base: Files,
    head: Files,
    *,
    gates: Sequence[str] = (),
    tolerance: str | float | None = None,
    error_tolerance: str | float | None = None,
    accept: Sequence[str] = (),
) -> Comparison:
    """What changed between the runs of two builds, and how sure that is.

    `base` and `head` are run files, results of other tools, or baselines by name or file, one or several.
    `gates` are what decides, such as "GET /loans:p99" or "all:errors". `tolerance`: a change by less does not
    matter ("5%" or 0.05); `error_tolerance` is the same for error rates, absolute. `accept` names differences
    between the sides to accept: scenario, engine, profile, host or data.

    The comparison's `change` says whether head is slower, faster, equal, or that it is not known yet.

    Raises:
        ConfigError: with everything that is wrong with the files or the settings.
    """
    from loadproof.analysis.compare.compare import compare as compare_runs

    settings = comparison_settings(gates, _as_text(tolerance), _as_text(error_tolerance), accept)
    opened = open_sides(_words(base), _words(head))
    return compare_runs(opened[0], opened[1], settings)


def _words(files: Files) -> list[str]:
    return [str(files)] if isinstance(files, str | Path) else [str(file) for file in files]


def _as_text(share: str | float | None) -> str | None:
    return f"{100 * share:.10g}%" if isinstance(share, int | float) else share


def comparison_settings(
    gates: Sequence[str] | None,
    tolerance: str | None,
    error_tolerance: str | None,
    accept: Sequence[str] | None,
) -> Settings:
    """The settings that these options ask for. Raises ConfigError with all problems."""
    from loadproof.analysis.compare.comparable import Difference
    from loadproof.analysis.compare.compare import ERROR_TOLERANCE, TOLERANCE, Settings
    from loadproof.analysis.compare.gates import parse_gates

    problems: list[Problem] = []
    parsed: tuple[Gate, ...] = ()
    try:
        parsed = parse_gates(gates or ())
    except ConfigError as error:
        problems.extend(error.problems)
    known = {str(kind) for kind in Difference}
    for word in accept or ():
        if word not in known:
            problems.append(
                Problem(f"'{word}' is no difference", "--accept", f"one of: {', '.join(Difference)}")
            )
    share = _share(tolerance, TOLERANCE, "--tolerance", problems)
    errors = _share(error_tolerance, ERROR_TOLERANCE, "--error-tolerance", problems)
    if problems:
        raise ConfigError(*problems)
    accepted = frozenset(Difference(word) for word in accept or ())
    return Settings(gates=parsed, tolerance=share, error_tolerance=errors, accepted=accepted)


def _share(text: str | None, default: float, where: str, problems: list[Problem]) -> float:
    from loadproof.units import parse_percent

    if text is None:
        return default
    try:
        share = parse_percent(text)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        problems.append(Problem(message, where, hint))
        return default
    if not 0 < share < 1:
        problems.append(Problem(f"{text} is no tolerance", where, "write one above 0% and below 100%"))
    return share


def open_sides(*sides: Sequence[str]) -> list[list[MeasuredRun]]:
    """The runs that each side's words name: files, or baselines. Raises ConfigError with all problems."""
    from loadproof.analysis.across_runs.sources import open_measured
    from loadproof.analysis.compare.baselines import baselines

    names = {baseline.name for baseline in baselines()}
    opened: list[list[MeasuredRun]] = []
    problems: list[Problem] = []
    for words in sides:
        opened.append([])
        for word in words:
            try:
                named = word in names and not Path(word).exists()
                opened[-1].extend(open_baseline(word) if named else open_measured(Path(word)))
            except (ConfigError, RunFileError) as error:
                problems.extend(error.problems)
    if problems:
        raise ConfigError(*problems)
    return opened


def open_baseline(word: str) -> tuple[MeasuredRun, ...]:
    """A baseline by its name, for the branch that is checked out, or by its file. Raises ConfigError."""
    from loadproof.analysis.across_runs.sources import open_measured
    from loadproof.analysis.compare.baselines import find_baseline
    from loadproof.runfile.provenance import current_branch

    if Path(word).is_file():
        return open_measured(Path(word))
    return find_baseline(word, current_branch()).runs()


def against_baseline(
    word: str, runs: tuple[MeasuredRun, ...], must_settle: bool
) -> Callable[[Run], list[Finding]]:
    """What judges a run against the opened baseline `runs`, which was asked for as `word`."""

    def find(run: Run) -> list[Finding]:
        from loadproof.analysis.across_runs.measured import measured
        from loadproof.analysis.compare.compare import compare
        from loadproof.analysis.compare.findings import baseline_findings
        from loadproof.model import EventKind

        comparison = compare(runs, [measured(run)], labels=(f"baseline {word}", "this run"))
        nothing_else = not (
            run.plan.requirements or run.plan.consistency or run.events_of(EventKind.ENGINE_THRESHOLD)
        )
        return baseline_findings(comparison, must_settle=must_settle or nothing_else)

    return find
