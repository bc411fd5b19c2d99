"""The master's side: who is a worker of this run, what each of them has reported, and who was lost."""

from __future__ import annotations

import atexit
import contextlib
import sys
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

import gevent
import psutil
from locust import runners
from locust.rpc import Message

from loadproof.engines.locust.machines import handshake, lock
from loadproof.engines.locust.rows import SliceRow
from loadproof.errors import ExitCode
from loadproof.model import EventKind
from loadproof.units import format_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.engines.locust.settings import PluginSettings

_JOIN_LIMIT_S = 60.0
"""Workers get this long to connect, unless Locust's --expect-workers-max-wait says otherwise."""
_READINGS_EVERY = 10
"""Reports, one a second: clocks drift by microseconds a second, every ten seconds is enough to see it."""
_FLUSH_MS = 2000
_LOOK_EVERY_S = 0.5
_REPORTS_KNOWN = 1_000
"""Numbers of the newest ones: what is older has been here, or comes too late."""
_MOST_REFUSED = 50
"""Clients whose refusal is told one by one; the rest is a number."""
_JUNK = "messages that are none of a worker were dropped"
_STRANGER = "connections were refused: they have no token, or another one than this run"
_ASK_FOR_FILE = "locustfile"
"""Locust's own message of a worker that was started without a locustfile."""


def _forks() -> int:
    """How many processes of this program's own are left; gevent waits for those that have ended."""
    own = psutil.Process()
    command, alive = own.cmdline(), 0
    for child in own.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            alive += child.cmdline() == command and child.status() != psutil.STATUS_ZOMBIE
    return alive


@dataclass(slots=True)
class _Worker:
    """One worker process, as far as the master knows."""

    label: str
    """"worker 2", or "worker 2 on host-b" when it is on a machine of its own."""
    host: str
    users: int = 0
    recorded: int = 0
    """Requests that it counted, by its newest report."""
    received: int = 0
    """Requests in its reports that arrived."""
    in_flight: int = 0
    not_durations: int = 0
    reported_s: float | None = None
    """When its newest report arrived."""
    newest: int = 0
    """The number of its newest report; they count from 1."""
    sequences: set[int] = field(default_factory=set)
    final: bool = False
    leaving: bool = False
    """It has said that it ends; its last report follows."""
    lost: bool = False


