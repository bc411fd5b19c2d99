"""Starting and stopping the demo."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil
import psycopg
import pytest

from loadproof.demo import DemoError, DemoOptions, Ready, running, serve
from loadproof.demo.options import READY
from loadproof.demo.postgres import _remove_orphans
from tests.demo.concurrency import seconds, wait_until
from tests.demo.processes import all_gone, child_named, with_children

SMALL = DemoOptions(port=0, rows=1_000)


def folder_of(ready: Ready) -> Path:
    """The temporary PostgreSQL's folder."""
    assert ready.database_url is not None
    return Path(parse_qs(urlsplit(ready.database_url).query)["host"][0])


def test_says_what_it_serves() -> None:
    """Ready names the address, the rows and the version, in one line for people and one in JSON."""
    ready = Ready("http://127.0.0.1:8000", 1, 200_000, None, None, "18.4", ("delay=50ms", "pool=2"), 2.5)
    assert str(ready) == (
        "demo service ready at http://127.0.0.1:8000: 200,000 transactions on PostgreSQL 18.4,"
        " faults: delay=50ms pool=2"
    )
    assert READY.validate_json(READY.dump_json(ready)) == ready


def test_faults_are_on_from_the_start_and_fixed_without_admin(spare_url: str) -> None:
    """--fault acts on the first request; without --admin there is nothing to switch it with."""
    faults = ("delay=50ms", "pool=3")
    options = DemoOptions(port=0, rows=1_000, faults=faults, pool_size=4, database_url=spare_url)
    with running(options) as demo:
        assert demo.ready.faults == ("delay=50ms", "pool=3")
        assert demo.ready.postgres_version.startswith("18")
        assert seconds(lambda: httpx.get(f"{demo.base_url}/api/products", trust_env=False)) >= 0.049
        assert demo.value("db_pool_max") == 3
        with pytest.raises(DemoError, match="is answered 404"):
            demo.switch_on("delay", "1ms")
        with pytest.raises(DemoError, match="is answered 404"):
            demo.switch_all_off()


def test_leaves_nothing_behind() -> None:
    """At the end of the block the service, PostgreSQL and its folder are gone."""
    with running(SMALL) as demo:
        ready = demo.ready
        assert ready.postgres_pid is not None
        assert psutil.Process(ready.postgres_pid).ppid() == ready.pid
    assert demo.process.returncode == 0
    assert not psutil.pid_exists(ready.postgres_pid)
    assert not folder_of(ready).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_lets_requests_in_flight_finish(number: signal.Signals, spare_url: str) -> None:
    """A stop answers what it was asked before, and ends with success."""
    options = DemoOptions(port=0, rows=1_000, faults=("delay=500ms",), database_url=spare_url)
    with running(options) as demo:
        with ThreadPoolExecutor(1) as executor:
            answer = executor.submit(httpx.get, f"{demo.base_url}/api/products", trust_env=False)
            wait_until(lambda: demo.value("http_requests_in_progress") == 1)
            demo.process.send_signal(number)
            assert answer.result().status_code == 200
        assert demo.process.wait(60) == 0


def test_a_signal_during_the_start_leaves_nothing_behind() -> None:
    """A stop while PostgreSQL is being made or seeded ends it and removes its folder."""
    command = [sys.executable, "-m", "loadproof.demo", '{"port": 0, "rows": 2000000}']
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        service = psutil.Process(process.pid)
        wait_until(lambda: child_named(service, "postgres") is not None)
        postgres = child_named(service, "postgres")
        assert postgres is not None
        folder = Path(postgres.cmdline()[postgres.cmdline().index("-k") + 1])
        process.terminate()
        assert process.wait(60) == 0
    assert all_gone([postgres])
    assert not folder.exists()


def test_killing_the_service_takes_postgres_with_it() -> None:
    """After SIGKILL no PostgreSQL stays behind, and the next start removes the folder it left."""
    with running(SMALL) as demo:
        everyone = with_children(demo.ready.postgres_pid)
        demo.process.kill()
        wait_until(lambda: all_gone(everyone))
    assert folder_of(demo.ready).exists()
    _remove_orphans()  # the first thing that a start does
    assert not folder_of(demo.ready).exists()


