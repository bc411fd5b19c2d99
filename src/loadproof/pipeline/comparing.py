"""Runs of one build against runs of another, and one run against a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from loadproof.errors import ConfigError, Problem, Problems, RunFileError, read_as
from loadproof.plan.config import find_config
from loadproof.plan.request import ComparisonRequest
from loadproof.plan.schema import RegressionsConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.compare.comparison import Comparison
    from loadproof.analysis.compare.gates import Gate
    from loadproof.analysis.compare.settings import ComparisonSettings
    from loadproof.model import Finding
    from loadproof.plan.config import LoadedConfig
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
    fail: str | None = None,
) -> Comparison:
    """What changed between the runs of two builds, and how sure that is.

    `base` and `head` are run files, results of other tools, or baselines by name or file, one or several.
    `gates` are what must settle, such as "GET /loans:p99" or "all:errors". `tolerance`: a change by less does
    not matter ("5%" or 0.05); `error_tolerance` is the same for error rates, absolute. `accept` names
    differences between the sides (scenario, engine, profile, host, data, mix) and regressions that are meant.
    `fail`: what fails, "proved" regressions, those of "gates", or "never". What is not given is what
    `regressions:` in the folder's loadproof.yaml says.

    The comparison's `change` says whether head is slower, faster, equal, or that it is not known yet.

    Raises:
        ConfigError: with everything that is wrong with the files or the settings.
    """
    request = ComparisonRequest(
        gates=gates, tolerance=tolerance, error_tolerance=error_tolerance, accept=accept, fail=fail
    )
    settings = comparison_settings(request, find_config(Path(), None))
    return compare_files(_words(base), _words(head), settings).comparison


@dataclass(frozen=True, slots=True)
class ComparedRuns:
    """A comparison, and the runs that were compared."""

    comparison: Comparison
    runs: tuple[MeasuredRun, ...]


def compare_files(base: Sequence[str], head: Sequence[str], settings: ComparisonSettings) -> ComparedRuns:
    """The same with settings that are read already."""
    from loadproof.analysis.compare.compare import compare as compare_runs
    from loadproof.analysis.compare.groups import compare_with_group

    opened = open_sides(base, head)
    # Files are named one by one, and all of them are meant; a baseline holds what was added over time.
    how = compare_with_group if all(_is_baseline(word) for word in base) else compare_runs
    return ComparedRuns(how(opened[0], opened[1], settings), (*opened[0], *opened[1]))


def _is_baseline(word: str) -> bool:
    from loadproof.analysis.compare.baselines import baselines

    return not Path(word).exists() and word in {baseline.name for baseline in baselines()}


def _words(files: Files) -> list[str]:
    return [str(files)] if isinstance(files, str | Path) else [str(file) for file in files]


def comparison_settings(request: ComparisonRequest, config: LoadedConfig | None) -> ComparisonSettings:
    """What is asked for, over what `regressions:` says. Raises ConfigError with all problems."""
    from loadproof.analysis.compare.comparable import Difference
    from loadproof.analysis.compare.comparison import FailOn
    from loadproof.analysis.compare.gates import parse_gates
    from loadproof.analysis.compare.settings import ERROR_TOLERANCE, TOLERANCE, ComparisonSettings

    written = RegressionsConfig.model_validate({}) if config is None else config.config.regressions
    problems = Problems()

    def place(key: str, given: object) -> str:
        named = f"--{key.replace('_', '-')}"
        return named if given or config is None else config.where("regressions", key)

    kinds = {str(kind) for kind in Difference}
    accept = [word.strip() for word in request.accept or written.accept]
    meant = [word for word in accept if word not in kinds]
    gates: tuple[Gate, ...] = ()
    with problems.collected():
        gates = parse_gates(request.gates or written.gate, place("gate", request.gates))
    changes: tuple[Gate, ...] = ()
    with problems.collected():
        changes = parse_gates(meant, place("accept", request.accept))
    tolerance = _share(
        request.tolerance or written.tolerance, TOLERANCE, place("tolerance", request.tolerance), problems
    )
    error_tolerance = _share(
        request.error_tolerance or written.error_tolerance, ERROR_TOLERANCE,
        place("error_tolerance", request.error_tolerance), problems,
    )  # fmt: skip
    fail = request.fail or written.fail
    if fail not in set(FailOn):
        hint = f"one of: {', '.join(FailOn)}"
        problems.append(Problem(f"'{fail}' is nothing that could fail", "--fail", hint))
    problems.raise_all()
    return ComparisonSettings(
        gates=gates,
        tolerance=tolerance,
        error_tolerance=error_tolerance,
        accepted=frozenset(Difference(word) for word in accept if word in kinds),
        accepted_changes=changes,
        fail=FailOn(fail),
    )


def refuse_without_baseline(request: ComparisonRequest) -> None:
    """Raises ConfigError when it is said how to compare, and with nothing."""
    given = (request.gates, request.tolerance, request.error_tolerance, request.accept, request.fail)
    if any(given):
        hint = "give --baseline, or write them under regressions: in loadproof.yaml"
        raise ConfigError(Problem("there is no baseline that this run is compared with", "--baseline", hint))


def _share(value: str | float | None, default: float, where: str, problems: Problems) -> float:
    from loadproof.units import parse_percent

    if value is None:
        return default
    text = f"{100 * value:.10g}%" if isinstance(value, int | float) else value
    share = default
    with problems.collected():
        share = read_as(parse_percent, text, where)
    if not 0 < share < 1:
        problems.append(Problem(f"{text} is no tolerance", where, "write one above 0% and below 100%"))
    return share


def open_sides(*sides: Sequence[str]) -> list[list[MeasuredRun]]:
    """The runs that each side's words name: files, or baselines. Raises ConfigError with all problems."""
    from loadproof.analysis.across_runs.sources import open_measured
    from loadproof.analysis.compare.baselines import baselines

    names = {baseline.name for baseline in baselines()}
    opened: list[list[MeasuredRun]] = []
    problems = Problems()
    for words in sides:
        opened.append([])
        for word in words:
            try:
                named = word in names and not Path(word).exists()
                opened[-1].extend(open_baseline(word) if named else open_measured(Path(word)))
            except (ConfigError, RunFileError) as error:
                problems.extend(error.problems)
    problems.raise_all()
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
    word: str, settings: ComparisonSettings, must_settle: bool
) -> Callable[[Run], list[Finding]]:
    """What judges a run against the baseline `word`, which is opened now.

    Raises:
        ConfigError: there is no such baseline, or a gate names what it has not or does not keep.
    """
    from loadproof.analysis.compare.compare import rows_to_be
    from loadproof.analysis.compare.gates import check_told

    runs = open_baseline(word)
    check_told(settings.gates, rows_to_be(runs, runs), f"baseline {word}")

    def find(run: Run) -> list[Finding]:
        from loadproof.analysis.across_runs.measured import measured
        from loadproof.analysis.compare.findings import baseline_findings
        from loadproof.analysis.compare.groups import compare_with_group
        from loadproof.model import EventKind

        labels = (f"baseline {word}", "this run")
        comparison = compare_with_group(runs, [measured(run)], settings, labels)
        nothing_else = not (
            run.plan.requirements or run.plan.consistency or run.events_of(EventKind.ENGINE_THRESHOLD)
        )
        return baseline_findings(comparison, must_settle=must_settle, alone=nothing_else)

    return find
