"""Variables for a scenario, as the command line gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from loadproof.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable


def parse_env(given: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Variables from NAME=VALUE texts, or by their names; the last of one name counts.

    Raises:
        ConfigError: with every item that has no '=' or no proper name; values are never shown.
    """
    items = [f"{name}={value}" for name, value in given.items()] if isinstance(given, Mapping) else given
    env: dict[str, str] = {}
    problems = []
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            hint = "write NAME=VALUE; NAME= for an empty value"
            problems.append(Problem("a variable has no '='", "--env", hint))
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
            hint = "names have letters, digits and '_', and begin with no digit"
            problems.append(Problem(f"'{name}' is not a variable's name", "--env", hint))
        elif "\0" in value:
            problems.append(Problem(f"the value of {name} holds a zero byte", "--env"))
        else:
            env[name] = value
    if problems:
        raise ConfigError(*problems)
    return env
