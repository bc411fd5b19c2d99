"""The command line: one verb per file, wiring only."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the `loadproof` command; never returns."""
    from loadproof.cli.app import run_app

    sys.exit(run_app())


if __name__ == "__main__":
    main()
