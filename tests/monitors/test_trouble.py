"""Monitors that break during a load: it goes on, the run says what was lost, and no secret leaks."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.judge import judge
from loadproof.demo import DemoOptions, running
from loadproof.model import EventKind, Outcome, Verdict, Watch
from loadproof.monitors import MonitorError, load_monitor
from tests.monitors import servers
from tests.monitors.pages import PageServer
from tests.monitors.runs import Loadproof

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PASSWORD = "s3cret-pass-word"
REQUIREMENTS = """
resources:
  - postgres.connections.used < 90%
  - in_use < 5
  - process.rss < 4GiB
"""


def test_postgresql_restarted_and_metrics_broken_during_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load goes on, both losses and recoveries are events, and what depends on them is INCONCLUSIVE."""
    with servers.postgres() as database, PageServer("in_use 1\n") as page:
        url = database.url.replace("postgres@", f"postgres:{PASSWORD}@")
        monkeypatch.setenv("DATABASE_URL", url)
        config = f"monitors:\n  prometheus: {page.url}/metrics\n"
        with (
            running(DemoOptions(port=0, rows=2_000)) as demo,
            Loadproof(tmp_path, demo.base_url, REQUIREMENTS, config, users=20, seconds=14) as loadproof,
        ):
            loadproof.wait_for("the load started")
            servers.wait_until(lambda: page.asked >= 2, what="two scrapes")
            page.status = 500
            database.stop()
            loadproof.wait_for("the monitor postgres is lost")
            loadproof.wait_for("the monitor metrics is lost")
            broken_s = time.time()
            page.status = 200
            database.start()
            loadproof.wait_for("the monitor postgres answers again")
            loadproof.wait_for("the monitor metrics answers again")
            run = loadproof.finish()
            screen = loadproof.screen
    assert run.outcome is Outcome.COMPLETED, "the load reached its end"
    after = sum(part.requests for part in run.slices if part.second > broken_s)
    assert after > 100, "the load went on"
    lost = {event.data["monitor"] for event in run.events_of(EventKind.MONITOR_LOST)}
    assert lost == {"postgres", "metrics"}
    findings = {f.measure.text: f for f in judge(run).findings if f.measure}
    assert findings["postgres.connections.used < 90%"].verdict is Verdict.INCONCLUSIVE
    assert "is lost" in findings["postgres.connections.used < 90%"].advice
    assert findings["in_use < 5"].verdict is Verdict.INCONCLUSIVE
    assert "500" in findings["in_use < 5"].advice
    assert findings["process.rss < 4GiB"].verdict is Verdict.PASS
    assert PASSWORD not in screen
    for file in (file for file in tmp_path.rglob("*") if file.is_file()):
        assert PASSWORD.encode() not in file.read_bytes(), file.name


BROKEN: dict[str, tuple[Callable[[PageServer], None], str]] = {
    "500": (lambda page: setattr(page, "status", 500), "answers 500"),
    "malformed": (lambda page: setattr(page, "text", "this is { no metric\n"), "is no page of Prometheus"),
    "binary": (lambda page: setattr(page, "text", bytes(range(256)) * 10), "is no page of Prometheus"),
    "empty": (lambda page: setattr(page, "text", "\n"), "holds no metric"),
    "50 MB": (lambda page: setattr(page, "text", b"a 1\n" * (50_000_000 // 4)), "is longer than 8 MiB"),
    "silent": (lambda page: page.open.clear(), "takes longer than 2s"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_page_is_an_error_within_seconds_and_heals(how: str) -> None:
    """Whatever the page does, the monitor says what is wrong in time, and reads again once it is right."""
    with PageServer("a 1\n") as page:
        monitor = load_monitor(Watch("prometheus", "metrics", {"url": f"{page.url}/metrics"}), time.time)
        monitor.open()
        monitor.read()
        break_it, said = BROKEN[how]
        break_it(page)
        with pytest.raises(MonitorError, match=said):
            monitor.read()
        page.status, page.text = 200, "a 2\n"
        page.open.set()
        assert [reading.value for reading in monitor.read()] == [2.0]
        monitor.close()


def test_a_process_that_is_replaced_is_found_again() -> None:
    """A service restarted on its port is watched again; while it is away the monitor says so."""
    import subprocess
    import sys

    port = servers.free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]

    def serve() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        servers.wait_until(lambda: servers.accepts(port))
        return process

    first = serve()
    monitor = load_monitor(Watch("process", "process", {"port": port}), time.time)
    monitor.open()
    assert monitor.read()
    first.kill()
    first.wait()
    with pytest.raises(MonitorError, match="has ended"):
        monitor.read()
    with pytest.raises(MonitorError, match="nobody listens"):
        monitor.read()
    second = serve()
    try:
        assert {reading.series for reading in monitor.read()} >= {"rss", "threads"}
    finally:
        second.kill()
        second.wait()
    monitor.close()


def test_a_blocked_statement_is_told_without_its_values() -> None:
    """Who waits for whom is a remark; what was written into the statements is not in it."""
    import psycopg

    with servers.postgres() as database:
        with psycopg.connect(database.url, autocommit=True) as setup:
            setup.execute("CREATE TABLE people (id int, name text)")
            setup.execute("INSERT INTO people VALUES (1, 'a')")
        monitor = load_monitor(Watch("postgres", "postgres", {"url": database.url}), time.time)
        monitor.open()
        with psycopg.connect(database.url) as holder, psycopg.connect(database.url) as waiter:
            holder.execute("UPDATE people SET name = 'Ada Lovelace' WHERE id = 1")
            thread = threading.Thread(
                target=lambda: waiter.execute("UPDATE people SET name = 'Alan Turing' WHERE id = 1")
            )
            thread.start()
            found: dict[str, float] = {}

            def waits() -> bool:
                found.update({reading.series: reading.value for reading in monitor.read()})
                return found["locks.waiting"] == 1 and "wait.Lock" in found

            servers.wait_until(waits, what="the lock")
            holder.rollback()
            thread.join(60)
        monitor.close()
    assert found["wait.Lock"] == 1
    assert found["connections.idle_in_transaction"] == 1
    (remark,) = [remark for remark in monitor.remarks if "waits for a lock" in remark]
    assert "UPDATE people SET name = ? WHERE id = ?" in remark
    assert "Ada" not in remark
    assert "Alan" not in remark
