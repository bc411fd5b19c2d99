"""What the scenario's own code raised in this process, and how many of its tasks ended.

A task that dies half-way sends less than what was written, quickly and without a failed request. Locust
prints each and goes on; here they are counted by exception and place.

Locust swallows what a listener, `on_stop`, a shape or a greenlet of its own raises: it logs that while the
exception is being handled, which is the one place where all of them pass. So a filter on its loggers listens.
"""

from __future__ import annotations

import functools
import logging
import sys
import sysconfig
import traceback
from pathlib import Path
from types import FunctionType, TracebackType
from typing import Any, Final

import gevent
from gevent.hub import Hub
from locust import TaskSet, User, events
from locust.event import EventHook
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.user.task import LOCUST_STATE_STOPPING, DefaultTaskSet

from loadproof.engines.locust.entry import text
from loadproof.engines.locust.session.report import RequestListener, is_locusts_own

CONTROL: Final = (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)
"""How a locustfile says what is played next: no failure of anything."""
_GROUPS: Final = 100
"""Distinct exceptions and places kept between two reports; the rest counts as one."""
_TEXT_LIMIT: Final = 500
_TRACEBACK_LIMIT: Final = 8_000
_FRAMES: Final = 20
_COUNTED: Final = "loadproof_counted"
"""Set on an exception that was counted: Locust raises it again, and the user dies of it."""
_ENGINES: Final = str(Path(__file__).parents[2])
_OF_A_USER: Final = "loadproof_user"
"""Set on the greenlet of a user."""
_INSTALLED: Final = ("site-packages", "dist-packages", sysconfig.get_paths()["stdlib"], _ENGINES)

Row = list[Any]
"""[what, exception, where, count, users that died, traceback or None]"""


class _Group:
    __slots__ = ("count", "died", "text", "trace")

    def __init__(self, said: str, trace: str | None) -> None:
        self.text = said
        self.trace = trace
        self.count = 0
        self.died = 0


