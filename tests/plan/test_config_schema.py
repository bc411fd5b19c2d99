"""The JSON Schema of loadproof.yaml: it takes what the models take, and marks what they refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from loadproof.plan.config_schema import config_schema

ROOT = Path(__file__).parent.parent.parent
SCHEMA: dict[str, Any] = json.loads(config_schema())


def problems(text: str) -> list[str]:
    document = YAML(typ="safe", pure=True).load(text)
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def documented() -> list[str]:
    """Each whole example in docs/configuration.md, and the one in examples/."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    found = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "tests:" in block]
    return [(ROOT / "examples" / "loadproof.yaml").read_text(encoding="utf-8"), *found]


def test_it_is_a_schema() -> None:
    """By its own schema, and each key has the description that docs/configuration.md has."""
    Draft202012Validator.check_schema(SCHEMA)
    assert all("description" in key for key in SCHEMA["properties"].values())


@pytest.mark.parametrize("text", documented())
def test_examples_are_valid(text: str) -> None:
    """As people write them: stages in one word, scenarios by their file, times with units."""
    assert problems(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "tests: {a: {run_time: 5m, users: 3}}",
        "tests: {a: {run_time: 30, stages: [2m:50, {duration: 1m, users: 5}]}}",
        "scenarios: {a: x.py, b: {file: y.js, env: {PORT: 8080}}}",
        "monitors: {postgres: {url_env: DB}, host: false, prometheus: http://h/metrics, redis: [redis://h]}",
        "consistency: {a: {sql: SELECT 1, settle: 10s}}",
    ],
)
def test_each_form_of_a_key_is_valid(text: str) -> None:
    """The short one, and the long one."""
    assert problems(text) == []


@pytest.mark.parametrize(
    "text",
    ["targett: http://h", "tests: {a: {profile: sturm}}", "tests: {a: {users: many}}", "monitors: {host: 3}"],
)
def test_mistakes_are_marked(text: str) -> None:
    """A key that nobody knows, a value of another kind."""
    assert problems(text)
