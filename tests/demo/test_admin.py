"""Switching faults while the service runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.demo import FAULTS, DemoError

if TYPE_CHECKING:
    import httpx

    from loadproof.demo import RunningDemo


def test_lists_every_fault_with_its_value_when_it_is_on(demo: RunningDemo, client: httpx.Client) -> None:
    """GET /admin/faults shows the table and what is on."""
    demo.switch_on("errors", "1%")
    demo.switch_on("cpu")
    rows = client.get("/admin/faults").json()["faults"]
    assert [row["name"] for row in rows] == [fault.name for fault in FAULTS]
    assert {row["name"]: row["value"] for row in rows if row["on"]} == {"errors": "1%", "cpu": "5ms"}


def test_a_fault_is_changed_by_switching_it_on_again(demo: RunningDemo, client: httpx.Client) -> None:
    """PUT replaces the value; DELETE switches one off, or all."""
    demo.switch_on("errors", "100%")
    demo.switch_on("delay", "1ms")
    assert client.get("/api/users").status_code == 500
    demo.switch_on("errors", "0.0001%")
    assert client.get("/api/users").status_code == 200
    demo.switch_off("errors")
    assert [name["fault"] for name, on in demo.metric("fault_active") if on] == ["delay"]
    demo.switch_all_off()
    assert [name["fault"] for name, on in demo.metric("fault_active") if on] == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dleay", "1ms", "is answered 404\n.*did you mean 'delay'"),
        ("delay", "soon", "is answered 422\n.*'soon' is not a duration"),
    ],
)
def test_what_is_no_fault_is_refused(demo: RunningDemo, name: str, value: str, message: str) -> None:
    """A wrong name is 404, a wrong value 422, each with the way out."""
    with pytest.raises(DemoError, match=message):
        demo.switch_on(name, value)


def test_switching_off_what_is_off_is_no_error(demo: RunningDemo) -> None:
    """DELETE may be sent twice."""
    demo.switch_off("delay")
    demo.switch_off("delay")
    assert demo.value("fault_active", fault="delay") == 0
