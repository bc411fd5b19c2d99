"""docs/from-locust-and-k6.md has every command of the seed, and its own commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from loadproof.cli.app import build_app
from loadproof.cli.verbs import VERBS

DOCUMENT = (Path(__file__).parent.parent / "docs/from-locust-and-k6.md").read_text(encoding="utf-8")
SEED = Path(__file__).parents[2] / "shared" / "seed"
ENGINE_OPTIONS = {"--vus", "--tags"}


def commands(text: str) -> list[str]:
    """The lines of shell blocks, continued lines joined, comments left out."""
    blocks = re.findall(r"```(?:bash|python)\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    words = ("locust ", "k6 ", "loadproof ", "python ")
    return [" ".join(line.split()) for line in lines if line.startswith(words)]


def seed_commands() -> list[str]:
    text = (SEED / "performance-testing.md").read_text(encoding="utf-8")
    runs = re.findall(r"(?:#|//) Run: (.*)", text)
    return sorted({*commands(text), *runs})


@pytest.mark.beside
def test_every_command_of_the_seed_is_there() -> None:
    """Word for word, so that who searches for it finds what to type instead."""
    wanted = seed_commands()
    assert len(wanted) == 10
    assert [command for command in wanted if command not in commands(DOCUMENT)] == []


@pytest.mark.beside
def test_every_line_of_the_seeds_workflow_is_there() -> None:
    """But for keys that have no value, and names of steps."""
    workflow = (SEED / "performance-tests.yml").read_text(encoding="utf-8")
    lines = [line.strip() for line in workflow.splitlines()]
    kept = [line for line in lines if not re.fullmatch(r"|#.*|[\w-]+:( \|)?|- name: .*", line)]
    assert len(kept) >= 14
    plain = DOCUMENT.replace("`", "")
    assert [line for line in kept if line not in plain] == []


def verbs() -> dict[str, Any]:
    return dict(typer.main.get_command(build_app(VERBS)).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", [line for line in commands(DOCUMENT) if line.startswith("loadproof ")])
def test_a_command_of_the_document_exists(line: str) -> None:
    """The verb, and each of its options, are Loadproof's own: nothing is passed on by mistake."""
    words = shlex.split(line)[1:]
    command = verbs().get(words[0])
    missing = {words[0]} if command is None else set()
    if command is not None:
        known = {name for parameter in command.params for name in parameter.opts}
        given = {word for word in words if word.startswith("-")}
        missing = given - known - ENGINE_OPTIONS
    assert missing == set()


def test_the_document_has_commands() -> None:
    """So that the test above cannot be of nothing."""
    assert sum(line.startswith("loadproof ") for line in commands(DOCUMENT)) >= 12
