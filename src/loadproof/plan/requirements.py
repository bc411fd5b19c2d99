"""Requirements, read as people wrote them: plain blocks, and k6's thresholds, in one YAML file.

The grammar is in docs/requirements.md. Every requirement remembers its text and its file:line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from collections.abc import Mapping as Mapping_
from dataclasses import replace
from pathlib import Path
from typing import Final

from loadproof.errors import ConfigError, Problem, WrongValueError
from loadproof.model import STREAMED, Requirement, Subject
from loadproof.plan.conflicts import conflicts
from loadproof.plan.document import (
    Entry,
    Mapping,
    Scalar,
    Sequence,
    Tree,
    did_you_mean,
    parse_document,
    read_document,
)
from loadproof.plan.expressions import BUILTIN_METRICS, requirement_id, split_metric, threshold_requirement
from loadproof.plan.keys import BLOCKS, SINGLES, RequirementKey, key_of
from loadproof.plan.limits import parse_limit
from loadproof.plan.request import Requirements
from loadproof.plan.resources import parse_resource, split_window
from loadproof.plan.scenario import (
    CONFIDENCE,
    GOODPUT,
    MUST_HOLD,
    SCENARIO,
    WARM_UP,
    goodput_requirement,
    held_load_requirement,
    is_strict,
    scenario_requirements,
    warm_up_of,
)

ROOT: Final = "performance_requirements"
"""The key that may wrap a requirement file; without it the blocks stand at the top."""


SECTIONS: Final = ("endpoints", "resources", "thresholds", GOODPUT, SCENARIO, CONFIDENCE, MUST_HOLD, WARM_UP)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"})
_OF_ENDPOINTS = (Subject.RESPONSE_TIME, Subject.THROUGHPUT, Subject.ERROR_RATE)


def read_requirements(paths: Iterable[Path]) -> tuple[Requirement, ...]:
    """All requirements of all files.

    Raises:
        ConfigError: with every problem of every file, contradictions between files included.
    """
    found: list[Requirement] = []
    problems: list[Problem] = []
    for path in paths:
        tree, unreadable = read_document(path)
        problems += unreadable
        if tree is None:
            problems += [] if unreadable else [Problem("holds no requirement", str(path))]
            continue
        more, wrong = requirements_of(tree, str(path))
        found += more
        problems += wrong
    return _checked(found, problems)


def read_given(given: Requirements, folder: Path = Path()) -> tuple[Requirement, ...]:
    """All requirements of a file, of several, or of a mapping with what a file holds.

    Files are relative to `folder`. The lines of a mapping are those of it as indented JSON.

    Raises:
        ConfigError: with every problem.
    """
    if isinstance(given, Mapping_):
        try:
            # JSON is YAML: so a mapping is read by the same grammar, with the same messages.
            text = json.dumps(given, indent=1, ensure_ascii=False)
        except (TypeError, ValueError) as error:
            hint = 'write it as a file has it, such as {"response_time": {"p95": "<500ms"}}'
            raise ConfigError(
                Problem(f"requirements hold what is no text and no number: {error}", "requirements", hint)
            ) from None
        return parse_requirements(text, "requirements")
    return read_requirements(folder / file for file in ([given] if isinstance(given, str | Path) else given))


def parse_requirements(text: str, name: str) -> tuple[Requirement, ...]:
    """The same from text; `name` is the file's name in messages. Raises ConfigError."""
    tree, problems = parse_document(text, name)
    if tree is None:
        raise ConfigError(*(problems or [Problem("holds no requirement", name)]))
    found, wrong = requirements_of(tree, name)
    return _checked(found, problems + wrong)


def requirements_of(tree: Tree, name: str) -> tuple[list[Requirement], list[Problem]]:
    """The requirements in a part of a document, and what is wrong with it; `conflicts` is not asked."""
    reader = _Reader(name)
    reader.top(tree)
    if reader.strict:
        reader.found = [replace(requirement, strict=True) for requirement in reader.found]
    if reader.warm_up_s:
        reader.found = [replace(requirement, warm_up_s=reader.warm_up_s) for requirement in reader.found]
    if not reader.found and not reader.problems:
        reader.problem("holds no requirement", tree.line)
    return reader.found, reader.problems


