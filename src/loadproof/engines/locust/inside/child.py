"""The program that the Locust engine starts: Loadproof's plug-in, then Locust's own command line.

    python -m loadproof.engines.locust.inside.child CHANNEL_FD
    python -m loadproof.engines.locust.inside.child show LOCUST_ARGS...      Locust itself, for --list

Locust is imported first of all, so that gevent patches the standard library before anything else uses it.
Then it waits for orders (see program.py), each with arguments for Locust:

    inspect    tell what the locustfile holds: a fork imports it, so that no trace of that is left here
    run        drive the load, with `settings`; never returns
    work       drive a share of another machine's run; never returns
"""

from __future__ import annotations

import locust.main  # isort: skip  # gevent patches here

import atexit
import contextlib
import io
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import traceback
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import psutil
from gevent import monkey
from locust import FastHttpUser, HttpUser, User, argument_parser, events
from locust.argument_parser import get_parser
from locust.user.task import filter_tasks_by_tags

from loadproof.clock import wall_clock
from loadproof.engines.asking import why_silent
from loadproof.engines.locust.channel import Decoder, encode
from loadproof.engines.locust.inside import connecting
from loadproof.engines.locust.inside.mistakes import mistakes
from loadproof.engines.locust.open_model.pace import paces
from loadproof.engines.locust.seams import scenario_options, unknown
from loadproof.engines.locust.settings import PluginSettings, WorkerSettings
from loadproof.engines.supervisor import adopt
from loadproof.model import Policy

if TYPE_CHECKING:
    from loadproof.engines.locust.machines.clock_offset import MasterClock

_ENGINES = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120
_OS_FILES = (os.__file__, "<frozen os>")
"""Where os.environ is."""
_INTERRUPTED = 130
_STOP_TIMEOUT = "5s"
"""Users get this long to finish their task when the load ends, unless --stop-timeout, LOCUST_STOP_TIMEOUT or
a configuration file says otherwise.

Locust's own default of 0 cuts requests off in the middle: the server counts them, the client cannot.
"""
_STATS_LOGGER = "locust.stats_logger"
_TALKATIVE_LOGGERS = ("locust.main", "locust.runners")


def work(own_settings: str, channel_fd: int) -> None:
    """Drive a share of another machine's run, with its settings. Never returns."""
    from loadproof.engines.locust.machines import lock
    from loadproof.engines.locust.machines.handshake import NotWelcomeError, greet, hello

    own = WorkerSettings.from_text(own_settings)
    lock.install(own.lock)
    try:
        welcome = greet(own.master_host, own.master_port, hello(own.scenario), wall_clock(), own.wait_s)
    except NotWelcomeError as error:
        end = {"t": "end", "message": str(error), "exit_code": error.exit_code, "pid": os.getpid()}
        os.write(channel_fd, encode(end))
        sys.exit(error.exit_code)
    settings = PluginSettings.from_text(welcome.settings)
    # Before the locustfile is here: what it reaches for at import is held by these rules.
    os.write(channel_fd, encode({"t": "rules", "guard": settings.guard}))
    drive(replace(settings, held=_held(channel_fd)), channel_fd, welcome.clock)


def _held(channel_fd: int) -> dict[str, Any]:
    """What holds this worker, once it does. Raises SystemExit when nobody is left who could say."""
    decoder = Decoder()
    while data := os.read(channel_fd, 1 << 18):
        for message in decoder.feed(data):
            if message["t"] == "held":
                return message
    sys.exit(1)


def drive(settings: PluginSettings, channel_fd: int, clock: MasterClock | None = None) -> None:
    """Never returns: Locust ends the process."""
    from loadproof.engines.locust.inside.garbage import end_quickly
    from loadproof.engines.locust.inside.plugin import Plugin

    connecting.install()
    atexit.register(end_quickly)  # first, so that it is called last
    Plugin(settings, socket.socket(fileno=channel_fd), clock).install()
    if settings.quiet_stats:
        logging.getLogger(_STATS_LOGGER).addFilter(lambda _record: False)
    if settings.quiet_log:
        for name in _TALKATIVE_LOGGERS:
            logging.getLogger(name).addFilter(lambda record: record.levelno > logging.INFO)
    try:
        locust.main.main()
    except KeyboardInterrupt:
        # Locust expects no interrupt while it waits for its workers, and would print a traceback.
        sys.exit(_INTERRUPTED)


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
    tagged = sorted({tag for user in chosen.values() for tag in _tags_of(user)})
    chooses = [set(given) if given else None for given in (parsed.tags, parsed.exclude_tags)]
    # Asked before the tags take tasks away.
    taskless = [name for name, user in chosen.items() if _never_has_tasks(user, files)]
    idle = [name for name, user in chosen.items() if any(chooses) and _idle_with(user, *chooses)]
    wrong = mistakes(chosen.values())
    return {
        "users": {name: user.host for name, user in chosen.items()},
        "http_users": [name for name, user in chosen.items() if issubclass(user, (HttpUser, FastHttpUser))],
        "http2_users": [name for name, user in chosen.items() if getattr(user, "http2", False)],
        "fast_users": [name for name, user in chosen.items() if issubclass(user, FastHttpUser)],
        "trusting_users": [name for name, user in chosen.items() if getattr(user, "insecure", False)],
        "missing_users": missing,
        "own_loops": [name for name, user in chosen.items() if user.run is not User.run],
        "tags": tagged,
        "idle_users": idle,
        "taskless_users": taskless,
        "mistakes": wrong,
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
        "paces": [] if wrong else paces(chosen.values()),
        "needs": [name for name in _needs(files) if not os.environ.get(name)],
    }


