"""The process that `running` starts: options as JSON in, one JSON line out when ready or when it failed."""

from __future__ import annotations

import json
import sys

from loadproof.demo import DemoError, DemoOptions, Ready, serve


def main() -> None:
    """Serve until standard input ends or a signal comes."""
    try:
        serve(DemoOptions.from_json(sys.argv[1]), on_ready=_say_ready, while_stdin_is_open=True)
    except DemoError as error:
        print(json.dumps({"error": error.message, "hint": error.hint}), flush=True)
        sys.exit(error.exit_code)


def _say_ready(ready: Ready) -> None:
    print(ready.to_json(), flush=True)


if __name__ == "__main__":
    main()