def _checked(found: list[Requirement], problems: list[Problem]) -> tuple[Requirement, ...]:
    problems = problems + conflicts(found)
    if problems:
        raise ConfigError(*problems)
    return tuple(found)


class _Reader:
    """Walks one document and collects requirements and problems."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: list[Requirement] = []
        self.problems: list[Problem] = []
        self.strict = False
        """`confidence: strict`."""
        self.warm_up_s = 0.0

    def problem(self, message: str, line: int, hint: str = "") -> None:
        self.problems.append(Problem(message, f"{self.name}:{line}", hint))

    def top(self, tree: Tree) -> None:
        if not isinstance(tree, Mapping):
            self.problem(
                "requirements are a mapping", tree.line, "write response_time: and below it p95: <500ms"
            )
            return
        for entry in tree.entries:
            if entry.key != ROOT:
                self.block(entry, None)
            elif isinstance(entry.value, Mapping):
                for inner in entry.value.entries:
                    self.block(inner, None)
            else:
                self.problem(f"'{ROOT}' holds no requirement", entry.line)

    def block(self, entry: Entry, endpoint: str | None) -> None:
        """One key at the top or of one endpoint: a block, a section, or a k6 metric."""
        if f"{entry.key}:" in STREAMED and endpoint is not None:
            if self.entries(entry, "limits such as p95"):
                times = Entry("response_time", entry.line, entry.value)
                self.plain_block(times, f"{entry.key}: {endpoint}")
        elif f"{entry.key}:" in STREAMED:
            self.problem(
                f"'{entry.key}' is of one endpoint", entry.line, "write it below endpoints: POST /chat:"
            )
        elif entry.key in BLOCKS:
            self.plain_block(entry, endpoint)
        elif entry.key in SINGLES:
            self.single(entry, endpoint)
        elif entry.key in (GOODPUT, SCENARIO, CONFIDENCE, MUST_HOLD, WARM_UP):
            self.special(entry, endpoint)
        elif entry.key == "endpoints" and endpoint is None:
            self.endpoints(entry)
        elif entry.key == "resources" and endpoint is None:
            self.resources(entry)
        elif entry.key == "thresholds":
            for inner in self.entries(entry, "metric names, each with its k6 expressions"):
                self.thresholds(inner, endpoint)
        elif isinstance(entry.value, Mapping) or _is_no_metric(entry):
            known = (
                [*BLOCKS, *SINGLES, *SECTIONS]
                if endpoint is None
                else [*BLOCKS, "thresholds", GOODPUT, *(kind[:-1] for kind in STREAMED)]
            )
            self.problem(f"unknown key '{entry.key}'", entry.line, did_you_mean(entry.key, known))
        else:
            self.thresholds(entry, endpoint)

    def endpoints(self, entry: Entry) -> None:
        for inner in self.entries(entry, "endpoint names, each with its requirements"):
            if not inner.key.strip():
                self.problem("an endpoint has no name", inner.line)
                continue
            for block in self.entries(inner, "blocks such as response_time"):
                self.block(block, endpoint_name(inner.key))

    def resources(self, entry: Entry) -> None:
        """Sentences on monitored series: a list of them, or a mapping of series to limits."""
        many: list[Entry] = []
        if isinstance(entry.value, Mapping):
            many = list(entry.value.entries)
        elif isinstance(entry.value, Sequence):
            for item in entry.value.items:
                # YAML reads `- promql: up < 1` as a mapping.
                many += item.entries if isinstance(item, Mapping) else [Entry("", item.line, item)]
        if not many:
            self.problem("'resources' must hold sentences such as process.rss < 1GiB", entry.line)
        for one in many:
            text = one.value.raw if isinstance(one.value, Scalar) else ""
            name = "promql: " if one.key == "promql" else f"{one.key} "
            try:
                self.found.append(parse_resource(f"{name}{text}".strip(), f"{self.name}:{one.line}"))
            except WrongValueError as error:
                self.problem(f"resources: {error}", one.line, error.hint)

    def plain_block(self, entry: Entry, endpoint: str | None) -> None:
        example = next(iter(BLOCKS[entry.key])) if entry.key != "response_time" else "p95"
        for limit in self.entries(entry, f"limits such as {example}"):
            if entry.key == "resource_usage" and limit.key == "parts" and endpoint is None:
                self.parts(limit)
                continue
            key, wrong = key_of(entry.key, limit.key)
            if key is None:
                self.problem(f"{entry.key}: {wrong[0]}", limit.line, wrong[1])
            elif endpoint is not None and key.subject not in _OF_ENDPOINTS:
                self.problem(
                    f"'{limit.key}' cannot be told apart by endpoint", limit.line, "move it to the top"
                )
            else:
                self.plain_limit(limit, key, endpoint)

    def parts(self, entry: Entry) -> None:
        """`resource_usage: parts:`: limits of single programs of the service."""
        for part in self.entries(entry, "programs such as php-fpm, each with its limits"):
            for limit in self.entries(part, "limits such as memory_max"):
                key, wrong = key_of("resource_usage", limit.key)
                if key is None or key.metric == "database_connections":
                    message, hint = (
                        wrong if key is None else ("a part has no such limit", "write it above parts:")
                    )
                    self.problem(f"resource_usage: parts: {part.key}: {message}", limit.line, hint)
                else:
                    self.plain_limit(limit, replace(key, metric=f"part:{part.key}.{key.metric}"), None)

    def special(self, entry: Entry, endpoint: str | None) -> None:
        """Goodput, what the scenario does, and how sure a verdict must be."""
        if endpoint is not None and entry.key != GOODPUT:
            self.problem(f"'{entry.key}' cannot be told apart by endpoint", entry.line, "move it to the top")
            return
        try:
            if entry.key == GOODPUT:
                self.found.append(goodput_requirement(entry, endpoint, self.name))
            elif entry.key == SCENARIO:
                self.found += scenario_requirements(entry, self.name)
            elif entry.key == MUST_HOLD:
                self.found.append(held_load_requirement(entry, self.name))
            elif entry.key == WARM_UP:
                self.warm_up_s = warm_up_of(entry)
            else:
                self.strict = is_strict(entry)
        except WrongValueError as error:
            self.problem(f"{entry.key}: {error}", entry.line, error.hint)

    def single(self, entry: Entry, endpoint: str | None) -> None:
        if endpoint is not None:
            self.problem(f"'{entry.key}' cannot be told apart by endpoint", entry.line, "move it to the top")
        else:
            self.plain_limit(entry, SINGLES[entry.key], None)

    def plain_limit(self, entry: Entry, key: RequirementKey, endpoint: str | None) -> None:
        if not isinstance(entry.value, Scalar):
            self.problem(f"'{entry.key}' takes one limit, not several values", entry.line)
            return
        try:
            # A spike and a soak are measured over their own parts of the load.
            written, window = entry.value.raw, ""
            if entry.key not in SINGLES:
                written, window = split_window(written)
            limit = parse_limit(written, key.kind, key.direction)
        except WrongValueError as error:
            self.problem(f"{entry.key}: {error}", entry.line, error.hint)
            return
        name = requirement_id(
            key.subject,
            key.statistic,
            limit.operator,
            quantile=key.quantile,
            endpoint=endpoint,
            metric=entry.key if entry.key in SINGLES else key.metric,
        )
        window = "" if window == "steady" else window  # as it is without a word
        self.found.append(
            Requirement(
                id=f"{name}:{window}" if window else name,
                text=f"{entry.key}: {entry.value.raw}",
                source=f"{self.name}:{entry.line}",
                subject=key.subject,
                statistic=key.statistic,
                operator=limit.operator,
                limit=limit.value,
                unit=limit.unit,
                quantile=key.quantile,
                endpoint=endpoint,
                metric=key.metric,
                window=window,
            )
        )

    def thresholds(self, entry: Entry, endpoint: str | None) -> None:
        """One k6 metric with one expression, or a list of them."""
        many = entry.value.items if isinstance(entry.value, Sequence) else (entry.value,)
        if not many:
            self.problem(f"'{entry.key}' holds no expression", entry.line)
        for item in many:
            expression = self.expression(item)
            if expression is not None:
                self.threshold(entry, expression, endpoint)

    def expression(self, item: Tree) -> Scalar | None:
        """The expression in an item: text, or k6's long form with nothing that k6 alone can do."""
        if isinstance(item, Mapping):
            extra = [e for e in item.entries if e.key != "threshold"]
            for entry in extra:
                hint = "keep it in the k6 script, where k6 itself acts on it"
                self.problem(f"'{entry.key}' is not supported here", entry.line, hint)
            inner = item.get("threshold")
            if inner is not None:
                item = inner
        if isinstance(item, Scalar) and item.value is not None:
            return item
        self.problem("a threshold is one expression such as 'p(95)<500'", item.line)
        return None

    def threshold(self, entry: Entry, expression: Scalar, endpoint: str | None) -> None:
        try:
            source = f"{self.name}:{expression.line}"
            made = threshold_requirement(entry.key, expression.raw, source)
        except ValueError as error:
            # No expression of k6 begins with its operator: this is one of our limits, its key misspelt.
            near = _place_of(entry.key)
            if near or expression.raw.lstrip()[:1] in tuple("<>="):
                near = near or did_you_mean(entry.key, [*BLOCKS, *SINGLES, *SECTIONS])
                self.problem(f"unknown key '{entry.key}'", entry.line, near)
                return
            wrong = Problem.of(error)
            self.problem(f"{entry.key}: {wrong.message}", expression.line, wrong.hint)
            return
        base, _ = split_metric(entry.key)
        if made.quantile is not None and expression.raw.strip().startswith("p") and "(" not in expression.raw:
            self.problem(f"{entry.key}: 'p' has no percentile", expression.line, "write p(95)<500")
        elif base.startswith("http_req") and base not in BUILTIN_METRICS:
            self.problem(f"k6 has no metric '{base}'", entry.line, did_you_mean(base, BUILTIN_METRICS))
        elif endpoint is None:
            self.found.append(made)
        elif made.subject is Subject.ENGINE_METRIC or made.endpoint is not None:
            hint = "endpoints take http_req_duration, http_req_failed and http_reqs, without tags"
            self.problem(f"'{entry.key}' cannot be told apart by endpoint", expression.line, hint)
        else:
            self.found.append(replace(made, endpoint=endpoint, id=f"{endpoint}:{made.id}"))

    def entries(self, entry: Entry, what: str) -> tuple[Entry, ...]:
        """The entries of a mapping that must not be empty."""
        if isinstance(entry.value, Mapping) and entry.value.entries:
            return entry.value.entries
        raw = entry.value.raw if isinstance(entry.value, Scalar) and "limits" in what else ""
        hint = f"write {entry.key}: {{{what.rpartition(' ')[2]}: {raw}}}" if raw else ""
        self.problem(f"'{entry.key}' must hold {what}", entry.line, hint)
        return ()


