"""What `loadproof check` shows of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.engines.jmeter.elements import SCRIPT_KINDS, plugin_of
from loadproof.engines.jmeter.hosts import unknown_hosts
from loadproof.engines.jmeter.includes import data_files
from loadproof.engines.jmeter.threads import OUTSIDE, groups_of
from loadproof.engines.jmeter.values import Values, properties_read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.engines.jmeter.inspection import ResolvedPlan
    from loadproof.engines.jmeter.plan_file import Element

_SHOWN = {
    "ThreadGroup.num_threads": "users", "TargetLevel": "at most", "ThreadGroup.ramp_time": "ramp",
    "RampUp": "ramp", "ThreadGroup.duration": "duration", "Hold": "hold", "ThreadGroup.delay": "delay",
    "OpenModelThreadGroup.schedule": "schedule",
}  # fmt: skip
_SCHEDULED = ("ThreadGroup.duration", "ThreadGroup.delay")


def described(found: ResolvedPlan) -> tuple[str, ...]:
    """Lines of a name and what is found."""
    return tuple(f"{name:<13} {text}" for name, text in _rows(found))


def _rows(found: ResolvedPlan) -> Iterator[tuple[str, str]]:
    plan, values = found.file, found.values
    for group in (*groups_of(plan), *plan.of(*OUTSIDE)):
        yield "group", f"'{group.label}' ({group.simple_kind}): {_load(group, values)}"
    timers = [e for e in plan.played() if e.simple_kind.endswith("Timer")]
    if timers:
        yield "think time", ", ".join(dict.fromkeys(f"'{e.label}' ({e.simple_kind})" for e in timers))
    files = data_files(plan, values)
    if files:
        yield "data files", ", ".join(files)
    read = properties_read(plan)
    if read:
        shown = (
            f"{name}={found.values.properties.get(name, default or '')}" for name, default in read.items()
        )
        yield "properties", ", ".join(shown)
    plugins = dict.fromkeys(jar for e in plan.root.whole() if (jar := plugin_of(e.kind)))
    if plugins:
        yield "plug-ins", ", ".join(plugins)
    unseen = [f"'{e.label}'" for e in plan.played() if e.simple_kind in SCRIPT_KINDS]
    unseen += [f"the host of '{address.element.label}'" for address in unknown_hosts(plan, values)]
    if unseen:
        yield "not seen", ", ".join(dict.fromkeys(unseen))


def _load(group: Element, values: Values) -> str:
    said = []
    for name, word in _SHOWN.items():
        text = group.text(name)
        if text and (name not in _SCHEDULED or group.flag("ThreadGroup.scheduler")):
            known = values.resolve(text)
            said.append(f"{word} {known if known is not None else text}")
    return ", ".join(said) or "nothing said"
