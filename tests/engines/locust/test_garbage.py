"""When the collector of the load's process walks what, by the users that there are in each second."""

from __future__ import annotations

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
        pytest.param([1, 2, 3, 4, 5, 6], [], id="not on a ramp"),
        pytest.param(
            [9, 9, 9, 9, 4, 3, 3, 3, 3], ["3 freeze", "4 unfreeze", "8 collect", "8 freeze"],
            id="those that have ended are found first",
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