def endpoint_name(written: str) -> str:
    """An endpoint as the engines name it: "get /api" is "GET /api"; a bare path has no method."""
    method, space, rest = written.strip().partition(" ")
    if space and method.upper() in _METHODS:
        return f"{method.upper()} {rest.strip()}"
    return written.strip()


_PLACES: Final = {
    "cpu": "resource_usage: {cpu_max: 80%}",
    "memory": "resource_usage: {memory_max: 500MiB}",
    "connections": "resource_usage: {database_connections_max: 80%}",
    "rps": "throughput: {target_rps: 100}",
    "errors": "error_rate: {max_rate: 1%}",
}


def _place_of(key: str) -> str:
    """Where a limit belongs whose block was left out; empty when nobody knows."""
    if re.fullmatch(r"p\d[\d.]*|mean|avg|median", key):
        return f"write response_time: {{{key}: <500ms}}"
    place = _PLACES.get(key.removesuffix("_max").removesuffix("_rate"))
    return f"write {place}" if place else ""


def _is_no_metric(entry: Entry) -> bool:
    """Whether this is a misspelt block rather than a metric: its name is not one that k6 allows."""
    base = entry.key.partition("{")[0]
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", base) is None or (
        isinstance(entry.value, Scalar) and entry.value.value is None
    )
