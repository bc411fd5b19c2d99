"""What Locust's configuration files say: which locustfile is meant where none is named, and which host."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import configargparse

from loadproof.errors import ConfigError, Problem
from loadproof.safety.target import normalise_target

_VARIABLE = "LOCUST_LOCUSTFILE"
_FILE = "locustfile.py"
_SECTION = "tool.locust"
_HOME, _BESIDE, _PROJECT = Path("~/.locust.conf"), Path("locust.conf"), Path("pyproject.toml")


def default_locustfile(
    folder: Path, arguments: Sequence[str], environ: Mapping[str, str] = os.environ
) -> tuple[str, str] | None:
    """The file or files, and who names them; None where nobody does and there is no ./locustfile.py.

    In Locust's order: LOCUST_LOCUSTFILE, the file of `--config`, pyproject.toml, ./locust.conf,
    ~/.locust.conf, locustfile.py. Raises ConfigError when a configuration file cannot be read.
    """
    if environ.get(_VARIABLE):
        return environ[_VARIABLE], f"{_VARIABLE} says so"
    for file in (*_given(folder, arguments), folder / _PROJECT, folder / _BESIDE, _HOME.expanduser()):
        named = _settings(file).get("locustfile")
        if named:
            return str(named), f"{file.name} says so"
    return (_FILE, "it is here, as Locust has it") if (folder / _FILE).is_file() else None


def configured_host(folder: Path) -> str | None:
    """The base URL in the configuration files of a folder; None without one that can be read."""
    try:
        hosts = [str(_settings(folder / file).get("host")) for file in (_PROJECT, _BESIDE)]
        given = next((host for host in hosts if host.startswith(("http://", "https://"))), None)
        return given and normalise_target(given)
    except ConfigError:
        return None


def _given(folder: Path, arguments: Sequence[str]) -> list[Path]:
    """The file of `--config`, at most one: the last."""
    found = []
    for word, following in pairwise([*arguments, ""]):
        flag, equals, value = word.partition("=")
        if flag == "--config":
            found.append(folder / (value if equals else following))
    return found[-1:]


def _settings(file: Path) -> dict[str, Any]:
    """Empty where there is no such file, or nothing for Locust in it."""
    try:
        with file.open(encoding="utf-8") as stream:
            if file.suffix == ".toml":
                return dict(configargparse.TomlConfigParser([_SECTION]).parse(stream))
            return dict(configargparse.DefaultConfigFileParser().parse(stream))
    except OSError:
        return {}
    except configargparse.ConfigFileParserException as error:
        message = " ".join(str(error).split())
        raise ConfigError(Problem(f"Locust's configuration cannot be read: {message}", str(file))) from None
