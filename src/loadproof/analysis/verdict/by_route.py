"""Says which endpoints are routes, how that is undone, and what the scenario should say instead."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from loadproof.model import names_of
from loadproof.units import format_count

if TYPE_CHECKING:
    from loadproof.runfile.reader import Run

_TOLD: Final = 10


def route_notes(run: Run) -> list[str]:
    """A note for each of the routes with the most names."""
    names = Counter(run.routes.values())
    notes = [
        f"{format_count(count)} names are judged as one endpoint: {route}; in the scenario say "
        f'name="{names_of(route)[-1]}", or undo it with --routes off'
        for route, count in sorted(names.items(), key=lambda row: (-row[1], row[0]))[:_TOLD]
    ]
    if len(names) > _TOLD:
        notes.append(f"{format_count(len(names) - _TOLD)} more endpoints are routes of several names")
    return notes
