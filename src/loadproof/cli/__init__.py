"""The command line: one verb per file, wiring only."""

import sys


def main() -> None:
    """Entry point of the `loadproof` command; never returns."""
    if sys.argv[1:] == ["--version"]:
        from loadproof.version import __version__

        print(f"loadproof {__version__}")  # without the parser, which takes longer than all the rest
        sys.exit(0)
    from loadproof.cli.app import run_app

    sys.exit(run_app())


if __name__ == "__main__":
    main()
