"""`--list`, `--show-task-ratio` and others: what Locust prints instead of driving a load."""

from __future__ import annotations

import os
import subprocess
import sys

from loadproof.model import Plan


def show(plan: Plan) -> int:
    """Let Locust print it, to this process's own output; returns its exit code. Sends nothing."""
    argv = [sys.executable, "-m", "loadproof.engines.locust.inside.child", "show"]
    argv += ["-f", ",".join(map(str, plan.files)), *plan.engine_args]
    return subprocess.run(argv, env={**os.environ, **dict(plan.env)}, check=False).returncode
