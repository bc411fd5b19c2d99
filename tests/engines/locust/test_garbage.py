"""When the collector of the load's process walks what, by the users that there are in each second."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.locust.inside.garbage import Garbage

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize(
    ("users", "calls"),
    [
        pytest.param([0] * 9, [], id="nobody has come yet"),
        pytest.param([5, 10, 10, 10, 10, 10, 10], ["4 freeze"], id="once, when all are there"),
        pytest.param([5, 5, 5, 5, 9, 9, 9, 9], ["3 freeze", "7 freeze"], id="at each step upwards"),
        pytest.param([15, 30, 45, 60, 75], ["1 freeze", "3 freeze"], id="on a ramp after twenty more"),
        pytest.param([1, 2, 3, 4, 5, 6], [], id="not for a few"),
        pytest.param(
            [900, 100, 100, 100, 100, 900], ["0 freeze", "5 freeze"],
            id="hundreds that have ended are not looked for while the service recovers",
        ),
        pytest.param(
            [3000, 9, 9, 9, 9, 9, 9], ["0 freeze", "4 unfreeze", "4 collect", "4 freeze"],
            id="thousands are, once the load is level",
        ),
        pytest.param(
            [1500, 300, 1500, 300, 300, 300, 300],
            ["0 freeze", "2 freeze", "6 unfreeze", "6 collect", "6 freeze"], id="in all",
        ),
        pytest.param(
            [6000, 9, 6000, 9, 6000],
            ["0 freeze", "2 freeze", "3 unfreeze", "3 collect", "4 freeze"],
            id="in a saw-tooth, which is never level, after many more",
        ),
        pytest.param(
            [12_000 - 1_001 * second for second in range(12)],
            ["0 freeze", "10 unfreeze", "10 collect", "10 freeze"],
            id="while some leave in each second, too",
        ),
    ],
)  # fmt: skip
def test_what_lives_as_long_as_the_load_is_not_walked(
    monkeypatch: pytest.MonkeyPatch, users: Sequence[int], calls: Sequence[str]
) -> None:
    """Each call with the second that it is made in."""
    made, now = [], 0
    for name in ("collect", "freeze", "unfreeze"):
        monkeypatch.setattr(f"gc.{name}", lambda name=name: made.append(f"{now} {name}"))
    garbage = Garbage(lambda: users[now])
    for now in range(len(users)):  # noqa: B007  # what is called looks at it
        garbage.second()
    assert made == calls


def test_users_who_come_within_a_second_are_not_walked_either() -> None:
    """Of 1,500 users with 40 objects each no collection finds more than those of some dozens."""
    walked: list[int] = []
    users: list[object] = []
    garbage = Garbage(lambda: len(users))

    def looked(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            walked.append(sum(len(gc.get_objects(generation=n)) for n in range(info["generation"] + 1)))

    try:
        garbage.begin()
        gc.callbacks.append(looked)
        for _ in range(1_500):
            users.append([{"user": users, "number": number} for number in range(40)])
        gc.collect()
        assert 0 < max(walked) < 5_000
    finally:
        gc.callbacks.remove(looked)
        gc.callbacks.remove(garbage.collected)
        gc.unfreeze()


_LEFT_OPEN = """
import atexit, sys, tempfile
from pathlib import Path
from loadproof.engines.locust.inside.garbage import end_quickly
atexit.register(end_quickly)
folder = Path(sys.argv[1])

class Shop:
    orders = (folder / "class.csv").open("w")
    raw = (folder / "raw.bin").open("wb")

log = (folder / "module.csv").open("w")
gone = tempfile.NamedTemporaryFile(dir=folder, prefix="gone")
taken = (folder / "taken.txt").open("w")
taken.detach()
Shop.orders.write("1")
Shop.raw.write(b"2")
log.write("3")
atexit.register(log.write, "4")
"""


def test_what_a_scenario_leaves_open_is_written_all_the_same(tmp_path: Path) -> None:
    """By a class, which lies in a ring, by a module, at the end; temporary files go."""
    subprocess.run([sys.executable, "-c", _LEFT_OPEN, str(tmp_path)], timeout=60, check=True)
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert written == {"class.csv": "1", "raw.bin": "2", "module.csv": "34", "taken.txt": ""}


def test_a_process_with_much_in_it_ends_without_looking_at_it() -> None:
    """Nothing is walked any more: all of it is frozen."""
    code = (
        "import atexit, gc; from loadproof.engines.locust.inside.garbage import end_quickly\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000, len(gc.get_objects())))\n"
        "atexit.register(end_quickly)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    frozen, left = done.stdout.split()
    assert frozen == "True"
    assert int(left) < 1000
