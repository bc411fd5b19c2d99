"""Hosts that k6 needs beside the load: of what a script imports by URL, and of outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from loadproof.engines.k6.arguments import sort_arguments
from loadproof.engines.k6.guard import hosts_beside
from tests.runs import plan

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import http from 'k6/http';
import { uuidv4 } from "https://jslib.k6.io/k6-utils/1.4.0/index.js";
const papa = require('http://modules.test:8080/papaparse.js');
// import old from 'https://left-out.test/old.js';
import './beside.js';
export default function () { http.get('https://target.test/'); }
"""


def test_imports_and_outputs_name_their_hosts(tmp_path: Path) -> None:
    """Not the target, which is asked about like any other, nor what a comment says."""
    script = tmp_path / "load.js"
    script.write_text(SCRIPT)
    made = replace(
        plan(engine="k6"),
        scenario=script,
        env=(("K6_PROMETHEUS_RW_SERVER_URL", "https://user:word@prometheus.test:9090/api/v1/write"),),
    )
    user = sort_arguments(("--out", "influxdb=http://influx.test:8086/k6"))
    assert hosts_beside(made, user.outs) == ["jslib.k6.io", "modules.test", "influx.test", "prometheus.test"]
