"""`loadproof init` in folders of all kinds."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from loadproof.plan.config import load_config
from loadproof.scaffold.compose import published_url
from loadproof.scaffold.folder import look_into
from loadproof.scaffold.pipelines import PIPELINES
from tests.cli.conftest import LOCUSTFILE
from tests.engines.test_advice import SEED
from tests.scaffold.test_recording import WAY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done

    Here = Callable[..., Done]

SCRIPT = """
import http from 'k6/http';
export const options = { vus: 1, duration: '1s' };
export default function () { http.get('http://127.0.0.1:9/a'); }
"""
SCENARIOS = """
import http from 'k6/http';
const once = { executor: 'shared-iterations', vus: 1, iterations: 1, exec: 'browse' };
export const options = { scenarios: { once } };
export function browse() { http.get('http://127.0.0.1:9/a'); }
"""
API = {"openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "paths": {"/a": {"get": {}}},
       "servers": [{"url": "http://127.0.0.1:7000"}]}  # fmt: skip
COMPOSE = "services:\n  api:\n    ports: ['9000:80']\n  db:\n    ports: ['5432:5432']\n"


def files(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text()
        for file in folder.rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, ".loadproof/\n"),
        ("*.pyc", "*.pyc\n.loadproof/\n"),
        ("*.pyc\n/.loadproof/\n", "*.pyc\n/.loadproof/\n"),
    ],
)
def test_runs_are_kept_out_of_the_repository(
    before: str | None, after: str, tmp_path: Path, here: Here
) -> None:
    """A line in .gitignore, once; and editors find the schema by the first line of loadproof.yaml."""
    (tmp_path / ".git").mkdir()
    if before is not None:
        (tmp_path / ".gitignore").write_text(before)
    assert here("init", str(tmp_path)).code == 0
    assert here("init", str(tmp_path)).code == 0
    assert (tmp_path / ".gitignore").read_text() == after
    linked = (tmp_path / "loadproof.yaml").read_text().splitlines()[0].partition("$schema=")[2]
    assert (tmp_path / linked).read_text() == here("config", "schema").out


@pytest.mark.parametrize(
    ("present", "written", "tests", "target"),
    [
        ({}, {"loadproof.yaml", "performance_requirements.yaml", "tests/performance/locustfile.py"},
         {"smoke", "nightly"}, "http://127.0.0.1:8000"),
        ({"a/locustfile.py": LOCUSTFILE, "compose.yml": COMPOSE, "slo.yaml": "response_time: {p95: <1s}\n"},
         {"loadproof.yaml"}, {"smoke", "nightly"}, "http://127.0.0.1:9000"),
        ({"a/locustfile.py": LOCUSTFILE, "compose.yml": COMPOSE, "slo.yaml": "response_time: {p95: <1s}\n",
          "locust.conf": "host = http://127.0.0.1:7001\nusers = 3\n"},
         {"loadproof.yaml"}, {"smoke", "nightly"}, "http://127.0.0.1:7001"),
        ({"load.js": SCRIPT}, {"loadproof.yaml", "performance_requirements.yaml"},
         {"smoke", "nightly"}, None),
        # A profile plays the default function: without one there is no smoke test.
        ({"load.js": SCENARIOS}, {"loadproof.yaml", "performance_requirements.yaml"}, {"nightly"}, None),
        ({"a/load.py": LOCUSTFILE, "b/load.py": LOCUSTFILE, "c d.js": SCRIPT},
         {"loadproof.yaml", "performance_requirements.yaml"},
         {"smoke-load", "nightly-load", "smoke-b-load-py", "nightly-b-load-py", "smoke-c-d", "nightly-c-d"},
         "http://127.0.0.1:9"),
        ({"openapi.json": json.dumps(API)},
         {"loadproof.yaml", "performance_requirements.yaml", "tests/performance/locustfile.py"},
         {"smoke", "nightly"}, "http://127.0.0.1:7000"),
    ],
)  # fmt: skip
def test_what_is_written_passes_check(
    present: dict[str, str],
    written: set[str],
    tests: set[str],
    target: str | None,
    tmp_path: Path,
    here: Here,
) -> None:
    """From nothing, from scenarios, from a description: init itself checks a test of each scenario."""
    folder = tmp_path / "repository"
    for name, text in present.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    folder.mkdir(exist_ok=True)
    done = here("init", str(folder))
    assert done.code == 0, done.text
    assert "check  ok: " in done.out, done.out
    assert files(folder).keys() - present.keys() == written | {"loadproof.schema.json"}
    config = load_config(folder / "loadproof.yaml").config
    assert set(config.tests) == tests
    assert config.target == target


def test_a_recording_becomes_a_test_that_passes_check(tmp_path: Path, here: Here) -> None:
    """And what was left out of it is told."""
    folder = tmp_path / "here"
    folder.mkdir()
    (tmp_path / "way.har").write_text(json.dumps({"log": {"entries": list(WAY)}}))
    done = here("init", str(folder), "--from", str(tmp_path / "way.har"), "--scenario", "perf/shop.py")
    assert done.code == 0, done.text
    assert "check  ok: smoke, nightly" in done.out
    assert "note   scenario: 1 request to tracker.example.net left out" in done.out
    assert load_config(folder / "loadproof.yaml").config.scenarios["shop"].file == "perf/shop.py"


@pytest.mark.beside
def test_the_seed_needs_nothing_else(tmp_path: Path, here: Here) -> None:
    """Its locustfiles and scripts become tests that pass check, with its own requirements."""
    (tmp_path / "seed").mkdir()
    for name in (
        "locustfile.py",
        "locustfile_user_types.py",
        "load_test.js",
        "performance_requirements.yaml",
    ):
        shutil.copy(SEED / name, tmp_path / "seed")
    done = here("init", str(tmp_path / "seed"))
    assert "check  ok: " in done.out, done.text
    config = load_config(tmp_path / "seed/loadproof.yaml")
    assert len(config.config.tests) == 6
    assert len(config.requirements) == 8


def test_nothing_is_overwritten_unasked(tmp_path: Path, here: Here) -> None:
    """All files that are in the way are named, none is written; --force overwrites."""
    (tmp_path / "here").mkdir()
    folder = tmp_path / "here"
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    (folder / "loadproof.yaml").write_text("target: http://127.0.0.1:1\n")
    before = files(folder)
    done = here("init", str(folder))
    assert done.code == 2
    assert done.errors() == [f"{folder}/loadproof.yaml: exists, with another content"]
    assert "nothing was written; --force overwrites" in done.err
    assert files(folder) == before
    assert here("init", str(folder), "--force").code == 0
    assert "nightly" in (folder / "loadproof.yaml").read_text()


def test_in_a_terminal_it_asks(tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A no writes nothing; a yes overwrites."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "loadproof.yaml").write_text("target: http://127.0.0.1:1\n")
    before = files(folder)
    asked: list[str] = []
    answers = [False, True]

    def confirm(question: str) -> bool:
        asked.append(question)
        return answers.pop(0)

    monkeypatch.setattr("loadproof.cli.init._is_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", confirm)
    assert here("init", str(folder)).code == 2
    assert files(folder) == before
    assert here("init", str(folder)).code == 0
    assert asked == ["Overwrite loadproof.yaml?"] * 2
    assert files(folder) != before


@pytest.mark.parametrize("ci", PIPELINES)
def test_a_pipeline_is_added_to_what_there_is(ci: str, tmp_path: Path, here: Here) -> None:
    """An existing loadproof.yaml stays; its nightly test is what the pipeline runs."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    own = (
        "target: http://127.0.0.1:1\nscenarios: {a: locustfile.py}\n"
        "tests: {nightly: {profile: load}, sunday: {profile: soak}}\n"
    )
    (folder / "loadproof.yaml").write_text(own)
    assert here("init", str(folder), "--ci", ci).code == 0
    assert (folder / "loadproof.yaml").read_text() == own
    written = (folder / PIPELINES[ci].file).read_text()
    assert "nightly" in written
    assert "sunday" not in written


