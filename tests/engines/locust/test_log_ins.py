"""A pool of users who log in grows no faster than the service answers them."""

from __future__ import annotations

import subprocess
import sys

import pytest

GROWTH = """
import sys
from types import SimpleNamespace
from loadproof.engines.locust.open_model.open_model import OpenModel

logs_in, joined_before, joined, users, running, wanted = (int(word) for word in sys.argv[1:])
model = OpenModel.__new__(OpenModel)
model.logs_in, model._joined_before, model._leads_workers = bool(logs_in), joined_before, False
model._pool = SimpleNamespace(joined=joined, users=users)
model._runner = SimpleNamespace(user_count=running)
print(model._as_fast_as_answered(running, wanted))
"""


@pytest.mark.parametrize(
    ("logs_in", "joined_before", "joined", "users", "running", "wanted", "grows_to", "why"),
    [
        (0, 0, 0, 0, 100, 8_000, 8_000, "without an on_start users cost the service nothing"),
        (1, 0, 40, 40, 40, 8_000, 120, "twice the 40 that were answered in the last second"),
        (1, 40, 40, 40, 50, 8_000, 50, "ten are in their on_start, and none was answered: wait for them"),
        (1, 40, 42, 42, 50, 8_000, 52, "two were answered: no more than ten at once are under way"),
        (1, 40, 80, 80, 80, 90, 90, "no more than are wanted"),
    ],
)
def test_the_pool_grows_as_fast_as_log_ins_are_answered(
    logs_in: int,
    joined_before: int,
    joined: int,
    users: int,
    running: int,
    wanted: int,
    grows_to: int,
    why: str,
) -> None:
    """Each row is one look a second, in a process of its own: Locust patches the one that imports it."""
    numbers = [logs_in, joined_before, joined, users, running, wanted]
    command = [sys.executable, "-c", GROWTH, *(str(number) for number in numbers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout.split()[-1]) == grows_to, why
