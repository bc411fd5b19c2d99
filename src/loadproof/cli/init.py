"""`loadproof init`: make a folder ready for performance tests, and its pipeline with it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadproof.errors import ConfigError, LoadproofError, Problem, Problems
from loadproof.plan.config import FILE_NAME, load_config
from loadproof.plan.document import did_you_mean
from loadproof.safety.redact import redact_text
from loadproof.safety.target import normalise_target
from loadproof.scaffold.folder import WRITTEN_FOR, Folder, FoundScenario, look_into
from loadproof.scaffold.pipelines import PIPELINES, pipeline_file
from loadproof.scaffold.starter import SCENARIO_FILE, nightly_tests, propose_config
from loadproof.scaffold.writing import existing, ignore_runs, write_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadproof.scaffold.scenario import MadeScenario


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    folder: Folder
    ci: str | None
    source: Path | None
    scenario: str
    target: str | None


def command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to look and write.")] = Path(),
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Make the scenario from an OpenAPI file or a HAR recording."),
    ] = None,
    scenario: Annotated[
        str, typer.Option("--scenario", help="File of the scenario that is made.")
    ] = SCENARIO_FILE,
    target: Annotated[
        str | None, typer.Option("--target", help="Base URL of the service, for loadproof.yaml.")
    ] = None,
    ci: Annotated[
        str | None, typer.Option("--ci", help="Write the pipeline too: github, gitlab or jenkins.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
) -> int:
    """Write loadproof.yaml, a scenario if there is none, and a CI pipeline; never overwrites unasked."""
    _check(folder, ci, scenario)
    wish = _Wish(
        folder=look_into(folder), ci=ci, source=source, scenario=scenario,
        target=normalise_target(target, "--target") if target else None,
    )  # fmt: skip
    files, remarks = _propose(wish)
    _allow(folder, files, force=force)
    write_files(folder, files)
    for name in files:
        typer.echo(f"wrote  {name}")
    if ignore_runs(folder):
        typer.echo("wrote  .gitignore: runs are not for the repository")
    for remark in remarks:
        typer.echo(f"note   {remark}")
    return _check_written(folder)


def _check(folder: Path, ci: str | None, scenario: str) -> None:
    problems = Problems()
    if not folder.is_dir():
        problems.append(Problem("no such folder", str(folder)))
    if ci is not None and ci not in PIPELINES:
        problems.append(Problem(f"unknown CI system '{ci}'", "--ci", did_you_mean(ci, PIPELINES)))
    path = Path(scenario)
    if path.suffix != ".py" or path.is_absolute() or ".." in path.parts:
        hint = "write a .py file within the folder, such as tests/performance/locustfile.py"
        problems.append(Problem(f"'{scenario}' is no place for a scenario", "--scenario", hint))
    problems.raise_all()


def _propose(wish: _Wish) -> tuple[dict[str, str], list[str]]:
    """Everything to write, and what to say about it."""
    files: dict[str, str] = {}
    remarks: list[str] = []
    folder = wish.folder
    found = list(folder.scenarios)
    target = wish.target
    made = _make_scenario(wish)
    if made is not None:
        files[wish.scenario] = made.source
        remarks += made.remarks
        target = target or made.target
        found = [FoundScenario(wish.scenario, WRITTEN_FOR, host=None, has_load=False)]
    if folder.has_config and (wish.ci or wish.source):
        # What the team has stays as it is; a pipeline or a scenario is added to it.
        tests = nightly_tests(load_config(folder.path / FILE_NAME))
        if made is not None:
            remarks.append(f"{FILE_NAME} is left as it is: name {wish.scenario} below its `scenarios:`")
    else:
        proposal = propose_config(folder, found, target)
        files |= proposal.files
        remarks += proposal.remarks
        tests = proposal.nightly
    if wish.ci is not None:
        if not tests:
            raise ConfigError(Problem(f"{FILE_NAME} has no test that a pipeline could run", FILE_NAME))
        engines = {scenario.engine for scenario in (*found, *folder.scenarios)}
        published = None if wish.target else folder.published
        service = target or folder.service_url
        files |= pipeline_file(wish.ci, tests, folder.compose, service, engines, published)
        remarks.append(PIPELINES[wish.ci].next_step)
        if folder.compose is None:
            remarks.append("there is no compose file: start the service in the pipeline before the test")
    return files, remarks


def _make_scenario(wish: _Wish) -> MadeScenario | None:
    """From what was named; where the folder has no scenario, from its API description, or a first one."""
    from loadproof.scaffold.scenario import first_scenario, scenario_from

    if wish.source is not None:
        return scenario_from(wish.source)
    if wish.folder.scenarios or (wish.folder.has_config and wish.ci):
        return None
    if wish.folder.description is not None:
        return scenario_from(wish.folder.path / wish.folder.description)
    return first_scenario()


def _allow(folder: Path, files: Mapping[str, str], *, force: bool) -> None:
    """Raises ConfigError when something would be overwritten and nobody said that it may be."""
    taken = [] if force else existing(folder, files)
    if not taken:
        return
    if _is_terminal():
        if typer.confirm(f"Overwrite {', '.join(taken)}?"):
            return
        raise ConfigError(Problem("nothing was written"))
    hint = "nothing was written; --force overwrites"
    raise ConfigError(*(Problem("exists, with another content", str(folder / name), hint) for name in taken))


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _check_written(folder: Path) -> int:
    """Say whether `loadproof check` has something against a test of each scenario: another takes as long."""
    from loadproof.pipeline.planning import plan_and_engine
    from loadproof.plan import PlanRequest

    tests = load_config(folder / FILE_NAME).config.tests
    wrong = []
    for name in {test.scenario: name for name, test in tests.items()}.values():
        try:
            plan_and_engine(PlanRequest(scenario=name, folder=folder))
        except LoadproofError as error:
            wrong += [f"check  {name}: {redact_text(str(problem))}" for problem in error.problems]
    for line in wrong or [f"check  ok: {', '.join(tests)}; try: loadproof run {next(iter(tests), '')}"]:
        typer.echo(line)
    return 0
