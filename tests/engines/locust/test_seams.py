"""The wall around Locust: every undocumented name has a row, and without any of them a run still works."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.locust.seams import SEAMS, Feature, Seam
from loadproof.model import EventKind, Outcome, Profile, ProfileKind, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.locust.conftest import Lab

_ENGINE = Path(__file__).parents[3] / "src" / "loadproof" / "engines" / "locust"
_PYTHON = {"_exit", "_getframe", "_replace", "_sslobj", "_fields_"}
"""Names of Python's own library, which this project does not wait for Locust to change."""
_SELF = {"self", "cls"}
USERS = """
    class Plain(HttpUser):
        wait_time = constant_pacing(0.1)

        @task
        def read(self):
            with self.client.get("/plain", catch_response=True) as response:
                response.success()

    class Fast(FastHttpUser):
        wait_time = constant(0.1)

        @task
        def read(self):
            self.client.get("/fast")
"""


def _named(seam: Seam) -> str:
    return f"{seam.part.name} {seam}"


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in _ENGINE.rglob("*.py"):
        yield path, ast.parse(path.read_text())


def _own_names() -> set[str]:
    """Names with an underscore that the engine itself gives to something."""
    own: set[str] = set()
    for _, tree in _trees():
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    own.add(name)
                case ast.Name(id=name, ctx=ast.Store()):
                    own.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store(), value=ast.Name(id="self" | "cls")):
                    own.add(name)
                case ast.Call(func=ast.Attribute(attr="update"), keywords=keywords):
                    own.update(keyword.arg for keyword in keywords if keyword.arg)
                case ast.Assign(targets=[ast.Name(id="__slots__")], value=ast.Tuple(elts=names)):
                    own.update(str(name.value) for name in names if isinstance(name, ast.Constant))
                case _:
                    pass
    return own


def _foreign_names() -> set[str]:
    """Names with an underscore that the libraries behind the wall use themselves."""
    found: set[str] = set()
    for library in ("locust", "requests", "urllib3", "geventhttpclient", "gevent"):
        spec = importlib.util.find_spec(library)
        assert spec is not None
        assert spec.origin is not None
        for path in Path(spec.origin).parent.rglob("*.py"):
            found.update(re.findall(r"\._[a-z]\w*", path.read_text(encoding="utf-8")))
    return {name.removeprefix(".") for name in found}


def test_every_private_name_that_is_not_our_own_has_a_row() -> None:
    """A name with an underscore of another library's object is reached only where the wall knows it.

    A name that both have is our own where it is reached through `self` or `cls`.
    """
    known = {seam.name for seam in SEAMS} | _PYTHON
    own, foreign = _own_names(), _foreign_names()
    reached = {
        f"{path.name}:{node.lineno}: {ast.unparse(node)}"
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and node.attr not in known
        and (
            node.attr not in own or (node.attr in foreign and ast.unparse(node.value) not in {"self", "cls"})
        )
    }
    assert not reached


def test_every_row_is_used() -> None:
    """A row that nothing stands on would switch something off for nothing."""
    text = "\n".join(path.read_text() for path in _ENGINE.rglob("*.py") if path.name != "seams.py")
    wall = (_ENGINE / "seams.py").read_text()
    unused = [str(seam) for seam in SEAMS if seam.name not in text and wall.count(seam.name) < 2]
    assert not unused


@pytest.fixture(scope="module")
def alone() -> list[dict[str, str]]:
    """What is switched off with no row missing, as of an older Locust, then with each alone."""
    program = Path(__file__).with_name("missing") / "one_by_one.py"
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=True)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("index", range(len(SEAMS)), ids=[_named(seam) for seam in SEAMS])
def test_without_any_one_name_its_part_is_switched_off(alone: list[dict[str, str]], index: int) -> None:
    """And no other part but what shares code with it; the reason names what is missing."""
    seam = SEAMS[index]
    beside = {each.part.name for each in SEAMS if (each.place, each.name) == (seam.place, seam.name)}
    if Feature.HTTP_SESSION.name in beside:
        beside.add(Feature.FAST_HTTP_SESSION.name)
    already, off = alone[0], alone[1 + index]
    if seam.part.name not in already:
        assert str(seam) in off[seam.part.name]
    assert set(off) <= beside | set(already)


@pytest.mark.parametrize("part", Feature)
def test_without_its_names_a_run_works_and_says_what_was_switched_off(lab: Lab, part: Feature) -> None:
    """The run counts every request, whatever the installed Locust lacks, and an event names what was lost."""
    missing = [index for index, seam in enumerate(SEAMS) if seam.part is part]
    path = os.pathsep.join([str(Path(__file__).with_name("missing")), os.environ.get("PYTHONPATH", "")])
    env = (("PYTHONPATH", path), ("MISSING_SEAM", ",".join(map(str, missing))))
    flags = ("--users", "2", "--spawn-rate", "10", "--run-time", "1")
    outcome, sink = lab.run(USERS, *flags, env=env)
    told = {event.data["feature"]: event.message for event in sink.of(EventKind.SESSION_FALLBACK)}
    assert outcome is Outcome.COMPLETED
    assert lab.unaccounted(sink) == 0
    assert {name for _, name in sink.requests} == {"/plain", "/fast"}
    assert [str(SEAMS[index]) for index in missing if str(SEAMS[index]) not in told[part.name]] == []


def test_an_open_model_that_cannot_be_played_is_refused(lab: Lab) -> None:
    """Tasks that do not wait for arrivals would be another load than the one that was asked for."""
    index = next(i for i, seam in enumerate(SEAMS) if seam.part is Feature.OPEN_MODEL)
    env = (("PYTHONPATH", str(Path(__file__).with_name("missing"))), ("MISSING_SEAM", str(index)))
    profile = Profile(ProfileKind.LOAD, (Stage(0.0, 5.0), Stage(1.0, 5.0)), open_model=True)
    outcome, sink = lab.run(USERS, "--headless", env=env, profile=profile)
    assert outcome is Outcome.ENGINE_FAILED
    assert any("--rate and stages of a rate cannot be played" in line for line in sink.lines)
