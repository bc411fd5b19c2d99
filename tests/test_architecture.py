"""docs/architecture.md is true: its picture, its table of rooms, each "how do I add ..." done as it says."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import io
import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

import loadproof
from loadproof.cli import app as application
from loadproof.cli.scenario import with_request
from loadproof.cli.verbs import VERBS, Verb
from loadproof.engines import Sink
from loadproof.engines.table import ENGINES, SUFFIXES, load_engine
from loadproof.errors import ConfigError
from loadproof.extensions import extensions
from loadproof.imports.formats import read_import, recognise
from loadproof.model import (
    Endpoint,
    EngineTraits,
    Event,
    EventKind,
    Inspection,
    Outcome,
    Plan,
    Reading,
    Slice,
)
from loadproof.monitors import MONITORS, load_monitor
from loadproof.monitors.selection import select_for
from loadproof.plan.build import build_plan
from loadproof.plan.config import load_config
from loadproof.plan.request import PlanRequest, RunRequest, flag, flags_of
from loadproof.reports import REPORTERS, reporter
from tests.reports.some_of_everything import busy_report
from tests.runs import part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
_REDRAW = "the imports have changed: make picture"
PACKAGE = """
from loadproof.imports.aggregate import Aggregate
from loadproof.imports.formats import Format
from loadproof.model import Reading, Unit


class KafkaMonitor:
    def __init__(self, watch, now):
        self.remarks, self._watch, self._now = [], watch, now

    def open(self):
        self.remarks.append("asks " + self._watch.settings["url"])

    def read(self):
        return [Reading(self._now(), "kafka", "lag", 7.0, Unit.COUNT)]

    def close(self):
        pass


def write_one_line(report, stream):
    stream.write(f"{report.verdict} {report.name}\\n")


def read_tally(path, on_bytes=None):
    return path.read_text().split()[1:]


TALLY = Format("tally", lambda head: head.startswith(b"TALLY"), "extra_loads:read_tally")
"""
ENTRY_POINTS = """
[loadproof.monitors]
kafka = extra_loads:KafkaMonitor

[loadproof.reporters]
one-line = extra_loads:write_one_line

[loadproof.imports]
tally = extra_loads:TALLY
"""


@dataclass(frozen=True)
class Wider(RunRequest):
    """A request with one more row."""

    colour: str | None = flag(None, "--colour", says="Colour of the load.")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another installed package, with a monitor, a reporter and an import; the folder for files."""
    site = tmp_path / "site"
    info = site / "extra_loads-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "extra_loads.py").write_text(PACKAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra-loads\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    extensions.cache_clear()
    yield tmp_path
    extensions.cache_clear()
    sys.modules.pop("extra_loads", None)


