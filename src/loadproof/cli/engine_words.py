"""What engines' own command lines write otherwise than Loadproof's, put so that one parser reads both."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from loadproof.engines.table import SUFFIXES
from loadproof.errors import ConfigError, Problem

_JMETER_LONG: Final = {"-J": "--jmeterproperty", "-D": "--systemproperty", "-G": "--globalproperty"}
_PROPERTY_FILE: Final = "-q"


_LISTS: Final = frozenset({"-T", "--tags", "-E", "--exclude-tags", "--config-users"})
"""Locust's options that take all words up to the next option."""
_FOREIGN_CONFIGS: Final = frozenset({".conf", ".toml", ".cfg", ".ini", ".json"})
"""Endings of what Locust and k6 take as --config; Loadproof's own is YAML."""


def with_engine_words(argv: Sequence[str]) -> list[str]:
    """The command line so that Loadproof's parser leaves to each engine what is its own.

    Raises ConfigError for what means two things.
    """
    words = with_long_options(argv)
    _check_json(words)
    return _with_configs(_with_lists_last(words))


def _check_json(words: Sequence[str]) -> None:
    """Locust's --json takes no file and prints; what follows it would be overwritten by a report."""
    for word, following in pairwise([*words, ""]):
        scenario = Path(following).suffix in SUFFIXES
        if word == "--json" and (not following or following.startswith("-") or scenario):
            hint = (
                "--json results.json writes Loadproof's report; --json-file results.json writes Locust's "
                "figures, which its --json prints"
            )
            raise ConfigError(Problem("--json needs a file here", hint=hint))


def _with_configs(words: Sequence[str]) -> list[str]:
    """A --config that can only be the engine's, as one word, which Loadproof's parser does not know."""
    found: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        flag, equals, value = word.partition("=")
        if flag == "--config" and (equals or waiting):
            value = value if equals else waiting.pop(0)
            own = "--config" if Path(value).suffix not in _FOREIGN_CONFIGS else ENGINE_CONFIG
            word = f"{own}={value}"
        found.append(word)
    return found


ENGINE_CONFIG: Final = "--engine-config"
"""An engine's own --config on its way past Loadproof's parser, which has an option of that name."""


def _with_lists_last(words: Sequence[str]) -> list[str]:
    """Options that take all that follows stand last: Loadproof's own are taken out of the middle before that,
    and a user class behind them must not become a tag.
    """
    kept: list[str] = []
    lists: list[str] = []
    taking = False
    for word in words:
        if word.startswith("-"):
            taking = word in _LISTS
        elif Path(word).suffix == ".py":
            taking = False
        (lists if taking else kept).append(word)
    return [*kept, *lists]


def with_long_options(argv: Sequence[str]) -> list[str]:
    """The command line with JMeter's `-Jname=value` in its long form.

    One letter with its value behind it would be read as several of Loadproof's own: -J, -u with "sers=10".
    `-q` is Loadproof's for quiet; in front of a file, beside a JMeter plan, it is JMeter's.
    """
    words = list(argv)
    plan = any(word.endswith(".jmx") for word in words)
    found: list[str] = []
    for index, word in enumerate(words):
        long = _JMETER_LONG.get(word[:2])
        following = words[index + 1] if index + 1 < len(words) else ""
        if long is not None and len(word) > 2:
            found.append(f"{long}={word[2:]}")
        elif long is not None:
            found.append(long)
        elif word == _PROPERTY_FILE and plan and following and following != "-" and Path(following).is_file():
            own = following.endswith(".jmx")
            found.append(word if own else "--addprop")
        else:
            found.append(word)
    return found
