"""What is found without being named, what `monitors:` names or switches off, what `doctor` shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.cli.watching import watching_findings
from loadproof.demo import DemoOptions, RunningDemo, running
from loadproof.engines.table import ENGINES
from loadproof.errors import ConfigError
from loadproof.model import ConsistencyCheck, Plan, Profile, ProfileKind, Watch
from loadproof.monitors.databases.environment import databases
from loadproof.monitors.discovery import discover, is_local
from loadproof.monitors.selection import select_for
from loadproof.plan import PlanRequest, build_plan, read_config
from loadproof.plan.config import load_config
from loadproof.plan.stored import clean_settings, plan_from_json, plan_to_json
from loadproof.plan.watching import MonitorsConfig
from tests.monitors import servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cret-pass"


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningDemo]:
    with running(DemoOptions(port=0, rows=1_000)) as running_demo:
        yield running_demo


def _monitors(**settings: Any) -> dict[str, Any]:
    return MonitorsConfig.model_validate(settings).model_dump()


def test_the_demo_is_found_whole(demo: RunningDemo) -> None:
    """Its process, its /metrics, and the PostgreSQL that it started itself."""
    found = {item.watch.name: item.watch.settings for item in discover(demo.base_url).found}
    assert found.keys() == {"host", "process", "metrics", "postgres"}
    assert found["metrics"] == {"url": f"{demo.base_url}/metrics"}
    assert demo.ready.database_url is not None
    assert found["postgres"] == {"url": demo.ready.database_url}


def test_databases_come_from_the_environment_of_the_process() -> None:
    """The variable is named, the URL is used, and the password is not shown."""
    port = servers.free_port()
    url = f"postgresql://app:{SECRET}@127.0.0.1:1/app"
    environment = {**os.environ, "DATABASE_URL": url, "CACHE": f"redis://:{SECRET}@127.0.0.1:2/0"}
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as service:
        try:
            servers.wait_until(lambda: servers.accepts(port))
            discovery = discover(f"http://127.0.0.1:{port}")
        finally:
            service.kill()
    found = {item.watch.name: item for item in discovery.found}
    assert found["postgres"].watch.settings["url"] == url
    assert "DATABASE_URL" in found["postgres"].why
    assert "redis" in found
    assert SECRET not in " ".join([*(item.why for item in discovery.found), *discovery.missing])
    assert any("no metrics" in text for text in discovery.missing)


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"DATABASE_URL": "postgres://h/d"}, [("postgres", "DATABASE_URL", "postgresql://h/d")]),
        ({"X": "postgresql+asyncpg://h/d"}, [("postgres", "X", "postgresql://h/d")]),
        ({"X": "mysql+pymysql://h/d"}, [("mysql", "X", "mysql://h/d")]),
        ({"X": "rediss://h"}, [("redis", "X", "rediss://h")]),
        ({"A": "postgres://h/d", "DATABASE_URL": "postgres://h/d"},
         [("postgres", "DATABASE_URL", "postgresql://h/d")]),
        ({"PGHOST": "h", "PGUSER": "u", "PGPASSWORD": "p@", "PGDATABASE": "d"},
         [("postgres", "PGHOST", "postgresql://u:p%40@h:5432/d")]),
        ({"SPRING_DATASOURCE_URL": "jdbc:postgresql://h:5433/d?ssl=true", "SPRING_DATASOURCE_USERNAME": "u",
          "SPRING_DATASOURCE_PASSWORD": "p@"},
         [("postgres", "SPRING_DATASOURCE_URL", "postgresql://u:p%40@h:5433/d")]),
        ({"QUARKUS_DATASOURCE_JDBC_URL": "jdbc:mariadb://h/d", "QUARKUS_DATASOURCE_USERNAME": "u"},
         [("mysql", "QUARKUS_DATASOURCE_JDBC_URL", "mysql://u:@h/d")]),
        ({"X_URL": "jdbc:postgresql://h/d?user=u&password=p"}, [("postgres", "X_URL", "postgresql://u:p@h/d")]),
        ({"X_URL": "jdbc:h2:mem:shop"}, []),
        ({"DB_CONNECTION": "pgsql", "DB_HOST": "h", "DB_PORT": "5432", "DB_DATABASE": "d", "DB_USERNAME": "u",
          "DB_PASSWORD": "p"}, [("postgres", "DB_HOST", "postgresql://u:p@h:5432/d")]),
        ({"WORDPRESS_DB_HOST": "h:3307", "WORDPRESS_DB_USER": "u", "WORDPRESS_DB_PASSWORD": "p",
          "WORDPRESS_DB_NAME": "d"}, [("mysql", "WORDPRESS_DB_HOST", "mysql://u:p@h:3307/d")]),
        ({"POSTGRES_HOST": "h", "POSTGRES_USER": "u", "POSTGRES_PASSWORD": "p", "POSTGRES_DB": "d"},
         [("postgres", "POSTGRES_HOST", "postgresql://u:p@h/d")]),
        ({"DB_HOST": "h"}, []),
        ({"DATABASE_URL": "postgres://h/d", "DB_HOST": "other", "DB_PORT": "5432"},
         [("postgres", "DATABASE_URL", "postgresql://h/d")]),
        ({"HOME": "/root", "URL": "https://example.org"}, []),
        ({"X": "postgres://[bad/d"}, []),
    ],
)  # fmt: skip
def test_variables_that_name_databases(
    environment: dict[str, str], found: list[tuple[str, str, str]]
) -> None:
    """Spellings of frameworks are understood; each database counts once."""
    assert databases(environment) == found


def test_loopback_is_this_machine() -> None:
    """Names and addresses."""
    assert is_local("127.0.0.1")
    assert is_local("localhost")
    assert is_local("::1")
    assert not is_local("192.0.2.1")


def test_nobody_listening_is_said() -> None:
    """With what was looked for in vain."""
    discovery = discover(f"http://127.0.0.1:{servers.free_port()}")
    assert [item.watch.name for item in discovery.found] == ["host"]
    assert any("nobody listens on port" in text for text in discovery.missing)


def test_monitors_are_named_or_switched_off(demo: RunningDemo, monkeypatch: pytest.MonkeyPatch) -> None:
    """`false` is none; a mapping, a list or a URL replaces what would be found; the rest is found."""
    monkeypatch.setenv("MY_DATABASE", f"postgresql://u:{SECRET}@127.0.0.1:1/d")
    monitors = _monitors(
        host=False,
        postgres={"url_env": "MY_DATABASE"},
        redis=["redis://a", {"url": "redis://b"}],
        promql="http://prometheus:9090",
    )
    selection = select_for(demo.base_url, monitors, ["up"])
    found = {watch.name: watch for watch in selection.watches}
    assert found.keys() == {"process", "metrics", "postgres", "redis", "redis-2", "promql"}
    assert found["postgres"].settings == {"url": f"postgresql://u:{SECRET}@127.0.0.1:1/d"}
    assert found["promql"].settings["queries"] == {"up": "up"}
    assert SECRET not in " ".join(item.why for item in selection.found)


def test_nothing_is_looked_for_when_discovery_is_off(demo: RunningDemo) -> None:
    """Only what is named."""
    selection = select_for(demo.base_url, _monitors(discover=False, process={"pid": 1}), [])
    assert [(watch.kind, watch.settings) for watch in selection.watches] == [("process", {"pid": 1})]


def test_a_remote_host_is_its_node_exporter() -> None:
    """The series keep the name `host`."""
    monitors = _monitors(discover=False, host={"node_exporter": "http://db:9100/metrics"})
    (watch,) = select_for("http://db", monitors, []).watches
    assert (watch.kind, watch.name) == ("node_exporter", "host")


def test_a_variable_that_is_not_set_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any load, with the name."""
    monkeypatch.delenv("NO_SUCH", raising=False)
    with pytest.raises(ConfigError, match="NO_SUCH"):
        select_for(None, _monitors(postgres={"url_env": "NO_SUCH"}), [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("monitors:\n  process: {pid: 1, port: 2}\n", "name exactly one"),
        ("monitors:\n  postgresql: false\n", "did you mean 'postgres'?"),
        ("monitors:\n  postgres: {ulr: x}\n", "did you mean 'url'?"),
        ("consistency:\n  a: {equals: 1}\n", "name exactly one"),
        ("consistency:\n  a: {rows: SELECT 1}\n", "belong together"),
        ("consistency:\n  a: {sql: SELECT 1, settle: soon}\n", "not a duration"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path: Path, text: str, said: str) -> None:
    """With file and line."""
    file = tmp_path / "loadproof.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert said in str(caught.value)
    assert "loadproof.yaml:2" in str(caught.value)


def test_the_plan_has_monitors_and_checks(tmp_path: Path) -> None:
    """From loadproof.yaml, each check with its line."""
    (tmp_path / "locustfile.py").write_text("")
    (tmp_path / "loadproof.yaml").write_text(
        "monitors:\n  host: false\nconsistency:\n  money:\n    sql: SELECT 1\n    settle: 2s\n"
    )
    request = PlanRequest(scenario="locustfile.py", folder=tmp_path)
    plan = build_plan(request, ENGINES, read_config(request))
    assert plan.monitors["host"] == []
    (check,) = plan.consistency
    assert (check.name, check.settings["settle"]) == ("money", 2.0)
    assert check.source.endswith("loadproof.yaml:4")


def test_a_stored_plan_comes_back_without_passwords(tmp_path: Path) -> None:
    """URLs, keyword strings and lists of them."""
    urls = [
        f"postgresql://u:{SECRET}@h/d",
        f"host=h password={SECRET}",
        f"postgresql://h/d?password={SECRET}",
    ]
    plan = Plan(
        "p",
        tmp_path,
        "locust",
        None,
        Profile(ProfileKind.LOAD),
        monitors={"postgres": [{"url": url} for url in urls]},
        consistency=(ConsistencyCheck("c", "f:1", {"sql": "SELECT 1", "rows": None}),),
    )
    stored = json.dumps(plan_to_json(plan))
    assert SECRET not in stored
    assert plan_from_json(json.loads(stored), ENGINES).consistency == plan.consistency
    watch = Watch("postgres", "postgres", {"url": urls[1]})
    assert SECRET not in str(clean_settings(watch.settings))


def test_doctor_shows_what_would_be_watched_and_what_is_missing(demo: RunningDemo, tmp_path: Path) -> None:
    """Each monitor is tried once; one that fails says why and what to do."""
    config = tmp_path / "loadproof.yaml"
    config.write_text(f"monitors:\n  redis: redis://:{SECRET}@127.0.0.1:9/0\n")
    rows = list(watching_findings(demo.base_url, config))
    marks = {topic: mark for mark, topic, _ in rows if mark != "·"}
    assert marks == {"host": "✓", "process": "✓", "metrics": "✓", "postgres": "✓", "redis": "!"}
    assert any("pg_stat_statements is not installed" in text for _, _, text in rows)
    assert SECRET not in str(rows)


STUB = """
import http.server, sys, threading

class Page(http.server.BaseHTTPRequestHandler):
    path_of_metrics = ""

    def do_GET(self):
        found = self.path == self.path_of_metrics
        body = b"# TYPE x_total counter\\nx_total 1\\n" if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Other(Page):
    path_of_metrics = sys.argv[3]

Page.path_of_metrics, Other.path_of_metrics = sys.argv[3], sys.argv[4]
for port, handler in ((sys.argv[2], Other), (sys.argv[1], Page)):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), handler)
    threading.Thread(target=server.serve_forever).start()
"""


@pytest.mark.parametrize(
    ("own", "other", "found"),
    [
        ("/actuator/prometheus", "", "{0}/actuator/prometheus"),
        ("/q/metrics", "/metrics", "{0}/q/metrics"),
        ("", "/metrics", "{1}/metrics"),
    ],
)
def test_metrics_are_found_where_frameworks_have_them(own: str, other: str, found: str) -> None:
    """By the usual paths, and on another port of the same process."""
    first, second = servers.free_port(), servers.free_port()
    command = [sys.executable, "-c", STUB, str(first), str(second), own or "-", other or "-"]
    with subprocess.Popen(command) as service:
        try:
            servers.wait_until(lambda: servers.accepts(first) and servers.accepts(second), what="the stub")
            discovery = discover(f"http://127.0.0.1:{first}")
            silent = discover(f"http://127.0.0.1:{first}", {"host"})
        finally:
            service.kill()
    (page,) = [item.watch.settings["url"] for item in discovery.found if item.watch.kind == "prometheus"]
    assert page == found.format(f"http://127.0.0.1:{first}", f"http://127.0.0.1:{second}")
    assert not [item for item in silent.found if item.watch.kind == "prometheus"]
    assert not silent.missing
