"""`loadproof.yaml`, read and checked: the keys are in schema.py, their wording of errors in explain.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from loadproof.errors import ConfigError, Problem
from loadproof.extensions import extensions
from loadproof.model import ConsistencyCheck, Requirement
from loadproof.plan.conflicts import conflicts
from loadproof.plan.document import (
    Entry,
    Mapping,
    Plain,
    Scalar,
    Sequence,
    Tree,
    did_you_mean,
    line_of,
    plain,
    read_document,
)
from loadproof.plan.explain import explain
from loadproof.plan.requirements import requirements_of
from loadproof.plan.schema import Config
from loadproof.plan.watching import many
from loadproof.safety.guard import Rule, Rules
from loadproof.safety.hosts import host_key
from loadproof.safety.target import normalise_target

FILE_NAME: Final = "loadproof.yaml"


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A valid file: the models, and the requirements that they name, read."""

    path: Path
    config: Config
    tree: Tree
    requirements: tuple[Requirement, ...] = ()
    test_requirements: dict[str, tuple[Requirement, ...]] = field(default_factory=dict)
    """Of the tests that have their own."""
    installed_monitors: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Settings of monitors that other packages bring; these check them themselves."""

    def requirements_for(self, test: str | None) -> tuple[Requirement, ...]:
        """A test's own requirements, or else the file's."""
        return self.test_requirements.get(test or "", self.requirements)

    def consistency_checks(self) -> tuple[ConsistencyCheck, ...]:
        """The checks before and after the load, each with the place where it is written."""
        return tuple(
            ConsistencyCheck(name, self.where("consistency", name), check.model_dump())
            for name, check in self.config.consistency.items()
        )

    def monitors(self) -> dict[str, Any]:
        """What to watch, by kind: those of the schema, and those that other packages bring."""
        return {**self.config.monitors.model_dump(), **self.installed_monitors}

    def guard_rules(self) -> Rules:
        """What the file says of the hosts that may be loaded."""
        hosts, closed = self.config.targets, self.config.production
        return Rules(
            environment=self.config.environment or "",
            targets=tuple(Rule(text, self.where("targets", at)) for at, text in enumerate(hosts)),
            production=tuple(Rule(text, self.where("production", at)) for at, text in enumerate(closed)),
        )

    def where(self, *path: str | int) -> str:
        """file:line of a key."""
        return f"{self.path}:{line_of(self.tree, path)}"


def find_config(folder: Path, named: Path | None) -> LoadedConfig | None:
    """The file that is named, or loadproof.yaml in `folder`; None without one. Raises ConfigError."""
    if named is not None:
        return load_config(folder / named)
    found = folder / FILE_NAME
    if found.exists():
        return load_config(found)
    other = found.with_suffix(".yml")
    if other.exists():
        raise ConfigError(Problem("is not read under this name", str(other), f"call it {FILE_NAME}"))
    return None


def load_config(path: Path) -> LoadedConfig:
    """The file, and every requirement file that it names.

    Raises:
        ConfigError: with every problem that can be found, each with file:line.
    """
    tree, problems = read_document(path)
    if tree is None:
        raise ConfigError(*(problems or [Problem("is empty", str(path), "loadproof.yaml needs a test")]))
    if not isinstance(tree, Mapping):
        hint = "write keys such as target: and tests:"
        raise ConfigError(Problem("is not a mapping", f"{path}:{tree.line}", hint))
    config: Config | None = None
    installed: dict[str, list[dict[str, Any]]] = {}
    try:
        # Variables are text: 010 and 1.10 must reach the scenario as they were written.
        written = plain(tree, verbatim=lambda at: at[-2:-1] == ("env",))
        installed = _installed_monitors(written)
        config = Config.model_validate(written)
    except ValidationError as error:
        problems += [explain(details, tree, path) for details in error.errors(include_url=False)]
    loaded = LoadedConfig(path, config or Config.model_validate({}), tree)
    common, wrong = _requirements(loaded, ("requirements",))
    problems += wrong
    own: dict[str, tuple[Requirement, ...]] = {}
    for name in (entry.key for entry in _entries(tree, "tests")):
        found, wrong = _requirements(loaded, ("tests", name, "requirements"))
        problems += wrong
        if found is not None:
            own[name] = found
    problems += _cross_checks(path, tree)
    if problems:
        raise ConfigError(*sorted(problems, key=_reading_order))
    return LoadedConfig(path, loaded.config, tree, common or (), own, installed)


def _installed_monitors(written: Plain) -> dict[str, list[dict[str, Any]]]:
    """Takes the monitors of other packages out of the document: the schema does not know their keys."""
    monitors = written.get("monitors") if isinstance(written, dict) else None
    if not isinstance(monitors, dict):
        return {}
    known = [kind for kind in monitors if kind in extensions("monitors")]
    return {kind: many(monitors.pop(kind)) or [] for kind in known}


def _requirements(
    loaded: LoadedConfig, at: tuple[str, ...]
) -> tuple[tuple[Requirement, ...] | None, list[Problem]]:
    """The requirements at a key: inline, one file, or a list of files. None where the key is not written."""
    node: Tree | None = loaded.tree
    for step in at:
        node = node.get(step) if isinstance(node, Mapping) else None
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return None, []
    if isinstance(node, Mapping):
        found, problems = requirements_of(node, str(loaded.path))
        return tuple(found), problems + conflicts(found)
    found, problems = [], []
    for item in (node,) if isinstance(node, Scalar) else node.items:
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            hint = "write a file, a list of files, or blocks such as response_time"
            problems.append(Problem("requirements are no file's name", f"{loaded.path}:{item.line}", hint))
            continue
        file = loaded.path.parent / item.value
        tree, wrong = read_document(file)
        if tree is None:
            first = wrong[0] if wrong else Problem("holds no requirement", str(file))
            where = first.where if wrong and first.where != str(file) else f"{loaded.path}:{item.line}"
            message = first.message if where == first.where else f"'{file}': {first.message}"
            problems.append(Problem(message, where, first.hint))
            continue
        more, invalid = requirements_of(tree, str(file))
        found += more
        problems += wrong + invalid
    return tuple(found), problems + conflicts(found)


def _cross_checks(path: Path, tree: Mapping) -> list[Problem]:
    """What no single key can know: names that refer to others, targets that are URLs.

    Looks at the tree, not at the models: so it also speaks when something else is wrong.
    """
    problems: list[Problem] = []
    scenarios = [entry.key for entry in _entries(tree, "scenarios")]
    for holder in (tree, *(entry.value for entry in _entries(tree, "tests"))):
        target = _text(holder, "target")
        if target is not None:
            try:
                normalise_target(target.raw, f"{path}:{target.line}")
            except ConfigError as error:
                problems.extend(error.problems)
    closed = {host_key(item.raw) for item in _texts(tree, "production")}
    for item in _texts(tree, "targets"):
        if host_key(item.raw) in closed:
            hint = "production is never loaded: take it out of one of the lists"
            problems.append(Problem(f"'{item.value}' is also under production", f"{path}:{item.line}", hint))
    for test in _entries(tree, "tests"):
        named = _text(test.value, "scenario")
        if named is not None and not named.raw.strip():
            hint = f"name one of {', '.join(scenarios)}" if scenarios else "name a file"
            problems.append(Problem("scenario: is empty", f"{path}:{named.line}", hint))
        elif named is not None and named.raw not in scenarios and not _are_there(path.parent, named.raw):
            hint = did_you_mean(named.raw, scenarios) or "it is no file here, and no name below scenarios:"
            problems.append(Problem(f"unknown scenario '{named.raw}'", f"{path}:{named.line}", hint))
        elif (
            named is None
            and isinstance(test.value, Mapping)
            and len(scenarios) != 1
            and not isinstance(test.value.get("scenarios"), Sequence)
        ):
            hint = (
                f"add scenario:, one of {', '.join(scenarios)}" if scenarios else "name one below scenarios:"
            )
            problems.append(Problem(f"the test '{test.key}' has no scenario", f"{path}:{test.line}", hint))
    return problems


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; a name that is too long for one is none."""
    try:
        return path.exists()
    except OSError:
        return False


def _are_there(folder: Path, named: str) -> bool:
    """Whether `named` is a file, or several with commas between them."""
    return is_there(folder / named) or all(is_there(folder / word.strip()) for word in named.split(","))


def _entries(tree: Tree, key: str) -> tuple[Entry, ...]:
    inner = tree.get(key) if isinstance(tree, Mapping) else None
    return inner.entries if isinstance(inner, Mapping) else ()


def _text(tree: Tree, key: str) -> Scalar | None:
    inner = tree.get(key) if isinstance(tree, Mapping) else None
    return inner if isinstance(inner, Scalar) and isinstance(inner.value, str) else None


def _texts(tree: Tree, key: str) -> list[Scalar]:
    inner = tree.get(key) if isinstance(tree, Mapping) else None
    items = inner.items if isinstance(inner, Sequence) else ()
    return [item for item in items if isinstance(item, Scalar) and isinstance(item.value, str)]


def _reading_order(problem: Problem) -> tuple[str, int]:
    file, _, line = problem.where.rpartition(":")
    return (file, int(line)) if line.isdecimal() else (problem.where, 0)
