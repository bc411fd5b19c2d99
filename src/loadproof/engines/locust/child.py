"""The program that the Locust engine starts: Loadproof's plug-in, then Locust's own command line.

    python -m loadproof.engines.locust.child run LOCUST_ARGS...       drives the load
    python -m loadproof.engines.locust.child inspect LOCUST_ARGS...   says what the locustfile holds, as JSON

Locust is imported first of all, so that gevent patches the standard library before anything else uses it.
"""

from __future__ import annotations

import locust.main  # isort: skip  # gevent patches here

import contextlib
import io
import json
import logging
import os
import signal
import sys
import traceback
from typing import Any

from locust import FastHttpUser, HttpUser, argument_parser, events
from locust.argument_parser import get_parser, parse_locustfile_option

from loadproof.engines.locust.plugin import Plugin
from loadproof.engines.locust.settings import VARIABLE, Settings

_STOP_TIMEOUT = "5s"
"""Users get this long to finish their task when the load ends, unless --stop-timeout, LOCUST_STOP_TIMEOUT or
a configuration file says otherwise.

Locust's own default of 0 cuts requests off in the middle: the server counts them, the client cannot.
"""
_STATS_LOGGER = "locust.stats_logger"
_TALKATIVE_LOGGERS = ("locust.main", "locust.runners")


def run() -> None:
    """Never returns: Locust ends the process."""
    # Until Locust can end by itself (see the plug-in) an interrupt just ends it, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    settings = Settings.from_text(os.environ.pop(VARIABLE))
    Plugin(settings).install()
    if settings.quiet_stats:
        logging.getLogger(_STATS_LOGGER).addFilter(lambda _record: False)
    if settings.quiet_log:
        for name in _TALKATIVE_LOGGERS:
            logging.getLogger(name).addFilter(lambda record: record.levelno > logging.INFO)
    locust.main.main()


def inspect() -> dict[str, Any]:
    """What the locustfile and the flags say, without any load; `error` when they cannot be used."""
    usage = io.StringIO()
    try:
        with contextlib.redirect_stderr(usage), contextlib.redirect_stdout(io.StringIO()):
            options = parse_locustfile_option()
            files = argument_parser.get_locustfiles_locally(options)
            users, _, _, shape = locust.main.merge_locustfiles_content(files)
            parsed = get_parser().parse_args()
    except SystemExit as error:
        said = [error.code] if isinstance(error.code, str) else usage.getvalue().strip().splitlines()[-1:]
        return {"error": said or [f"the locustfile ended the process with exit code {error.code}"]}
    except BaseException as error:  # noqa: BLE001  # whatever a user's module raises is what is reported
        return {"error": [_explain(error)], "where": _where(error)}
    chosen = {name: users[name] for name in parsed.user_classes if name in users} or users
    missing = [name for name in parsed.user_classes if name not in users]
    return {
        "users": {name: user.host for name, user in chosen.items()},
        "needs_host": any(issubclass(user, (HttpUser, FastHttpUser)) for user in chosen.values()),
        "missing_users": missing,
        "shape": type(shape).__name__ if shape else None,
        "host": parsed.host,
        "num_users": parsed.num_users,
        "spawn_rate": parsed.spawn_rate,
        "run_time_s": parsed.run_time,
        "headless": not (parsed.headful or parsed.autostart),
        "stop_timeout_s": parsed.stop_timeout,
    }


def _explain(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    return f"{type(error).__name__}: {error}"


def _where(error: BaseException) -> str:
    """file:line of the user's own code that raised, the deepest frame outside installed packages."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith("<")]
    own = [f for f in own if not f.filename.startswith(os.path.dirname(os.path.dirname(__file__)))]  # noqa: PTH120
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def main() -> None:
    """Entry point."""
    verb = sys.argv.pop(1)
    sys.argv[0] = "locust"
    events.init_command_line_parser.add_listener(
        lambda parser: parser.set_defaults(stop_timeout=_STOP_TIMEOUT)
    )
    if verb == "run":
        run()
    answer = inspect()
    sys.__stdout__.write(json.dumps(answer) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]
    os._exit(0)  # a locustfile may have started threads or greenlets that would keep the process alive


if __name__ == "__main__":
    main()