@pytest.mark.parametrize("ci", PIPELINES)
@pytest.mark.parametrize(
    ("host", "targets"), [("https://staging.example.com:8443", 2), ("http://localhost:9000", 0)]
)
def test_a_pipeline_loads_what_it_has_started(
    ci: str, host: str, targets: int, tmp_path: Path, here: Here
) -> None:
    """Not the machine that locust.conf names: there something answers already, and it is nobody's head."""
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    (tmp_path / "compose.yml").write_text(COMPOSE)
    (tmp_path / "locust.conf").write_text(f"host = {host}\n")
    assert here("init", str(tmp_path), "--ci", ci).code == 0
    text = (tmp_path / PIPELINES[ci].file).read_text()
    assert "staging" not in text
    if ci == "gitlab":
        assert "TARGET: http://docker:9000" in text
    else:  # of the comparison and of the nightly run
        assert text.count(" --target http://127.0.0.1:9000") == text.count(" --target ") == targets


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("nowhere",), "nowhere: no such folder"),
        ((".", "--ci", "githup"), "--ci: unknown CI system 'githup'"),
        ((".", "--from", "missing.json"), "missing.json: no such file"),
        ((".", "--from", "broken.json"), "broken.json:2: is not valid JSON"),
        ((".", "--from", "broken.yaml"), "broken.yaml: is not valid YAML"),
        ((".", "--from", "swagger.json"), "swagger.json: is Swagger 2.0"),
        ((".", "--scenario", "../x.py"), "--scenario: '../x.py' is no place for a scenario"),
        ((".", "--target", "ftp://x"), "ftp"),
    ],
)
def test_bad_input_is_told_and_nothing_written(
    args: tuple[str, ...], message: str, tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One error, exit code 2."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "broken.json").write_text("{\n,}")
    (folder / "broken.yaml").write_text("a: [b")
    (folder / "swagger.json").write_text('{"swagger": "2.0"}')
    before = files(folder)
    done = here("init", *args)
    assert done.code == 2
    (error,) = done.errors()
    assert message in error
    assert files(folder) == before


@pytest.mark.parametrize(
    ("compose", "url"),
    [
        (COMPOSE, "http://127.0.0.1:9000"),
        ("services: {a: {ports: ['127.0.0.1:81:80']}, b: {ports: ['82:80']}}", None),
        ("services: {a: {ports: [{target: 80, published: 8081}]}}", "http://127.0.0.1:8081"),
        ("services: {a: {ports: ['${PORT}:80']}}", None),
        ("services: {a: {image: x}}", None),
        ("no: [mapping", None),
    ],
)
def test_where_a_compose_file_publishes_the_service(compose: str, url: str | None, tmp_path: Path) -> None:
    """Only what is plain: one port that is no database's."""
    (tmp_path / "compose.yml").write_text(compose)
    assert published_url(tmp_path / "compose.yml") == url


def test_dependencies_and_hidden_folders_are_not_looked_into(tmp_path: Path) -> None:
    """Nor is a module that only imports Locust a locustfile, nor a script without an entry a k6 script."""
    for name in ("node_modules/a.js", ".venv/a.js", "a/b/c/d/deep.js"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(SCRIPT)
    (tmp_path / "shared.py").write_text("from locust import task\n")
    (tmp_path / "lib.js").write_text("import http from 'k6/http';\nexport function a() {}\n")
    assert look_into(tmp_path).scenarios == ()
