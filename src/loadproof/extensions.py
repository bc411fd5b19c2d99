"""What other installed packages add to the tables of monitors, reporters and imports: by entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from loadproof.errors import ConfigError, Problem

GROUPS: Final = ("monitors", "reporters", "imports")


@cache
def extensions(table: str) -> dict[str, EntryPoint]:
    """The rows that packages add to a table, one of GROUPS, by their names; nothing of them is imported."""
    return {point.name: point for point in entry_points(group=f"loadproof.{table}")}


def load_extension(table: str, name: str) -> object:
    """What a row of `extensions` names. Raises ConfigError when its package cannot be imported."""
    point = extensions(table)[name]
    try:
        loaded: object = point.load()
    except (ImportError, AttributeError) as error:
        package = point.dist.name if point.dist is not None else point.value
        hint = f"update or remove the package {package}"
        raise ConfigError(
            Problem(f"{name} of loadproof.{table} cannot be imported: {error}", "", hint)
        ) from error
    return loaded