def _tags_of(holder: Any) -> set[str]:
    """The tags of all tasks of a user class or a TaskSet."""
    found = set(getattr(holder, "locust_tag_set", ()))
    tasks = holder.tasks if isinstance(getattr(holder, "tasks", None), list) else ()
    return found.union(*(_tags_of(task) for task in tasks if task is not holder))


def _idle_with(user: Any, tags: set[str] | None, excluded: set[str] | None) -> bool:
    """Whether Locust would start users of this class and leave them without a task, of those that it has."""
    if not user.tasks or user.run is not User.run or not (user.weight or user.fixed_count):
        return False
    before = logging.root.level
    logging.root.setLevel(logging.ERROR)  # Locust warns of what is an error here
    filter_tasks_by_tags(user, tags, excluded)
    logging.root.setLevel(before)
    return not user.tasks


def _never_has_tasks(user: Any, files: list[str]) -> bool:
    """Whether users of this class would start and raise: no task, and nothing in these files gives it one."""
    if user.tasks or user.run is not User.run or not (user.weight or user.fixed_count):
        return False
    # Listeners and on_start may do the work of tasks, or add tasks, wherever they are written.
    listened = any(event._handlers for event in (events.init, events.test_start))
    if listened or user.on_start is not User.on_start:
        return False
    return not any("tasks" in Path(file).read_text(encoding="utf-8", errors="replace") for file in files)


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
    if isinstance(error, KeyError) and traceback.extract_tb(error.__traceback__)[-1].filename in _OS_FILES:
        return f"the scenario needs {error.args[0]}, and it is not set"
    return f"{type(error).__name__}: {error}"


def _where(error: BaseException) -> str:
    """file:line of the user's own code that raised, the deepest frame outside installed packages."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith("<")]
    own = [f for f in own if not f.filename.startswith(_ENGINES)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def _look(rules: str) -> dict[str, Any]:
    """What the locustfile holds, and the hosts that it reached for against the target guard's rules."""
    refused: list[str] = []
    if rules:
        from loadproof.engines.locust.inside import guard

        refused = guard.install(Policy.of(json.loads(rules)))
    return {"facts": inspect(), "refused": refused}


def _look_apart(rules: str, channel_fd: int) -> dict[str, Any]:
    """The same in a fork; where it ended without an answer, what it said last."""
    with tempfile.TemporaryFile() as found, tempfile.TemporaryFile() as printed:
        adopt(True)
        # Not gevent's fork, which watches its children by an event loop that must not run here yet.
        pid = monkey.get_original("os", "fork")()
        if not pid:
            os.close(channel_fd)
            gevent.reinit()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(printed.fileno(), 2)
            found.write(json.dumps(_look(rules)).encode())
            found.flush()
            os._exit(0)  # a locustfile may have started threads or greenlets that would keep it alive
        wait = monkey.get_original("os", "waitpid")
        code = os.waitstatus_to_exitcode(wait(pid, 0)[1])
        # What the import has started would be in the way of the load's own, such as a server on its port.
        while children := psutil.Process().children():
            for child in children:
                child.kill()
                wait(child.pid, 0)
        adopt(False)
        for file in (found, printed):
            file.seek(0)
        answer = found.read()
        lines = printed.read().decode(errors="replace").strip().splitlines()
    said = lines[-1] if lines else f"importing the locustfile {why_silent(code if code >= 0 else 128 - code)}"
    return json.loads(answer) if answer else {"facts": None, "refused": [], "said": said}


def _obey(order: dict[str, Any], channel_fd: int) -> None:
    sys.argv = ["locust", *order["args"]]
    match order["do"]:
        case "inspect":
            forks = sys.platform == "linux"
            rules = order["settings"]
            os.write(channel_fd, encode(_look_apart(rules, channel_fd) if forks else _look(rules)))
        case "run":
            drive(PluginSettings.from_text(order["settings"]), channel_fd)
        case "work":
            work(order["settings"], channel_fd)


def main() -> None:
    """Entry point."""
    events.init_command_line_parser.add_listener(
        lambda parser: parser.set_defaults(stop_timeout=_STOP_TIMEOUT)
    )
    if sys.argv[1] == "show":
        sys.argv = ["locust", *sys.argv[2:]]
        locust.main.main()
    # Until Locust can end by itself (see the plug-in) an interrupt just ends it, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    channel_fd = int(sys.argv[1])
    decoder = Decoder()
    prepared = False
    while True:
        # Plain calls: until Locust runs, nothing may start gevent's loop.
        if not prepared and not monkey.get_original("select", "select")([channel_fd], [], [], 0)[0]:
            _prepare()
            prepared = True
        data = os.read(channel_fd, 1 << 18)
        if not data:
            break
        for order in decoder.feed(data):
            _obey(order, channel_fd)


def _prepare() -> None:
    """Do what a run needs while nobody waits for it: before the first order, or while a run is planned."""
    import_module("loadproof.engines.locust.inside.plugin")
    unknown()


if __name__ == "__main__":
    main()
