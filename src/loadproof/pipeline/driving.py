"""From a plan to a run file and its report: the load, what watches it, and the judgement."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING

import psutil

from loadproof.clock import Clock
from loadproof.engines import Engine
from loadproof.engines.table import load_engine
from loadproof.errors import EngineError
from loadproof.live.outputs import LiveOutputs
from loadproof.model import Event, EventKind, Finding, Outcome, Plan, Report
from loadproof.monitors.selection import Selection, select
from loadproof.plan.stored import clean_settings, plan_to_json
from loadproof.run.conductor import Conductor, Observer
from loadproof.run.progress import NOT_WATCHED, Progress
from loadproof.runfile import RUNS_FOLDER, names_from
from loadproof.runfile.fingerprint import scenario_fingerprint
from loadproof.runfile.host import host_facts
from loadproof.runfile.provenance import git_facts, scenario_sha256
from loadproof.runfile.schema import VERDICT_REQUIRED
from loadproof.runfile.writer import RunFileExistsError, RunWriter, UncommittedRows
from loadproof.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from loadproof.analysis.early_stop import EarlyStop
    from loadproof.live.live import View
    from loadproof.runfile.reader import Run

    Waiting = Callable[[str], contextlib.AbstractContextManager[object]]
    """Shows what is waited for, as long as it lasts."""

_BRIEF_S = 2.0
"""Behind a load that is no longer, some tenths of a second more until the verdict would be noticed."""
_NEEDED_AFTER = ("loadproof.analysis.judge", "loadproof.reports.terminal", "loadproof.reports.html")
_ASKED_S = 5.0
"""How long the page waits for the conductor, which looks several times a second."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def drive(
    plan: Plan,
    engine: Engine,
    run_file: Path | None,
    make_view: Callable[[], View],
    live: LiveOutputs | None = None,
    *,
    further: Callable[[Run], list[Finding]] | None = None,
    observers: Sequence[Observer] = (),
    draw: bool = False,
    must_decide: bool = False,
    waiting: Waiting = contextlib.nullcontext,
) -> Report:
    """Run `plan` to its end, write its run file and judge it, with `further` findings of the whole run.

    `live` also gets its figures, `observers` all that is written. `draw`: the report has charts.
    `must_decide`: a run of which nothing is required is INCONCLUSIVE; the run file keeps that.
    `waiting` shows that the judgement takes a while. In the main thread the first SIGINT, SIGTERM or SIGHUP
    ends the load gently, the second at once; the report's outcome says so.

    Raises EngineError or RunFileError; the run file then holds what there was.
    """
    clock = Clock()
    live = live or LiveOutputs()
    selection = select(plan)
    live.open()
    started_at_s = clock.now()
    facts = _facts(plan, engine, selection, started_at_s)
    writer = _writer(run_file, plan, facts | ({VERDICT_REQUIRED: True} if must_decide else {}))
    early = _early_stop(plan)
    length_s = plan.length_s
    ahead = _Ahead(draw, brief=length_s is not None and length_s <= _BRIEF_S)
    heard = (*observers, ahead) if early is None else (*observers, ahead, early)
    conductor = Conductor(plan, engine, writer, clock, selection.watches, heard)
    for event in watching_events(selection, started_at_s):
        conductor.event(event)
    try:
        outcome = _play(conductor, make_view(), live, early)
    except EngineError:
        writer.finish({"outcome": Outcome.ENGINE_FAILED, "ended_at_s": clock.now()})
        writer.close()
        raise
    except BaseException:
        writer.abandon()
        raise
    finally:
        live.close()
    writer.finish({"outcome": outcome, "ended_at_s": clock.now()})
    _tell_moves(writer, clock.now())
    with waiting("judging the run"):
        run = writer.read()
        ahead.join()
        from loadproof.analysis.judge import judge

        report = judge(run, further=further(run) if further else (), draw=draw)
    writer.save_findings(report.verdict, report.findings, report.endpoints[-1].p95_s)
    writer.close()
    return report


class _Ahead(Observer):
    """Imports what judging and reporting need while the engine ends, or once a brief load has begun.

    That takes a core for some tenths of a second. While a load lasts it would be taken from the load and from
    the service: of 1,500 arrivals a second for ten seconds those of the first second came up to 0.2 s late.
    """

    def __init__(self, draw: bool, *, brief: bool) -> None:
        self._draw = draw
        self._brief = brief
        self._thread: threading.Thread | None = None

    def event(self, event: Event) -> None:
        """The one that the load's begin is, or its end."""
        moment = EventKind.LOAD_STARTED if self._brief else EventKind.LOAD_ENDED
        if event.kind is moment and self._thread is None:
            self._thread = threading.Thread(target=self._prepare, daemon=True)
            self._thread.start()

    def join(self) -> None:
        """Nobody may see a module that is imported half."""
        if self._thread is not None:
            self._thread.join()

    def _prepare(self) -> None:
        for name in _NEEDED_AFTER:
            import_module(name)
        if self._draw:
            import_module("loadproof.reports.html").prepare()


