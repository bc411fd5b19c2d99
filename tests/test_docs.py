"""What the product has and what the documents say are the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from loadproof.cli.app import build_app
from loadproof.cli.verbs import VERBS
from loadproof.errors import EXIT_CODE_MEANINGS, ExitCode
from loadproof.runfile.schema import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent.parent / "docs"
COMMANDS = (DOCS / "commands.md").read_text(encoding="utf-8")


def _sections(command: object, path: str = "loadproof") -> Iterator[tuple[str, list[str]]]:
    """Each command's full name with all of its options' names."""
    names = [name for parameter in command.params for name in parameter.opts if name.startswith("-")]  # type: ignore[attr-defined]
    yield path, [name for name in names if name != "--help"]
    for name, child in getattr(command, "commands", {}).items():
        yield from _sections(child, f"{path} {name}")


@pytest.mark.parametrize(("path", "options"), list(_sections(typer.main.get_command(build_app(VERBS)))))
def test_every_command_and_option_is_documented(path: str, options: list[str]) -> None:
    """A command has its heading in docs/commands.md, and each of its options stands below it."""
    if path == "loadproof":
        text = COMMANDS
    else:
        found = re.search(
            rf"^##+ {re.escape(path)}( [A-Z]+)?$(.*?)(?=^##+ |\Z)", COMMANDS, re.MULTILINE | re.DOTALL
        )
        assert found, f"docs/commands.md has no heading for `{path}`"
        text = found[2]
        if "options of `run`" in text:
            text += COMMANDS[COMMANDS.index("## loadproof run") : COMMANDS.index("## loadproof check")]
    missing = [option for option in options if f"`{option}`" not in text and f"`{option} " not in text]
    assert not missing, f"{path}: not in docs/commands.md: {missing}"


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_is_documented(code: ExitCode) -> None:
    """docs/exit-codes.md has a row with each code and its meaning, word for word."""
    assert f"| {code.value} | {EXIT_CODE_MEANINGS[code]} |" in (DOCS / "exit-codes.md").read_text(
        encoding="utf-8"
    )


def test_every_table_of_the_run_file_is_documented() -> None:
    """docs/run-file.md names each table of the newest schema."""
    tables = re.findall(r"CREATE TABLE (\w+)", "".join(migration.script for migration in MIGRATIONS))
    text = (DOCS / "run-file.md").read_text(encoding="utf-8")
    assert tables
    assert [table for table in tables if f"| `{table}` |" not in text] == []


def test_links_between_documents_lead_somewhere() -> None:
    """Every relative link in the README and in docs/ names a file that exists."""
    broken = [
        f"{document.name}: {link}"
        for document in [DOCS.parent / "README.md", *DOCS.glob("*.md")]
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
        if not (document.parent / link).exists()
    ]
    assert broken == []
