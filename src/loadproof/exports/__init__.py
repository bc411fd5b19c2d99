"""A run's slices and readings for other programs: one row in EXPORTS for each format."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import IO, TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from loadproof.runfile.reader import Run

TABLES: Final = ("slices", "readings")


class Write(Protocol):
    def __call__(self, run: Run, table: str, stream: IO[bytes]) -> list[str]:
        """Write `table` of `run`, or all of it; returns what could not be exported, a sentence each."""


@dataclass(frozen=True, slots=True)
class Export:
    """One format."""

    function: str
    """"module:function" in this package, a `Write`; imported when used."""
    binary: bool = False

    def write(self, run: Run, table: str, stream: IO[bytes]) -> list[str]:
        """Raises ConfigError when a package for this format is missing."""
        module, _, name = self.function.partition(":")
        return cast("Write", getattr(import_module(f"{__name__}.{module}"), name))(run, table, stream)


EXPORTS: Final[dict[str, Export]] = {
    "csv": Export("tables:write_csv"),
    "json": Export("document:write_json"),
    "k6-json": Export("requests:write_k6_json"),
    "jtl": Export("requests:write_jtl"),
    "parquet": Export("tables:write_parquet", binary=True),
}
"""By the name that `--format` takes."""
