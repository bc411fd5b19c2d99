"""The attacks of `make attack` in seconds: a few of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attack.damage import DAMAGES, attack_files
from tests.attack.hostile import attack_clients, kinds
from tests.attack.kills import attack_processes
from tests.attack.planting import LEAST, plant, secrets
from tests.attack.spellings import refused_to
from tests.attack.table import Row, Tally, as_markdown
from tests.servers import StubServer

if TYPE_CHECKING:
    from pathlib import Path


def test_no_planted_secret_is_found(tmp_path: Path) -> None:
    """38 of them, in variables, options, addresses, names, errors and files; none in any output."""
    assert len(secrets()) == 38
    with StubServer() as stub:
        found, outputs = plant(tmp_path, stub)
    assert found == []
    assert outputs >= LEAST


def test_damaged_files_are_refused_or_whole(tmp_path: Path) -> None:
    """Never is another run read than was written."""
    rows = attack_files(tmp_path, tries=5)
    assert [(row.tries, row.lost) for row in rows] == [(5, [])] * len(DAMAGES)


def test_a_kill_leaves_nothing(tmp_path: Path) -> None:
    """By SIGKILL at two random moments: since the start, and in the load."""
    row = attack_processes(tmp_path, "Locust", range(2))
    assert (row.tries, row.lost) == (2, [])


@pytest.mark.parametrize("client", ["HttpUser", "HttpUser, Locust's own session", "FastHttpUser"])
def test_no_spelling_of_a_refused_host_leads_there(client: str, tmp_path: Path) -> None:
    """All of them, and redirects to each; the load ends with the guard's exit code."""
    assert refused_to(client, tmp_path) == []


def test_a_hostile_server_is_asked_to_the_end(tmp_path: Path) -> None:
    """Some sixty of its kinds, none endless: each is asked for and counted."""
    chosen = {name: reply for name, reply in [*kinds().items()][::12] if not callable(reply)}
    (row,) = attack_clients(tmp_path, chosen, only=("FastHttpUser",))
    assert (row.tries, row.lost) == (len(chosen), [])
    assert len(chosen) > 50


def test_tries_of_several_sessions_add_up(tmp_path: Path) -> None:
    """By kind, in the order of their first ones."""
    for kind, tries, lost in (("a", 2, []), ("b", 1, ["x"]), ("a", 3, ["y"])):
        Tally(tmp_path / "tally.jsonl").add(Row(kind, tries, lost))
    tally = Tally(tmp_path / "tally.jsonl")
    assert tally.rows() == [Row("a", 5, ["y"]), Row("b", 1, ["x"])]
    assert (tally.tries("a"), tally.tries("c")) == (5, 0)


def test_what_was_lost_is_told() -> None:
    """In the table and below it."""
    row = Row("killed: k6")
    row.tried()
    row.tried("a process left", "a traceback")
    row.lost_s = 1.234
    assert "| killed: k6 | 2 | 1 | 1 | 1.23 |" in as_markdown([row])
    assert "- killed: k6: a process left; a traceback" in as_markdown([row])
