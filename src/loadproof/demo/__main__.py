"""The process that `running` starts: options as JSON in, one JSON line out when ready or when it failed."""

from __future__ import annotations

import json
import sys

from loadproof.demo import DemoError, Ready, serve
from loadproof.demo.options import OPTIONS, READY


def main() -> None:
    """Serve until standard input ends or a signal comes."""
    try:
        serve(OPTIONS.validate_json(sys.argv[1]), on_ready=_say_ready, while_stdin_is_open=True)
    except DemoError as error:
        print(json.dumps({"error": error.message, "hint": error.hint}), flush=True)
        sys.exit(error.exit_code)


def _say_ready(ready: Ready) -> None:
    print(READY.dump_json(ready).decode(), flush=True)


if __name__ == "__main__":
    main()
