"""Loadproof inside Locust: listens, counts, reports once a second. Locust itself is not changed.

Installed by `child.py` before Locust's command line starts. With `--processes` the listeners run in the
master and in each worker: a worker's rows travel to the master inside Locust's own reports.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import gevent
from gevent.lock import BoundedSemaphore
from locust import events, runners
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from loadproof.clock import wall_clock
from loadproof.engines.exemplars import Exemplars
from loadproof.engines.locust import seams, session
from loadproof.engines.locust.channel import encode
from loadproof.engines.locust.inside import connecting, guard, spreading, steering, stopping
from loadproof.engines.locust.inside.ending import leave_at_interrupt
from loadproof.engines.locust.inside.garbage import Garbage
from loadproof.engines.locust.inside.heartbeat import Heartbeat
from loadproof.engines.locust.inside.in_flight import InFlight
from loadproof.engines.locust.inside.intake import Intake
from loadproof.engines.locust.inside.outcome import ScenarioOutcome
from loadproof.engines.locust.inside.recorder import LateRecorder, Recorder
from loadproof.engines.locust.inside.task_loop import current_lateness_s
from loadproof.engines.locust.inside.traffic import Traffic
from loadproof.engines.locust.machines import lock
from loadproof.engines.locust.machines.worker_side import WorkerSide
from loadproof.engines.locust.machines.workers import Workers
from loadproof.engines.locust.open_model.open_model import READY_AHEAD_S, OpenModel
from loadproof.engines.locust.open_model.pacing import PacedUsers
from loadproof.engines.locust.seams import Feature
from loadproof.engines.locust.session.report import RequestListener
from loadproof.engines.locust.session.streams import StreamListeners
from loadproof.engines.locust.shape import ProfileShape, hurry
from loadproof.engines.locust.trials.trials import OpenTrials, TrialLeader, UserTrials
from loadproof.engines.supervisor import die_with_parent
from loadproof.model import EventKind, Policy
from loadproof.routes import KeptNames

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadproof.engines.locust.machines.clock_offset import MasterClock
    from loadproof.engines.locust.settings import PluginSettings

_REPORT_KEY = "loadproof"
_WRITTEN = "the scenario writes Locust's statistics itself (stats.log_request), without a request event"


class Plugin:
    """The state of one Locust process."""

    def __init__(
        self, settings: PluginSettings, channel: socket.socket, clock: MasterClock | None = None
    ) -> None:
        """`channel` leads to the conductor; `clock` is the master's, in a worker on another machine."""
        self._settings = settings
        self._clock = clock or wall_clock()
        names = KeptNames(settings.exact, routes=settings.routes)
        self._recorder = Recorder(self._clock, names)
        self._exemplars = Exemplars(self._clock, settings.slow_s)
        self._in_flight = InFlight(settings.session)
        self._heartbeat = Heartbeat(self._clock)
        self._channel, self._channel_lock = channel, BoundedSemaphore(1)
        self._process = os.getpid()
        self._runner: Any = None
        self._far = clock is not None
        self._worker = WorkerSide(settings, clock, self._send)
        self._outcome = ScenarioOutcome(settings, self._clock, self._event)
        self._fallbacks: set[str] = set()
        """Features that Loadproof's HTTP client left to Locust's, told once each."""
        self._untold = 0
        """Requests of all processes that no row could be made of."""
        self._refusals: list[str] = []
        """Why the target guard refused connections in this process; grows by itself."""
        self._refusals_told: set[str] = set()
        self._open: OpenModel | None = None
        self._paced = PacedUsers(self._clock)
        self._user_trials: UserTrials | None = None
        self._leader = TrialLeader(self._clock, self._event, self._send, self._report)
        if settings.profile is not None and settings.profile.open_model:
            if settings.trials:
                self._open = OpenTrials(settings, self._clock, self._event, self._leader)
            else:
                self._open = OpenModel(settings, self._clock, self._event)
            self._recorder = LateRecorder(self._clock, current_lateness_s, names)
        StreamListeners.time = self._recorder.time
        self._intake = Intake(self._clock, self._recorder, self._exemplars)
        self._traffic = Traffic(self._clock, self._event)
        hand_over = self._open.hand_over if self._open is not None else None
        self._workers = Workers(settings, self._clock, self._event, self._send, hand_over)

    def install(self) -> None:
        """Add the listeners, before the locustfile is imported.

        Raises SystemExit when this Locust cannot play the open model.
        """
        if self._open is not None and not seams.known(Feature.OPEN_MODEL):
            sys.exit(seams.switched_off()[Feature.OPEN_MODEL.name])
        runners.WORKER_REPORT_INTERVAL = 1.0
        # Processes of this machine share a secret that nobody has to type. They meet on loopback: where this
        # Locust cannot be locked, they meet without it.
        own = self._settings.token if seams.known(Feature.LOCK) else ""
        lock.install(own if self._settings.lock is None else self._settings.lock)
        if self._settings.guard:
            self._refusals = guard.install(Policy.of(self._settings.guard))
        self._in_flight.install(self._intake.request)
        if self._settings.session != "locust":
            session.install()
        session.install_http2(everybody=self._settings.session == "http2")
        if seams.known(Feature.STATISTICS):
            from loadproof.engines.locust.session import statistics  # it takes hold of what it stands on

            statistics.install()
        self._worker.install()
        self._outcome.raised.install()
        stopping.install()
        events.init.add_listener(self._on_init)
        events.request.add_listener(RequestListener(self._intake.request, self._recorder.success))

    def _on_init(self, environment: Any, runner: Any, **_: Any) -> None:
        self._runner, self._process = runner, os.getpid()  # Locust's own workers may be forks
        options = environment.parsed_options
        if not isinstance(runner, MasterRunner):
            connecting.begin()
            garbage = Garbage(lambda: runner.user_count)
            garbage.begin()
            self._heartbeat.start(garbage.second)
            stopping.attach(runner)
        if self._open is not None:
            self._open.attach(environment, runner)
        elif not isinstance(runner, MasterRunner):
            driven = self._settings.profile is not None or environment.shape_class is not None
            spreading.attach(runner, None if driven else spreading.share_per_s(options))
            self._paced.watch(environment.user_classes)
        if isinstance(runner, WorkerRunner):
            self._attach_worker(environment, runner)
            return
        if self._settings.trials:
            self._take_orders(environment, runner)
        elif self._settings.profile is not None and self._open is None:
            environment.shape_class = ProfileShape(self._settings.profile)
            environment.shape_class.runner = runner
        scale = self._settings.time_scale
        if scale != 1.0:
            if self._settings.profile is None and environment.shape_class is not None:
                hurry(environment.shape_class, scale)
            options.run_time = options.run_time * scale if options.run_time else options.run_time
            options.spawn_rate = (options.spawn_rate or 1) / scale
        if isinstance(runner, MasterRunner):
            self._workers.attach(runner)
            events.worker_report.add_listener(self._on_worker_report)
            runner.quit = self._quit_patiently  # type: ignore[method-assign]
        self._outcome.attach(environment, runner)
        events.test_start.add_listener(self._on_test_start)
        events.test_stopping.add_listener(self._on_test_stopping)
        events.quit.add_listener(self._on_quit)
        if self._settings.waits:
            self._wait_for_begin()  # workers of this machine join meanwhile
        if not self._settings.trials:
            users = partial(steering.change, runner, event=self._event)
            steering.listen(self._channel, users if self._open is None else self._open.change)
        gevent.spawn(self._report_for_ever)
        # Whoever ends this process on the way (sys.exit, an init listener that raises) leaves what is known.
        atexit.register(self._report, everything=True)
        gevent.signal_handler(signal.SIGINT, self._interrupt)
        # gevent's timers count from the loop's last turn, and importing kept it from turning: without this,
        # --run-time would be short by as long as the locustfile took to load (0.8 s of 2 s, seen).
        gevent.get_hub().loop.update_now()

    def _wait_for_begin(self) -> None:
        """Until the load's moment; in the open model until its users have to be made ready for it."""
        begin_s = steering.wait_for_begin(self._channel)
        ahead_s = 0.0
        if self._open is not None:
            ahead_s = READY_AHEAD_S
            self._open.not_before_s = begin_s
        gevent.sleep(max(0.0, begin_s - ahead_s - self._clock()))

    def _attach_worker(self, environment: Any, runner: WorkerRunner) -> None:
        if environment.parsed_options.processes:
            die_with_parent(os.getppid())
        self._worker.attach(runner)
        self._outcome.attach(environment, runner)
        events.test_start.add_listener(lambda **_: self._outcome.ending.started())
        if self._far:
            events.quit.add_listener(
                lambda **_: self._worker.end(self._recorder.recorded, self._in_flight.count)
            )
            gevent.spawn(self._worker.hear, self._channel, self._refusals)
            gevent.signal_handler(signal.SIGINT, self._interrupt)
        else:
            self._channel.close()
            leave_at_interrupt(self._interrupt)
        events.report_to_master.add_listener(self._on_report_to_master)
        # Locust's own last report waits for `quit`; a report at the stop makes its last second complete.
        events.test_stop.add_listener(lambda **_: self._in_flight.settle())
        events.test_stop.add_listener(lambda **_: seams.send_last_report(runner))

    # --- reports -------------------------------------------------------------------------------------

    def _on_report_to_master(self, data: dict[str, Any], **_: Any) -> None:
        runners.WORKER_REPORT_INTERVAL = 1.02 - self._clock() % 1.0  # as in _report_for_ever
        final = self._runner.state == runners.STATE_STOPPED
        slices, errors = self._recorder.take(everything=final)
        data[_REPORT_KEY] = {
            "slices": slices,
            "errors": errors,
            "exemplars": self._exemplars.take(everything=final),
            "final": final,
            "recorded": self._recorder.recorded,
            "in_flight": self._in_flight.count,
            "not_durations": self._recorder.not_durations,
            "fallbacks": list(session.COUNTS.fallbacks),
            "refusals": self._refusals,
            "health": self._heartbeat.take(),
            "course": self._outcome.report(),
            "traffic": self._traffic.report(self._recorder.take_statuses()),
            "untold": self._intake.take_untold(),
            **self._worker.report(sum(row.requests for row in slices)),
        }
        if self._open is not None:
            data[_REPORT_KEY]["arrivals"] = self._open.report(final=final)
        elif self._paced.pace_s is not None:
            data[_REPORT_KEY]["paced"] = self._paced.report()

    def _on_worker_report(self, client_id: str, data: dict[str, Any]) -> None:
        report = data.get(_REPORT_KEY)
        if report is None or not self._workers.accept(client_id, data["user_count"], report):
            return
        self._send({"t": "rows", "slices": report["slices"], "errors": report["errors"]})
        self._outcome.add_report(report["course"])
        self._traffic.add(report["traffic"])
        self._tell_untold(report["untold"])
        self._tell_fallbacks(report["fallbacks"])
        self._tell_refusals(report["refusals"])
        self._send({"t": "health", "rows": report["health"]})
        if self._open is not None:
            self._open.add_report(client_id, report["arrivals"])
        elif "paced" in report:
            self._paced.add_report(report["paced"])
        self._send_exemplars(report["exemplars"])

    def _report_for_ever(self) -> None:
        for part, sentence in seams.switched_off().items():
            self._event(EventKind.SESSION_FALLBACK, sentence, feature=part)
        while True:
            # Just after each whole second, so that a second is sent as soon as it is over.
            gevent.sleep(1.02 - self._clock() % 1.0)
            self._report()

    def _report(self, *, everything: bool = False) -> None:
        slices, errors = self._recorder.take(everything=everything)
        if slices or errors:
            self._send({"t": "rows", "slices": slices, "errors": errors})
        if self._open is not None and (rows := self._open.rows(everything=everything)):
            self._send({"t": "arrivals", "rows": rows})
        elif self._paced.pace_s is not None:
            self._send({"t": "paced", "rows": self._paced.rows(), "pace_s": self._paced.pace_s})
        self._outcome.tell(everything=everything)
        self._traffic.add(self._traffic.report(self._recorder.take_statuses()))
        self._traffic.tell(everything=everything)
        self._tell_untold(self._intake.take_untold())
        self._tell_fallbacks(session.COUNTS.fallbacks)
        self._tell_refusals(self._refusals)
        if health := self._heartbeat.take():
            self._send({"t": "health", "rows": health})
        self._send_exemplars(self._exemplars.take(everything=everything))
        users = self._runner.user_count
        self._send({"t": "users", "time": self._clock(), "users": users})
        if isinstance(self._runner, MasterRunner):
            self._workers.watch()
        if self._outcome.is_over(users) and self._runner.environment.parsed_options.headless:
            gevent.spawn(self._runner.quit)

    def _tell_fallbacks(self, features: Iterable[str]) -> None:
        for feature in sorted(set(features) - self._fallbacks):
            self._fallbacks.add(feature)
            message = (
                f"{feature}: such requests go through another HTTP client than Loadproof's, which is slower"
            )
            self._event(EventKind.SESSION_FALLBACK, message, feature=feature)

    def _tell_refusals(self, reasons: Iterable[str]) -> None:
        for reason in sorted(set(reasons) - self._refusals_told):
            self._refusals_told.add(reason)
            self._event(EventKind.TARGET_REFUSED, reason)

    def _tell_untold(self, reasons: dict[str, int]) -> None:
        for why, count in reasons.items():
            self._untold += count
            message = f"{count} requests are in no count: {why}"
            self._event(EventKind.UNTOLD, message, count=count, why=why)

    def _send_exemplars(self, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._send({"t": "exemplars", "rows": rows})

    # --- the course of the test ----------------------------------------------------------------------

    def _take_orders(self, environment: Any, runner: Any) -> None:
        self._leader.listen(self._channel)
        if self._open is None:
            self._user_trials = UserTrials(self._clock, self._leader)
            self._user_trials.runner = runner
            environment.shape_class = self._user_trials

    def _on_test_start(self, **_: Any) -> None:
        self._workers.start()
        self._outcome.ending.started()
        if self._open is not None:
            self._open.test_started()
        elif self._user_trials is not None:
            self._user_trials.test_started()
        else:
            self._event(EventKind.LOAD_STARTED, "the load started")

    def _on_test_stopping(self, **_: Any) -> None:
        driven = self._open or self._user_trials
        ended_s = self._clock() if driven is None else driven.ended_s()
        # A load of a second may have no other count.
        self._send({"t": "users", "time": ended_s, "users": self._runner.user_count})
        message = "the load ended; users finish what they are doing"
        self._event(EventKind.LOAD_ENDED, message, ended_s)

    def _quit_patiently(self) -> None:
        """MasterRunner.quit, which gives workers half a second, waiting for their last report instead.

        Users get `--stop-timeout` to finish their task, and what they still did is in that report.
        """
        runner = self._runner
        runner.stop(send_stop_to_client=False)
        for client in runner.clients.all:
            runner.server.send_to_client(Message("quit", None, client.id))
        limit_s = self._clock() + runner.environment.stop_timeout + 5.0
        while self._workers.unreported() and self._clock() < limit_s:
            gevent.sleep(0.05)
            self._workers.watch()
        self._workers.give_up_waiting()
        runner.greenlet.kill(block=True)

    def _on_quit(self, exit_code: int, **_: Any) -> None:
        self._in_flight.settle()
        self._report(everything=True)
        if self._open is not None:
            self._open.tell_dropped()
        self._workers.tell_incomplete()
        self._outcome.tell_gate()
        own = (self._recorder.recorded, self._in_flight.count, self._recorder.not_durations)
        recorded, in_flight, not_durations = (sum(n) for n in zip(own, self._workers.counts(), strict=True))
        if in_flight:
            message = f"{in_flight} requests had no answer yet when their users were stopped"
            self._event(EventKind.IN_FLIGHT, message, count=in_flight)
        if not_durations:
            message = (
                f"{not_durations} requests came with a response time that is no duration: counted, not timed"
            )
            self._event(EventKind.SCENARIO_ERROR, message, count=not_durations)
        total = self._runner.stats.total.num_requests
        if self._outcome.raised.own:
            message = f"Locust counted {total} requests, Loadproof recorded {recorded}"
            self._event(EventKind.RECORDER_MISMATCH, message, locust=total, recorded=recorded)
        elif total > recorded + self._untold:
            # Each request event comes to both: whoever has more was written to by other hands.
            self._tell_untold({_WRITTEN: total - recorded - self._untold})
        atexit.unregister(self._report)
        self._send({"t": "end", "recorded": recorded, "exit_code": exit_code})
        self._channel.shutdown(socket.SHUT_WR)

    def _interrupt(self) -> None:
        """SIGINT for Locust's main greenlet, which waits for it; Python would raise it in whichever runs.

        A user in the middle of its Python code would lose its request, and print a traceback.
        """
        self._outcome.ending.signalled("SIGINT")
        gevent.get_hub().handle_system_error(KeyboardInterrupt, KeyboardInterrupt())

    def _event(self, kind: EventKind, message: str, time_s: float | None = None, **data: Any) -> None:
        when_s = self._clock() if time_s is None else time_s
        self._send({"t": "event", "time": when_s, "kind": kind.value, "message": message, "data": data})

    def _send(self, message: dict[str, Any]) -> None:
        if os.getpid() != self._process:
            return  # a fork of the scenario's: all that it has is its parent's
        # The socket is gevent's: a slow conductor makes this greenlet wait, never a user, and each message is
        # sent whole. When the conductor is gone, the supervisor ends this process.
        with self._channel_lock, suppress(OSError):
            self._channel.sendall(encode(message))
