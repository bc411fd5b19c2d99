"""What fingers do to a command line: each would be read as something else, and told far from where it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from loadproof.engines.table import SUFFIXES
from loadproof.errors import ConfigError, Problem
from loadproof.units import as_meant, parse_duration, parse_rate

_WITH_UNIT: Final = frozenset({
    "--run-time", "-t", "--rate", "--warm-up", "--slow", "--tolerance", "--error-tolerance",
    "--ready-timeout", "--min-rate", "--max-rate", "--at-least", "--trial", "--precision",
    "--duration-limit", "--cool-down-limit", "--wait", "--stop-timeout", "--duration", "-d",
})  # fmt: skip
"""Options whose value has a unit, k6's and Locust's too; some take seconds without one."""
_RATES: Final = frozenset({"--rate", "--min-rate", "--max-rate", "--at-least"})
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_UNIT: Final = re.compile(r"ms|s|m|h|d|sec(?:ond)?s?|min(?:ute)?s?|hours?|%|rps|/ ?(?:s|m|h|min|sec)")
_OF_RESULTS: Final = frozenset({"judge", "suggest", "report", "open", "export", "compare"})
_DOCUMENTS: Final = frozenset({".yaml", ".yml"})


def check_slips(words: Sequence[str]) -> None:
    """Raises ConfigError with all of them, each with what was meant."""
    problems = [*_apart(words), *_one_dash(words), *_documents(words), *_scenarios(words)]
    if problems:
        raise ConfigError(*problems)


def _apart(words: Sequence[str]) -> Iterator[Problem]:
    """A value and its unit are one word: `-t 5 m` would name a user class m."""
    for option, number, unit in zip(words, words[1:], words[2:], strict=False):
        if option in _WITH_UNIT and _NUMBER.fullmatch(number) and _UNIT.fullmatch(unit):
            meant = _as_one(number, unit, rate=option in _RATES)
            yield Problem(f"{option} {number} {unit} is two words", hint=f"write {option} {meant}")


def _as_one(number: str, unit: str, *, rate: bool) -> str:
    """As it is read: `--rate 5 s` is 5/s, and `-t 5 sec` 5s."""
    if rate and unit != "rps":
        unit = f"/{unit.lstrip('/ ')}"
    return as_meant(parse_rate if rate else parse_duration, f"{number} {unit}") or f"{number}{unit}"


def _one_dash(words: Sequence[str]) -> Iterator[Problem]:
    """`-target URL` would be read as -t with the value "arget"."""
    from loadproof.plan.request import RunRequest, flags_of

    long = {name for _, _, flag in flags_of(RunRequest) for name in flag.names if name.startswith("--")}
    for word in words:
        name, equals, value = word.partition("=")
        if not name.startswith("--") and f"-{name}" in long:
            yield Problem(f"{name} has one dash", hint=f"write -{name}{equals}{value}")


def _documents(words: Sequence[str]) -> Iterator[Problem]:
    """A document beside a scenario would be taken for a user class."""
    if not any(Path(word).suffix in SUFFIXES for word in words):
        return
    for before, word in pairwise(words):
        if Path(word).suffix in _DOCUMENTS and not word.startswith("-") and not before.startswith("-"):
            hint = f"requirements: --requirements {word}; what loadproof.yaml holds: --config {word}"
            yield Problem(f"'{word}' is no scenario, and follows no option", hint=hint)


def _scenarios(words: Sequence[str]) -> Iterator[Problem]:
    """A scenario where something else is read: Python is no YAML and no result."""
    for before, word in pairwise(words):
        if Path(word).suffix not in SUFFIXES or word.startswith("-"):
            continue
        if before == "--requirements":
            yield Problem(f"{word}: this is a scenario, and no requirements", hint="--requirements FILE.yaml")
        elif before == words[0] and before in _OF_RESULTS:
            yield Problem(
                f"{word}: this is a scenario, and no result", hint=f"`loadproof run {word}` plays it"
            )