def picture() -> ModuleType:
    """The script that draws it."""
    spec = importlib.util.spec_from_file_location("draw_architecture", ROOT / "docs" / "architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_of_today() -> None:
    """Drawn anew it is the same, and no room imports one above it."""
    script = picture()
    names, arrows = script.rooms(), script.arrows()
    assert script.draw(names, arrows) == script.PICTURE.read_text(encoding="utf-8"), _REDRAW
    place = {name: number for number, name in enumerate(names)}
    outside = {"__main__", "locust"}
    assert {end for ends in arrows for end in ends} - outside == set(names)
    assert [ends for ends in arrows if not outside & set(ends) and place[ends[0]] > place[ends[1]]] == []


def test_every_room_is_told() -> None:
    """The page's table and CONTRIBUTING's list have the rooms of the layers, in their order."""
    names = picture().rooms()
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == names
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    told = re.search(r"folder list is the pipeline: (.*?)\. A module", contributing, re.DOTALL)
    assert told
    listed = re.findall(r"`(\w+)`", told[1])
    assert listed == [name for name in reversed(names) if name in listed]
    assert set(names) - set(listed) <= {
        "charts",
        "clock",
        "exports",
        "extensions",
        "version",
        "pytest_plugin",
    }


def test_each_word_of_the_code_is_in_the_code() -> None:
    """A word of the glossary that nothing bears any more is none."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    glossary = PAGE.partition("## Words of the code")[2]
    words = [
        word for row in re.findall(r"^\| ([a-z, ]+) \|", glossary, re.MULTILINE) for word in row.split(", ")
    ]
    assert len(words) > 20
    # A part of a name such as fast_handover bears it as well.
    borne = {word for word in words if re.search(rf"(?<![a-z]){word}s?(?![a-z])", source, re.I)}
    assert [word for word in words if word not in borne and word != "word"] == []


class HeardSink:
    """Keeps what an engine tells."""

    def __init__(self) -> None:
        self.slices: list[Slice] = []
        self.events: list[Event] = []
        self.slice = self.slices.append
        self.event = self.events.append

    def reading(self, reading: Reading) -> None:
        """The smallest engine has none."""
        raise AssertionError(reading)

    def log(self, line: str) -> None:
        """The smallest engine prints nothing."""
        raise AssertionError(line)

    def now(self) -> float:
        """Always the same moment."""
        return 100.0


class SmallestEngine:
    """An engine in one class: one request, and the load is over."""

    def inspect(self, plan: Plan) -> Inspection:
        """Nothing can be wrong with it."""
        return Inspection()

    def versions(self) -> dict[str, str]:
        """Its own."""
        return {"smallest": "1.0"}

    async def run(self, plan: Plan, sink: Sink) -> Outcome:
        """Tell of a load with one request."""
        begin_s = sink.now()
        sink.event(Event(begin_s, EventKind.LOAD_STARTED, "the load starts"))
        sink.slice(part(0, Endpoint("GET", "/"), [0.01]))
        sink.event(Event(begin_s + 1.0, EventKind.LOAD_ENDED, "the load is over"))
        return Outcome.COMPLETED

    def stop(self) -> None:
        """It is over already."""


def test_an_engine_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row is enough: a file with its ending is planned for it, and what it tells gets to the sink."""
    traits = EngineTraits(title="smallest", engine=f"{__name__}:SmallestEngine", suffixes=(".small",))
    monkeypatch.setitem(ENGINES, "smallest", traits)
    monkeypatch.setitem(SUFFIXES, ".small", "smallest")
    scenario = tmp_path / "one.small"
    scenario.write_text("one request\n")
    plan = build_plan(PlanRequest(str(scenario), target="http://127.0.0.1:9"), ENGINES, None)
    assert plan.engine == "smallest"
    engine = load_engine(plan.engine)
    assert engine.inspect(plan).problems == ()
    sink = HeardSink()
    assert asyncio.run(engine.run(plan, sink)) is Outcome.COMPLETED
    assert sum(one.requests for one in sink.slices) == 1
    assert [event.kind for event in sink.events] == [EventKind.LOAD_STARTED, EventKind.LOAD_ENDED]


def test_a_monitor_is_added(package: Path) -> None:
    """Named in loadproof.yaml it is chosen, made and read; unknown kinds stay an error."""
    file = package / "loadproof.yaml"
    file.write_text("monitors:\n  discover: false\n  host: false\n  kafka: {url: 'kafka:9092'}\n")
    (found,) = select_for("http://127.0.0.1:9", load_config(file).monitors(), []).found
    assert (found.watch.kind, found.watch.settings) == ("kafka", {"url": "kafka:9092"})
    monitor = load_monitor(found.watch, lambda: 5.0)
    monitor.open()
    assert [(reading.time_s, reading.source, reading.value) for reading in monitor.read()] == [
        (5.0, "kafka", 7.0)
    ]
    assert monitor.remarks == ["asks kafka:9092"]
    assert "kafka" not in MONITORS
    file.write_text("monitors:\n  kafke: {url: 'kafka:9092'}\n")
    with pytest.raises(ConfigError, match="kafke"):
        load_config(file)


def test_a_form_of_report_is_added(package: Path) -> None:
    """By its name; one that nobody has is an error with those that there are."""
    report = busy_report()
    loadproof.write_report(report, package / "one.txt", "one-line")
    assert (package / "one.txt").read_text() == f"{report.verdict} {report.name}\n"
    text = io.StringIO()
    reporter("one-line")(report, text)
    assert text.getvalue() == (package / "one.txt").read_text()
    with pytest.raises(ConfigError, match="no form of report called 'two-lines'") as caught:
        loadproof.write_report(report, package / "two.txt", "two-lines")
    assert caught.value.problems[0].hint == f"known here: {', '.join([*REPORTERS, 'one-line'])}"
    assert not (package / "two.txt").exists()


def test_an_import_is_added(package: Path) -> None:
    """Recognised by its first bytes, read by its function; without the package it is not known."""
    file = package / "result.txt"
    file.write_text("TALLY 1 2")
    assert recognise(b"TALLY 1 2")
    read: Any = read_import(file)
    assert read == ["1", "2"]
    (package / "site" / "extra_loads-1.0.dist-info" / "entry_points.txt").unlink()
    extensions.cache_clear()
    assert not recognise(b"TALLY 1 2")


def test_an_option_is_added() -> None:
    """One row gives the command line its option and Python its parameter."""
    asked: list[PlanRequest] = []

    @with_request(Wider)
    def command(request: Wider) -> int:
        asked.append(request)
        return 0

    assert [name for name, _, _ in flags_of(Wider)][-1] == "colour"
    assert "colour" in inspect.signature(Wider).parameters
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(
        app, ["locustfile.py", "--colour", "red", "-u", "3", "--stage", "1s:2", "--stage", "2s:2"]
    )
    assert done.exit_code == 0, done.output
    (request,) = asked
    assert request == Wider("locustfile.py", colour="red", users=3, stages=("1s:2", "2s:2"))


def test_a_command_is_added(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A row in VERBS and a module of its name: called it runs, and `--help` names it without importing it."""
    module: Any = type(sys)("loadproof.cli.echo")

    def command(word: Annotated[str, typer.Argument()]) -> int:
        """Say a word."""
        typer.echo(word)
        return 3

    module.command = command
    monkeypatch.setitem(VERBS, "echo", Verb("Say a word.", "Talk", "loadproof echo hallo"))
    assert application.run_app(["--help"]) == 0
    assert re.search(r"^│ echo +Say a word\. *│$", capsys.readouterr().out, re.MULTILINE)
    monkeypatch.setitem(sys.modules, "loadproof.cli.echo", module)
    assert application.run_app(["echo", "hallo"]) == 3
    assert capsys.readouterr().out == "hallo\n"


@pytest.mark.parametrize("name", VERBS)
def test_a_summary_is_the_first_sentence_of_a_command(name: str) -> None:
    """`loadproof --help` says what `loadproof NAME --help` begins with."""
    app: Any = typer.main.get_command(application.build_app({name}))
    said = " ".join(textwrap.dedent(app.commands[name].help).split())
    assert said.startswith(VERBS[name].summary)
