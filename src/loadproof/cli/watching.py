"""The part of `loadproof doctor TARGET` that tries every monitor once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from loadproof.model import Profile, ProfileKind
from loadproof.monitors import MonitorError, load_monitor
from loadproof.monitors.discovery import DiscoveredTarget
from loadproof.monitors.selection import select_for
from loadproof.plan.config import FILE_NAME, load_config
from loadproof.plan.watching import secrets_in
from loadproof.safety.guard import Rules, admit
from loadproof.safety.known import Redactor
from loadproof.safety.target import normalise_target


def watching_findings(target: str, config: Path | None) -> Iterator[tuple[str, str, str]]:
    """(mark, topic, text) for each monitor that a run against `target` would have, and for what is missing.

    Raises ConfigError for a bad target or a bad file, RefusedError for a target that no run may load.
    """
    target = normalise_target(target, "TARGET")
    file = config if config is not None else Path(FILE_NAME)
    loaded = load_config(file) if config or file.exists() else None
    admit(loaded.guard_rules() if loaded else Rules(), [target], Profile(ProfileKind.SCENARIO))
    monitors = loaded.monitors() if loaded else {}
    selection = select_for(target, monitors, [])
    for found in selection.found:
        yield from _tried(found)
    for text in selection.missing:
        yield "!", "not watched", text


def _tried(found: DiscoveredTarget) -> Iterator[tuple[str, str, str]]:
    hide = Redactor(secrets_in(found.watch.settings)).text
    name = found.watch.name
    try:
        monitor = load_monitor(found.watch, time.time)
    except MonitorError as error:
        yield "!", name, f"{found.why}; {error}; {error.hint}"
        return
    try:
        monitor.open()
        readings = monitor.read()
    except MonitorError as error:
        hint = f"; {error.hint}" if error.hint else ""
        yield "!", name, hide(f"{found.why}; but: {error}{hint}")
    else:
        yield "✓", name, hide(f"{found.why}; {len(readings)} series at once, rates from the second sample on")
    finally:
        monitor.close()
    for remark in monitor.remarks:
        yield "·", name, hide(remark)
