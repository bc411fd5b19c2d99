"""A worker that stops takes no more users, whatever its master asks of it meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json
import sys
import time

import gevent
from locust import User, constant, events, task
from locust.env import Environment
from locust.rpc import Message
from locust.runners import WorkerRunner, rpc

from loadproof.engines.locust.inside.ending import Ending


class Wire:
    # Stands for the connection to a master, which answers at once and then is silent.
    def __init__(self, *_):
        self.inbox = [Message("ack", {"index": 0}, "")]

    def send(self, message):
        pass

    def recv(self):
        while not self.inbox:
            gevent.sleep(0.01)
        return self.inbox.pop()


class Loans(User):
    wait_time = constant(10)

    @task
    def loans(self):
        pass


rpc.Client = Wire
environment = Environment(user_classes=[Loans], events=events)
orders = []


def order(users):
    orders.append(users)
    job = {"timestamp": time.time() + len(orders), "host": "", "stop_timeout": 1, "parsed_options": {}}
    worker.handle_message(Message("spawn", {**job, "user_classes_count": {"Loans": users}}, ""))
    gevent.sleep(0.05)


worker = WorkerRunner(environment, "127.0.0.1", 1)
ending = Ending(time.time, lambda: None)
ending.attach(worker)
order(3)
seen = [worker.user_count]
at = getattr(events, sys.argv[1])
at.add_listener(lambda **_: order(6))
getattr(worker, sys.argv[2])()
seen.append(worker.user_count)
order(5)
seen.append(worker.user_count)
print(json.dumps([seen, orders]))
sys.stdout.flush()
__import__("os")._exit(0)
"""


@pytest.mark.parametrize(
    ("when", "end", "afterwards"),
    [
        ("test_stopping", "quit", 0),
        ("test_stop", "quit", 0),
        ("test_stop", "stop", 5),
    ],
)
def test_users_of_another_worker_do_not_start_in_one_that_stops(when: str, end: str, afterwards: int) -> None:
    """Not while its users stop, and not after its last report; a worker that only stopped starts again.

    Ctrl-C at both processes of one machine: the first one leaves, the master gives its users to the second,
    which is about to end. They sent requests that were in no report.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, when, end], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    (before, stopped, again), orders = json.loads(done.stdout)
    assert orders == [3, 6, 5]
    assert (before, stopped, again) == (3, 0, afterwards)


MASTER = """
import json
import time
from types import SimpleNamespace

from locust import runners
from locust.runners import MasterRunner

from loadproof.engines.locust.inside.ending import Ending

worker = SimpleNamespace(state=runners.STATE_SPAWNING)
master = MasterRunner.__new__(MasterRunner)
master.state, master.spawning_greenlet, master.target_user_count = runners.STATE_RUNNING, None, 4
master.clients = SimpleNamespace(all=[worker])
ending = Ending(time.time, lambda: 20.0)
ending._runner = master
ending.started()
seen = [ending.nobody_left(0, 0) for _ in range(5)]
worker.state = runners.STATE_RUNNING
seen += [ending.nobody_left(0, 0) for _ in range(3)]
print(json.dumps([seen, ending.reason["how"]]))
"""


def test_users_that_a_worker_has_not_started_yet_are_not_gone() -> None:
    """A machine that is too busy to start them says nothing for seconds: nobody stopped himself."""
    done = subprocess.run(
        [sys.executable, "-c", MASTER], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[False] * 7 + [True], "every user stopped itself"]
