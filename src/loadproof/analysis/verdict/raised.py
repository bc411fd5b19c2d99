"""What the scenario's own code raised, and who died of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from loadproof.engines.table import traits_of
from loadproof.model import EventKind
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.units import format_count, format_percent

_MOST_GROUPS: Final = 20
PLAYED: Final = {"task": "tasks", "iteration": "iterations"}


@dataclass(frozen=True, slots=True)
class RaisedGroup:
    """One exception at one place."""

    what: str
    """Of what it was raised: "task", "iteration", "on_start"."""
    exception: str
    where: str
    """ "locustfile.py:7"; "" where that is not known."""
    count: int
    users_died: int


@dataclass(frozen=True, slots=True)
class RaisedExceptions:
    """What the scenario's code raised, over the whole load."""

    played: int | None
    """Tasks or iterations; None where the engine counts none."""
    raised: int
    """Of them."""
    died: int
    """Virtual users that an exception ended."""
    users: int
    """The most virtual users there were at once."""
    word: str
    """ "tasks" or "iterations"."""
    groups: tuple[RaisedGroup, ...]
    """Most frequent first."""
    traceback: str
    """The first one."""

    @property
    def share(self) -> float | None:
        """Of the tasks or iterations; None where none ended."""
        return self.raised / self.played if self.played else None

    @property
    def first(self) -> str:
        """The most frequent exception, and where: "KeyError at locustfile.py:7"."""
        if not self.groups:
            return ""
        group = self.groups[0]
        name = group.exception.partition(":")[0] or "an exception"
        return f"{name} at {group.where}" if group.where else name


def raised_in(run: Run) -> RaisedExceptions:
    """What the engine reported."""
    played = run.events_of(EventKind.PLAYED)
    counts: Counter[tuple[str, str, str]] = Counter()
    died: Counter[tuple[str, str, str]] = Counter()
    traceback = ""
    for event in run.events_of(EventKind.RAISED):
        what, exception, where = (event.text(key) for key in ("what", "exception", "where"))
        if what.startswith(("listener", "shape")):
            continue  # no part of what users do: the scenario's own gate, and who ended the load
        counts[what, exception, where] += event.whole("count", 1)
        died[what, exception, where] += event.whole("users_died")
        traceback = traceback or event.text("traceback")
    groups = tuple(
        RaisedGroup(*key, count, died[key])
        for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    whats = [key[0] for key in counts]
    in_tasks = sum(count for key, count in counts.items() if key[0] in PLAYED)
    iterate = all(traits_of(engine).iterations for engine in run.plan.engines)
    users = Readings.of(run.readings).of_series("load", "users").value.tolist()
    return RaisedExceptions(
        played=sum(event.whole("count") for event in played) if played else None,
        raised=max(sum(event.whole("raised") for event in played), in_tasks),
        died=sum(died.values()),
        users=int(max([*users, run.plan.profile.start, *(s.target for s in run.plan.profile.stages)]))
        if not run.plan.profile.open_model or users
        else 0,
        word=PLAYED.get(whats[0] if whats else "", "iterations" if iterate else "tasks"),
        groups=groups[:_MOST_GROUPS],
        traceback=traceback,
    )


def in_words(found: RaisedExceptions) -> str:
    """What was raised, with its numbers: "60 of 60 tasks raised KeyError at locustfile.py:7"."""
    said = []
    if found.died:
        of = f"{format_count(found.died)} of {format_count(found.users)} users" if found.users >= found.died \
            else f"{format_count(found.died)} users"  # fmt: skip
        died = next(group for group in found.groups if group.users_died)
        said.append(f"{of} died in {died.what}")
    if found.raised:
        of = format_count(found.raised)
        of += f" of {format_count(found.played)}" if found.played else ""
        said.append(f"{of} {found.word} raised {found.first}".rstrip())
    elif found.died:
        said[-1] += f": {found.first}"
    others = [group for group in found.groups if group.what not in PLAYED and not group.users_died]
    if others and not said:
        group = others[0]
        said.append(f"{group.what} raised {found.first} {format_count(group.count)} times")
    if said:
        return ", ".join(said)
    if not found.played:
        return f"no {found.word} ended by an exception"
    return f"{format_count(found.played)} {found.word} ended, none by an exception ({format_percent(0)})"
