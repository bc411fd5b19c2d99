"""How many processes drive a load, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.locust.alone import why_alone
from loadproof.engines.locust.engine import LocustEngine
from loadproof.engines.locust.processes import decide
from loadproof.model import RunOptions
from tests.machines.commands import Command
from tests.runs import plan, staged

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = """
from locust import HttpUser, task

class U(HttpUser):
    @task
    def t(self): self.client.get('/')
"""


def facts(wait_s: float = 0.0, *, fast: bool = False, **changes: Any) -> dict[str, Any]:
    """What the inspecting child finds, when nothing is special."""
    paces = [{"weight": 1.0, "wait_s": wait_s, "fast": fast}]
    plain = {"processes": None, "roles": [], "headless": True, "master_bind": ["*", 5557], "paces": paces}
    return {**plain, **changes}


@pytest.mark.parametrize(
    ("users", "found", "cores", "count", "reason"),
    [
        (1, facts(), 8, 1, "one user never needs a second process"),
        (15, facts(), 8, 1, "a rehearsal with a few users neither"),
        (50, facts(), 8, 1, "50 users x 20/s are what one process makes"),
        (100, facts(), 8, 2, "100 users x 20/s are twice that"),
        (100, facts(), 1, 1, "never more than the cores"),
        (1000, facts(), 4, 4, "never more than the cores"),
        (1000, facts(0.95), 8, 1, "1,000 users that wait nearly a second make 1,000/s"),
        (2000, facts(0.95), 8, 2, "2,000 of them twice that"),
        (200, facts(fast=True), 8, 1, "FastHttpUser makes four times as much per process"),
        (400, facts(fast=True), 8, 2, "and then needs a second one too"),
        (1000, facts(headless=False), 8, 1, "Locust's web page decides on users"),
    ],
)
def test_as_many_processes_as_the_load_needs(
    users: int, found: dict[str, Any], cores: int, count: int, reason: str, tmp_path: Path
) -> None:
    """Users, their waits and their client say how many requests to expect; cores are the limit."""
    (tmp_path / "loans.py").write_text(PLAIN)
    made = decide(
        plan(scenario=tmp_path / "loans.py", options=RunOptions(session="locust")),
        staged((60, users)),
        found,
        cores,
    )
    assert (made.count, made.given) == (count, False), reason


def test_arrivals_per_second_are_the_need_themselves(tmp_path: Path) -> None:
    """In the open model the rate counts, whatever users wait."""
    (tmp_path / "loans.py").write_text(PLAIN)
    profile = staged((60, 2500), open_model=True)
    assert (
        decide(
            plan(scenario=tmp_path / "loans.py", options=RunOptions(session="locust")), profile, facts(9.0), 8
        ).count
        == 3
    )


@pytest.mark.parametrize(("given", "count"), [(3, 3), (1, 1), (-1, 8)])
def test_the_users_own_number_wins(given: int, count: int) -> None:
    """--processes, LOCUST_PROCESSES or locust.conf are obeyed; -1 is all cores."""
    made = decide(plan(), staged((60, 1)), facts(processes=given), 8)
    assert (made.count, made.given) == (count, True)


@pytest.mark.parametrize(
    ("code", "clause"),
    [
        ("", ""),
        ("ACCOUNTS = [1, 2]\ndef f(): return ACCOUNTS.pop()", "it hands out ACCOUNTS (line 2)"),
        ("rows = iter([1])\nclass U:\n    def t(self): return next(rows)", "it hands out rows (line 3)"),
        ("from queue import Queue\nq: Queue = Queue()\ndef f(): q.get_nowait()", "it hands out q (line 3)"),
        ("n = 0\ndef f():\n    global n\n    n += 1", "it changes the global n (line 3)"),
        ("def f():\n    mine = [1]\n    mine.pop()", ""),
        ("ACCOUNTS = [1]\nACCOUNTS.pop()", ""),
        ("PRICES = {}\ndef f(): return PRICES.get(1)", ""),
        ("from locust import events\n@events.test_start.add_listener\ndef f(**k): pass",
         "it listens to events.test_start (line 2)"),
        ("def f(environment): environment.events.request.add_listener(f)",
         "it listens to events.request (line 1)"),
        ("from locust import events\n@events.init_command_line_parser.add_listener\ndef f(parser): pass", ""),
        ("from locust import events, runners\nr = runners.LocalRunner\nevents.init.add_listener(r)", ""),
        ("this is no Python", ""),
    ],
)  # fmt: skip
def test_what_wants_one_process_is_seen(code: str, clause: str) -> None:
    """Data that is handed out and listeners that know nothing of workers keep a locustfile in one process."""
    assert why_alone(code) == clause


def test_a_locustfile_that_hands_out_its_data_stays_alone(tmp_path: Path) -> None:
    """However great the load, and the plan says why."""
    (tmp_path / "loans.py").write_text("A = [1]\ndef f(): return A.pop()\n")
    made = decide(
        plan(scenario=tmp_path / "loans.py", options=RunOptions(session="locust")),
        staged((60, 5000)),
        facts(),
        8,
    )
    assert made.count == 1
    assert "hands out A (line 2); --processes N to insist" in made.why


@pytest.mark.parametrize(
    ("wait", "wait_s"),
    [
        ("constant(2)", 2.0),
        ("between(1, 3)", 2.0),
        ("constant_pacing(5)", 5.0),
        ("constant_throughput(4)", 0.25),
        ("poisson(2)", 0.5),
        ("lambda self: 1 / 0", 0.0),
    ],
)
def test_waits_are_read_from_the_user_class(wait: str, wait_s: float, tmp_path: Path) -> None:
    """Locust's own waits are sampled; a function of the locustfile's own is not called and counts as none."""
    source = f"from locust import *\nfrom locust.user.wait_time import *\n{PLAIN}    wait_time = {wait}\n"
    (tmp_path / "loans.py").write_text(source)
    of = plan(
        scenario=tmp_path / "loans.py",
        options=RunOptions(session="locust"),
        engine_args=("-u", "1000", "-r", "1000", "-t", "9"),
    )
    why = LocustEngine().inspect(of).options.driven_by
    rate_per_s = float(why.split("make up to ")[1].split(" requests")[0].replace(",", ""))
    assert 1000 / rate_per_s - 0.05 == pytest.approx(wait_s, rel=0.15, abs=1e-6)


def test_check_shows_how_many_and_why(folder: Path) -> None:
    """Before any load, in one line."""
    args = ("check", "loans.py", "--host", "http://127.0.0.1:9", "-u", "5", "-t", "9s")
    with Command.loadproof(*args, folder=folder) as check:
        line = check.wait_for("processes")
        assert check.ended() == 0
    assert line == "processes     1: 5 users make up to 71 requests/s; one process makes 8,000/s"
