"""Two builds at the same time: where head answers then, when they must take turns, and how both are ended."""

from __future__ import annotations

import threading
from concurrent import futures
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loadproof.errors import EngineError
from loadproof.live.outputs import LiveOutputs
from loadproof.model import EventKind, Reading, Report, Unit
from loadproof.pipeline import side_by_side
from loadproof.pipeline.side_by_side import at_once, at_port, second_address, why_not_at_once
from tests.runs import START, event, part, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.runfile.reader import Run


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Ports that are not free; all others are."""
    ports: set[int] = set()
    monkeypatch.setattr(side_by_side, "_is_free", lambda port: port not in ports)
    return ports


@pytest.mark.parametrize(
    ("target", "base", "head", "found"),
    [
        ("http://127.0.0.1:8000", "base -p 8000", "head -p 8000", ("http://127.0.0.1:8002", "head -p 8002")),
        (
            "http://localhost:8000/v1", "b --bind=0.0.0.0:8000 -w 4", "env PORT=8000 h http://x:8000/",
            ("http://localhost:8002/v1", "env PORT=8002 h http://x:8002/"),
        ),
        ("http://127.0.0.1:8000", "base -p 8000", "docker compose up", None),
        ("http://127.0.0.1:8000", "base --timeout 80000", "head -p 8000", None),
        ("http://127.0.0.1:8000", "base v1.8000", "head -p 8000", None),
        ("http://127.0.0.1", "base -p 80", "head -p 80", None),
    ],
)  # fmt: skip
def test_head_has_the_next_free_port(
    taken: set[int], target: str, base: str, head: str, found: tuple[str, str] | None
) -> None:
    """Where the target's stands in both commands."""
    taken.add(8001)
    assert second_address(target, (base, head)) == found


def test_no_port_is_free(taken: set[int]) -> None:
    """Nor is one beyond the last."""
    taken.update(range(8000, 9000))
    assert second_address("http://h:8000", ("b 8000", "h 8000")) is None
    assert second_address("http://h:65535", ("b 65535", "h 65535")) is None


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("http://127.0.0.1:8000/health?x=1", "http://127.0.0.1:9/health?x=1"),
        ("http://[::1]:8000", "http://[::1]:9"),
        ("http://shop.test", "http://shop.test:9"),
    ],
)
def test_another_port_of_the_same_page(url: str, there: str) -> None:
    """Nothing else of the URL changes."""
    assert at_port(url, 9) == there


def loaded(*hosts: str, busy: float = 0.2) -> Run:
    """A run whose load went there, on a machine of which so much was used."""
    told = event(1, EventKind.AIMED, hosts=dict.fromkeys(hosts, 10)) if hosts else event(1, EventKind.WIRE)
    made = run(*(part(second) for second in range(5)), events=[told])
    used = tuple(Reading(START + n, "host", "cpu", 2 * busy, Unit.CORES, 2.0) for n in range(5))
    return replace(made, readings=used)


@pytest.mark.parametrize(
    ("base", "head", "why"),
    [
        (loaded("127.0.0.1:8000"), loaded("localhost:8001"), ""),
        (
            loaded("127.0.0.1:8000"), loaded("127.0.0.1:8001", "localhost:8000"),
            "127.0.0.1:8000 got the load of both",
        ),
        (loaded("127.0.0.1:8000"), loaded(), "nobody knows where the load of each went"),
        (
            loaded("127.0.0.1:8000", busy=0.8), loaded("127.0.0.1:8001", busy=0.7),
            "both together use 80% of this machine's processors",
        ),
        (
            replace(loaded("127.0.0.1:8000"), readings=()), replace(loaded("127.0.0.1:8001"), readings=()),
            "both together use 100% of this machine's processors",
        ),
    ],
)  # fmt: skip
def test_when_they_must_take_turns(base: Run, head: Run, why: str) -> None:
    """A scenario with an address of its own would load base twice, and a full machine tells of neither."""
    assert why_not_at_once({"base": base, "head": head}) == why


REPORT = Report.__new__(Report)


def test_both_are_driven_at_the_same_time() -> None:
    """Each waits for the other, which would never come if they took turns."""
    meet = threading.Barrier(2, timeout=30)

    def drive() -> Report:
        meet.wait()
        return REPORT

    assert at_once({side: (drive, LiveOutputs()) for side in ("base", "head")}) == {
        "base": REPORT, "head": REPORT,
    }  # fmt: skip


def test_one_that_fails_ends_when_the_other_is_over() -> None:
    """Nothing goes on behind an error."""
    over = threading.Event()
    failed = threading.Event()

    def fails() -> Report:
        failed.set()
        raise EngineError("no engine")

    def lasts() -> Report:
        assert failed.wait(30)
        over.set()
        return REPORT

    with pytest.raises(EngineError, match="no engine"):
        at_once({"base": (fails, LiveOutputs()), "head": (lasts, LiveOutputs())})
    assert over.is_set()


def test_an_interrupt_ends_both_gently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, also one whose load begins only afterwards, or is over already."""
    interrupts = iter([KeyboardInterrupt()])
    asked = {"base": threading.Event(), "head": threading.Event()}
    times: list[str] = []
    interrupted = threading.Event()

    def interrupting(*given: object) -> object:
        for error in interrupts:
            interrupted.set()
            raise error
        return futures.wait(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(side_by_side, "wait", interrupting)
    lives = {side: LiveOutputs() for side in asked}

    def stops(side: str) -> Callable[[], object]:
        def stop() -> None:
            times.append(side)
            asked[side].set()
            if side == "head":
                raise RuntimeError("its loop is closed")

        return stop

    def drive(side: str) -> Callable[[], Report]:
        def driven() -> Report:
            assert interrupted.wait(30)
            lives[side].stops_by(stops(side))
            assert asked[side].wait(30)
            return REPORT

        return driven

    assert at_once({side: (drive(side), lives[side]) for side in asked}) == dict.fromkeys(asked, REPORT)
    assert sorted(times) == ["base", "head"]
