"""What a run watches: what `monitors:` names, and of the rest what is found."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from loadproof.errors import ConfigError, Problem
from loadproof.extensions import extensions
from loadproof.model import Plan, Watch
from loadproof.model.values import mapping
from loadproof.monitors.discovery import DiscoveredTarget, Discovery, discover
from loadproof.plan.resources import PROMQL
from loadproof.safety.redact import redact_url

_KINDS: Final = ("host", "process", "prometheus", "promql", "postgres", "redis", "mysql")
_SOURCES: Final = {"prometheus": "metrics"}


@dataclass(frozen=True, slots=True)
class Selection:
    """The monitors of a run, why each, and what will not be known."""

    found: tuple[DiscoveredTarget, ...] = ()
    missing: tuple[str, ...] = ()
    tree: str = ""
    """What the target is made of, as far as it shows before the load."""

    @property
    def watches(self) -> tuple[Watch, ...]:
        return tuple(found.watch for found in self.found)


def select(plan: Plan) -> Selection:
    """What to watch for a plan.

    Raises ConfigError when `monitors:` names a variable that is not set.
    """
    target = plan.target or plan.options.first_target
    queries = [
        r.metric.removeprefix(PROMQL).strip() for r in plan.requirements if r.metric.startswith(PROMQL)
    ]
    return select_for(target, plan.monitors, queries)


def select_for(target: str | None, monitors: Mapping[str, Any], queries: list[str]) -> Selection:
    """The same for a target, the key `monitors` as plan/watching.py has it, and PromQL to be asked."""
    named = {kind: monitors.get(kind) for kind in _KINDS}
    undecided = [kind for kind in _KINDS if named[kind] is None and kind != "promql"]
    looked = discover(target, undecided) if monitors.get("discover", True) and undecided else Discovery()
    found: list[DiscoveredTarget] = []
    for kind in _KINDS:
        settings = named[kind]
        if settings is None:
            found += [item for item in looked.found if item.watch.kind == kind]
        elif kind == "process" and len(settings) > 1:
            found.append(_parts(settings))
        else:
            found += [_named(kind, number, item) for number, item in enumerate(settings)]
    for kind in extensions("monitors"):
        found += [_named(kind, number, item) for number, item in enumerate(monitors.get(kind) or ())]
    missing = list(looked.missing)
    if queries:
        at = next((place for place, item in enumerate(found) if item.watch.kind == "promql"), None)
        if at is not None:
            watch = found[at].watch
            every = {**mapping(watch.settings["queries"]), **{query: query for query in queries}}
            settings = {**watch.settings, "queries": every}
            found[at] = replace(found[at], watch=replace(watch, settings=settings))
        else:
            missing.append("no Prometheus server to ask: name it with monitors: promql: {url: ...}")
    return Selection(tuple(found), tuple(missing), looked.tree)


def _parts(settings: Sequence[Mapping[str, Any]]) -> DiscoveredTarget:
    """Several processes are parts of one service: what is required is required of them together."""
    seeds = [{key: value for key, value in item.items() if value is not None} for item in settings]
    about = ", ".join(f"{key} {value}" for seed in seeds for key, value in seed.items())
    return DiscoveredTarget(
        Watch("process", "process", {"parts": seeds}), f"named in loadproof.yaml: {about}"
    )


def _named(kind: str, number: int, settings: Mapping[str, Any]) -> DiscoveredTarget:
    name = _SOURCES.get(kind, kind) + (f"-{number + 1}" if number else "")
    values = {key: value for key, value in settings.items() if value is not None}
    if kind == "host" and "node_exporter" in values:
        kind = "node_exporter"
    if "url_env" in values:
        variable = values.pop("url_env")
        url = os.environ.get(variable)
        if not url:
            hint = f"set it, or switch this off with monitors: {kind}: false"
            raise ConfigError(Problem(f"the variable {variable} of monitors: {kind} is not set", hint=hint))
        values["url"] = url
    values = {key: dict(value) if isinstance(value, dict) else value for key, value in values.items()}
    about = ", ".join(f"{key} {redact_url(str(value))}" for key, value in values.items() if value)
    return DiscoveredTarget(
        Watch(kind, name, values), f"named in loadproof.yaml{f': {about}' if about else ''}"
    )
