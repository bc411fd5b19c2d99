"""JMeter plans on the command line."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from loadproof.cli.app import run_app
from loadproof.cli.engine_words import with_long_options
from loadproof.plan.config import load_config
from loadproof.runfile.reader import read_run
from loadproof.scaffold.folder import look_into
from loadproof.scaffold.starter import propose_config
from tests.engines.jmeter.conftest import PLANS, newest
from tests.engines.jmeter.server import Shop
from tests.servers import OWN_PATHS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["newest"]


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as server:
        yield server


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["run", "p.jmx", "-Jusers=3"], ["run", "p.jmx", "--jmeterproperty=users=3"]),
        (["run", "p.jmx", "-J", "a=b"], ["run", "p.jmx", "--jmeterproperty", "a=b"]),
        (
            ["run", "p.jmx", "-Dx=y", "-Gz=1"],
            ["run", "p.jmx", "--systemproperty=x=y", "--globalproperty=z=1"],
        ),
        (["run", "-q", "p.jmx"], ["run", "-q", "p.jmx"]),
        (["run", "l.py", "-q", "test_jmeter.py"], ["run", "l.py", "-q", "test_jmeter.py"]),
    ],
)
def test_jmeters_short_options_are_no_options_of_ours(typed: list[str], read: list[str]) -> None:
    """`-Jusers=3` would be read as -J and -u with "sers=3"."""
    assert with_long_options(typed) == read


def test_a_properties_file_is_jmeters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-q FILE` beside a plan; `-q` alone is quiet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test.properties").write_text("a=b\n")
    assert with_long_options(["run", "p.jmx", "-q", "test.properties", "-q"]) == [
        "run", "p.jmx", "--addprop", "test.properties", "-q"
    ]  # fmt: skip


def test_a_plan_passes_and_fails_by_written_requirements(
    newest: None,
    shop: Shop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A transaction has a row and a requirement of its own, and adds nothing to all requests."""
    monkeypatch.chdir(tmp_path)
    requirements = tmp_path / "requirements.yaml"
    requirements.write_text(
        "response_time: {p50: 5s}\nendpoints:\n  'transaction: checkout':\n    response_time: {p50: 5s}\n"
        "  sold out:\n    error_rate: {max_rate: 1%}\n"
    )
    arguments = [str(PLANS / "shop.jmx"), f"-Jport={shop.port}", "-Jloops=20"]
    code = run_app(["run", *arguments, "--requirements", str(requirements), "--run-file", "run.db", "-q"])
    said = capsys.readouterr().out
    run = read_run(tmp_path / "run.db")
    # Before the load Loadproof itself asks for `/`, and for a page of metrics.
    asked = sum(shop.arrived[path] for path in OWN_PATHS)
    assert sum(part.requests for part in run.slices) == shop.total - asked == 2 * 20 * 17 + 2
    assert {str(part.endpoint) for part in run.beside} >= {"transaction: checkout", "page: home"}
    assert "transaction: checkout" in said
    assert code == 3, said


def test_check_shows_what_a_plan_is_made_of(
    newest: None, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Groups, timers, data files, properties, what is not seen; and sends nothing."""
    assert run_app(["check", str(PLANS / "shop.jmx"), f"-Jport={shop.port}", "-Jusers=7"]) == 0
    said = capsys.readouterr().out
    assert "'Shoppers' (ThreadGroup): users 7" in said
    assert "customers.csv" in said
    assert "'think' (ConstantTimer)" in said
    assert "'count stock'" in said
    assert not shop.total


def test_init_finds_a_plan(tmp_path: Path) -> None:
    """By its content; a fragment that others include has no thread group, and is none."""
    shutil.copy(PLANS / "steady.jmx", tmp_path / "load.jmx")
    (tmp_path / "other.jmx").write_text("<html/>")
    folder = look_into(tmp_path)
    (found,) = folder.scenarios
    assert (found.file, found.engine, found.host) == ("load.jmx", "jmeter", "http://127.0.0.1:8000")
    # The smoke profile goes down again, which no thread group can: such a test would be refused.
    for name, text in propose_config(folder, folder.scenarios, None).files.items():
        (tmp_path / name).write_text(text)
    assert set(load_config(tmp_path / "loadproof.yaml").config.tests) == {"nightly"}
