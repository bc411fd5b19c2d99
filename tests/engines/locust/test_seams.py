"""The wall around Locust: every undocumented name has a row, and without any of them a run still works."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.locust.seams import SEAMS, Part, Seam
from loadproof.model import EventKind, Outcome, Profile, ProfileKind, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.locust.conftest import Lab

_ENGINE = Path(__file__).parents[3] / "src" / "loadproof" / "engines" / "locust"
_PYTHON = {"_exit", "_getframe", "_replace", "_sslobj", "_fields_"}
"""Names of Python's own library, which this project does not wait for Locust to change."""
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
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
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


def test_every_private_name_that_is_not_our_own_has_a_row() -> None:
    """A name with an underscore of another library's object is reached only where the wall knows it."""
    known = {seam.name for seam in SEAMS} | _PYTHON | _own_names()
    reached = {
        f"{path.name}:{node.lineno}: {ast.unparse(node)}"
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and node.attr not in known
    }
    assert not reached


def test_every_row_is_used() -> None:
    """A row that nothing stands on would switch something off for nothing."""
    text = "\n".join(path.read_text() for path in _ENGINE.rglob("*.py") if path.name != "seams.py")
    wall = (_ENGINE / "seams.py").read_text()
    unused = [str(seam) for seam in SEAMS if seam.name not in text and wall.count(seam.name) < 2]
    assert not unused


@pytest.mark.parametrize("index", range(len(SEAMS)), ids=[_named(seam) for seam in SEAMS])
def test_without_any_one_name_a_run_works_and_says_what_was_switched_off(lab: Lab, index: int) -> None:
    """The run counts every request, whatever the installed Locust lacks, and an event names what was lost."""
    seam = SEAMS[index]
    path = os.pathsep.join([str(Path(__file__).with_name("missing")), os.environ.get("PYTHONPATH", "")])
    env = (("PYTHONPATH", path), ("MISSING_SEAM", str(index)))
    flags = ("--users", "2", "--spawn-rate", "10", "--run-time", "1")
    outcome, sink = lab.run(USERS, *flags, env=env)
    told = {event.data["feature"]: event.message for event in sink.of(EventKind.SESSION_FALLBACK)}
    assert outcome is Outcome.COMPLETED
    assert lab.unaccounted(sink) == 0
    assert {name for _, name in sink.requests} == {"/plain", "/fast"}
    assert str(seam) in told[seam.part.name]


def test_an_open_model_that_cannot_be_played_is_refused(lab: Lab) -> None:
    """Tasks that do not wait for arrivals would be another load than the one that was asked for."""
    index = next(i for i, seam in enumerate(SEAMS) if seam.part is Part.OPEN_MODEL)
    env = (("PYTHONPATH", str(Path(__file__).with_name("missing"))), ("MISSING_SEAM", str(index)))
    profile = Profile(ProfileKind.LOAD, (Stage(0.0, 5.0), Stage(1.0, 5.0)), open_model=True)
    outcome, sink = lab.run(USERS, "--headless", env=env, profile=profile)
    assert outcome is Outcome.ENGINE_FAILED
    assert any("--rate and stages of a rate cannot be played" in line for line in sink.lines)
