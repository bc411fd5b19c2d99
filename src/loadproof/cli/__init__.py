"""The command line: one verb per file, wiring only."""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False  # as `typing` has it, without the time that importing it takes
if TYPE_CHECKING:
    from collections.abc import Callable

_LOADS = frozenset({"run", "check", "capacity"})
"""Verbs that look at a scenario at once."""


def main() -> None:
    """Entry point of the `loadproof` command; never returns."""
    from loadproof.cli import signals, streams

    try:
        signals.raise_on_signals()
        streams.outlast()
        code = _run()
    except KeyboardInterrupt:  # while the rest was being imported
        code = 130
    signals.end_on_signals()
    # `python -m` dies of SIGINT at its end when one came in a text that `exec` ran, as data classes are made,
    # whoever has caught it since; the next such text lets it forget that (run_eval_code_obj in pythonrun.c).
    exec("")  # noqa: S102
    if code == 130:
        signals.say_interrupted()
    lost = streams.lost_output()
    if lost is not None:
        sys.stderr.write(f"warning: standard output could not be written: {lost.strerror}\n")
    gc.freeze()  # Python's own end walks all objects several times: 0.15 s, and nobody needs to know of them
    sys.exit(code)


def _run() -> int:
    if sys.argv[1:] == ["--version"]:
        from loadproof.version import __version__

        print(f"loadproof {__version__}")  # without the parser, which takes longer than all the rest
        return 0
    dismiss = _prepared(sys.argv[1:])
    try:
        from loadproof.cli.app import run_app

        return run_app()
    finally:
        dismiss()


def _prepared(words: list[str]) -> Callable[[], None]:
    """The engine starts while the command line and the plan are read; returns what ends it, if it is left."""
    if not words or words[0] not in _LOADS or {"--help", "-h"} & {*words}:
        return lambda: None
    from loadproof.engines import prepare

    return prepare(words)


if __name__ == "__main__":
    main()
