"""The command line: one verb per file, wiring only."""

import sys


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
    if code == 130:
        signals.say_interrupted()
    lost = streams.lost_output()
    if lost is not None:
        sys.stderr.write(f"warning: standard output could not be written: {lost.strerror}\n")
    sys.exit(code)


def _run() -> int:
    if sys.argv[1:] == ["--version"]:
        from loadproof.version import __version__

        print(f"loadproof {__version__}")  # without the parser, which takes longer than all the rest
        return 0
    from loadproof.cli.app import run_app

    return run_app()


if __name__ == "__main__":
    main()
