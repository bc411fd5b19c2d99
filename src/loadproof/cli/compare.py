"""`loadproof compare`: runs of one build against runs of another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from loadproof.cli import comparing as c
from loadproof.cli.output import Outputs, waiting, with_outputs
from loadproof.cli.scenario import with_options
from loadproof.errors import ConfigError, Problem
from loadproof.plan import ComparisonRequest

_BETWEEN = "\0"
"""Stands for the "--" between the sides, which the parser swallows; no argument can be it."""
_HINT = "write: loadproof compare BASE... -- HEAD..."


class SidesCommand(TyperCommand):
    """A command that is told where "--" stood; options may stand behind it too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [_BETWEEN if word == "--" else word for word in args])


@with_outputs
@with_options(ComparisonRequest, "comparing")
def command(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="BASE... -- HEAD...", help="Run files, or baselines by name or file."),
    ],
    *,
    comparing: ComparisonRequest,
    outputs: Outputs,
) -> int:
    """Say what changed between runs of two builds, and how sure that is."""
    from loadproof.pipeline.comparing import compare_files, comparison_settings
    from loadproof.plan.config import find_config

    base, head = sides(runs)
    settings = comparison_settings(comparing, find_config(Path(), None))
    name = f"{' '.join(map(_short, base))} -- {' '.join(map(_short, head))}"
    with waiting("comparing the runs"):
        compared = compare_files(base, head, settings)
        report = c.report_of(compared, name, "")
    return c.show_comparison(compared, report, outputs)


def _short(word: str) -> str:
    return Path(word).stem


def sides(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words on both sides of "--"; two alone are one each. Raises ConfigError."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == _BETWEEN:
            parts.append([])
        else:
            parts[-1].append(word)
    if len(parts) == 1 and len(words) == 2:
        return [words[0]], [words[1]]
    if len(parts) == 1:
        raise ConfigError(Problem("where does head begin? There is no -- between the sides", hint=_HINT))
    if len(parts) > 2:
        raise ConfigError(Problem("there is more than one --", hint=_HINT))
    base, head = parts
    if not base or not head:
        raise ConfigError(Problem(f"{'head' if base else 'base'} has no run", hint=_HINT))
    return base, head
