"""An order for more users of an open load is not withdrawn while they are made."""

from __future__ import annotations

import json
import subprocess
import sys

TICKS = """
import json
from types import SimpleNamespace
from loadproof.engines.locust.open_model.arrival_shape import ArrivalShape
from loadproof.engines.locust.open_model.open_model import OpenModel

model = OpenModel.__new__(OpenModel)
model._leads_workers, model._runner = False, SimpleNamespace()
shape = ArrivalShape(SimpleNamespace(
    is_over=False, left_s=100.0, hurries=False, next_look_s=lambda: 0.0, users_wanted=lambda: wanted,
    is_making_users=model.is_making_users,
))
found = []
for wanted, model._runner.state in (
    (1200, "spawning"),
    (2700, "running"),
    (1202, "spawning"),  # the next look comes at once: two of them have started
    (4200, "spawning"),
    (4100, "running"),  # a hundred users have ended since
):
    found.append(shape.tick())
model._leads_workers = True
found += [model.is_making_users(since_s) for since_s in (0.1, 2.4, 2.6)]
print(json.dumps(found))
"""


def test_an_order_for_more_users_is_not_withdrawn_while_they_are_made() -> None:
    """Those that had not started yet were started all at once then, and stopped again.

    A master hears of its workers' users once a second, so that it waits until all have told. In a process of
    its own: Locust patches the one that imports it.
    """
    command = [sys.executable, "-c", TICKS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found[:5] == [[1200, 1200.0], [2700, 1500.0], [2700, 1500.0], [4200, 1500.0], [4100, 100.0]]
    assert found[5:] == [True, True, False]
