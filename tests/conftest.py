"""Which tests are real: those whose file, or conftest, starts servers, engines or other processes."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pathlib import Path

_SERVERS = r"servers|queue_server|binaries|recording|processes|programs|commands|target|pages|concurrency"
_STARTS = re.compile(
    r"^(?:import subprocess|from subprocess import|from loadproof\.demo import"
    rf"|from tests\.(?:\w+\.)*(?:{_SERVERS}) import|from tests(?:\.\w+)* import (?:.*\b)?(?:{_SERVERS})\b"
    r"| *from tests\.(?:\w+\.)+conftest import)",
    re.MULTILINE,
)

# How long an example takes says how busy the machine is: no test decides by that. A gate tries the same
# examples each time: it never stops a change for what was there before. `make explore` tries new ones.
settings.register_profile(
    "gate", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("explore", settings.get_profile("gate"), derandomize=False, max_examples=3000)
settings.load_profile("gate")

# A run without requirements ends otherwise where it is set: these tests say by themselves when it is.
os.environ.pop("CI", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """No test is skipped for a file that is not in the repository: whoever has those asks for these tests."""
    parser.addoption("--beside", action="store_true", help="the tests of ../shared, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Nobody has to remember to mark a real one."""
    if not config.getoption("--beside"):
        items[:] = [item for item in items if item.get_closest_marker("beside") is None]
    for item in items:
        if _starts(item.path) or _starts(item.path.with_name("conftest.py")):
            item.add_marker(pytest.mark.real)


@cache
def _starts(file: Path) -> bool:
    return file.exists() and _STARTS.search(file.read_text(encoding="utf-8")) is not None
