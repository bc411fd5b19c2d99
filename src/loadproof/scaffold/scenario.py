"""A scenario made from something else: an API description, a recording, or nothing at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from loadproof.errors import ConfigError, Problem
from loadproof.plan.document import near_files
from loadproof.scaffold.template import render

MAX_BYTES: Final = 100_000_000
"""Recordings with the answers in them are large; a description of 100 MB is none."""


@dataclass(frozen=True, slots=True)
class MadeScenario:
    source: str
    target: str | None
    """Base URL of the service, where that is known."""
    remarks: tuple[str, ...] = ()


def first_scenario() -> MadeScenario:
    """One that asks for the start page: somewhere to begin."""
    return MadeScenario(render("locustfile.py"), None, ("the scenario asks for `/` only: make it your own",))


def scenario_from(file: Path) -> MadeScenario:
    """Raises ConfigError when the file is neither an OpenAPI 3 description nor a HAR recording."""
    from loadproof.scaffold.openapi.locustfile import locustfile_of
    from loadproof.scaffold.recording.locustfile import locustfile_of_recording

    document = _read(file)
    if isinstance(document, dict) and isinstance(document.get("log"), dict):
        return _made(*locustfile_of_recording(document, str(file)))
    return _made(*locustfile_of(document, str(file)))


def _made(source: str, target: str | None, notes: list[str]) -> MadeScenario:
    return MadeScenario(source, target, tuple(f"scenario: {note}" for note in notes))


def _read(file: Path) -> object:
    where = str(file)
    try:
        data = file.read_bytes() if file.stat().st_size <= MAX_BYTES else None
    except FileNotFoundError:
        raise ConfigError(Problem("no such file", where, near_files(file))) from None
    except OSError as error:
        raise ConfigError(Problem(f"cannot be read: {error.strerror}", where)) from None
    if data is None:
        raise ConfigError(Problem(f"is larger than {MAX_BYTES:,} bytes", where))
    try:
        text = data.decode("utf-8-sig")
        if file.suffix.lower() in {".yaml", ".yml"}:
            return YAML(typ="safe", pure=True).load(text)
        return json.loads(text)
    except UnicodeDecodeError:
        raise ConfigError(Problem("is not UTF-8 text", where)) from None
    except json.JSONDecodeError as error:
        hint = "an OpenAPI document (JSON or YAML) or a recording of a browser (HAR) becomes a scenario"
        raise ConfigError(
            Problem(f"is not valid JSON: {error.msg}", f"{where}:{error.lineno}", hint)
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError(Problem(f"is not valid YAML: {first}", where)) from None