class Raised:
    """One process's. `take` hands over what was counted since the last call."""

    def __init__(self) -> None:
        self.fatal = 0
        """Exceptions with which Locust would end with exit code 2."""
        self.heard = False
        """Whether anything was heard of at all: whoever silences Locust's log silences that, too."""
        self.own = 0
        """Those of Loadproof's own listeners."""
        self.dead = 0
        """Users that an exception ended."""
        self._played = 0
        self._broken = 0
        self._left = 0
        self._helpers_left = 0
        self._groups: dict[tuple[str, str, str], _Group] = {}
        self._texts: dict[tuple[str, str, str], str] = {}
        """Of all groups so far: their first exception's words, under which later ones are counted."""

    def install(self) -> None:
        """Listen, from before the locustfile is imported."""
        events.user_error.add_listener(self._on_user_error)
        TaskSet.execute_task = self._counted(TaskSet.execute_task, of_user=False)  # type: ignore[method-assign]
        DefaultTaskSet.execute_task = self._counted(  # type: ignore[method-assign]
            DefaultTaskSet.execute_task, of_user=True
        )
        User.start = self._watched(User.start)  # type: ignore[method-assign]
        Hub.handle_error = self._overheard(Hub.handle_error)
        for name in (None, "locust", "locust.main", "locust.runners"):
            logging.getLogger(name).addFilter(self._hear)

    def take(self) -> dict[str, Any]:
        """`rows` of exceptions, `played` as [tasks that ended, those of them that raised], and `left` as
        [users that stopped themselves in a task, those of them of a class with a fixed_count]."""
        groups, self._groups = self._groups, {}
        played = [self._played, self._broken]
        left = [self._left, self._helpers_left]
        self._played = self._broken = self._left = self._helpers_left = 0
        rows: list[Row] = [
            [what, group.text, where, group.count, group.died, group.trace]
            for (what, _, where), group in groups.items()
        ]
        return {"rows": rows, "played": played, "left": left}

    def count(self, what: str, error: BaseException, trace: TracebackType | None, *, died: int = 0) -> None:
        """Count one exception that came out of the scenario's code; once, however often it is told."""
        again = getattr(error, _COUNTED, False)
        if again and not died:
            return
        kind = type(error).__name__
        key = (what, kind, place(trace))
        if key not in self._groups and len(self._groups) >= _GROUPS:
            key = (what, "other exceptions", "")
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = self._first(key, error, trace)
        group.count += not again
        group.died += died
        self.dead += died
        try:
            setattr(error, _COUNTED, True)
        except AttributeError:
            return  # one with slots: told once for what it broke, and once for the user that it ended

    def _first(self, key: tuple[str, str, str], error: BaseException, trace: TracebackType | None) -> _Group:
        known = self._texts.get(key)
        if known is not None:
            return _Group(known, None)
        said = text(error)
        self._texts[key] = f"{key[1]}: {said}"[:_TEXT_LIMIT] if said else key[1]
        return _Group(self._texts[key], _formatted(error, trace))

    # --- where they come from ------------------------------------------------------------------------

    def _counted(self, execute: Any, *, of_user: bool) -> Any:
        """`execute`, counted. A plain function is called at once, as Locust does after asking what it is."""

        @functools.wraps(execute)
        def counted(taskset: Any, task: Any) -> None:
            kind = type(task)
            if kind is not FunctionType and isinstance(task, type):
                execute(taskset, task)  # a TaskSet, whose tasks come here one by one
                return
            try:
                if kind is FunctionType:
                    task(taskset.user if of_user else taskset)
                else:
                    execute(taskset, task)
            except CONTROL as control:
                self._played += 1
                if isinstance(control, StopUser | StopTest):
                    self._count_left(taskset.user)
                raise
            except Exception:
                self._played += 1
                self._broken += 1
                raise
            self._played += 1

        return counted

    def _count_left(self, user: User) -> None:
        if user._state != LOCUST_STATE_STOPPING:  # else it was told to stop, and waited in its task
            self._left += 1
            self._helpers_left += bool(user.fixed_count)

    def _on_user_error(self, exception: BaseException, tb: Any, **_: Any) -> None:
        self.count("on_start" if _in_on_start(tb) else "task", exception, tb)

    def _watched(self, start: Any) -> Any:
        on_died = self._on_died

        @functools.wraps(start)
        def started(user: Any, group: Any) -> Any:
            greenlet = start(user, group)
            setattr(greenlet, _OF_A_USER, True)
            greenlet.link_exception(on_died)
            return greenlet

        return started

    def _overheard(self, handle_error: Any) -> Any:
        """`handle_error` of gevent's hub, which prints what ended a greenlet that nobody waits for."""
        on_background = self._on_background

        @functools.wraps(handle_error)
        def handled(hub: Any, context: Any, kind: Any, error: Any, trace: Any) -> Any:
            if isinstance(context, gevent.Greenlet) and isinstance(error, Exception):
                on_background(context, error, trace)
            return handle_error(hub, context, kind, error, trace)

        return handled

    def _on_background(self, greenlet: Any, error: Exception, trace: TracebackType | None) -> None:
        """One that the scenario's own code started: a check, a feed, or a part of a task.

        Users and Locust's own greenlets begin in Locust's code, and are counted where they are watched.
        """
        files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(trace)]
        if len(files) > 1 and is_own(files[1]) and not isinstance(error, CONTROL):  # the first is gevent's
            self.count("greenlet" if _is_of_a_user(greenlet) else "background greenlet", error, trace)

    def _on_died(self, greenlet: Any) -> None:
        error = greenlet.exception
        if error is not None and not isinstance(error, CONTROL):
            trace = greenlet.exc_info[2]
            self.count(_cause_of_death(trace), error, trace, died=1)

    def _hear(self, record: logging.LogRecord) -> bool:
        said = record.msg if isinstance(record.msg, str) else ""
        self.heard = self.heard or said.startswith(("Uncaught exception in ", "Unhandled exception in "))
        if said.startswith("Uncaught exception in "):
            self._on_swallowed(said)
        elif said.startswith("Unhandled exception in greenlet") and record.exc_info:
            _, error, trace = record.exc_info
            if error is not None:
                self._on_greenlet(error, trace)
        elif said.startswith("sys.exit("):
            self.fatal += 1
        return True

    def _on_greenlet(self, error: BaseException, trace: TracebackType | None) -> None:
        if getattr(error, _COUNTED, False):
            return  # on the console and in the file
        self.fatal += 1
        names = {frame.f_code.co_name for frame, _ in traceback.walk_tb(trace)}
        self.count("shape" if "shape_worker" in names else "greenlet", error, trace)

    def _on_swallowed(self, said: str) -> None:
        error = sys.exc_info()[1]
        if error is None or getattr(error, _COUNTED, False):
            return
        trace = error.__traceback__
        if "event handler" not in said:
            self.count("on_stop" if "on_stop" in said else "message handler", error, trace)
            return
        firing: dict[str, Any] = trace.tb_frame.f_locals if trace is not None else {}
        handler = firing.get("handler")
        if is_locusts_own(handler):
            return  # it counts requests, as we do: what it could not take is ours to tell
        if type(handler) is RequestListener:
            self.own += 1
            return
        self.fatal += 1
        self.count(f"listener {_event_name(firing.get('self') or firing.get('event'))}", error, trace)


def _is_of_a_user(greenlet: Any) -> bool:
    """Whether a user's task started it, or what a task had started."""
    for _ in range(_FRAMES):
        starter = getattr(greenlet, "spawning_greenlet", None)
        greenlet = None if starter is None else starter()
        if greenlet is None or getattr(greenlet, _OF_A_USER, False):
            return greenlet is not None
    return False


def place(trace: TracebackType | None) -> str:
    """file:line of the scenario's own code, the deepest outside installed packages; "" without any."""
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace)]
    own = [(file, line) for file, line in frames if is_own(file)]
    file, line = (own or frames or [("", 0)])[-1]
    return f"{Path(file).name}:{line}" if file else ""


def is_own(file: str) -> bool:
    """Whether a source file is the scenario's, and not of a package that is installed."""
    return not file.startswith("<") and not any(part in file for part in _INSTALLED)


def _formatted(error: BaseException, trace: TracebackType | None) -> str:
    try:
        lines = traceback.format_exception(type(error), error, trace, limit=-_FRAMES)
    except Exception as odd:  # noqa: BLE001  # an exception whose own words raise: its kind is what is left
        return f"{type(error).__name__} (its text raised {type(odd).__name__})"
    return "".join(lines)[-_TRACEBACK_LIMIT:]


def _in_on_start(trace: TracebackType | None) -> bool:
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(trace)]
    return "on_start" in names[:3]


def _cause_of_death(trace: TracebackType | None) -> str:
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(trace)]
    return next((name for name in ("on_start", "on_stop") if name in names[:5]), "task")


def _event_name(hook: EventHook | None) -> str:
    return next((name for name, known in vars(events).items() if known is hook), "")
