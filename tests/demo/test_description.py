"""The demo's own OpenAPI description, and the scenario that `loadproof init` makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from loadproof.model import Outcome
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from loadproof.demo import RunningDemo

BODIES = {"/api/auth/login", "/api/loans", "/api/transactions", "/api/orders", "/api/cart"}


def test_every_body_is_described(client: httpx.Client) -> None:
    """And what creates something says 201."""
    paths = client.get("/openapi.json").json()["paths"]
    described = {path for path, item in paths.items() if "requestBody" in item.get("post", {})}
    assert described == BODIES
    assert {path for path, item in paths.items() if "201" in item.get("post", {}).get("responses", {})} == (
        BODIES - {"/api/auth/login"}
    )


def loadproof(folder: Path, *args: str) -> str:
    command = [sys.executable, "-m", "loadproof", *args]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr
    return done.stdout


def test_the_scenario_made_of_it_runs_green(demo: RunningDemo, client: httpx.Client, tmp_path: Path) -> None:
    """Every operation is loaded, by users that are logged in, and not one request fails."""
    (tmp_path / "openapi.json").write_text(json.dumps(client.get("/openapi.json").json()))
    said = loadproof(tmp_path, "init", "--from", "openapi.json", "--target", demo.base_url)
    assert "check  ok: smoke, nightly" in said
    scenario = tmp_path / "tests/performance/locustfile.py"
    first = scenario.read_text()
    loadproof(tmp_path, "init", "--from", "openapi.json", "--target", demo.base_url, "--force")
    assert scenario.read_text() == first
    # In the open model thinking takes no time, and with weights alike each task comes in a few seconds.
    scenario.write_text(first + "\n\nApiUser.tasks = list(set(ApiUser.tasks))\n")
    run = (str(scenario), "--rate", "60/s", "--run-time", "8s", "--max-users", "60")
    loadproof(tmp_path, "run", *run, "--run-file", "run.db", "--quiet")
    made = read_run(tmp_path / "run.db")
    assert made.outcome is Outcome.COMPLETED
    parts = made.slices
    assert sum(part.failed for part in parts) == 0
    endpoints = {str(part.endpoint) for part in parts}
    paths = client.get("/openapi.json").json()["paths"]
    described = {
        f"{method.upper()} {path.replace('{', '[').replace('}', ']')}"
        for path, item in paths.items() for method in item
    }  # fmt: skip
    assert endpoints == described


@pytest.mark.parametrize("path", sorted(BODIES))
def test_a_described_body_has_an_example_or_bounds(path: str, client: httpx.Client) -> None:
    """Who reads it knows what to send."""
    operation = client.get("/openapi.json").json()["paths"][path]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"]
    assert schema["additionalProperties"] is False