def _tell_moves(writer: RunWriter, now_s: float) -> None:
    """What happened to the run file in the last second, as an event of the run."""
    told = [Event(now_s, EventKind.RUN_FILE_MOVED, said) for said in writer.moves()]
    writer.commit(UncommittedRows(events=told), now_s)


def _writer(run_file: Path | None, plan: Plan, facts: dict[str, object]) -> RunWriter:
    """Of a new run file; without a name, of the first that is free: runs may start in the same second."""
    if run_file is not None:
        return RunWriter(run_file, facts)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(float(str(facts["started_at_s"]))))
    for name in names_from(f"{stamp}-{plan.name}"):
        with contextlib.suppress(RunFileExistsError):
            return RunWriter(RUNS_FOLDER / f"{name}.db", facts)
    raise AssertionError


def _early_stop(plan: Plan) -> EarlyStop | None:
    if plan.options.stop_on is None:
        return None
    from loadproof.analysis.early_stop import EarlyStop, StopOn

    return EarlyStop(plan, StopOn(plan.options.stop_on))


def _play(conductor: Conductor, view: View, live: LiveOutputs, early: EarlyStop | None) -> Outcome:
    """The load, to its end; in a thread of its own where this one has an event loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with _signals_kept():
            return asyncio.run(_conduct(conductor, view, live, early))
    with ThreadPoolExecutor(1, "conductor") as thread:
        playing = thread.submit(asyncio.run, _conduct(conductor, view, live, early))
        while True:
            try:
                return playing.result()
            except KeyboardInterrupt:
                conductor.stop()


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """A program that runs a test from Python has its own handlers back afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


async def _conduct(conductor: Conductor, view: View, live: LiveOutputs, early: EarlyStop | None) -> Outcome:
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, conductor.stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` has set it
            loop.add_signal_handler(signal.SIGHUP, conductor.hang_up)
    live.stops_by(functools.partial(loop.call_soon_threadsafe, conductor.stop))
    live.steers_by(functools.partial(steered, loop, conductor))
    if live.url:
        conductor.event(Event(conductor.now(), EventKind.WATCHING, f"live figures at {live.url}"))

    def on_second(progress: Progress, now_s: float) -> None:
        view.update(progress, now_s)
        why = early.reason(now_s) if early is not None else None
        if why:
            conductor.stop_early(why)
        for remark in live.update(progress, now_s):
            conductor.event(Event(now_s, EventKind.MONITOR_REMARK, remark))

    with view:
        return await conductor.run(on_second)


def steered(loop: asyncio.AbstractEventLoop, conductor: Conductor, level: int) -> bool:
    """Whether the engine was asked for so much load; called from another thread than the conductor's."""
    asked: Future[bool] = Future()

    def ask() -> None:
        if asked.set_running_or_notify_cancel():
            asked.set_result(conductor.steer(level))

    with contextlib.suppress(RuntimeError):  # the loop is over, and the load with it
        loop.call_soon_threadsafe(ask)
        with contextlib.suppress(TimeoutError):
            return asked.result(_ASKED_S)
    # Whoever was told that nothing happens must not see it happen later.
    return not asked.cancel() and asked.result()


def watching_events(selection: Selection, now_s: float) -> list[Event]:
    """What is watched and what is not, a sentence each."""
    kind = EventKind.WATCHING
    watched = [
        Event(
            now_s, kind, f"watching {f.watch.name}: {f.why}", {"monitor": f.watch.name, "kind": f.watch.kind}
        )
        for f in selection.found
    ]
    return watched + [Event(now_s, kind, NOT_WATCHED + text, {}) for text in selection.missing]


def _facts(plan: Plan, engine: Engine, selection: Selection, started_at_s: float) -> dict[str, object]:
    process = psutil.Process()
    return {
        "name": plan.name,
        "plan": plan_to_json(plan),
        "versions": {"loadproof": __version__, **_versions(plan, engine)},
        "host": host_facts(),
        "scenario_sha256": scenario_sha256(*plan.files),
        "scenario_fingerprint": scenario_fingerprint(plan.scenario, _variables(plan), plan.further),
        "git": git_facts(plan.scenario.resolve().parent),
        "monitors": [
            {"name": watch.name, "kind": watch.kind, "settings": clean_settings(watch.settings)}
            for watch in selection.watches
        ],
        "started_at_s": started_at_s,
        "writer": {"pid": os.getpid(), "started_at_s": process.create_time()},
    }


def _versions(plan: Plan, engine: Engine) -> dict[str, str]:
    """Of every tool that takes part."""
    engines = [load_engine(one.plan.engine) for one in plan.several] or [engine]
    return {tool: version for each in engines for tool, version in each.versions().items()}


def _variables(plan: Plan) -> dict[str, str]:
    """Of the scenario, or of each of several."""
    own = {f"{one.name}_{name}": value for one in plan.several for name, value in one.plan.env}
    return {**dict(plan.env), **own}
