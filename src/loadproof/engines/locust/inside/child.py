"""The program that the Locust engine starts: Loadproof's plug-in, then Locust's own command line.

    python -m loadproof.engines.locust.inside.child run LOCUST_ARGS...       drive the load
    python -m loadproof.engines.locust.inside.child worker LOCUST_ARGS...    drive a share of it
    python -m loadproof.engines.locust.inside.child inspect LOCUST_ARGS...   print what it holds, as JSON
    python -m loadproof.engines.locust.inside.child show LOCUST_ARGS...      Locust itself, for --list

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
import socket
import sys
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locust import FastHttpUser, HttpUser, User, argument_parser, events
from locust.argument_parser import get_parser

from loadproof.clock import wall_clock
from loadproof.engines.locust.channel import encode
from loadproof.engines.locust.open_model.pace import paces
from loadproof.engines.locust.seams import scenario_options
from loadproof.engines.locust.settings import ARGUMENTS, VARIABLE, Settings, WorkerSettings

if TYPE_CHECKING:
    from loadproof.engines.locust.machines.clock_offset import MasterClock

_ENGINES = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120
_STOP_TIMEOUT = "5s"
"""Users get this long to finish their task when the load ends, unless --stop-timeout, LOCUST_STOP_TIMEOUT or
a configuration file says otherwise.

Locust's own default of 0 cuts requests off in the middle: the server counts them, the client cannot.
"""
_STATS_LOGGER = "locust.stats_logger"
_TALKATIVE_LOGGERS = ("locust.main", "locust.runners")


def run() -> None:
    """Never returns: Locust ends the process."""
    _drive(Settings.from_text(os.environ.pop(VARIABLE)), None)


def work() -> None:
    """Drive a share of another machine's run, with its settings. Never returns."""
    from loadproof.engines.locust.machines import lock
    from loadproof.engines.locust.machines.handshake import NotWelcomeError, greet, hello

    own = WorkerSettings.from_text(os.environ.pop(VARIABLE))
    lock.install(own.lock)
    try:
        welcome = greet(own.master_host, own.master_port, hello(own.scenario), wall_clock(), own.wait_s)
    except NotWelcomeError as error:
        end = {"t": "end", "message": str(error), "exit_code": error.exit_code, "pid": os.getpid()}
        socket.socket(fileno=own.channel_fd).sendall(encode(end))
        sys.exit(error.exit_code)
    _drive(replace(Settings.from_text(welcome.settings), channel_fd=own.channel_fd), welcome.clock)


def _drive(settings: Settings, clock: MasterClock | None) -> None:
    # Here: who only inspects has no need of it, and inspecting is what everybody waits for.
    from loadproof.engines.locust.inside.plugin import Plugin

    # Until Locust can end by itself (see the plug-in) an interrupt just ends it, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Plugin(settings, clock).install()
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
            options = scenario_options()
            files = argument_parser.get_locustfiles_locally(options)
            users, _, _, shape = locust.main.merge_locustfiles_content(files)
            parsed = get_parser().parse_args()
    except SystemExit as error:
        said = [error.code] if isinstance(error.code, str) else _last_words(usage.getvalue())
        return {"error": said or [f"the locustfile ended the process with exit code {error.code}"]}
    except BaseException as error:  # noqa: BLE001  # whatever a user's module raises is what is reported
        return {"error": [_explain(error)], "where": _where(error)}
    chosen = {name: users[name] for name in parsed.user_classes if name in users} or users
    missing = [name for name in parsed.user_classes if name not in users]
    return {
        "users": {name: user.host for name, user in chosen.items()},
        "http_users": [name for name, user in chosen.items() if issubclass(user, (HttpUser, FastHttpUser))],
        "missing_users": missing,
        "own_loops": [name for name, user in chosen.items() if user.run is not User.run],
        "shape": type(shape).__name__ if shape else None,
        "host": parsed.host,
        "num_users": parsed.num_users,
        "spawn_rate": parsed.spawn_rate,
        "run_time_s": parsed.run_time,
        "headless": parsed.autostart or not parsed.headful,
        "stop_timeout_s": parsed.stop_timeout,
        "processes": parsed.processes,
        "roles": [flag for flag, on in (("--master", parsed.master), ("--worker", parsed.worker)) if on],
        "master_bind": [parsed.master_bind_host, parsed.master_bind_port],
        "paces": paces(chosen.values()),
        "needs": [name for name in _needs(files) if not os.environ.get(name)],
    }


def _last_words(usage: str) -> list[str]:
    """What argparse says behind the usage, whole: its last line alone may be a guess of Locust's."""
    lines = usage.strip().splitlines()
    begins = [number for number, line in enumerate(lines) if ": error: " in line]
    if not begins:
        return lines[-1:]
    first, *rest = lines[begins[-1] :]
    return ["; ".join([first.partition(": error: ")[2], *rest])]


def _needs(files: list[str]) -> list[str]:
    """Variables that the locustfiles say they cannot do without: `NEEDS = ["API_PASSWORD"]`."""
    modules = [module for module in list(sys.modules.values()) if getattr(module, "__file__", None) in files]
    named = [getattr(module, "NEEDS", ()) for module in modules]
    return [str(name) for names in named if isinstance(names, list | tuple) for name in names]


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
    own = [f for f in own if not f.filename.startswith(_ENGINES)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def main() -> None:
    """Entry point."""
    verb = sys.argv.pop(1)
    sys.argv[0] = "locust"
    sys.argv += json.loads(os.environ.pop(ARGUMENTS, "[]"))
    events.init_command_line_parser.add_listener(
        lambda parser: parser.set_defaults(stop_timeout=_STOP_TIMEOUT)
    )
    if verb == "run":
        run()
    if verb == "worker":
        work()
    if verb == "show":
        locust.main.main()
    answer = inspect()
    sys.__stdout__.write(json.dumps(answer) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]
    os._exit(0)  # a locustfile may have started threads or greenlets that would keep the process alive


if __name__ == "__main__":
    main()
