"""`loadproof completion`: what makes a shell complete commands and options."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Annotated, Final

import typer
from typer._completion_shared import get_completion_script

from loadproof.cli.verbs import COMPLETE
from loadproof.errors import ConfigError, Problem
from loadproof.plan.document import did_you_mean

_WORDS: Final = ("_TYPER_COMPLETE_ARGS", "COMP_WORDS")
"""Where it then finds what was typed: of zsh and fish, of bash."""
_SHELLS: Final = ("bash", "zsh", "fish")


def command(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> int:
    """Print the completion of a shell: `loadproof completion bash`, to be read by it at its start."""
    if shell not in _SHELLS:
        raise ConfigError(Problem(f"there is no completion for '{shell}'", hint=did_you_mean(shell, _SHELLS)))
    typer.echo(get_completion_script(prog_name="loadproof", complete_var=COMPLETE, shell=shell))
    return 0


def asked_for(verbs: Collection[str]) -> set[str]:
    """The commands among the words that are to be completed; of the others the names are enough."""
    typed = " ".join(os.environ.get(name, "") for name in _WORDS).split()
    return {word for word in typed if word in verbs}