def test_the_demo_ends_with_the_process_that_runs_it() -> None:
    """When the process that holds `running` is killed, the service and PostgreSQL end by themselves."""
    script = (
        "from loadproof.demo import DemoOptions, running\n"
        "from loadproof.demo.options import READY\n"
        "with running(DemoOptions(port=0, rows=1000)) as demo:\n"
        "    print(READY.dump_json(demo.ready).decode(), flush=True)\n"
        "    demo.process.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        ready = READY.validate_json(holder.stdout.readline())
        assert ready.postgres_pid is not None
        processes = [psutil.Process(ready.pid), psutil.Process(ready.postgres_pid)]
        holder.kill()
    wait_until(lambda: all_gone(processes), 60)
    assert not folder_of(ready).exists()


def test_a_port_in_use_is_one_clear_error() -> None:
    """The port is tried before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DemoError) as caught, running(DemoOptions(port=port)):
            pass
    assert caught.value.message == f"port {port} on 127.0.0.1 is in use"
    assert "--port" in caught.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (DemoOptions(port=0, host="256.0.0.1"), "cannot listen on 256.0.0.1"),
        (DemoOptions(port=0, faults=("dleay",)), "unknown fault 'dleay'"),
        (
            DemoOptions(port=0, database_url="postgresql://u:secret@127.0.0.1:9/db"),
            "cannot use the database: connection",
        ),
        (
            DemoOptions(port=0, database_url="postgresql://u:secret@[127.0.0.1/db"),
            "cannot use the database: its URL cannot be read",
        ),
    ],
)
def test_what_cannot_be_served_is_one_clear_error(options: DemoOptions, message: str) -> None:
    """A wrong option ends the start with a message, without a traceback and without a password."""
    with pytest.raises(DemoError) as caught, running(options):
        pass
    assert message in caught.value.message
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 999}, "--rows 999 is too few"),
        ({"pool_size": 0}, "--pool-size 0 is out of range"),
        ({"pool_size": 91}, "--pool-size 91 is out of range"),
        ({"port": 70_000}, "--port 70000 is not a port"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    """Sizes are checked where they are given."""
    with pytest.raises(DemoError, match=message):
        DemoOptions(**options)


def test_a_fault_that_cannot_be_at_the_start_is_one_clear_error(spare_url: str) -> None:
    """What the running service refuses ends the start, and leaves the database as it was."""
    options = DemoOptions(port=0, rows=1_000, faults=("pool=10",), database_url=spare_url)
    with pytest.raises(DemoError, match="the pool has 10 connections anyway"), running(options):
        pass
    with psycopg.connect(spare_url) as connection:
        assert connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ 'demo'").fetchall() == []


def test_another_database_is_used_and_left_as_it_was(spare_url: str) -> None:
    """Given a URL, the demo works in a schema of its own there and removes it at the end."""
    with psycopg.connect(spare_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE users (mine text)")
        with running(DemoOptions(port=0, rows=1_000, database_url=spare_url)) as other:
            assert other.ready.postgres_pid is None
            assert other.ready.database_url is None
            assert httpx.get(f"{other.base_url}/api/users", trust_env=False).status_code == 200
        schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ 'demo'").fetchall()
        tables = connection.execute("SELECT relname FROM pg_stat_user_tables").fetchall()
    assert (schemas, tables) == ([], [("users",)])


def test_database_url_in_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """DATABASE_URL stands for --database-url."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:9/db")
    with pytest.raises(DemoError, match="cannot use the database"), running(SMALL):
        pass


def test_the_package_is_imported_without_its_extra() -> None:
    """Importing loadproof.demo loads neither the web framework nor the database's driver."""
    script = (
        "import sys, loadproof.demo\n"
        "extra = ('fastapi', 'uvicorn', 'psycopg', 'prometheus_client')\n"
        "print([name for name in extra if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"


def test_a_missing_extra_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serving without the extra names what is missing and the command that installs it."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(DemoError) as caught:
        serve(SMALL)
    assert caught.value.message == "the demo needs uvicorn"
    assert caught.value.hint == "pip install 'loadproof[demo]'"
