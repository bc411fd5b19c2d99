"""Errors carry all their problems, each with its place and the way out, and the exit code."""

from __future__ import annotations

import pickle

import pytest

from loadproof.errors import (
    EXIT_CODE_MEANINGS,
    ConfigError,
    EngineError,
    ExitCode,
    LoadproofError,
    Problem,
    RefusedError,
    RunFileError,
    TargetError,
)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("is empty"), "is empty"),
        (Problem("is empty", "a.yaml:3"), "a.yaml:3: is empty"),
        (Problem("is empty", "a.yaml:3", "fill it"), "a.yaml:3: is empty\n  fill it"),
        (Problem("is empty", hint="fill it"), "is empty\n  fill it"),
    ],
)
def test_a_problem_is_printed_with_what_it_has(problem: Problem, text: str) -> None:
    """Place, message, and the way out on a line of its own."""
    assert str(problem) == text


def test_an_error_holds_all_its_problems() -> None:
    """In the order in which they were given; a text is a problem without a place."""
    error = ConfigError(Problem("one", "f:1"), "two")
    assert error.problems == (Problem("one", "f:1"), Problem("two"))
    assert str(error) == "f:1: one\ntwo"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ConfigError, ExitCode.USAGE),
        (EngineError, ExitCode.ENGINE),
        (TargetError, ExitCode.UNREACHABLE),
        (RefusedError, ExitCode.REFUSED),
        (RunFileError, ExitCode.USAGE),
    ],
)
def test_every_kind_of_error_has_its_exit_code(kind: type[LoadproofError], code: ExitCode) -> None:
    """None of them ends like a crash, or like a requirement that failed."""
    assert kind("x").exit_code is code
    assert code not in {ExitCode.PASS, ExitCode.CRASH, ExitCode.FAIL}


def test_the_exit_codes_are_those_of_the_documents() -> None:
    """Pipelines depend on the numbers."""
    assert {code.name: int(code) for code in ExitCode} == {
        "PASS": 0, "CRASH": 1, "USAGE": 2, "FAIL": 3, "INCONCLUSIVE": 4, "ENGINE": 5, "UNREACHABLE": 6,
        "REFUSED": 7, "INTERRUPTED": 130,
    }  # fmt: skip


def test_every_exit_code_has_a_meaning() -> None:
    """What --help and the documents print."""
    assert set(EXIT_CODE_MEANINGS) == set(ExitCode)
    assert all(EXIT_CODE_MEANINGS.values())


def test_errors_cross_process_borders_with_all_they_hold() -> None:
    """Pickling keeps places and hints, not only the printed text."""
    error = ConfigError(Problem("one", "f:1", "mend it"), Problem("two"))
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
    assert type(copy) is ConfigError
    assert copy.problems == error.problems
    assert str(copy) == str(error)
