"""What `--help` shows, and what completes commands."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from loadproof.cli.app import build_app, run_app
from loadproof.cli.completion import SEAMS
from loadproof.cli.output import Outputs
from loadproof.cli.scenario import _GROUP_OF
from loadproof.cli.verbs import COMPLETE, VERBS
from loadproof.errors import ExitCode
from loadproof.plan import PlanRequest, RunRequest
from loadproof.plan.request import flags_of

COMMANDS: Any = typer.main.get_command(build_app(VERBS))


def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 250)
    assert run_app([*words, "--help"]) == 0
    return re.sub(r"[\s│]+", " ", capsys.readouterr().out)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_each_option_whole_and_an_example(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No bracket in a text is taken for markup; what a verb refuses is not listed."""
    text = shown(capsys, monkeypatch, verb)
    assert f"Example: {VERBS[verb].example}" in text
    options = [p for p in COMMANDS.commands[verb].params if p.param_type_name == "option"]
    for option in options:
        assert ((option.help or "").replace("`", "") in text) is not option.hidden, option.opts
        if not option.hidden:
            assert option.opts[0] in text


def test_the_list_of_commands_has_groups(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command below its title, in one line."""
    text = shown(capsys, monkeypatch)
    for name, verb in VERBS.items():
        assert f" {name} {verb.summary.replace('`', '')}" in text
        assert verb.group in text


def test_each_option_of_a_run_has_its_group() -> None:
    """A new row of the request without a place in `--help` is found here."""
    assert {name for kind in (PlanRequest, RunRequest, Outputs) for name, _, _ in flags_of(kind)} == set(
        _GROUP_OF
    )


@pytest.mark.parametrize("verb", ["run", "capacity", "ab", "check"])
def test_help_begins_with_the_test_and_its_load(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a verb has besides; of the test its target is the first, of the load its users."""
    text = shown(capsys, monkeypatch, verb)
    places = [text.index(f"╭─ {title} ─") for title in ("The test", "Load", "Verdict", "Other machines")]
    assert places == sorted(places)
    assert re.search(r"─ The test ─+╮ --target", text)
    assert re.search(r"─ Load ─+╮ --users", text)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the parser's own mechanism."""
    assert run_app(["completion", shell]) == 0
    assert COMPLETE in capsys.readouterr().out


@pytest.mark.parametrize(("module", "name"), SEAMS)
def test_a_typer_without_a_private_name_switches_completion_off_and_nothing_else(
    module: str, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says so in one error, a shell's question gets no words, and other commands go on."""
    monkeypatch.delattr(f"{module}.{name}")
    assert run_app(["completion", "bash"]) == ExitCode.USAGE
    assert "completion is switched off: Typer" in capsys.readouterr().err
    assert run_app(["--help"]) == 0
    capsys.readouterr()
    monkeypatch.setenv(COMPLETE, "complete_bash")
    assert run_app([]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("typed", "found"), [("loadproof su", "suggest"), ("loadproof run --requirem", "--requirements")]
)
def test_words_are_completed(
    typed: str, found: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands, and the options of the command that was typed."""
    monkeypatch.setenv(COMPLETE, "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    with pytest.raises(SystemExit):
        run_app([])
    assert found in capsys.readouterr().out.split()
