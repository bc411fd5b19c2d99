"""Trials inside one Locust: users stay, the load changes as the conductor says over the channel.

The leading process (the local runner, or the master) asks for an order ({"t": "order?"}) and gets one:

{"t": "trial", "trial": n, "load": x, "duration_s": d, "role": r}    play this
{"t": "cut"}                                                          end it now
{"t": "finish"}                                                       end the load: Locust ends by itself

In the open model each trial is a schedule of its own, which begins on a whole second when enough users are
idle; what still waits for a user at its end is dropped, in the seconds in which it was due. In the closed
model the load shape goes to the trial's users, and the trial begins on the next whole second.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent.event import Event as Flag
from gevent.queue import Queue
from locust import LoadTestShape
from locust.runners import MasterRunner, WorkerRunner

from loadproof.engines.locust.channel import Decoder, received
from loadproof.engines.locust.open_model.open_model import READY_LIMIT_S, OpenModel, default_max_users
from loadproof.engines.locust.open_model.schedule import Schedule
from loadproof.engines.trials import TrialOrder
from loadproof.model import EventKind, Profile, ProfileKind, Stage

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from loadproof.engines.locust.settings import PluginSettings

CUT: Final = "loadproof_cut"
"""Message to each worker: offer nothing more of this trial."""
_SETTLE_S: Final = {False: 0.05, True: 2.7}
"""A trial's last second can be reported this long after its end; with workers (True) two of theirs later."""
_POLL_S: Final = 0.05
_LOG_IN_LIMIT_S: Final = 60.0
"""For the on_start of users that a trial has left there."""
_LEAST_USERS: Final = 10
_OF_A_SECOND: Final = 0.1


class TrialLeader:
    """The leader's side: takes orders, times the trials, tells of their begin and end."""

    def __init__(
        self,
        clock: Callable[[], float],
        event: Callable[..., None],
        send: Callable[[dict[str, Any]], None],
        report: Callable[[], None],
    ) -> None:
        """`report` sends on what was measured in all seconds that are over."""
        self._clock = clock
        self._event = event
        self._send = send
        self._report = report
        self._cut = Flag()
        self._orders: Queue[TrialOrder | None] = Queue()
        self.ended_s: float | None = None
        self.finished = False
        """There will be no more trials."""

    def listen(self, channel: socket.socket) -> None:
        """Read orders from the conductor until it is gone."""
        gevent.spawn(self._read, channel)

    def play(
        self,
        begin: Callable[[TrialOrder], float],
        stop: Callable[[], None],
        rest: Callable[[], int] = lambda: 0,
        *,
        workers: bool,
    ) -> None:
        """Play trials until there are no more. `begin` starts one and returns when, `stop` ends it.

        `rest` waits behind each until no user is in its on_start, and says how many log in since the first.
        """
        began = False
        while (order := self._next_order()) is not None:
            self._cut.clear()
            begin_s = begin(order)
            gevent.sleep(max(0.0, begin_s - self._clock()))
            if not began:
                began = True
                self._event(EventKind.LOAD_STARTED, "the load started", begin_s)
            started = order.started(begin_s)
            self._event(started.kind, started.message, begin_s, **started.data)
            end_s = begin_s + order.duration_s
            cut = self._cut.wait(max(0.0, end_s - self._clock()))
            end_s = min(end_s, self._clock())
            stop()
            self.ended_s = end_s
            gevent.sleep(max(0.0, end_s + _SETTLE_S[workers] - self._clock()))
            self._report()
            ended = order.ended(end_s, cut=bool(cut))
            self._event(ended.kind, ended.message, end_s, **ended.data, log_ins=rest())
        self.finished = True

    def _next_order(self) -> TrialOrder | None:
        self._send({"t": "order?"})
        order: TrialOrder | None = self._orders.get()
        return order

    def _read(self, channel: socket.socket) -> None:
        decoder = Decoder()
        while data := received(channel):
            for message in decoder.feed(data):
                match message["t"]:
                    case "trial":
                        self._orders.put(TrialOrder.from_data(message))
                    case "cut":
                        self._cut.set()
                    case _:
                        self._orders.put(None)


