"""A stand-in for k6 2.2, which cannot be had here: it answers as the release notes say that k6 does.

It is none of k6's code. What it proves is that the engine gives a later k6 no flag that it lacks, and reads
the other shape of its summary; what a real 2.2 does is not proved by it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.k6.engine import K6Engine
from loadproof.model import EventKind, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engines.k6.conftest import Lab

STAND_IN = """#!{python}
import json, sys, time

command, words = sys.argv[1], sys.argv[2:]
GONE = ("--no-summary", "--summary-mode=legacy", "--upgrade")
OPTIONS = {{
    "scenarios": {{"default": {{"executor": "constant-vus", "vus": 2, "duration": "1s"}}}},
    "thresholds": {{"http_req_duration": ["p(95)<500"], "desk_errors": ["count<{limit}"]}},
    "maxVUs": 2, "systemTags": ["method", "name", "status", "group"],
}}
if command == "version":
    print("k6 v2.2.0 (stand-in for tests)")
elif any(word.startswith(GONE) for word in words):
    sys.exit("unknown flag")
elif command == "inspect":
    print(json.dumps(OPTIONS))
elif command == "run":
    value = {{flag: word for flag, _, word in (w.partition("=") for w in words)}}
    out = next(w.removeprefix("--out=json=") for w in words if w.startswith("--out=json="))
    with open(out, "w") as samples:
        for number in range(10):
            written = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{{number:03d}}Z"
            tags = {{"expected_response": "true", "group": "", "method": "GET"}}
            tags |= {{"name": "http://127.0.0.1:9/", "status": "200"}}
            data = {{"time": written, "value": 12.5, "tags": tags}}
            point = {{"metric": "http_req_duration", "type": "Point", "data": data}}
            samples.write(json.dumps(point, separators=(",", ":")) + "\\n")
    metrics = [
        {{"name": "http_reqs", "type": "counter", "values": {{"count": 10, "rate": None}}}},
        {{"name": "http_req_duration", "type": "trend", "values": {{"avg": 12.5, "p95": 12.5}}}},
        {{"name": "desk_errors", "type": "counter", "values": {{"count": 0, "rate": None}}}},
    ]
    with open(value["--summary-export"], "w") as summary:
        json.dump({{"version": "1", "results": {{"metrics": metrics, "checks": []}}}}, summary)
    if {limit} < 1:
        said = "thresholds on metrics 'desk_errors' have been crossed"
        print(json.dumps({{"level": "error", "msg": said}}), file=sys.stderr)
        sys.exit(99)
"""


@pytest.mark.parametrize(("limit", "holds"), [(10, True), (0, False)])
def test_the_later_shape_of_the_summary(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: int, holds: bool
) -> None:
    """It has values and no thresholds: what failed is told by k6's last line and its exit code."""
    program = tmp_path / "bin" / "k6"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable, limit=limit))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    outcome, sunk = lab.run("export default function () { http.get('http://127.0.0.1:9/'); }")
    assert K6Engine().versions() == {"k6": "2.2.0"}
    assert outcome is Outcome.COMPLETED
    found = {message: (data["ok"], data["value"]) for message, data in sunk.thresholds().items()}
    assert found == {
        "http_req_duration: p(95)<500": (True, 12.5),
        f"desk_errors: count<{limit}": (holds, 0.0),
    }
    assert sunk.requests.total() == 10
    assert sunk.of(EventKind.RECORDER_MISMATCH) == []
