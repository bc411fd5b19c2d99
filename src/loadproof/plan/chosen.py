"""Which scenario is meant: a test or a scenario of loadproof.yaml, a file, several, or a folder of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from loadproof.errors import ConfigError, Problem
from loadproof.model import SEVERAL, EngineTraits
from loadproof.plan.config import LoadedConfig, is_there
from loadproof.plan.document import did_you_mean, near_files
from loadproof.plan.schema import ScenarioConfig, TestConfig
from loadproof.safety.target import normalise_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from loadproof.plan.request import PlanRequest

_IN_FOLDERS = ".py"
_OF_ANOTHER_PROTOCOL = re.compile(
    r"(?!https?:)(?:[a-z][a-z0-9+.-]*://\S|[\w.-]+:\d+(?:,|$)|\[[0-9a-f:.]+\]:\d+$)", re.I
)
"""ws://host/chat, host:50051, broker-1:9092,broker-2:9092."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the positional argument turned out to be."""

    file: Path
    name: str
    scenario: ScenarioConfig
    test: TestConfig = field(default_factory=lambda: TestConfig.model_validate({}))
    test_name: str | None = None
    further: tuple[Path, ...] = ()
    """Files that are played together with `file`."""


def choose(request: PlanRequest, config: LoadedConfig | None) -> Chosen:
    """Raises ConfigError when there is none, or its file is not there."""
    tests = config.config.tests if config else {}
    scenarios = config.config.scenarios if config else {}
    wanted = None if request.scenario is None else str(request.scenario)
    if wanted is None and len(tests) == 1:
        wanted = next(iter(tests))
    if wanted is None:
        hint = (
            f"tests are: {', '.join(tests)}" if tests else "give a locustfile, a k6 script or a JMeter plan"
        )
        raise ConfigError(Problem("which scenario?", hint=hint))
    if config is not None and (wanted in tests or wanted in scenarios):
        test = tests.get(wanted)
        if test is not None and test.scenarios:
            # Which files they are is looked at with their loads (several.py).
            together = ScenarioConfig(file=test.scenarios[0].file, engine=SEVERAL, session=None)
            return Chosen(config.path.parent / together.file, wanted, together, test, wanted)
        named = wanted
        if test is not None:
            named = next(iter(scenarios)) if test.scenario is None else test.scenario
        known = scenarios.get(named) or ScenarioConfig.model_validate({"file": named})
        place = ("scenarios", named, "file") if named in scenarios else ("tests", wanted, "scenario")
        where = config.where(*place)
        file, *further = scenario_files(config.path.parent, known.file, where)
        if test is None:
            return Chosen(file, wanted, known, further=tuple(further))
        return Chosen(file, wanted, known, test, wanted, tuple(further))
    file, *further = scenario_files(request.folder, wanted, "", (*tests, *scenarios))
    config_of_file = ScenarioConfig(file=wanted, engine=None, session=None)
    first = request.folder / wanted.split(",")[0].strip()
    name = first.resolve().name if first.is_dir() else file.stem
    return Chosen(file, safe_name(name), config_of_file, further=tuple(further))


def scenario_files(folder: Path, wanted: str, where: str, names: Sequence[str] = ()) -> list[Path]:
    """The files that `wanted` names: one, several with commas between them, or all of a folder.

    As Locust takes them, names that begin with _ are left out of a folder; so is what is hidden in it.
    Raises ConfigError, with files and `names` that are like it, when there is none.
    """
    if not wanted.strip(" ,"):
        raise ConfigError(Problem("the scenario's file has no name", where, "give a file"))
    if "://" in wanted:
        hint = "download it, look at it, and give the file: what runs here is kept with the run"
        raise ConfigError(Problem(f"a scenario is a file, and {wanted} is an address", where, hint))
    try:
        words = [wanted] if "," not in wanted or is_there(folder / wanted) else wanted.split(",")
        found: list[Path] = []
        for word in (word.strip() for word in words):
            path = folder / word
            inside = sorted(_of_folder(path)) if path.is_dir() else []
            found += inside or [_existing(path, where, names)]
    except OSError as error:
        raise ConfigError(Problem(f"the scenario cannot be read: {error.strerror}", where)) from None
    return list(dict.fromkeys(found))


_TO_SCENARIOS: Final = frozenset({".har", ".json", ".yaml", ".yml"})
"""Recordings and descriptions of an API."""


def _of_folder(folder: Path) -> list[Path]:
    return [
        file
        for file in folder.rglob(f"*{_IN_FOLDERS}")
        if file.is_file()
        and not file.name.startswith("_")
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]


def _existing(file: Path, where: str, names: Sequence[str]) -> Path:
    if file.is_file():
        return file
    if file.is_dir():
        message, hint = f"the scenario '{file}': is a folder without a locustfile", "name the file in it"
        raise ConfigError(Problem(message, where, hint))
    near = did_you_mean(file.name, names) if names else ""
    hint = near if near.startswith("did you mean") else near_files(file) or near
    raise ConfigError(Problem(f"the scenario '{file}': no such file", where, hint))


def engine_of(given: str | None, file: Path, engines: Mapping[str, EngineTraits]) -> str:
    """The engine that is named, or that the file's ending suggests. Raises ConfigError without either."""
    if given is not None:
        return given
    suffixes = {suffix: name for name, traits in engines.items() for suffix in traits.suffixes}
    suffix = file.suffix.lower()
    if suffix not in suffixes:
        known = ", ".join(f"{end} ({name})" for end, name in suffixes.items())
        hint = f"name it with --engine; known endings: {known}"
        if suffix in _TO_SCENARIOS:
            hint = f"`loadproof init --from {file}` writes a scenario of an API description or a recording"
            if suffix in (".yaml", ".yml"):
                hint = f"requirements stand behind a scenario: --requirements {file}; {hint}"
        raise ConfigError(Problem(f"'{file}' does not say by its ending which engine runs it", hint=hint))
    return suffixes[suffix]


def target_of(
    request: PlanRequest, of_test: str | None, config: LoadedConfig | None, traits: EngineTraits
) -> tuple[str | None, tuple[str, ...]]:
    """The base URL to load, or, for an address of another protocol, the engine's own flag with it.

    Raises ConfigError when it is neither.
    """
    common = config.config.target if config else None
    given = next((target for target in (request.target, of_test, common) if target is not None), None)
    if given is None:
        return None, ()
    if traits.other_hosts is not None and _OF_ANOTHER_PROTOCOL.match(given.strip()):
        return None, (traits.other_hosts, given.strip())
    return normalise_target(given, "--target" if request.target is not None else ""), ()


def safe_name(stem: str) -> str:
    """A file's name as a run's name: it becomes part of the run file's name."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:100]
    return safe or "run"