class OpenTrials(OpenModel):
    """The open model, one schedule after the other."""

    def __init__(
        self,
        settings: PluginSettings,
        clock: Callable[[], float],
        event: Callable[..., None],
        leader: TrialLeader,
    ) -> None:
        super().__init__(settings, clock, event)
        self.leader = leader

    def attach(self, environment: Any, runner: Any) -> None:
        super().attach(environment, runner)
        if isinstance(runner, WorkerRunner):
            runner.register_message(CUT, self._on_cut_message)

    def test_started(self) -> None:
        gevent.spawn(self.leader.play, self._begin, self._stop_trial, self._rest, workers=self._leads_workers)

    def _rest(self) -> int:
        """Nobody is cut off in the middle of a log-in, and none spoils the next trial."""
        limit_s = self._clock() + _LOG_IN_LIMIT_S
        while self.logs_in and self.in_on_start() and self._clock() < limit_s:
            gevent.sleep(_POLL_S)
        return self.joined() if self.logs_in else 0

    def users_at(self, offset_s: float) -> int:
        """Where each user must log in, those of a tenth of a second: more come when these are busy."""
        users = super().users_at(offset_s)
        return max(_LEAST_USERS, math.ceil(users * _OF_A_SECOND)) if self.logs_in else users

    def _begin(self, order: TrialOrder) -> float:
        self._load(order.load, order.duration_s)
        self.max_users = self._users_limit or self._default_limit(order.load)
        self.begin_s = None
        return self.begin_when_ready(hold=(order.load, order.duration_s))

    def _default_limit(self, rate_per_s: float) -> int:
        """Enough for answers that take a second where users log in: more would be a stampede of log-ins
        against a service that is past its limit, and their load would be in the answer.
        """
        if not self.logs_in:
            return default_max_users(self.profile)
        return max(_LEAST_USERS, math.ceil(rate_per_s))

    def _load(self, rate_per_s: float, duration_s: float) -> None:
        stages = (Stage(duration_s, rate_per_s),)
        self.profile = Profile(ProfileKind.CAPACITY, stages, open_model=True, start=rate_per_s)
        self.schedule = Schedule(self.profile, self._arrivals)

    def _on_start_message(self, msg: Any, **more: Any) -> None:
        self._load(*msg.data["hold"])
        super()._on_start_message(msg, **more)

    def _stop_trial(self) -> None:
        if self._leads_workers:
            for client in self._runner.clients.all:
                self._runner.send_message(CUT, {}, client.id)
        else:
            self._stop_offering()

    def _on_cut_message(self, **_: Any) -> None:
        self._stop_offering()

    def _stop_offering(self) -> None:
        self._dispenser.stop()
        self._pool.drop_waiting()

    def ended_s(self) -> float:
        return self.leader.ended_s or self._clock()

    @property
    def is_over(self) -> bool:
        return self.leader.finished

    @property
    def left_s(self) -> float:
        return math.inf

    def tell_dropped(self) -> None:
        """Nothing: trials that are too much for the service are the point of a search."""


class UserTrials(LoadTestShape):
    """The closed model: as many users as the trial says."""

    abstract = True  # keeps Locust from taking it for a shape of the locustfile

    def __init__(self, clock: Callable[[], float], leader: TrialLeader) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.leader = leader
        self._clock = clock
        self._users = 1

    def test_started(self) -> None:
        """Users are being spawned: trials can begin."""
        workers = isinstance(self.runner, MasterRunner)
        gevent.spawn(self.leader.play, self._begin, lambda: None, workers=workers)

    def ended_s(self) -> float:
        """When the last trial ended."""
        return self.leader.ended_s or self._clock()

    def tick(self) -> tuple[int, float] | None:
        """All the trial's users at once; None when there are no more trials."""
        if self.leader.finished:
            return None
        running = self.runner.user_count if self.runner is not None else 0
        return self._users, float(max(self._users, running))

    def _begin(self, order: TrialOrder) -> float:
        self._users = round(order.load)
        limit_s = self._clock() + READY_LIMIT_S
        while self.runner is not None and self.runner.user_count != self._users and self._clock() < limit_s:
            gevent.sleep(_POLL_S)
        return float(math.ceil(self._clock() + _POLL_S))
