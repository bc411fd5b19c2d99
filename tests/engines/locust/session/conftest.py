"""The session has Locust 2.47's outcomes; older Locusts keep their own client: nothing to compare."""

from __future__ import annotations

from loadproof.engines.locust.seams import SAME_SINCE, version

collect_ignore_glob = ["test_*.py"] if version() < SAME_SINCE else []
