"""`loadproof completion`: what makes a shell complete commands and options."""

from __future__ import annotations

import os
from collections.abc import Collection
from importlib import import_module
from typing import Annotated, Any, Final

import typer

from loadproof.cli.verbs import COMPLETE
from loadproof.errors import ConfigError, Problem
from loadproof.plan.document import did_you_mean

_WORDS: Final = ("_TYPER_COMPLETE_ARGS", "COMP_WORDS")
"""Where it then finds what was typed: of zsh and fish, of bash."""
_SHELLS: Final = ("bash", "zsh", "fish")
SEAMS: Final = (
    ("typer._completion_shared", "get_completion_script"),
    ("typer._completion_classes", "completion_init"),
)
"""All names of Typer's that no documentation promises; without one of them nothing is completed."""


def command(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> int:
    """Print the completion of a shell: `loadproof completion bash`, to be read by it at its start."""
    if shell not in _SHELLS:
        raise ConfigError(Problem(f"there is no completion for '{shell}'", hint=did_you_mean(shell, _SHELLS)))
    found = _private()
    if found is None:
        message = f"completion is switched off: Typer {typer.__version__} has other inner parts than is known"
        raise ConfigError(Problem(message, hint="all commands work without it; install another Typer for it"))
    script, _ = found
    typer.echo(script(prog_name="loadproof", complete_var=COMPLETE, shell=shell))
    return 0


def begin() -> bool:
    """Let the parser answer a shell's question; False where this Typer cannot: then nothing is completed."""
    found = _private()
    if found is None:
        return False
    _, init = found
    init()
    return True


def _private() -> list[Any] | None:
    """What `SEAMS` names, in its order; None when something of it is gone."""
    try:
        return [getattr(import_module(module), name) for module, name in SEAMS]
    except (ImportError, AttributeError):
        return None


def asked_for(verbs: Collection[str]) -> set[str]:
    """The commands among the words that are to be completed; of the others the names are enough."""
    typed = " ".join(os.environ.get(name, "") for name in _WORDS).split()
    return {word for word in typed if word in verbs}
