"""The exception tree and the exit codes.

    LoadproofError            (never raised itself)
    ├── ConfigError           2    wrong usage, plan or requirement: every problem at once
    ├── EngineError           5    Locust, k6 or JMeter could not start or died
    ├── TargetError           6    the target refuses, does not resolve, or speaks no HTTP
    ├── RefusedError          7    the target guard says no
    ├── RunFileError          2    a run file that is missing, foreign, damaged or cannot be written
    └── DemoError             2    the demo cannot start (in loadproof.demo)

Every error is printed as one message and, where there is one, the way out. None prints a traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class ExitCode(IntEnum):
    """What the process answers to the shell; documented in docs/exit-codes.md."""

    PASS = 0
    CRASH = 1
    USAGE = 2
    FAIL = 3
    INCONCLUSIVE = 4
    ENGINE = 5
    UNREACHABLE = 6
    REFUSED = 7
    INTERRUPTED = 130


EXIT_CODE_MEANINGS: dict[ExitCode, str] = {
    ExitCode.PASS: "pass; or done, where nothing was required",
    ExitCode.CRASH: "crash (Python's own, so that a crash never reads as a failed requirement)",
    ExitCode.USAGE: "usage or configuration",
    ExitCode.FAIL: "a requirement failed, or a regression was proved",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.ENGINE: "the engine failed",
    ExitCode.UNREACHABLE: "the target cannot be reached",
    ExitCode.REFUSED: "refused by the target guard",
    ExitCode.INTERRUPTED: "interrupted before the planned end; the run file is closed, judged and readable",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it is written, and the way out."""

    message: str
    where: str = ""
    hint: str = ""

    @classmethod
    def of(cls, error: ValueError, where: str = "") -> Problem:
        """What a value that cannot be read has as its error, and the way out where there is one."""
        if isinstance(error, WrongValueError):
            return cls(error.message, where, error.hint)
        return cls(str(error), where)

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        return f"{head}\n  {self.hint}" if self.hint else head


class WrongValueError(ValueError):
    """A text that is not what it should be; who knows where it stands makes a `Problem` of it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class LoadproofError(Exception):
    """Base of every error that a user can cause or meet; carries its exit code."""

    exit_code = ExitCode.CRASH

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class ConfigError(LoadproofError):
    """The command line, the plan or a requirement is wrong; `problems` holds all of them."""

    exit_code = ExitCode.USAGE


class Problems(list[Problem]):
    """Collects what is wrong, so that all of it is told at once."""

    @contextmanager
    def collected(self) -> Iterator[None]:
        """The problems of a ConfigError that is raised inside."""
        try:
            yield
        except ConfigError as error:
            self.extend(error.problems)

    def raise_all(self) -> None:
        """Raises ConfigError where there are any."""
        if self:
            raise ConfigError(*self)


def read_as(parse: Callable[[str], T], text: str, where: str = "") -> T:
    """What `parse` makes of a text. Raises ConfigError for one that it refuses, as written at `where`."""
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigError(Problem.of(error, where)) from None


@contextmanager
def writing(what: str, path: str | Path) -> Iterator[Path]:
    """The path of a file to write, in a folder that there is; what fails inside is a ConfigError."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        yield Path(path)
    except OSError as error:
        raise ConfigError(Problem(f"cannot write {what}: {error.strerror}", str(path))) from error


class EngineError(LoadproofError):
    """The load generator could not start, or ended in a way that is not a result."""

    exit_code = ExitCode.ENGINE


class TargetError(LoadproofError):
    """The target cannot be reached, found out before any load."""

    exit_code = ExitCode.UNREACHABLE


class RefusedError(LoadproofError):
    """The target guard refuses to load this target."""

    exit_code = ExitCode.REFUSED


class RunFileError(LoadproofError):
    """A run file that cannot be created, written or read."""

    exit_code = ExitCode.USAGE