class Workers:
    """All of them. `tell(kind, message, **data)` makes an event, `send` sends any message to the run."""

    def __init__(
        self,
        settings: PluginSettings,
        clock: Callable[[], float],
        tell: Callable[..., None],
        send: Callable[[dict[str, Any]], None],
        hand_over: Callable[[str, list[str]], None] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._tell = tell
        self._send = send
        self._hand_over = hand_over
        self._runner: Any = None
        self._pass_on: Callable[[str, Message], None] = lambda _id, _message: None
        self._workers: dict[str, _Worker] = {}
        self._refused: set[str] = set()
        self._started = False
        self._quitting = False
        self._spread_again = False
        self._watching: gevent.Greenlet | None = None
        self._dropped = {_JUNK: 0, _STRANGER: 0}
        self._dropped_told = dict(self._dropped)

    def attach(self, runner: Any) -> None:
        """Stand between the network and Locust's master, before its first message."""
        self._runner = runner
        self._pass_on = runner.handle_message
        runner.handle_message = self._on_sound_message
        server = runner.server
        server.recv_from_client = lock.only_sound(server.recv_from_client, self._drop)
        self._watching = gevent.spawn(lock.watch_refusals, server.socket, self._drop_stranger)
        # Locust forgets a worker a minute after it went missing and then starts the load from 0 users again;
        # its users were spread over the others long before (see `watch`).
        runners.HEARTBEAT_DEAD_INTERNAL = float("-inf")  # type: ignore[assignment]
        options = runner.environment.parsed_options
        if options.headless or options.autostart:
            limit_s = float(options.expect_workers_max_wait or _JOIN_LIMIT_S)
            options.expect_workers_max_wait = 0
            gevent.spawn(self._give_up_after, limit_s, options.expect_workers)
        # Locust's master that is interrupted while it waits for workers would leave those that came alone.
        atexit.register(self._dismiss)

    # --- who may take part -----------------------------------------------------------------------------

    def _drop(self) -> None:
        self._dropped[_JUNK] += 1

    def _drop_stranger(self) -> None:
        self._dropped[_STRANGER] += 1

    def _tell_dropped(self, *, everything: bool) -> None:
        """The first of a kind as soon as it is there, all of them at the end: there may be thousands."""
        for what, count in self._dropped.items():
            told = self._dropped_told[what]
            if count > told and (everything or not told):
                self._dropped_told[what] = count
                message = f"{format_count(count - told)} {what}"
                self._tell(EventKind.WORKER_REFUSED, message, worker="", count=count - told)

    def _on_sound_message(self, client_id: str, message: Message) -> None:
        if client_id in self._workers:
            self._on_message(client_id, message)
            return
        try:
            self._on_message(client_id, message)
        except Exception:  # noqa: BLE001  # of somebody who is no worker: whatever it holds ends nothing here
            self._drop()

    def _on_message(self, client_id: str, message: Message) -> None:
        now_s = self._clock()
        known = client_id in self._workers
        data = message.data if isinstance(message.data, dict) else {}
        match message.type:
            case _ if message.node_id != client_id:
                return  # nobody of ours
            case handshake.HELLO:
                self._on_hello(client_id, data)
            case handshake.CLOCK:
                answer = handshake.clock_answer(data, now_s, self._clock())
                if known:
                    answer["sequence"] = self._workers[client_id].newest
                self._reply(handshake.CLOCK, answer, client_id)
            case handshake.JOIN:
                self._on_join(client_id, data)
            case "client_ready" if not known:
                # Locust's own worker: there is no message that it would understand and show.
                self._refuse(client_id, client_id, "it is not one of `loadproof worker`")
            case "quit" if known:
                self._on_leaving(client_id, self._workers[client_id])
                # Locust ends the load with its last worker, in here, where the last report is still to come.
                gevent.spawn(self._pass_on, client_id, message)
            case _ if known or message.type == _ASK_FOR_FILE:
                self._pass_on(client_id, message)

    def _on_hello(self, client_id: str, data: dict[str, Any]) -> None:
        why = handshake.objection(data, self._settings.scenario)
        if why:
            host = str(data.get("host"))
            message = f"the master refuses this worker: {why}"
            self._reply(handshake.OVER, {"message": message, "exit_code": ExitCode.USAGE}, client_id)
            self._refuse(client_id, f"a worker on {host}", why)
        else:
            self._reply(handshake.WELCOME, {"settings": self._settings.to_text()}, client_id)

    def _on_join(self, client_id: str, data: dict[str, Any]) -> None:
        if not compare_digest(str(data.get("token")), self._settings.token):
            message = "the master does not know this worker: it is not the master that welcomed it"
            self._reply(handshake.OVER, {"message": message, "exit_code": ExitCode.ENGINE}, client_id)
            return
        if client_id in self._workers:
            return
        index = self._runner.get_worker_index(client_id) + 1
        host = str(data.get("host"))
        clock = data.get("clock")
        label = f"worker {index} on {host}" if clock else f"worker {index}"
        self._workers[client_id] = _Worker(label, host)
        message = f"{label} joined"
        if clock:
            offset_s, round_trip_s = clock
            message += f", its clock {-offset_s * 1000:+.1f} ms off (to {round_trip_s * 500:.1f} ms)"
            self._read_clock(f"worker {index}", clock)
        facts = {"worker": f"worker {index}", "id": client_id, "host": host, "pid": data.get("pid")}
        self._tell(EventKind.WORKER_JOINED, message, **facts, clock=clock)
        held = data.get("held")
        if held:
            limits = [f"{label}: {limit}" for limit in held["limits"]]
            self._tell(EventKind.GUARD_HELD, held["message"], by=held["by"], limits=limits)

    def _refuse(self, client_id: str, who: str, why: str) -> None:
        if len(self._refused) >= _MOST_REFUSED:
            self._drop()
        elif client_id not in self._refused:
            self._refused.add(client_id)
            self._tell(EventKind.WORKER_REFUSED, f"refused {who}: {why}", worker=client_id)

    def _give_up_after(self, limit_s: float, expected: int) -> None:
        runner = self._runner
        local = runner.environment.parsed_options.processes is not None
        until_s = self._clock() + limit_s
        dead = 0
        while not dead and self._clock() < until_s:
            gevent.sleep(_LOOK_EVERY_S)
            if self._started or runner.worker_count >= expected:
                return
            dead = expected - _forks() if local else 0
        problem = f"{runner.worker_count} of {expected} workers connected within {limit_s:g}s"
        hint = (
            f"start them: loadproof worker --master HOST:{runner.master_bind_port}; "
            "or wait longer: --expect-workers-max-wait SECONDS"
        )
        if dead > 0:
            problem = f"{dead} of {expected} worker processes ended before the load began"
            hint = "what they printed last is above; --processes 1 runs the locustfile without workers"
        self._send({"t": "failed", "message": problem, "hint": hint, "last_words": dead > 0})
        over = {"message": f"the run did not start: {problem}", "exit_code": ExitCode.ENGINE}
        for client_id in self._workers:
            self._reply(handshake.OVER, over, client_id)
        self._flush()
        sys.exit(int(ExitCode.ENGINE))

    # --- what they report ------------------------------------------------------------------------------

    def accept(self, client_id: str, users: int, report: dict[str, Any]) -> bool:
        """Take note of one report; False when it has been here before."""
        worker = self._workers[client_id]
        if report["sequence"] in worker.sequences or report["sequence"] <= worker.newest - _REPORTS_KNOWN:
            return False
        worker.sequences.add(report["sequence"])
        if len(worker.sequences) > 2 * _REPORTS_KNOWN:
            worker.sequences = {n for n in worker.sequences if n > worker.newest - _REPORTS_KNOWN}
        worker.received += sum(SliceRow(*row).requests for row in report["slices"])
        if report["sequence"] > worker.newest:
            worker.newest = report["sequence"]
            worker.users, worker.recorded, worker.reported_s = users, report["recorded"], self._clock()
            worker.in_flight, worker.not_durations = report["in_flight"], report["not_durations"]
        worker.final = worker.final or report["final"]
        if report.get("clock") and report["sequence"] % _READINGS_EVERY == 0:
            self._read_clock(worker.label.partition(" on ")[0], report["clock"])
        return True

    def _read_clock(self, source: str, clock: list[float]) -> None:
        for series, value in zip(("clock_offset", "clock_round_trip"), clock, strict=True):
            self._send(
                {"t": "reading", "time": self._clock(), "source": source, "series": series, "value": value}
            )

    def start(self) -> None:
        """The load begins: earlier last reports do not count."""
        self._started = True
        for worker in self._workers.values():
            worker.final = False

    def counts(self) -> tuple[int, int, int]:
        """Requests recorded, in flight at the stop, and without a usable time, over all workers."""
        workers = self._workers.values()
        return (
            sum(worker.recorded for worker in workers),
            sum(worker.in_flight for worker in workers),
            sum(worker.not_durations for worker in workers),
        )

    # --- who is lost -----------------------------------------------------------------------------------

    def watch(self) -> None:
        """Once a second: tell who was lost or came back, and have the users spread again."""
        self._tell_dropped(everything=False)
        runner = self._runner
        missing = {client.id for client in runner.clients.missing}
        for client_id, worker in self._workers.items():
            if client_id in missing and not worker.lost:
                self._lose(client_id, worker, "stopped answering")
            elif worker.lost and client_id in runner.clients and client_id not in missing:
                worker.lost = False
                self._spread_again = True
                message = f"{worker.label} answers again; what it did meanwhile is counted as it reports it"
                self._tell(EventKind.WORKER_JOINED, message, worker=worker.label)
        if self._spread_again and runner.state == runners.STATE_RUNNING and runner.spawning_completed:
            self._spread_again = False
            gevent.spawn(runner.start, runner.target_user_count, runner.spawn_rate)
        if self._started and not self._quitting and all(w.lost for w in self._workers.values()):
            self._quitting = True
            gevent.spawn(self.quit_without_workers)

    def quit_without_workers(self) -> None:
        """End the run: Locust's own master only stops, and then waits for its run time."""
        self._runner.quit()

    def unreported(self) -> set[str]:
        """Workers whose last report is still to come."""
        clients = {client.id for client in self._runner.clients.all}
        return {
            client_id
            for client_id, worker in self._workers.items()
            if not worker.final and (worker.leaving or (client_id in clients and not worker.lost))
        }

    def give_up_waiting(self) -> None:
        """The last reports that are still to come will not be waited for any longer."""
        for client_id in self.unreported():
            self._workers[client_id].leaving = False
            self._lose(client_id, self._workers[client_id], "did not send its last report")

    def tell_incomplete(self) -> None:
        """At the end: what workers say that they recorded and is in no count."""
        self._tell_dropped(everything=True)
        for worker in self._workers.values():
            if worker.recorded > worker.received:
                lacking = format_count(worker.recorded - worker.received)
                message = (
                    f"at least {lacking} requests of {worker.label} are in no count: it had recorded them"
                )
                count = worker.recorded - worker.received
                self._tell(EventKind.UNREPORTED, message, worker=worker.label, count=count)

    def _on_leaving(self, client_id: str, worker: _Worker) -> None:
        if self._runner.state in (runners.STATE_RUNNING, runners.STATE_SPAWNING):
            worker.leaving = True
            self._lose(client_id, worker, "left before the load was over", reports=True)

    def _lose(self, client_id: str, worker: _Worker, how: str, *, reports: bool = False) -> None:
        """`reports`: it can still say what it did."""
        worker.lost = True
        self._spread_again = True
        message = f"{worker.label} {how}"
        if worker.reported_s is not None and not reports:
            ago_s = self._clock() - worker.reported_s
            message += f": what its {worker.users} users did after its last report, {ago_s:.1f}s before,"
            message += " is in no count"
        others = [other_id for other_id, other in self._workers.items() if not other.lost]
        if others and self._runner.state in (runners.STATE_RUNNING, runners.STATE_SPAWNING):
            message += "; its users are started again on the others"
            if self._hand_over is not None:
                self._hand_over(client_id, others)
                message += ", which send its arrivals from now on"
        facts = {"worker": worker.label, "host": worker.host, "users": worker.users}
        self._tell(EventKind.WORKER_LOST, message, **facts, reported_s=worker.reported_s)

    # --- messages --------------------------------------------------------------------------------------

    def _reply(self, kind: str, data: dict[str, Any], client_id: str) -> None:
        self._runner.server.send_to_client(Message(kind, data, client_id))

    def _dismiss(self) -> None:
        for client_id in self._workers:
            self._reply("quit", {}, client_id)
        self._flush()

    def _flush(self) -> None:
        """Give messages that are under way the time to leave."""
        atexit.unregister(self._dismiss)
        if self._watching is not None:
            self._watching.kill()  # its socket would keep ZeroMQ from ending
        socket = self._runner.server.socket
        socket.close(linger=_FLUSH_MS)
        socket.context.term()
