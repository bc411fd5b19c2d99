"""What makes another scenario of a scenario, and what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.runfile.fingerprint import scenario_fingerprint

if TYPE_CHECKING:
    from pathlib import Path

LOCUSTFILE = """
from locust import HttpUser, task
from common import headers
from steps.cart import fill


class Shopper(HttpUser):
    @task
    def buy(self):
        self.client.get("/items", headers=headers())
        fill(self.client)
"""
SCRIPT = """
import http from 'k6/http';
import { headers } from './lib/common.js';
const users = JSON.parse(open('./users.json'));
export default function () { http.get(`${__ENV.BASE}/items`, { headers: headers() }); }
"""


@pytest.fixture
def locustfile(tmp_path: Path) -> Path:
    """A locustfile with two modules of its own."""
    (tmp_path / "steps").mkdir()
    (tmp_path / "common.py").write_text("def headers():\n    return {'a': 'b'}\n")
    (tmp_path / "steps/__init__.py").write_text("")
    (tmp_path / "steps/cart.py").write_text("from .again import twice\n\n\ndef fill(c):\n    twice(c)\n")
    (tmp_path / "steps/again.py").write_text("def twice(c):\n    c.get('/')\n")
    path = tmp_path / "locustfile.py"
    path.write_text(LOCUSTFILE)
    return path


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A k6 script with a module and a file of its own."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/common.js").write_text("export function headers() { return {}; }\n")
    (tmp_path / "users.json").write_text("[1]")
    path = tmp_path / "load.js"
    path.write_text(SCRIPT)
    return path


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("locustfile.py", f'"""What it is for."""\n# note\n{LOCUSTFILE}'),
        ("locustfile.py", LOCUSTFILE.replace("headers=headers()", "headers = headers( )  # why\n        ")),
        ("unrelated.py", "x = 1\n"),
    ],
)
def test_comments_and_layout_change_nothing(locustfile: Path, file: str, text: str) -> None:
    """A comment in the locustfile must not part tonight's run from all earlier ones."""
    before = scenario_fingerprint(locustfile, {})
    (locustfile.parent / file).write_text(text)
    assert scenario_fingerprint(locustfile, {}) == before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("locustfile.py", LOCUSTFILE.replace("/items", "/other")),
        ("common.py", "def headers():\n    return {'a': 'c'}\n"),
        ("steps/cart.py", "def fill(c):\n    c.get('/2')\n"),
        ("steps/again.py", "def twice(c):\n    c.get('/2')\n"),
    ],
)
def test_what_it_does_changes_it_wherever_it_is_written(locustfile: Path, file: str, text: str) -> None:
    """In its own file, or in what it imports of the project."""
    before = scenario_fingerprint(locustfile, {})
    (locustfile.parent / file).write_text(text)
    assert scenario_fingerprint(locustfile, {}) != before


def test_scripts_are_read_alike(script: Path) -> None:
    """Comments and layout are nothing, modules and opened files are."""
    seen = [scenario_fingerprint(script, {})]
    script.write_text(f"// note\n/* and\nmore */ {SCRIPT}".replace("{ headers:", "{headers :"))
    assert scenario_fingerprint(script, {}) == seen[0]
    script.write_text(SCRIPT.replace("/items", "//items"))  # no comment: it stands in a string
    seen.append(scenario_fingerprint(script, {}))
    other = "export function headers() { return { a: 1 }; }"
    for file, text in (("lib/common.js", other), ("users.json", "[2]")):
        (script.parent / file).write_text(text)
        seen.append(scenario_fingerprint(script, {}))
    assert len(set(seen)) == 4


def test_plans_are_read_alike(tmp_path: Path) -> None:
    """Comments in a JMeter plan are nothing."""
    plan = tmp_path / "plan.jmx"
    prints = []
    for text in ("<a><b x='1'/></a>", "<a> <!-- note --> <b x='1'/></a>", "<a><b x='2'/></a>"):
        plan.write_text(text)
        prints.append(scenario_fingerprint(plan, {}))
    assert prints[0] == prints[1] != prints[2]


def test_variables_count_secrets_and_addresses_do_not(locustfile: Path) -> None:
    """Another weight of a task is another load; another password, or another port, is not."""

    def of(**env: str) -> str | None:
        return scenario_fingerprint(locustfile, env)

    assert of(ITEM_WEIGHT="4") != of(ITEM_WEIGHT="1")
    assert of(API_PASSWORD="a") == of(API_PASSWORD="b") == of(BASE="http://127.0.0.1:8000") == of()


def test_a_scenario_that_is_gone_has_none(tmp_path: Path) -> None:
    """It is not known, which is not held against a run."""
    assert scenario_fingerprint(tmp_path / "gone.py", {}) is None
