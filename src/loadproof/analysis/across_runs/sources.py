"""Where measured runs come from: the one function that opens whatever a person names on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from loadproof.errors import ConfigError, Problem
from loadproof.imports.formats import recognise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadproof.analysis.across_runs.measured import MeasuredRun

_HEAD_BYTES: Final = 4096
"""How much of a file its reader is chosen by."""


@dataclass(frozen=True, slots=True)
class MeasuredFormat:
    """One kind of file that measured runs are read from."""

    name: str
    recognises: Callable[[Path, bytes], bool]
    """By the path and the first 4 KiB."""
    function: str
    """"module:function", `(Path) -> tuple[MeasuredRun, ...]`; imported when used."""


READERS: tuple[MeasuredFormat, ...] = (
    MeasuredFormat(
        "run file",
        lambda _path, head: head.startswith(b"SQLite format 3\0"),
        "loadproof.analysis.across_runs.sources:read_run_file",
    ),
    MeasuredFormat(
        "baseline",
        lambda _path, head: b'"loadproof_baseline"' in head,
        "loadproof.analysis.compare.baseline:read_baseline_file",
    ),
    MeasuredFormat(
        "result of k6, Locust or JMeter",
        lambda _path, head: recognise(head),
        "loadproof.analysis.across_runs.imported:read_measured",
    ),
)
"""In order: the first that recognises a file reads it. An import is one row more."""


def open_measured(path: Path) -> tuple[MeasuredRun, ...]:
    """The runs in a file, usually one: a run file, an exported baseline, an import.

    Raises:
        ConfigError: the file is missing, cannot be read, or is none of these.
        RunFileError: it is a run file that is damaged or of a newer Loadproof.
    """
    where = str(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise ConfigError(
            Problem("there is no such file", where, "`loadproof runs` lists the runs")
        ) from None
    except OSError as error:
        raise ConfigError(Problem(f"cannot be read: {error.strerror}", where)) from None
    for reader in READERS:
        if reader.recognises(path, head):
            module, _, name = reader.function.partition(":")
            read = cast("Callable[[Path], tuple[MeasuredRun, ...]]", getattr(import_module(module), name))
            return read(path)
    known = ", ".join(reader.name for reader in READERS)
    raise ConfigError(Problem("this is no file that runs can be read from", where, f"one of: {known}"))


def read_run_file(path: Path) -> tuple[MeasuredRun, ...]:
    """The one run in a run file. Raises RunFileError."""
    from loadproof.analysis.across_runs.measured import measured
    from loadproof.runfile.reader import read_run

    return (measured(read_run(path)),)
