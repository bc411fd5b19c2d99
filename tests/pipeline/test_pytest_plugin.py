"""The fixture `loadproof`, in a pytest of its own."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from tests.cli.conftest import LOCUSTFILE
from tests.servers import StubServer

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
def load(loadproof, limit):
    return loadproof.run(
        "locustfile.py", target="{url}", users=2, spawn_rate=10, duration="3s",
        requirements={{"error_rate": {{"max_rate": limit}}}},
    )

def test_holds(loadproof):
    assert load(loadproof, "80%").passed

def test_breaks(loadproof):
    assert load(loadproof, "5%").passed, "with a message of its own"

def test_fails_for_another_reason(loadproof):
    assert load(loadproof, "80%").passed
    assert 1 == 2

def test_cannot_run(loadproof):
    loadproof.run("missing.py")

def test_without():
    assert 3 == 4
"""


def test_a_verdict_is_the_message_of_a_test(tmp_path: Path) -> None:
    """Tables where a load test did not pass, and only there; the scenario is found beside the test."""
    beside = tmp_path / "load"
    beside.mkdir()
    (beside / "locustfile.py").write_text(LOCUSTFILE)
    number = itertools.count()
    with StubServer(status=lambda _path: 500 if next(number) % 4 == 0 else 200) as stub:
        (beside / "test_load.py").write_text(TESTS.format(url=stub.url))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--junit-xml", "junit.xml", "load"],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout
    assert "4 failed" in done.stdout, done.stdout
    junit = ElementTree.parse(tmp_path / "junit.xml")  # noqa: S314  # pytest's own file
    cases = {case.attrib["name"]: case for case in junit.iter("testcase")}
    said = {name: case.findtext("failure", "") for name, case in cases.items()}
    broken = said["test_breaks"]
    assert "E       AssertionError: FAIL   error rate is " in broken
    assert "with a message of its own" in broken
    assert "required  measured" in broken
    page = broken.partition("report    ")[2].splitlines()[0]
    assert "</html>" in (tmp_path / page.strip()).read_text(encoding="utf-8")
    assert "E       assert 1 == 2" in said["test_fails_for_another_reason"]
    assert "required  measured" not in said["test_fails_for_another_reason"]
    assert "ConfigError: the scenario " in said["test_cannot_run"]
    assert "E       assert 3 == 4" in said["test_without"]
    values = [entry.attrib["value"] for entry in cases["test_holds"].iter("property")]
    assert [value.partition(".loadproof/runs/")[0] for value in values] == ["PASS: "]
