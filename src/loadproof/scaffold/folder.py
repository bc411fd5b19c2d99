"""What lies in a folder that a performance test could use: found by content, not only by name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadproof.engines.jmeter.hosts import targets_of
from loadproof.engines.jmeter.plan_file import read_plan_file
from loadproof.engines.jmeter.threads import groups_of
from loadproof.engines.jmeter.values import Values, variables_of
from loadproof.engines.k6.inspection import hosts_in
from loadproof.engines.locust.default_file import configured_host
from loadproof.errors import ConfigError
from loadproof.plan.config import FILE_NAME
from loadproof.plan.document import Mapping, read_document
from loadproof.plan.keys import BLOCKS
from loadproof.plan.requirements import ROOT
from loadproof.scaffold.compose import published_url

COMPOSE_NAMES: Final = tuple(
    f"{stem}.{ending}"
    for stem in ("docker-compose.perf", "compose.perf", "docker-compose", "compose")
    for ending in ("yml", "yaml")
)
"""The first that exists is taken: one made for performance tests before the general one."""

_MAX_DEPTH: Final = 4
_MAX_FILES: Final = 5_000
_MAX_SCENARIOS: Final = 20
_MAX_SOURCE_BYTES: Final = 512_000
_SKIPPED: Final = frozenset(
    {"node_modules", "venv", "env", "dist", "build", "target", "vendor", "__pycache__"}
)
_IMPORTS_LOCUST = re.compile(
    r"^\s*(?:from\s+locust\b|import\s+locust\b|from\s+loadproof\.locust\b)", re.MULTILINE
)
_USER_CLASS = re.compile(r"^class\s+\w+\(\s*[\w.]*User\b", re.MULTILINE)
_LOCUST_HOST = re.compile(r"""^\s+host\s*(?::\s*\w+\s*)?=\s*["'](https?://[^"'\s]+)["']""", re.MULTILINE)
_IMPORTS_K6 = re.compile(r"""(?:from\s+|require\(\s*)["']k6(?:/[\w./-]+)?["']""")
_K6_ENTRY = re.compile(r"\bexport\s+(?:default\b|(?:const|let|var)\s+options\b)")
_K6_DEFAULT = re.compile(r"\bexport\s+default\b|\bas\s+default\b|\bexports\.default\b")
_K6_LOAD = re.compile(r"\b(?:stages|vus|iterations|scenarios|duration)\s*:")
_DESCRIPTION_NAME = re.compile(r"(?:openapi|swagger|api)[^/]*\.(?:json|ya?ml)", re.IGNORECASE)
_DESCRIPTION_HEAD = re.compile(r"""["']?(?:openapi|swagger)["']?\s*:\s*["']?\d""")
_REQUIREMENTS_NAME = re.compile(r".*(?:requirement|threshold|slo)[^/]*\.ya?ml", re.IGNORECASE)


WRITTEN_FOR: Final = "locust"
"""The engine of scenarios that Loadproof writes."""


@dataclass(frozen=True, slots=True)
class FoundScenario:
    """A locustfile, a k6 script or a JMeter plan."""

    file: str
    """Relative to the folder, with '/'."""
    engine: str
    host: str | None
    """Base URL of the service that it names itself."""
    has_load: bool
    """Whether it says how much load there shall be, as k6's options do."""
    any_profile: bool = True
    """Whether it can play any load over time: a JMeter thread group only goes up once and holds, and of a k6
    script a profile plays the default function."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What was found; all files relative to `path`, with '/'."""

    path: Path
    scenarios: tuple[FoundScenario, ...] = ()
    requirements: tuple[str, ...] = ()
    description: str | None = None
    """An OpenAPI file."""
    compose: str | None = None
    service_url: str | None = None
    """Where Locust's configuration says that it is, or where the compose file publishes it, if it does."""
    published: str | None = None
    """The second of these."""
    has_config: bool = False


def look_into(path: Path) -> Folder:
    """Read a folder, four levels deep; hidden folders, dependencies and build results are left out."""
    scenarios: list[FoundScenario] = []
    requirements: list[str] = []
    descriptions: list[str] = []
    for file in _files(path):
        name = file.relative_to(path).as_posix()
        match file.suffix.lower():
            case ".py" | ".js" | ".ts" | ".jmx":
                found = _scenario(file, name)
                if found is not None and len(scenarios) < _MAX_SCENARIOS:
                    scenarios.append(found)
            case ".yaml" | ".yml" if _holds_requirements(file):
                requirements.append(name)
            case ".json" | ".yaml" | ".yml" if _is_description(file):
                descriptions.append(name)
    compose = next((name for name in COMPOSE_NAMES if (path / name).is_file()), None)
    published = published_url(path / compose) if compose else None
    return Folder(
        path=path,
        scenarios=tuple(scenarios),
        requirements=tuple(requirements),
        description=descriptions[0] if descriptions else None,
        compose=compose,
        service_url=configured_host(path) or published,
        published=published,
        has_config=(path / FILE_NAME).exists(),
    )


def _files(path: Path) -> Iterator[Path]:
    """Files in a fixed order, those nearer to the top first."""
    number = 0
    level = [path]
    for _ in range(_MAX_DEPTH):
        below: list[Path] = []
        for folder in level:
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:
                continue  # not ours to read
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith(".") and entry.name not in _SKIPPED:
                        below.append(Path(entry.path))
                elif entry.is_file():
                    number += 1
                    if number > _MAX_FILES:
                        return
                    yield Path(entry.path)
        level = below


def _source(file: Path) -> str:
    """The text, or nothing of a file that is too large for a scenario or no text."""
    try:
        if file.stat().st_size > _MAX_SOURCE_BYTES:
            return ""
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _scenario(file: Path, name: str) -> FoundScenario | None:
    if file.suffix.lower() == ".jmx":
        return _jmeter_plan(file, name)
    text = _source(file)
    if file.suffix.lower() == ".py":
        if not (_IMPORTS_LOCUST.search(text) and _USER_CLASS.search(text)):
            return None
        named = _LOCUST_HOST.search(text)
        return FoundScenario(name, "locust", named[1] if named else None, has_load=False)
    if not (_IMPORTS_K6.search(text) and _K6_ENTRY.search(text)):
        return None
    host = next(iter(hosts_in(text)), None)
    default = _K6_DEFAULT.search(text) is not None
    return FoundScenario(name, "k6", host, has_load=bool(_K6_LOAD.search(text)), any_profile=default)


def _jmeter_plan(file: Path, name: str) -> FoundScenario | None:
    """A plan with a thread group; what others include has none."""
    try:
        plan = read_plan_file(file)
    except ConfigError:
        return None
    hosts = targets_of(plan, Values({}, variables_of(plan)))
    if not groups_of(plan):
        return None
    return FoundScenario(name, "jmeter", next(iter(hosts), None), has_load=True, any_profile=False)


def _holds_requirements(file: Path) -> bool:
    if file.name == FILE_NAME or not (_REQUIREMENTS_NAME.fullmatch(file.name) or ROOT in _source(file)):
        return False
    tree, _ = read_document(file)
    return isinstance(tree, Mapping) and any(tree.get(key) is not None for key in (ROOT, *BLOCKS))


def _is_description(file: Path) -> bool:
    return bool(_DESCRIPTION_NAME.fullmatch(file.name)) and bool(
        _DESCRIPTION_HEAD.search(_source(file)[:2_000])
    )
