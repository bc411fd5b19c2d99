"""From what a folder holds to the files that make it a performance test."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from loadproof.plan.config import FILE_NAME, LoadedConfig
from loadproof.plan.config_schema import SCHEMA_FILE, config_schema
from loadproof.scaffold.folder import Folder, FoundScenario
from loadproof.scaffold.template import render

SCENARIO_FILE: Final = "tests/performance/locustfile.py"
REQUIREMENTS_FILE: Final = "performance_requirements.yaml"
DEFAULT_TARGET: Final = "http://127.0.0.1:8000"
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")


@dataclass(frozen=True, slots=True)
class Proposal:
    """Files to write, by path with '/', and what their reader should know."""

    files: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    nightly: tuple[str, ...] = ()
    """The tests that a pipeline runs."""


@dataclass(frozen=True, slots=True)
class _Test:
    name: str
    scenario: str
    smoke: bool = False
    own_load: bool = False


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    file: str


def propose_config(folder: Folder, scenarios: Sequence[FoundScenario], target: str | None) -> Proposal:
    """loadproof.yaml for these scenarios, and a requirement file where the folder has none."""
    files: dict[str, str] = {}
    remarks: list[str] = []
    names = _names([scenario.file for scenario in scenarios])
    tests = list(_tests(scenarios, names))
    hosts = [scenario.host for scenario in scenarios]
    if target is None and not all(hosts):
        target = folder.service_url or next((host for host in hosts if host), None)
        if target is None:
            target = DEFAULT_TARGET
            remarks.append(f"nothing says where the service is: `target:` is {target}, a guess")
    requirements = folder.requirements[0] if folder.requirements else REQUIREMENTS_FILE
    if not folder.requirements:
        files[REQUIREMENTS_FILE] = render("requirements.yaml")
        remarks.append(f"the limits in {REQUIREMENTS_FILE} are common first ones: replace them by your own")
    elif len(folder.requirements) > 1:
        others = ", ".join(folder.requirements[1:])
        remarks.append(f"requirements are those of {requirements}; not used: {others}")
    files[SCHEMA_FILE] = config_schema()
    files[FILE_NAME] = render(
        "loadproof.yaml",
        target=quoted(target) if target else None,
        scenarios=[_Named(name, quoted(s.file)) for name, s in zip(names, scenarios, strict=True)],
        tests=tests,
        requirements=quoted(requirements),
    )
    return Proposal(files, tuple(remarks), tuple(test.name for test in tests if not test.smoke))


def nightly_tests(config: LoadedConfig) -> tuple[str, ...]:
    """The tests of an existing loadproof.yaml that a pipeline runs: `nightly`, or all that are no smoke."""
    tests = config.config.tests
    if "nightly" in tests:
        return ("nightly",)
    return tuple(name for name, test in tests.items() if test.profile != "smoke") or tuple(tests)


def quoted(text: str) -> str:
    """As a YAML scalar: plain where that is safe, else a JSON string, which YAML reads as well."""
    return text if _PLAIN.fullmatch(text) or re.fullmatch(r"https?://[\w.:/-]+", text) else json.dumps(text)


def _tests(scenarios: Sequence[FoundScenario], names: Sequence[str]) -> list[_Test]:
    tests = []
    alone = len(scenarios) == 1
    for scenario, name in zip(scenarios, names, strict=True):
        if scenario.any_profile:
            tests.append(_Test("smoke" if alone else f"smoke-{name}", name, smoke=True))
        own = scenario.has_load
        tests.append(_Test("nightly" if alone else f"nightly-{name}", name, own_load=own))
    return tests


def _names(files: Sequence[str]) -> list[str]:
    """A name for each scenario: its file's, with its folder's in front where two have the same."""
    names: list[str] = []
    for file in files:
        path = PurePosixPath(file)
        name = _safe(path.stem)
        if name in names:
            name = _safe(f"{path.parent.name}-{path.stem}-{path.suffix[1:]}")
        number = 2
        unique = name
        while unique in names:
            unique = f"{name}-{number}"
            number += 1
        names.append(unique)
    return names


def _safe(text: str) -> str:
    """Letters, digits, '.', '_' and '-', as names in loadproof.yaml have them; short enough for a prefix."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:80] or "scenario"
