"""Who ended the load before its plan, in this process.

Whoever ends a load calls the runner's `stop` or `quit`: Locust at its run time, for a shape or for a signal,
or the scenario's own code. The call stack tells them apart. Only the first one counts, and only if the load
was on and its plan was not over.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

import gevent
from gevent.event import Event as Flag
from locust import runners
from locust.runners import MasterRunner, WorkerRunner
from locust.user.task import LOCUST_STATE_STOPPING

from loadproof.engines.locust.entry import text
from loadproof.engines.locust.inside.raised import is_own, place

_LOCUST: Final = str(Path(runners.__file__).parent) + os.sep
_NEARLY_S: Final = 0.5
"""A load that lacks less than this of its plan was played: timers and shapes are no more exact."""
_NOBODY_CHECKS: Final = 3
"""Seconds in a row without any user, after which those that died are not waited for."""
_LEAVING_S: Final = 10
"""For users that get five seconds to finish, and the last report."""
_MACHINES: Final = str(Path(__file__).parents[1] / "machines")
_WITHOUT_WORKERS: Final = ("quit_without_workers", "_keep_in_touch")
_ANYWAY: Final = ("sig_term_handler", "stop_and_optionally_quit")
"""These end the load, whatever code of the scenario runs meanwhile."""
_ON: Final = (runners.STATE_SPAWNING, runners.STATE_RUNNING)

Reason = dict[str, Any]
"""`by` and `how`, where known also `where` and `exception`; see EventKind.ENDED_BY."""


class Ending:
    """Watches one runner. `planned_s` says how long its load is to be, None when nothing says that."""

    def __init__(self, clock: Callable[[], float], planned_s: Callable[[], float | None]) -> None:
        self._clock = clock
        self._planned_s = planned_s
        self._runner: Any = None
        self._started_s: float | None = None
        self._signal = ""
        self._of_a_worker: Reason | None = None
        self._nobody = 0
        self._stopper: Any = None
        """The greenlet that is stopping the users now."""
        self._stopped = Flag()
        self._stopped.set()
        self._left = False
        """This process was told to quit."""
        self.reason: Reason | None = None
        """Who ended it, when that was before its plan."""

    def attach(self, runner: Any) -> None:
        """Look at whoever ends this runner's load."""
        self._runner = runner
        for name in ("stop", "quit"):
            setattr(runner, name, self._seen(name, getattr(runner, name)))
        if isinstance(runner, WorkerRunner):
            runner.start_worker = self._unless_over(runner.start_worker)  # type: ignore[method-assign]

    def started(self) -> None:
        """The load begins."""
        self._started_s = self._clock()

    def signalled(self, name: str) -> None:
        """The process got a signal that ends it."""
        self._signal = self._signal or name

    def heard(self, reason: Reason) -> None:
        """A worker ended its part for this reason."""
        self._of_a_worker = self._of_a_worker or reason

    def nobody_left(self, users: int, dead: int) -> bool:
        """Once a second: whether all users are gone for good, so that nothing will happen any more."""
        runner = self._runner
        spawning = runner.spawning_greenlet
        over = runner.state == runners.STATE_RUNNING or (spawning is not None and spawning.dead)
        if isinstance(runner, MasterRunner):
            # A worker that has not said yet that its users are there has none that could be gone.
            over = over and all(worker.state == runners.STATE_RUNNING for worker in runner.clients.all)
        gone = self._started_s is not None and runner.state in _ON and over and users == 0
        self._nobody = self._nobody + 1 if gone and (dead or runner.target_user_count) else 0
        if self._nobody < _NOBODY_CHECKS or self.reason is not None:
            return False
        how = "every user died" if dead else "every user stopped itself"
        self._note({"by": "users", "how": how})
        return True

    def _seen(self, name: str, end: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(end)
        def ended(*args: Any, **kwargs: Any) -> Any:
            if self._runner.state in _ON and self.reason is None:
                reason = self._reason(name, sys._getframe())
                if reason is not None:
                    self._note(reason)
            if name == "stop":
                return self._once(end, *args, **kwargs)
            self._left = True
            current: Any = gevent.getcurrent()
            if current in self._runner.user_greenlets:
                # Locust kills the user that calls this, and with it its own way to the end.
                current.args[0]._state = LOCUST_STATE_STOPPING
                gevent.spawn(end, *args, **kwargs)
                return None
            return end(*args, **kwargs)

        return ended

    def _unless_over(self, start: Callable[..., Any]) -> Callable[..., Any]:
        """No users for a worker that stops: a master gives it those of another that has just left.

        Its last report would be without them, and the process would end while they have requests under way.
        """

        @functools.wraps(start)
        def started(*args: Any, **kwargs: Any) -> Any:
            if not self._left and self._stopper is None:
                start(*args, **kwargs)

        return started

    def _once(self, stop: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Locust stops users twice at once when its load shape is stopped from elsewhere: each waits here."""
        current = gevent.getcurrent()
        if self._stopper is current:
            return None
        self._stopped.wait()
        self._stopper = current
        self._stopped.clear()
        try:
            return stop(*args, **kwargs)
        finally:
            self._stopper = None
            self._stopped.set()

    def _note(self, reason: Reason) -> None:
        if self._started_s is None:
            return
        planned_s, played_s = self._planned_s(), self._clock() - self._started_s
        if isinstance(self._runner, WorkerRunner):
            self.reason = reason  # whether it is early, and what it means, its master knows
            return
        if planned_s is None and reason["by"] in ("scenario", "shape") and "exception" not in reason:
            return  # nothing says how long it is to be: then it is as long as the scenario says
        if planned_s is None or played_s < planned_s - _NEARLY_S:
            self.reason = {**reason, "played_s": played_s, "planned_s": planned_s}

    def _reason(self, name: str, frame: FrameType | None) -> Reason | None:
        """None when it is Locust that ends its run time."""
        if self._signal:
            return {"by": "signal", "how": self._signal}
        own: FrameType | None = None
        by = "scenario"
        found: Reason | None = None
        while frame is not None:
            code = frame.f_code
            function, file = code.co_name, code.co_filename
            if file.startswith(_LOCUST):
                if file.endswith("web.py"):
                    return None  # whoever sits at Locust's web page has no other plan
                if function in _ANYWAY:
                    return self._of_locust(function, frame.f_locals) or None
                if function == "fire" and own is not None:
                    by = "listener"
                if own is None and found is None:
                    found = self._of_locust(function, frame.f_locals)
            elif function in _WITHOUT_WORKERS and file.startswith(_MACHINES):
                return self._of_a_worker or {"by": "workers", "how": "no worker was left"}
            elif own is None and is_own(file):
                own = frame
            frame = frame.f_back
        if found is not None:
            return found or None
        reason = {"by": by, "how": f"runner.{name}()"}
        if own is not None:
            reason["where"] = f"{Path(own.f_code.co_filename).name}:{own.f_lineno}"
        return reason

    def _of_locust(  # noqa: PLR0911  # one return for each way in which Locust ends a load
        self, function: str, seen: dict[str, Any]
    ) -> Reason | None:
        """What one of Locust's own functions means that ends a load; {} for its plan, None for nothing."""
        match function:
            case "sig_term_handler":
                return {"by": "signal", "how": "SIGTERM"}
            case "shape_worker":
                return {"by": "shape", "how": "the shape returned None"}
            case "stop_and_optionally_quit" if "Shape" in str(seen.get("reason")):
                return _raised("shape", self._runner.shape_greenlet)
            case "stop_and_optionally_quit":
                return {}
            case "handler" if "greenlet" in seen:
                return _raised("scenario", seen["greenlet"])
            case "handle_message" | "heartbeat_worker" if isinstance(self._runner, MasterRunner):
                return self._of_a_worker or {"by": "workers", "how": "no worker was left"}
            case "handle_message":
                return {}  # a worker does what its master says
        return None


def leave_at_interrupt(leave: Callable[[], None]) -> None:
    """A worker process that gets SIGINT reports what it did, instead of ending at once.

    Its master's process also sends it at the end, and then waits for the worker without a limit: one that is
    stuck in its own code ends all the same.
    """

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        signal.alarm(_LEAVING_S)
        gevent.spawn(leave)

    signal.signal(signal.SIGINT, interrupted)


def _raised(by: str, greenlet: Any) -> Reason:
    error = None if greenlet is None else greenlet.exception
    if error is None:
        return {"by": by, "how": "the shape returned None"}
    said = f"{type(error).__name__}: {text(error)}".removesuffix(": ")
    where = place(greenlet.exc_info[2])
    return {"by": by, "how": f"raised {type(error).__name__}", "exception": said, "where": where}
